//! Threads that are still at work when the interpreter ends.
//!
//! # What goes wrong
//! A daemon thread that asks for the GIL while Python finalises is ended, up to Python 3.13, with
//! `pthread_exit`. glibc then unwinds the thread's stack, and such an unwinding aborts the process at
//! the first Rust frame it meets: an item function that reads a component, or a long native call on
//! its way back, is enough.
//!
//! # What is done about it
//! The thread is put to sleep where it is, and the process ends without it: what Python itself does
//! from 3.14 on. `pthread_exit` calls the thread's cleanup handlers as the unwinding leaves the
//! addresses that they were registered with. The handler here is registered with an address outside
//! of the stack, so it is called before the first frame is unwound, and it does not return.
//!
//! Nobody waits for such a thread: it holds neither the GIL nor a lock of the core, since no lock is
//! held while Python is entered. Other systems end a thread without unwinding its stack.

#[cfg(Py_3_13)]
use pyo3::ffi::Py_IsFinalizing;
use pyo3::prelude::*;
use std::time::Duration;

#[cfg(not(Py_3_13))]
unsafe extern "C" {
    #[link_name = "_Py_IsFinalizing"]
    fn Py_IsFinalizing() -> std::ffi::c_int;
}

/// Let this thread sleep, rather than abort the process, if it is in the core when Python ends.
#[pyfunction]
pub fn guard_thread() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::guard();
}

/// Work without the GIL.
pub fn detach<T, F>(py: Python<'_>, work: F) -> T
where
    T: Send,
    F: Send + FnOnce() -> T,
{
    guard_thread();
    py.detach(work)
}

/// Sleep as long as the interpreter is ending, which is for good; return at once if it is not.
pub fn sleep_if_leaving() {
    // SAFETY: may be called at any time, by any thread.
    while unsafe { Py_IsFinalizing() } != 0 {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::ffi::{c_int, c_void};
    use std::ptr;

    type Routine = extern "C" fn(*mut c_void);

    /// `struct _pthread_cleanup_buffer` of `<pthread.h>`.
    #[repr(C)]
    struct Buffer {
        routine: Option<Routine>,
        argument: *mut c_void,
        cancel_type: c_int,
        previous: *mut Buffer,
    }

    unsafe extern "C" {
        fn _pthread_cleanup_push(buffer: *mut Buffer, routine: Routine, argument: *mut c_void);
        fn _pthread_cleanup_pop(buffer: *mut Buffer, execute: c_int);
    }

    /// A registered handler; it goes when its thread ends.
    struct Handler(*mut Buffer);

    impl Handler {
        fn register() -> Self {
            // On the heap: thread-local memory may lie within the block of the stack.
            let buffer = Box::into_raw(Box::new(Buffer {
                routine: None,
                argument: ptr::null_mut(),
                cancel_type: 0,
                previous: ptr::null_mut(),
            }));
            // SAFETY: the buffer lives until the handler is taken back, at the end of this thread.
            unsafe { _pthread_cleanup_push(buffer, ended, ptr::null_mut()) };
            Self(buffer)
        }
    }

    impl Drop for Handler {
        fn drop(&mut self) {
            // SAFETY: this thread has registered the buffer and nothing after it; it was made by
            // `Box` and nobody else has it.
            unsafe {
                _pthread_cleanup_pop(self.0, 0);
                drop(Box::from_raw(self.0));
            }
        }
    }

    extern "C" fn ended(_: *mut c_void) {
        // A thread that ends for a reason of its own is none of our business.
        super::sleep_if_leaving();
    }

    thread_local! {
        static HANDLER: Handler = Handler::register();
    }

    pub fn guard() {
        // An error means that the thread is past its last Python code.
        let _ = HANDLER.try_with(|_| ());
    }
}
