//! `dequantize`: small codes as the numbers they stand for.

use super::codes::Bins;
use super::{Number, map_elements};
use ironbatch_kernel::{Dtype, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Replace codes of `quantize` by the middle of their bins.
///
/// The lowest and the highest code stand for the ends of the range; see `ironbatch.Quantizer`.
///
/// Parameters
/// ----------
/// x : array of int8, uint8, int16 or uint16
///     The codes.
/// ranges : (float, float)
///     Lower and upper end of the range.
///
/// Returns
/// -------
/// array of float32, of the shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If the range is empty or not finite.
#[kernel(T = [i8, u8, i16, u16], elementwise, infer = infer, check = check)]
pub(crate) fn dequantize<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, f32>,
    ranges: &[f64],
) -> Result<()> {
    let bins = Bins::new(ranges, T::DTYPE)?;
    map_elements(&x, &mut out, |code| bins.value(code.to_f64()));
    Ok(())
}

fn check(plan: &dequantize::Plan) -> Result<()> {
    if plan.is_per_item("ranges") {
        return Ok(());
    }
    Bins::new(&plan.ranges, Dtype::I8).map(|_| ())
}

fn infer(inputs: &[Spec], _: &dequantize::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: Dtype::F32,
        shape: inputs[0].shape.clone(),
    }])
}
