//! Kernels made of a pointer to a C function.

use super::definition::{Kernel, Owner};
use super::{Value, read_table};
use crate::{Error, Result};
use std::sync::Arc;

/// Signatures of C functions that kernels are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// `double f(double)`, for each element.
    MapF64,
    /// `float f(float)`, for each element.
    MapF32,
    /// `double f(double, void *user_data)`, for each element.
    MapDataF64,
    /// `float f(float, void *user_data)`, for each element.
    MapDataF32,
    /// `int f(double *in, intptr_t n, double *out, intptr_t n_out, void *user_data)`, for an item
    /// of one axis; gives one of the same length, and 0 if it fails.
    Lines,
    /// `int f(double *in, intptr_t n, double *out, void *user_data)`, for the elements of an item in
    /// C order; gives one number, and 0 if it fails.
    Reduce,
}

impl Pointer {
    /// The signature that a C programmer writes, without spaces behind `*` and names.
    pub fn of_signature(signature: &str) -> Option<Self> {
        Some(match signature {
            "double(double)" => Self::MapF64,
            "float(float)" => Self::MapF32,
            "double(double,void*)" => Self::MapDataF64,
            "float(float,void*)" => Self::MapDataF32,
            "int(double*,intptr_t,double*,intptr_t,void*)" => Self::Lines,
            "int(double*,intptr_t,double*,void*)" => Self::Reduce,
            _ => return None,
        })
    }
}

/// A kernel that calls the function at an address, and hands it another address as `user_data`.
///
/// # Safety
/// There is a function of the signature for as long as the owner lives; it can be called from any
/// thread, from several at once, with any elements, and does not unwind.
pub unsafe fn of_pointer(
    pointer: Pointer,
    name: String,
    doc: String,
    function: usize,
    user_data: usize,
    owner: Option<Owner>,
) -> Result<Arc<Kernel>> {
    if function == 0 {
        return Err(Error::Value(format!(
            "{name}: the function is a null pointer"
        )));
    }
    // SAFETY: the table is one of this very crate, in static memory.
    let library = unsafe { read_table(&raw const crate::pointers::TABLE.0, "ironbatch", None) }?;
    let caller = crate::pointers::caller_of(pointer);
    let Some(kernel) = library.kernels.iter().find(|kernel| kernel.name == caller) else {
        return Err(Error::Library(format!("there is no kernel {caller}")));
    };
    let values = vec![Value::Int(function as i64), Value::Int(user_data as i64)];
    Ok(Arc::new(kernel.fixing(name, doc, values, owner)))
}
