//! Memory of a worker for what lies between two kernels, and copies of single items.

use super::layout::Layout;
use crate::memory::Buffer;
use crate::{Error, Result};
use ironbatch_kernel::Dtype;
use ironbatch_kernel::abi::{MAX_RANK, Operand};
use std::cell::RefCell;
use std::ptr;

/// A worker keeps at most so many bytes of each piece for its next chunk of items.
const KEPT: usize = 1 << 20;

/// Memory for one item, aligned for vectors.
#[derive(Default)]
pub(super) struct Scratch {
    small: Vec<[u64; 8]>,
    large: Option<Buffer>,
}

impl Scratch {
    /// The first byte of at least so many, whose content is whatever was there.
    pub(super) fn bytes(&mut self, bytes: usize) -> Result<*mut u8> {
        if bytes > KEPT {
            if self.large.as_ref().is_none_or(|large| large.len() < bytes) {
                self.large = None;
                self.large = Some(Buffer::uninitialised(bytes)?);
            }
            return Ok(self.large.as_ref().map_or(ptr::null_mut(), Buffer::as_ptr));
        }
        let blocks = bytes.div_ceil(64) + 1;
        if self.small.len() < blocks {
            self.small = Vec::new();
            self.small
                .try_reserve_exact(blocks)
                .map_err(|_| Error::Memory(format!("cannot allocate {bytes} bytes")))?;
            self.small.resize(blocks, [0; 8]);
        }
        let start = self.small.as_mut_ptr().cast::<u8>();
        // The vector has a block more than is needed.
        Ok(start.wrapping_add(start.align_offset(64)))
    }
}

/// What a worker keeps: an item before and behind a kernel, and parts of them.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) items: [Scratch; 2],
    pub(super) tiles: Scratch,
}

impl Desk {
    /// Work with the desk of this thread.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        thread_local! {
            static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
        }
        // Taken out: a kernel may let this thread work on another chain meanwhile.
        let mut desk = DESK
            .try_with(|kept| kept.borrow_mut().take())
            .ok()
            .flatten()
            .unwrap_or_default();
        let outcome = work(&mut desk);
        for scratch in &mut desk.items {
            scratch.large = None;
        }
        // A thread that is ending has no place for it.
        let _ = DESK.try_with(|kept| *kept.borrow_mut() = Some(desk));
        outcome
    }
}

/// An operand that has the same memory for every item, in C order.
pub(super) fn dense(data: *mut u8, dtype: Dtype, shape: &[i64]) -> Operand {
    Operand::in_c_order(dtype, shape.iter().copied(), data)
}

/// Dtype and shape of an item.
pub(super) fn spec_of(layout: &Layout, item: usize) -> (Dtype, &[i64]) {
    match layout {
        Layout::Same(spec) => (spec.dtype, &spec.shape),
        // A chain refuses kernels that give such.
        Layout::Growing(dtype) => (*dtype, &[0]),
        Layout::Varying(dtype, ragged) => {
            let rank = ragged.rank();
            (*dtype, &ragged.shapes()[item * rank..(item + 1) * rank])
        }
    }
}

/// Whether elements of a dense operand's item lie end to end in C order.
pub(super) fn is_contiguous(operand: &Operand, size: usize) -> bool {
    let rank = operand.rank as usize;
    let mut step = size as isize;
    for (&length, &stride) in operand.shape[..rank].iter().zip(&operand.strides).rev() {
        if length != 1 && stride != step {
            return false;
        }
        step = step.saturating_mul(length as isize);
    }
    true
}

/// Copy an item of a dense operand to another one of its dtype and shape.
///
/// # Safety
/// All elements that the strides lead to are there, and nobody else uses those of `target`.
pub(super) unsafe fn copy_item(source: &Operand, target: &Operand, size: usize) {
    let rank = source.rank as usize;
    if source.shape[..rank].contains(&0) {
        return;
    }
    // Axes behind `outer` lie end to end on both sides.
    let (mut outer, mut run) = (rank, size);
    while outer > 0 {
        let axis = outer - 1;
        let ends =
            |operand: &Operand| operand.shape[axis] == 1 || operand.strides[axis] == run as isize;
        if !ends(source) || !ends(target) {
            break;
        }
        run *= source.shape[axis] as usize;
        outer = axis;
    }
    let mut place = [0_i64; MAX_RANK];
    let (mut from, mut to) = (source.data.cast_const(), target.data);
    loop {
        // SAFETY: promised by the caller.
        unsafe { ptr::copy_nonoverlapping(from, to, run) };
        let mut axis = outer;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            place[axis] += 1;
            from = from.wrapping_offset(source.strides[axis]);
            to = to.wrapping_offset(target.strides[axis]);
            if place[axis] < source.shape[axis] {
                break;
            }
            from = from.wrapping_offset(-source.strides[axis] * place[axis] as isize);
            to = to.wrapping_offset(-target.strides[axis] * place[axis] as isize);
            place[axis] = 0;
        }
    }
}
