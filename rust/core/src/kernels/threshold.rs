//! `threshold`: which elements lie above a level.

use super::{Number, map_elements};
use ironbatch_kernel::{Dtype, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Mark elements above a level: ``(x > level).astype(np.uint8)``.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// level : float
///     For all items, or one value for each. Nothing lies above NaN, nor does NaN lie above
///     anything.
///
/// Returns
/// -------
/// array of uint8, of the shape of `x`
///     1 above the level, 0 elsewhere.
#[kernel(T = [u8, i16, u16, F16, f32, f64], elementwise, infer = infer)]
pub(crate) fn threshold<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, u8>,
    level: f64,
) {
    map_elements(&x, &mut out, |value| u8::from(value.to_f64() > level));
}

fn infer(inputs: &[Spec], _: &threshold::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: Dtype::U8,
        shape: inputs[0].shape.clone(),
    }])
}
