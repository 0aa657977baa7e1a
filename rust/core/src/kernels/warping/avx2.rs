//! Bytes in groups of three, eight elements at a time; the same bits as without.

use super::Image;
use super::blend::DIGITS;
use super::places::within;
use crate::instructions::InstructionSet;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadl_epi64, _mm_loadu_si128, _mm_storel_epi64, _mm_storeu_si128,
    _mm_unpacklo_epi64, _mm256_add_epi32, _mm256_add_epi64, _mm256_broadcastsi128_si256,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_mullo_epi32, _mm256_or_si256, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set_m128i, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setr_epi32, _mm256_setr_epi64x, _mm256_shuffle_epi8,
    _mm256_shuffle_ps, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_sub_epi32,
};

/// As [`super::Blend::blend_row`].
pub(super) fn blend_row(
    image: &Image<'_, u8>,
    at: [i64; 2],
    step: [i64; 2],
    out: &mut [u8],
) -> usize {
    let [width, height, _] = image.lengths;
    let fits = i32::try_from(image.elements.len()).is_ok();
    if image.channels != 3 || width < 3 || height < 2 || !fits {
        return 0;
    }
    if InstructionSet::in_use() < InstructionSet::Avx2 {
        return 0;
    }
    // Eight bytes are read where six are needed: a place has two more elements to its right.
    let n = out.len() / 3;
    let count = {
        let x = within(at[0], step[0], 0..(width as i64 - 2) << 32, n);
        let y = within(at[1], step[1], 0..(height as i64 - 1) << 32, n);
        if x.start > 0 || y.start > 0 {
            0
        } else {
            x.end.min(y.end) / 8 * 8
        }
    };
    if count > 0 {
        // SAFETY: the processor has the instructions; `within` has found that places lie in the
        // image, two elements from its right and one from its lower end.
        unsafe { eights(image, at, step, &mut out[..count * 3]) };
    }
    count
}

/// Numbers of fixed point: those of elements 0, 1, 4, 5 and of 2, 3, 6, 7, so that the upper or the
/// lower halves of both are in order.
type Lanes = [__m256i; 2];

#[inline]
#[target_feature(enable = "avx2")]
fn lanes(at: i64, step: i64) -> Lanes {
    [
        _mm256_setr_epi64x(at, at + step, at + 4 * step, at + 5 * step),
        _mm256_setr_epi64x(at + 2 * step, at + 3 * step, at + 6 * step, at + 7 * step),
    ]
}

/// Whole parts, and the first digits behind the point.
#[inline]
#[target_feature(enable = "avx2")]
fn halves([a, b]: Lanes) -> (__m256i, __m256i) {
    let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
    let fractions = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(a, b));
    let wholes = _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(a, b));
    (
        wholes,
        _mm256_srli_epi32::<{ 32 - DIGITS as i32 }>(fractions),
    )
}

/// The same 16 bytes twice.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(bytes: &[i8; 16]) -> __m256i {
    // SAFETY: 16 bytes are read.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// Two elements of three bytes, and the two below them.
///
/// # Safety
/// Eight bytes from there on, and from the same place of the next row on, belong to the image.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn square(first: *const u8, stride: usize) -> __m128i {
    // SAFETY: by this function's contract.
    unsafe {
        _mm_unpacklo_epi64(
            _mm_loadl_epi64(first.cast()),
            _mm_loadl_epi64(first.add(stride).cast()),
        )
    }
}

