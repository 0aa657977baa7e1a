//! Order as a function: `(key, epoch, i) -> position`, a permutation of `0..n` for each epoch.
//!
//! Up to `SHUFFLED_BELOW` items an epoch's order is a Fisher-Yates shuffle driven by Philox, so
//! that all orders of a small set are exactly uniform over keys. Larger sets use a Feistel
//! network over a grid of `rows x columns >= n` cells whose cells beyond `n` are walked over:
//! any position costs the same few nanoseconds and no memory, for a thousand items or a billion.
//!
//! What comes out for a given key is part of the file formats (`VERSION`, pinned by golden files).

use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::random::Philox;

/// Version of the algorithm; iterator states name it.
pub const VERSION: u32 = 1;

/// Sets of up to this many items are shuffled explicitly.
pub const SHUFFLED_BELOW: u64 = 1 << 16;

/// More items than this cannot be put in order.
pub const MAX_ITEMS: u64 = 1 << 62;

const ROUNDS: usize = 6;
const LANES: usize = 8;
/// Third counter word of the blocks that orders draw from; operations are hashes and differ.
const ORDER_TAG: u64 = 0x6f72_6465_7200_0001;

/// The orders of a set of `n` items under one key.
#[derive(Debug)]
pub struct Order {
    key: [u64; 2],
    n: u64,
    /// The explicit order last used: small sets only.
    shuffled: Mutex<Option<(u64, Arc<[u32]>)>>,
}

impl Order {
    /// Orders of `0..n` under `key`.
    pub fn new(key: [u64; 2], n: u64) -> Result<Self> {
        if n > MAX_ITEMS {
            return Err(Error::Value(format!(
                "cannot put {n} items in order, at most {MAX_ITEMS}"
            )));
        }
        Ok(Self {
            key,
            n,
            shuffled: Mutex::new(None),
        })
    }

    /// The key.
    pub fn key(&self) -> [u64; 2] {
        self.key
    }

    /// Number of items.
    pub fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is nothing to put in order.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Write the positions of places `start..start + out.len()` in `epoch`.
    pub fn positions(&self, epoch: u64, start: u64, out: &mut [i64]) -> Result<()> {
        if start > self.n || out.len() as u64 > self.n - start {
            return Err(Error::Bounds(format!(
                "places {start}..{} are outside of an order of {} items",
                start.saturating_add(out.len() as u64),
                self.n
            )));
        }
        if self.n <= SHUFFLED_BELOW {
            let order = self.shuffled(epoch);
            let part = &order[start as usize..start as usize + out.len()];
            for (to, &from) in out.iter_mut().zip(part) {
                *to = i64::from(from);
            }
        } else {
            Grid::new(self.stream(epoch), self.n).fill(start, out);
        }
        Ok(())
    }

    fn stream(&self, epoch: u64) -> Philox {
        Philox::new(self.key, [0, epoch, ORDER_TAG, self.n])
    }

    fn shuffled(&self, epoch: u64) -> Arc<[u32]> {
        // Never waits, not even in a child forked while another thread held the lock: shuffling
        // once more is all that it costs.
        if let Ok(last) = self.shuffled.try_lock()
            && let Some((of, order)) = last.as_ref()
            && *of == epoch
        {
            return Arc::clone(order);
        }
        let mut stream = self.stream(epoch);
        let mut order: Vec<u32> = (0..self.n as u32).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, stream.below(last as u64 + 1) as usize);
        }
        let order: Arc<[u32]> = order.into();
        if let Ok(mut last) = self.shuffled.try_lock() {
            *last = Some((epoch, Arc::clone(&order)));
        }
        order
    }
}

/// Feistel network over the cells of a grid, in mixed radix.
struct Grid {
    n: u64,
    rows: u64,
    columns: u64,
    keys: [u64; ROUNDS],
}

impl Grid {
    fn new(mut stream: Philox, n: u64) -> Self {
        let columns = n.isqrt() + u64::from(n.isqrt() * n.isqrt() < n);
        let rows = n.div_ceil(columns);
        Self {
            n,
            rows,
            columns,
            keys: std::array::from_fn(|_| stream.next_u64()),
        }
    }

    /// Where some cells go. They take turns in each round: one alone would wait for its
    /// multiplications most of the time.
    #[inline]
    fn cells<const N: usize>(&self, mut rows: [u64; N], mut columns: [u64; N]) -> [u64; N] {
        for pair in self.keys.as_chunks::<2>().0 {
            for (row, column) in rows.iter_mut().zip(&columns) {
                *row = wrapped(*row + scaled(*column, pair[0], self.rows), self.rows);
            }
            for (column, row) in columns.iter_mut().zip(&rows) {
                *column = wrapped(*column + scaled(*row, pair[1], self.columns), self.columns);
            }
        }
        std::array::from_fn(|i| rows[i] * self.columns + columns[i])
    }

    /// Consecutive places share the work of finding their cells.
    fn fill(&self, start: u64, out: &mut [i64]) {
        let (mut row, mut column) = (start / self.columns, start % self.columns);
        let mut rows = [0; LANES];
        let mut columns = [0; LANES];
        for block in out.chunks_mut(LANES) {
            for lane in 0..LANES {
                (rows[lane], columns[lane]) = (row, column);
                column += 1;
                // Lanes beyond the end of `out` are computed in vain, from any cell of the grid.
                if column == self.columns {
                    column = 0;
                    row = wrapped(row + 1, self.rows);
                }
            }
            for (to, place) in block.iter_mut().zip(self.cells(rows, columns)) {
                *to = self.walked(place) as i64;
            }
        }
    }

