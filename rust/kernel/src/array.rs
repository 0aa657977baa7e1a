//! Arrays as parameters: matrices, weights, tables.

use crate::abi::{self, Operand, ParamKind, ParamValue};
use crate::call::copy;
use crate::{Dtype, Element, Error, F16, Param, Result, Value};
use ndarray::{Array, ArrayD, Dimension, IxDyn};

/// An array that somebody gives for a parameter: shape and elements in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayValue {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Memory of the elements; words, so that all types are aligned.
    words: Vec<u64>,
}

/// A number of an array, before it becomes an element of the parameter's type.
enum Number {
    Int(i64),
    Float(f64),
}

/// Elements that arrays of parameters may have.
pub trait ArrayElement: Element {
    /// The whole number as this type, if the type has it.
    fn from_int(number: i64) -> Option<Self>;
    /// The number as this type; of a type of whole numbers only if it is one.
    fn from_float(number: f64) -> Option<Self>;
}

macro_rules! whole {
    ($($type:ty),*) => {
        $(
            impl ArrayElement for $type {
                fn from_int(number: i64) -> Option<Self> {
                    Self::try_from(number).ok()
                }

                fn from_float(number: f64) -> Option<Self> {
                    // Doubles hold whole numbers to 2^53, all of which `i64` has.
                    let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
                    is_whole.then(|| Self::from_int(number as i64)).flatten()
                }
            }
        )*
    };
}

whole!(i8, u8, i16, u16, i32, u32, i64, u64);

macro_rules! floats {
    ($($type:ty),*) => {
        $(
            impl ArrayElement for $type {
                fn from_int(number: i64) -> Option<Self> {
                    Some(number as Self)
                }

                fn from_float(number: f64) -> Option<Self> {
                    Some(number as Self)
                }
            }
        )*
    };
}

floats!(f32, f64);

impl ArrayElement for F16 {
    fn from_int(number: i64) -> Option<Self> {
        Some(Self::from_f64(number as f64))
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(Self::from_f64(number))
    }
}

impl ArrayValue {
    /// An array of given shape; None if the bytes are not its elements, or kernels have no such
    /// array.
    pub fn new(dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Option<Self> {
        let count = shape
            .iter()
            .try_fold(dtype.size(), |product, &length| product.checked_mul(length))?;
        (count == bytes.len() && shape.len() <= abi::MAX_RANK).then(|| {
            let word = |bytes: &[u8]| {
                let mut own = [0; 8];
                own[..bytes.len()].copy_from_slice(bytes);
                u64::from_ne_bytes(own)
            };
            Self {
                dtype,
                shape,
                words: bytes.chunks(8).map(word).collect(),
            }
        })
    }

    /// The elements.
    pub fn bytes(&self) -> &[u8] {
        let count = self.shape.iter().product::<usize>() * self.dtype.size();
        // SAFETY: the words were made of that many bytes.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), count) }
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The array as the interface has it; it points into this value.
    pub fn operand(&self) -> Operand {
        let lengths = self.shape.iter().map(|&length| length as i64);
        let data = self.words.as_ptr().cast::<u8>().cast_mut();
        Operand::in_c_order(self.dtype, lengths, data)
    }

    /// Copy an array of the interface.
    ///
    /// # Safety
    /// `value.data` leads to a dense operand in C order.
    pub(crate) unsafe fn read(value: &ParamValue) -> Result<Self> {
        if value.data.is_null() {
            return Err(Error::new("an array without elements"));
        }
        // SAFETY: promised by the caller.
        let operand = unsafe { copy(value.data.cast::<Operand>()) };
        let dtype = Dtype::from_code(operand.dtype).ok_or_else(|| Error::new("unknown dtype"))?;
        let shape: Vec<usize> = operand
            .shape
            .get(..operand.rank as usize)
            .and_then(|shape| {
                shape
                    .iter()
                    .map(|&length| usize::try_from(length).ok())
                    .collect()
            })
            .ok_or_else(|| Error::new("an array of an impossible shape"))?;
        let n_bytes = shape.iter().product::<usize>() * dtype.size();
        let bytes: &[u8] = if n_bytes == 0 {
            &[]
        } else {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts(operand.data, n_bytes) }
        };
        Self::new(dtype, shape, bytes).ok_or_else(|| Error::new("an array of an impossible shape"))
    }

    fn numbers(&self) -> Vec<Number> {
        macro_rules! each {
            ($type:ty, $number:expr) => {
                self.bytes()
                    .chunks_exact(size_of::<$type>())
                    .map(|bytes| {
                        let mut own = [0; size_of::<$type>()];
                        own.copy_from_slice(bytes);
                        $number(<$type>::from_ne_bytes(own))
                    })
                    .collect()
            };
        }
        match self.dtype {
            Dtype::Bool | Dtype::U8 => each!(u8, |x| Number::Int(i64::from(x))),
            Dtype::I8 => each!(i8, |x| Number::Int(i64::from(x))),
            Dtype::I16 => each!(i16, |x| Number::Int(i64::from(x))),
            Dtype::U16 => each!(u16, |x| Number::Int(i64::from(x))),
            Dtype::I32 => each!(i32, |x| Number::Int(i64::from(x))),
            Dtype::U32 => each!(u32, |x| Number::Int(i64::from(x))),
            Dtype::I64 => each!(i64, Number::Int),
            Dtype::U64 => each!(u64, |x| i64::try_from(x)
                .map_or(Number::Float(x as f64), Number::Int)),
            Dtype::F16 => each!(u16, |x| Number::Float(F16::from_bits(x).to_f64())),
            Dtype::F32 => each!(f32, |x| Number::Float(f64::from(x))),
            Dtype::F64 => each!(f64, Number::Float),
        }
    }
}

fn convert<T: ArrayElement>(number: &Number) -> Result<T> {
    let (converted, shown) = match number {
        Number::Int(number) => (T::from_int(*number), number.to_string()),
        Number::Float(number) => (T::from_float(*number), format!("{number:?}")),
    };
    converted.ok_or_else(|| Error::new(format!("{shown} is no {}", T::DTYPE)))
}

impl<T: ArrayElement, D: Dimension> Param for Array<T, D> {
    const KIND: ParamKind = ParamKind::Array;

