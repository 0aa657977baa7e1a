//! `random_segments`: parts of a signal at random places.

use super::geometry::{box_of, check_channels, shape_text, signal_axis};
use super::moving::{Movable, write};
use ironbatch_kernel::{Bool, Error, F16, ItemRng, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

/// Cut segments of one length out of a signal, each from a place of its own.
///
/// Places are drawn one after the other from the item's own stream, all that there are equally
/// likely: ``start = rng.integers(0, n - length + 1)``. Segments may overlap.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// length : int
///     Samples of a segment. For all items, or one value for each.
/// count : int
///     How many segments. For all items, or one value for each.
/// channels : 'last' or 'first'
///     Whether samples follow one another along the first axis of an item or along its last one.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     The segments along a new first axis.
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If `length` or `count` is not above 0, or the item has fewer samples than a segment.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn random_segments<T: Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    length: i64,
    #[expect(unused_variables, reason = "it chose the shape of `out`")]
    #[default(1)]
    count: i64,
    #[default("last")] channels: &str,
) -> Result<()> {
    let axis = signal_axis(x.ndim(), channels)?;
    let mut start = vec![0; x.ndim()];
    for number in 0..out.shape()[0] {
        start[axis] = rng.integers(0, x.shape()[axis] as i64 - length + 1) as usize;
        let mut segment = out.index_axis_mut(Axis(0), number);
        write(&box_of(&x, &start, segment.shape()), &mut segment, None);
    }
    Ok(())
}

fn check_number(name: &str, number: i64) -> Result<()> {
    if number > 0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "{name} has to be at least 1, not {number}"
    )))
}

fn check(plan: &random_segments::Plan) -> Result<()> {
    for (name, number) in [("length", plan.length), ("count", plan.count)] {
        if !plan.is_per_item(name) {
            check_number(name, number)?;
        }
    }
    check_channels(&plan.channels)
}

fn infer(inputs: &[Spec], plan: &random_segments::Plan) -> Result<Vec<Spec>> {
    check_number("length", plan.length)?;
    check_number("count", plan.count)?;
    let mut shape = inputs[0].shape.clone();
    let axis = signal_axis(shape.len(), &plan.channels)?;
    if shape[axis] >= 0 && shape[axis] < plan.length {
        return Err(Error::new(format!(
            "length {} is more than an item of shape {} has",
            plan.length,
            shape_text(&shape)
        )));
    }
    shape[axis] = plan.length;
    shape.insert(0, plan.count);
    Ok(vec![Spec {
        dtype: inputs[0].dtype,
        shape,
    }])
}
