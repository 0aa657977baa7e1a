//! The one pool of native threads, behind one function.
//!
//! [`parallel_for`] splits a range of items into chunks. The calling thread starts on the first
//! chunk at once; the threads of one private rayon pool join it as they wake up. Work of at most
//! one grain runs inline and touches no thread at all.
//!
//! Rules that keep the pool alive:
//!
//! - Never call in here while attached to the Python interpreter.
//! - A job never waits for a helper that has not started, so jobs started inside jobs, or by
//!   several threads at once, cannot wait for each other in a circle.
//! - No lock is held while a body runs.
//! - After `fork()` the child sees a new [`generation`], leaks the pool it inherited and builds
//!   its own on first use.
//! - A panic in a body becomes [`Error::Panic`](crate::Error::Panic), which names the items.

mod fork;
mod interrupt;
mod job;
mod pool;

pub use fork::generation;
pub use interrupt::with_interrupt;
pub use job::{CallerRole, CancelFlag, ItemError, Job};
pub use pool::thread_count;

use crate::{Error, Result};
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Call `body` on ranges that together cover `0..n_items` once, on all cores.
///
/// `grain` is the number of items worth moving to another thread (about 20 us of work or more);
/// at most that many items run inline on the calling thread. Fails if a body panics or the
/// calling thread is interrupted, in which case the ranges not yet begun are left out.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let sum = AtomicUsize::new(0);
/// ironbatch_core::executor::parallel_for(100, 10, &|range| {
///     sum.fetch_add(range.sum::<usize>(), Ordering::Relaxed);
/// })?;
/// assert_eq!(sum.into_inner(), 4950);
/// # Ok::<(), ironbatch_core::Error>(())
/// ```
pub fn parallel_for(
    n_items: usize,
    grain: usize,
    body: &(dyn Fn(Range<usize>) + Sync),
) -> Result<()> {
    Job::new(n_items)
        .grain(grain)
        .run(&|range| {
            body(range);
            Ok(())
        })
        .map_err(|failure| failure.error)
}

/// Call `body` on every item of `0..n_items`, on all cores, and stop at failures.
///
/// The failure reported is that of the lowest failing item whatever the number of threads: every
/// item before it has been processed, later ones may not have been. A failure comes back as
/// [`Error::Item`] with the item's position; a panic names the item too.
///
/// ```
/// use ironbatch_core::{Error, executor};
/// let failed = executor::try_parallel_for(100, 10, &|item| match item {
///     40 | 70 => Err(Error::Value("no such file".into())),
///     _ => Ok(()),
/// });
/// assert!(matches!(failed, Err(Error::Item { position: 40, .. })));
/// ```
pub fn try_parallel_for(
    n_items: usize,
    grain: usize,
    body: &(dyn Fn(usize) -> Result<()> + Sync),
) -> Result<()> {
    let over_items = |range: Range<usize>| {
        let current = Cell::new(range.start);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for item in range {
                current.set(item);
                body(item)?;
            }
            Ok(())
        }));
        let item = current.get();
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ItemError { item, error }),
            Err(payload) => Err(ItemError {
                item,
                error: job::panic_error(&*payload),
            }),
        }
    };
    Job::new(n_items)
        .grain(grain)
        .run(&over_items)
        .map_err(|failure| match failure.error {
            Error::Interrupted => Error::Interrupted,
            error => Error::Item {
                position: failure.item,
                source: Box::new(error),
            },
        })
}

#[cfg(test)]
mod tests;
