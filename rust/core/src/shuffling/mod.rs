//! Bytes in groups of three, such as pixels, in another order.
//!
//! Each function does what it says for all of its bytes, or returns false where the processor has
//! not the instructions: the caller has a way for everything.

#[cfg(target_arch = "x86_64")]
mod ssse3;

#[cfg(target_arch = "x86_64")]
use crate::instructions::InstructionSet;

/// Groups in reverse, the bytes of each in their order.
#[must_use]
pub(crate) fn reverse(source: &[u8], target: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Ssse3 {
        // SAFETY: the processor has the instructions.
        unsafe { ssse3::reverse(source, target) };
        return true;
    }
    let _ = (source, target);
    false
}

/// The first bytes of all groups, then the second ones, then the third ones.
#[must_use]
pub(crate) fn split(source: &[u8], target: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Ssse3 {
        // SAFETY: the processor has the instructions.
        unsafe { ssse3::split(source, target) };
        return true;
    }
    let _ = (source, target);
    false
}

/// Groups that are taken apart at once: they stay in the innermost cache.
pub(crate) const GROUPS: usize = 512;

/// An array that begins with a line of memory: vectors that lie across two lines cost twice.
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub T);

/// Call `each` with the number of a group and the three planes of the groups from there on, for
/// some groups after others.
#[must_use]
pub(crate) fn split_in_parts(source: &[u8], mut each: impl FnMut(usize, [&[u8]; 3])) -> bool {
    let mut parts = Aligned([0; 3 * GROUPS]);
    for (number, block) in source.chunks(3 * GROUPS).enumerate() {
        let n = block.len() / 3;
        let parts = &mut parts.0[..3 * n];
        if !split(&block[..3 * n], parts) {
            return false;
        }
        let (first, others) = parts.split_at(n);
        let (second, third) = others.split_at(n);
        each(number * GROUPS, [first, second, third]);
    }
    true
}

/// What [`split`] has split, together again.
#[must_use]
pub(crate) fn join(source: &[u8], target: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::in_use() >= InstructionSet::Ssse3 {
        // SAFETY: the processor has the instructions.
        unsafe { ssse3::join(source, target) };
        return true;
    }
    let _ = (source, target);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::{InstructionSet, with_each};

    #[test]
    fn every_length_is_done_to_its_end() {
        with_each(|set| {
            for n in 0..100 {
                let source: Vec<u8> = (0..3 * n).map(|number| number as u8).collect();
                let [mut reversed, mut planes, mut again] = [(); 3].map(|()| vec![0; 3 * n]);
                if !reverse(&source, &mut reversed) {
                    assert!(!split(&source, &mut planes) && !join(&planes, &mut again));
                    assert!(set < InstructionSet::Ssse3 || set == InstructionSet::Neon);
                    continue;
                }
                assert!(split(&source, &mut planes) && join(&planes, &mut again));
                let expected: Vec<u8> = source.chunks(3).rev().flatten().copied().collect();
                assert_eq!(reversed, expected);
                let expected: Vec<u8> = (0..3)
                    .flat_map(|k| source.iter().copied().skip(k).step_by(3))
                    .collect();
                assert_eq!(planes, expected);
                assert_eq!(again, source);
            }
        });
    }
}
