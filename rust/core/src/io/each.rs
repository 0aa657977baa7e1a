//! One call for each file, on all cores, that hears an interrupt between two files.

use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use crate::{Error, Result};

/// More work than this, in bytes, and the calling thread listens instead of taking part.
const LISTEN_BYTES: usize = 16 << 20;

/// Call `body` for every item; the lowest failure comes back as [`Error::Item`].
///
/// `bytes` is the work of all items together. Slow codecs take seconds for a chunk of items, so
/// for much work the caller leaves it to the pool and only listens for Ctrl-C.
pub fn each_item(
    n_items: usize,
    grain: usize,
    bytes: usize,
    body: &(dyn Fn(usize) -> Result<()> + Sync),
) -> Result<()> {
    let cancel = CancelFlag::new();
    let caller = if bytes > LISTEN_BYTES {
        CallerRole::Listens
    } else {
        CallerRole::TakesPart
    };
    let over_items = |range: std::ops::Range<usize>| {
        for item in range {
            if cancel.is_cancelled() {
                let error = Error::Interrupted;
                return Err(ItemError { item, error });
            }
            body(item).map_err(|error| ItemError { item, error })?;
        }
        Ok(())
    };
    Job::new(n_items)
        .grain(grain)
        .cancel(&cancel)
        .caller(caller)
        .run(&over_items)
        .map_err(|failure| match failure.error {
            Error::Interrupted => Error::Interrupted,
            error => Error::Item {
                position: failure.item,
                source: Box::new(error),
            },
        })
}
