//! An item in parts, each of which goes through several kernels before the next one.
//!
//! For kernels that treat each element by itself. A part is small enough for the inner caches.
//! What the last kernel makes of it is written past the caches if the whole output is too large for
//! them, while the kernels work on the next part, and the one after that is fetched: memory and
//! processor wait for each other as little as possible. An item with gaps is read part by part, so
//! none of these kernels sees the gaps.

use super::pass::{Worker, size_of_dtype};
use super::scratch::{dense, is_contiguous, spec_of};
use crate::Error;
use crate::executor::ItemError;
use crate::strided::Reader;
use ironbatch_kernel::abi::{self, Operand};
use ironbatch_kernel::{Dtype, PastCaches};
use std::ops::Range;

/// Bytes of the larger side of a part: so few that four of them fit into the innermost cache, and so
/// many that calling a kernel takes little beside its work.
const PART: usize = 8 << 10;
/// From one piece of memory for parts to the next one: not a multiple of a page, as the processor
/// takes what lies at the same place of two pages for the same and waits.
const APART: usize = PART + 17 * 64;

/// Bytes of a line of memory.
const LINE: usize = 64;

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
        let tiles = self.desk.tiles.bytes(4 * APART).map_err(failed)?;
        let [gathered, even, odd, last] =
            [0, 1, 2, 3].map(|number| tiles.wrapping_add(number * APART));
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
        let mut begun = Ok(());
        for &number in numbers {
            begun = begun.and_then(|()| self.calls[number].begin(item, self.cancel));
        }
        let mut code = abi::OK;
        // What the last kernel made of the part before, of which a share is written before each call.
        let mut rest = Rest::default();
        let mut start = 0;
        'parts: while begun.is_ok() && start < count {
            if self.cancel.is_cancelled() {
                code = abi::CANCELLED;
                break;
            }
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
                    _ if place + 1 == numbers.len() => last,
                    0 => even,
                    _ => odd,
                };
                // While the kernels work on this part, memory would have nothing to do.
                if let Some(writer) = &writer {
                    rest.write(writer, numbers.len() - place);
                }
                if reader.is_none() && numbers.len() > 1 {
                    let next = (start + n) * size_before;
                    let bytes = (count * size_before - next).min(n * size_before);
                    let share = bytes / numbers.len();
                    ask_for(before.data.wrapping_add(next + share * place), share);
                }
                code = self.calls[number].part(given, made, n);
                if code != abi::OK {
                    break 'parts;
                }
                given = made;
            }
            if writer.is_some() {
                rest = Rest {
                    made: given,
                    target,
                    bytes: n * size_after,
                };
            }
            start += n;
        }
        if let Some(writer) = &writer {
            rest.write(writer, 1);
        }
        for &number in numbers {
            self.calls[number].end();
        }
        begun?;
        match code {
            abi::OK => Ok(true),
            abi::CANCELLED => Err(failed(Error::Interrupted)),
            _ => Ok(false),
        }
    }
}

/// What is to be written past the caches, in scratch memory of a worker.
struct Rest {
    made: *const u8,
    target: *mut u8,
    bytes: usize,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            made: std::ptr::null(),
            target: std::ptr::null_mut(),
            bytes: 0,
        }
    }
}

impl Rest {
    /// Write one of so many shares of it, all of it if it is one.
    fn write(&mut self, writer: &PastCaches, shares: usize) {
        let bytes = if shares > 1 {
            self.bytes / shares / LINE * LINE
        } else {
            self.bytes
        };
        if bytes == 0 {
            return;
        }
        // SAFETY: so much is in scratch memory of this worker, where nobody writes before it is
        // through; the target was checked, and is nobody else's.
        unsafe {
            writer.copy(
                std::slice::from_raw_parts(self.made, bytes),
                std::slice::from_raw_parts_mut(self.target, bytes),
            );
        }
        self.made = self.made.wrapping_add(bytes);
        self.target = self.target.wrapping_add(bytes);
        self.bytes -= bytes;
    }
}

/// Have memory brought near that is read soon: into the second cache, as the parts fill the first.
fn ask_for(place: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every processor of this kind has the instruction, which never fails.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(place.wrapping_add(line).cast()) };
    }
}
