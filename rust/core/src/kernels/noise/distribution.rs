//! Distributions that a parameter may name.

use ironbatch_kernel::abi::{Operand, PER_ITEM, ParamKind};
use ironbatch_kernel::{Error, Param, Result, Value};

/// Whole numbers up to here are doubles without loss.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A distribution with its parameters, each drawn as the method of NumPy's generator of that name.
///
/// It comes as three numbers: which one it is, counted from 0 in the order below, and its
/// parameters, as `ironbatch.kernels.distributions` writes them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Distribution {
    Normal { loc: f64, scale: f64 },
    Uniform { low: f64, high: f64 },
    Laplace { loc: f64, scale: f64 },
    Logistic { loc: f64, scale: f64 },
    Gumbel { loc: f64, scale: f64 },
    Exponential { scale: f64 },
    Integers { low: i64, high: i64 },
}

impl Distribution {
    /// The normal distribution; messages call its standard deviation `name`.
    pub(crate) fn normal(loc: f64, scale: f64, name: &str) -> Result<Self> {
        let scale = spread(name, scale)?;
        Ok(Self::Normal { loc, scale })
    }

    fn read(numbers: &[f64]) -> Result<Self> {
        let located = |name: &str, loc: f64, scale: f64| {
            let scale = spread(&format!("scale of {name}"), scale)?;
            Ok::<_, Error>((finite(&format!("loc of {name}"), loc)?, scale))
        };
        match *numbers {
            [0.0, loc, scale] => {
                let (loc, scale) = located("normal", loc, scale)?;
                Ok(Self::Normal { loc, scale })
            }
            [1.0, low, high] => uniform(low, high),
            [2.0, loc, scale] => {
                let (loc, scale) = located("laplace", loc, scale)?;
                Ok(Self::Laplace { loc, scale })
            }
            [3.0, loc, scale] => {
                let (loc, scale) = located("logistic", loc, scale)?;
                Ok(Self::Logistic { loc, scale })
            }
            [4.0, loc, scale] => {
                let (loc, scale) = located("gumbel", loc, scale)?;
                Ok(Self::Gumbel { loc, scale })
            }
            [5.0, scale, _] => {
                let scale = spread("scale of exponential", scale)?;
                Ok(Self::Exponential { scale })
            }
            [6.0, low, high] => integers(low, high),
            _ => Err(Error::new(format!(
                "{numbers:?} is no distribution: bind one of ironbatch.kernels.distributions"
            ))),
        }
    }
}

fn uniform(low: f64, high: f64) -> Result<Distribution> {
    if low <= high && (high - low).is_finite() {
        return Ok(Distribution::Uniform { low, high });
    }
    Err(Error::new(format!(
        "low of uniform has to be at most high, both a finite distance apart, not low={low} and \
         high={high}"
    )))
}

fn integers(low: f64, high: f64) -> Result<Distribution> {
    let is_whole = |number: f64| number.fract() == 0.0 && number.abs() <= MOST_WHOLE;
    if low < high && is_whole(low) && is_whole(high) {
        return Ok(Distribution::Integers {
            low: low as i64,
            high: high as i64,
        });
    }
    Err(Error::new(format!(
        "low of integers has to be below high, both whole numbers up to 2**53, not low={low} and \
         high={high}"
    )))
}

fn spread(name: &str, number: f64) -> Result<f64> {
    if number.is_finite() && number >= 0.0 {
        return Ok(number);
    }
    Err(Error::new(format!(
        "{name} has to be at least 0 and finite, not {number}"
    )))
}

fn finite(name: &str, number: f64) -> Result<f64> {
    if number.is_finite() {
        return Ok(number);
    }
    Err(Error::new(format!("{name} has to be finite, not {number}")))
}

impl Param for Distribution {
    const KIND: ParamKind = ParamKind::Floats;
    const FLAGS: u32 = PER_ITEM;
    const TYPE_NAME: &'static str = "BoundDistribution";

    fn from_value(value: Value) -> Result<Self> {
        Self::read(&Vec::from_value(value)?)
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: the caller promises the same for sequences of numbers.
        match unsafe { Vec::<f64>::at(operand, item) }? {
            Some(numbers) => Self::read(&numbers).map(Some),
            None => Ok(None),
        }
    }
}
