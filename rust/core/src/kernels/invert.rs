//! `invert`: the negative of an image.

use super::{Number, map_elements};
use ironbatch_kernel::{Bool, F16, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// The value at the other end of the range.
pub(crate) trait Invert {
    fn invert(self) -> Self;
}

macro_rules! inverts {
    ($($type:ty: $x:ident => $value:expr),*) => {
        $(
            impl Invert for $type {
                #[inline]
                fn invert(self) -> Self {
                    let $x = self;
                    $value
                }
            }
        )*
    };
}

inverts!(
    Bool: x => Self::from(!x.get()),
    u8: x => !x,
    i16: x => !x,
    u16: x => !x,
    F16: x => Self::from_f64(1.0 - x.to_f64()),
    f32: x => 1.0 - x,
    f64: x => 1.0 - x
);

/// Swap dark and light: ``np.invert(x)`` for integers, ``1 - x`` for floats.
///
/// So uint8 0 and 255 change places, int16 -32768 and 32767, and floats are taken to lie in
/// ``[0, 1]`` (others, infinities and NaN follow the formula).
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], elementwise)]
pub(crate) fn invert<T: Number + Invert>(x: ArrayViewD<'_, T>, mut out: ArrayViewMutD<'_, T>) {
    map_elements(&x, &mut out, Invert::invert);
}
