//! `random_crop`: a box cut out of an item, somewhere.

use super::geometry::{
    along, box_of, check_channels, check_numbers, resized, shape_text, sized_axes,
};
use super::moving::{Movable, give};
use ironbatch_kernel::{Bool, Error, F16, Item, ItemRng, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Cut out a box whose place is drawn, each possible one as often as the others.
///
/// Where it begins is ``rng.integers(0, length - size + 1)`` along one axis after the other, from
/// the item's own stream. Components of one action draw the same.
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
pub(crate) fn random_crop<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    rng: &mut ItemRng,
    size: &PerAxis<i64>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let mut start = vec![0; x.ndim()];
    let count = along(size, x.shape(), "size")?.len();
    for axis in sized_axes(x.ndim(), count, channels, "size")? {
        let left = x.shape()[axis] - out.shape()[axis];
        start[axis] = rng.integers(0, left as i64 + 1) as usize;
    }
    give(&box_of(&x, &start, out.shape()), &mut out, item);
    Ok(())
}

fn check(plan: &random_crop::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if plan.is_per_item("size") {
        return Ok(());
    }
    check_numbers("size", plan.size.numbers(), 1)
}

fn infer(inputs: &[Spec], plan: &random_crop::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let size = along(&plan.size, shape, "size")?;
    check_numbers("size", &size, 1)?;
    let axes = sized_axes(shape.len(), size.len(), &plan.channels, "size")?;
    for (axis, &length) in axes.clone().zip(&*size) {
        if length > shape[axis] {
            return Err(Error::new(format!(
                "size {} is larger than an item of shape {}",
                shape_text(&size),
                shape_text(shape)
            )));
        }
    }
    Ok(vec![resized(&inputs[0], axes, size.iter().copied())])
}
