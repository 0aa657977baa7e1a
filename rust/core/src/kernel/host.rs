//! The host's services for kernels.

use crate::Error;
use ironbatch_kernel::abi::{self, Host};
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

pub(super) static HOST: Host = Host {
    struct_size: size_of::<Host>(),
    minor: abi::MINOR,
    reserved: 0,
    parallel_for: Some(parallel_for),
};

/// The executor, for kernels that split one large item.
unsafe extern "C" fn parallel_for(
    n_items: usize,
    grain: usize,
    body: unsafe extern "C" fn(*mut c_void, usize, usize) -> i32,
    context: *mut c_void,
) -> i32 {
    struct Context(*mut c_void);
    // SAFETY: the interface asks that body and context can be used from several threads.
    unsafe impl Sync for Context {}
    impl Context {
        fn get(&self) -> *mut c_void {
            self.0
        }
    }
    let context = Context(context);
    let lowest = Mutex::new((usize::MAX, abi::OK));
    let outcome = crate::executor::parallel_for(n_items, grain, &|range| {
        // SAFETY: the kernel gives a function for this context.
        let code = unsafe { body(context.get(), range.start, range.end) };
        if code != abi::OK {
            let mut lowest = lowest.lock().unwrap_or_else(PoisonError::into_inner);
            if range.start < lowest.0 {
                *lowest = (range.start, code);
            }
        }
    });
    match outcome {
        Ok(()) => {
            lowest
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .1
        }
        Err(Error::Panic(_)) => abi::PANICKED,
        Err(_) => abi::CANCELLED,
    }
}
