//! The id column of an index.

use super::Strings;
use crate::error::{Error, Result};
use crate::random::origin_of_bytes;

/// Ids in the order that the user gave.
#[derive(Debug)]
pub enum Ids {
    /// `start, start + 1, ...`: nothing is stored.
    Range {
        /// The first id.
        start: i64,
        /// Number of ids.
        len: usize,
    },
    /// Integers.
    Int(Vec<i64>),
    /// Strings.
    Str(Strings),
}

impl Ids {
    /// A column of integers, stored as a range if they are consecutive.
    pub fn from_ints(ids: Vec<i64>) -> Self {
        match ids.first() {
            Some(&start) if consecutive(&ids) => Self::Range {
                start,
                len: ids.len(),
            },
            _ => Self::Int(ids),
        }
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        match self {
            Self::Range { len, .. } => *len,
            Self::Int(ids) => ids.len(),
            Self::Str(ids) => ids.len(),
        }
    }

    /// Whether there are no ids.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held.
    pub fn nbytes(&self) -> usize {
        match self {
            Self::Range { .. } => 0,
            Self::Int(ids) => ids.capacity() * size_of::<i64>(),
            Self::Str(ids) => ids.nbytes(),
        }
    }

    /// Write the integer ids at `positions`, which must be inside.
    pub fn gather_ints(&self, positions: &[i64], out: &mut [i64]) -> Result<()> {
        check_positions(positions, self.len())?;
        match self {
            Self::Range { start, .. } => {
                for (to, &position) in out.iter_mut().zip(positions) {
                    *to = start + position;
                }
            }
            Self::Int(ids) => {
                for (to, &position) in out.iter_mut().zip(positions) {
                    *to = ids[position as usize];
                }
            }
            Self::Str(_) => return Err(Error::Type("the ids are strings, not integers".into())),
        }
        Ok(())
    }

    /// The ids at `positions` as a column of their own.
    pub fn take(&self, positions: &[i64]) -> Result<Self> {
        check_positions(positions, self.len())?;
        if let Self::Str(ids) = self {
            return Ok(Self::Str(ids.take(positions)));
        }
        let mut out = vec![0; positions.len()];
        self.gather_ints(positions, &mut out)?;
        Ok(Self::from_ints(out))
    }

    /// Origin of the item at `position`: what its random streams are keyed by.
    pub fn origin(&self, position: usize) -> u64 {
        match self {
            Self::Range { start, .. } => start.wrapping_add(position as i64) as u64,
            Self::Int(ids) => ids[position] as u64,
            Self::Str(ids) => origin_of_bytes(ids.get(position)),
        }
    }
}

/// Refuse positions that are not in `0..len`.
pub fn check_positions(positions: &[i64], len: usize) -> Result<()> {
    match positions.iter().find(|&&p| p as u64 >= len as u64) {
        Some(p) => Err(Error::Bounds(format!(
            "position {p} is outside of an index of {len} ids"
        ))),
        None => Ok(()),
    }
}

fn consecutive(ids: &[i64]) -> bool {
    ids.windows(2)
        .all(|pair| pair[0].checked_add(1) == Some(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_integer_wraps_nowhere() {
        assert!(matches!(
            Ids::from_ints(vec![i64::MAX, i64::MIN]),
            Ids::Int(_)
        ));
        assert!(matches!(Ids::from_ints(vec![i64::MAX]), Ids::Range { .. }));
    }

    #[test]
    fn taking_keeps_ids() {
        let ids = Ids::Str(Strings::from_iter(["x", "yy", "zzz"]));
        let Ids::Str(taken) = ids.take(&[2, 0, 2]).unwrap() else {
            panic!()
        };
        assert_eq!(
            taken.iter().collect::<Vec<_>>(),
            [b"zzz", b"x" as &[u8], b"zzz"]
        );
        assert!(ids.take(&[3]).is_err());
        assert!(ids.take(&[-1]).is_err());
    }

    #[test]
    fn origins_of_integers_are_the_integers() {
        assert_eq!(Ids::from_ints(vec![7, -1, 9]).origin(1), u64::MAX);
        assert_eq!(Ids::Range { start: 5, len: 10 }.origin(2), 7);
    }
}
