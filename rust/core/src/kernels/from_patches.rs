//! `from_patches`: boxes put together again.

use super::Number;
use super::geometry::windows::{Windows, steps};
use super::geometry::{check_numbers, shape_text};
use super::moving::{Movable, words, words_mut};
use ironbatch_kernel::{Bool, Error, F16, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, IxDyn, Slice, Zip};

/// Put boxes together to an item: the inverse of `patches`.
///
/// Where boxes overlap, the result is their mean, computed in double precision and converted as
/// `scale_shift` does.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
///     The boxes, along the first axis, in the order of `patches`.
/// shape : int or sequence of int
///     Shape of the item along the axes that were cut; other axes are those of the boxes. One number
///     is for every axis of boxes with one or two, or for the axes of `stride`. For all items, or one
///     for each.
/// stride : int or sequence of int, optional
///     From one box to the next along these axes, one number for all of them; the lengths of a box
///     if left out. For all items, or one for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     Where boxes do not overlap all bits are those of `x`; a mean with NaN in it is NaN, one of
///     booleans goes by the majority, to false where there is none.
///
/// Raises
/// ------
/// ValueError
///     If the boxes are not as many as the shape has, or leave some of it uncovered.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn from_patches<T: Number + Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    shape: &PerAxis<i64>,
    stride: Option<&PerAxis<i64>>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let lengths: Vec<_> = x.shape().iter().map(|&length| length as i64).collect();
    let (windows, _) = layout(&lengths, shape, stride, channels)?;
    let place = |start: &[usize], axis: usize| {
        Slice::from(start[axis] as isize..start[axis] as isize + windows.shape[axis] as isize)
    };
    if stride.is_none() {
        for (start, patch) in windows.starts().zip(x.outer_iter()) {
            let mut part = out.slice_each_axis_mut(|axis| place(&start, axis.axis.index()));
            words_mut(&mut part).assign(&words(&patch));
        }
        return Ok(());
    }
    let mut sums = ArrayD::<f64>::zeros(IxDyn(out.shape()));
    let mut counts = ArrayD::<f64>::zeros(IxDyn(out.shape()));
    for (start, patch) in windows.starts().zip(x.outer_iter()) {
        let sum = sums.slice_each_axis_mut(|axis| place(&start, axis.axis.index()));
        Zip::from(sum)
            .and(&patch)
            .for_each(|sum, value| *sum += value.to_f64());
        counts
            .slice_each_axis_mut(|axis| place(&start, axis.axis.index()))
            .map_inplace(|count| *count += 1.0);
    }
    Zip::from(&mut out)
        .and(&sums)
        .and(&counts)
        .for_each(|target, sum, count| *target = T::from_f64(sum / count));
    Ok(())
}

/// The boxes of the item, and its shape.
fn layout(
    x: &[i64],
    shape: &PerAxis<i64>,
    stride: Option<&PerAxis<i64>>,
    channels: &str,
) -> Result<(Windows, Vec<i64>)> {
    let Some((&count, patch)) = x.split_first() else {
        return Err(Error::new("boxes need an axis that they lie along"));
    };
    let (shape, stride) = steps(("shape", shape), stride, patch)?;
    let (shape, stride) = (&*shape, stride.as_deref());
    check_numbers("shape", shape, 1)?;
    if shape.len() > patch.len() {
        return Err(Error::new(format!(
            "shape has {} numbers for boxes with {} axes",
            shape.len(),
            patch.len()
        )));
    }
    let axes = super::geometry::sized_axes(patch.len(), shape.len(), channels, "shape")?;
    let size = &patch[axes.clone()];
    let mut whole = patch.to_vec();
    whole[axes].copy_from_slice(shape);
    let windows = Windows::new(&whole, size, stride, channels)?;
    if windows.count() != count {
        return Err(Error::new(format!(
            "{count} boxes of shape {} do not make an item of shape {}, which has {}",
            shape_text(patch),
            shape_text(&whole),
            windows.count()
        )));
    }
    let gaps =
        stride.is_some_and(|stride| stride.iter().zip(size).any(|(stride, size)| stride > size));
    if gaps || windows.reach != whole {
        return Err(Error::new(format!(
            "boxes of shape {} leave some of an item of shape {} uncovered",
            shape_text(patch),
            shape_text(&whole)
        )));
    }
    Ok((windows, whole))
}

fn check(plan: &from_patches::Plan) -> Result<()> {
    let shape = Some(&plan.shape).filter(|_| !plan.is_per_item("shape"));
    Windows::check(("shape", shape), plan.stride.as_ref(), &plan.channels)
}

fn infer(inputs: &[Spec], plan: &from_patches::Plan) -> Result<Vec<Spec>> {
    let Spec { dtype, shape } = &inputs[0];
    let (_, whole) = layout(shape, &plan.shape, plan.stride.as_ref(), &plan.channels)?;
    Ok(vec![Spec {
        dtype: *dtype,
        shape: whole,
    }])
}
