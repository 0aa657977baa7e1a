//! Operands as `ndarray` views, item by item.

use crate::abi::{self, MAX_RANK, Operand};
use crate::{Dtype, Element, Error, Result};
use ndarray::{
    ArrayView, ArrayView1, ArrayViewMut, ArrayViewMut1, Axis, Dimension, ShapeBuilder, StrideShape,
};
use std::marker::PhantomData;
use std::ptr;

impl Operand {
    /// One of which all items have the same memory, without lengths yet.
    pub const fn new(kind: u32, dtype: Dtype, rank: usize, data: *mut u8) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            kind,
            dtype: dtype as u32,
            rank: rank as u32,
            hints: 0,
            data,
            item_stride: 0,
            shape: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            offsets: ptr::null(),
            shapes: ptr::null(),
        }
    }

    /// A dense one in C order, of which all items have the same memory.
    pub fn in_c_order(
        dtype: Dtype,
        shape: impl DoubleEndedIterator<Item = i64> + ExactSizeIterator,
        data: *mut u8,
    ) -> Self {
        let mut made = Self::new(abi::DENSE, dtype, shape.len(), data);
        let mut step = dtype.size() as isize;
        for (axis, length) in shape.enumerate().rev() {
            made.shape[axis] = length;
            made.strides[axis] = step;
            step *= length.max(1) as isize;
        }
        made
    }
}

/// Where the items of an operand are, with what is the same for all items looked at once.
///
/// Small, and made of plain numbers: a call may be about a few kilobytes, and dimensions of a rank
/// that is known only at run time are slow to copy.
struct Layout<'a> {
    operand: &'a Operand,
    /// Lowest address of item 0.
    data: *mut u8,
    item_stride: isize,
    /// One bit for each axis that runs backwards, which a view expresses by inverting it.
    backwards: u32,
}

impl<'a> Layout<'a> {
    #[inline]
    fn new<T: Element, D: Dimension>(operand: &'a Operand) -> Result<Self> {
        let rank = operand.rank as usize;
        if operand.dtype != T::DTYPE as u32 {
            return Err(Error::new(format!(
                "expected elements of type {}",
                T::DTYPE
            )));
        }
        if rank > MAX_RANK || D::NDIM.is_some_and(|expected| expected != rank) {
            return Err(Error::new(format!("unexpected number of axes: {rank}")));
        }
        let mut layout = Self {
            operand,
            data: operand.data,
            item_stride: operand.item_stride,
            backwards: 0,
        };
        if operand.kind == abi::RAGGED {
            if operand.offsets.is_null() || operand.shapes.is_null() || rank == 0 {
                return Err(Error::new("a ragged operand without offsets or shapes"));
            }
            return Ok(layout);
        }
        let mut is_empty = false;
        for axis in 0..rank {
            let (length, stride) = (operand.shape[axis], operand.strides[axis]);
            if length < 0 {
                return Err(Error::new("a negative length"));
            }
            is_empty |= length == 0;
            if stride < 0 {
                layout.backwards |= 1 << axis;
                let last = length.max(1) as isize - 1;
                layout.data = layout.data.wrapping_offset(stride * last);
            }
        }
        if is_empty {
            // The address of nothing may be anything, but a view's is aligned and not null.
            layout.data = ptr::NonNull::<T>::dangling().as_ptr().cast();
            layout.item_stride = 0;
        }
        Ok(layout)
    }

    /// First element and shape of an item.
    ///
    /// # Safety
    /// The operand has that item.
    #[inline]
    unsafe fn item<T, D: Dimension>(&self, item: usize) -> (*mut T, StrideShape<D>) {
        let operand = self.operand;
        let rank = operand.rank as usize;
        let mut shape = D::zeros(rank);
        if operand.kind != abi::RAGGED {
            let mut strides = D::zeros(rank);
            for axis in 0..rank {
                shape[axis] = operand.shape[axis] as usize;
                strides[axis] = operand.strides[axis].unsigned_abs() / size_of::<T>();
            }
            let data = self.data.wrapping_offset(self.item_stride * item as isize);
            return (data.cast(), shape.strides(strides));
        }
        let mut is_empty = false;
        for axis in 0..rank {
            // SAFETY: the host has checked offsets and shapes, one for each item.
            let length = unsafe { *operand.shapes.add(item * rank + axis) } as usize;
            shape[axis] = length;
            is_empty |= length == 0;
        }
        // SAFETY: as above.
        let start = unsafe { *operand.offsets.add(item) } as usize;
        let data = if is_empty {
            ptr::NonNull::<T>::dangling().as_ptr()
        } else {
            self.data.cast::<T>().wrapping_add(start)
        };
        (data, shape.into())
    }
}

