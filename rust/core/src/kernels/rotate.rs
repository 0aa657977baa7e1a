//! `rotate`: about the center.

use super::geometry::borders::Border;
use super::geometry::{check_channels, sized_axes};
use super::warping::{Blend, Method, interpolation as known_interpolation, warp};
use ironbatch_kernel::{Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Rotate an image about its center; its size stays.
///
/// As OpenCV's ``warpAffine`` with the matrix of ``getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2),
/// angle, 1)``; computed as `affine` is. Multiples of 90 degrees are exact.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// angle : float
///     In degrees, counter-clockwise with the first row on top. For all items, or one for each.
/// interpolation : 'nearest', 'bilinear' or 'bicubic'
///     As for `affine`.
/// border : 'constant', 'edge', 'reflect' or 'wrap'
///     What lies beyond the item: `fill`, the nearest element, the elements mirrored at the nearest
///     one, or those from the other end. It is part of what is blended.
/// fill : float
///     For 'constant', converted to the dtype as `scale_shift` does. For all items, or one value
///     for each.
/// channels : 'last' or 'first'
///     Whether height and width are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Integers are rounded and kept within the dtype. NaN and infinities spread as far as they have
///     weight.
///
/// Raises
/// ------
/// ValueError
///     If `angle` is NaN or infinite, or the item has fewer than two axes.
#[kernel(T = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn rotate<T: Blend>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    angle: f64,
    #[default("bilinear")] interpolation: &str,
    #[default("constant")] border: &str,
    #[default(0.0)] fill: f64,
    #[default("last")] channels: &str,
) -> Result<()> {
    check_angle(angle)?;
    let axes = sized_axes(x.ndim(), 2, channels, "a place")?;
    let [y, x_center] =
        [axes.start, axes.start + 1].map(|axis| (x.shape()[axis] as f64 - 1.0) / 2.0);
    let (sin, cos) = sin_cos(angle);
    let matrix = [
        cos,
        -sin,
        x_center - cos * x_center + sin * y,
        sin,
        cos,
        y - sin * x_center - cos * y,
    ];
    let method = Method {
        interpolation: known_interpolation(interpolation)?,
        border: Border::from_name("border", border)?,
        fill,
        channels,
    };
    warp(&x, &mut out, &matrix, method)
}

/// Sine and cosine of degrees, exact at the multiples of a right angle.
fn sin_cos(angle: f64) -> (f64, f64) {
    let turned = angle.rem_euclid(360.0);
    let quarters = (turned / 90.0).round_ties_even();
    // Within half a right angle, where both are most precise.
    let (sin, cos) = (turned - 90.0 * quarters).to_radians().sin_cos();
    match quarters as u8 % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

fn check(plan: &rotate::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    known_interpolation(&plan.interpolation)?;
    Border::from_name("border", &plan.border)?;
    if plan.is_per_item("angle") {
        Ok(())
    } else {
        check_angle(plan.angle)
    }
}

fn check_angle(angle: f64) -> Result<()> {
    if angle.is_finite() {
        return Ok(());
    }
    Err(Error::new(format!("angle has to be finite, not {angle}")))
}

fn infer(inputs: &[Spec], plan: &rotate::Plan) -> Result<Vec<Spec>> {
    sized_axes(inputs[0].shape.len(), 2, &plan.channels, "a place")?;
    Ok(inputs.to_vec())
}
