//! `resize`: an item with other lengths.

use super::Number;
use super::geometry::{along, check_channels, check_numbers, resized, sized_axes};
use super::resampling::{FastResize, Interpolation, Method, Scratch, resample};
use ironbatch_kernel::{F16, PerAxis, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Give an item other lengths.
///
/// With `antialias` the filter is as wide as an element of the result, as Pillow's: nothing of the
/// item is skipped where it shrinks. Without, it is as wide as an element of the item, as OpenCV's.
/// Axes may be one, two, three or more, with any number of channels.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     New lengths along as many axes, such as height and width; other axes stay. One number is for
///     every axis of items with one or two.
/// interpolation : 'nearest', 'bilinear', 'bicubic', 'lanczos' or 'area'
///     Bicubic is that of R. G. Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing
///     29(6), 1981, with ``a = -0.5``, or -0.75 without `antialias`; Lanczos has three lobes; area
///     weighs by what an element of the result covers (with `antialias` in whole elements, as
///     Pillow's box).
/// antialias : bool
/// channels : 'last' or 'first'
///     Whether sizes are those of the first axes of an item or of its last ones.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     Integers are rounded and kept within the dtype, with `antialias` after each axis, from the
///     last one on; bytes that are resized bilinearly are rounded once, which is nearer to the exact
///     value, and at most 1 from what Pillow gives. NaN and infinities spread as far as the filter
///     reaches.
///
/// Raises
/// ------
/// ValueError
///     If a length is not above 0, or the item has no elements.
#[kernel(T = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn resize<T: Number + FastResize>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    scratch: &mut Scratch,
    size: &PerAxis<i64>,
    #[default("bilinear")] interpolation: &str,
    #[default(true)] antialias: bool,
    #[default("last")] channels: &str,
) -> Result<()> {
    let count = along(size, x.shape(), "size")?.len();
    let axes = sized_axes(x.ndim(), count, channels, "size")?;
    let method = Method {
        interpolation: Interpolation::from_name(interpolation)?,
        antialias,
        channels_first: channels == "first",
    };
    resample(&x, &mut out, axes, method, scratch)
}

fn check(plan: &resize::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if !plan.is_per_item("size") {
        check_numbers("size", plan.size.numbers(), 1)?;
    }
    Interpolation::from_name(&plan.interpolation).map(|_| ())
}

fn infer(inputs: &[Spec], plan: &resize::Plan) -> Result<Vec<Spec>> {
    let size = along(&plan.size, &inputs[0].shape, "size")?;
    check_numbers("size", &size, 1)?;
    let axes = sized_axes(inputs[0].shape.len(), size.len(), &plan.channels, "size")?;
    Ok(vec![resized(&inputs[0], axes, size.iter().copied())])
}
