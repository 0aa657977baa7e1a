//! Items whose elements are taken from other places: rotated, scaled, sheared, shifted.
//!
//! Places are numbers of fixed point with 32 binary digits behind the point. Along a row they grow
//! by a fixed step, so which elements of a row lie within the item is known without looking at each.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod bilinear;
mod blend;
mod places;
mod taps;

pub(crate) use blend::Blend;
pub(crate) use places::inverted;

use super::Number;
use super::geometry::borders::Border;
use super::geometry::{shape_text, sized_axes};
use super::resampling::Interpolation;
use ironbatch_kernel::{Error, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};
use places::Places;

/// How elements are taken.
#[derive(Clone, Copy)]
pub(crate) struct Method<'a> {
    pub interpolation: Interpolation,
    pub border: Border,
    /// For the constant border.
    pub fill: f64,
    /// Layout of the item.
    pub channels: &'a str,
}

/// An image or volume whose channels lie together.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a, T> {
    elements: &'a [T],
    /// Lengths along x, y and z; 1 for z of an image.
    lengths: [usize; 3],
    channels: usize,
}

impl<'a, T> Image<'a, T> {
    /// The channels of an element.
    #[inline]
    fn at(&self, [x, y, z]: [usize; 3]) -> &'a [T] {
        let first = ((z * self.lengths[1] + y) * self.lengths[0] + x) * self.channels;
        &self.elements[first..first + self.channels]
    }
}

/// What the interpolations here are called.
pub(crate) fn interpolation(name: &str) -> Result<Interpolation> {
    match name {
        "nearest" | "bilinear" | "bicubic" => Interpolation::from_name(name),
        other => Err(Error::new(format!(
            "interpolation has to be 'nearest', 'bilinear' or 'bicubic', not '{other}'"
        ))),
    }
}

/// Fill `out` with the elements of `x` at the places that `matrix` gives.
///
/// `matrix` has a row for each axis, x first and then y and z, and leads from a place of `out`,
/// with a 1 behind, to one of `x`.
pub(crate) fn warp<T: Number + Blend>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    matrix: &[f64],
    method: Method<'_>,
) -> Result<()> {
    let n_axes = places::axes_of(matrix);
    let axes = sized_axes(x.ndim(), n_axes, method.channels, "matrix")?;
    if out.is_empty() {
        return Ok(());
    }
    let fill = T::from_f64(method.fill);
    if x.is_empty() {
        if method.border != Border::Constant {
            return Err(Error::new(format!(
                "an item of shape {} has nothing to continue at its border",
                shape_text(x.shape())
            )));
        }
        out.fill(fill);
        return Ok(());
    }
    let lengths_of = |shape: &[usize]| {
        let mut lengths = [1; 3];
        for (number, axis) in axes.clone().rev().enumerate() {
            lengths[number] = shape[axis];
        }
        lengths
    };
    let (from, to) = (lengths_of(x.shape()), lengths_of(out.shape()));
    let places = Places::new(matrix, to)?;
    let channels = x.shape()[axes.end..].iter().product();
    let x = x.as_standard_layout();
    let source = x
        .as_slice()
        .ok_or_else(|| Error::new("the item has no standard layout"))?;
    let mut whole = Vec::new();
    let is_contiguous = out.is_standard_layout();
    if !is_contiguous {
        whole.resize(out.len(), fill);
    }
    let target = match out.as_slice_mut() {
        Some(target) if is_contiguous => target,
        _ => &mut whole[..],
    };
    let n_elements = |lengths: [usize; 3]| lengths.iter().product::<usize>() * channels;
    for (elements, target) in source
        .chunks_exact(n_elements(from))
        .zip(target.chunks_exact_mut(n_elements(to)))
    {
        let image = Image {
            elements,
            lengths: from,
            channels,
        };
        match method.interpolation {
            Interpolation::Nearest => nearest(&image, &places, target, to, method.border, fill),
            Interpolation::Bilinear if n_axes == 2 => {
                bilinear::bilinear(&image, &places, target, to[0], method.border, fill);
            }
            other => taps::weighted(&image, &places, target, to, (other, method.border, fill)),
        }
    }
    for (target, value) in out.iter_mut().zip(whole) {
        *target = value;
    }
    Ok(())
}

/// Take the nearest element; of two equally near ones the later.
fn nearest<T: Copy>(
    image: &Image<'_, T>,
    places: &Places,
    target: &mut [T],
    to: [usize; 3],
    border: Border,
    fill: T,
) {
    match image.channels {
        1 => nearest_of::<1, T>(image, places, target, to, border, fill),
        3 => nearest_of::<3, T>(image, places, target, to, border, fill),
        4 => nearest_of::<4, T>(image, places, target, to, border, fill),
        _ => nearest_of::<0, T>(image, places, target, to, border, fill),
    }
}

/// Of `N` channels; 0 stands for any number.
fn nearest_of<const N: usize, T: Copy>(
    image: &Image<'_, T>,
    places: &Places,
    target: &mut [T],
    to: [usize; 3],
    border: Border,
    fill: T,
) {
    let lengths = image.lengths.map(|length| length as i64);
    let channels = if N == 0 { image.channels } else { N };
    for (row, target) in target.chunks_exact_mut(to[0] * channels).enumerate() {
        let mut at = places
            .row(row % to[1], row / to[1])
            .map(|at| at + places::HALF);
        for target in target.chunks_exact_mut(channels) {
            let found = [0, 1, 2].map(|axis| border.place(at[axis] >> 32, lengths[axis]));
            match found {
                [Some(x), Some(y), Some(z)] => {
                    target.copy_from_slice(&image.at([x, y, z])[..channels]);
                }
                _ => target.fill(fill),
            }
            places.step(&mut at);
        }
    }
}
