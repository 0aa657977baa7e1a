//! `crop`: a box cut out of an item.

use super::geometry::{
    along, along_together, box_of, check_channels, check_numbers, check_together, resized,
    shape_text, sized_axes,
};
use super::moving::{Movable, give};
use ironbatch_kernel::{Bool, Error, F16, Item, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::borrow::Cow;

/// Cut out a box: ``x[origin[0]:origin[0] + size[0], ...]``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     Lengths of the box along as many axes; other axes stay whole. One number is for every axis of
///     items with one or two, or for the axes of `origin`.
/// origin : int or sequence of int, optional
///     Where the box begins along these axes, one number for all of them; 0 if left out.
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
    size: &PerAxis<i64>,
    origin: Option<&PerAxis<i64>>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let mut start = vec![0; x.ndim()];
    let [size, origin] = placed(size, origin, x.shape())?;
    for (axis, origin) in sized_axes(x.ndim(), size.len(), channels, "size")?.zip(&*origin) {
        start[axis] = *origin as usize;
    }
    give(&box_of(&x, &start, out.shape()), &mut out, item);
    Ok(())
}

/// Lengths and places of a box along axes.
fn placed<'a, N: ToString>(
    size: &'a PerAxis<i64>,
    origin: Option<&'a PerAxis<i64>>,
    shape: &[N],
) -> Result<[Cow<'a, [i64]>; 2]> {
    let Some(origin) = origin else {
        let size = along(size, shape, "size")?;
        let origin = vec![0; size.len()];
        return Ok([size, Cow::Owned(origin)]);
    };
    along_together([("size", size), ("origin", origin)], shape)
}

fn check(plan: &crop::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    let size = Some(&plan.size).filter(|_| !plan.is_per_item("size"));
    check_together([
        ("size", size, Some(1)),
        ("origin", plan.origin.as_ref(), Some(0)),
    ])
}

fn infer(inputs: &[Spec], plan: &crop::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let [size, origin] = placed(&plan.size, plan.origin.as_ref(), shape)?;
    check_numbers("size", &size, 1)?;
    check_numbers("origin", &origin, 0)?;
    let axes = sized_axes(shape.len(), size.len(), &plan.channels, "size")?;
    for (axis, (size_here, from)) in axes.clone().zip(size.iter().zip(&*origin)) {
        if shape[axis] >= 0 && from.saturating_add(*size_here) > shape[axis] {
            let from = if plan.origin.is_none() {
                "0".to_owned()
            } else {
                shape_text(&origin)
            };
            return Err(Error::new(format!(
                "a box of size {} from origin {from} does not lie within an item of shape {}",
                shape_text(&size),
                shape_text(shape)
            )));
        }
    }
    Ok(vec![resized(&inputs[0], axes, size.iter().copied())])
}
