//! The private rayon pool, built on first use and again in a forked child.

use super::fork::generation;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

struct Pool {
    generation: u64,
    /// None if the system would not give the threads; work then stays on the caller.
    threads: Option<rayon::ThreadPool>,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// Number of threads that a job may use: `IRONBATCH_THREADS`, or the cores this process may use.
pub fn thread_count() -> usize {
    // Not a `OnceLock`: a fork while another thread fills it would leave the child waiting.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let known = COUNT.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    let count = std::env::var("IRONBATCH_THREADS")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|&count| count > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .min(1024);
    COUNT.store(count, Ordering::Relaxed);
    count
}

/// The pool of this process, if it could be built.
pub(super) fn pool() -> Option<&'static rayon::ThreadPool> {
    let current = POOL.load(Ordering::Acquire);
    // SAFETY: a pool that was published is never freed.
    if let Some(pool) = unsafe { current.as_ref() }
        && pool.generation == generation()
    {
        return pool.threads.as_ref();
    }
    build(current)
}

/// Build without a lock: one could have been held by a thread that a fork has taken away.
#[cold]
fn build(previous: *mut Pool) -> Option<&'static rayon::ThreadPool> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(thread_count())
        .thread_name(|number| format!("ironbatch-{number}"))
        .build()
        .ok();
    let ours = Box::into_raw(Box::new(Pool {
        generation: generation(),
        threads,
    }));
    match POOL.compare_exchange(previous, ours, Ordering::AcqRel, Ordering::Acquire) {
        // A pool inherited through a fork is leaked: joining its threads would never end.
        // SAFETY: `ours` has just been published and is never freed from here on.
        Ok(_) => unsafe { (*ours).threads.as_ref() },
        Err(theirs) => {
            // SAFETY: `ours` comes from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(ours) });
            // SAFETY: a pool that was published is never null and never freed.
            unsafe { (*theirs).threads.as_ref() }
        }
    }
}
