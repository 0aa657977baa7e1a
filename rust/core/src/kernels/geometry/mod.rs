//! Which axes of an item a size speaks of, and boxes within items.

pub(crate) mod borders;
pub(crate) mod windows;

use ironbatch_kernel::{Error, Result, Spec};
use ndarray::{ArrayViewD, Slice};
use std::ops::Range;

/// The axes that `count` sizes are about: the first ones when channels come last, the last ones
/// when channels come first.
pub(crate) fn sized_axes(
    rank: usize,
    count: usize,
    channels: &str,
    name: &str,
) -> Result<Range<usize>> {
    if count > rank {
        return Err(Error::new(format!(
            "{name} has {count} numbers for an item with {rank} axes"
        )));
    }
    match channels {
        "first" => Ok(rank - count..rank),
        _ => Ok(0..count),
    }
}

/// The axis along which the samples of a signal follow one another.
pub(crate) fn signal_axis(rank: usize, channels: &str) -> Result<usize> {
    match (rank, channels) {
        (0, _) => Err(Error::new("an item without axes is no signal")),
        (_, "first") => Ok(rank - 1),
        _ => Ok(0),
    }
}

/// Refuse anything but the two layouts.
pub(crate) fn check_channels(channels: &str) -> Result<()> {
    if channels == "last" || channels == "first" {
        return Ok(());
    }
    Err(Error::new(format!(
        "channels has to be 'last' or 'first', not '{channels}'"
    )))
}

/// Refuse lists that are empty or have a number below `least`.
pub(crate) fn check_numbers(name: &str, numbers: &[i64], least: i64) -> Result<()> {
    if numbers.is_empty() {
        return Err(Error::new(format!("{name} is empty")));
    }
    match numbers.iter().find(|&&number| number < least) {
        Some(number) => Err(Error::new(format!(
            "{name} has to be at least {least}, not {number}"
        ))),
        None => Ok(()),
    }
}

/// The same before items are known: a list that comes per item is empty then.
pub(crate) fn check_given(name: &str, numbers: &[i64], least: i64) -> Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    check_numbers(name, numbers, least)
}

/// The spec of an item after some of its axes got other lengths.
pub(crate) fn resized(
    input: &Spec,
    axes: Range<usize>,
    lengths: impl IntoIterator<Item = i64>,
) -> Spec {
    let mut shape = input.shape.clone();
    for (axis, length) in axes.zip(lengths) {
        shape[axis] = length;
    }
    Spec {
        dtype: input.dtype,
        shape,
    }
}

/// A shape as Python writes it, such as `(3, 4)`.
pub(crate) fn shape_text<N: ToString>(shape: &[N]) -> String {
    let numbers: Vec<_> = shape.iter().map(ToString::to_string).collect();
    let comma = if numbers.len() == 1 { "," } else { "" };
    format!("({}{comma})", numbers.join(", "))
}

/// The box of an item that begins at `start` and has a shape; it has to lie within the item.
pub(crate) fn box_of<'a, T>(
    x: &'a ArrayViewD<'_, T>,
    start: &[usize],
    shape: &[usize],
) -> ArrayViewD<'a, T> {
    x.slice_each_axis(|axis| {
        let axis = axis.axis.index();
        Slice::from(start[axis]..start[axis] + shape[axis])
    })
}
