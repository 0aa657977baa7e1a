//! Kernels of functions that are compiled already, and what compiled kernels call.

use crate::error::to_python;
use crate::kernels::NativeKernel;
use ironbatch_core::kernel::{self, Pointer, RANDOM_BYTES};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

/// A kernel that calls a C function: its signature, addresses of it and of its `user_data`.
///
/// The signature has no spaces. The owner keeps the function and the data; the caller answers for
/// both addresses.
#[pyfunction]
pub fn kernel_of_pointer(
    signature: &str,
    name: String,
    doc: String,
    function: usize,
    user_data: usize,
    owner: Py<PyAny>,
) -> PyResult<NativeKernel> {
    let pointer = Pointer::of_signature(signature)
        .ok_or_else(|| PyTypeError::new_err(format!("{name}: no signature {signature}")))?;
    // SAFETY: the caller answers for it.
    unsafe {
        kernel::of_pointer(
            pointer,
            name,
            doc,
            function,
            user_data,
            Some(Arc::new(owner)),
        )
    }
    .map(NativeKernel)
    .map_err(to_python)
}

/// Addresses of the functions that compiled kernels call, and the bytes of a random stream.
#[pyfunction]
pub fn kernel_entries() -> (Vec<(&'static str, usize)>, usize) {
    (kernel::entries().to_vec(), RANDOM_BYTES)
}
