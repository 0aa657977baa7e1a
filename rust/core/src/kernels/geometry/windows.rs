//! Boxes of one size that lie in an item, a stride apart.

use super::{
    along, along_together, check_channels, check_numbers, check_together, shape_text, sized_axes,
};
use ironbatch_kernel::{Error, PerAxis, Result};
use std::borrow::Cow;

/// Lengths and strides along the same axes; no stride where it is left out.
pub(crate) type Steps<'a> = (Cow<'a, [i64]>, Option<Cow<'a, [i64]>>);

/// Lengths, which messages call `name`, and strides for the axes of an item of a shape.
pub(crate) fn steps<'a>(
    (name, size): (&str, &'a PerAxis<i64>),
    stride: Option<&'a PerAxis<i64>>,
    shape: &[i64],
) -> Result<Steps<'a>> {
    let Some(stride) = stride else {
        return Ok((along(size, shape, name)?, None));
    };
    let [size, stride] = along_together([(name, size), ("stride", stride)], shape)?;
    Ok((size, Some(stride)))
}

/// The boxes of an item.
pub(crate) struct Windows {
    /// Shape of one box, all axes.
    pub shape: Vec<i64>,
    /// How many boxes there are along each axis.
    counts: Vec<i64>,
    strides: Vec<i64>,
    /// Shape of the part of the item that the boxes reach to.
    pub reach: Vec<i64>,
}

impl Windows {
    /// Refuse lengths and strides that no item goes with; None is what comes per item or is left
    /// out.
    pub(crate) fn check(
        (name, size): (&str, Option<&PerAxis<i64>>),
        stride: Option<&PerAxis<i64>>,
        channels: &str,
    ) -> Result<()> {
        check_channels(channels)?;
        check_together([(name, size, Some(1)), ("stride", stride, Some(1))])
    }

    /// The boxes of an item of a shape.
    pub(crate) fn new(
        shape: &[i64],
        size: &[i64],
        stride: Option<&[i64]>,
        channels: &str,
    ) -> Result<Self> {
        check_numbers("size", size, 1)?;
        let axes = sized_axes(shape.len(), size.len(), channels, "size")?;
        let stride = stride.unwrap_or(size);
        check_numbers("stride", stride, 1)?;
        let mut boxes = Self {
            shape: shape.to_vec(),
            counts: vec![1; shape.len()],
            strides: vec![1; shape.len()],
            reach: shape.to_vec(),
        };
        for (number, axis) in axes.enumerate() {
            if size[number] > shape[axis] {
                return Err(Error::new(format!(
                    "size {} is larger than an item of shape {}",
                    shape_text(size),
                    shape_text(shape)
                )));
            }
            boxes.shape[axis] = size[number];
            boxes.strides[axis] = stride[number];
            boxes.counts[axis] = (shape[axis] - size[number]) / stride[number] + 1;
            boxes.reach[axis] = (boxes.counts[axis] - 1) * stride[number] + size[number];
        }
        Ok(boxes)
    }

    /// How many boxes there are.
    pub(crate) fn count(&self) -> i64 {
        self.counts.iter().product()
    }

    /// Where each box begins, row by row.
    pub(crate) fn starts(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        (0..self.count()).map(|number| {
            let mut rest = number;
            let mut start = vec![0; self.counts.len()];
            for axis in (0..self.counts.len()).rev() {
                start[axis] = (rest % self.counts[axis] * self.strides[axis]) as usize;
                rest /= self.counts[axis];
            }
            start
        })
    }
}
