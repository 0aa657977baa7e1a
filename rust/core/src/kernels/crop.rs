//! `crop`: a box cut out of an item.

use super::geometry::{box_of, check_channels, check_given, check_numbers, resized, shape_text, sized_axes};
use super::moving::{Movable, give};
use ironbatch_kernel::{Bool, Error, F16, Item, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Cut out a box: ``x[origin[0]:origin[0] + size[0], ...]``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// size : sequence of int
///     Lengths of the box along as many axes; other axes stay whole.
/// origin : sequence of int, optional
///     Where the box begins along these axes; 0 if left out.
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
///     If the box does not lie within the item, or a length is not above 0.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], strided, infer = infer, check = check)]
pub(crate) fn crop<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    size: &[i64],
    origin: Option<&[i64]>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let mut start = vec![0; x.ndim()];
    for (number, axis) in sized_axes(x.ndim(), size.len(), channels, "size")?.enumerate() {
        start[axis] = origin.map_or(0, |origin| origin[number] as usize);
    }
    give(&box_of(&x, &start, out.shape()), &mut out, item);
    Ok(())
}

fn check(plan: &crop::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    check_given("size", &plan.size, 1)?;
    if let Some(origin) = &plan.origin {
        check_given("origin", origin, 0)?;
        // Either may come per item.
        if !plan.size.is_empty() && !origin.is_empty() {
            check_lengths(origin, &plan.size)?;
        }
    }
    Ok(())
}

fn check_lengths(origin: &[i64], size: &[i64]) -> Result<()> {
    if origin.len() == size.len() {
        return Ok(());
    }
    Err(Error::new(format!("origin has {} numbers and size {}", origin.len(), size.len())))
}

fn infer(inputs: &[Spec], plan: &crop::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    check_numbers("size", &plan.size, 1)?;
    if let Some(origin) = &plan.origin {
        check_numbers("origin", origin, 0)?;
        check_lengths(origin, &plan.size)?;
    }
    let axes = sized_axes(shape.len(), plan.size.len(), &plan.channels, "size")?;
    for (number, axis) in axes.clone().enumerate() {
        let origin = plan.origin.as_ref().map_or(0, |origin| origin[number]);
        if shape[axis] >= 0 && origin.saturating_add(plan.size[number]) > shape[axis] {
            return Err(Error::new(format!(
                "a box of size {} from origin {} does not lie within an item of shape {}",
                shape_text(&plan.size),
                plan.origin.as_ref().map_or_else(|| "0".into(), |origin| shape_text(origin)),
                shape_text(shape)
            )));
        }
    }
    Ok(vec![resized(&inputs[0], axes, plan.size.iter().copied())])
}
