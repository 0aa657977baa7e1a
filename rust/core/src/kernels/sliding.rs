//! `sliding`: statistics of the elements around each one.

use super::Number;
use super::filtering::{Beyond, Lines, in_c_order, load, running, store, sweep};
use super::geometry::borders::Border;
use super::geometry::{along, check_channels, check_numbers, sized_axes};
use ironbatch_kernel::{Error, F16, PerAxis, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Mean, root mean square, least or greatest element of a window around each element.
///
/// As ``scipy.ndimage.uniform_filter``, ``minimum_filter`` and ``maximum_filter``; rms is
/// ``sqrt(mean(x**2))``. An element takes the same time for all windows above 32 elements (M. van
/// Herk, *A fast algorithm for local minimum and maximum filters on rectangular and octagonal
/// kernels*, Pattern Recognition Letters 13(7), 1992), and means are summed anew for each window,
/// in double precision, so that they do not drift along a signal.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// size : int or sequence of int
///     Lengths of the window along as many axes; other axes stay as they are. One number is for
///     every axis of items with one or two. The window is around the element, with one more before
///     it than behind it where the length is even. For all items, or one for each.
/// statistic : 'mean', 'rms', 'min' or 'max'
/// border : 'reflect', 'constant', 'edge' or 'wrap'
///     How an item goes on beyond its ends, as in `pad`: mirrored at the nearest element (SciPy's
///     'mirror'), with `fill`, with the nearest element (SciPy's 'nearest'), or with the other end.
/// fill : float
///     For 'constant'. For all items, or one value for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Integers are rounded once, halves to even, where SciPy cuts off after each axis. A window
///     with NaN in it gives NaN, as ``np.minimum`` does, and those without it are as if it was not
///     there. Squares of float64 above 1e154 are infinite.
///
/// Raises
/// ------
/// ValueError
///     If a length is not above 0, there are more of them than the item has axes, or the window
///     reaches too far to be computed.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn sliding<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    lines: &mut Lines,
    size: &PerAxis<i64>,
    #[default("mean")] statistic: &str,
    #[default("reflect")] border: &str,
    #[default(0.0)] fill: f64,
    #[default("last")] channels: &str,
) -> Result<()> {
    let size = &*along(size, x.shape(), "size")?;
    check_numbers("size", size, 1)?;
    let axes = sized_axes(x.ndim(), size.len(), channels, "size")?;
    let border = Border::from_name("border", border)?;
    let shape = x.shape().to_vec();
    in_c_order(&x, &mut out, |source, target| {
        load(source, &mut lines.values)?;
        let squares = statistic == "rms";
        if squares {
            lines.values.iter_mut().for_each(|value| *value *= *value);
        }
        for (axis, &size) in axes.zip(size) {
            let size = size as usize;
            let beyond = Beyond {
                before: size / 2,
                after: size - 1 - size / 2,
                border,
                fill: if squares { fill * fill } else { fill },
            };
            sweep(
                lines,
                &shape,
                axis,
                beyond,
                |extended, inner, target, scratch| match statistic {
                    "min" => running(extended, inner, size, target, scratch, least),
                    "max" => running(extended, inner, size, target, scratch, |a, b| {
                        -least(-a, -b)
                    }),
                    _ => {
                        running(extended, inner, size, target, scratch, |a, b| a + b);
                        for sum in target {
                            *sum /= size as f64;
                        }
                    }
                },
            )?;
        }
        if squares {
            lines
                .values
                .iter_mut()
                .for_each(|value| *value = value.sqrt());
        }
        store(&lines.values, target);
        Ok(())
    })
}

/// The lower one, or the one that is NaN.
fn least(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

fn check(plan: &sliding::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if !plan.is_per_item("size") {
        check_numbers("size", plan.size.numbers(), 1)?;
    }
    if !["mean", "rms", "min", "max"].contains(&&*plan.statistic) {
        return Err(Error::new(format!(
            "statistic has to be 'mean', 'rms', 'min' or 'max', not '{}'",
            plan.statistic
        )));
    }
    Border::from_name("border", &plan.border).map(|_| ())
}
