//! Which axes of an item a size speaks of, and boxes within items.

pub(crate) mod borders;
pub(crate) mod windows;

use ironbatch_kernel::{Error, PerAxis, Result, Spec};
use ndarray::{ArrayViewD, Slice};
use std::borrow::Cow;
use std::fmt::Display;
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

/// The numbers for the axes of an item of a shape: those of a sequence, or one for every axis of an
/// item with one or two.
///
/// One number for an item with more axes is refused: whether it is for the channels too, nobody
/// knows.
pub(crate) fn along<'a, T: Copy + Display, N: ToString>(
    given: &'a PerAxis<T>,
    shape: &[N],
    name: &str,
) -> Result<Cow<'a, [T]>> {
    match given {
        PerAxis::Each(numbers) => Ok(Cow::Borrowed(numbers)),
        PerAxis::One(number) if shape.len() <= 2 => {
            Ok(Cow::Owned(vec![*number; shape.len().max(1)]))
        }
        PerAxis::One(number) => Err(Error::new(format!(
            "{name}={number} does not say which of the {} axes of an item of shape {} it is for: \
             give one number for each that it is for, as {name}=({number}, {number}) for two",
            shape.len(),
            shape_text(shape)
        ))),
    }
}

/// The numbers of two parameters for the same axes, such as where a box begins and how long it is.
///
/// A number beside a sequence stands for the axes that the sequence is about; two numbers, for those
/// that [`along`] says.
pub(crate) fn along_together<'a, T: Copy + Display, N: ToString>(
    given: [(&str, &'a PerAxis<T>); 2],
    shape: &[N],
) -> Result<[Cow<'a, [T]>; 2]> {
    let [(name, first), (other_name, other)] = given;
    let as_many = |number: T, as_in: &[T]| Cow::Owned(vec![number; as_in.len()]);
    Ok(match (first, other) {
        (PerAxis::Each(first), PerAxis::Each(other)) => {
            check_as_many([(name, first), (other_name, other)])?;
            [Cow::Borrowed(&first[..]), Cow::Borrowed(&other[..])]
        }
        (PerAxis::Each(first), PerAxis::One(other)) => {
            [Cow::Borrowed(&first[..]), as_many(*other, first)]
        }
        (PerAxis::One(first), PerAxis::Each(other)) => {
            [as_many(*first, other), Cow::Borrowed(&other[..])]
        }
        (PerAxis::One(_), PerAxis::One(_)) => {
            [along(first, shape, name)?, along(other, shape, other_name)?]
        }
    })
}

fn check_as_many<T>([(name, first), (other_name, other)]: [(&str, &[T]); 2]) -> Result<()> {
    if first.len() == other.len() {
        return Ok(());
    }
    Err(Error::new(format!(
        "{name} has {} numbers and {other_name} {}",
        first.len(),
        other.len()
    )))
}

/// A parameter: its name, its numbers unless they come per item or are left out, and the least that
/// they may be, if there is one.
pub(crate) type Given<'a> = (&'a str, Option<&'a PerAxis<i64>>, Option<i64>);

/// Refuse two parameters for the same axes before items are known.
pub(crate) fn check_together(given: [Given<'_>; 2]) -> Result<()> {
    for (name, given, least) in given {
        if let (Some(given), Some(least)) = (given, least) {
            check_numbers(name, given.numbers(), least)?;
        }
    }
    match given {
        [
            (name, Some(PerAxis::Each(first)), _),
            (other_name, Some(PerAxis::Each(other)), _),
        ] => check_as_many([(name, first), (other_name, other)]),
        _ => Ok(()),
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
