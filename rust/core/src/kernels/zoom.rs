//! `zoom`: an item enlarged or shrunk by a factor.

use super::Number;
use super::geometry::{along, check_channels, resized, sized_axes};
use super::resampling::{FastResize, Interpolation, Method, Scratch, resample};
use ironbatch_kernel::{Error, F16, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Enlarge or shrink an item by factors: `resize` to ``round(n * factor)``, at least 1.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// factor : float or sequence of float
///     Along as many axes, such as height and width; other axes stay. One number is for every axis
///     of items with one or two.
/// interpolation : 'nearest', 'bilinear', 'bicubic', 'lanczos' or 'area'
/// antialias : bool
/// channels : 'last' or 'first'
///     See `resize`.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     Rounded, and with NaN and infinities, as by `resize`.
///
/// Raises
/// ------
/// ValueError
///     If a factor is not a number above 0, or the item has no elements.
#[kernel(T = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn zoom<T: Number + FastResize>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    scratch: &mut Scratch,
    factor: &PerAxis<f64>,
    #[default("bilinear")] interpolation: &str,
    #[default(true)] antialias: bool,
    #[default("last")] channels: &str,
) -> Result<()> {
    let count = along(factor, x.shape(), "factor")?.len();
    let axes = sized_axes(x.ndim(), count, channels, "factor")?;
    let method = Method {
        interpolation: Interpolation::from_name(interpolation)?,
        antialias,
        channels_first: channels == "first",
    };
    resample(&x, &mut out, axes, method, scratch)
}

fn check(plan: &zoom::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if !plan.is_per_item("factor") {
        check_factor(plan.factor.numbers())?;
    }
    Interpolation::from_name(&plan.interpolation).map(|_| ())
}

fn check_factor(factor: &[f64]) -> Result<()> {
    if factor.is_empty() {
        return Err(Error::new("factor is empty"));
    }
    match factor
        .iter()
        .find(|factor| !(**factor > 0.0 && factor.is_finite()))
    {
        Some(factor) => Err(Error::new(format!(
            "factor has to be a number above 0, not {factor}"
        ))),
        None => Ok(()),
    }
}

fn infer(inputs: &[Spec], plan: &zoom::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let factor = along(&plan.factor, shape, "factor")?;
    check_factor(&factor)?;
    let axes = sized_axes(shape.len(), factor.len(), &plan.channels, "factor")?;
    let lengths: Vec<_> = axes
        .clone()
        .zip(&*factor)
        .map(|(axis, factor)| ((shape[axis] as f64 * factor).round_ties_even() as i64).max(1))
        .collect();
    Ok(vec![resized(&inputs[0], axes, lengths)])
}
