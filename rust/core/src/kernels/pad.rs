//! `pad`: more room around an item.

use super::Number;
use super::geometry::borders::Border;
use super::geometry::{
    along, along_together, check_channels, check_numbers, check_together, resized, shape_text,
    sized_axes,
};
use super::moving::{Movable, Word, words, words_mut};
use ironbatch_kernel::{Bool, Error, F16, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::borrow::Cow;

/// Add elements before and after, as ``np.pad``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// before : int or sequence of int
///     How many elements come before, along as many axes; other axes stay as they are. One number is
///     for every axis of items with one or two, or for the axes of `after`. For all items, or one
///     for each.
/// after : int or sequence of int, optional
///     How many come after, along the same axes; as many as before if left out. For all items, or
///     one for each.
/// mode : 'constant', 'edge', 'reflect' or 'wrap'
///     What they are: `value`, the nearest element, those mirrored at the nearest element, or those
///     from the other end.
/// value : float
///     For 'constant', converted to the dtype as `scale_shift` does. For all items, or one value
///     for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If a number is negative, `before` and `after` differ in length, or an axis without elements
///     would have to be continued.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn pad<T: Number + Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    before: &PerAxis<i64>,
    after: Option<&PerAxis<i64>>,
    #[default("constant")] mode: &str,
    #[default(0.0)] value: f64,
    #[default("last")] channels: &str,
) -> Result<()> {
    let [before, _] = ends(before, after, x.shape())?;
    let axes = sized_axes(x.ndim(), before.len(), channels, "before")?;
    let border = Border::from_name("mode", mode)?;
    let mut sources: Vec<Vec<Option<usize>>> = Vec::with_capacity(axes.end);
    for axis in 0..axes.end {
        let first = if axes.contains(&axis) {
            before[axis - axes.start]
        } else {
            0
        };
        let length = x.shape()[axis] as i64;
        sources.push(
            (0..out.shape()[axis] as i64)
                .map(|at| border.place(at - first, length))
                .collect(),
        );
    }
    place(
        &words(&x),
        &mut words_mut(&mut out),
        &sources,
        T::from_f64(value).word(),
    )
}

/// Set each element of `out` to the one of `x` that `sources` says, or to a value.
fn place<W: Word>(
    x: &ArrayViewD<'_, W>,
    out: &mut ArrayViewMutD<'_, W>,
    sources: &[Vec<Option<usize>>],
    value: W,
) -> Result<()> {
    let shape = x.shape().to_vec();
    let x = x.as_standard_layout();
    let Some(source) = x.as_slice() else {
        return Err(Error::new("the item has no standard layout"));
    };
    if let Some(target) = out.as_slice_mut() {
        fill(source, &shape, target, sources, value);
        return Ok(());
    }
    let mut whole = vec![value; out.len()];
    fill(source, &shape, &mut whole, sources, value);
    out.iter_mut()
        .zip(whole)
        .for_each(|(target, value)| *target = value);
    Ok(())
}

/// Fill `target`, axis by axis; `sources` says for the first axes which element each place takes.
fn fill<T: Copy>(
    source: &[T],
    shape: &[usize],
    target: &mut [T],
    sources: &[Vec<Option<usize>>],
    value: T,
) {
    let Some((places, deeper)) = sources.split_first() else {
        target.copy_from_slice(source);
        return;
    };
    if target.is_empty() {
        return;
    }
    let step = source.len() / shape[0].max(1);
    let chunk = target.len() / places.len();
    let mut at = 0;
    while at < places.len() {
        // Neighbours that stay neighbours are copied at once where nothing behind them changes.
        let mut end = at + 1;
        if deeper.is_empty()
            && let Some(first) = places[at]
        {
            while end < places.len() && places[end] == Some(first + (end - at)) {
                end += 1;
            }
        }
        let part = &mut target[at * chunk..end * chunk];
        match places[at] {
            None => part.fill(value),
            Some(first) if deeper.is_empty() => {
                part.copy_from_slice(&source[first * step..(first + end - at) * step]);
            }
            Some(first) => {
                fill(
                    &source[first * step..(first + 1) * step],
                    &shape[1..],
                    part,
                    deeper,
                    value,
                );
            }
        }
        at = end;
    }
}

/// How many elements come before and after, along the same axes.
fn ends<'a, N: ToString>(
    before: &'a PerAxis<i64>,
    after: Option<&'a PerAxis<i64>>,
    shape: &[N],
) -> Result<[Cow<'a, [i64]>; 2]> {
    let Some(after) = after else {
        let before = along(before, shape, "before")?;
        return Ok([before.clone(), before]);
    };
    along_together([("before", before), ("after", after)], shape)
}

fn check(plan: &pad::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    let before = Some(&plan.before).filter(|_| !plan.is_per_item("before"));
    check_together([
        ("before", before, Some(0)),
        ("after", plan.after.as_ref(), Some(0)),
    ])?;
    Border::from_name("mode", &plan.mode).map(|_| ())
}

fn infer(inputs: &[Spec], plan: &pad::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let [before, after] = ends(&plan.before, plan.after.as_ref(), shape)?;
    check_numbers("before", &before, 0)?;
    check_numbers("after", &after, 0)?;
    let axes = sized_axes(shape.len(), before.len(), &plan.channels, "before")?;
    let mut lengths = Vec::with_capacity(axes.len());
    for (axis, (before, after)) in axes.clone().zip(before.iter().zip(&*after)) {
        let sum = before
            .checked_add(*after)
            .and_then(|more| more.checked_add(shape[axis]));
        let Some(sum) = sum else {
            return Err(Error::new("before and after are too large"));
        };
        if shape[axis] == 0 && sum > 0 && plan.mode != "constant" {
            return Err(Error::new(format!(
                "an item of shape {} has nothing to continue with mode '{}'",
                shape_text(shape),
                plan.mode
            )));
        }
        lengths.push(if shape[axis] < 0 { -1 } else { sum });
    }
    Ok(vec![resized(&inputs[0], axes, lengths)])
}
