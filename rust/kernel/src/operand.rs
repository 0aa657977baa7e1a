//! Operands as `ndarray` views, item by item.

use crate::abi::{self, MAX_RANK, Operand};
use crate::{Element, Error, Result};
use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension, ShapeBuilder, StrideShape};
use std::marker::PhantomData;

/// Where the items of an operand are, with what is the same for all items worked out once.
struct Layout<D: Dimension> {
    /// Lowest address of item 0.
    data: *mut u8,
    item_stride: isize,
    shape: StrideShape<D>,
    /// One bit for each axis that runs backwards, which a view expresses by inverting it.
    backwards: u32,
    /// Offsets and shapes of ragged items; null for dense ones.
    offsets: *const i64,
    shapes: *const i64,
    rank: usize,
}

impl<D: Dimension> Layout<D> {
    fn new<T: Element>(operand: &Operand) -> Result<Self> {
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
        if operand.kind == abi::RAGGED {
            if operand.offsets.is_null() || operand.shapes.is_null() || rank == 0 {
                return Err(Error::new("a ragged operand without offsets or shapes"));
            }
            return Ok(Self {
                data: operand.data,
                item_stride: 0,
                shape: D::zeros(rank).into(),
                backwards: 0,
                offsets: operand.offsets,
                shapes: operand.shapes,
                rank,
            });
        }
        let mut shape = D::zeros(rank);
        let mut strides = D::zeros(rank);
        let mut data = operand.data;
        let mut backwards = 0;
        for axis in 0..rank {
            let length = usize::try_from(operand.shape[axis])
                .map_err(|_| Error::new("a negative length"))?;
            let stride = operand.strides[axis];
            shape[axis] = length;
            strides[axis] = stride.unsigned_abs() / size_of::<T>();
            if stride < 0 {
                backwards |= 1 << axis;
                data = data.wrapping_offset(stride * (length.max(1) - 1) as isize);
            }
        }
        let mut item_stride = operand.item_stride;
        if operand.shape[..rank].contains(&0) {
            // The address of nothing may be anything, but a view's is aligned and not null.
            (data, item_stride) = (std::ptr::NonNull::<T>::dangling().as_ptr().cast(), 0);
        }
        let shape = shape.strides(strides);
        Ok(Self {
            data,
            item_stride,
            shape,
            backwards,
            offsets: std::ptr::null(),
            shapes: std::ptr::null(),
            rank,
        })
    }

    /// First element and shape of an item.
    ///
    /// # Safety
    /// The operand has that item.
    #[inline]
    unsafe fn item<T>(&self, item: usize) -> (*mut T, StrideShape<D>) {
        if self.offsets.is_null() {
            let data = self.data.wrapping_offset(self.item_stride * item as isize);
            return (data.cast(), self.shape.clone());
        }
        let mut shape = D::zeros(self.rank);
        let mut is_empty = false;
        for axis in 0..self.rank {
            // SAFETY: the host has checked offsets and shapes, one for each item.
            let length = unsafe { *self.shapes.add(item * self.rank + axis) } as usize;
            shape[axis] = length;
            is_empty |= length == 0;
        }
        // SAFETY: as above.
        let start = unsafe { *self.offsets.add(item) } as usize;
        let data = if is_empty {
            std::ptr::NonNull::<T>::dangling().as_ptr()
        } else {
            self.data.cast::<T>().wrapping_add(start)
        };
        (data, shape.into())
    }
}

/// The items of an input.
pub struct Input<T, D: Dimension> {
    layout: Layout<D>,
    element: PhantomData<T>,
}

impl<T: Element, D: Dimension> Input<T, D> {
    /// Read an operand as items of `T` with axes `D`.
    ///
    /// # Safety
    /// The operand describes memory that is valid, aligned and readable for as long as this lives.
    pub unsafe fn new(operand: &Operand) -> Result<Self> {
        Ok(Self {
            layout: Layout::new::<T>(operand)?,
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
            let (pointer, shape) = self.layout.item::<T>(item);
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
pub struct Output<T, D: Dimension> {
    layout: Layout<D>,
    element: PhantomData<T>,
}

impl<T: Element, D: Dimension> Output<T, D> {
    /// Write an operand as items of `T` with axes `D`.
    ///
    /// # Safety
    /// The operand describes memory that is valid, aligned and writable for as long as this lives,
    /// that no two elements share, and that no input lies in.
    pub unsafe fn new(operand: &Operand) -> Result<Self> {
        Ok(Self {
            layout: Layout::new::<T>(operand)?,
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
            let (pointer, shape) = self.layout.item::<T>(item);
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
