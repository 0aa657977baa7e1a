//! Items of other lengths, each element a weighted mean of the ones around its place.
//!
//! Images of up to four channels go through `fast_image_resize`, which has the vector instructions,
//! but for those of bytes that are resized without antialiasing (`bilinear`): there it rounds twice.
//! Everything else (other dtypes, ranks and numbers of channels, and the rules that OpenCV has and
//! Pillow has not) is computed here, axis by axis in double precision.

mod bilinear;
mod images;
mod weights;

pub(crate) use images::{FastResize, Scratch};
pub(crate) use weights::Interpolation;

use super::Number;
use ironbatch_kernel::{Error, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::ops::Range;
use weights::Weights;

/// How an item is resampled.
#[derive(Clone, Copy)]
pub(crate) struct Method {
    pub interpolation: Interpolation,
    /// Whether the weights reach as far as an element of the result does.
    pub antialias: bool,
    pub channels_first: bool,
}

/// Resample `axes` of `x` to the lengths that `out` has.
pub(crate) fn resample<T: Number + FastResize>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    axes: Range<usize>,
    method: Method,
    scratch: &mut Scratch,
) -> Result<()> {
    if axes.clone().any(|axis| x.shape()[axis] == 0) && !out.is_empty() {
        return Err(Error::new("an item without elements cannot be resized"));
    }
    if out.is_empty() {
        return Ok(());
    }
    let x = x.as_standard_layout();
    let Some(source) = x.as_slice() else {
        return Err(Error::new("the item has no standard layout"));
    };
    let (from, to) = (x.shape().to_vec(), out.shape().to_vec());
    let mut whole = Vec::new();
    let target = if out.is_standard_layout() {
        out.as_slice_mut().unwrap_or_default()
    } else {
        whole.resize(to.iter().product(), T::from_f64(0.0));
        &mut whole[..]
    };
    if !images::resize(source, &from, target, &to, axes.clone(), method, scratch)? {
        separably(source, &from, target, &to, axes, method, scratch);
    }
    for (target, value) in out.iter_mut().zip(whole) {
        *target = value;
    }
    Ok(())
}

/// Resample one axis after the other, the last one first, as Pillow does.
///
/// Like there, integers are rounded after each; OpenCV, whose way it is without `antialias`, rounds
/// once.
fn separably<T: Number>(
    source: &[T],
    from: &[usize],
    target: &mut [T],
    to: &[usize],
    axes: Range<usize>,
    method: Method,
    scratch: &mut Scratch,
) {
    let mut shape = from.to_vec();
    let (mut values, mut next) = (
        std::mem::take(&mut scratch.values),
        std::mem::take(&mut scratch.next),
    );
    values.clear();
    values.extend(source.iter().map(|value| value.to_f64()));
    for axis in axes.rev() {
        if shape[axis] == to[axis] {
            continue;
        }
        let weights = Weights::new(
            shape[axis],
            to[axis],
            method.interpolation,
            method.antialias,
        );
        let inner: usize = shape[axis + 1..].iter().product();
        next.clear();
        for part in values.chunks_exact(shape[axis] * inner) {
            for place in 0..to[axis] {
                let row = next.len();
                next.resize(row + inner, 0.0);
                for (at, weight) in weights.of(place) {
                    for (sum, value) in next[row..]
                        .iter_mut()
                        .zip(&part[at * inner..(at + 1) * inner])
                    {
                        *sum += weight * value;
                    }
                }
            }
        }
        shape[axis] = to[axis];
        if method.antialias && T::RANGE.is_some() {
            for value in &mut next {
                *value = T::from_f64(*value).to_f64();
            }
        }
        std::mem::swap(&mut values, &mut next);
    }
    for (target, &value) in target.iter_mut().zip(&values) {
        *target = T::from_f64(value);
    }
    (scratch.values, scratch.next) = (values, next);
}
