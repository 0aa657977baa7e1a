//! The same whole numbers, 16 elements of a row and up to 8 of the result at a time.

use super::{ALL_DIGITS, Columns, DIGITS, HALF, ROW_DIGITS, WEIGHT_DIGITS};
use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_packs_epi32, _mm_packus_epi16, _mm_shuffle_epi8,
    _mm_storel_epi64, _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpacklo_epi8, _mm_unpacklo_epi32,
    _mm256_add_epi16, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepu8_epi16,
    _mm256_extracti128_si256, _mm256_i32gather_epi32, _mm256_i32gather_epi64, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_mulhrs_epi16, _mm256_packs_epi32, _mm256_packus_epi16,
    _mm256_permute4x64_epi64, _mm256_set_m128i, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_srai_epi32, _mm256_storeu_si256,
    _mm256_sub_epi16,
};

// The instruction that multiplies and rounds knows these digits alone, and what it is given, and the
// sum of two weighted elements, has to fit.
const _: () = assert!(ROW_DIGITS == 15 && DIGITS <= 7 && WEIGHT_DIGITS <= 14);

/// As [`super::blend_rows`], for as many elements as it gives the number of.
#[target_feature(enable = "avx2")]
pub(super) fn blend_rows(rows: [&[u8]; 2], share: i16, between: &mut [i16]) -> usize {
    let share = _mm256_set1_epi16(share);
    let (upper, _) = rows[0].as_chunks::<16>();
    let (lower, _) = rows[1].as_chunks::<16>();
    let (between, _) = between.as_chunks_mut::<16>();
    let mut done = 0;
    for ((between, upper), lower) in between.iter_mut().zip(upper).zip(lower) {
        // SAFETY: 16 bytes are read of each, and 16 numbers are written.
        unsafe {
            let upper = _mm256_cvtepu8_epi16(_mm_loadu_si128(upper.as_ptr().cast()));
            let lower = _mm256_cvtepu8_epi16(_mm_loadu_si128(lower.as_ptr().cast()));
            let apart = _mm256_slli_epi16::<{ DIGITS as i32 }>(_mm256_sub_epi16(lower, upper));
            let upper = _mm256_slli_epi16::<{ DIGITS as i32 }>(upper);
            let sum = _mm256_add_epi16(upper, _mm256_mulhrs_epi16(apart, share));
            _mm256_storeu_si256(between.as_mut_ptr().cast(), sum);
        }
        done += 16;
    }
    done
}

/// As [`super::filter_rows`], for as many elements as it gives the number of.
#[target_feature(enable = "avx2")]
pub(super) fn filter_rows(
    source: &[u8],
    begins: &[[usize; 2]],
    weights: &[[i16; 2]],
    between: &mut [i16],
) -> usize {
    let n = between.len() / 16 * 16;
    let last = begins.as_flattened().iter().max().copied().unwrap_or(0);
    assert!(last + n <= source.len(), "rows lie within the image");
    let half = _mm256_set1_epi32(1 << (WEIGHT_DIGITS - DIGITS - 1));
    let (between, _) = between.as_chunks_mut::<16>();
    for (number, between) in between.iter_mut().enumerate() {
        let (mut low, mut high) = (half, half);
        for (&[upper, lower], &weights) in begins.iter().zip(weights) {
            // SAFETY: 16 bytes of each row are read, which lie within the image.
            let (upper, lower) = unsafe {
                let at = |begin: usize| source.as_ptr().add(begin + 16 * number).cast();
                (_mm_loadu_si128(at(upper)), _mm_loadu_si128(at(lower)))
            };
            let weights = pair_of(weights);
            let beside = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(upper, lower));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(beside, weights));
            let beside = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(upper, lower));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(beside, weights));
        }
        let shift = |sums| _mm256_srai_epi32::<{ (WEIGHT_DIGITS - DIGITS) as i32 }>(sums);
        // Halves of both lie side by side afterwards.
        let words = _mm256_packs_epi32(shift(low), shift(high));
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
        // SAFETY: there is room for 16 numbers.
        unsafe { _mm256_storeu_si256(between.as_mut_ptr().cast(), words) };
    }
    n
}

