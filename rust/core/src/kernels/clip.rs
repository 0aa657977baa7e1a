//! `clip`: elements kept within a range.

use super::{Number, map_elements};
use ironbatch_kernel::{Error, F16, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Keep elements within ``[low, high]``, as ``np.clip``.
///
/// The dtype stays. Bounds that an integer dtype does not hold are moved inwards to ones that it
/// does, or to its ends. NaN stays NaN.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// low, high : float, optional
///     For all items, or one value for each; no bound if left out. Neither may be NaN.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If `low` is above `high`, or no value of the dtype lies between them.
#[kernel(T = [u8, i16, u16, F16, f32, f64], elementwise, check = check)]
pub(crate) fn clip<T: Number + PartialOrd>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    low: Option<f64>,
    high: Option<f64>,
) -> Result<()> {
    check_bounds(low, high)?;
    let (lowest, highest) = T::RANGE.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let inwards = |bound: f64, round: fn(f64) -> f64| match T::RANGE {
        Some(_) => round(bound),
        None => bound,
    };
    let low = inwards(low.unwrap_or(lowest), f64::ceil).max(lowest);
    let high = inwards(high.unwrap_or(highest), f64::floor).min(highest);
    if low > high {
        return Err(Error::new(format!(
            "no {} lies between low and high",
            T::DTYPE
        )));
    }
    let (low, high) = (T::from_f64(low), T::from_f64(high));
    map_elements(&x, &mut out, |value| {
        let value = if value < low { low } else { value };
        if value > high { high } else { value }
    });
    Ok(())
}

fn check(plan: &clip::Plan) -> Result<()> {
    // Those that come per item are None here, and are checked there.
    check_bounds(plan.low, plan.high)
}

fn check_bounds(low: Option<f64>, high: Option<f64>) -> Result<()> {
    for (name, bound) in [("low", low), ("high", high)] {
        if bound.is_some_and(f64::is_nan) {
            return Err(Error::new(format!("{name} is NaN")));
        }
    }
    match (low, high) {
        (Some(low), Some(high)) if low > high => {
            Err(Error::new(format!("low={low} is above high={high}")))
        }
        _ => Ok(()),
    }
}
