//! `cast`: another element type.

use super::{Number, map_elements, writable};
use ironbatch_kernel::{Bool, Dtype, Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Conversion as NumPy's `astype` does it, and defined where that leaves it to the machine.
pub(crate) trait CastTo<U> {
    fn cast(self) -> U;
}

/// By `$from => $to: |value| expression`.
macro_rules! casts {
    ($($from:ty => $($to:ty)*: $value:ident => $cast:expr;)*) => {
        $($(
            impl CastTo<$to> for $from {
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
                #[inline]
                fn cast(self) -> $to {
                    let $value = self;
                    $cast
                }
            }
        )*)*
    };
}

// Rust's `as` is what the kernel promises for these.
macro_rules! casts_as {
    ($($from:ty => $($to:ty)*;)*) => {
        $($(casts!($from => $to: value => value as $to;);)*)*
    };
}

casts_as!(
    u8 => u8 i16 u16 f32 f64;
    i16 => u8 i16 u16 f32 f64;
    u16 => u8 i16 u16 f32 f64;
    f32 => f32 f64;
    f64 => f32 f64;
);

/// The result of `as`, by steps that vectorise.
macro_rules! saturating_casts {
    ($($from:ty => $($to:ty)*;)*) => {
        $($(
            casts!($from => $to: value => {
                let value = if value.is_nan() { 0.0 } else { value };
                let value = value.clamp(<$from>::from(<$to>::MIN), <$from>::from(<$to>::MAX));
                // SAFETY: it is a number within the type, and so within a larger one.
                unsafe { value.to_int_unchecked::<i32>() as $to }
            };);
        )*)*
    };
}

saturating_casts!(
    f32 => u8 i16 u16;
    f64 => u8 i16 u16;
);

// Single precision holds each number of half precision; doubles hold all others here.
casts!(
    F16 => u8 i16 u16 f32 f64: value => value.to_f32().cast();
    F16 => F16: value => value;
    u8 => F16: value => F16::from_f32(f32::from(value));
    i16 => F16: value => F16::from_f32(f32::from(value));
    u16 => F16: value => F16::from_f32(f32::from(value));
    f32 => F16: value => F16::from_f32(value);
    f64 => F16: value => F16::from_f64(value);
    Bool => u8 i16 u16 F16 f32 f64: value => u8::from(value.get()).cast();
    Bool => Bool: value => value;
    u8 => Bool: value => Bool::from(value != 0);
    i16 => Bool: value => Bool::from(value != 0);
    u16 => Bool: value => Bool::from(value != 0);
    F16 => Bool: value => Bool::from(value.to_f32() != 0.0);
    f32 => Bool: value => Bool::from(value != 0.0);
    f64 => Bool: value => Bool::from(value != 0.0);
);

/// Convert elements to another dtype.
///
/// As ``x.astype(dtype)`` wherever NumPy defines the result: floats are cut towards zero to
/// integers, integers wrap around, and what is not 0 becomes true, NaN included. Floats that the
/// integer type cannot hold go to its nearest end, NaN goes to 0.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// dtype : dtype
///     One of the same.
///
/// Returns
/// -------
/// array of `dtype`, of the shape of `x`
#[kernel(
    T = [Bool, u8, i16, u16, F16, f32, f64], U = [Bool, u8, i16, u16, F16, f32, f64],
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
    if plan.dtype == Dtype::Bool || writable(plan.dtype).is_ok() {
        return Ok(());
    }
    Err(Error::new(format!(
        "dtype has to be bool, uint8, int16, uint16, float16, float32 or float64, not {}",
        plan.dtype
    )))
}

fn infer(inputs: &[Spec], plan: &cast::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: plan.dtype,
        shape: inputs[0].shape.clone(),
    }])
}