/// The same two numbers in every pair.
#[inline]
#[target_feature(enable = "avx2")]
fn pair_of(numbers: [i16; 2]) -> __m256i {
    let [low, high] = numbers.map(|number| i32::from(number as u16));
    _mm256_set1_epi32(low | high << 16)
}

/// As [`super::blend_columns`], for as many columns as it gives the number of.
#[target_feature(enable = "avx2")]
pub(super) fn blend_columns(
    row: &[i16],
    columns: &Columns,
    channels: usize,
    out: &mut [u8],
) -> usize {
    match columns.n_pairs {
        1 => of_pairs::<1>(row, columns, channels, out),
        2 => of_pairs::<2>(row, columns, channels, out),
        _ => of_pairs::<MANY>(row, columns, channels, out),
    }
}

/// Any number of pairs.
const MANY: usize = 0;

#[target_feature(enable = "avx2")]
fn of_pairs<const P: usize>(
    row: &[i16],
    columns: &Columns,
    channels: usize,
    out: &mut [u8],
) -> usize {
    match channels {
        1 => eights::<1, P>(row, columns, out),
        2 => eights::<2, P>(row, columns, out),
        3 => fours::<3, P>(row, columns, out),
        _ => fours::<4, P>(row, columns, out),
    }
}

fn n_pairs<const P: usize>(columns: &Columns) -> usize {
    if P == MANY { columns.n_pairs } else { P }
}

/// Sums, rounded.
#[inline]
#[target_feature(enable = "avx2")]
fn rounded(sum: __m256i) -> __m256i {
    _mm256_srai_epi32::<{ ALL_DIGITS as i32 }>(sum)
}

/// Eight elements at a time, of images of one or two channels.
#[target_feature(enable = "avx2")]
fn eights<const N: usize, const P: usize>(row: &[i16], columns: &Columns, out: &mut [u8]) -> usize {
    let n_pairs = n_pairs::<P>(columns);
    let (out, _) = out.as_chunks_mut::<8>();
    // Of two columns that lie next to each other: left and right element of each channel.
    let order = _mm256_set_m128i(pairs(&TWO), pairs(&TWO));
    let mut done = 0;
    for (register, out) in out.iter_mut().enumerate() {
        // SAFETY: there are as many starts as columns, registers of weights, and elements for as
        // many channels, and an order for every four columns; behind the last element of a row are
        // as many as are read.
        unsafe {
            let starts = columns.starts.as_ptr().add(done);
            let weights = columns.weights.as_ptr().add(8 * n_pairs * register);
            let mut sum = _mm256_set1_epi32(HALF);
            for pair in 0..n_pairs {
                let row = row.as_ptr().add(2 * N * pair);
                let found = if N == 1 && !columns.orders.is_empty() {
                    let four = |first: usize| {
                        let start = *starts.add(first) as usize;
                        _mm_loadu_si128(row.add(start).cast())
                    };
                    let order = columns.orders.as_ptr().add(done / 4);
                    let order = _mm256_loadu_si256(order.cast());
                    _mm256_shuffle_epi8(_mm256_set_m128i(four(4), four(0)), order)
                } else if N == 1 {
                    let starts = _mm256_loadu_si256(starts.cast());
                    _mm256_i32gather_epi32::<2>(row.cast(), starts)
                } else {
                    let starts = _mm_loadu_si128(starts.cast());
                    let found = _mm256_i32gather_epi64::<2>(row.cast(), starts);
                    _mm256_shuffle_epi8(found, order)
                };
                let weights = _mm256_loadu_si256(weights.add(8 * pair).cast());
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(found, weights));
            }
            let made = rounded(sum);
            let words = _mm_packs_epi32(
                _mm256_castsi256_si128(made),
                _mm256_extracti128_si256::<1>(made),
            );
            _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
        }
        done += 8 / N;
    }
    done
}

