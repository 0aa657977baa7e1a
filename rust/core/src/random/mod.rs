//! Randomness that is a function of a key and a place, never of what was drawn before.

mod siphash;

pub use ironbatch_kernel::random::{Philox, block};
pub use siphash::siphash24;

/// Key of the hash that turns a string id into an origin. Part of the file formats: never change.
pub const ORIGIN_KEY: (u64, u64) = (0x6962_2d6f_7269_6769, 0x6e2d_7631_2e30_2e30);

/// Stable 64-bit origin of a string or bytes id: SipHash-2-4 of its UTF-8 bytes under a fixed key.
pub fn origin_of_bytes(id: &[u8]) -> u64 {
    siphash24(ORIGIN_KEY, id)
}

/// Stable 64-bit name of an operation: SipHash-2-4 of its path in the plan and its ordinal there.
pub fn operation_hash(path: &str, ordinal: u64) -> u64 {
    let mut text = Vec::with_capacity(path.len() + 9);
    text.extend_from_slice(path.as_bytes());
    text.push(0);
    text.extend_from_slice(&ordinal.to_le_bytes());
    siphash24(ORIGIN_KEY, &text)
}

/// Counter word that joins an operation with the occurrence of an item within its epoch.
///
/// Occurrence 0 leaves the operation as it is; the mixing is that of `SplitMix64`.
pub fn operation_word(operation: u64, occurrence: u64) -> u64 {
    if occurrence == 0 {
        return operation;
    }
    let mut z = operation ^ occurrence.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Stream of one item in one operation: the words that `numpy.random.Philox` gives from there.
pub fn item_stream(
    key: [u64; 2],
    operation: u64,
    origin: u64,
    epoch: u64,
    occurrence: u64,
) -> Philox {
    Philox::new(
        key,
        [0, epoch, operation_word(operation, occurrence), origin],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_differ_by_path_and_by_ordinal() {
        let all = [
            operation_hash("load", 0),
            operation_hash("load", 1),
            operation_hash("loae", 0),
            operation_hash("", 0),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(!all[..i].contains(a));
        }
    }

    #[test]
    fn occurrence_zero_keeps_the_operation() {
        assert_eq!(operation_word(7, 0), 7);
        assert_ne!(operation_word(7, 1), operation_word(7, 2));
    }

    #[test]
    fn items_have_streams_of_their_own() {
        let mut a = item_stream([1, 2], 3, 4, 0, 0);
        let mut b = item_stream([1, 2], 3, 5, 0, 0);
        let mut again = item_stream([1, 2], 3, 4, 0, 0);
        let first = a.next_u64();
        assert_ne!(first, b.next_u64());
        assert_eq!(first, again.next_u64());
    }
}
