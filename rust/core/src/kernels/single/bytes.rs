//! Affine functions of bytes, in single precision with the bits of double precision.
//!
//! # Why
//!
//! ``(byte - middle) * slope``, computed in double precision and converted once, takes four times
//! as long as in single precision, which alone would be off by one bit now and then.
//!
//! # How
//!
//! `middle` is cut in two, so that the difference from its larger part is exact; what remains of it
//! and of the slope is added to the product before the one rounding (the way of double-word
//! arithmetic: T. J. Dekker, *A Floating-Point Technique for Extending the Available Precision*,
//! Numerische Mathematik 18, 1971). That is nearly always the nearest number. A byte has 256 values:
//! all of them are tried, and a function of which one comes out otherwise is not computed this way.

use super::super::{Number, map_slice};
use crate::instructions::{InstructionSet, vectorised};
use ironbatch_kernel::Dtype;

const ALL: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut value = 0;
    while value < 256 {
        bytes[value] = value as u8;
        value += 1;
    }
    bytes
};

/// An affine function of a byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    middle: f32,
    slope: [f32; 2],
    rest: f32,
}

impl Line {
    /// The line with ``formula(byte) == (byte - middle) * slope`` up to rounding, if it has the same
    /// bits for every byte, and the processor is quick at it.
    pub(crate) fn new<U: Number>(
        middle: f64,
        slope: f64,
        formula: impl Fn(f64) -> U,
    ) -> Option<Self> {
        let largest = middle.abs().max((middle - 255.0).abs());
        if !InstructionSet::adds_products()
            || U::DTYPE != Dtype::F32
            || !largest.is_finite()
            || !slope.is_finite()
        {
            return None;
        }
        // Differences from a multiple of this have no more digits than a number holds.
        let unit = 2.0_f64.powi(largest.max(1.0).log2().ceil() as i32 - 24);
        let near = (middle / unit).round() * unit;
        let line = Self {
            middle: near as f32,
            slope: [slope as f32, (slope - f64::from(slope as f32)) as f32],
            rest: (-(middle - near) * slope) as f32,
        };
        let zero = U::from_f64(0.0);
        let (mut made, mut expected) = ([zero; 256], [zero; 256]);
        map_slice(&ALL, &mut made, |byte| line.at::<U>(byte));
        map_slice(&ALL, &mut expected, |byte| formula(f64::from(byte)));
        let bits = |value: U| value.to_f64().to_bits();
        let is_same = made
            .iter()
            .zip(&expected)
            .all(|(&made, &expected)| bits(made) == bits(expected));
        is_same.then_some(line)
    }

    /// Its value; `U` is single precision.
    #[inline]
    pub(crate) fn at<U: Number>(&self, byte: u8) -> U {
        let apart = f32::from(byte) - self.middle;
        let rest = apart.mul_add(self.slope[1], self.rest);
        U::from_f64(f64::from(apart.mul_add(self.slope[0], rest)))
    }
}

/// Write the values of lines that take turns, `N` of them, as bytes and their places do.
pub(crate) fn write_in_turn<const N: usize, U: Number>(
    source: &[u8],
    target: &mut [U],
    lines: &[Line; N],
) {
    let mut period = Period::<N>::default();
    for (place, group) in (0..16 * N).zip(lines.iter().cycle()) {
        let (of, at) = (place / 16, place % 16);
        period.middle[of][at] = group.middle;
        period.slope[of][at] = group.slope[0];
        period.more[of][at] = group.slope[1];
        period.rest[of][at] = group.rest;
    }
    let whole = source.len() / (16 * N) * (16 * N);
    write_periods(&source[..whole], &mut target[..whole], &period);
    for ((&byte, target), line) in source[whole..]
        .iter()
        .zip(&mut target[whole..])
        .zip(lines.iter().cycle())
    {
        *target = line.at(byte);
    }
}

/// Numbers of lines for 16 elements at a time, up to where they begin again.
struct Period<const N: usize> {
    middle: [[f32; 16]; N],
    slope: [[f32; 16]; N],
    more: [[f32; 16]; N],
    rest: [[f32; 16]; N],
}

impl<const N: usize> Default for Period<N> {
    fn default() -> Self {
        let none = [[0.0; 16]; N];
        Self {
            middle: none,
            slope: none,
            more: none,
            rest: none,
        }
    }
}

vectorised! {
    fn write_periods[const N: usize, U: Number](
        source: &[u8],
        target: &mut [U],
        period: &Period<N>,
    ) = periods;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn periods<const N: usize, U: Number>(source: &[u8], target: &mut [U], period: &Period<N>) {
    let (source, _) = source.as_chunks::<16>();
    let (target, _) = target.as_chunks_mut::<16>();
    for (source, target) in source.chunks_exact(N).zip(target.chunks_exact_mut(N)) {
        for of in 0..N {
            for at in 0..16 {
                let line = Line {
                    middle: period.middle[of][at],
                    slope: [period.slope[of][at], period.more[of][at]],
                    rest: period.rest[of][at],
                };
                target[of][at] = line.at(source[of][at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::with_each;
    use proptest::prelude::*;

    #[test]
    fn usual_functions_are_lines() {
        with_each(|set| {
            let is_quick = set >= InstructionSet::Avx2;
            for (mean, std, scale) in [
                (123.0, 58.0, 1.0),
                (123.675, 58.395, 1.0),
                (0.485, 0.229, 1.0 / 255.0),
                (0.0, 1.0, 1.0 / 255.0),
                (0.5, 0.5, 1.0 / 255.0),
            ] {
                let formula = |value: f64| ((value * scale - mean) * (1.0 / std)) as f32;
                let line = Line::new(mean / scale, scale / std, formula);
                assert_eq!(line.is_some(), is_quick, "{mean} {std} {scale}");
            }
        });
    }

    proptest! {
        #[test]
        fn lines_in_turn_are_the_lines(
            middles in [-300.0..600.0, -300.0..600.0, -300.0..600.0],
            slopes in [-3.0..3.0, 1e-6..1e-2, 10.0..1e4],
            length in 0_usize..200,
        ) {
            let source: Vec<u8> = (0..length).map(|place| (place * 37) as u8).collect();
            with_each(|_| {
                let lines = [0, 1, 2].map(|channel| {
                    let (middle, slope): (f64, f64) = (middles[channel], slopes[channel]);
                    Line::new(middle, slope, |value: f64| ((value - middle) * slope) as f32)
                });
                if let [Some(red), Some(green), Some(blue)] = lines {
                    let mut made = vec![0.0_f32; length];
                    write_in_turn(&source, &mut made, &[red, green, blue]);
                    for (place, (&made, &byte)) in made.iter().zip(&source).enumerate() {
                        let channel = place % 3;
                        let exact = (f64::from(byte) - middles[channel]) * slopes[channel];
                        assert_eq!(made.to_bits(), (exact as f32).to_bits());
                    }
                }
            });
        }
    }
}
