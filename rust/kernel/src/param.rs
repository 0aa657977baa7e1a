//! Parameters: from the values of the interface to Rust types.

use crate::abi::{self, Operand, ParamKind, ParamValue};
use crate::{Dtype, Error, Result};

/// A value of any kind, for parameters that take several.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// A dtype.
    Dtype(Dtype),
    /// An array.
    Array(crate::ArrayValue),
}

/// A Rust type that a parameter of a kernel may have.
pub trait Param: Sized + Send + Sync {
    /// Kind of the values that are accepted.
    const KIND: ParamKind;
    /// Flags of the interface.
    const FLAGS: u32 = 0;
    /// What the type is called in signatures; empty: after the kind.
    const TYPE_NAME: &'static str = "";

    /// From a checked value. What may come per item takes None too, which it then never uses.
    fn from_value(value: Value) -> Result<Self>;

    /// Element `item` of values given per item.
    ///
    /// # Safety
    /// The operand has the type that goes with [`Self::KIND`], rank 1 for sequences and 0 for
    /// others, and that item.
    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        let _ = (operand, item);
        Ok(None)
    }
}

/// Read element `item` of an operand of rank 0.
///
/// # Safety
/// The operand's elements are of type `T` and it has that item.
unsafe fn read_at<T: Copy>(operand: &Operand, item: usize) -> T {
    // SAFETY: the host checked bounds and alignment of the operand.
    unsafe {
        operand
            .data
            .offset(operand.item_stride * item as isize)
            .cast::<T>()
            .read()
    }
}

/// Read row `item` of an operand of rank 1.
///
/// # Safety
/// The operand's elements are of type `T` and it has that item.
unsafe fn row_at<T: crate::Element>(operand: &Operand, item: usize) -> Result<Vec<T>> {
    // SAFETY: promised by the caller; the host checked bounds and alignment.
    unsafe {
        let rows = crate::operand::Input::<T, ndarray::Ix1>::new(operand)?;
        Ok(rows.at(item).to_vec())
    }
}

fn wrong<T>(value: &Value, expected: &str) -> Result<T> {
    Err(Error::new(format!("expected {expected}, got {value:?}")))
}

impl Param for f64 {
    const KIND: ParamKind = ParamKind::Float;
    const FLAGS: u32 = abi::PER_ITEM;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Int(number) => Ok(number as Self),
            Value::None => Ok(Self::NAN),
            other => wrong(&other, "a number"),
        }
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are f64.
        Ok(Some(unsafe { read_at::<Self>(operand, item) }))
    }
}

impl Param for f32 {
    const KIND: ParamKind = ParamKind::Float;
    const FLAGS: u32 = abi::PER_ITEM;

    fn from_value(value: Value) -> Result<Self> {
        f64::from_value(value).map(|number| number as Self)
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are f64.
        Ok(Some(unsafe { read_at::<f64>(operand, item) } as Self))
    }
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(
            impl Param for $type {
                const KIND: ParamKind = ParamKind::Int;
                const FLAGS: u32 = abi::PER_ITEM;

                fn from_value(value: Value) -> Result<Self> {
                    match value {
                        Value::None => Ok(0),
                        Value::Int(number) => Self::try_from(number).map_err(|_| {
                            Error::new(format!("{number} does not fit {}", stringify!($type)))
                        }),
                        other => wrong(&other, "a whole number"),
                    }
                }

                unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
                    // SAFETY: per-item values of this kind are i64.
                    let number = unsafe { read_at::<i64>(operand, item) };
                    Self::from_value(Value::Int(number)).map(Some)
                }
            }
        )*
    };
}

integers!(i8, u8, i16, u16, i32, u32, u64, usize, isize);

impl Param for i64 {
    const KIND: ParamKind = ParamKind::Int;
    const FLAGS: u32 = abi::PER_ITEM;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Int(number) => Ok(number),
            Value::None => Ok(0),
            other => wrong(&other, "a whole number"),
        }
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are i64.
        Ok(Some(unsafe { read_at::<Self>(operand, item) }))
    }
}

impl Param for bool {
    const KIND: ParamKind = ParamKind::Bool;
    const FLAGS: u32 = abi::PER_ITEM;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Bool(flag) => Ok(flag),
            Value::None => Ok(false),
            other => wrong(&other, "True or False"),
        }
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are bytes.
        Ok(Some(unsafe { read_at::<u8>(operand, item) } != 0))
    }
}

