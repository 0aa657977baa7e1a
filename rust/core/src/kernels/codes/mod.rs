//! Codes of quantized numbers: those of `ironbatch.Quantizer`.

use ironbatch_kernel::{Dtype, Error, Result};

/// How a range is cut into bins, two fewer than the dtype has codes.
#[derive(Clone, Copy)]
pub(crate) struct Bins {
    pub low: f64,
    pub high: f64,
    /// The lowest code, which values below the range would have.
    pub lowest: f64,
    pub count: f64,
}

impl Bins {
    /// The bins of a range for codes of `dtype`.
    pub(crate) fn new(ranges: &[f64], dtype: Dtype) -> Result<Self> {
        let &[low, high] = ranges else {
            return Err(Error::new(format!(
                "ranges has to be two numbers, not {}",
                ranges.len()
            )));
        };
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(Error::new(format!(
                "ranges has to be two finite numbers, the lower one first, not ({low}, {high})"
            )));
        }
        let (lowest, highest) = match dtype {
            Dtype::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
            Dtype::U8 => (0.0, f64::from(u8::MAX)),
            Dtype::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Dtype::U16 => (0.0, f64::from(u16::MAX)),
            other => {
                return Err(Error::new(format!(
                    "dtype has to be int8, uint8, int16 or uint16, not {other}"
                )));
            }
        };
        Ok(Self {
            low,
            high,
            lowest,
            count: highest - lowest - 1.0,
        })
    }

    /// The code of a number, as a double; NaN for NaN.
    #[inline]
    pub(crate) fn code(self, value: f64) -> f64 {
        // Divided by the width first, since that gives exactly 1 at the upper end.
        let bin = ((value - self.low) / (self.high - self.low) * self.count).floor() + 1.0;
        // Not `clamp`, which panics for no reason that could occur here.
        let bin = if bin < 1.0 { 1.0 } else { bin };
        let bin = if bin > self.count + 1.0 {
            self.count + 1.0
        } else {
            bin
        };
        bin + self.lowest
    }

    /// What a code stands for: the ends of the range, or the middle of a bin.
    pub(crate) fn value(self, code: f64) -> f32 {
        let bin = code - self.lowest;
        if bin <= 0.0 {
            return self.low as f32;
        }
        if bin > self.count {
            // Rounding may move the end into the last bin, where another code holds.
            let end = self.high as f32;
            return if f64::from(end) < self.high {
                end.next_up()
            } else {
                end
            };
        }
        let edge = |number: f64| {
            if number < self.count {
                number * ((self.high - self.low) / self.count) + self.low
            } else {
                self.high
            }
        };
        f64::midpoint(edge(bin - 1.0), edge(bin)) as f32
    }
}
