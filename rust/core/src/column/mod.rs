//! Moving items of columns: whole, by their bytes.
//!
//! Everything here works on raw pointers, never on references: Python may write to an array while
//! it is read here, which gives old or new bytes and nothing worse. Positions are read once each,
//! and checked when they are read. Copies of more than a few hundred kilobytes are shared among
//! the executor's threads; nothing here may be called while attached to the Python interpreter
//! unless the copy is [`is_small`].

mod cast;
mod gather;
mod pack;
mod ragged;
mod scatter;

#[cfg(test)]
mod tests;

pub use cast::{Number, can_cast, cast};
pub use gather::gather;
pub use pack::{Span, pack};
pub use ragged::Pieces;
pub use scatter::scatter;

/// Bytes worth moving to another thread.
const GRAIN_BYTES: usize = 256 << 10;

/// Whether a copy of that many bytes is done on the calling thread.
pub const fn is_small(bytes: usize) -> bool {
    bytes <= GRAIN_BYTES
}

/// Number of items of that size that make one grain.
const fn grain(item_bytes: usize) -> usize {
    match GRAIN_BYTES.checked_div(item_bytes) {
        None => usize::MAX,
        Some(0) => 1,
        Some(items) => items,
    }
}

/// A pointer that the threads of one job share.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: the functions of this module give each thread other bytes to write, and reads tolerate
// whatever is written meanwhile.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn new(pointer: *const T) -> Self {
        Self(pointer.cast_mut())
    }

    fn get(self) -> *mut T {
        self.0
    }
}
