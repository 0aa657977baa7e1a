//! `quantize`: numbers as small codes.

use super::codes::Bins;
use super::{Number, map_elements};
use ironbatch_kernel::{Dtype, Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::cell::Cell;

/// Replace numbers by the code of the bin they are in, as ``Quantizer(ranges, dtype=dtype)`` does.
///
/// The range is cut into equal bins, two fewer than the dtype has codes. Numbers below it have the
/// code of the first bin, numbers from its upper end on the highest code; infinities are such.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// ranges : (float, float)
///     Lower and upper end of the range.
/// dtype : dtype
///     Of the codes: int8, uint8, int16 or uint16.
///
/// Returns
/// -------
/// array of `dtype`, of the shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If an item holds NaN, for which there is no code, or the range is empty or not finite.
#[kernel(
    T = [u8, i16, u16, F16, f32, f64], U = [i8, u8, i16, u16],
    elementwise, infer = infer, check = check
)]
pub(crate) fn quantize<T: Number, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    ranges: &[f64],
    #[default(Dtype::I8)] dtype: Dtype,
) -> Result<()> {
    let bins = Bins::new(ranges, dtype)?;
    let broken = Cell::new(false);
    map_elements(&x, &mut out, |value| {
        let value = value.to_f64();
        if value.is_nan() {
            broken.set(true);
        }
        U::from_f64(bins.code(value))
    });
    if broken.get() {
        return Err(Error::new(
            "NaN cannot be quantized: replace it or leave it out first",
        ));
    }
    Ok(())
}

fn check(plan: &quantize::Plan) -> Result<()> {
    // What comes per item is checked there, the dtype here.
    let ranges: &[f64] = if plan.is_per_item("ranges") {
        &[0.0, 1.0]
    } else {
        &plan.ranges
    };
    Bins::new(ranges, plan.dtype).map(|_| ())
}

fn infer(inputs: &[Spec], plan: &quantize::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: plan.dtype,
        shape: inputs[0].shape.clone(),
    }])
}
