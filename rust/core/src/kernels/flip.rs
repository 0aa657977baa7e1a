//! `flip`: an axis in reverse.

use super::moving::{Movable, Word, words, words_mut};
use super::runs::Runs;
use super::shuffling;
use ironbatch_kernel::{Bool, Error, F16, Item, Result, Spec, Value, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

/// Reverse the order of elements along an axis, as ``np.flip``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// axis : 'horizontal', 'vertical' or int
///     'horizontal' is axis 1 of the item (left and right of an image of height x width, with or
///     without channels behind), 'vertical' is axis 0, a number any axis; a negative one counts
///     from the end.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If an item has no such axis.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn flip<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    #[default("horizontal")] axis: &Value,
) -> Result<()> {
    let axis = number(axis, x.ndim())?;
    reversed(words(&x), &mut words_mut(&mut out), item, axis);
    Ok(())
}

/// Set `out` to `x` with an axis in reverse.
fn reversed<W: Word>(
    mut x: ArrayViewD<'_, W>,
    out: &mut ArrayViewMutD<'_, W>,
    item: Item<'_>,
    axis: usize,
) {
    // Elements that stay together lie behind the axis.
    let together: usize = x.shape()[axis + 1..].iter().product();
    let length = x.shape()[axis];
    if let (Some(source), Some(target)) = (x.as_slice(), out.as_slice_mut())
        && together * length > 0
    {
        let run = together * length;
        let mut runs = Runs::new(target, Some(item));
        for source in source.chunks_exact(run) {
            let target = runs.next(run);
            match together {
                1 => reverse::<1, W>(source, target),
                2 => reverse::<2, W>(source, target),
                3 if W::by_bytes(source, target, shuffling::reverse) => {}
                3 => reverse::<3, W>(source, target),
                4 => reverse::<4, W>(source, target),
                _ => {
                    let source = source.chunks_exact(together).rev();
                    for (source, target) in source.zip(target.chunks_exact_mut(together)) {
                        target.copy_from_slice(source);
                    }
                }
            }
        }
        return;
    }
    x.invert_axis(Axis(axis));
    out.assign(&x);
}

/// Reverse groups of `N` elements.
fn reverse<const N: usize, T: Copy>(source: &[T], target: &mut [T]) {
    let (source, _) = source.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    for (source, target) in source.iter().rev().zip(target) {
        *target = *source;
    }
}

/// The axis as a number, for items of `rank` axes.
fn number(axis: &Value, rank: usize) -> Result<usize> {
    let given = match axis {
        Value::Text(name) if name == "vertical" => 0,
        Value::Text(_) => 1,
        Value::Int(number) => *number,
        _ => return Err(unknown(axis)),
    };
    let rank = rank as i64;
    let from_start = if given < 0 { given + rank } else { given };
    if (0..rank).contains(&from_start) {
        return Ok(from_start as usize);
    }
    Err(Error::new(format!("axis {given} of an item with {rank} axes")))
}

fn unknown(axis: &Value) -> Error {
    let given = match axis {
        Value::Text(text) => format!("'{text}'"),
        other => format!("{other:?}"),
    };
    Error::new(format!("axis has to be 'horizontal', 'vertical' or an int, not {given}"))
}

fn check(plan: &flip::Plan) -> Result<()> {
    match &plan.axis {
        Value::Text(name) if name == "horizontal" || name == "vertical" => Ok(()),
        Value::Int(_) => Ok(()),
        other => Err(unknown(other)),
    }
}

fn infer(inputs: &[Spec], plan: &flip::Plan) -> Result<Vec<Spec>> {
    number(&plan.axis, inputs[0].shape.len())?;
    Ok(inputs.to_vec())
}
