//! `scale_shift`: an affine function of each element.

use super::single::multiply_add;
use super::{Number, map_elements, writable};
use ironbatch_kernel::{Dtype, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Multiply and add: ``x * scale + shift``.
///
/// Computed in double precision and converted once at the end: to an integer dtype by rounding
/// halves to even, as ``np.rint``, with values beyond the dtype going to its ends and NaN to 0; in a
/// float dtype NaN stays NaN, and what is beyond it is infinite. Where float32 comes of what float32
/// holds, `scale` and `shift` too, the exact result is rounded once, as by `fusedMultiplyAdd` of
/// IEEE 754.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// scale, shift : float
///     For all items, or one value for each.
/// dtype : dtype, optional
///     Of the result; that of `x` if left out.
///
/// Returns
/// -------
/// array of the shape of `x`
#[kernel(
    T = [u8, i16, u16, F16, f32, f64], U = [u8, i16, u16, F16, f32, f64],
    elementwise, infer = infer, check = check
)]
pub(crate) fn scale_shift<T: Number, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    #[default(1.0)] scale: f64,
    #[default(0.0)] shift: f64,
    #[expect(unused_variables, reason = "it chose the type of `out`")] dtype: Option<Dtype>,
) {
    if multiply_add(&x, &mut out, scale, shift) {
        return;
    }
    let formula = |value: f64| U::from_f64(value * scale + shift);
    if let (Some(bytes), Some(out)) = (x.as_slice().and_then(T::bytes), out.as_slice_mut())
        && bytes.len() >= 256
    {
        // A byte has few values: each is computed once for an item.
        let table: [U; 256] = std::array::from_fn(|value| formula(value as f64));
        for (target, &value) in out.iter_mut().zip(bytes) {
            *target = table[usize::from(value)];
        }
        return;
    }
    map_elements(&x, &mut out, |value| formula(value.to_f64()));
}

fn check(plan: &scale_shift::Plan) -> Result<()> {
    plan.dtype.map_or(Ok(()), |dtype| writable(dtype).map(|_| ()))
}

fn infer(inputs: &[Spec], plan: &scale_shift::Plan) -> Result<Vec<Spec>> {
    let dtype = writable(plan.dtype.unwrap_or(inputs[0].dtype))?;
    Ok(vec![Spec { dtype, shape: inputs[0].shape.clone() }])
}
