//! Random numbers of an item: a function of its place, never of what was drawn before.

mod exponential;
mod philox;
mod ziggurat;

pub use philox::{Philox, block};

use crate::RandomPlace;

/// The random stream of one item; a parameter of type `&mut ItemRng` receives it.
///
/// The words are those of `numpy.random.Philox` at the item's place, which is also where the
/// generator stands that a Python function gets as `rng=`. Each method says what it is in NumPy:
/// called in the same order, both give the same bits, on every machine, at any number of threads,
/// size of batch and order of items. (`standard_normal` and `standard_exponential` call the
/// machine's `exp` and `log1p` for one draw in a hundred, `laplace`, `logistic` and `gumbel` its
/// `log` for each, whose last bit may differ from machine to machine.)
///
/// ```
/// use ironbatch_kernel::{ItemRng, RandomPlace};
/// let place = RandomPlace { key: [1, 2], counter: [0, 3, 4, 5] };
/// let (mut rng, mut again) = (ItemRng::new(place), ItemRng::new(place));
/// assert_eq!(rng.uniform(0.0, 9.0).to_bits(), again.uniform(0.0, 9.0).to_bits());
/// ```
#[derive(Clone, Debug)]
pub struct ItemRng {
    words: Philox,
    /// Upper half of a word whose lower half was drawn.
    half: Option<u32>,
}

impl ItemRng {
    /// The stream that starts at a place.
    pub fn new(place: RandomPlace) -> Self {
        Self {
            words: Philox::new(place.key, place.counter),
            half: None,
        }
    }