    fn from_value(value: Value) -> Result<Self> {
        let (shape, numbers) = match value {
            Value::Array(array) => (array.shape.clone(), array.numbers()),
            Value::Int(number) => (vec![], vec![Number::Int(number)]),
            Value::Float(number) => (vec![], vec![Number::Float(number)]),
            Value::Ints(numbers) => (
                vec![numbers.len()],
                numbers.into_iter().map(Number::Int).collect(),
            ),
            Value::Floats(numbers) => (
                vec![numbers.len()],
                numbers.into_iter().map(Number::Float).collect(),
            ),
            other => return Err(Error::new(format!("expected an array, got {other:?}"))),
        };
        let rank = shape.len();
        let elements = numbers.iter().map(convert).collect::<Result<Vec<T>>>()?;
        ArrayD::from_shape_vec(IxDyn(&shape), elements)?
            .into_dimensionality::<D>()
            .map_err(|_| {
                let axes = D::NDIM.unwrap_or_default();
                Error::new(format!(
                    "expected an array of {axes} axes, got one of {rank}"
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operand::Input;
    use ndarray::{Array1, Array2};

    #[test]
    fn an_array_survives_the_interface() {
        let bytes = [1.5_f64, 2.0, 3.0, 4.0, 5.0, 6.0]
            .map(f64::to_ne_bytes)
            .concat();
        let array = ArrayValue::new(Dtype::F64, vec![2, 3], &bytes).unwrap();
        let operand = array.operand();
        // SAFETY: the operand describes the array above.
        let seen = unsafe { Input::<f64, ndarray::Ix2>::new(&operand) }.unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { seen.at(0) }[[1, 2]].to_bits(), 6.0_f64.to_bits());
        let value = ParamValue {
            kind: ParamKind::Array as u32,
            data: (&raw const operand).cast(),
            ..ParamValue::NONE
        };
        // SAFETY: as above.
        let read = unsafe { Value::read(&value) }.unwrap();
        assert_eq!(read, Value::Array(array));
        assert_eq!(
            Array2::<f32>::from_value(read.clone()).unwrap().dim(),
            (2, 3)
        );
        let refused = Array1::<f64>::from_value(read.clone())
            .unwrap_err()
            .to_string();
        assert_eq!(refused, "expected an array of 1 axes, got one of 2");
        let refused = Array2::<u8>::from_value(read).unwrap_err().to_string();
        assert_eq!(refused, "1.5 is no uint8");
    }

    #[test]
    fn half_precision_is_read_and_made() {
        let bytes = [0x3e00_u16, 0xfbff].map(u16::to_ne_bytes).concat();
        let array = ArrayValue::new(Dtype::F16, vec![2], &bytes).unwrap();
        let numbers = Array1::<f64>::from_value(Value::Array(array)).unwrap();
        assert_eq!(numbers.to_vec(), [1.5, -65504.0]);
        let halves = Array1::<F16>::from_value(Value::Floats(vec![0.1, 1e9])).unwrap();
        assert_eq!(halves.mapv(F16::to_bits).to_vec(), [0x2e66, 0x7c00]);
    }

    #[test]
    fn whole_numbers_have_to_fit() {
        let of = |number| Array1::<u8>::from_value(Value::Ints(vec![number]));
        assert_eq!(of(255).unwrap()[0], 255);
        assert_eq!(of(256).unwrap_err().to_string(), "256 is no uint8");
    }

    #[test]
    fn bytes_have_to_be_the_elements() {
        assert!(ArrayValue::new(Dtype::F32, vec![2], &[0; 7]).is_none());
        assert!(ArrayValue::new(Dtype::U8, vec![1; 9], &[0]).is_none());
    }
}
