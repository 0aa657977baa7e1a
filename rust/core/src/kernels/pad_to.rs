//! `pad_to`: items of one length.

use super::Number;
use super::geometry::{check_channels, check_numbers, resized, shape_text, sized_axes};
use super::moving::{Movable, Word, words, words_mut};
use ironbatch_kernel::{Bool, Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD, Slice};

/// Add elements behind an item until it has a length: items of differing lengths get one shape.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// length : sequence of int
///     Lengths along as many axes: one for signals, two for images; other axes stay as they are.
/// value : float
///     What is added, converted to the dtype as `scale_shift` does. For all items, or one value for
///     each.
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
///     If an item is longer already (nothing is cut off), or a length is not above 0.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn pad_to<T: Number + Movable>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    #[expect(unused_variables, reason = "it chose the shape of `out`")] length: &[i64],
    #[default(0.0)] value: f64,
    #[expect(unused_variables, reason = "it chose the shape of `out`")]
    #[default("last")]
    channels: &str,
) {
    extend(
        &words(&x),
        &mut words_mut(&mut out),
        T::from_f64(value).word(),
    );
}

/// Set the first elements of `out` to those of `x`, the others to a value.
fn extend<W: Word>(x: &ArrayViewD<'_, W>, out: &mut ArrayViewMutD<'_, W>, value: W) {
    let only_behind = x.shape().get(1..) == out.shape().get(1..);
    if only_behind && let (Some(source), Some(target)) = (x.as_slice(), out.as_slice_mut()) {
        let (front, behind) = target.split_at_mut(source.len());
        front.copy_from_slice(source);
        behind.fill(value);
        return;
    }
    out.fill(value);
    let shape = x.shape();
    out.slice_each_axis_mut(|axis| Slice::from(..shape[axis.axis.index()]))
        .assign(x);
}

fn check(plan: &pad_to::Plan) -> Result<()> {
    if !plan.is_per_item("length") {
        check_numbers("length", &plan.length, 1)?;
    }
    check_channels(&plan.channels)
}

fn infer(inputs: &[Spec], plan: &pad_to::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    check_numbers("length", &plan.length, 1)?;
    let axes = sized_axes(shape.len(), plan.length.len(), &plan.channels, "length")?;
    if axes
        .clone()
        .zip(&plan.length)
        .any(|(axis, &length)| shape[axis] > length)
    {
        return Err(Error::new(format!(
            "an item of shape {} is longer than length {}",
            shape_text(shape),
            shape_text(&plan.length)
        )));
    }
    Ok(vec![resized(&inputs[0], axes, plan.length.iter().copied())])
}
