//! The ids of a set and where they are.
//!
//! An [`Index`] holds the ids that a user gave, in order. Views of it are kept by the callers as
//! positions; they hash nothing. Look-ups go through a position table, which stores positions
//! only and compares against the ids themselves.

mod ids;
mod strings;
mod table;

use std::sync::OnceLock;

pub use ids::{Ids, check_positions};
pub use strings::Strings;
use table::Table;

use crate::error::{Error, Result};

/// Ids with their position table, which is built when it is first needed.
#[derive(Debug)]
pub struct Index {
    ids: Ids,
    table: OnceLock<Table>,
}

impl Index {
    /// An index over `ids`; the table is not built yet.
    pub fn new(ids: Ids) -> Result<Self> {
        if !matches!(ids, Ids::Range { .. }) && ids.len() >= table::EMPTY as usize {
            return Err(Error::Value(format!(
                "an index that is not a range holds at most {} ids, got {}",
                table::EMPTY - 1,
                ids.len()
            )));
        }
        Ok(Self {
            ids,
            table: OnceLock::new(),
        })
    }

    /// The ids.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no ids.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions whose id has occurred before, in increasing order.
    pub fn duplicates(&self) -> &[u32] {
        match self.ids {
            Ids::Range { .. } => &[],
            _ => self.table().duplicates(),
        }
    }

    /// For each position how often its id has occurred before; `None` if no id repeats.
    pub fn occurrences(&self) -> Option<Vec<u64>> {
        let duplicates = self.duplicates();
        if duplicates.is_empty() {
            return None;
        }
        let mut counts = std::collections::HashMap::new();
        let mut out = vec![0; self.len()];
        for &position in duplicates {
            let first = match &self.ids {
                Ids::Range { .. } => None,
                Ids::Int(ids) => self.table().find_int(ids, ids[position as usize]),
                Ids::Str(ids) => self.table().find_str(ids, ids.get(position as usize)),
            };
            let count = counts.entry(first).or_insert(0_u64);
            *count += 1;
            out[position as usize] = *count;
        }
        Some(out)
    }

    /// Bytes that the ids and the table hold.
    pub fn nbytes(&self) -> usize {
        self.ids.nbytes() + self.table.get().map_or(0, Table::nbytes)
    }

    /// Position of an integer id, the first one if it repeats. `None` for string ids.
    #[inline]
    pub fn find_int(&self, id: i64) -> Option<usize> {
        match &self.ids {
            Ids::Range { start, len } => in_range(*start, *len, id),
            Ids::Int(ids) => self.table().find_int(ids, id).map(|p| p as usize),
            Ids::Str(_) => None,
        }
    }

    /// Position of a string id, the first one if it repeats. `None` for integer ids.
    #[inline]
    pub fn find_str(&self, id: &[u8]) -> Option<usize> {
        match &self.ids {
            Ids::Str(ids) => self.table().find_str(ids, id).map(|p| p as usize),
            _ => None,
        }
    }

    /// Write the positions of many integer ids, or give the place of the first unknown one.
    pub fn find_ints(&self, wanted: &[i64], out: &mut [i64]) -> std::result::Result<(), usize> {
        match &self.ids {
            Ids::Range { start, len } => {
                for (place, (&id, to)) in wanted.iter().zip(out).enumerate() {
                    *to = in_range(*start, *len, id).ok_or(place)? as i64;
                }
                Ok(())
            }
            Ids::Int(ids) => self.table().find_ints(ids, wanted, out),
            Ids::Str(_) => {
                if wanted.is_empty() {
                    Ok(())
                } else {
                    Err(0)
                }
            }
        }
    }

    fn table(&self) -> &Table {
        self.table.get_or_init(|| match &self.ids {
            Ids::Range { .. } => Table::default(),
            Ids::Int(ids) => Table::of_ints(ids),
            Ids::Str(ids) => Table::of_strings(ids),
        })
    }
}

