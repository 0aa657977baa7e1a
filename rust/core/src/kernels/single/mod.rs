//! Products and sums in single precision that are rounded once.
//!
//! # Why
//!
//! Converting to double precision and back takes longer than all else that an elementwise kernel
//! does. Single precision would lose the last bits if product and sum were each rounded. Rounded
//! once, as `fusedMultiplyAdd` of IEEE 754, the result is the nearest one that there is: never
//! worse than that of double precision, which is rounded twice.
//!
//! # How
//!
//! Where the processor multiplies and adds in one step, that is used. Elsewhere the same bytes come
//! from double precision: a product of two singles is exact in it, and a sum that is rounded to odd
//! can be rounded again without harm (S. Boldo and G. Melquiond, *Emulation of a FMA and
//! Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd*, IEEE Transactions on Computers
//! 57(4), 2008).

mod bytes;

pub(crate) use bytes::{Line, write_in_turn};

use super::{Number, map_elements};
use crate::instructions::InstructionSet;
use ironbatch_kernel::Dtype;
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Set each element of `out` to `x * scale + shift`, rounded once.
///
/// False, and nothing is done, unless the elements of `out` are of single precision, and it holds
/// whatever elements of `x` may be, and both numbers.
pub(crate) fn multiply_add<T: Number, U: Number>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, U>,
    scale: f64,
    shift: f64,
) -> bool {
    let (Some(scale), Some(shift), true) = (exactly(scale), exactly(shift), is_single::<T, U>())
    else {
        return false;
    };
    // Conversions by way of double precision are none in what is compiled.
    let single = |value: T| value.to_f64() as f32;
    let stored = |value: f32| U::from_f64(f64::from(value));
    if InstructionSet::adds_products() {
        map_elements(x, out, |value| stored(single(value).mul_add(scale, shift)));
    } else {
        map_elements(x, out, |value| {
            stored(rounded_once(single(value), scale, shift))
        });
    }
    true
}

const fn is_single<T: Number, U: Number>() -> bool {
    matches!(
        T::DTYPE,
        Dtype::U8 | Dtype::I16 | Dtype::U16 | Dtype::F16 | Dtype::F32
    ) && matches!(U::DTYPE, Dtype::F32)
}

/// The number in single precision, if that is the same number.
fn exactly(number: f64) -> Option<f32> {
    let single = number as f32;
    (f64::from(single).to_bits() == number.to_bits()).then_some(single)
}

/// What `value.mul_add(scale, shift)` gives, without instructions for it.
#[inline]
fn rounded_once(value: f32, scale: f32, shift: f32) -> f32 {
    let (product, shift) = (f64::from(value) * f64::from(scale), f64::from(shift));
    let sum = product + shift;
    let of_shift = sum - product;
    let lost = (product - (sum - of_shift)) + (shift - of_shift);
    // What is not exact and ends in an even bit goes on to the odd number on the other side.
    let bits = sum.to_bits();
    let outwards = (lost > 0.0) == (sum > 0.0);
    let odd = if outwards {
        bits.wrapping_add(1)
    } else {
        bits.wrapping_sub(1)
    };
    // Of infinities and NaN nothing is lost, which is a NaN here.
    let is_inexact = lost.abs() > 0.0;
    f64::from_bits(if is_inexact && bits & 1 == 0 {
        odd
    } else {
        bits
    }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_ways_give_the_same_bits() {
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            1.5,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::EPSILON,
            -f32::EPSILON,
            1.0 + f32::EPSILON,
            1.0 - f32::EPSILON / 2.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            1e-45,
            -1e-45,
            1e-20,
            1e20,
            16_777_217.0,
            0.1,
            3.0,
        ];
        for value in special {
            for scale in special {
                for shift in special {
                    same(value, scale, shift);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_three_numbers(bits: [u32; 3]) {
            let [value, scale, shift] = bits.map(f32::from_bits);
            same(value, scale, shift);
        }

        #[test]
        fn sums_that_cancel_or_lie_between_two_numbers(
            value in -4.0_f32..4.0, scale in -4.0_f32..4.0, apart in -40_i32..40, near in -3_i32..4,
        ) {
            let product = value * scale;
            let beside = |number: f32| f32::from_bits(number.to_bits().wrapping_add_signed(near));
            same(value, scale, beside(-product));
            same(value, scale, beside(product * 2.0_f32.powi(apart)));
        }
    }

    fn same(value: f32, scale: f32, shift: f32) {
        let (one, other) = (
            value.mul_add(scale, shift),
            rounded_once(value, scale, shift),
        );
        assert!(
            one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan()),
            "{value:e} * {scale:e} + {shift:e} is {one:e}, not {other:e}"
        );
    }
}
