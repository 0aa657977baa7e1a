//! `resample`: a signal at another rate.

use super::Number;
use super::filtering::{
    Beyond, Columns, Lines, Polyphase, check_room, empty, extend, fraction, in_c_order, load, store,
};
use super::geometry::borders::Border;
use super::geometry::{check_channels, resized, shape_text, signal_axis};
use ironbatch_kernel::{Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Denominators of rates.
const MOST: usize = 1000;

/// Give a signal another rate, as ``scipy.signal.resample_poly``.
///
/// Of the signal with zeros between its samples, and with zeros before and after it, filtered such
/// that no frequency is above what both rates express, each so-many-th value is taken. The filter
/// is a sinc under a Kaiser window with ``beta = 5`` that reaches ten samples of the lower rate to
/// either side (A. V. Oppenheim and R. W. Schafer, *Discrete-Time Signal Processing*, 3rd ed.,
/// sections 4.6 and 7.5). In double precision.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// rate : float, optional
///     New rate over old one, from 0.001 to 1000, such as ``250 / 360``. It is taken as the nearest
///     fraction with a denominator up to 1000; ``n`` samples become ``ceil(n * rate)``. For all
///     items, or one value for each.
/// length : int, optional
///     Instead of `rate`: how many samples all signals get; the rate is ``length / n`` to the bit.
///     The filter is then another one for each ``n``, and costs more than the filtering. For all
///     items, or one value for each.
/// channels : 'last' or 'first'
///     Whether samples follow one another along the first axis of an item or along its last one.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     Integers are rounded, halves to even, and kept within the dtype. NaN and infinities spread
///     as far as the filter reaches. A rate of 1 changes nothing.
///
/// Raises
/// ------
/// ValueError
///     If not one of `rate` and `length` is given, `rate` is out of its range or NaN, `length` is
///     not above 0, or the item has no samples to make `length` of.
#[kernel(T = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn resample<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    scratch: &mut Scratch,
    rate: Option<f64>,
    length: Option<i64>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let axis = signal_axis(x.ndim(), channels)?;
    let shape = x.shape().to_vec();
    if out.is_empty() {
        return Ok(());
    }
    let (up, down) = ratio(rate, length, shape[axis] as i64)?;
    in_c_order(&x, &mut out, |source, target| {
        if up == down {
            target.copy_from_slice(source);
            return Ok(());
        }
        let Scratch { lines, filter } = scratch;
        let filter = match filter {
            Some(filter) if (filter.up, filter.down) == (up, down) => filter,
            _ => filter.insert(Polyphase::new(up, down)),
        };
        load(source, &mut lines.values)?;
        let inner: usize = shape[axis + 1..].iter().product();
        let reach = filter.reach();
        let beyond = Beyond {
            before: reach,
            after: reach,
            border: Border::Constant,
            fill: 0.0,
        };
        check_room((2 * reach).checked_mul(inner))?;
        let (part, made) = (
            shape[axis] * inner,
            target.len() / (source.len() / (shape[axis] * inner)),
        );
        for (source, target) in lines
            .values
            .chunks_exact(part)
            .zip(target.chunks_exact_mut(made))
        {
            empty(&mut lines.extended, part + 2 * reach * inner)?;
            extend(source, Columns::all(inner), beyond, &mut lines.extended);
            empty(&mut lines.scratch, made)?;
            lines.scratch.resize(made, 0.0);
            filter.filter(&lines.extended, inner, &mut lines.scratch);
            store(&lines.scratch, target);
        }
        Ok(())
    })
}

/// What a worker keeps between items.
#[derive(Default)]
pub(crate) struct Scratch {
    lines: Lines,
    filter: Option<Polyphase>,
}

/// New rate and old one for an item of `n` samples, without a common divisor.
fn ratio(rate: Option<f64>, length: Option<i64>, n: i64) -> Result<(usize, usize)> {
    match (rate, length) {
        (Some(rate), None) => {
            check_rate(rate)?;
            Ok(fraction(rate, MOST))
        }
        (None, Some(length)) => {
            check_length(length)?;
            let (mut divisor, mut rest) = (length, n);
            while rest > 0 {
                (divisor, rest) = (rest, divisor % rest);
            }
            Ok(((length / divisor) as usize, (n / divisor) as usize))
        }
        (None, None) => Err(Error::new("rate or length has to be given")),
        _ => Err(Error::new("rate and length cannot both be given")),
    }
}

fn check_rate(rate: f64) -> Result<()> {
    if (0.001..=1000.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::new(format!(
        "rate has to be a number from 0.001 to 1000, not {rate}"
    )))
}

fn check_length(length: i64) -> Result<()> {
    if length > 0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "length has to be at least 1, not {length}"
    )))
}

fn check(plan: &resample::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    let is_given = |name: &str, given: bool| given || plan.is_per_item(name);
    if !is_given("rate", plan.rate.is_some()) && !is_given("length", plan.length.is_some()) {
        return Err(Error::new("rate or length has to be given"));
    }
    // What comes per item is not there yet.
    plan.rate.map_or(Ok(()), check_rate)?;
    plan.length.map_or(Ok(()), check_length)?;
    match (plan.rate, plan.length) {
        (Some(_), Some(_)) => ratio(plan.rate, plan.length, 1).map(|_| ()),
        _ => Ok(()),
    }
}

fn infer(inputs: &[Spec], plan: &resample::Plan) -> Result<Vec<Spec>> {
    let shape = &inputs[0].shape;
    let axis = signal_axis(shape.len(), &plan.channels)?;
    let n = shape[axis];
    let (up, down) = ratio(plan.rate, plan.length, n.max(1))?;
    let length = match plan.length {
        Some(_) if n == 0 => {
            return Err(Error::new(format!(
                "an item of shape {} has no samples to make others of",
                shape_text(shape)
            )));
        }
        Some(length) => length,
        None if n < 0 => -1,
        None => Polyphase::length(n, up, down),
    };
    Ok(vec![resized(&inputs[0], axis..axis + 1, [length])])
}