#[inline]
fn in_range(start: i64, len: usize, id: i64) -> Option<usize> {
    let offset = id.wrapping_sub(start) as u64;
    (offset < len as u64).then_some(offset as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn model<T: std::hash::Hash + Eq + Clone>(
        ids: &[T],
    ) -> (HashMap<T, usize>, Vec<u32>, Vec<u64>) {
        let mut first = HashMap::new();
        let mut counts = HashMap::new();
        let mut duplicates = Vec::new();
        let mut occurrences = Vec::new();
        for (position, id) in ids.iter().enumerate() {
            let count = counts.entry(id.clone()).or_insert(0_u64);
            occurrences.push(*count);
            if *count > 0 {
                duplicates.push(position as u32);
            }
            *count += 1;
            first.entry(id.clone()).or_insert(position);
        }
        (first, duplicates, occurrences)
    }

    proptest! {
        #[test]
        fn integers_behave_like_a_map(
            ids in prop::collection::vec(prop_oneof![-20_i64..20, any::<i64>()], 1..400),
            others in prop::collection::vec(-30_i64..30, 0..40),
        ) {
            let index = Index::new(Ids::from_ints(ids.clone())).unwrap();
            let (first, duplicates, occurrences) = model(&ids);
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(index.find_int(*id), first.get(id).copied());
            }
            let mut out = vec![0; ids.len()];
            prop_assert_eq!(index.find_ints(&ids, &mut out), Ok(()));
            for (id, position) in ids.iter().zip(&out) {
                prop_assert_eq!(first[id] as i64, *position);
            }
            let unknown = others.iter().position(|id| !first.contains_key(id));
            let mut out = vec![0; others.len()];
            prop_assert_eq!(index.find_ints(&others, &mut out).err(), unknown);
            prop_assert_eq!(index.duplicates(), &duplicates[..]);
            prop_assert_eq!(index.occurrences().is_some(), !duplicates.is_empty());
            if let Some(found) = index.occurrences() {
                prop_assert_eq!(found, occurrences);
            }
        }

        #[test]
        fn strings_behave_like_a_map(
            ids in prop::collection::vec("[ab\\u{e9}]{0,12}", 1..300),
            other in "[abc]{0,4}",
        ) {
            let index = Index::new(Ids::Str(Strings::from_iter(&ids))).unwrap();
            let (first, duplicates, _) = model(&ids);
            for id in ids.iter().chain([&other]) {
                prop_assert_eq!(index.find_str(id.as_bytes()), first.get(id).copied());
            }
            prop_assert_eq!(index.duplicates(), &duplicates[..]);
        }
    }

    #[test]
    fn consecutive_integers_are_a_range() {
        let index = Index::new(Ids::from_ints((-5..100).collect())).unwrap();
        assert!(matches!(
            index.ids(),
            Ids::Range {
                start: -5,
                len: 105
            }
        ));
        assert_eq!(index.find_int(-5), Some(0));
        assert_eq!(index.find_int(99), Some(104));
        assert_eq!(index.find_int(100), None);
        assert_eq!(index.find_int(i64::MIN), None);
        assert_eq!(index.nbytes(), 0);
    }

    #[test]
    fn many_integers_take_few_bytes_each() {
        let ids: Vec<i64> = (0..1_000_000)
            .map(|i: i64| i.wrapping_mul(0x5851_F42D))
            .collect();
        let index = Index::new(Ids::from_ints(ids)).unwrap();
        assert!(index.duplicates().is_empty());
        assert!(index.nbytes() <= 32_000_000 && index.nbytes() >= 8_000_000);
    }

    #[test]
    fn kinds_do_not_mix() {
        let ints = Index::new(Ids::from_ints(vec![3, 1])).unwrap();
        assert_eq!(ints.find_str(b"3"), None);
        let strings = Index::new(Ids::Str(Strings::from_iter(["3"]))).unwrap();
        assert_eq!(strings.find_int(3), None);
        assert_eq!(strings.find_ints(&[3], &mut [0]), Err(0));
    }
}
