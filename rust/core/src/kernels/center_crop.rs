//! `center_crop`: the middle of an item.

use super::geometry::{
    along, box_of, check_channels, check_numbers, resized, shape_text, sized_axes,
};
use super::moving::{Movable, give};
use ironbatch_kernel::{Bool, Error, F16, Item, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Cut out the middle: a box that begins at ``(n - size) // 2`` along each of its axes.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     Lengths of the box along as many axes; other axes stay whole. One number is for every axis of
///     items with one or two.
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
///     If the box is larger than the item, or a length is not above 0.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], strided, infer = infer, check = check)]
pub(crate) fn center_crop<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    #[expect(unused_variables, reason = "it chose the shape of `out`")] size: &PerAxis<i64>,
    #[default("last")]
    #[expect(unused_variables, reason = "it chose the shape of `out`")]
    channels: &str,
) {
    let start: Vec<_> = x
        .shape()
        .iter()
        .zip(out.shape())
        .map(|(whole, part)| (whole - part) / 2)
        .collect();
    give(&box_of(&x, &start, out.shape()), &mut out, item);
}

fn check(plan: &center_crop::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if plan.is_per_item("size") {
        return Ok(());
    }
    check_numbers("size", plan.size.numbers(), 1)
}

fn infer(inputs: &[Spec], plan: &center_crop::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let size = along(&plan.size, shape, "size")?;
    check_numbers("size", &size, 1)?;
    let axes = sized_axes(shape.len(), size.len(), &plan.channels, "size")?;
    if axes
        .clone()
        .zip(&*size)
        .any(|(axis, &size)| shape[axis] >= 0 && size > shape[axis])
    {
        return Err(Error::new(format!(
            "size {} is larger than an item of shape {}",
            shape_text(&size),
            shape_text(shape)
        )));
    }
    Ok(vec![resized(&inputs[0], axes, size.iter().copied())])
}
