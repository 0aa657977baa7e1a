//! `multiplicative_noise`: multiply by random numbers.

use super::Number;
use super::noise::{Distribution, check_noise, chosen, with_noise};
use ironbatch_kernel::{F16, ItemRng, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Multiply by random numbers: ``x * rng.normal(1, std)``, or of another distribution.
///
/// The numbers are drawn for one element after the other from the item's own stream. Computed in
/// double precision, converted once at the end.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// std : float, optional
///     Standard deviation of the normal distribution around 1, in parts of the elements whatever the
///     dtype: 0.1 is a tenth of each. For all items, or one for each.
/// distribution : BoundDistribution, optional
///     What the factors are drawn from instead: one of ``kernels.distributions``, such as
///     ``distributions.uniform.bind(low=0.9, high=1.1)``. It may be given to ``bind`` without its
///     name.
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
pub(crate) fn multiplicative_noise<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    std: Option<f64>,
    distribution: Option<Distribution>,
) -> Result<()> {
    let noise = chosen(1.0, std, distribution)?;
    with_noise(&x, &mut out, rng, noise, |value, noise| value * noise);
    Ok(())
}

fn check(plan: &multiplicative_noise::Plan) -> Result<()> {
    check_noise(plan.std, plan.distribution, |name| plan.is_per_item(name))
}
