//! Images of bytes, each element of the result a weighted mean of those around its place.
//!
//! Without antialiasing these are the four elements that the place lies between, in OpenCV's way:
//! it is ``(number + 0.5) * old / new - 0.5`` along either axis, kept within the image. With
//! antialiasing, an axis that becomes shorter is filtered in Pillow's way: by a triangle as wide as
//! two elements of the result.
//!
//! Computed in whole numbers: a row of the result first, between rows of the image, with 7 binary
//! digits behind the point; then its elements, which are rounded once (Pillow rounds after each
//! axis). Nothing is off by more than 0.1 before rounding.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod columns;
mod filter;

use super::images::Size;
#[cfg(target_arch = "x86_64")]
use crate::instructions::InstructionSet;
use columns::Columns;
use filter::Filter;

/// Binary digits of the weight between two rows.
const ROW_DIGITS: u32 = 15;
/// Binary digits of all other weights.
const WEIGHT_DIGITS: u32 = 14;
/// Binary digits behind the point of a row between rows.
const DIGITS: u32 = 7;
/// Digits behind the point of what is rounded, and half of one.
const ALL_DIGITS: u32 = DIGITS + WEIGHT_DIGITS;
const HALF: i32 = 1 << (ALL_DIGITS - 1);

/// What a worker keeps between images.
#[derive(Default)]
pub(crate) struct Scratch {
    /// A row between rows.
    row: Vec<i16>,
    columns: Columns,
    /// For each row of the result those it is made of, if there may be more than two.
    rows: Option<Filter>,
    /// Where rows begin that one is made of.
    begins: Vec<usize>,
    /// Sizes, number of channels, and whether with antialiasing, that all of this is for.
    of: Option<(Size, Size, usize, bool)>,
}

impl Scratch {
    /// Make ready for an image; false if the filter reaches too far.
    fn prepare(&mut self, old: Size, new: Size, channels: usize, antialias: bool) -> bool {
        let of = Some((old, new, channels, antialias));
        if self.of == of {
            return true;
        }
        self.of = None;
        // What becomes longer is not filtered.
        let filter =
            |old: usize, new: usize| (antialias && new < old).then(|| Filter::triangle(old, new));
        let (rows, columns) = (filter(old.0, new.0), filter(old.1, new.1));
        if rows.iter().chain(&columns).any(Filter::is_long) {
            return false;
        }
        let columns = columns.unwrap_or_else(|| Filter::between(old.1, new.1));
        self.columns.set(&columns, channels);
        self.rows = rows;
        self.row.clear();
        self.row.resize(old.1 * channels + self.columns.behind(), 0);
        self.of = of;
        true
    }
}

/// The element before the place of one of the result, and the weight of the one behind, in units of
/// so many binary digits; the weight is 0 where nothing is behind.
fn place(number: usize, old: usize, new: usize, digits: u32) -> (usize, i32) {
    let place = (number as f64 + 0.5) * (old as f64 / new as f64) - 0.5;
    let before = place.max(0.0).floor();
    if before as usize + 1 >= old {
        return (old - 1, 0);
    }
    let share = (place - before).max(0.0) * f64::from(1 << digits);
    (before as usize, share.round() as i32)
}

/// Resize an image of bytes with up to four channels together; false if it is another one, or
/// becomes so much smaller that elements are made of too many others.
pub(super) fn resize(
    source: &[u8],
    old: Size,
    target: &mut [u8],
    new: Size,
    channels: usize,
    antialias: bool,
    scratch: &mut Scratch,
) -> bool {
    let width = old.1 * channels;
    if !(1..=4).contains(&channels)
        || i32::try_from(width).is_err()
        || !scratch.prepare(old, new, channels, antialias)
    {
        return false;
    }
    for (number, out) in target.chunks_exact_mut(new.1 * channels).enumerate() {
        let row = &mut scratch.row[..width];
        if let Some(filter) = &scratch.rows {
            let (start, weights) = filter.of(number);
            // What has no weight may be any row.
            let rows = (start..start + 2 * weights.len()).map(|row| row.min(old.0 - 1) * width);
            scratch.begins.clear();
            scratch.begins.extend(rows);
            filter_rows(source, &scratch.begins, weights, row);
        } else {
            let (upper, share) = place(number, old.0, new.0, ROW_DIGITS);
            let lower = (upper + 1).min(old.0 - 1);
            let rows = [upper, lower].map(|row| &source[row * width..(row + 1) * width]);
            // The largest weight that 16 bits hold is off by no more than rounding.
            let share = share.min(i32::from(i16::MAX)) as i16;
            blend_rows(rows, share, row);
        }
        blend_columns(&scratch.row, &scratch.columns, channels, out);
    }
    true
}

/// A row between two rows, as 16-bit numbers with [`DIGITS`] behind the point.
fn blend_rows(rows: [&[u8]; 2], share: i16, between: &mut [i16]) {
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Avx2 {
        // SAFETY: the processor has the instructions.
        done = unsafe { avx2::blend_rows(rows, share, between) };
    }
    let [upper, lower] = rows.map(|row| &row[done..]);
    for ((between, &upper), &lower) in between[done..].iter_mut().zip(upper).zip(lower) {
        let apart = (i32::from(lower) - i32::from(upper)) << DIGITS;
        let share = (apart * i32::from(share) + (1 << (ROW_DIGITS - 1))) >> ROW_DIGITS;
        *between = ((i32::from(upper) << DIGITS) + share) as i16;
    }
}