    /// 64 random bits: `bit_generator.random_raw()`.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// 32 random bits: half a word, the other half is kept for the next call.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let word = self.next_u64();
        self.half = Some((word >> 32) as u32);
        word as u32
    }

    /// A number in `[0, 1)`: `rng.random()`.
    #[inline]
    pub fn random(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A number in `[0, 1)`: `rng.random(dtype=np.float32)`.
    #[inline]
    pub fn random_f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number in `[low, high)`: `rng.uniform(low, high)`.
    #[inline]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random()
    }

    /// A whole number in `low..high`: `rng.integers(low, high)`.
    ///
    /// # Panics
    /// If `low` is not below `high`.
    #[inline]
    pub fn integers(&mut self, low: i64, high: i64) -> i64 {
        assert!(low < high, "integers: low={low} is not below high={high}");
        let most = high.wrapping_sub(low).wrapping_sub(1) as u64;
        let offset = match most {
            0 => 0,
            0xFFFF_FFFF => u64::from(self.next_u32()),
            1..0xFFFF_FFFF => u64::from(self.below_u32(most as u32 + 1)),
            u64::MAX => self.next_u64(),
            _ => self.words.below(most + 1),
        };
        low.wrapping_add(offset as i64)
    }

    /// Lemire's method with rejection, on halves of words.
    fn below_u32(&mut self, bound: u32) -> u32 {
        let mut wide = u64::from(self.next_u32()) * u64::from(bound);
        if (wide as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (wide as u32) < threshold {
                wide = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (wide >> 32) as u32
    }

    /// A number of the normal distribution: `rng.normal(mean, std)`.
    #[inline]
    pub fn normal(&mut self, mean: f64, std: f64) -> f64 {
        mean + std * self.standard_normal()
    }

    /// A number of the standard normal distribution: `rng.standard_normal()`.
    #[inline]
    pub fn standard_normal(&mut self) -> f64 {
        loop {
            let word = self.next_u64();
            let layer = (word & 0xff) as usize;
            let is_negative = word & 0x100 != 0;
            let place = (word >> 9) & 0x000f_ffff_ffff_ffff;
            let x = place as f64 * f64::from_bits(ziggurat::WIDTHS[layer]);
            let x = if is_negative { -x } else { x };
            if place < ziggurat::LIMITS[layer] {
                return x;
            }
            if let Some(x) = self.rare_normal(layer, place, x) {
                return x;
            }
        }
    }

    /// A number of the exponential distribution: `rng.exponential(scale)`.
    #[inline]
    pub fn exponential(&mut self, scale: f64) -> f64 {
        scale * self.standard_exponential()
    }

    /// A number of the exponential distribution of scale 1: `rng.standard_exponential()`.
    #[inline]
    pub fn standard_exponential(&mut self) -> f64 {
        loop {
            let word = self.next_u64() >> 3;
            let layer = (word & 0xff) as usize;
            let place = word >> 8;
            let x = place as f64 * f64::from_bits(exponential::WIDTHS[layer]);
            if place < exponential::LIMITS[layer] {
                return x;
            }
            if let Some(x) = self.rare_exponential(layer, x) {
                return x;
            }
        }
    }

    /// What one draw in a hundred needs: the tail, and the edge of a layer.
    #[cold]
    fn rare_exponential(&mut self, layer: usize, x: f64) -> Option<f64> {
        if layer == 0 {
            return Some(exponential::LAST - (-self.random()).ln_1p());
        }
        let density = |layer: usize| f64::from_bits(exponential::HEIGHTS[layer]);
        let height = (density(layer - 1) - density(layer)) * self.random() + density(layer);
        (height < (-x).exp()).then_some(x)
    }

    /// A number of the Laplace distribution: `rng.laplace(loc, scale)`.
    #[inline]
    pub fn laplace(&mut self, loc: f64, scale: f64) -> f64 {
        loop {
            let share = self.random();
            if share >= 0.5 {
                return loc - scale * (2.0 - share - share).ln();
            }
            if share > 0.0 {
                return loc + scale * (share + share).ln();
            }
        }
    }

    /// A number of the logistic distribution: `rng.logistic(loc, scale)`.
    #[inline]
    pub fn logistic(&mut self, loc: f64, scale: f64) -> f64 {
        loop {
            let share = self.random();
            if share > 0.0 {
                return loc + scale * (share / (1.0 - share)).ln();
            }
        }
    }

    /// A number of the Gumbel distribution: `rng.gumbel(loc, scale)`.
    #[inline]
    pub fn gumbel(&mut self, loc: f64, scale: f64) -> f64 {
        loop {
            let share = 1.0 - self.random();
            if share < 1.0 {
                return loc - scale * (-share.ln()).ln();
            }
        }
    }

    /// What one draw in a hundred needs: the tail, and the edge of a layer.
    #[cold]
    fn rare_normal(&mut self, layer: usize, place: u64, x: f64) -> Option<f64> {
        if layer == 0 {
            loop {
                let beyond = -ziggurat::LAST_INVERSE * (-self.random()).ln_1p();
                let height = -(-self.random()).ln_1p();
                if height + height > beyond * beyond {
                    let x = ziggurat::LAST + beyond;
                    return Some(if place >> 8 & 1 == 1 { -x } else { x });
                }
            }
        }
        let density = |layer: usize| f64::from_bits(ziggurat::HEIGHTS[layer]);
        let height = (density(layer - 1) - density(layer)) * self.random() + density(layer);
        (height < (-0.5 * x * x).exp()).then_some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> ItemRng {
        ItemRng::new(RandomPlace {
            key: [11, 22],
            counter: [0, 1, 2, 3],
        })
    }

    #[test]
    fn halves_of_a_word_come_lower_first() {
        let word = stream().next_u64();
        let mut rng = stream();
        assert_eq!(
            [rng.next_u32(), rng.next_u32()],
            [word as u32, (word >> 32) as u32]
        );
    }

    #[test]
    fn integers_reach_both_ends_of_any_range() {
        let mut rng = stream();
        for (low, high) in [
            (0, 2),
            (-1, 1),
            (i64::MAX - 2, i64::MAX),
            (i64::MIN, i64::MIN + 2),
        ] {
            let drawn: Vec<_> = (0..100).map(|_| rng.integers(low, high)).collect();
            assert!(drawn.contains(&low) && drawn.contains(&(high - 1)));
            assert!(drawn.iter().all(|n| (low..high).contains(n)));
        }
        assert_eq!(rng.integers(5, 6), 5);
        for _ in 0..100 {
            rng.integers(i64::MIN, i64::MAX);
            assert!((0..1 << 40).contains(&rng.integers(0, 1 << 40)));
        }
    }

    #[test]
    fn normals_have_the_moments_of_their_distribution() {
        let mut rng = stream();
        let drawn: Vec<f64> = (0..200_000).map(|_| rng.normal(2.0, 3.0)).collect();
        let count = drawn.len() as f64;
        let mean = drawn.iter().sum::<f64>() / count;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        assert!((mean - 2.0).abs() < 0.03, "{mean}");
        assert!((variance - 9.0).abs() < 0.15, "{variance}");
        // About 50 of them lie beyond the topmost layer.
        let far = drawn
            .iter()
            .filter(|&&x| ((x - 2.0) / 3.0).abs() > ziggurat::LAST);
        assert!((20..100).contains(&far.count()));
    }
}
