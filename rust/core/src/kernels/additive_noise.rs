//! `additive_noise`: add numbers of the normal distribution.

use super::Number;
use super::noise::{check_std, with_normals};
use ironbatch_kernel::{F16, ItemRng, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Add numbers of the normal distribution: ``x + rng.normal(0, std)``.
///
/// The numbers are drawn for one element after the other from the item's own stream. Computed in
/// double precision, converted once at the end.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// std : float
///     Standard deviation, in units of the elements: 10 is 10 gray levels for uint8, 0.04 the same
///     for floats up to 1. For all items, or one for each.
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
pub(crate) fn additive_noise<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    std: f64,
) -> Result<()> {
    with_normals(&x, &mut out, rng, (0.0, std), |value, noise| value + noise)
}

fn check(plan: &additive_noise::Plan) -> Result<()> {
    // NaN stands for one that comes per item.
    if plan.std.is_nan() { Ok(()) } else { check_std(plan.std) }
}
