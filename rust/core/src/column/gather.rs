//! Items of one size, picked by position.

use super::{Shared, grain};
use crate::executor::parallel_for;
use crate::{Error, Result};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Copy items `positions` of `source` one after another to `target`.
///
/// Fails, naming the lowest place in `positions` whose value is not in `0..n_source`, with
/// [`Error::Bounds`]; what lies in `target` then is not specified.
///
/// # Safety
/// For the time of the call, `source` is readable for `n_source * item_bytes` bytes, `positions` for
/// `n` values, and `target` is writable for `n * item_bytes` bytes that overlap neither.
pub unsafe fn gather(
    source: *const u8,
    n_source: usize,
    item_bytes: usize,
    positions: *const i64,
    n: usize,
    target: *mut u8,
) -> Result<()> {
    let (from, index, to) = (
        Shared::new(source),
        Shared::new(positions),
        Shared::new(target),
    );
    let lowest_bad = AtomicUsize::new(usize::MAX);
    parallel_for(n, grain(item_bytes), &|range| {
        let piece = Piece {
            source: from.get(),
            n_source,
            positions: index.get(),
            target: to.get(),
        };
        // SAFETY: by this function's contract; ranges of different threads do not overlap.
        let bad = unsafe {
            match item_bytes {
                0 => piece.copy_nothing(range),
                1 => piece.copy_values::<u8>(range),
                2 => piece.copy_values::<[u8; 2]>(range),
                4 => piece.copy_values::<[u8; 4]>(range),
                8 => piece.copy_values::<[u8; 8]>(range),
                16 => piece.copy_values::<[u8; 16]>(range),
                _ => piece.copy_items(range, item_bytes),
            }
        };
        if let Some(place) = bad {
            lowest_bad.fetch_min(place, Ordering::Relaxed);
        }
    })?;
    match lowest_bad.into_inner() {
        usize::MAX => Ok(()),
        // SAFETY: the place is below `n`, by this function's contract.
        place => Err(out_of_bounds(
            unsafe { positions.add(place).read_unaligned() },
            place,
            n_source,
        )),
    }
}

pub(super) fn out_of_bounds(position: i64, place: usize, n: usize) -> Error {
    Error::Bounds(format!(
        "position {position} (number {place} of those asked for) is outside of the {n} items"
    ))
}

struct Piece {
    source: *const u8,
    n_source: usize,
    positions: *const i64,
    target: *mut u8,
}

impl Piece {
    /// The position at `place`, if it is one. Read once: it may change after it was checked.
    ///
    /// # Safety
    /// `positions` is readable at `place`.
    unsafe fn position(&self, place: usize) -> Option<usize> {
        // SAFETY: by this function's contract.
        let position = unsafe { self.positions.add(place).read_volatile() };
        usize::try_from(position)
            .ok()
            .filter(|&position| position < self.n_source)
    }

    /// Check only; items have no bytes.
    ///
    /// # Safety
    /// As [`gather`], for `range`.
    unsafe fn copy_nothing(&self, mut range: Range<usize>) -> Option<usize> {
        // SAFETY: by this function's contract.
        range.find(|&place| unsafe { self.position(place) }.is_none())
    }

    /// Copy items that fit a register.
    ///
    /// # Safety
    /// As [`gather`], for `range` and items of the size of `T`.
    unsafe fn copy_values<T: Copy>(&self, range: Range<usize>) -> Option<usize> {
        let (source, target) = (self.source.cast::<T>(), self.target.cast::<T>());
        for place in range {
            // SAFETY: by this function's contract.
            let Some(position) = (unsafe { self.position(place) }) else {
                return Some(place);
            };
            // SAFETY: the position is below `n_source` and the place within the target.
            unsafe {
                target
                    .add(place)
                    .write_unaligned(source.add(position).read_unaligned());
            }
        }
        None
    }

    /// Copy larger items, asking for the beginning of the next one in time.
    ///
    /// # Safety
    /// As [`gather`], for `range`.
    unsafe fn copy_items(&self, range: Range<usize>, item_bytes: usize) -> Option<usize> {
        let mut range = range.peekable();
        while let Some(place) = range.next() {
            // SAFETY: by this function's contract.
            let Some(position) = (unsafe { self.position(place) }) else {
                return Some(place);
            };
            if let Some(&next) = range.peek() {
                // SAFETY: by this function's contract.
                if let Some(next) = unsafe { self.position(next) } {
                    prefetch(self.source.wrapping_add(next * item_bytes), item_bytes);
                }
            }
            // SAFETY: the position is below `n_source`, the place within the target, and the two
            // do not overlap.
            unsafe {
                ptr::copy_nonoverlapping(
                    self.source.add(position * item_bytes),
                    self.target.add(place * item_bytes),
                    item_bytes,
                );
            }
        }
        None
    }
}

/// Ask for the first cache lines of an item: the hardware finds the rest by itself.
fn prefetch(item: *const u8, item_bytes: usize) {
    const LINE: usize = 64;
    const LINES: usize = 8;
    for line in 0..item_bytes.div_ceil(LINE).min(LINES) {
        let address = item.wrapping_add(line * LINE);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch of any address is allowed.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(address.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = address;
    }
}
