//! Functions of elements by their channel, which stays last or becomes the first axis.
//!
//! A result that is far larger than the caches is computed a few kilobytes at a time and written past
//! them.

use super::single::{Line, write_in_turn};
use super::{Number, map_slice, moving};
use crate::instructions::InstructionSet;
use crate::shuffling::{self, Aligned};
use ironbatch_kernel::PastCaches;

/// Elements that are computed at once where the result is written past the caches, or read of an
/// item with gaps: they stay in the innermost cache.
const PART: usize = moving::PART;

/// Elements of a part: all channels of some groups. As many groups as fill whole lines of memory, so
/// that no line is written in two pieces.
pub(crate) fn part_length(n_channels: usize) -> usize {
    const LINES: usize = 64;
    let n_channels = n_channels.max(1);
    let n_groups = PART / n_channels;
    n_channels
        * if n_groups > LINES {
            n_groups / LINES * LINES
        } else {
            n_groups
        }
}

/// Where the result goes.
pub(crate) struct Target<'t, U> {
    pub(crate) elements: &'t mut [U],
    pub(crate) n_channels: usize,
    /// Groups of one element of each channel.
    pub(crate) n_groups: usize,
    /// Whether the channels become planes, one behind another.
    pub(crate) turns: bool,
    /// If it is written past the caches.
    pub(crate) writer: Option<PastCaches>,
    /// Functions of bytes, one for each channel, if they are quickly computed.
    pub(crate) lines: Option<&'t [Line]>,
}

impl<U: Number> Target<'_, U> {
    /// Whether bytes are best written by [`write_lines`](Self::write_lines).
    pub(crate) fn computes_lines(&self) -> bool {
        self.lines.is_some() && (!self.turns || matches!(self.n_channels, 1 | 3))
    }

    /// Write functions of bytes from element `first` on.
    pub(crate) fn write_lines(&mut self, first: usize, source: &[u8]) {
        match (self.lines, self.n_channels) {
            (Some(lines), 3) if self.turns => {
                self.write_planes(first, source, |channel| {
                    let line = lines[channel];
                    move |byte| line.at(byte)
                });
            }
            (Some(&[line]), _) => {
                self.write_straight(first, source, |source, target| {
                    map_slice(source, target, |byte| line.at(byte));
                });
            }
            (Some(&[a, b]), _) => self.write_straight(first, source, |source, target| {
                write_in_turn(source, target, &[a, b]);
            }),
            (Some(&[a, b, c]), _) => self.write_straight(first, source, |source, target| {
                write_in_turn(source, target, &[a, b, c]);
            }),
            (Some(&[a, b, c, d]), _) => self.write_straight(first, source, |source, target| {
                write_in_turn(source, target, &[a, b, c, d]);
            }),
            _ => {}
        }
    }

    /// Whether bytes are best written by [`write_planes`](Self::write_planes).
    pub(crate) fn computes_planes(&self) -> bool {
        self.turns
            && self.n_channels == 3
            && self.writer.is_some()
            && matches!(
                InstructionSet::in_use(),
                InstructionSet::Avx2 | InstructionSet::Avx512
            )
    }

    /// Write what becomes of bytes of three channels from element `first` on, as planes.
    ///
    /// Several bytes at a time are computed as quickly as each is looked up, and whole lines of
    /// memory are written.
    pub(crate) fn write_planes<F: Fn(u8) -> U>(
        &mut self,
        first: usize,
        source: &[u8],
        formula: impl Fn(usize) -> F,
    ) {
        let formulas: [F; 3] = std::array::from_fn(formula);
        let mut made = Aligned([U::from_f64(0.0); shuffling::GROUPS]);
        let is_done = shuffling::split_in_parts(source, |group, planes| {
            for ((channel, plane), formula) in planes.into_iter().enumerate().zip(&formulas) {
                let start = channel * self.n_groups + first / 3 + group;
                let target = &mut self.elements[start..start + plane.len()];
                let Some(writer) = &self.writer else {
                    map_slice(plane, target, formula);
                    continue;
                };
                let made = &mut made.0[..plane.len()];
                map_slice(plane, made, formula);
                writer.copy(made, target);
            }
        });
        if !is_done {
            self.turn(first / 3, source, |channel| {
                let formula = &formulas[channel];
                move |value: u8| formula(value)
            });
        }
    }

    /// Write a function of each element, by its channel, from element `first` on.
    pub(crate) fn write<T: Copy, F: Fn(T) -> U>(
        &mut self,
        first: usize,
        source: &[T],
        function: impl Fn(usize) -> F,
    ) {
        let n_channels = self.n_channels;
        if self.turns && n_channels > 1 {
            self.turn(first / n_channels, source, function);
            return;
        }
        self.write_straight(first, source, |source, target| {
            spread(source, target, n_channels, &function);
        });
    }

    /// Write elements to their own places, from element `first` on, by `fill(source, target)` for
    /// each part.
    fn write_straight<T>(&mut self, first: usize, source: &[T], fill: impl Fn(&[T], &mut [U])) {
        let target = &mut self.elements[first..first + source.len()];
        let Some(writer) = &self.writer else {
            fill(source, target);
            return;
        };
        let mut made = Aligned([U::from_f64(0.0); PART]);
        let part = part_length(self.n_channels);
        for (source, target) in source.chunks(part).zip(target.chunks_mut(part)) {
            let made = &mut made.0[..source.len()];
            fill(source, made);
            writer.copy(made, target);
        }
    }

    /// Write groups from number `first` on to one plane after another: they stay in cache meanwhile.
    fn turn<T: Copy, F: Fn(T) -> U>(
        &mut self,
        first: usize,
        source: &[T],
        function: impl Fn(usize) -> F,
    ) {
        let n_channels = self.n_channels;
        for channel in 0..n_channels {
            let start = channel * self.n_groups + first;
            let plane = &mut self.elements[start..start + source.len() / n_channels];
            let function = function(channel);
            match n_channels {
                3 => pick::<3, T, U>(source, channel, plane, function),
                4 => pick::<4, T, U>(source, channel, plane, function),
                _ => {
                    let values = source.iter().skip(channel).step_by(n_channels);
                    for (target, &value) in plane.iter_mut().zip(values) {
                        *target = function(value);
                    }
                }
            }
        }
    }
}

