//! `cutout`: a box of one color.

use super::Number;
use super::geometry::{
    along, along_together, check_channels, check_numbers, check_together, shape_text,
};
use super::painting::Brush;
use ironbatch_kernel::{Error, F16, ItemRng, PerAxis, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Fill a box with a color, after T. DeVries and G. W. Taylor, arXiv 1708.04552.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     Lengths of the box along as many axes, such as height and width. One number is for every axis
///     of items with one or two, or for the axes of `origin`. For all items, or one for each.
/// origin : int or sequence of int, optional
///     Where the box begins along these axes, one number for all of them; it may begin before the
///     item, and what of it lies beyond is left out. For all items, or one for each. Left out: drawn
///     from the item's own stream so that the box lies within,
///     ``rng.integers(0, length - size + 1)`` along one axis after the other.
/// color : float or sequence of float, optional
///     One value, or one for each channel, converted to the dtype as `scale_shift` does. For all
///     items, or one sequence for each. 0 if left out.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Outside of the box all bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If a length is not above 0; if `origin` is left out and the box larger than the item; or if
///     there are not as many colors as channels.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn cutout<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    size: &PerAxis<i64>,
    origin: Option<&PerAxis<i64>>,
    color: Option<&[f64]>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let (size, start) = match origin {
        None => (along(size, x.shape(), "size")?, None),
        Some(origin) => {
            let given = [("size", size), ("origin", origin)];
            let [size, origin] = along_together(given, x.shape())?;
            (size, Some(origin))
        }
    };
    check_numbers("size", &size, 1)?;
    let brush = Brush::new(x.shape(), size.len(), color.unwrap_or(&[0.0]), channels)?;
    let start = match start {
        Some(origin) => origin.into_owned(),
        None => drawn(x.shape(), &brush, &size, rng)?,
    };
    out.assign(&x);
    brush.fill(&mut out, &start, &size);
    Ok(())
}

fn drawn(shape: &[usize], brush: &Brush<'_>, size: &[i64], rng: &mut ItemRng) -> Result<Vec<i64>> {
    let place = |(axis, &size): (usize, &i64)| {
        let length = shape[axis] as i64;
        if size > length {
            return Err(Error::new(format!(
                "a size with {size} along axis {axis} is larger than an item of shape {}",
                shape_text(shape)
            )));
        }
        Ok(rng.integers(0, length - size + 1))
    };
    brush.axes.clone().zip(size).map(place).collect()
}

fn check(plan: &cutout::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    let size = Some(&plan.size).filter(|_| !plan.is_per_item("size"));
    check_together([
        ("size", size, Some(1)),
        ("origin", plan.origin.as_ref(), None),
    ])
}
