//! Which elements along an axis one of the result is made of, with weights in whole numbers.

use super::super::weights::{Interpolation, Weights};
use super::{WEIGHT_DIGITS, place};

/// The most pairs of weights: beyond, their rounding would show.
const MOST_PAIRS: usize = 8;

/// For each place of the result where its elements begin, and pairs of weights that sum to
/// `1 << WEIGHT_DIGITS`. Places have as many pairs each; weights of elements that there are not
/// are 0.
pub(super) struct Filter {
    starts: Vec<usize>,
    weights: Vec<[i16; 2]>,
    n_pairs: usize,
}

impl Filter {
    /// The two elements that a place lies between.
    pub(super) fn between(old: usize, new: usize) -> Self {
        let (mut starts, mut weights) = (Vec::with_capacity(new), Vec::with_capacity(new));
        for number in 0..new {
            let (before, share) = place(number, old, new, WEIGHT_DIGITS);
            starts.push(before);
            weights.push([((1 << WEIGHT_DIGITS) - share) as i16, share as i16]);
        }
        Self {
            starts,
            weights,
            n_pairs: 1,
        }
    }

    /// A triangle as wide as two elements of the result.
    pub(super) fn triangle(old: usize, new: usize) -> Self {
        let exact = Weights::new(old, new, Interpolation::Bilinear, true);
        let most = (0..new).map(|number| exact.of(number).count()).max();
        let n_pairs = most.unwrap_or(0).div_ceil(2).max(1);
        let mut made = Self {
            starts: Vec::with_capacity(new),
            weights: vec![[0; 2]; new * n_pairs],
            n_pairs,
        };
        for (number, weights) in made.weights.chunks_exact_mut(n_pairs).enumerate() {
            let weights = weights.as_flattened_mut();
            let mut rest = 1 << WEIGHT_DIGITS;
            let mut start = None;
            for ((at, exact), weight) in exact.of(number).zip(&mut *weights) {
                start.get_or_insert(at);
                *weight = (exact * f64::from(1 << WEIGHT_DIGITS)).round() as i16;
                rest -= *weight;
            }
            if let Some(largest) = weights.iter_mut().max() {
                *largest += rest;
            }
            made.starts.push(start.unwrap_or(0));
        }
        made
    }

    /// Whether an element is made of more than whole numbers of 16 bits are good for.
    pub(super) fn is_long(&self) -> bool {
        self.n_pairs > MOST_PAIRS
    }

    /// Where the elements of a place begin, and the pairs of their weights.
    pub(super) fn of(&self, number: usize) -> (usize, &[[i16; 2]]) {
        let weights = &self.weights[number * self.n_pairs..(number + 1) * self.n_pairs];
        (self.starts[number], weights)
    }

    pub(super) fn n_places(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn n_pairs(&self) -> usize {
        self.n_pairs
    }
}