/// Write a function of the elements of one of `N` channels.
fn pick<const N: usize, T: Copy, U>(
    source: &[T],
    channel: usize,
    plane: &mut [U],
    function: impl Fn(T) -> U,
) {
    let (groups, _) = source.as_chunks::<N>();
    for (target, group) in plane.iter_mut().zip(groups) {
        *target = function(group[channel]);
    }
}

/// Write a function of each element, by its channel, to its own place.
fn spread<T: Copy, U: Copy, F: Fn(T) -> U>(
    source: &[T],
    target: &mut [U],
    n_channels: usize,
    function: impl Fn(usize) -> F,
) {
    match n_channels {
        0 => {}
        1 => map_slice(source, target, function(0)),
        3 => interleaved::<3, T, U, F>(source, target, function),
        4 => interleaved::<4, T, U, F>(source, target, function),
        _ => {
            let functions: Vec<_> = (0..n_channels).map(function).collect();
            for (source, target) in source
                .chunks_exact(n_channels)
                .zip(target.chunks_exact_mut(n_channels))
            {
                for ((&value, target), function) in source.iter().zip(target).zip(&functions) {
                    *target = function(value);
                }
            }
        }
    }
}

/// `N` channels that stay where they are.
fn interleaved<const N: usize, T: Copy, U, F: Fn(T) -> U>(
    source: &[T],
    target: &mut [U],
    function: impl Fn(usize) -> F,
) {
    let functions: [F; N] = std::array::from_fn(function);
    let (source, _) = source.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    for (source, target) in source.iter().zip(target) {
        for channel in 0..N {
            target[channel] = functions[channel](source[channel]);
        }
    }
}
