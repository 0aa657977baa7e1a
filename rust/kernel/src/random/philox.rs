//! Philox4x64-10, word for word what `numpy.random.Philox` gives.

const MULTIPLIER: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// The four words at one place of the stream.
#[inline]
pub fn block(mut key: [u64; 2], mut counter: [u64; 4]) -> [u64; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key[0] = key[0].wrapping_add(WEYL[0]);
            key[1] = key[1].wrapping_add(WEYL[1]);
        }
        let low = u128::from(MULTIPLIER[0]) * u128::from(counter[0]);
        let high = u128::from(MULTIPLIER[1]) * u128::from(counter[2]);
        counter = [
            ((high >> 64) as u64) ^ counter[1] ^ key[0],
            high as u64,
            ((low >> 64) as u64) ^ counter[3] ^ key[1],
            low as u64,
        ];
    }
    counter
}

/// A stream of words that starts at a counter.
///
/// As in `NumPy` the counter is incremented *before* each block, so the first words are those of
/// `counter + 1`.
#[derive(Clone, Debug)]
pub struct Philox {
    key: [u64; 2],
    counter: [u64; 4],
    buffer: [u64; 4],
    used: usize,
}

impl Philox {
    /// A stream over `key` that stands before `counter + 1`.
    pub fn new(key: [u64; 2], counter: [u64; 4]) -> Self {
        Self {
            key,
            counter,
            buffer: [0; 4],
            used: 4,
        }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        if self.used == 4 {
            for word in &mut self.counter {
                *word = word.wrapping_add(1);
                if *word != 0 {
                    break;
                }
            }
            self.buffer = block(self.key, self.counter);
            self.used = 0;
        }
        let word = self.buffer[self.used];
        self.used += 1;
        word
    }

    /// A number below `bound`, every one equally likely (Lemire's method with rejection).
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0);
        let mut wide = u128::from(self.next_u64()) * u128::from(bound);
        if (wide as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (wide as u64) < threshold {
                wide = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Known answers of Random123 for philox4x64 with ten rounds.
    #[test]
    fn known_answers() {
        assert_eq!(
            block([0, 0], [0, 0, 0, 0]),
            [
                0x1655_4d9e_ca36_314c,
                0xdb20_fe9d_672d_0fdc,
                0xd7e7_72ce_e186_176b,
                0x7e68_b68a_ec7b_a23b
            ]
        );
        let ones = u64::MAX;
        assert_eq!(
            block([ones; 2], [ones; 4]),
            [
                0x87b0_92c3_013f_e90b,
                0x438c_3c67_be8d_0224,
                0x9cc7_d7c6_9cd7_77b6,
                0xa09c_aebf_594f_0ba0
            ]
        );
    }

    #[test]
    fn the_counter_carries() {
        let mut stream = Philox::new([1, 2], [u64::MAX, 5, 0, 0]);
        assert_eq!(stream.next_u64(), block([1, 2], [0, 6, 0, 0])[0]);
    }

    #[test]
    fn below_stays_below() {
        let mut stream = Philox::new([3, 4], [0; 4]);
        let mut seen = [0_u32; 7];
        for _ in 0..7000 {
            seen[stream.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (850..1150).contains(&count)));
    }
}