/// Four columns at a time, of images of three or four channels.
#[target_feature(enable = "avx2")]
fn fours<const N: usize, const P: usize>(row: &[i16], columns: &Columns, out: &mut [u8]) -> usize {
    // 16 bytes are written where N * 4 are made: some columns have to follow.
    let n = (out.len() / N).saturating_sub(if N == 3 { 2 } else { 0 }) / 4 * 4;
    let order = if N == 3 { pairs(&THREE) } else { pairs(&FOUR) };
    let order = _mm256_set_m128i(order, order);
    for first in (0..n).step_by(4) {
        // SAFETY: there are as many starts as columns, a register of weights for every two, and 16
        // bytes of room; behind the last element of a row are as many as are read.
        unsafe {
            let words = _mm256_packs_epi32(
                two::<N, P>(row, columns, first, order),
                two::<N, P>(row, columns, first + 2, order),
            );
            let bytes = _mm256_packus_epi16(words, words);
            let mut bytes = _mm_unpacklo_epi32(
                _mm256_castsi256_si128(bytes),
                _mm256_extracti128_si256::<1>(bytes),
            );
            if N == 3 {
                bytes = _mm_shuffle_epi8(bytes, pairs(&TIGHT));
            }
            _mm_storeu_si128(out.as_mut_ptr().add(N * first).cast(), bytes);
        }
    }
    n
}

/// Four elements, rounded, of each of two columns.
///
/// # Safety
/// Both columns are there, with a register of weights for each pair, and elements of the row for
/// all of them, and 8 more.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two<const N: usize, const P: usize>(
    row: &[i16],
    columns: &Columns,
    number: usize,
    order: __m256i,
) -> __m256i {
    let n_pairs = n_pairs::<P>(columns);
    let mut sum = _mm256_set1_epi32(HALF);
    // SAFETY: promised by the caller.
    unsafe {
        let start = |number: usize| *columns.starts.get_unchecked(number) as usize;
        let first = row.as_ptr().add(start(number));
        let second = row.as_ptr().add(start(number + 1));
        let weights = columns.weights.as_ptr().add(4 * number * n_pairs);
        for pair in 0..n_pairs {
            let found = _mm256_set_m128i(
                _mm_loadu_si128(second.add(2 * N * pair).cast()),
                _mm_loadu_si128(first.add(2 * N * pair).cast()),
            );
            let weights = _mm256_loadu_si256(weights.add(8 * pair).cast());
            let weighted = _mm256_madd_epi16(_mm256_shuffle_epi8(found, order), weights);
            sum = _mm256_add_epi32(sum, weighted);
        }
    }
    rounded(sum)
}

/// Bytes of a register in another order.
type Order = [i8; 16];

/// Left and right elements of `n` channels, of columns that begin `step` numbers apart, side by side.
const fn side_by_side(n: usize, step: usize) -> Order {
    let mut order = [-1; 16];
    let mut byte = 0;
    while byte < 16 {
        let (pair, side) = (byte / 4, byte / 2 % 2);
        let (column, channel) = (pair / n, pair % n);
        let number = column * step + side * n + channel;
        if number < 8 && (step > 0 || column == 0) {
            order[byte] = (2 * number + byte % 2) as i8;
        }
        byte += 1;
    }
    order
}

const TWO: Order = side_by_side(2, 4);
const THREE: Order = side_by_side(3, 0);
const FOUR: Order = side_by_side(4, 0);
/// Three bytes of every four.
const TIGHT: Order = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1];

#[target_feature(enable = "avx2")]
fn pairs(order: &Order) -> __m128i {
    // SAFETY: 16 bytes are read.
    unsafe { _mm_loadu_si128(order.as_ptr().cast()) }
}
