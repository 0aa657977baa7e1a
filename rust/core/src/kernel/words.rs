//! What kernels that are compiled while the program runs call: parameters and random numbers.
//!
//! A compiler of functions writes `infer` and `run` of the interface itself; what would be the same
//! for all of them is here. Its plans are words: for each parameter a whole number, the bits of a
//! double, or the address of the [`Operand`] of an array.

use super::Value;
use ironbatch_kernel::abi::{Message, Operand, ParamValue, Random};
use ironbatch_kernel::call::{copy, forget, guard, keep};
use ironbatch_kernel::item::Streams;
use ironbatch_kernel::{ArrayValue, Error, ItemRng, Result};
use std::ffi::c_void;
use std::ptr;

/// Memory that the state of one random stream takes.
pub const RANDOM_BYTES: usize = 256;

const _: () = assert!(size_of::<ItemRng>() <= RANDOM_BYTES && align_of::<ItemRng>() <= 16);

/// A plan, whose first field is all that compiled code looks at; it points into the others.
#[repr(C)]
struct Prepared {
    first: *const u64,
    words: Vec<u64>,
    operands: Vec<Operand>,
    arrays: Vec<ArrayValue>,
}

/// `prepare` of the interface.
unsafe extern "C" fn prepare(
    values: *const *const ParamValue,
    count: usize,
    plan: *mut *mut c_void,
    message: *mut Message,
) -> i32 {
    let body = || {
        let values = (0..count)
            // SAFETY: the host gives a value for each parameter.
            .map(|number| unsafe { Value::read(&copy(*values.add(number))) })
            .collect::<Result<Vec<_>>>()?;
        // SAFETY: the host gives room for a pointer.
        unsafe { plan.write(keep(Prepared::of(values)?)) };
        Ok(())
    };
    // SAFETY: the message is the host's.
    unsafe { guard(message, body) }
}

impl Prepared {
    fn of(values: Vec<Value>) -> Result<Self> {
        let mut words = Vec::with_capacity(values.len());
        let mut arrays = Vec::new();
        let mut places = Vec::new();
        for value in values {
            words.push(match value {
                // Given per item.
                Value::None => 0,
                Value::Bool(flag) => u64::from(flag),
                Value::Int(number) => number as u64,
                Value::Float(number) => number.to_bits(),
                Value::Array(array) => {
                    places.push(words.len());
                    arrays.push(array);
                    0
                }
                other => return Err(Error::new(format!("a parameter that is {other:?}"))),
            });
        }
        // What a `Vec` holds stays where it is when the `Vec` moves.
        let operands: Vec<_> = arrays.iter().map(ArrayValue::operand).collect();
        for (operand, place) in operands.iter().zip(places) {
            words[place] = ptr::from_ref(operand).expose_provenance() as u64;
        }
        Ok(Self {
            first: words.as_ptr(),
            words,
            operands,
            arrays,
        })
    }
}

/// `drop_plan` of the interface.
unsafe extern "C" fn drop_plan(plan: *mut c_void) {
    // SAFETY: the host hands over what `prepare` made.
    unsafe { forget::<Prepared>(plan) }
}

/// Begin the random stream of an item in [`RANDOM_BYTES`] of memory.
unsafe extern "C" fn start_random(state: *mut ItemRng, random: *const Random, item: usize) {
    // SAFETY: compiled code gives the memory, and what the host has given it.
    unsafe { state.write(Streams::read(random).of(item)) }
}

unsafe extern "C" fn next_u64(state: *mut ItemRng) -> u64 {
    // SAFETY: begun by `start_random`, and used by one thread.
    unsafe { (*state).next_u64() }
}

unsafe extern "C" fn next_u32(state: *mut ItemRng) -> u32 {
    // SAFETY: as above.
    unsafe { (*state).next_u32() }
}

unsafe extern "C" fn next_double(state: *mut ItemRng) -> f64 {
    // SAFETY: as above.
    unsafe { (*state).random() }
}

/// Names and addresses of the functions.
pub fn entries() -> [(&'static str, usize); 6] {
    [
        ("prepare", prepare as *const () as usize),
        ("drop_plan", drop_plan as *const () as usize),
        ("start_random", start_random as *const () as usize),
        ("next_u64", next_u64 as *const () as usize),
        ("next_u32", next_u32 as *const () as usize),
        ("next_double", next_double as *const () as usize),
    ]
}