impl Param for String {
    const KIND: ParamKind = ParamKind::Text;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Text(text) => Ok(text),
            other => wrong(&other, "text"),
        }
    }
}

impl Param for Vec<i64> {
    const KIND: ParamKind = ParamKind::Ints;
    const FLAGS: u32 = abi::PER_ITEM;

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are rows of i64.
        unsafe { row_at(operand, item) }.map(Some)
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::None => Ok(Vec::new()),
            Value::Ints(numbers) => Ok(numbers),
            Value::Int(number) => Ok(vec![number]),
            other => wrong(&other, "whole numbers"),
        }
    }
}

impl Param for Vec<f64> {
    const KIND: ParamKind = ParamKind::Floats;
    const FLAGS: u32 = abi::PER_ITEM;

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: per-item values of this kind are rows of f64.
        unsafe { row_at(operand, item) }.map(Some)
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::None => Ok(Vec::new()),
            Value::Floats(numbers) => Ok(numbers),
            Value::Ints(numbers) => Ok(numbers.into_iter().map(|number| number as f64).collect()),
            Value::Float(number) => Ok(vec![number]),
            Value::Int(number) => Ok(vec![number as f64]),
            other => wrong(&other, "numbers"),
        }
    }
}

impl Param for Dtype {
    const KIND: ParamKind = ParamKind::Dtype;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Dtype(dtype) => Ok(dtype),
            other => wrong(&other, "a dtype"),
        }
    }
}

impl Param for Value {
    const KIND: ParamKind = ParamKind::Any;
    const FLAGS: u32 = abi::NULLABLE;

    fn from_value(value: Value) -> Result<Self> {
        Ok(value)
    }
}

impl<P: Param> Param for Option<P> {
    const KIND: ParamKind = P::KIND;
    const FLAGS: u32 = P::FLAGS | abi::NULLABLE;
    const TYPE_NAME: &'static str = P::TYPE_NAME;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::None => Ok(None),
            other => P::from_value(other).map(Some),
        }
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: the caller promises the same for the inner type.
        Ok(unsafe { P::at(operand, item) }?.map(Some))
    }
}

impl Value {
    /// Copy a value of the interface.
    ///
    /// # Safety
    /// `value.data` holds `value.length` elements of the type that its kind says.
    pub unsafe fn read(value: &ParamValue) -> Result<Self> {
        const NONE: u32 = ParamKind::None as u32;
        const BOOL: u32 = ParamKind::Bool as u32;
        const INT: u32 = ParamKind::Int as u32;
        const FLOAT: u32 = ParamKind::Float as u32;
        const TEXT: u32 = ParamKind::Text as u32;
        const INTS: u32 = ParamKind::Ints as u32;
        const FLOATS: u32 = ParamKind::Floats as u32;
        const DTYPE: u32 = ParamKind::Dtype as u32;
        const ARRAY: u32 = ParamKind::Array as u32;
        // SAFETY: promised by the caller.
        unsafe {
            Ok(match value.kind {
                NONE => Self::None,
                BOOL => Self::Bool(value.integer != 0),
                INT => Self::Int(value.integer),
                FLOAT => Self::Float(value.real),
                TEXT => Self::Text(
                    String::from_utf8(elements::<u8>(value))
                        .map_err(|_| Error::new("text that is not UTF-8"))?,
                ),
                INTS => Self::Ints(elements(value)),
                FLOATS => Self::Floats(elements(value)),
                DTYPE => Self::Dtype(
                    u32::try_from(value.integer)
                        .ok()
                        .and_then(Dtype::from_code)
                        .ok_or_else(|| Error::new("unknown dtype"))?,
                ),
                ARRAY => Self::Array(crate::ArrayValue::read(value)?),
                kind => return Err(Error::new(format!("unknown kind of value {kind}"))),
            })
        }
    }
}

/// Copy the elements of a value; a null pointer has none.
///
/// # Safety
/// `value.data` holds `value.length` elements of type `T`.
unsafe fn elements<T: Copy>(value: &ParamValue) -> Vec<T> {
    if value.data.is_null() || value.length == 0 {
        return Vec::new();
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(value.data.cast::<T>(), value.length) }.to_vec()
}
