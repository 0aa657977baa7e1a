//! `salt`: spots of one color.

use super::Number;
use super::geometry::{along, check_channels, check_numbers};
use super::painting::Brush;
use ironbatch_kernel::{Error, F16, ItemRng, PerAxis, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Fill boxes that begin at random places with a color.
///
/// At each place of an item, row by row, a box begins if ``rng.random() < share``, drawn from the
/// item's own stream; what of a box lies beyond the item is left out.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// share : float
///     At which share of the places a box begins, on average. For all items, or one for each.
/// color : float or sequence of float, optional
///     One value, or one for each channel, converted to the dtype as `scale_shift` does. For all
///     items, or one sequence for each. Left out: the greatest value of an integer dtype, 1 for
///     floats.
/// size : int or sequence of int, optional
///     Lengths of the boxes along as many axes. One number is for every axis of items with one or
///     two. For all items, or one for each. Single elements of an image if left out: ``(1, 1)``.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Outside of the boxes all bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If `share` does not lie between 0 and 1, a length is not above 0, or there are not as many
///     colors as channels.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn salt<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    #[default(0.015)] share: f64,
    color: Option<&[f64]>,
    size: Option<&PerAxis<i64>>,
    #[default("last")] channels: &str,
) -> Result<()> {
    check_share(share)?;
    let single = PerAxis::Each(vec![1, 1]);
    let size = &*along(size.unwrap_or(&single), x.shape(), "size")?;
    check_numbers("size", size, 1)?;
    let white = [T::RANGE.map_or(1.0, |range| range.1)];
    let brush = Brush::new(x.shape(), size.len(), color.unwrap_or(&white), channels)?;
    out.assign(&x);
    let lengths = &x.shape()[brush.axes.clone()];
    let mut start = vec![0; lengths.len()];
    for _ in 0..lengths.iter().product() {
        if rng.random() < share {
            brush.fill(&mut out, &start, size);
        }
        for axis in (0..lengths.len()).rev() {
            start[axis] += 1;
            if start[axis] < lengths[axis] as i64 {
                break;
            }
            start[axis] = 0;
        }
    }
    Ok(())
}

fn check_share(share: f64) -> Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::new(format!(
        "share has to lie between 0 and 1, not {share}"
    )))
}

fn check(plan: &salt::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if !plan.is_per_item("share") {
        check_share(plan.share)?;
    }
    plan.size
        .as_ref()
        .map_or(Ok(()), |size| check_numbers("size", size.numbers(), 1))
}
