//! Which axes of an item a size speaks of, and copies of boxes within items.

pub(crate) mod borders;
pub(crate) mod windows;

use super::moving::{Movable, Word, words, words_mut};
use super::runs::Runs;
use ironbatch_kernel::{Error, Item, Result, Spec};
use ndarray::{ArrayViewD, ArrayViewMutD, Slice};
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

/// Copy the box of `x` that begins at `start` and is as large as `out`; it has to lie within `x`.
///
/// `item` is given where `out` is the first output of the kernel, all of it.
pub(crate) fn copy_box<T: Movable>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    start: &[usize],
    item: Option<Item<'_>>,
) {
    copy_words(&words(x), &mut words_mut(out), start, item);
}

fn copy_words<W: Word>(
    x: &ArrayViewD<'_, W>,
    out: &mut ArrayViewMutD<'_, W>,
    start: &[usize],
    item: Option<Item<'_>>,
) {
    let size = out.shape().to_vec();
    if let (Some(source), Some(target)) = (x.as_slice(), out.as_slice_mut()) {
        copy_rows(source, x.shape(), target, &size, start, item);
        return;
    }
    let part = x.slice_each_axis(|axis| {
        let first = start[axis.axis.index()] as isize;
        Slice::from(first..first + size[axis.axis.index()] as isize)
    });
    out.assign(&part);
}

/// Copy a box between items without gaps, in runs as long as the layout allows.
fn copy_rows<W: Word>(
    source: &[W],
    shape: &[usize],
    target: &mut [W],
    size: &[usize],
    start: &[usize],
    item: Option<Item<'_>>,
) {
    if target.is_empty() {
        return;
    }
    // Axes behind the last one that is cut are part of every run.
    let Some(cut) = (0..shape.len())
        .rev()
        .find(|&axis| size[axis] != shape[axis])
    else {
        target.copy_from_slice(source);
        return;
    };
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let run = size[cut] * strides[cut];
    let mut place: Vec<usize> = vec![0; cut];
    let first: usize = start
        .iter()
        .zip(&strides)
        .map(|(start, stride)| start * stride)
        .sum();
    let mut offset = first;
    let n_runs = target.len() / run;
    let mut runs = Runs::new(target, item);
    for _ in 0..n_runs {
        runs.next(run)
            .copy_from_slice(&source[offset..offset + run]);
        for axis in (0..cut).rev() {
            place[axis] += 1;
            offset += strides[axis];
            if place[axis] < size[axis] {
                break;
            }
            offset -= place[axis] * strides[axis];
            place[axis] = 0;
        }
    }
}
