//! Signals at other rates: the filter that keeps what both rates can express.

use std::f64::consts::PI;

/// How many zeros of the filter are kept on either side, at the lower of both rates.
const ZEROS: usize = 10;
/// Shape of the Kaiser window.
const BETA: f64 = 5.0;
/// How many weights are kept for the items that follow.
const MOST_KEPT: usize = 1 << 20;

/// A low-pass filter at `up` times the rate of the item, of which each `down`th value is taken.
///
/// A sinc under a Kaiser window, whose weights sum to `up`.
pub(crate) struct Polyphase {
    pub up: usize,
    pub down: usize,
    half: usize,
    scale: f64,
    /// Weights of all phases, unless they are too many: where each begins, and on which element.
    phases: Vec<(usize, i64)>,
    weights: Vec<f64>,
}

impl Polyphase {
    /// The filter from a rate of `down` to one of `up`, which have no common divisor.
    pub(crate) fn new(up: usize, down: usize) -> Self {
        let half = ZEROS * up.max(down);
        let mut made = Self {
            up,
            down,
            half,
            scale: 1.0,
            phases: Vec::new(),
            weights: Vec::new(),
        };
        let mut weights = Vec::new();
        let mut sum = 0.0;
        let is_kept = 2 * half + up <= MOST_KEPT;
        for phase in 0..up {
            if !is_kept {
                weights.clear();
            }
            let begin = weights.len();
            let first = made.push_weights(phase, &mut weights);
            sum += weights[begin..].iter().sum::<f64>();
            if is_kept {
                made.phases.push((begin, first));
            }
        }
        made.scale = up as f64 / sum;
        if is_kept {
            made.phases.push((weights.len(), 0));
            for weight in &mut weights {
                *weight *= made.scale;
            }
            made.weights = weights;
        }
        made
    }

    /// How many elements beyond each end of the item the filter reaches.
    pub(crate) fn reach(&self) -> usize {
        self.half / self.up + 1
    }

    /// Number of samples that `n` become.
    pub(crate) fn length(n: i64, up: usize, down: usize) -> i64 {
        ((i128::from(n) * up as i128 + down as i128 - 1) / down as i128) as i64
    }

    /// Set `target` to samples of an item that `reach()` rows of zeros lie around.
    pub(crate) fn filter(&self, extended: &[f64], inner: usize, target: &mut [f64]) {
        let mut own = Vec::new();
        let reach = self.reach() as i64;
        let (mut place, mut phase) = (0, 0);
        for target in target.chunks_exact_mut(inner) {
            let (weights, first) = self.phase(phase, &mut own);
            let first = (place as i64 + first + reach) as usize * inner;
            let rows = &extended[first..first + weights.len() * inner];
            if let [sample] = target {
                *sample = dot(rows, weights);
            } else {
                target.fill(0.0);
                for (row, weight) in rows.chunks_exact(inner).zip(weights) {
                    for (sum, value) in target.iter_mut().zip(row) {
                        *sum += weight * value;
                    }
                }
            }
            phase += self.down;
            place += phase / self.up;
            phase %= self.up;
        }
    }

    /// Weights of a phase, and the element that the first is for, from the one before the sample.
    fn phase<'a>(&'a self, phase: usize, own: &'a mut Vec<f64>) -> (&'a [f64], i64) {
        if let (Some(&(begin, first)), Some(&(end, _))) =
            (self.phases.get(phase), self.phases.get(phase + 1))
        {
            return (&self.weights[begin..end], first);
        }
        own.clear();
        let first = self.push_weights(phase, own);
        (own, first)
    }

    /// Append the weights of a phase: a sinc, whose sines are those of one angle turned on and on,
    /// under the window.
    fn push_weights(&self, phase: usize, weights: &mut Vec<f64>) -> i64 {
        let (phase, up, half) = (phase as i64, self.up as i64, self.half as i64);
        let first = -((half - phase).div_euclid(up));
        let last = (phase + half).div_euclid(up);
        let angle = PI * ZEROS as f64 / self.half as f64;
        let (sin_step, cos_step) = (-angle * self.up as f64).sin_cos();
        let begin = weights.len();
        let (mut sin, mut cos) = (0.0, 0.0);
        for at in first..=last {
            let distance = (phase - at * up) as f64;
            // Turned too often, an angle has lost its last digits, which count near 0.
            if (at - first) % 32 == 0 || distance.abs() < self.half as f64 * 0.05 {
                (sin, cos) = (angle * distance).sin_cos();
            }
            weights.push(if distance == 0.0 {
                1.0
            } else {
                sin / (angle * distance)
            });
            (sin, cos) = (
                sin * cos_step + cos * sin_step,
                cos * cos_step - sin * sin_step,
            );
        }
        for (at, weight) in (first..).zip(&mut weights[begin..]) {
            let part = (phase - at * up) as f64 / self.half as f64;
            *weight *= self.scale * bessel(BETA * BETA / 4.0 * (1.0 - part * part));
        }
        first
    }
}

/// Inverse squares of factorials: the series of the modified Bessel function.
const SERIES: [f64; 21] = {
    let mut series = [1.0; 21];
    let mut n = 1;
    while n < 21 {
        series[n] = series[n - 1] / (n * n) as f64;
        n += 1;
    }
    series
};

/// The modified Bessel function of the first kind and order 0, of twice the root of a number up to
/// 6.25.
///
/// M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 9.6.12.
#[inline]
fn bessel(quarter: f64) -> f64 {
    SERIES
        .iter()
        .rev()
        .fold(0.0, |sum, &term| sum * quarter + term)
}

/// A sum of products in four lanes, which vectorises.
fn dot(values: &[f64], weights: &[f64]) -> f64 {
    let (values, values_rest) = values.as_chunks::<4>();
    let (weights, weights_rest) = weights.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for (values, weights) in values.iter().zip(weights) {
        for lane in 0..4 {
            lanes[lane] += values[lane] * weights[lane];
        }
    }
    let rest: f64 = values_rest
        .iter()
        .zip(weights_rest)
        .map(|(value, weight)| value * weight)
        .sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// The fraction nearest to a number above 0, with a denominator up to `most`, as
/// ``fractions.Fraction.limit_denominator``.
pub(crate) fn fraction(number: f64, most: usize) -> (usize, usize) {
    let (mut before, mut found) = ((0_usize, 1_usize), (1_usize, 0_usize));
    let mut rest = number;
    loop {
        let whole = rest.floor();
        let steps = whole as usize;
        let next = (
            steps.saturating_mul(found.0).saturating_add(before.0),
            steps.saturating_mul(found.1).saturating_add(before.1),
        );
        if next.1 > most {
            // The best one between the last two.
            let steps = (most - before.1) / found.1;
            let between = (before.0 + steps * found.0, before.1 + steps * found.1);
            let distance = |(up, down): (usize, usize)| (up as f64 / down as f64 - number).abs();
            return if distance(found) <= distance(between) {
                found
            } else {
                between
            };
        }
        (before, found) = (found, next);
        if (found.0 as f64 / found.1 as f64 - number).abs() <= number * f64::EPSILON {
            return found;
        }
        rest = 1.0 / (rest - whole);
    }
}
