//! Elements of half precision.

use std::cmp::Ordering;
use std::fmt;

/// A number of IEEE 754 half precision (`binary16`), NumPy's `float16`.
///
/// It is kept, compared and converted; whoever computes does so in single or double precision.
/// Conversions have no branches, so that loops over them vectorise.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(u16);

/// What the exponent of a double is larger by.
const BIAS: u64 = 1023 - 15;
/// Digits of a double's fraction that half precision has not.
const CUT: u32 = 52 - 10;

impl F16 {
    /// Positive infinity.
    pub const INFINITY: Self = Self(0x7c00);
    /// Not a number.
    pub const NAN: Self = Self(0x7e00);

    /// The number of given bits.
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[inline]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// As single precision, exactly.
    #[inline]
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & 0x8000) << 16;
        let rest = u32::from(self.0 & 0x7fff);
        let exponent = rest >> 10;
        // Zeros and subnormal numbers are whole multiples of the smallest one. Signed integers are
        // what vector instructions convert.
        let small = (rest as i32 as f32 / 16_777_216.0).to_bits();
        let bias = if exponent == 31 { 2 * 112 } else { 112 };
        let normal = (rest << 13) + (bias << 23);
        f32::from_bits(sign | if exponent == 0 { small } else { normal })
    }

    /// As double precision, exactly.
    #[inline]
    pub fn to_f64(self) -> f64 {
        f64::from(self.to_f32())
    }

    /// The nearest number, of two equally near ones the even one; infinity from 65,520 on.
    #[inline]
    pub fn from_f64(value: f64) -> Self {
        let sign = (value.to_bits() >> 48) as u16 & 0x8000;
        let magnitude = value.abs();
        let bits = magnitude.to_bits();
        // Half of the last digit that stays, less a bit if that digit is even: the sum carries
        // into it, and from there on into the exponent, exactly when it is to be rounded up.
        let rounded = bits.wrapping_add((1 << (CUT - 1)) - 1 + ((bits >> CUT) & 1));
        let normal = (rounded >> CUT).wrapping_sub(BIAS << 10) as u16;
        // Below the normal numbers, steps are all alike: a double of this size has just them.
        let small = (magnitude * 16_777_216.0 + 4_503_599_627_370_496.0).to_bits() as u16;
        let finite = if magnitude < 6.103_515_625e-5 {
            small
        } else {
            normal
        };
        let number = if magnitude < 65520.0 {
            finite
        } else if value.is_nan() {
            Self::NAN.0
        } else {
            Self::INFINITY.0
        };
        Self(sign | number)
    }

    /// The nearest number, of two equally near ones the even one; infinity from 65,520 on.
    #[inline]
    pub fn from_f32(value: f32) -> Self {
        Self::from_f64(f64::from(value))
    }
}

impl From<F16> for f32 {
    fn from(number: F16) -> Self {
        number.to_f32()
    }
}

impl From<F16> for f64 {
    fn from(number: F16) -> Self {
        number.to_f64()
    }
}

impl PartialEq for F16 {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.to_f32() == other.to_f32()
    }
}

impl PartialOrd for F16 {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.to_f32().partial_cmp(&other.to_f32())
    }
}

impl fmt::Debug for F16 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(formatter)
    }
}

impl fmt::Display for F16 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: `(-1)^sign * 2^(exponent - 15) * 1.fraction`.
    fn defined(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
        let magnitude = match exponent {
            0 => fraction * 2_f64.powi(-14),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
        };
        if bits & 0x8000 == 0 {
            magnitude
        } else {
            -magnitude
        }
    }

    #[test]
    fn every_number_is_what_it_is_defined_as_and_leads_back() {
        for bits in 0..=u16::MAX {
            let (number, expected) = (F16::from_bits(bits), defined(bits));
            if expected.is_nan() {
                assert!(number.to_f64().is_nan() && number.to_f32().is_nan());
                assert!(F16::from_f64(number.to_f64()).to_f64().is_nan());
                continue;
            }
            assert_eq!(number.to_f64().to_bits(), expected.to_bits());
            assert_eq!(F16::from_f64(expected).to_bits(), bits);
            assert_eq!(F16::from_f32(number.to_f32()).to_bits(), bits);
        }
    }

    #[test]
    fn what_lies_between_goes_to_the_nearest_and_halves_to_the_even_one() {
        for bits in 0..0x7bff_u16 {
            let (below, above) = (defined(bits), defined(bits + 1));
            let middle = f64::midpoint(below, above);
            let even = bits + bits % 2;
            for sign in [0, 0x8000] {
                let rounded = |value: f64| {
                    let value = if sign == 0 { value } else { -value };
                    F16::from_f64(value).to_bits()
                };
                assert_eq!(rounded(middle), sign | even);
                // By way of single precision these would be in the middle too.
                assert_eq!(rounded(middle.next_down()), sign | bits);
                assert_eq!(rounded(middle.next_up()), sign | (bits + 1));
            }
        }
    }

    #[test]
    fn what_is_too_large_is_infinite() {
        assert_eq!(F16::from_f64(65519.99).to_bits(), 0x7bff);
        assert_eq!(F16::from_f64(65520.0).to_bits(), 0x7c00);
        assert_eq!(F16::from_f64(-1e300).to_bits(), 0xfc00);
        assert_eq!(F16::from_f64(f64::NEG_INFINITY).to_bits(), 0xfc00);
        assert_eq!(F16::from_f64(5e-324).to_bits(), 0);
        assert_eq!(F16::from_f64(-5e-324).to_bits(), 0x8000);
    }

    #[test]
    fn comparisons_are_those_of_numbers() {
        let of = F16::from_f64;
        assert!(of(-2.0) < of(-1.0) && of(0.0) == of(-0.0) && of(1.0) < F16::INFINITY);
        assert_ne!(F16::NAN, F16::NAN);
        assert_eq!(format!("{:?} {}", of(0.5), of(-3.0)), "0.5 -3");
    }
}
