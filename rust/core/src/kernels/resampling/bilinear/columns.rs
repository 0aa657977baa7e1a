//! Weights of columns, in the order in which registers of eight pairs take them.

use super::filter::Filter;

/// Pairs of numbers that a register holds.
const REGISTER: usize = 8;

/// For each column of the result what it is made of.
#[derive(Default)]
pub(super) struct Columns {
    /// Number of the first element, of the first channel.
    pub(super) starts: Vec<i32>,
    /// Registers of weights: all first pairs of some columns, their second ones, and so on. A weight
    /// is there once for each channel; of three channels as if these were four.
    pub(super) weights: Vec<[i16; 2]>,
    /// Pairs of weights that a column has.
    pub(super) n_pairs: usize,
    /// Of one channel and one pair: for every four columns how the eight elements from the first
    /// start on are put in pairs, as bytes. Empty if four columns lie between more elements.
    pub(super) orders: Vec<[i8; 16]>,
    channels: usize,
}

impl Columns {
    pub(super) fn set(&mut self, filter: &Filter, channels: usize) {
        let (n_pairs, new) = (filter.n_pairs(), filter.n_places());
        (self.n_pairs, self.channels) = (n_pairs, channels);
        let times = self.times();
        let n_registers = new.div_ceil(self.in_register());
        self.starts.clear();
        self.weights.clear();
        self.weights
            .resize(n_registers * n_pairs * REGISTER, [0; 2]);
        for number in 0..new {
            let (start, weights) = filter.of(number);
            self.starts.push((start * channels) as i32);
            for (pair, &weights) in weights.iter().enumerate() {
                let place = self.place_of(number, pair);
                self.weights[place..place + times].fill(weights);
            }
        }
        self.orders.clear();
        if channels == 1 && n_pairs == 1 {
            self.set_orders();
        }
    }

    /// How often a weight is there.
    fn times(&self) -> usize {
        if self.channels == 3 { 4 } else { self.channels }
    }

    /// Columns of a register.
    fn in_register(&self) -> usize {
        REGISTER / self.times()
    }

    fn place_of(&self, number: usize, pair: usize) -> usize {
        let (register, column) = (number / self.in_register(), number % self.in_register());
        (register * self.n_pairs + pair) * REGISTER + column * self.times()
    }

    /// The pairs of weights of a column.
    pub(super) fn weights_of(&self, number: usize) -> impl Iterator<Item = [i16; 2]> + '_ {
        (0..self.n_pairs).map(move |pair| self.weights[self.place_of(number, pair)])
    }

    /// Elements behind a row that may be read, and count for nothing.
    pub(super) fn behind(&self) -> usize {
        8 + 2 * self.n_pairs * self.channels
    }

    fn set_orders(&mut self) {
        let (fours, _) = self.starts.as_chunks::<4>();
        for starts in fours {
            let mut order = [0; 16];
            for (byte, place) in order.iter_mut().enumerate() {
                let number = (starts[byte / 4] - starts[0]) as usize + byte / 2 % 2;
                if number >= 8 {
                    self.orders.clear();
                    return;
                }
                *place = (2 * number + byte % 2) as i8;
            }
            self.orders.push(order);
        }
    }
}
