//! `fir`: a signal through a filter with a finite response.

use super::Number;
use super::filtering::{Beyond, Lines, Tap, in_c_order, load, store, sweep, weighted_sums};
use super::geometry::borders::Border;
use super::geometry::{check_channels, signal_axis};
use ironbatch_kernel::{Error, F16, Result, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// What a worker keeps between items.
#[derive(Default)]
pub(crate) struct Scratch {
    lines: Lines,
    taps: Vec<Tap>,
}

/// Filter a signal with taps, as ``scipy.signal.lfilter(taps, 1, x)``.
///
/// ``out[n] = sum(taps[k] * x[n - k])`` with zeros before the signal (A. V. Oppenheim and
/// R. W. Schafer, *Discrete-Time Signal Processing*, 3rd ed., section 6.5): the result depends on
/// nothing that comes later, and lags behind by half the length of symmetric taps. `convolve` with
/// the taps as weights does not. In double precision, each sum by itself.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// taps : sequence of float
///     Weights of a sample, of the one before it, and so on. Samples whose weight is 0 do not count
///     at all. For all items, or a sequence for each.
/// channels : 'last' or 'first'
///     Whether samples follow one another along the first axis of an item or along its last one.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     Integers are rounded, halves to even, and kept within the dtype. NaN and infinities last as
///     long as the taps reach.
///
/// Raises
/// ------
/// ValueError
///     If there are no taps, or one is infinite or NaN.
#[kernel(T = [u8, i16, u16, F16, f32, f64], check = check)]
pub(crate) fn fir<T: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    scratch: &mut Scratch,
    taps: &[f64],
    #[default("last")] channels: &str,
) -> Result<()> {
    check_taps(taps)?;
    let axis = signal_axis(x.ndim(), channels)?;
    let shape = x.shape().to_vec();
    let before = taps.len() - 1;
    in_c_order(&x, &mut out, |source, target| {
        let Scratch {
            lines,
            taps: places,
        } = scratch;
        load(source, &mut lines.values)?;
        places.clear();
        let offsets = (0..).map(|at| before - at);
        places.extend(
            offsets
                .zip(taps.iter().copied())
                .filter(|&(_, tap)| tap != 0.0),
        );
        let beyond = Beyond {
            before,
            after: 0,
            border: Border::Constant,
            fill: 0.0,
        };
        sweep(lines, &shape, axis, beyond, |extended, inner, target, _| {
            weighted_sums(extended, places, inner, target);
        })?;
        store(&lines.values, target);
        Ok(())
    })
}

fn check_taps(taps: &[f64]) -> Result<()> {
    if taps.is_empty() {
        return Err(Error::new("taps is empty"));
    }
    match taps.iter().find(|tap| !tap.is_finite()) {
        Some(tap) => Err(Error::new(format!("taps has {tap}"))),
        None => Ok(()),
    }
}

fn check(plan: &fir::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    if plan.is_per_item("taps") {
        Ok(())
    } else {
        check_taps(&plan.taps)
    }
}
