//! Items of different lengths: `values` end to end, item `i` from `offsets[i]` to `offsets[i + 1]`.

use super::gather::out_of_bounds;
use super::{Shared, grain};
use crate::executor::parallel_for;
use crate::{Error, Result};
use std::ptr;

/// Where chosen items lie in a ragged column, checked, and where they go.
///
/// Offsets belong to arrays that Python may change at any time, so they are read once, here.
#[derive(Debug)]
pub struct Pieces {
    starts: Vec<usize>,
    /// Where each item ends in the target; item `i` starts where `i - 1` ends.
    ends: Vec<usize>,
}

impl Pieces {
    /// Look up items `positions` of a column of `n_source` items over `n_values` values.
    ///
    /// Fails, naming the lowest place, if a position is out of range or offsets are not in order.
    ///
    /// # Safety
    /// `offsets` is readable for `n_source + 1` values and `positions` for `n`.
    pub unsafe fn look_up(
        offsets: *const i64,
        n_source: usize,
        n_values: usize,
        positions: *const i64,
        n: usize,
    ) -> Result<Self> {
        let mut pieces = Self {
            starts: Vec::with_capacity(n),
            ends: Vec::with_capacity(n),
        };
        let mut end = 0_usize;
        for place in 0..n {
            // SAFETY: by this function's contract.
            let given = unsafe { positions.add(place).read_volatile() };
            let Some(position) = usize::try_from(given).ok().filter(|&p| p < n_source) else {
                return Err(out_of_bounds(given, place, n_source));
            };
            // SAFETY: the position is below `n_source`.
            let (start, stop) = unsafe {
                (
                    offsets.add(position).read_volatile(),
                    offsets.add(position + 1).read_volatile(),
                )
            };
            let (Ok(start), Ok(stop)) = (usize::try_from(start), usize::try_from(stop)) else {
                return Err(bad_offsets(position, start, stop, n_values));
            };
            if start > stop || stop > n_values {
                return Err(bad_offsets(position, start as i64, stop as i64, n_values));
            }
            end = end
                .checked_add(stop - start)
                .filter(|&end| i64::try_from(end).is_ok())
                .ok_or_else(|| Error::Memory("the items have too many values".into()))?;
            pieces.starts.push(start);
            pieces.ends.push(end);
        }
        Ok(pieces)
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Number of values of all items together.
    pub fn n_values(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Write the offsets of the items as they lie one after another.
    ///
    /// # Safety
    /// `target` is writable for `len + 1` values.
    pub unsafe fn write_offsets(&self, target: *mut i64) {
        // SAFETY: by this function's contract.
        unsafe {
            target.write(0);
            for (place, &end) in self.ends.iter().enumerate() {
                target.add(place + 1).write(end as i64);
            }
        }
    }

    fn piece(&self, place: usize) -> (usize, usize, usize) {
        let at = if place == 0 { 0 } else { self.ends[place - 1] };
        (self.starts[place], at, self.ends[place] - at)
    }

    fn grain(&self, bytes: usize) -> usize {
        grain(bytes.div_ceil(self.len().max(1)))
    }

    /// Copy the items one after another to `target`.
    ///
    /// # Safety
    /// For the time of the call, `values` is readable for all values of the column that was looked
    /// up, and `target` is writable for [`n_values`](Self::n_values) values that do not overlap them.
    pub unsafe fn gather(
        &self,
        values: *const u8,
        value_bytes: usize,
        target: *mut u8,
    ) -> Result<()> {
        let (from, to) = (Shared::new(values), Shared::new(target));
        let total = self.n_values() * value_bytes;
        parallel_for(self.len(), self.grain(total), &|range| {
            for place in range {
                let (start, at, len) = self.piece(place);
                // SAFETY: the piece was checked; pieces do not overlap in the target.
                unsafe {
                    ptr::copy_nonoverlapping(
                        from.get().add(start * value_bytes),
                        to.get().add(at * value_bytes),
                        len * value_bytes,
                    );
                }
            }
        })
    }

    /// Copy each item into the beginning of a block of shape `largest`, with `filler` behind it.
    ///
    /// `shapes` holds one shape after another. Fails if a shape is larger than `largest` or does not
    /// hold its item's values.
    ///
    /// # Safety
    /// As [`gather`](Self::gather), with `target` writable for `len` blocks; `filler` is one value.
    pub unsafe fn pad(
        &self,
        values: *const u8,
        shapes: &[i64],
        largest: &[usize],
        filler: &[u8],
        target: *mut u8,
    ) -> Result<()> {
        let ndim = largest.len();
        let shapes = self.checked_shapes(shapes, largest)?;
        let block = largest.iter().product::<usize>() * filler.len();
        let (from, to) = (Shared::new(values), Shared::new(target));
        parallel_for(self.len(), grain(block), &|range| {
            for place in range {
                let (start, _, len) = self.piece(place);
                let shape = &shapes[place * ndim..(place + 1) * ndim];
                // SAFETY: piece and shape were checked; blocks do not overlap.
                unsafe {
                    let item = from.get().add(start * filler.len());
                    let block = to.get().add(place * block);
                    if shape == largest {
                        ptr::copy_nonoverlapping(item, block, len * filler.len());
                    } else {
                        copy_padded(item, block, shape, largest, filler);
                    }
                }
            }
        })
    }

    fn checked_shapes(&self, shapes: &[i64], largest: &[usize]) -> Result<Vec<usize>> {
        let ndim = largest.len();
        if shapes.len() != self.len() * ndim {
            return Err(Error::Value(format!(
                "{} items of {ndim} dimensions have {} extents, not {}",
                self.len(),
                self.len() * ndim,
                shapes.len()
            )));
        }
        let mut checked = Vec::with_capacity(shapes.len());
        for place in 0..self.len() {
            let shape = &shapes[place * ndim..(place + 1) * ndim];
            let mut n_values = 1_usize;
            for (&extent, &most) in shape.iter().zip(largest) {
                let extent = usize::try_from(extent)
                    .ok()
                    .filter(|&extent| extent <= most);
                let Some(extent) = extent else {
                    return Err(Error::Value(format!(
                        "item {place} of shape {shape:?} does not fit into {largest:?}"
                    )));
                };
                n_values = n_values.saturating_mul(extent);
                checked.push(extent);
            }
            if n_values != self.piece(place).2 {
                return Err(Error::Value(format!(
                    "item {place} has {} values, its shape is {shape:?}",
                    self.piece(place).2
                )));
            }
        }
        Ok(checked)
    }
}

fn bad_offsets(item: usize, start: i64, stop: i64, n_values: usize) -> Error {
    Error::Value(format!(
        "item {item} is said to lie from {start} to {stop} of {n_values} values"
    ))
}

/// Copy an item of shape `shape` into the beginning of a block of shape `largest` and fill the rest.
///
/// # Safety
/// `item` is readable for its shape, `block` writable for its own, in values of the size of
/// `filler`; no extent of `shape` is larger than that of `largest`.
unsafe fn copy_padded(
    item: *const u8,
    block: *mut u8,
    shape: &[usize],
    largest: &[usize],
    filler: &[u8],
) {
    let ([extent, inner_shape @ ..], [most, inner_largest @ ..]) = (shape, largest) else {
        // SAFETY: no dimensions left: one value.
        unsafe { ptr::copy_nonoverlapping(item, block, filler.len()) };
        return;
    };
    let from = inner_shape.iter().product::<usize>() * filler.len();
    let to = inner_largest.iter().product::<usize>() * filler.len();
    // SAFETY: rows of the item lie in rows of the block, by this function's contract.
    unsafe {
        if from == to {
            ptr::copy_nonoverlapping(item, block, extent * from);
        } else {
            for row in 0..*extent {
                copy_padded(
                    item.add(row * from),
                    block.add(row * to),
                    inner_shape,
                    inner_largest,
                    filler,
                );
            }
        }
        fill(block.add(extent * to), (most - extent) * to, filler);
    }
}

/// Fill `len` bytes, a multiple of the filler's.
///
/// # Safety
/// `target` is writable for `len` bytes.
unsafe fn fill(target: *mut u8, len: usize, filler: &[u8]) {
    let [first, rest @ ..] = filler else {
        return;
    };
    // SAFETY: by this function's contract; what has been filled never overlaps what comes next.
    unsafe {
        if rest.iter().all(|byte| byte == first) {
            target.write_bytes(*first, len);
            return;
        }
        let mut done = filler.len().min(len);
        ptr::copy_nonoverlapping(filler.as_ptr(), target, done);
        while done < len {
            let more = done.min(len - done);
            ptr::copy_nonoverlapping(target, target.add(done), more);
            done += more;
        }
    }
}
