//! Values of one numeric type turned into another, as C does it.

use super::{Shared, grain};
use crate::Result;
use crate::executor::parallel_for;

/// A numeric type of the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// One byte, 0 or something else.
    Bool,
    /// Signed, one byte.
    I8,
    /// Unsigned, one byte.
    U8,
    /// Signed, two bytes.
    I16,
    /// Unsigned, two bytes.
    U16,
    /// Signed, four bytes.
    I32,
    /// Unsigned, four bytes.
    U32,
    /// Signed, eight bytes.
    I64,
    /// Unsigned, eight bytes.
    U64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl Number {
    /// Whether values have a fraction.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Size of a value in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// Whether [`cast`] does it. Floats to integers are left to whoever says what becomes of a NaN.
pub const fn can_cast(from: Number, to: Number) -> bool {
    !from.is_float() || to.is_float()
}

trait ConvertTo<T> {
    fn convert(self) -> T;
}

macro_rules! conversions {
    ($from:ty => $($to:ty),*) => {
        $(impl ConvertTo<$to> for $from {
            #[inline]
            #[allow(
                trivial_numeric_casts,
                clippy::unnecessary_cast,
                clippy::cast_lossless,
                reason = "one body for all pairs of types"
            )]
            fn convert(self) -> $to {
                self as $to
            }
        })*
    };
}

conversions!(i8 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(u8 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(i16 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(u16 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(i32 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(u32 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(i64 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(u64 => i8, u8, i16, u16, i32, u32, i64, u64, f32, f64);
conversions!(f32 => f32, f64);
conversions!(f64 => f32, f64);

/// Convert `n` values. Integers that do not fit wrap around, floats round to the nearest.
///
/// # Panics
/// If [`can_cast`] says no.
///
/// # Safety
/// For the time of the call, `source` is readable and `target` writable for `n` values of their types,
/// aligned or not; they do not overlap.
pub unsafe fn cast(
    source: *const u8,
    from: Number,
    target: *mut u8,
    to: Number,
    n: usize,
) -> Result<()> {
    // SAFETY: by this function's contract.
    unsafe {
        match from {
            // Any byte but 0 counts as true.
            Number::Bool => each(source, target, to, n, |byte: u8| u8::from(byte != 0)),
            Number::I8 => each(source, target, to, n, |value: i8| value),
            Number::U8 => each(source, target, to, n, |value: u8| value),
            Number::I16 => each(source, target, to, n, |value: i16| value),
            Number::U16 => each(source, target, to, n, |value: u16| value),
            Number::I32 => each(source, target, to, n, |value: i32| value),
            Number::U32 => each(source, target, to, n, |value: u32| value),
            Number::I64 => each(source, target, to, n, |value: i64| value),
            Number::U64 => each(source, target, to, n, |value: u64| value),
            Number::F32 => floats(source, target, to, n, |value: f32| value),
            Number::F64 => floats(source, target, to, n, |value: f64| value),
        }
    }
}

/// Convert integers.
///
/// # Safety
/// As [`cast`].
unsafe fn each<S, V>(
    source: *const u8,
    target: *mut u8,
    to: Number,
    n: usize,
    read: impl Fn(S) -> V + Sync + Copy,
) -> Result<()>
where
    S: Copy,
    V: Copy
        + Default
        + PartialEq
        + ConvertTo<i8>
        + ConvertTo<u8>
        + ConvertTo<i16>
        + ConvertTo<u16>
        + ConvertTo<i32>
        + ConvertTo<u32>
        + ConvertTo<i64>
        + ConvertTo<u64>
        + ConvertTo<f32>
        + ConvertTo<f64>,
{
    // SAFETY: by this function's contract.
    unsafe {
        match to {
            Number::Bool => run(source, target, n, |value| {
                u8::from(read(value) != V::default())
            }),
            Number::I8 => run::<S, i8>(source, target, n, |value| read(value).convert()),
            Number::U8 => run::<S, u8>(source, target, n, |value| read(value).convert()),
            Number::I16 => run::<S, i16>(source, target, n, |value| read(value).convert()),
            Number::U16 => run::<S, u16>(source, target, n, |value| read(value).convert()),
            Number::I32 => run::<S, i32>(source, target, n, |value| read(value).convert()),
            Number::U32 => run::<S, u32>(source, target, n, |value| read(value).convert()),
            Number::I64 => run::<S, i64>(source, target, n, |value| read(value).convert()),
            Number::U64 => run::<S, u64>(source, target, n, |value| read(value).convert()),
            Number::F32 => run::<S, f32>(source, target, n, |value| read(value).convert()),
            Number::F64 => run::<S, f64>(source, target, n, |value| read(value).convert()),
        }
    }
}

/// Convert floats to floats.
///
/// # Safety
/// As [`cast`].
unsafe fn floats<S: Copy + ConvertTo<f32> + ConvertTo<f64>>(
    source: *const u8,
    target: *mut u8,
    to: Number,
    n: usize,
    read: impl Fn(S) -> S + Sync + Copy,
) -> Result<()> {
    // SAFETY: by this function's contract.
    unsafe {
        match to {
            Number::F32 => run::<S, f32>(source, target, n, |value| read(value).convert()),
            Number::F64 => run::<S, f64>(source, target, n, |value| read(value).convert()),
            _ => panic!("floats are not cast to {to:?}"),
        }
    }
}

/// Apply a function to every value.
///
/// # Safety
/// As [`cast`], for values of types `S` and `T`.
unsafe fn run<S: Copy, T: Copy>(
    source: *const u8,
    target: *mut u8,
    n: usize,
    convert: impl Fn(S) -> T + Sync,
) -> Result<()> {
    let (from, to) = (Shared::new(source), Shared::new(target));
    parallel_for(n, grain(size_of::<S>().max(size_of::<T>())), &|range| {
        let (from, to) = (from.get().cast::<S>(), to.get().cast::<T>());
        for at in range {
            // SAFETY: by this function's contract; threads have different ranges.
            unsafe {
                to.add(at)
                    .write_unaligned(convert(from.add(at).read_unaligned()));
            }
        }
    })
}
