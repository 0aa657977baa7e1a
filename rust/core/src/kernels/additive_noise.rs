//! `additive_noise`: add random numbers.

use super::Number;
use super::noise::{Distribution, check_noise, chosen, with_noise};
use ironbatch_kernel::{F16, ItemRng, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Add random numbers: ``x + rng.normal(0, std)``, or of another distribution.
///
/// The numbers are drawn for one element after the other from the item's own stream. Computed in
/// double precision, converted once at the end.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// std : float, optional
///     Standard deviation of the normal distribution, in units of the elements: 10 is 10 gray levels
///     for uint8, 0.04 the same for floats up to 1. For all items, or one for each.
/// distribution : BoundDistribution, optional
///     What the numbers are drawn from instead: one of ``kernels.distributions``, such as
///     ``distributions.uniform.bind(low=-5, high=5)``. It may be given to ``bind`` without its name.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Integers are rounded, halves to even, and kept within the dtype. NaN stays NaN, infinities
///     stay infinite.
///
/// Raises
/// ------
/// ValueError
///     If `std` is negative, infinite or NaN, or not exactly one of `std` and `distribution` is
///     given.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn additive_noise<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    std: Option<f64>,
    distribution: Option<Distribution>,
) -> Result<()> {
    let noise = chosen(0.0, std, distribution)?;
    with_noise(&x, &mut out, rng, noise, |value, noise| value + noise);
    Ok(())
}

fn check(plan: &additive_noise::Plan) -> Result<()> {
    check_noise(plan.std, plan.distribution, |name| plan.is_per_item(name))
}
