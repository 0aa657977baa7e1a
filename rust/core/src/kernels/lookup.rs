//! `lookup`: elements as places in a table.

use super::{Number, map_elements, writable};
use ironbatch_kernel::{Dtype, Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::cell::Cell;

/// Replace each element by the value at its place in a table: ``table[x]``.
///
/// Parameters
/// ----------
/// x : array of uint8, int16 or uint16
/// table : sequence of float
///     Values for 0, 1, 2, ...
/// dtype : dtype, optional
///     Of the result; that of `x` if left out. Values are converted to it as `scale_shift` does.
///
/// Returns
/// -------
/// array of the shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If the table is empty, or an element is no place in it.
#[kernel(
    T = [u8, i16, u16], U = [u8, i16, u16, F16, f32, f64],
    elementwise, infer = infer, check = check
)]
pub(crate) fn lookup<T: Number, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    table: &[f64],
    #[expect(unused_variables, reason = "it chose the type of `out`")] dtype: Option<Dtype>,
) -> Result<()> {
    let missed = Cell::new(None);
    map_elements(&x, &mut out, |value| {
        // A negative number becomes a place beyond every table.
        table.get(value.to_f64() as i64 as usize).map_or_else(
            || {
                missed.set(Some(value.to_f64()));
                U::from_f64(0.0)
            },
            |&found| U::from_f64(found),
        )
    });
    match missed.get() {
        Some(value) => Err(Error::new(format!(
            "{value} is no place in a table of {} values",
            table.len()
        ))),
        None => Ok(()),
    }
}

fn check(plan: &lookup::Plan) -> Result<()> {
    if plan.table.is_empty() && !plan.is_per_item("table") {
        return Err(Error::new("table is empty"));
    }
    plan.dtype
        .map_or(Ok(()), |dtype| writable(dtype).map(|_| ()))
}

fn infer(inputs: &[Spec], plan: &lookup::Plan) -> Result<Vec<Spec>> {
    let dtype = writable(plan.dtype.unwrap_or(inputs[0].dtype))?;
    Ok(vec![Spec {
        dtype,
        shape: inputs[0].shape.clone(),
    }])
}
