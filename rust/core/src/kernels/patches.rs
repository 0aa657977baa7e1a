//! `patches`: an item cut into boxes.

use super::geometry::box_of;
use super::geometry::windows::{Windows, steps};
use super::moving::{Movable, write};
use ironbatch_kernel::{Bool, F16, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Cut an item into boxes of one size, row by row.
///
/// Boxes begin at multiples of `stride` and lie within the item; what is left at the ends is
/// dropped. As ``sliding_window_view(x, size)[::stride]`` of NumPy, with the boxes along one axis.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     Lengths of a box along as many axes; other axes stay whole. One number is for every axis of
///     items with one or two, or for the axes of `stride`. For all items, or one for each.
/// stride : int or sequence of int, optional
///     From one box to the next along these axes, one number for all of them; `size` if left out, so
///     that boxes neither overlap nor leave gaps. For all items, or one for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     The boxes, along a new first axis.
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If a box is larger than the item, or a number is not above 0.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn patches<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    size: &PerAxis<i64>,
    stride: Option<&PerAxis<i64>>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let shape: Vec<_> = x.shape().iter().map(|&length| length as i64).collect();
    let (size, stride) = steps(("size", size), stride, &shape)?;
    let windows = Windows::new(&shape, &size, stride.as_deref(), channels)?;
    for (start, mut patch) in windows.starts().zip(out.outer_iter_mut()) {
        write(&box_of(&x, &start, patch.shape()), &mut patch, None);
    }
    Ok(())
}

fn check(plan: &patches::Plan) -> Result<()> {
    let size = Some(&plan.size).filter(|_| !plan.is_per_item("size"));
    Windows::check(("size", size), plan.stride.as_ref(), &plan.channels)
}

fn infer(inputs: &[Spec], plan: &patches::Plan) -> Result<Vec<Spec>> {
    let Spec { dtype, shape } = &inputs[0];
    let (size, stride) = steps(("size", &plan.size), plan.stride.as_ref(), shape)?;
    let windows = Windows::new(shape, &size, stride.as_deref(), &plan.channels)?;
    let mut made = vec![windows.count()];
    made.extend(windows.shape);
    Ok(vec![Spec {
        dtype: *dtype,
        shape: made,
    }])
}
