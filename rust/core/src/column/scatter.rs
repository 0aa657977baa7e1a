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
    for (place, &position) in positions.iter().enumerate() {
        if usize::try_from(position).map_or(true, |position| position >= n_target) {
            return Err(out_of_bounds(position, place, n_target));
        }
    }
    let (from, to) = (Shared::new(source), Shared::new(target));
    // In order, and so on one thread, where two items go to the same place.
    let grain = match grain(item_bytes) {
        grain if positions.len() <= grain || !has_repeats(positions, n_target) => grain,
        _ => usize::MAX,
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

/// Whether two of the positions, which are all in `0..n_target`, are equal.
fn has_repeats(positions: &[i64], n_target: usize) -> bool {
    if n_target / 64 > positions.len() {
        let mut sorted = positions.to_vec();
        sorted.sort_unstable();
        return sorted.windows(2).any(|pair| pair[0] == pair[1]);
    }
    let mut seen = vec![0_u64; n_target.div_ceil(64)];
    positions.iter().any(|&position| {
        let (word, bit) = (position as usize / 64, 1 << (position % 64));
        let repeated = seen[word] & bit != 0;
        seen[word] |= bit;
        repeated
    })
}
