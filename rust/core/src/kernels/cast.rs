//! `cast`: another element type.

use super::{Number, map_elements, writable};
use ironbatch_kernel::{Dtype, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Conversion as NumPy's `astype` does it, and defined where that leaves it to the machine.
pub(crate) trait CastTo<U> {
    fn cast(self) -> U;
}

macro_rules! casts {
    ($($from:ty => $($to:ty)*),*) => {
        $($(
            impl CastTo<$to> for $from {
                // Rust's `as` is what the kernel promises, for every pair of types.
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
                #[inline]
                fn cast(self) -> $to {
                    self as $to
                }
            }
        )*)*
    };
}

/// The same result as that of `as`, by steps that vectorise.
macro_rules! saturating_casts {
    ($($from:ty => $($to:ty)*),*) => {
        $($(
            impl CastTo<$to> for $from {
                #[inline]
                fn cast(self) -> $to {
                    let value = if self.is_nan() { 0.0 } else { self };
                    let value = value.clamp(<$from>::from(<$to>::MIN), <$from>::from(<$to>::MAX));
                    // SAFETY: it is a number within the type, and so within a larger one.
                    unsafe { value.to_int_unchecked::<i32>() as $to }
                }
            }
        )*)*
    };
}

casts!(
    u8 => u8 i16 u16 f32 f64,
    i16 => u8 i16 u16 f32 f64,
    u16 => u8 i16 u16 f32 f64,
    f32 => f32 f64,
    f64 => f32 f64
);

saturating_casts!(f32 => u8 i16 u16, f64 => u8 i16 u16);

/// Convert elements to another dtype.
///
/// As ``x.astype(dtype)`` wherever NumPy defines the result: floats are cut towards zero to
/// integers, integers wrap around. Floats that the integer type cannot hold go to its nearest
/// end, NaN goes to 0.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float32 or float64
/// dtype : dtype
///     One of the same.
///
/// Returns
/// -------
/// array of `dtype`, of the shape of `x`
#[kernel(
    T = [u8, i16, u16, f32, f64], U = [u8, i16, u16, f32, f64],
    elementwise, infer = infer, check = check
)]
pub(crate) fn cast<T: Number + CastTo<U>, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    #[expect(unused_variables, reason = "it chose the type of `out`")] dtype: Dtype,
) {
    map_elements(&x, &mut out, CastTo::cast);
}

fn check(plan: &cast::Plan) -> Result<()> {
    writable(plan.dtype).map(|_| ())
}

fn infer(inputs: &[Spec], plan: &cast::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec { dtype: writable(plan.dtype)?, shape: inputs[0].shape.clone() }])
}
