//! Elements that are changed by numbers of the normal distribution.

use super::Number;
use ironbatch_kernel::{Error, ItemRng, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Set each element of `out` from the one of `x` at its place and `rng.normal(mean, std)`.
pub(crate) fn with_normals<T: Number>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    (mean, std): (f64, f64),
    function: impl Fn(f64, f64) -> f64,
) -> Result<()> {
    check_std(std)?;
    for (target, value) in out.iter_mut().zip(x) {
        *target = T::from_f64(function(value.to_f64(), rng.normal(mean, std)));
    }
    Ok(())
}

/// Refuse what is no standard deviation.
pub(crate) fn check_std(std: f64) -> Result<()> {
    if std.is_finite() && std >= 0.0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "std has to be at least 0 and finite, not {std}"
    )))
}
