//! Weighted sums of neighbours, the inner loop of all linear filters.

#[cfg(target_arch = "x86_64")]
use crate::instructions::InstructionSet;

/// Where an element lies from the first one that a sum may take, in strides, and its weight.
pub(crate) type Tap = (usize, f64);

/// Set each element to the weighted sum of those of `source` that lie at the taps from its place.
///
/// The sums are the same, bit by bit, with every instruction set: terms are added in the order of
/// the taps, and a product is rounded before it is added.
pub(crate) fn weighted_sums(source: &[f64], taps: &[Tap], stride: usize, target: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    match InstructionSet::in_use() {
        InstructionSet::Avx512 => {
            // SAFETY: the processor has these instructions.
            return unsafe { with_avx512(source, taps, stride, target) };
        }
        InstructionSet::Avx2 => {
            // SAFETY: as above.
            return unsafe { with_avx2(source, taps, stride, target) };
        }
        _ => {}
    }
    sums::<16>(source, taps, stride, target);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(source: &[f64], taps: &[Tap], stride: usize, target: &mut [f64]) {
    sums::<32>(source, taps, stride, target);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512(source: &[f64], taps: &[Tap], stride: usize, target: &mut [f64]) {
    sums::<64>(source, taps, stride, target);
}

/// `LANES` sums at a time, which stay in registers.
///
/// Plain loops: what is not inlined here is compiled without the instruction set.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn sums<const LANES: usize>(source: &[f64], taps: &[Tap], stride: usize, target: &mut [f64]) {
    let mut place = 0;
    while place + LANES <= target.len() {
        let mut sums = [0.0; LANES];
        for &(offset, weight) in taps {
            let first = place + offset * stride;
            let values = &source[first..first + LANES];
            for lane in 0..LANES {
                sums[lane] += weight * values[lane];
            }
        }
        target[place..place + LANES].copy_from_slice(&sums);
        place += LANES;
    }
    while place < target.len() {
        let mut sum = 0.0;
        for &(offset, weight) in taps {
            sum += weight * source[place + offset * stride];
        }
        target[place] = sum;
        place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::with_each;

    #[test]
    fn instruction_sets_give_the_same_bits() {
        let source: Vec<f64> = (0..1000).map(|n| f64::from(n).sin() * 1e3).collect();
        let taps: Vec<Tap> = (0..17).map(|n| (n, 1.0 / (n as f64 + 3.0))).collect();
        for n in [0, 1, 15, 16, 31, 32, 33, 100, 949] {
            let mut expected = vec![0.0; n];
            sums::<16>(&source, &taps, 3, &mut expected);
            with_each(|set| {
                let mut found = vec![0.0; n];
                weighted_sums(&source, &taps, 3, &mut found);
                let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found), bits(&expected), "{set:?}");
            });
        }
    }
}
