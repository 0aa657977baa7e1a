//! Elements that are changed by random numbers.

mod distribution;

pub(crate) use distribution::Distribution;

use super::Number;
use ironbatch_kernel::{Error, ItemRng, Result};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// What noise is drawn from: a standard deviation around `mean`, or a distribution, one of both.
pub(crate) fn chosen(
    mean: f64,
    std: Option<f64>,
    distribution: Option<Distribution>,
) -> Result<Distribution> {
    check_choice(std.is_some(), distribution.is_some())?;
    match (std, distribution) {
        (_, Some(distribution)) => Ok(distribution),
        (std, None) => Distribution::normal(mean, std.unwrap_or_default(), "std"),
    }
}

/// Refuse parameters of noise before items are known; `per_item` says which come with them.
pub(crate) fn check_noise(
    std: Option<f64>,
    distribution: Option<Distribution>,
    per_item: impl Fn(&str) -> bool,
) -> Result<()> {
    let (std_varies, distribution_varies) = (per_item("std"), per_item("distribution"));
    check_choice(
        std_varies || std.is_some(),
        distribution_varies || distribution.is_some(),
    )?;
    if std_varies || distribution_varies {
        return Ok(());
    }
    chosen(0.0, std, distribution).map(|_| ())
}

fn check_choice(has_std: bool, has_distribution: bool) -> Result<()> {
    let given = match (has_std, has_distribution) {
        (true, true) => "both",
        (false, false) => "neither",
        _ => return Ok(()),
    };
    Err(Error::new(format!(
        "noise is drawn from either std or distribution, {given} given"
    )))
}

/// Set each element of `out` from the one of `x` at its place and a number that is drawn.
pub(crate) fn with_noise<T: Number>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    rng: &mut ItemRng,
    distribution: Distribution,
    function: impl Fn(f64, f64) -> f64,
) {
    // A loop of its own for each: what is drawn is known before the first element.
    match distribution {
        Distribution::Normal { loc, scale } => {
            each(x, out, function, || rng.normal(loc, scale));
        }
        Distribution::Uniform { low, high } => {
            each(x, out, function, || rng.uniform(low, high));
        }
        Distribution::Laplace { loc, scale } => {
            each(x, out, function, || rng.laplace(loc, scale));
        }
        Distribution::Logistic { loc, scale } => {
            each(x, out, function, || rng.logistic(loc, scale));
        }
        Distribution::Gumbel { loc, scale } => {
            each(x, out, function, || rng.gumbel(loc, scale));
        }
        Distribution::Exponential { scale } => {
            each(x, out, function, || rng.exponential(scale));
        }
        Distribution::Integers { low, high } => {
            each(x, out, function, || rng.integers(low, high) as f64);
        }
    }
}

fn each<T: Number>(
    x: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    function: impl Fn(f64, f64) -> f64,
    mut draw: impl FnMut() -> f64,
) {
    for (target, value) in out.iter_mut().zip(x) {
        *target = T::from_f64(function(value.to_f64(), draw()));
    }
}