/// Blend whole groups of eight elements.
///
/// Without functions that take closures: those would be compiled without the instructions.
///
/// # Safety
/// Places of all elements lie within the image, with two more elements to the right and one more
/// row below; the image has fewer than 2^31 bytes.
#[target_feature(enable = "avx2")]
unsafe fn eights(image: &Image<'_, u8>, at: [i64; 2], step: [i64; 2], out: &mut [u8]) {
    let stride = image.lengths[0] * 3;
    let (mut x, mut y) = (lanes(at[0], step[0]), lanes(at[1], step[1]));
    let further_x = _mm256_set1_epi64x(8 * step[0]);
    let further_y = _mm256_set1_epi64x(8 * step[1]);
    let one = _mm256_set1_epi32(1 << DIGITS);
    let half = _mm256_set1_epi32(1 << (DIGITS - 1));
    let top = twice(&[0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1]);
    let bottom = twice(&[8, -1, 11, -1, 9, -1, 12, -1, 10, -1, 13, -1, -1, -1, -1, -1]);
    // Four elements of four bytes to four of three.
    let packed = twice(&[0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1]);
    let dense = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    let pairs = [
        _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4),
        _mm256_setr_epi32(1, 1, 1, 1, 5, 5, 5, 5),
        _mm256_setr_epi32(2, 2, 2, 2, 6, 6, 6, 6),
        _mm256_setr_epi32(3, 3, 3, 3, 7, 7, 7, 7),
    ];
    let source = image.elements.as_ptr();
    let (groups, _) = out.as_chunks_mut::<24>();
    for out in groups {
        let ((column, right), (row, down)) = (halves(x), halves(y));
        let both = _mm256_srli_epi32::<{ DIGITS as i32 }>(_mm256_add_epi32(
            _mm256_mullo_epi32(right, down),
            half,
        ));
        let (only_right, only_down) = (_mm256_sub_epi32(right, both), _mm256_sub_epi32(down, both));
        let neither = _mm256_sub_epi32(_mm256_sub_epi32(one, right), only_down);
        let upper = _mm256_or_si256(neither, _mm256_slli_epi32::<16>(only_right));
        let lower = _mm256_or_si256(only_down, _mm256_slli_epi32::<16>(both));
        let offsets = _mm256_add_epi32(
            _mm256_mullo_epi32(row, _mm256_set1_epi32(stride as i32)),
            _mm256_add_epi32(_mm256_add_epi32(column, column), column),
        );
        let mut first = [0_i32; 8];
        // SAFETY: the array has 32 bytes.
        unsafe { _mm256_storeu_si256(first.as_mut_ptr().cast(), offsets) };
        let mut blended = [half; 4];
        for (number, blended) in blended.iter_mut().enumerate() {
            // SAFETY: the caller promises that these bytes belong to the image.
            let squares = unsafe {
                _mm256_set_m128i(
                    square(source.add(first[number + 4] as usize), stride),
                    square(source.add(first[number] as usize), stride),
                )
            };
            let upper = _mm256_permutevar8x32_epi32(upper, pairs[number]);
            let lower = _mm256_permutevar8x32_epi32(lower, pairs[number]);
            let sum = _mm256_add_epi32(
                _mm256_madd_epi16(_mm256_shuffle_epi8(squares, top), upper),
                _mm256_madd_epi16(_mm256_shuffle_epi8(squares, bottom), lower),
            );
            *blended = _mm256_srli_epi32::<{ DIGITS as i32 }>(_mm256_add_epi32(sum, half));
        }
        let bytes = _mm256_packus_epi16(
            _mm256_packs_epi32(blended[0], blended[1]),
            _mm256_packs_epi32(blended[2], blended[3]),
        );
        let bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, packed), dense);
        // SAFETY: `out` has 24 bytes.
        unsafe {
            let out = out.as_mut_ptr();
            _mm_storeu_si128(out.cast(), _mm256_castsi256_si128(bytes));
            _mm_storel_epi64(out.add(16).cast(), _mm256_extracti128_si256::<1>(bytes));
        }
        x = [
            _mm256_add_epi64(x[0], further_x),
            _mm256_add_epi64(x[1], further_x),
        ];
        y = [
            _mm256_add_epi64(y[0], further_y),
            _mm256_add_epi64(y[1], further_y),
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::super::bilinear::inside;
    use super::*;
    use crate::instructions::with_each;

    #[test]
    fn the_bits_are_those_of_one_element_at_a_time() {
        let (width, height) = (37, 29);
        let elements: Vec<u8> = (0..width * height * 3)
            .map(|n| (n * 7919 % 251 + n % 5) as u8)
            .collect();
        let image = Image {
            elements: &elements,
            lengths: [width, height, 1],
            channels: 3,
        };
        for (start, step) in [
            ([0.0, 0.0], [1.0, 0.0]),
            ([0.25, 0.5], [0.966, 0.259]),
            ([34.999, 3.1], [-0.7, 0.7]),
            ([0.0, 27.99], [0.001, -1.0]),
        ] {
            let [at, step] = [start, step]
                .map(|pair: [f64; 2]| pair.map(|number| (number * 4_294_967_296.0) as i64));
            with_each(|set| {
                let mut by_eights = vec![0; 28 * 3];
                let count = blend_row(&image, at, step, &mut by_eights);
                let mut one_by_one = vec![0; count * 3];
                inside::<3, u8>(&image, at, step, &mut one_by_one);
                assert_eq!(by_eights[..count * 3], one_by_one);
                assert_eq!(count > 0, set >= InstructionSet::Avx2);
            });
        }
    }
}
