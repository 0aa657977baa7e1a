//! Elements made of the ones around them.
//!
//! Everything is computed in double precision and converted once at the end. An item is continued
//! beyond its ends before a filter passes over it, so that the filter itself knows no border.

mod polyphase;
mod running;
mod sums;

pub(crate) use polyphase::{Polyphase, fraction};
pub(crate) use running::running;
pub(crate) use sums::{Tap, weighted_sums};

use super::Number;
use super::geometry::borders::Border;
use ironbatch_kernel::{Error, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// How many values may be added around an item: they take memory.
const MOST_BEYOND: usize = 1 << 26;
/// How many columns a pass takes at once, so that what it works on stays in the cache.
const MOST_COLUMNS: usize = 64;

/// What a worker keeps between items.
#[derive(Default)]
pub(crate) struct Lines {
    /// The item as doubles.
    pub values: Vec<f64>,
    /// Some of it, continued beyond its ends.
    pub extended: Vec<f64>,
    /// What a pass has made of some columns.
    sums: Vec<f64>,
    /// What a pass keeps besides.
    pub scratch: Vec<f64>,
}

/// How far a filter reaches along an axis, and what it finds beyond the ends.
#[derive(Clone, Copy)]
pub(crate) struct Beyond {
    pub before: usize,
    pub after: usize,
    pub border: Border,
    pub fill: f64,
}

/// Hand an item and its result to `body` in C order, whatever their layout.
pub(crate) fn in_c_order<T: Number>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    body: impl FnOnce(&[T], &mut [T]) -> Result<()>,
) -> Result<()> {
    let x = x.as_standard_layout();
    let Some(source) = x.as_slice() else {
        return Err(Error::new("the item has no standard layout"));
    };
    if let Some(target) = out.as_slice_mut() {
        return body(source, target);
    }
    let mut whole = vec![T::from_f64(0.0); out.len()];
    body(source, &mut whole)?;
    for (target, value) in out.iter_mut().zip(whole) {
        *target = value;
    }
    Ok(())
}

/// An item as doubles, in memory that is used again.
pub(crate) fn load<T: Number>(source: &[T], values: &mut Vec<f64>) -> Result<()> {
    empty(values, source.len())?;
    values.extend(source.iter().map(|value| value.to_f64()));
    Ok(())
}

/// Doubles as elements of the result.
pub(crate) fn store<T: Number>(values: &[f64], target: &mut [T]) {
    for (target, &value) in target.iter_mut().zip(values) {
        *target = T::from_f64(value);
    }
}

/// A vector without elements and room for some; an error, not the end of the process, if there is
/// no such room.
pub(crate) fn empty(values: &mut Vec<f64>, room: usize) -> Result<()> {
    values.clear();
    values
        .try_reserve(room)
        .map_err(|_| Error::new(format!("no memory for {room} numbers")))
}

/// Part of rows: from `first`, `width` of `inner` values.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub inner: usize,
    pub first: usize,
    pub width: usize,
}

impl Columns {
    /// Whole rows of `inner` values.
    pub(crate) fn all(inner: usize) -> Self {
        Self {
            inner,
            first: 0,
            width: inner,
        }
    }

    fn of(self, row: usize) -> std::ops::Range<usize> {
        let first = row * self.inner + self.first;
        first..first + self.width
    }
}

/// Append columns of an item, continued beyond their ends.
pub(crate) fn extend(source: &[f64], columns: Columns, beyond: Beyond, extended: &mut Vec<f64>) {
    let rows = (source.len() / columns.inner) as i64;
    let (before, after) = (beyond.before as i64, beyond.after as i64);
    let push = |extended: &mut Vec<f64>, at: i64| match beyond.border.place(at, rows) {
        Some(row) => extended.extend_from_slice(&source[columns.of(row)]),
        None => extended.extend(std::iter::repeat_n(beyond.fill, columns.width)),
    };
    (-before..0).for_each(|at| push(extended, at));
    if columns.width == columns.inner {
        extended.extend_from_slice(source);
    } else {
        (0..rows).for_each(|at| push(extended, at));
    }
    (rows..rows + after).for_each(|at| push(extended, at));
}

/// Refuse filters that reach so far beyond an item that it would take the memory of the machine.
pub(crate) fn check_room(added: Option<usize>) -> Result<()> {
    match added {
        Some(added) if added <= MOST_BEYOND => Ok(()),
        _ => Err(Error::new(format!(
            "the filter reaches too far beyond the item: more than {MOST_BEYOND} values would have \
             to be added"
        ))),
    }
}

/// Pass along an axis: `body` gets rows that are continued beyond their ends, how long a row is,
/// what to set and memory to work in.
pub(crate) fn sweep(
    lines: &mut Lines,
    shape: &[usize],
    axis: usize,
    beyond: Beyond,
    mut body: impl FnMut(&[f64], usize, &mut [f64], &mut Vec<f64>),
) -> Result<()> {
    let inner: usize = shape[axis + 1..].iter().product();
    let added = beyond.before.checked_add(beyond.after);
    let added = added.and_then(|added| added.checked_mul(inner));
    check_room(added)?;
    let rows = shape[axis];
    let Lines {
        values,
        extended,
        sums,
        scratch,
    } = lines;
    for values in values.chunks_exact_mut((rows * inner).max(1)) {
        for first in (0..inner).step_by(MOST_COLUMNS) {
            let width = MOST_COLUMNS.min(inner - first);
            let columns = Columns {
                inner,
                first,
                width,
            };
            empty(extended, (rows + beyond.before + beyond.after) * width)?;
            extend(values, columns, beyond, extended);
            if width == inner {
                body(extended, width, values, scratch);
                continue;
            }
            empty(sums, rows * width)?;
            sums.resize(rows * width, 0.0);
            body(extended, width, sums, scratch);
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                values[columns.of(row)].copy_from_slice(sums);
            }
        }
    }
    Ok(())
}
