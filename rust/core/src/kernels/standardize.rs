//! `standardize`: zero mean and unit standard deviation.

use super::Number;
use super::channels::{Target, part_length};
use super::moving::{self, Movable};
use super::single::Line;
use crate::instructions::vectorised;
use ironbatch_kernel::{Dtype, Error, F16, Item, PastCaches, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// What a worker keeps: how the last functions of bytes are computed quickly, if they can be.
#[derive(Default)]
pub(crate) struct Kept {
    of: Option<(Vec<f64>, Vec<f64>, f64, usize)>,
    lines: Option<Vec<Line>>,
}

/// Shift and scale to a mean of 0 and a standard deviation of 1: ``(x * scale - mean) / std``.
///
/// Computed in double precision, converted once at the end.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
///     If `mean` or `std` has several values, or `channels` is 'first', its last axis is that of
///     the channels.
/// mean, std : float or sequence of float, optional
///     One value, or one for each channel. Left out: those of all elements of the item, after
///     scaling (``np.mean``, ``np.std``); an item whose elements are all equal gives zeros.
/// scale : float
///     Applied first, such as ``1 / 255``. For all items, or one value for each.
/// channels : 'last' or 'first'
///     Layout of the result: 'first' moves the channels to the front.
/// dtype : dtype
///     Of the result: float16, float32 or float64.
///
/// Returns
/// -------
/// array of `dtype`
///     NaN or an infinity in an item makes its own mean and standard deviation NaN; with given ones
///     they stay what they are.
///
/// Raises
/// ------
/// ValueError
///     If `std` has a zero, a negative number or NaN, or there are not as many values as channels.
#[kernel(T = [u8, i16, u16, F16, f32, f64], U = [F16, f32, f64], strided, infer = infer, check = check)]
pub(crate) fn standardize<T: Number + Movable, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    item: Item,
    kept: &mut Kept,
    mean: Option<&[f64]>,
    std: Option<&[f64]>,
    #[default(1.0)] scale: f64,
    #[default("last")] channels: &str,
    #[default(Dtype::F32)]
    #[expect(unused_variables, reason = "it chose the type of `out`")]
    dtype: Dtype,
) {
    let own = if mean.is_none() || std.is_none() {
        moments(&x, scale)
    } else {
        (0.0, 1.0)
    };
    let own = ([own.0], [if own.1 == 0.0 { 1.0 } else { own.1 }]);
    let (mean, std) = (mean.unwrap_or(&own.0), std.unwrap_or(&own.1));
    let n_channels = if mean.len() == 1 && std.len() == 1 && channels == "last" {
        1
    } else {
        x.shape().last().copied().unwrap_or(1)
    };
    let formula = |channel: usize| {
        let (mean, factor) = (of_channel(mean, channel), 1.0 / of_channel(std, channel));
        move |value: f64| U::from_f64((value * scale - mean) * factor)
    };
    let turns = channels == "first";
    let Some(elements) = out.as_slice_mut().filter(|_| n_channels <= moving::PART) else {
        let mut out = out.view_mut();
        if turns {
            for axis in 1..out.ndim() {
                out.swap_axes(axis - 1, axis);
            }
        }
        for (place, (target, value)) in out.iter_mut().zip(&x).enumerate() {
            *target = formula(place % n_channels)(value.to_f64());
        }
        return;
    };
    // A byte has few values: each is computed once for an item.
    let is_looked_up = size_of::<T>() == 1 && x.len() >= 256 * n_channels;
    let lines = if is_looked_up && n_channels <= 4 {
        kept.lines((mean, std, scale, n_channels), |channel| {
            Line::new(
                of_channel(mean, channel) / scale,
                scale / of_channel(std, channel),
                formula(channel),
            )
        })
    } else {
        None
    };
    let mut target = Target {
        n_groups: elements.len() / n_channels.max(1),
        elements,
        n_channels,
        turns,
        writer: item.is_past_caches(0).then(PastCaches::new),
        lines,
    };
    let tables: Vec<[U; 256]> =
        if is_looked_up && !target.computes_lines() && !target.computes_planes() {
            (0..n_channels)
                .map(|channel| std::array::from_fn(|value| formula(channel)(value as f64)))
                .collect()
        } else {
            Vec::new()
        };
    moving::in_parts(&x, part_length(n_channels), |first, part| {
        match T::bytes(part) {
            Some(bytes) if target.computes_lines() => target.write_lines(first, bytes),
            Some(bytes) if target.computes_planes() => {
                target.write_planes(first, bytes, |channel| {
                    let formula = formula(channel);
                    move |value: u8| formula(f64::from(value))
                });
            }
            Some(bytes) if !tables.is_empty() => target.write(first, bytes, |channel: usize| {
                let table = &tables[channel];
                move |value: u8| table[usize::from(value)]
            }),
            _ => target.write(first, part, |channel: usize| {
                let formula = formula(channel);
                move |value: T| formula(value.to_f64())
            }),
        }
    });
}

