//! `transpose`: axes in another order.

use super::geometry::shape_text;
use super::moving::{Movable, Word, words, words_mut};
use crate::shuffling;
use ironbatch_kernel::{Bool, Error, F16, Item, PastCaches, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Side of the squares that a matrix is turned in, so that both sides stay in cache.
const TILE: usize = 32;

/// Permute the axes, as ``np.transpose``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// axes : sequence of int, optional
///     Axis of `x` that each axis of the result is; negative ones count from the end. Left out:
///     the axes in reverse.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If `axes` are not all axes of the item, each of them once.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn transpose<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    axes: Option<&[i64]>,
) -> Result<()> {
    let order = permutation(axes, x.ndim())?;
    permute(words(&x), &mut words_mut(&mut out), item, order);
    Ok(())
}

/// Set `out` to `x` with its axes in another order.
fn permute<W: Word>(
    x: ArrayViewD<'_, W>,
    out: &mut ArrayViewMutD<'_, W>,
    item: Item<'_>,
    order: Vec<usize>,
) {
    if let (Some(source), Some(target)) = (x.as_slice(), out.as_slice_mut()) {
        // Turning the first axes behind the others is turning a matrix.
        let rank = order.len();
        if let Some(turn) =
            (0..rank.max(1)).find(|turn| (0..rank).all(|axis| order[axis] == (axis + turn) % rank))
        {
            let rows: usize = x.shape()[..turn].iter().product();
            turn_matrix(source, target, rows.max(1), item);
            return;
        }
    }
    out.assign(&x.permuted_axes(order));
}

/// Write the transpose of a matrix with that many rows.
fn turn_matrix<W: Word>(source: &[W], target: &mut [W], rows: usize, item: Item<'_>) {
    let columns = source.len() / rows;
    if rows <= 1 || columns <= 1 {
        target.copy_from_slice(source);
        return;
    }
    match (rows, columns) {
        (_, 2) => split::<2, W>(source, target, rows),
        (_, 3)
            if W::by_bytes(source, target, |source, target| {
                to_planes(source, target, item)
            }) => {}
        (_, 3) => split::<3, W>(source, target, rows),
        (_, 4) => split::<4, W>(source, target, rows),
        (2, _) => join::<2, W>(source, target, columns),
        (3, _) if W::by_bytes(source, target, shuffling::join) => {}
        (3, _) => join::<3, W>(source, target, columns),
        (4, _) => join::<4, W>(source, target, columns),
        _ => {
            for row in (0..rows).step_by(TILE) {
                for column in (0..columns).step_by(TILE) {
                    for r in row..(row + TILE).min(rows) {
                        for c in column..(column + TILE).min(columns) {
                            target[c * rows + r] = source[r * columns + c];
                        }
                    }
                }
            }
        }
    }
}

/// Groups of three bytes to planes.
fn to_planes(source: &[u8], target: &mut [u8], item: Item<'_>) -> bool {
    if !item.is_past_caches(0) {
        return shuffling::split(source, target);
    }
    let n = source.len() / 3;
    let writer = PastCaches::new();
    shuffling::split_in_parts(source, |first, planes| {
        for (channel, plane) in planes.into_iter().enumerate() {
            let start = channel * n + first;
            writer.copy(plane, &mut target[start..start + plane.len()]);
        }
    })
}

/// Interleaved to planes: `N` columns.
fn split<const N: usize, T: Copy>(source: &[T], target: &mut [T], rows: usize) {
    let (groups, _) = source.as_chunks::<N>();
    for (number, plane) in target.chunks_exact_mut(rows).enumerate() {
        for (value, group) in plane.iter_mut().zip(groups) {
            *value = group[number];
        }
    }
}

/// Planes to interleaved: `N` rows.
fn join<const N: usize, T: Copy>(source: &[T], target: &mut [T], columns: usize) {
    let (groups, _) = target.as_chunks_mut::<N>();
    for (number, plane) in source.chunks_exact(columns).enumerate() {
        for (value, group) in plane.iter().zip(groups.iter_mut()) {
            group[number] = *value;
        }
    }
}

fn permutation(axes: Option<&[i64]>, rank: usize) -> Result<Vec<usize>> {
    let Some(axes) = axes else {
        return Ok((0..rank).rev().collect());
    };
    let order: Vec<_> = axes
        .iter()
        .map(|&axis| if axis < 0 { axis + rank as i64 } else { axis })
        .collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank as i64).collect::<Vec<_>>() {
        return Err(Error::new(format!(
            "axes {} are not the {rank} axes of an item, each of them once",
            shape_text(axes)
        )));
    }
    Ok(order.into_iter().map(|axis| axis as usize).collect())
}

fn check(plan: &transpose::Plan) -> Result<()> {
    // What comes per item is None here.
    let axes = plan.axes.as_deref();
    permutation(axes, axes.map_or(0, <[i64]>::len)).map(|_| ())
}

fn infer(inputs: &[Spec], plan: &transpose::Plan) -> Result<Vec<Spec>> {
    let Spec { dtype, shape } = &inputs[0];
    let order = permutation(plan.axes.as_deref(), shape.len())?;
    Ok(vec![Spec {
        dtype: *dtype,
        shape: order.into_iter().map(|axis| shape[axis]).collect(),
    }])
}
