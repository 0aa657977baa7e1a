//! Pieces of memory from anywhere, put one after another: concatenation, and stacking of items.

use super::{GRAIN_BYTES, Shared};
use crate::Result;
use crate::executor::parallel_for;
use std::ptr;

/// Bytes to copy.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Where they start.
    pub source: *const u8,
    /// How many there are.
    pub len: usize,
}

// SAFETY: a span is an address; whoever reads through it answers for that.
unsafe impl Send for Span {}
// SAFETY: as above.
unsafe impl Sync for Span {}

/// Copy spans one after another to `target`.
///
/// # Safety
/// For the time of the call, every span is readable, and `target` is writable for the sum of their
/// lengths and overlaps none of them.
pub unsafe fn pack(spans: &[Span], target: *mut u8) -> Result<()> {
    let mut ends = Vec::with_capacity(spans.len());
    let mut total = 0;
    for span in spans {
        total += span.len;
        ends.push(total);
    }
    let to = Shared::new(target);
    // Blocks of the target, whatever the spans: one long span is shared among threads too.
    let n_blocks = total.div_ceil(GRAIN_BYTES);
    parallel_for(n_blocks, 1, &|blocks| {
        let stop = (blocks.end * GRAIN_BYTES).min(total);
        let mut at = blocks.start * GRAIN_BYTES;
        let mut number = ends.partition_point(|&end| end <= at);
        while at < stop {
            let (span, end) = (spans[number], ends[number]);
            let len = end.min(stop) - at;
            let skipped = at - (end - span.len);
            // SAFETY: the bytes lie in the span and in the target, and threads have different
            // blocks.
            unsafe {
                ptr::copy_nonoverlapping(span.source.add(skipped), to.get().add(at), len);
            }
            at += len;
            number += 1;
        }
    })
}
