//! `gaussian_blur`: weighted means of the elements around each one.

use super::Number;
use super::filtering::{
    Beyond, Lines, Tap, check_room, in_c_order, load, store, sweep, weighted_sums,
};
use super::geometry::borders::Border;
use super::geometry::{along, check_channels, sized_axes};
use ironbatch_kernel::{Error, F16, PerAxis, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Filter with a Gaussian, as ``scipy.ndimage.gaussian_filter``.
///
/// Weights are ``exp(-k**2 / (2 * sigma**2))``, divided by their sum, for ``|k|`` up to
/// ``int(truncate * sigma + 0.5)`` (R. C. Gonzalez and R. E. Woods, *Digital Image Processing*,
/// 4th ed., section 3.5). One axis after the other, in double precision.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// sigma : float or sequence of float
///     Standard deviations along as many axes: one for signals, two for images; other axes stay as
///     they are, and so does an axis whose number is 0. One number is for every axis of items with
///     one or two. For all items, or one for each.
/// border : 'reflect', 'constant', 'edge' or 'wrap'
///     How an item goes on beyond its ends, as in `pad`: mirrored at the nearest element (SciPy's
///     'mirror'), with `fill`, with the nearest element (SciPy's 'nearest'), or with the other end.
/// fill : float
///     For 'constant'. For all items, or one value for each.
/// truncate : float
///     How many standard deviations the filter reaches. For all items, or one value for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Integers are rounded once, halves to even, where SciPy cuts off after each axis. NaN and
///     infinities spread as far as the filter reaches.
///
/// Raises
/// ------
/// ValueError
///     If `sigma` or `truncate` is negative, infinite or NaN, `sigma` is empty or has more numbers
///     than the item axes, or the filter reaches too far to be computed.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn gaussian_blur<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    gaussian: &mut Gaussian,
    sigma: &PerAxis<f64>,
    #[default("reflect")] border: &str,
    #[default(0.0)] fill: f64,
    #[default(4.0)] truncate: f64,
    #[default("last")] channels: &str,
) -> Result<()> {
    let sigma = &*along(sigma, x.shape(), "sigma")?;
    check_sigma(sigma)?;
    check_reach("truncate", truncate)?;
    let axes = sized_axes(x.ndim(), sigma.len(), channels, "sigma")?;
    let border = Border::from_name("border", border)?;
    let shape = x.shape().to_vec();
    in_c_order(&x, &mut out, |source, target| {
        load(source, &mut gaussian.lines.values)?;
        for (axis, &sigma) in axes.zip(sigma) {
            // As in SciPy: weights beside the middle one are 0 long before.
            if sigma > 1e-15 {
                gaussian.pass(&shape, axis, (sigma, truncate), border, fill)?;
            }
        }
        store(&gaussian.lines.values, target);
        Ok(())
    })
}

/// What a worker keeps: weights of the last filter, and memory to work in.
#[derive(Default)]
pub(crate) struct Gaussian {
    lines: Lines,
    of: (f64, f64),
    taps: Vec<Tap>,
}

impl Gaussian {
    fn pass(
        &mut self,
        shape: &[usize],
        axis: usize,
        of: (f64, f64),
        border: Border,
        fill: f64,
    ) -> Result<()> {
        let radius = (of.1 * of.0 + 0.5) as usize;
        let beyond = Beyond {
            before: radius,
            after: radius,
            border,
            fill,
        };
        // Refuses what reaches too far, before the weights take memory.
        check_room(radius.checked_mul(2))?;
        if self.of != of || self.taps.is_empty() {
            self.of = of;
            let weight = |place: usize| {
                let distance = place as f64 - radius as f64;
                (-0.5 / (of.0 * of.0) * (distance * distance)).exp()
            };
            self.taps.clear();
            self.taps
                .extend((0..=2 * radius).map(|place| (place, weight(place))));
            let sum: f64 = self.taps.iter().map(|tap| tap.1).sum();
            self.taps.iter_mut().for_each(|tap| tap.1 /= sum);
        }
        let taps = &self.taps;
        sweep(
            &mut self.lines,
            shape,
            axis,
            beyond,
            |extended, inner, target, _| {
                weighted_sums(extended, taps, inner, target);
            },
        )
    }
}

fn check_sigma(sigma: &[f64]) -> Result<()> {
    if sigma.is_empty() {
        return Err(Error::new("sigma is empty"));
    }
    sigma
        .iter()
        .try_for_each(|&sigma| check_reach("sigma", sigma))
}

fn check_reach(name: &str, number: f64) -> Result<()> {
    if number >= 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Error::new(format!(
        "{name} has to be a number from 0 on, not {number}"
    )))
}

fn check(plan: &gaussian_blur::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if !plan.is_per_item("sigma") {
        check_sigma(plan.sigma.numbers())?;
    }
    if !plan.is_per_item("truncate") {
        check_reach("truncate", plan.truncate)?;
    }
    Border::from_name("border", &plan.border).map(|_| ())
}
