//! The built-in kernels.
//!
//! Each file of this folder is a kernel with the name of the file: the build script lists them,
//! so a new one needs no other edit. They are written against the same SDK as a user's kernels
//! and reach the host through the same table.

#![expect(
    clippy::doc_markdown,
    reason = "the documentation of a kernel is its docstring"
)]
#![expect(
    clippy::unnecessary_wraps,
    reason = "the functions that infer specs look alike, whether they can fail or not"
)]

use crate::instructions::vectorised;
use ironbatch_kernel::{Bool, Dtype, Element, Error, F16, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};

mod channels;
mod codes;
mod filtering;
mod geometry;
mod moving;
mod noise;
mod painting;
mod resampling;
mod runs;
mod single;
mod warping;

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// Elements that the built-in kernels compute with, in double precision where not said otherwise.
pub(crate) trait Number: Element {
    /// Lowest and highest value, for types that do not hold every number.
    const RANGE: Option<(f64, f64)>;

    /// The value as a double; exact for all types here.
    fn to_f64(self) -> f64;

    /// The nearest value: halves to even, too large ones to the ends, NaN to 0 where there is none.
    fn from_f64(value: f64) -> Self;

    /// Elements that are bytes, as such: of these each value can be looked up.
    fn bytes(_elements: &[Self]) -> Option<&[u8]> {
        None
    }
}

macro_rules! integer_numbers {
    ($($type:ty $({ $($bytes:item)* })?),*) => {
        $(
            impl Number for $type {
                const RANGE: Option<(f64, f64)> = Some((<$type>::MIN as f64, <$type>::MAX as f64));

                #[inline]
                fn to_f64(self) -> f64 {
                    f64::from(self)
                }

                #[inline]
                fn from_f64(value: f64) -> Self {
                    // Adding 1.5 * 2^52 leaves no room for a fraction: the processor rounds it off,
                    // halves to even, and the whole number stands in the lowest bits. Unlike a
                    // cast, all of this vectorises.
                    const WHOLE: f64 = 6_755_399_441_055_744.0;
                    let value = if value.is_nan() { 0.0 } else { value };
                    let value = value.clamp(f64::from(<$type>::MIN), f64::from(<$type>::MAX));
                    (value + WHOLE).to_bits() as Self
                }

                $($($bytes)*)?
            }
        )*
    };
}

integer_numbers!(
    i8,
    u8 {
        fn bytes(elements: &[Self]) -> Option<&[u8]> {
            Some(elements)
        }
    },
    i16,
    u16
);

impl Number for Bool {
    const RANGE: Option<(f64, f64)> = Some((0.0, 1.0));

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self.get()))
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        // As of integers: a half goes to the even one of both, NaN to 0.
        Self::from(value > 0.5)
    }
}

impl Number for F16 {
    const RANGE: Option<(f64, f64)> = None;

    #[inline]
    fn to_f64(self) -> f64 {
        Self::to_f64(self)
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        Self::from_f64(value)
    }
}

impl Number for f32 {
    const RANGE: Option<(f64, f64)> = None;

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Number for f64 {
    const RANGE: Option<(f64, f64)> = None;

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// A dtype that a parameter asks for, if the built-in kernels can write it.
pub(crate) fn writable(dtype: Dtype) -> Result<Dtype> {
    match dtype {
        Dtype::U8 | Dtype::I16 | Dtype::U16 | Dtype::F16 | Dtype::F32 | Dtype::F64 => Ok(dtype),
        other => Err(Error::new(format!(
            "dtype has to be uint8, int16, uint16, float16, float32 or float64, not {other}"
        ))),
    }
}

/// Set each element of `out` from the one of `x` at its place.
pub(crate) fn map_elements<T: Copy, U>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, U>,
    function: impl Fn(T) -> U,
) {
    if let (Some(x), Some(out)) = (x.as_slice(), out.as_slice_mut()) {
        map_slice(x, out, function);
        return;
    }
    for (target, &value) in out.iter_mut().zip(x) {
        *target = function(value);
    }
}

vectorised! {
    /// The same for elements without gaps.
    pub(crate) fn map_slice[T: Copy, U](
        source: &[T],
        target: &mut [U],
        function: impl Fn(T) -> U,
    ) = map_one_by_one;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn map_one_by_one<T: Copy, U>(source: &[T], target: &mut [U], function: impl Fn(T) -> U) {
    for (target, &value) in target.iter_mut().zip(source) {
        *target = function(value);
    }
}
