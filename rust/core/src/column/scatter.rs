//! Items of one size, written to given positions.

use super::gather::out_of_bounds;
use super::{Shared, grain};
use crate::Result;
use crate::executor::parallel_for;
use std::ptr;

/// Copy `n` items from `source` to the `positions` of `target`; of items with the same position the
/// last one stays.
///
/// All positions are checked first: on failure nothing has been written.
///
/// # Safety
/// For the time of the call, `source` is readable for `n * item_bytes` bytes, and `target` is
/// writable for `n_target * item_bytes` bytes that do not overlap them.
pub unsafe fn scatter(
    source: *const u8,
    item_bytes: usize,
    positions: &[i64],
    target: *mut u8,
    n_target: usize,
) -> Result<()> {
    let mut seen = vec![0_u64; n_target.div_ceil(64)];
    let mut repeats = false;
    for (place, &position) in positions.iter().enumerate() {
        let Some(position) = usize::try_from(position).ok().filter(|&p| p < n_target) else {
            return Err(out_of_bounds(position, place, n_target));
        };
        let (word, bit) = (&mut seen[position / 64], 1 << (position % 64));
        repeats |= *word & bit != 0;
        *word |= bit;
    }
    let (from, to) = (Shared::new(source), Shared::new(target));
    // In order, and so on one thread, where two items go to the same place.
    let grain = if repeats {
        usize::MAX
    } else {
        grain(item_bytes)
    };
    parallel_for(positions.len(), grain, &|range| {
        for place in range {
            // SAFETY: positions were checked, and no two threads write the same one.
            unsafe {
                ptr::copy_nonoverlapping(
                    from.get().add(place * item_bytes),
                    to.get().add(positions[place] as usize * item_bytes),
                    item_bytes,
                );
            }
        }
    })
}
