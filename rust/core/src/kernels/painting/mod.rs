//! Boxes of one color in an item.

use super::Number;
use super::geometry::sized_axes;
use ironbatch_kernel::{Error, Result};
use ndarray::{ArrayViewMutD, Slice};
use std::ops::Range;

/// What boxes are filled with, and along which axes they lie.
pub(crate) struct Brush<'a> {
    pub color: &'a [f64],
    pub channels: &'a str,
    /// Axes of the boxes.
    pub axes: Range<usize>,
}

impl<'a> Brush<'a> {
    /// For boxes along `count` axes of an item of a shape.
    pub(crate) fn new(
        shape: &[usize],
        count: usize,
        color: &'a [f64],
        channels: &'a str,
    ) -> Result<Self> {
        let axes = sized_axes(shape.len(), count, channels, "size")?;
        let others: Vec<usize> = (0..shape.len())
            .filter(|axis| !axes.contains(axis))
            .map(|axis| shape[axis])
            .collect();
        let n_channels: usize = others.iter().product();
        if color.len() != 1 && color.len() != n_channels {
            return Err(Error::new(format!(
                "color has {} values for an item with {n_channels} channels",
                color.len()
            )));
        }
        Ok(Self {
            color,
            channels,
            axes,
        })
    }

    /// Fill a box, as far as it lies within the item.
    pub(crate) fn fill<T: Number>(
        &self,
        out: &mut ArrayViewMutD<'_, T>,
        start: &[i64],
        size: &[i64],
    ) {
        let lengths: Vec<i64> = self
            .axes
            .clone()
            .map(|axis| out.shape()[axis] as i64)
            .collect();
        let mut part = out.slice_each_axis_mut(|axis| {
            let axis = axis.axis.index();
            if !self.axes.contains(&axis) {
                return Slice::from(..);
            }
            let number = axis - self.axes.start;
            let inside = |at: i64| at.clamp(0, lengths[number]) as isize;
            let end = inside(start[number].saturating_add(size[number]));
            Slice::from(inside(start[number])..end)
        });
        let n_colors = self.color.len();
        let n_places: usize = self
            .axes
            .clone()
            .map(|axis| part.shape()[axis])
            .product::<usize>()
            .max(1);
        for (number, target) in part.iter_mut().enumerate() {
            let channel = if self.channels == "first" {
                number / n_places
            } else {
                number % n_colors
            };
            *target = T::from_f64(self.color[channel % n_colors]);
        }
    }
}
