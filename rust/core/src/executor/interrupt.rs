//! How a long job hears Ctrl-C: the calling thread asks, the job's threads see a flag.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::time::Duration;

/// How often the calling thread asks. An interrupt arrives within twice this time.
pub(super) const INTERVAL: Duration = Duration::from_millis(70);

type Check<'a> = &'a (dyn Fn() -> bool + 'a);

thread_local! {
    static CHECK: Cell<*const Check<'static>> = const { Cell::new(ptr::null()) };
}

/// Run `work` so that every job it starts on this thread calls `check` now and then.
///
/// When `check` returns true the job is cancelled and fails with
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn with_interrupt<T>(check: &dyn Fn() -> bool, work: impl FnOnce() -> T) -> T {
    struct Restore(*const Check<'static>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHECK.set(self.0);
        }
    }
    let pointer: *const Check<'_> = &raw const check;
    let _restore = Restore(CHECK.replace(pointer.cast()));
    work()
}

/// Whether somebody listens for interrupts on this thread.
pub(super) fn is_listening() -> bool {
    !CHECK.get().is_null()
}

/// Ask the innermost `check` of this thread; false if there is none, true if it panics.
///
/// Whoever asks lends memory of its stack to other threads and must not be unwound.
pub(super) fn is_interrupted() -> bool {
    let check = CHECK.get();
    if check.is_null() {
        return false;
    }
    // SAFETY: the pointer was set by a `with_interrupt` that is still on this thread's stack and
    // takes it away before the reference it points to ends.
    let ask = || unsafe { (*check)() };
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or(true)
}