/// The weighted mean of rows that begin at places of `source`, two for each pair of weights, as
/// 16-bit numbers with [`DIGITS`] behind the point.
fn filter_rows(source: &[u8], begins: &[usize], weights: &[[i16; 2]], between: &mut [i16]) {
    let (begins, _) = begins.as_chunks::<2>();
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Avx2 {
        // SAFETY: the processor has the instructions.
        done = unsafe { avx2::filter_rows(source, begins, weights, between) };
    }
    for (number, between) in between.iter_mut().enumerate().skip(done) {
        let mut sum = 1 << (WEIGHT_DIGITS - DIGITS - 1);
        for (begins, weights) in begins.iter().zip(weights) {
            for (begin, &weight) in begins.iter().zip(weights) {
                sum += i32::from(source[begin + number]) * i32::from(weight);
            }
        }
        *between = (sum >> (WEIGHT_DIGITS - DIGITS)) as i16;
    }
}

/// The elements of a row of the result.
fn blend_columns(row: &[i16], columns: &Columns, channels: usize, out: &mut [u8]) {
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Avx2 {
        // SAFETY: the processor has the instructions.
        done = unsafe { avx2::blend_columns(row, columns, channels, out) };
    }
    for (number, out) in out.chunks_exact_mut(channels).enumerate().skip(done) {
        let row = &row[columns.starts[number] as usize..];
        for (channel, out) in out.iter_mut().enumerate() {
            let mut sum = HALF;
            for (pair, weights) in columns.weights_of(number).enumerate() {
                for (side, weight) in weights.into_iter().enumerate() {
                    let element = row[channel + (2 * pair + side) * channels];
                    sum += i32::from(element) * i32::from(weight);
                }
            }
            *out = (sum >> ALL_DIGITS) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::with_each;
    use proptest::prelude::*;

    /// In double precision, by the formula of a filter that is cut at the ends.
    fn filtered(source: &[u8], old: Size, new: Size, channels: usize) -> Vec<f64> {
        let axis = |number: usize, old: usize, new: usize| {
            let scale = old as f64 / new as f64;
            let (center, width) = ((number as f64 + 0.5) * scale, scale.max(1.0));
            let weight = |at: usize| (1.0 - (at as f64 + 0.5 - center).abs() / width).max(0.0);
            let weights: Vec<f64> = (0..old).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            weights
                .into_iter()
                .map(|weight| weight / sum)
                .collect::<Vec<_>>()
        };
        let mut made = Vec::new();
        for y in 0..new.0 {
            let down = axis(y, old.0, new.0);
            for x in 0..new.1 {
                let along = axis(x, old.1, new.1);
                for channel in 0..channels {
                    let mut sum = 0.0;
                    for (y, down) in down.iter().enumerate() {
                        for (x, along) in along.iter().enumerate() {
                            let element = source[(y * old.1 + x) * channels + channel];
                            sum += down * along * f64::from(element);
                        }
                    }
                    made.push(sum);
                }
            }
        }
        made
    }

    /// In double precision, by the formula.
    fn exact(source: &[u8], old: Size, new: Size, channels: usize) -> Vec<f64> {
        let axis = |number: usize, old: usize, new: usize| {
            let place = (number as f64 + 0.5) * old as f64 / new as f64 - 0.5;
            let place = place.clamp(0.0, old as f64 - 1.0);
            let before = (place as usize).min(old.max(2) - 2);
            (before, (before + 1).min(old - 1), place - before as f64)
        };
        let mut made = Vec::new();
        for y in 0..new.0 {
            let (top, bottom, down) = axis(y, old.0, new.0);
            for x in 0..new.1 {
                let (left, right, along) = axis(x, old.1, new.1);
                for channel in 0..channels {
                    let at = |y: usize, x: usize| {
                        f64::from(source[(y * old.1 + x) * channels + channel])
                    };
                    let upper = at(top, left) * (1.0 - along) + at(top, right) * along;
                    let lower = at(bottom, left) * (1.0 - along) + at(bottom, right) * along;
                    made.push(upper * (1.0 - down) + lower * down);
                }
            }
        }
        made
    }

    proptest! {
        #[test]
        fn it_is_the_formula_with_all_instructions(
            old in (1_usize..40, 1_usize..40),
            new in (1_usize..40, 1_usize..40),
            channels in 1_usize..5,
            antialias in any::<bool>(),
            extremes in any::<bool>(),
            seed in any::<u32>(),
        ) {
            let antialias = antialias && old.0 <= 7 * new.0 && old.1 <= 7 * new.1;
            let mut state = seed | 1;
            let source: Vec<u8> = (0..old.0 * old.1 * channels)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let byte = (state >> 24) as u8;
                    if extremes { if byte > 127 { 255 } else { 0 } } else { byte }
                })
                .collect();
            let formula = if antialias { filtered } else { exact };
            let (expected, off) = (formula(&source, old, new, channels), if antialias { 0.6 } else { 0.52 });
            let mut first: Option<Vec<u8>> = None;
            with_each(|set| {
                let mut made = vec![1; expected.len()];
                assert!(resize(&source, old, &mut made, new, channels, antialias, &mut Scratch::default()));
                for (made, exact) in made.iter().zip(&expected) {
                    assert!((f64::from(*made) - exact).abs() < off, "{made} for {exact}");
                }
                assert_eq!(first.get_or_insert_with(|| made.clone()), &made, "{}", set.name());
            });
        }
    }

    #[test]
    fn an_image_of_the_same_size_stays() {
        let source: Vec<u8> = (0..=255).cycle().take(3 * 37 * 29).collect();
        let mut made = vec![0; source.len()];
        assert!(resize(
            &source,
            (37, 29),
            &mut made,
            (37, 29),
            3,
            false,
            &mut Scratch::default()
        ));
        assert_eq!(made, source);
        assert!(!resize(
            &source,
            (37, 29),
            &mut made,
            (37, 29),
            5,
            false,
            &mut Scratch::default()
        ));
    }
}
