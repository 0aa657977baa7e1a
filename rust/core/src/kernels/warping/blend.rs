//! The mean of four neighbours, weighted by how near a place is to each.

use super::super::Number;
use super::Image;
use ironbatch_kernel::F16;

/// Elements that can be blended.
pub(crate) trait Blend: Number {
    /// The four weights: of two neighbours in a row, and of the two in the next row.
    type Weights: Copy;
    /// Added to places before their fractions are taken, so that these are rounded, not cut.
    const ROUNDING: i64 = 0;

    /// Weights at a place, of which the fractions count.
    fn weights(x: i64, y: i64) -> Self::Weights;

    /// The mean of values; what has no weight does not count, be it infinite or NaN.
    fn blend(weights: Self::Weights, values: [Self; 4]) -> Self;

    /// Do as many elements at the beginning of a part of a row as vector instructions can, and say
    /// how many.
    ///
    /// Places in the part lie within the image, and so do the next ones along x and y.
    fn blend_row(
        _image: &Image<'_, Self>,
        _at: [i64; 2],
        _step: [i64; 2],
        _out: &mut [Self],
    ) -> usize
    where
        Self: Sized,
    {
        0
    }
}

/// Digits of the weights of bytes: products with a byte fit 32 bits, weights signed 16.
pub(super) const DIGITS: u32 = 14;

/// Fraction of a place, rounded before.
#[inline]
fn short_fraction(place: i64) -> i32 {
    ((place as u32) >> (32 - DIGITS)) as i32
}

impl Blend for u8 {
    type Weights = [i32; 4];
    const ROUNDING: i64 = 1 << (31 - DIGITS);

    #[inline]
    fn weights(x: i64, y: i64) -> [i32; 4] {
        let (x, y) = (short_fraction(x), short_fraction(y));
        let both = (x * y + (1 << (DIGITS - 1))) >> DIGITS;
        [(1 << DIGITS) - x - y + both, x - both, y - both, both]
    }

    #[inline]
    fn blend(weights: [i32; 4], values: [Self; 4]) -> Self {
        let mut sum = 1 << (DIGITS - 1);
        for (weight, value) in weights.into_iter().zip(values) {
            sum += weight * i32::from(value);
        }
        (sum >> DIGITS) as Self
    }

    #[cfg(target_arch = "x86_64")]
    fn blend_row(image: &Image<'_, Self>, at: [i64; 2], step: [i64; 2], out: &mut [Self]) -> usize {
        super::avx2::blend_row(image, at, step, out)
    }
}

macro_rules! in_doubles {
    ($($type:ty),*) => {
        $(
            impl Blend for $type {
                type Weights = [f64; 4];

                #[inline]
                fn weights(x: i64, y: i64) -> [f64; 4] {
                    let (x, y) = (fraction(x), fraction(y));
                    [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y]
                }

                #[inline]
                fn blend(weights: [f64; 4], values: [Self; 4]) -> Self {
                    let mut sum = 0.0;
                    for (weight, value) in weights.into_iter().zip(values) {
                        sum += if weight == 0.0 { 0.0 } else { weight * value.to_f64() };
                    }
                    Self::from_f64(sum)
                }
            }
        )*
    };
}

in_doubles!(i16, u16, F16, f32, f64);

/// Fraction of a place.
#[inline]
pub(super) fn fraction(place: i64) -> f64 {
    f64::from(place as u32) / super::places::ONE
}
