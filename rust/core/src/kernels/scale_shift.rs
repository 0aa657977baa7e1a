//! `scale_shift`: an affine function of each element.

use super::single::{Line, multiply_add};
use super::{Number, map_elements, map_slice, writable};
use ironbatch_kernel::{Dtype, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// What a worker keeps: how the last function of bytes is computed quickly, if it can be.
#[derive(Default)]
pub(crate) struct Kept {
    of: Option<[u64; 2]>,
    line: Option<Line>,
}

impl Kept {
    fn line<U: Number>(
        &mut self,
        scale: f64,
        shift: f64,
        formula: impl Fn(f64) -> U,
    ) -> Option<Line> {
        let of = Some([scale.to_bits(), shift.to_bits()]);
        if self.of != of {
            self.line = Line::new(-shift / scale, scale, formula);
            self.of = of;
        }
        self.line
    }
}

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
    kept: &mut Kept,
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
        if let Some(line) = kept.line(scale, shift, formula) {
            map_slice(bytes, out, |byte| line.at(byte));
            return;
        }
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
    plan.dtype
        .map_or(Ok(()), |dtype| writable(dtype).map(|_| ()))
}

fn infer(inputs: &[Spec], plan: &scale_shift::Plan) -> Result<Vec<Spec>> {
    let dtype = writable(plan.dtype.unwrap_or(inputs[0].dtype))?;
    Ok(vec![Spec {
        dtype,
        shape: inputs[0].shape.clone(),
    }])
}
