//! `multiplicative_noise`: multiply by numbers of the normal distribution around 1.

use super::Number;
use super::noise::{check_std, with_normals};
use ironbatch_kernel::{F16, ItemRng, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Multiply by numbers of the normal distribution around 1: ``x * rng.normal(1, std)``.
///
/// The numbers are drawn for one element after the other from the item's own stream. Computed in
/// double precision, converted once at the end.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// std : float
///     Standard deviation, in parts of the elements whatever the dtype: 0.1 is a tenth of each. For
///     all items, or one for each.
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
///     If `std` is negative, infinite or NaN.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn multiplicative_noise<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    std: f64,
) -> Result<()> {
    with_normals(&x, &mut out, rng, (1.0, std), |value, noise| value * noise)
}

fn check(plan: &multiplicative_noise::Plan) -> Result<()> {
    // NaN stands for one that comes per item.
    if plan.std.is_nan() { Ok(()) } else { check_std(plan.std) }
}
