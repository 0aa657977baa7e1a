//! Numbers along the axes of an item.

use crate::abi::{self, Operand, ParamKind};
use crate::{Param, Result, Value};
use std::slice;

/// A parameter that has a number for each of some axes, or one number and leaves it to the kernel
/// for which axes it stands.
///
/// ```
/// use ironbatch_kernel::{Param, PerAxis, Value};
/// let one = PerAxis::<i64>::from_value(Value::Int(3));
/// assert_eq!(one.unwrap(), PerAxis::One(3));
/// let each = PerAxis::<i64>::from_value(Value::Ints(vec![3]));
/// assert_eq!(each.unwrap(), PerAxis::Each(vec![3]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum PerAxis<T> {
    /// A number for each of as many axes.
    Each(Vec<T>),
    /// One number.
    One(T),
}

impl<T> PerAxis<T> {
    /// All numbers that there are.
    pub fn numbers(&self) -> &[T] {
        match self {
            Self::Each(numbers) => numbers,
            Self::One(number) => slice::from_ref(number),
        }
    }
}

macro_rules! per_axis {
    ($($type:ty: $kind:ident, $name:expr;)*) => {
        $(
            impl Param for PerAxis<$type> {
                const KIND: ParamKind = ParamKind::$kind;
                const FLAGS: u32 = abi::PER_ITEM | abi::NUMBER;
                const TYPE_NAME: &'static str = $name;

                fn from_value(value: Value) -> Result<Self> {
                    if matches!(value, Value::Int(_) | Value::Float(_)) {
                        return <$type>::from_value(value).map(Self::One);
                    }
                    Vec::from_value(value).map(Self::Each)
                }

                unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
                    // SAFETY: numbers per item are of rank 0, sequences of rank 1, as for both types.
                    unsafe {
                        if operand.rank == 0 {
                            return Ok(<$type>::at(operand, item)?.map(Self::One));
                        }
                        Ok(Vec::at(operand, item)?.map(Self::Each))
                    }
                }
            }
        )*
    };
}

per_axis! {
    i64: Ints, "int | Sequence[int]";
    f64: Floats, "float | Sequence[float]";
}
