//! `flip`: an axis in reverse.

use super::moving::{Movable, give};
use ironbatch_kernel::abi::ParamKind;
use ironbatch_kernel::{Bool, Error, F16, Item, Param, Result, Spec, Value, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

/// Reverse the order of elements along an axis, as ``np.flip``.
///
/// Parameters
/// ----------
/// x : array of bool, uint8, int16, uint16, float16, float32 or float64
/// axis : 'horizontal', 'vertical' or int
///     'horizontal' is axis 1 of the item (left and right of an image of height x width, with or
///     without channels behind), 'vertical' is axis 0, a number any axis; a negative one counts
///     from the end.
///
/// Returns
/// -------
/// array of the dtype and shape of `x`
///     All bits are those of `x`, of NaN and infinities too.
///
/// Raises
/// ------
/// ValueError
///     If an item has no such axis.
#[kernel(T = [Bool, u8, i16, u16, F16, f32, f64], strided, infer = infer, check = check)]
pub(crate) fn flip<T: Movable>(
    mut x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    item: Item,
    #[default("horizontal")] axis: &Name,
) -> Result<()> {
    x.invert_axis(Axis(number(&axis.0, x.ndim())?));
    give(&x, &mut out, item);
    Ok(())
}

/// An axis by its name or number.
#[derive(Clone)]
pub(crate) struct Name(Value);

impl Param for Name {
    const KIND: ParamKind = ParamKind::Any;
    const TYPE_NAME: &'static str = "str | int";

    fn from_value(value: Value) -> Result<Self> {
        Ok(Self(value))
    }
}

/// The axis as a number, for items of `rank` axes.
fn number(axis: &Value, rank: usize) -> Result<usize> {
    let given = match axis {
        Value::Text(name) if name == "vertical" => 0,
        Value::Text(_) => 1,
        Value::Int(number) => *number,
        _ => return Err(unknown(axis)),
    };
    let rank = rank as i64;
    let from_start = if given < 0 { given + rank } else { given };
    if (0..rank).contains(&from_start) {
        return Ok(from_start as usize);
    }
    Err(Error::new(format!(
        "axis {given} of an item with {rank} axes"
    )))
}

fn unknown(axis: &Value) -> Error {
    let given = match axis {
        Value::Text(text) => format!("'{text}'"),
        Value::Float(number) => number.to_string(),
        Value::Ints(numbers) => format!("{numbers:?}"),
        other => format!("{other:?}"),
    };
    Error::new(format!(
        "axis has to be 'horizontal', 'vertical' or an int, not {given}"
    ))
}

fn check(plan: &flip::Plan) -> Result<()> {
    match &plan.axis.0 {
        Value::Text(name) if name == "horizontal" || name == "vertical" => Ok(()),
        Value::Int(_) => Ok(()),
        other => Err(unknown(other)),
    }
}

fn infer(inputs: &[Spec], plan: &flip::Plan) -> Result<Vec<Spec>> {
    number(&plan.axis.0, inputs[0].shape.len())?;
    Ok(inputs.to_vec())
}
