//! `convolve`: weighted sums of the elements around each one.

use super::Number;
use super::filtering::{
    Beyond, Columns, Lines, Tap, check_room, empty, extend, in_c_order, load, store, weighted_sums,
};
use super::geometry::borders::Border;
use super::geometry::{check_channels, shape_text, sized_axes};
use ironbatch_kernel::{Error, F16, Result, kernel};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Dimension};

/// What a worker keeps between items.
#[derive(Default)]
pub(crate) struct Scratch {
    lines: Lines,
    taps: Vec<Tap>,
    sums: Vec<f64>,
}

/// Convolve with weights, as ``scipy.ndimage.convolve``.
///
/// ``out[i] = sum(weights[k] * x[i - k + n // 2])`` over the ``k`` of all axes, ``n`` weights along
/// each (R. C. Gonzalez and R. E. Woods, *Digital Image Processing*, 4th ed., section 3.4): the
/// weights are turned around, and their middle lies on the element, or right of the middle where
/// their number is even. In double precision.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// weights : array-like of float
///     With as many axes as are filtered: a sequence for signals, a nested one for images. Elements
///     whose weight is 0 do not count at all.
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
///     Integers are rounded, halves to even, and kept within the dtype, where SciPy cuts off and
///     wraps around. NaN and infinities spread as far as the weights reach, into an integer dtype
///     never.
///
/// Raises
/// ------
/// ValueError
///     If there are no weights, or one is infinite or NaN, or they have more axes than the item.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn convolve<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    scratch: &mut Scratch,
    weights: &ArrayD<f64>,
    #[default("reflect")] border: &str,
    #[default(0.0)] fill: f64,
    #[default("last")] channels: &str,
) -> Result<()> {
    let axes = sized_axes(x.ndim(), weights.ndim(), channels, "weights: the shape")?;
    let border = Border::from_name("border", border)?;
    let shape = x.shape().to_vec();
    if x.is_empty() {
        return Ok(());
    }
    in_c_order(&x, &mut out, |source, target| {
        let Scratch { lines, taps, sums } = scratch;
        let Lines {
            values, extended, ..
        } = lines;
        load(source, values)?;
        // All axes are continued first; the lengths of what comes of it.
        let mut long = shape.clone();
        for (axis, &n) in axes.clone().zip(weights.shape()) {
            long[axis] += n - 1;
        }
        let room = long
            .iter()
            .try_fold(1_usize, |product, &length| product.checked_mul(length));
        check_room(room.map(|room| room - source.len()))?;
        for (axis, &n) in axes.clone().zip(weights.shape()) {
            let inner: usize = shape[axis + 1..].iter().product();
            let beyond = Beyond {
                before: n - 1 - n / 2,
                after: n / 2,
                border,
                fill,
            };
            let part = shape[axis] * inner;
            empty(extended, values.len() / shape[axis] * long[axis])?;
            for part in values.chunks_exact(part) {
                extend(part, Columns::all(inner), beyond, extended);
            }
            std::mem::swap(values, extended);
        }
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * long[axis];
        }
        taps.clear();
        for (place, &weight) in weights.indexed_iter() {
            if weight != 0.0 {
                let steps = weights
                    .shape()
                    .iter()
                    .zip(place.slice())
                    .zip(&strides[axes.start..]);
                taps.push((
                    steps.map(|((n, k), stride)| (n - 1 - k) * stride).sum(),
                    weight,
                ));
            }
        }
        // Runs of the result along the last axis that is filtered and all behind it.
        let last = axes.end - 1;
        let run: usize = shape[last..].iter().product();
        empty(sums, run)?;
        sums.resize(run, 0.0);
        for (number, target) in target.chunks_exact_mut(run).enumerate() {
            let mut rest = number;
            let mut first = 0;
            for axis in (0..last).rev() {
                first += rest % shape[axis] * strides[axis];
                rest /= shape[axis];
            }
            weighted_sums(&values[first..], taps, 1, sums);
            store(sums, target);
        }
        Ok(())
    })
}

fn check(plan: &convolve::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if plan.weights.is_empty() || plan.weights.ndim() == 0 {
        return Err(Error::new(format!(
            "weights has to be an array with some weights, not of shape {}",
            shape_text(plan.weights.shape())
        )));
    }
    if let Some(weight) = plan.weights.iter().find(|weight| !weight.is_finite()) {
        return Err(Error::new(format!("weights has {weight}")));
    }
    Border::from_name("border", &plan.border).map(|_| ())
}
