//! Memory that a kernel is to work on, and what has to hold before it may.

use super::layout::RaggedLayout;
use ironbatch_kernel::abi::{self, MAX_RANK};
use ironbatch_kernel::{Dtype, Spec};
use std::ptr;

/// Outputs of so many bytes are written past the caches: more than the caches of most processors
/// hold, beside what else goes on there.
const PAST_CACHES_FROM: usize = 16 << 20;

/// An array of items. Strides are in bytes.
///
/// Whoever makes one promises that all elements the strides lead to lie in memory that stays
/// valid while a plan runs on it, and that may be written if it says so. Everything else is
/// checked.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    pub(super) data: *mut u8,
    pub(super) dtype: Dtype,
    pub(super) n_items: usize,
    pub(super) item_stride: isize,
    pub(super) rank: usize,
    pub(super) shape: [i64; MAX_RANK],
    pub(super) strides: [isize; MAX_RANK],
    pub(super) writable: bool,
    /// Where items of differing shapes lie, in elements from `data`.
    pub(super) ragged: Option<&'a RaggedLayout>,
}

// SAFETY: a description; the promise of its maker covers all threads.
unsafe impl Send for Memory<'_> {}
// SAFETY: as above.
unsafe impl Sync for Memory<'_> {}

impl<'a> Memory<'a> {
    /// Describe an array whose first axis counts items; None if it has too many axes or none.
    ///
    /// # Safety
    /// See the type.
    pub unsafe fn of_items(
        data: *mut u8,
        dtype: Dtype,
        shape: &[usize],
        strides: &[isize],
        writable: bool,
    ) -> Option<Self> {
        let (&n_items, shape) = shape.split_first()?;
        let (&item_stride, strides) = strides.split_first()?;
        // SAFETY: promised by the caller.
        let item = unsafe { Self::of_one(data, dtype, shape, strides, writable) }?;
        Some(Self {
            n_items,
            item_stride,
            ..item
        })
    }

    /// Describe an array that is the same for every item; None if it has too many axes.
    ///
    /// # Safety
    /// See the type.
    pub unsafe fn of_one(
        data: *mut u8,
        dtype: Dtype,
        shape: &[usize],
        strides: &[isize],
        writable: bool,
    ) -> Option<Self> {
        if shape.len() > MAX_RANK || shape.len() != strides.len() {
            return None;
        }
        let mut memory = Self {
            data,
            dtype,
            n_items: usize::MAX,
            item_stride: 0,
            rank: shape.len(),
            shape: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            writable,
            ragged: None,
        };
        for (axis, (&length, &stride)) in shape.iter().zip(strides).enumerate() {
            memory.shape[axis] = i64::try_from(length).ok()?;
            memory.strides[axis] = stride;
        }
        Some(memory)
    }

    /// Describe items of differing shapes that lie in one block of values.
    ///
    /// # Safety
    /// See the type; all values up to the end of the last item are there.
    pub unsafe fn of_ragged(
        data: *mut u8,
        dtype: Dtype,
        layout: &'a RaggedLayout,
        writable: bool,
    ) -> Self {
        Self {
            data,
            dtype,
            n_items: layout.n_items(),
            item_stride: 0,
            rank: layout.rank(),
            shape: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            writable,
            ragged: Some(layout),
        }
    }

    /// Dtype and shape of an item, -1 where it varies.
    pub(super) fn spec(&self) -> Spec {
        Spec {
            dtype: self.dtype,
            shape: match self.ragged {
                Some(layout) => vec![-1; layout.rank()],
                None => self.shape().to_vec(),
            },
        }
    }

    /// Lengths of an item.
    pub fn shape(&self) -> &[i64] {
        &self.shape[..self.rank]
    }

    pub(super) fn item_bytes(&self) -> usize {
        if let Some(layout) = self.ragged {
            let (start, end) = layout.span();
            return (end - start) / layout.n_items().max(1) * self.dtype.size();
        }
        self.shape()
            .iter()
            .fold(self.dtype.size(), |product, &length| {
                product.saturating_mul(length as usize)
            })
    }