/// The items of an input.
pub struct Input<'a, T, D: Dimension> {
    layout: Layout<'a>,
    element: PhantomData<(T, D)>,
}

impl<'a, T: Element, D: Dimension> Input<'a, T, D> {
    /// Read an operand as items of `T` with axes `D`.
    ///
    /// # Safety
    /// The operand describes memory that is valid, aligned and readable for as long as this lives.
    #[inline]
    pub unsafe fn new(operand: &'a Operand) -> Result<Self> {
        Ok(Self {
            layout: Layout::new::<T, D>(operand)?,
            element: PhantomData,
        })
    }

    /// One item.
    ///
    /// # Safety
    /// The operand has that item.
    #[inline]
    pub unsafe fn at(&self, item: usize) -> ArrayView<'_, T, D> {
        // SAFETY: the host has checked the operand's bounds and alignment; strides are not
        // negative here.
        let mut view = unsafe {
            let (pointer, shape) = self.layout.item::<T, D>(item);
            ArrayView::from_shape_ptr(shape, pointer)
        };
        if self.layout.backwards != 0 {
            for axis in 0..view.ndim() {
                if self.layout.backwards & (1 << axis) != 0 {
                    view.invert_axis(Axis(axis));
                }
            }
        }
        view
    }
}

/// The items of an output.
pub struct Output<'a, T, D: Dimension> {
    layout: Layout<'a>,
    element: PhantomData<(T, D)>,
}

impl<'a, T: Element, D: Dimension> Output<'a, T, D> {
    /// Write an operand as items of `T` with axes `D`.
    ///
    /// # Safety
    /// The operand describes memory that is valid, aligned and writable for as long as this lives,
    /// that no two elements share, and that no input lies in.
    #[inline]
    pub unsafe fn new(operand: &'a Operand) -> Result<Self> {
        Ok(Self {
            layout: Layout::new::<T, D>(operand)?,
            element: PhantomData,
        })
    }

    /// One item.
    ///
    /// # Safety
    /// The operand has that item, and no other view of it is alive.
    #[inline]
    pub unsafe fn at(&self, item: usize) -> ArrayViewMut<'_, T, D> {
        // SAFETY: as in `Input::at`; the caller and the host rule out other views.
        let mut view = unsafe {
            let (pointer, shape) = self.layout.item::<T, D>(item);
            ArrayViewMut::from_shape_ptr(shape, pointer)
        };
        if self.layout.backwards != 0 {
            for axis in 0..view.ndim() {
                if self.layout.backwards & (1 << axis) != 0 {
                    view.invert_axis(Axis(axis));
                }
            }
        }
        view
    }
}

/// Elements that lie end to end, as an array of one axis.
///
/// # Safety
/// There are so many, valid, aligned and readable for as long as the view lives.
#[inline]
pub unsafe fn part<'a, T: Element>(data: *const u8, count: usize) -> ArrayView1<'a, T> {
    // SAFETY: promised by the caller.
    unsafe { ArrayView1::from_shape_ptr(count, data.cast()) }
}

/// Elements to be written that lie end to end, as an array of one axis.
///
/// # Safety
/// There is room for so many, valid, aligned and writable for as long as the view lives, and nothing
/// else leads to it.
#[inline]
pub unsafe fn part_mut<'a, T: Element>(data: *mut u8, count: usize) -> ArrayViewMut1<'a, T> {
    // SAFETY: promised by the caller.
    unsafe { ArrayViewMut1::from_shape_ptr(count, data.cast()) }
}
