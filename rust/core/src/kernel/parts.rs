//! An item in parts, each of which goes through several kernels before the next one.
//!
//! For kernels that treat each element by itself. A part is small enough for the inner caches.
//! What the last kernel makes of it is written past the caches if the whole output is too large for
//! them. An item with gaps is read part by part, so none of these kernels sees the gaps.

use super::pass::{Worker, size_of_dtype};
use super::scratch::{dense, is_contiguous, spec_of};
use crate::Error;
use crate::executor::ItemError;
use crate::strided::Reader;
use ironbatch_kernel::abi::{self, Operand};
use ironbatch_kernel::{Dtype, PastCaches};
use std::ops::Range;

/// Bytes of the larger side of a part: few enough to stay near the processor, and so many that
/// calling a kernel takes no time beside its work.
const PART: usize = 32 << 10;
/// From one piece of memory for parts to the next one: not a multiple of a page, as the processor
/// takes what lies at the same place of two pages for the same and waits.
const APART: usize = PART + 17 * 64;

impl Worker<'_> {
    /// Carry out active stages for one item part by part; false if one of them failed.
    pub(super) fn in_parts(
        &mut self,
        active: Range<usize>,
        before: &Operand,
        after: &Operand,
        item: usize,
    ) -> Result<bool, ItemError> {
        let failed = |error| ItemError { item, error };
        let stages = &self.pass.stages;
        let numbers = &self.active[active];
        let dtype_of = |number: usize| spec_of(stages[number].layout, item).0;
        let (size_before, size_after) = (size_of_dtype(before), size_of_dtype(after));
        let sizes = numbers.iter().map(|&number| dtype_of(number).size());
        let length = PART / sizes.fold(size_before, usize::max);
        let rank = before.rank as usize;
        let count = before.shape[..rank].iter().product::<i64>() as usize;
        let tiles = self.desk.tiles.bytes(3 * APART).map_err(failed)?;
        let [gathered, even, odd] = [0, 1, 2].map(|number| tiles.wrapping_add(number * APART));
        // SAFETY: the operand was checked, or is a view of one that was.
        let mut reader = (!is_contiguous(before, size_before))
            .then(|| unsafe { Reader::of_operand(before, size_before) });
        let writer = (after.hints & abi::PAST_CACHES != 0).then(PastCaches::new);
        let mut dtype = Dtype::from_code(before.dtype).unwrap_or(Dtype::U8);
        for &number in numbers {
            self.calls[number].set_input(0, &dense(even, dtype, &[0]));
            dtype = dtype_of(number);
            self.calls[number].set_output(&dense(odd, dtype, &[0]));
        }
        let mut start = 0;
        while start < count {
            let n = length.min(count - start);
            let mut given = match &mut reader {
                None => before.data.wrapping_add(start * size_before),
                Some(reader) => {
                    // SAFETY: there is room for as many elements, and nobody else uses it.
                    let room = unsafe { std::slice::from_raw_parts_mut(gathered, n * size_before) };
                    reader.fill(room);
                    gathered
                }
            };
            let target = after.data.wrapping_add(start * size_after);
            for (place, &number) in numbers.iter().enumerate() {
                let made = match place % 2 {
                    _ if place + 1 == numbers.len() && writer.is_none() => target,
                    0 => even,
                    _ => odd,
                };
                let call = &mut self.calls[number];
                call.set_part(given, made, n);
                match call.call(item, self.cancel, None) {
                    Ok(()) => {}
                    Err(ItemError {
                        error: error @ Error::Interrupted,
                        ..
                    }) => return Err(failed(error)),
                    Err(_) => return Ok(false),
                }
                given = made;
            }
            if let Some(writer) = &writer {
                let bytes = n * size_after;
                // SAFETY: the part is in scratch memory of this worker, of at least that size; the
                // target was checked, and is nobody else's.
                unsafe {
                    writer.copy(
                        std::slice::from_raw_parts(given.cast_const(), bytes),
                        std::slice::from_raw_parts_mut(target, bytes),
                    );
                }
            }
            start += n;
        }
        Ok(true)
    }
}
