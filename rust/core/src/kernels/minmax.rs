//! `minmax`: elements stretched to a range.

use super::{Number, map_elements, writable};
use crate::instructions::vectorised;
use ironbatch_kernel::{Dtype, Error, F16, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Stretch an item to a range: ``(x - min) / (max - min) * (high - low) + low``.
///
/// Computed in double precision, converted once at the end as `scale_shift` does. An item whose
/// elements are all equal gives `low`. NaN in an item makes all of it NaN (0 in an integer dtype),
/// as ``np.min`` and ``np.max`` do. Infinities follow the formula: beside a positive one finite
/// elements are `low` and it is NaN, beside a negative one all are NaN.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// low, high : float
///     Where the smallest and the largest element go. For all items, or one value for each.
/// dtype : dtype
///     Of the result: uint8, int16, uint16, float16, float32 or float64.
///
/// Returns
/// -------
/// array of `dtype`, of the shape of `x`
///
/// Raises
/// ------
/// ValueError
///     If `low` is not below `high`.
#[kernel(T = [u8, i16, u16, F16, f32, f64], U = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn minmax<T: Number + PartialOrd, U: Number>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, U>,
    #[default(0.0)] low: f64,
    #[default(1.0)] high: f64,
    #[default(Dtype::F32)]
    #[expect(unused_variables, reason = "it chose the type of `out`")]
    dtype: Dtype,
) -> Result<()> {
    check_range(low, high)?;
    let Some(&first) = x.first() else {
        return Ok(());
    };
    let Ends {
        least,
        most,
        broken,
    } = if let Some(values) = x.as_slice() {
        ends(values, first)
    } else {
        let mut ends = Ends::of(first);
        x.iter().for_each(|&value| ends.take(value));
        ends
    };
    let (least, most) = (least.to_f64(), most.to_f64());
    if broken {
        out.fill(U::from_f64(f64::NAN));
    } else if least >= most {
        out.fill(U::from_f64(low));
    } else {
        let range = most - least;
        map_elements(&x, &mut out, |value| {
            U::from_f64((value.to_f64() - least) / range * (high - low) + low)
        });
    }
    Ok(())
}

/// The least and the greatest of some elements, and whether one is NaN.
#[derive(Clone, Copy)]
struct Ends<T> {
    least: T,
    most: T,
    broken: bool,
}

impl<T: Copy + PartialOrd> Ends<T> {
    fn of(value: T) -> Self {
        let mut ends = Self {
            least: value,
            most: value,
            broken: false,
        };
        ends.take(value);
        ends
    }

    #[inline]
    fn take(&mut self, value: T) {
        self.least = if value < self.least {
            value
        } else {
            self.least
        };
        self.most = if value > self.most { value } else { self.most };
        #[expect(clippy::eq_op, reason = "NaN differs from itself")]
        let is_nan = value != value;
        self.broken |= is_nan;
    }
}

vectorised! {
    fn ends[T: Copy + PartialOrd](values: &[T], first: T) -> Ends<T> = ends_in_lanes;
}

/// Of many elements side by side: none waits for the one before.
#[inline(always)]
fn ends_in_lanes<T: Copy + PartialOrd>(values: &[T], first: T) -> Ends<T> {
    const LANES: usize = 16;
    let (blocks, rest) = values.as_chunks::<LANES>();
    let (mut least, mut most, mut broken) = ([first; LANES], [first; LANES], [false; LANES]);
    for block in blocks {
        for lane in 0..LANES {
            let value = block[lane];
            least[lane] = if value < least[lane] {
                value
            } else {
                least[lane]
            };
            most[lane] = if value > most[lane] {
                value
            } else {
                most[lane]
            };
            #[expect(clippy::eq_op, reason = "NaN differs from itself")]
            let is_nan = value != value;
            broken[lane] |= is_nan;
        }
    }
    let mut ends = Ends::of(first);
    for value in least.iter().chain(&most).chain(rest) {
        ends.take(*value);
    }
    ends.broken |= broken.contains(&true);
    ends
}

fn check_range(low: f64, high: f64) -> Result<()> {
    if low < high {
        return Ok(());
    }
    Err(Error::new(format!("low={low} has to be below high={high}")))
}

fn check(plan: &minmax::Plan) -> Result<()> {
    writable(plan.dtype)?;
    if plan.is_per_item("low") || plan.is_per_item("high") {
        return Ok(());
    }
    check_range(plan.low, plan.high)
}

fn infer(inputs: &[Spec], plan: &minmax::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: plan.dtype,
        shape: inputs[0].shape.clone(),
    }])
}
