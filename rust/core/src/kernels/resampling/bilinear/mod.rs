//! Images of bytes, each element of the result between the four elements around its place.
//!
//! The way that is OpenCV's, without antialiasing: the place of an element of the result is
//! ``(number + 0.5) * old / new - 0.5`` along either axis, kept within the image. Computed in whole
//! numbers: a row of the result first, between two rows of the image, with 7 binary digits behind
//! the point; then its elements, which are rounded once. Nothing is off by more than 0.01 before
//! rounding.

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::images::Size;
#[cfg(target_arch = "x86_64")]
use crate::instructions::InstructionSet;

/// Binary digits of weights between rows.
const ROW_DIGITS: u32 = 15;
/// Binary digits of weights between columns.
const COLUMN_DIGITS: u32 = 14;
/// Binary digits behind the point of a row between two rows.
const DIGITS: u32 = 7;
/// Elements behind a row that may be read, and count for nothing.
const BEHIND: usize = 8;

/// What a worker keeps between images.
#[derive(Default)]
pub(crate) struct Scratch {
    /// A row between two rows.
    row: Vec<i16>,
    columns: Columns,
}

/// For each column of the result what it lies between.
#[derive(Default)]
struct Columns {
    /// Number of the left element, of the first channel.
    starts: Vec<i32>,
    /// Weights of the left and the right element, once for each channel; of three channels as if
    /// these were four.
    weights: Vec<[i16; 2]>,
    /// Of one channel: for every four columns how the eight elements from the first start on are put
    /// in pairs, as bytes. Empty if four columns lie between more elements.
    pairs: Vec<[i8; 16]>,
}

impl Columns {
    fn set(&mut self, old: usize, new: usize, channels: usize) {
        let times = if channels == 3 { 4 } else { channels };
        self.starts.clear();
        self.weights.clear();
        for number in 0..new {
            let (left, right) = place(number, old, new, COLUMN_DIGITS);
            self.starts.push((left * channels) as i32);
            let weights = [((1 << COLUMN_DIGITS) - right) as i16, right as i16];
            self.weights.extend(std::iter::repeat_n(weights, times));
        }
        self.pairs.clear();
        if channels == 1 {
            self.set_pairs();
        }
    }

    fn set_pairs(&mut self) {
        let (fours, _) = self.starts.as_chunks::<4>();
        for starts in fours {
            let mut order = [0; 16];
            for (byte, place) in order.iter_mut().enumerate() {
                let number = (starts[byte / 4] - starts[0]) as usize + byte / 2 % 2;
                if number >= 8 {
                    self.pairs.clear();
                    return;
                }
                *place = (2 * number + byte % 2) as i8;
            }
            self.pairs.push(order);
        }
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

/// Resize an image of bytes with up to four channels together; false if it is another one.
pub(super) fn resize(
    source: &[u8],
    old: Size,
    target: &mut [u8],
    new: Size,
    channels: usize,
    scratch: &mut Scratch,
) -> bool {
    let width = old.1 * channels;
    if !(1..=4).contains(&channels) || i32::try_from(width).is_err() {
        return false;
    }
    scratch.columns.set(old.1, new.1, channels);
    scratch.row.clear();
    scratch.row.resize(width + BEHIND, 0);
    for (number, out) in target.chunks_exact_mut(new.1 * channels).enumerate() {
        let (upper, share) = place(number, old.0, new.0, ROW_DIGITS);
        let lower = (upper + 1).min(old.0 - 1);
        let rows = [upper, lower].map(|row| &source[row * width..(row + 1) * width]);
        // The largest weight that 16 bits hold is off by no more than rounding.
        let share = share.min(i32::from(i16::MAX)) as i16;
        blend_rows(rows, share, &mut scratch.row[..width]);
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

/// The elements of a row of the result; `row` has [`BEHIND`] elements more than count.
fn blend_columns(row: &[i16], columns: &Columns, channels: usize, out: &mut [u8]) {
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Avx2 {
        // SAFETY: the processor has the instructions.
        done = unsafe { avx2::blend_columns(row, columns, channels, out) };
    }
    let times = columns.weights.len() / columns.starts.len();
    let rest = columns
        .starts
        .iter()
        .zip(columns.weights.iter().step_by(times))
        .skip(done);
    for ((&start, &[left, right]), out) in
        rest.zip(out[done * channels..].chunks_exact_mut(channels))
    {
        let row = &row[start as usize..];
        for (channel, out) in out.iter_mut().enumerate() {
            let [left, right] = [
                i32::from(row[channel]) * i32::from(left),
                i32::from(row[channel + channels]) * i32::from(right),
            ];
            *out = ((left + right + HALF) >> ALL_DIGITS) as u8;
        }
    }
}

/// Digits behind the point of what is rounded.
const ALL_DIGITS: u32 = DIGITS + COLUMN_DIGITS;
const HALF: i32 = 1 << (ALL_DIGITS - 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::with_each;
    use proptest::prelude::*;

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
            extremes in any::<bool>(),
            seed in any::<u32>(),
        ) {
            let mut state = seed | 1;
            let source: Vec<u8> = (0..old.0 * old.1 * channels)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let byte = (state >> 24) as u8;
                    if extremes { if byte > 127 { 255 } else { 0 } } else { byte }
                })
                .collect();
            let expected = exact(&source, old, new, channels);
            let mut first: Option<Vec<u8>> = None;
            with_each(|set| {
                let mut made = vec![1; expected.len()];
                assert!(resize(&source, old, &mut made, new, channels, &mut Scratch::default()));
                for (made, exact) in made.iter().zip(&expected) {
                    assert!((f64::from(*made) - exact).abs() < 0.52, "{made} for {exact}");
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
            &mut Scratch::default()
        ));
        assert_eq!(made, source);
        assert!(!resize(
            &source,
            (37, 29),
            &mut made,
            (37, 29),
            5,
            &mut Scratch::default()
        ));
    }
}
