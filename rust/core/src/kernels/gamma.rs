//! `gamma`: a power of each element.

use super::{Number, map_elements};
use ironbatch_kernel::{Error, F16, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Values of all 8-bit numbers, kept while the exponent stays.
#[derive(Default)]
pub(crate) struct Table {
    gamma: Option<f64>,
    values: Vec<f64>,
}

/// Raise to a power: ``x ** gamma`` for floats, ``(x / top) ** gamma * top`` for integers.
///
/// `top` is the largest value of the dtype, so that the range stays. This is the power law of
/// R. C. Gonzalez and R. E. Woods, *Digital Image Processing*, 4th ed., section 3.2. Computed in
/// double precision; integers are rounded halves to even, and what is not a number (a negative one
/// to a broken power) is 0 in an integer dtype, NaN in a float. NaN and infinities go by
/// ``np.power``.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// gamma : float
///     The exponent, at least 0: below 1 dark parts get lighter. For all items, or one value for
///     each.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If `gamma` is negative or NaN.
#[kernel(T = [u8, i16, u16, F16, f32, f64], elementwise, check = check)]
pub(crate) fn gamma<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    table: &mut Table,
    gamma: f64,
) -> Result<()> {
    check_gamma(gamma)?;
    let Some((lowest, top)) = T::RANGE else {
        map_elements(&x, &mut out, |value| {
            T::from_f64(value.to_f64().powf(gamma))
        });
        return Ok(());
    };
    let power = |value: f64| (value / top).powf(gamma) * top;
    if lowest == 0.0 && top < 256.0 {
        if table.gamma != Some(gamma) {
            table.values = (0..=top as u16)
                .map(|value| power(f64::from(value)))
                .collect();
            table.gamma = Some(gamma);
        }
        map_elements(&x, &mut out, |value| {
            T::from_f64(table.values[value.to_f64() as usize])
        });
    } else {
        map_elements(&x, &mut out, |value| T::from_f64(power(value.to_f64())));
    }
    Ok(())
}

fn check_gamma(gamma: f64) -> Result<()> {
    if gamma >= 0.0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "gamma has to be at least 0, not {gamma}"
    )))
}

fn check(plan: &gamma::Plan) -> Result<()> {
    if plan.is_per_item("gamma") {
        Ok(())
    } else {
        check_gamma(plan.gamma)
    }
}