    /// The first place at or after `place` on its cycle that is within `0..n`.
    #[inline]
    fn walked(&self, mut place: u64) -> u64 {
        while place >= self.n {
            [place] = self.cells([place / self.columns], [place % self.columns]);
        }
        place
    }
}

/// `value` below twice the `bound`, modulo the bound.
#[inline]
fn wrapped(value: u64, bound: u64) -> u64 {
    value - if value >= bound { bound } else { 0 }
}

/// A number below `bound` that depends on all bits of `value` and `key`.
#[inline]
fn scaled(value: u64, key: u64, bound: u64) -> u64 {
    let mut z = (value ^ key).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 32))
        .wrapping_add(key)
        .wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 29;
    ((u128::from(z) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(key: [u64; 2], n: u64, epoch: u64) -> Vec<i64> {
        let mut out = vec![0; n as usize];
        Order::new(key, n)
            .unwrap()
            .positions(epoch, 0, &mut out)
            .unwrap();
        out
    }

    fn is_permutation(mut order: Vec<i64>) -> bool {
        order.sort_unstable();
        order.iter().enumerate().all(|(i, &p)| i as i64 == p)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_epoch_is_a_permutation(n in 1_u64..300_000, key: [u64; 2], epoch: u64) {
            prop_assert!(is_permutation(all(key, n, epoch)));
        }

        #[test]
        fn parts_agree_with_the_whole(n in 1_u64..200_000, key: [u64; 2], a: u64, b: u64) {
            let whole = all(key, n, 3);
            let (a, b) = (a % (n + 1), b % (n + 1));
            let (from, to) = (a.min(b), a.max(b));
            let mut part = vec![0; (to - from) as usize];
            Order::new(key, n).unwrap().positions(3, from, &mut part).unwrap();
            prop_assert_eq!(&whole[from as usize..to as usize], &part[..]);
        }

        #[test]
        fn huge_orders_do_not_repeat(n in (1_u64 << 40)..MAX_ITEMS, key: [u64; 2]) {
            let mut part = vec![0; 1000];
            Order::new(key, n).unwrap().positions(0, n / 2, &mut part).unwrap();
            part.sort_unstable();
            part.dedup();
            prop_assert_eq!(part.len(), 1000);
            prop_assert!(part[0] >= 0 && part[999] < n as i64);
        }
    }

    #[test]
    fn all_orders_of_small_sets_are_uniform_over_keys() {
        for (n, orders, limit) in [
            (2_u64, 2_usize, 15.0),
            (3, 6, 25.0),
            (4, 24, 55.0),
            (5, 120, 180.0),
        ] {
            let mut counts = std::collections::HashMap::new();
            let trials = orders * 400;
            for seed in 0..trials as u64 {
                *counts.entry(all([seed, 0], n, 0)).or_insert(0_u32) += 1;
            }
            assert_eq!(counts.len(), orders);
            let expected = 400.0;
            let chi2: f64 = counts
                .values()
                .map(|&c| (f64::from(c) - expected).powi(2) / expected)
                .sum();
            assert!(chi2 < limit, "n = {n}: chi2 = {chi2}");
        }
    }

    #[test]
    fn epochs_and_keys_and_sizes_differ() {
        for n in [100, 100_000] {
            assert_ne!(all([1, 1], n, 0), all([1, 1], n, 1));
            assert_ne!(all([1, 1], n, 0), all([1, 2], n, 0));
        }
        assert_ne!(all([1, 1], 100_000, 0)[..50], all([1, 1], 100_001, 0)[..50]);
    }

    // Pairs (place, position) and steps between neighbours fill a coarse grid evenly.
    #[test]
    fn large_orders_look_random() {
        let n = 160_000_u64;
        for seed in 0..5 {
            let order = all([seed, 7], n, 0);
            let mut cells = vec![0_u32; 1600];
            let mut steps = vec![0_u32; 100];
            for (i, &p) in order.iter().enumerate() {
                cells[i / 4000 * 40 + p as usize / 4000] += 1;
            }
            for pair in order.windows(2) {
                steps[(pair[1] - pair[0]).rem_euclid(n as i64) as usize / 1600] += 1;
            }
            let chi2 = |counts: &[u32], expected: f64| -> f64 {
                counts
                    .iter()
                    .map(|&c| (f64::from(c) - expected).powi(2) / expected)
                    .sum()
            };
            // 1521 and 99 degrees of freedom; limits are five standard deviations away.
            assert!(
                (1245.0..1797.0).contains(&chi2(&cells, 100.0)),
                "{}",
                chi2(&cells, 100.0)
            );
            assert!(
                (45.0..170.0).contains(&chi2(&steps, 1600.0)),
                "{}",
                chi2(&steps, 1600.0)
            );
        }
    }

    #[test]
    fn places_outside_are_refused() {
        let order = Order::new([0, 0], 10).unwrap();
        assert!(order.positions(0, 8, &mut [0; 3]).is_err());
        assert!(order.positions(0, u64::MAX, &mut [0; 3]).is_err());
        assert!(Order::new([0, 0], u64::MAX).is_err());
    }
}