/// The number of a channel in a list that may have one for all.
fn of_channel(list: &[f64], channel: usize) -> f64 {
    if list.len() == 1 {
        list[0]
    } else {
        list[channel]
    }
}

impl Kept {
    /// A line for each channel, if all of them are such; worked out where it is not about the same
    /// numbers as before.
    fn lines(
        &mut self,
        (mean, std, scale, n_channels): (&[f64], &[f64], f64, usize),
        line: impl Fn(usize) -> Option<Line>,
    ) -> Option<&[Line]> {
        let is_known = self
            .of
            .as_ref()
            .is_some_and(|of| (&of.0[..], &of.1[..], of.2, of.3) == (mean, std, scale, n_channels));
        if !is_known {
            self.of = Some((mean.to_vec(), std.to_vec(), scale, n_channels));
            self.lines = (0..n_channels).map(line).collect();
        }
        self.lines.as_deref()
    }
}

/// Mean and standard deviation, in two passes: the way that cancels nothing.
fn moments<T: Number + Movable>(x: &ArrayViewD<'_, T>, scale: f64) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = sum(x, |value| value) / count;
    let variance = sum(x, |value| (value - mean) * (value - mean)) / count;
    (mean * scale, variance.sqrt() * scale.abs())
}

/// The sum of a function of each element: the same number for an item with gaps.
fn sum<T: Number + Movable>(x: &ArrayViewD<'_, T>, function: impl Fn(f64) -> f64) -> f64 {
    let mut total = 0.0;
    // Parts are whole blocks of lanes, but for the last one.
    moving::in_parts(x, moving::PART, |_, part| {
        total = sum_slice(part, total, &function);
    });
    total
}

vectorised! {
    fn sum_slice[T: Number](x: &[T], total: f64, function: impl Fn(f64) -> f64) -> f64 =
        sum_in_lanes;
}

/// `total` and eight sums side by side: they vectorise, and round less than one running total.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn sum_in_lanes<T: Number>(x: &[T], mut total: f64, function: impl Fn(f64) -> f64) -> f64 {
    let (blocks, rest) = x.as_chunks::<8>();
    for blocks in blocks.chunks(64) {
        let mut lanes = [0.0; 8];
        for block in blocks {
            for (lane, &value) in lanes.iter_mut().zip(block) {
                *lane += function(value.to_f64());
            }
        }
        total += lanes.iter().sum::<f64>();
    }
    total
        + rest
            .iter()
            .map(|value| function(value.to_f64()))
            .sum::<f64>()
}

fn check(plan: &standardize::Plan) -> Result<()> {
    if plan.channels != "last" && plan.channels != "first" {
        return Err(Error::new(format!(
            "channels has to be 'last' or 'first', not '{}'",
            plan.channels
        )));
    }
    for (name, values) in [("mean", &plan.mean), ("std", &plan.std)] {
        if values.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::new(format!("{name} is empty")));
        }
    }
    if let Some(std) = plan
        .std
        .iter()
        .flatten()
        .find(|&&std| std.is_nan() || std <= 0.0)
    {
        return Err(Error::new(format!("std has to be above 0, not {std}")));
    }
    match plan.dtype {
        Dtype::F16 | Dtype::F32 | Dtype::F64 => Ok(()),
        other => Err(Error::new(format!(
            "dtype has to be float16, float32 or float64, not {other}"
        ))),
    }
}

fn infer(inputs: &[Spec], plan: &standardize::Plan) -> Result<Vec<Spec>> {
    let mut shape = inputs[0].shape.clone();
    let n_channels = shape.last().copied();
    for (name, values) in [("mean", &plan.mean), ("std", &plan.std)] {
        if let Some(values) = values
            && values.len() > 1
            && n_channels != Some(values.len() as i64)
        {
            return Err(Error::new(format!(
                "{name} has {} values for items of shape {shape:?}, whose last axis is that of \
                 the channels",
                values.len()
            )));
        }
    }
    if plan.channels == "first" && !shape.is_empty() {
        shape.rotate_right(1);
    }
    Ok(vec![Spec {
        dtype: plan.dtype,
        shape,
    }])
}
