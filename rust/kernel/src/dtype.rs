//! Element types.

use crate::{Bool, F16};
use std::fmt;

/// Element type of an operand. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool = 1,
    /// Signed, 8 bits.
    I8 = 2,
    /// Unsigned, 8 bits.
    U8 = 3,
    /// Signed, 16 bits.
    I16 = 4,
    /// Unsigned, 16 bits.
    U16 = 5,
    /// Signed, 32 bits.
    I32 = 6,
    /// Unsigned, 32 bits.
    U32 = 7,
    /// Signed, 64 bits.
    I64 = 8,
    /// Unsigned, 64 bits.
    U64 = 9,
    /// IEEE 754 half precision.
    F16 = 10,
    /// IEEE 754 single precision.
    F32 = 11,
    /// IEEE 754 double precision.
    F64 = 12,
}

impl Dtype {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Bool,
        Self::I8,
        Self::U8,
        Self::I16,
        Self::U16,
        Self::I32,
        Self::U32,
        Self::I64,
        Self::U64,
        Self::F16,
        Self::F32,
        Self::F64,
    ];

    /// The dtype of a number of the interface.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| *dtype as u32 == code)
    }

    /// The dtype that NumPy calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// NumPy's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Bytes of one element, which is also its alignment.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// The bit of this dtype in a set of dtypes.
    pub const fn bit(self) -> u64 {
        1 << self as u32
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that an operand's memory can be read as.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Its dtype.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($type:ty = $dtype:ident),*) => {
        $(
            impl sealed::Sealed for $type {}
            impl Element for $type {
                const DTYPE: Dtype = Dtype::$dtype;
            }
        )*
    };
}

elements!(
    Bool = Bool,
    i8 = I8,
    u8 = U8,
    i16 = I16,
    u16 = U16,
    i32 = I32,
    u32 = U32,
    i64 = I64,
    u64 = U64,
    F16 = F16,
    f32 = F32,
    f64 = F64
);