    fn axes(&self, n_items: usize) -> impl Iterator<Item = (usize, isize)> + '_ {
        let axes = self.shape[..self.rank]
            .iter()
            .zip(&self.strides[..self.rank]);
        std::iter::once((n_items, self.item_stride))
            .chain(axes.map(|(&length, &stride)| (length as usize, stride)))
    }

    /// Whether pointer and strides suit the element type.
    pub(super) fn is_aligned(&self, n_items: usize) -> bool {
        let size = self.dtype.size();
        self.is_empty(n_items)
            || (self.data.addr().is_multiple_of(size)
                && self
                    .axes(n_items)
                    .all(|(length, stride)| length <= 1 || stride % size as isize == 0))
    }

    fn is_empty(&self, n_items: usize) -> bool {
        if let Some(layout) = self.ragged {
            let (start, end) = layout.span();
            return start == end;
        }
        self.axes(n_items).any(|(length, _)| length == 0)
    }

    /// Lowest address and one behind the highest, of the first `n_items`; None if that overflows.
    fn extent(&self, n_items: usize) -> Option<(usize, usize)> {
        let (data, size) = (self.data.addr(), self.dtype.size());
        if let Some(layout) = self.ragged {
            let (start, end) = layout.span();
            let at = |place: usize| data.checked_add(place.checked_mul(size)?);
            return Some((at(start)?, at(end)?));
        }
        extent(data, size, self.axes(n_items))
    }

    /// Extent of item 0; None if it is empty.
    pub(super) fn extent_of_one(&self) -> Option<(usize, usize)> {
        if self.is_empty(1) {
            None
        } else {
            self.extent(1)
        }
    }

    /// Whether the strides stay within the address space.
    pub(super) fn is_bounded(&self, n_items: usize) -> bool {
        self.is_empty(n_items) || (!self.data.is_null() && self.extent(n_items).is_some())
    }

    /// Whether both may share a byte: their extents meet.
    pub(super) fn overlaps(&self, other: &Self, n_items: usize) -> bool {
        self.overlaps_items(n_items, other, n_items)
    }

    /// The same for different numbers of items.
    pub(super) fn overlaps_items(&self, n_items: usize, other: &Self, n_others: usize) -> bool {
        if self.is_empty(n_items) || other.is_empty(n_others) {
            return false;
        }
        match (self.extent(n_items), other.extent(n_others)) {
            (Some(ours), Some(theirs)) => ours.0 < theirs.1 && theirs.0 < ours.1,
            _ => true,
        }
    }

    /// Whether items and their elements lie end to end in C order.
    pub(super) fn is_contiguous(&self) -> bool {
        if self.ragged.is_some() {
            return false;
        }
        let mut step = self.dtype.size() as isize;
        for (&length, &stride) in self.shape().iter().zip(&self.strides).rev() {
            if length != 1 && stride != step {
                return false;
            }
            step = step.saturating_mul(length as isize);
        }
        self.item_stride == step
    }

    /// Whether two elements of it may be the same memory: axes do not nest into each other.
    pub(super) fn overlaps_itself(&self, n_items: usize) -> bool {
        // Offsets that never go backwards keep ragged items apart.
        if self.is_empty(n_items) || self.ragged.is_some() {
            return false;
        }
        let mut axes: Vec<_> = self
            .axes(n_items)
            .filter(|&(length, _)| length > 1)
            .map(|(length, stride)| (stride.unsigned_abs(), length))
            .collect();
        axes.sort_unstable();
        let mut inner = self.dtype.size();
        for (stride, length) in axes {
            if stride < inner {
                return true;
            }
            inner = stride.saturating_mul(length - 1).saturating_add(inner);
        }
        false
    }

    /// An output as the interface has it: with a hint if so many items are too much for caches.
    pub(super) fn output_operand(&self, n_items: usize) -> abi::Operand {
        let bytes = match self.ragged {
            Some(layout) => (layout.span().1 - layout.span().0).saturating_mul(self.dtype.size()),
            None => self.item_bytes().saturating_mul(n_items),
        };
        let mut operand = self.operand();
        if bytes >= PAST_CACHES_FROM {
            operand.hints = abi::PAST_CACHES;
        }
        operand
    }

    pub(super) fn operand(&self) -> abi::Operand {
        let kind = self.ragged.map_or(abi::DENSE, |_| abi::RAGGED);
        let list = |list: fn(&RaggedLayout) -> &[i64]| {
            self.ragged
                .map_or(ptr::null(), |layout| list(layout).as_ptr())
        };
        abi::Operand {
            item_stride: self.item_stride,
            shape: self.shape,
            strides: self.strides,
            offsets: list(RaggedLayout::offsets),
            shapes: list(RaggedLayout::shapes),
            ..abi::Operand::new(kind, self.dtype, self.rank, self.data)
        }
    }
}

/// Lowest address and one behind the highest, of elements of a size along axes of lengths and
/// strides that begin at `data`; None if that overflows, or an axis has no length.
pub(super) fn extent(
    data: usize,
    size: usize,
    axes: impl Iterator<Item = (usize, isize)>,
) -> Option<(usize, usize)> {
    let (mut low, mut high) = (data, data);
    for (length, stride) in axes {
        let span = stride.unsigned_abs().checked_mul(length.checked_sub(1)?)?;
        if stride < 0 {
            low = low.checked_sub(span)?;
        } else {
            high = high.checked_add(span)?;
        }
    }
    Some((low, high.checked_add(size)?))
}
