//! NumPy arrays over pooled memory.

use crate::error::to_python;
use ironbatch_core::memory;
use numpy::npyffi::{self, PY_ARRAY_API, npy_intp};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray};
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// Most dimensions of an array (NumPy 1 stops at 32 by itself).
const MAX_DIMS: usize = 64;

/// Memory that arrays live in; it goes back to the pool with the last of them.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct Buffer(memory::Buffer);

#[pymethods]
impl Buffer {
    /// Bytes asked for.
    #[getter]
    fn nbytes(&self) -> usize {
        self.0.len()
    }

    /// Bytes set aside, at least `nbytes`.
    #[getter]
    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn __repr__(&self) -> String {
        format!("<Buffer of {} bytes>", self.0.len())
    }
}

/// Whether items of a dtype are nothing but their bytes.
pub fn is_plain(dtype: &Bound<'_, PyArrayDescr>) -> bool {
    b"biufcmMSUV".contains(&dtype.kind()) && !dtype.has_object() && dtype.itemsize() > 0
}

/// Make an uninitialised C-contiguous array over pooled memory; `dtype` must be plain.
pub fn new_array<'py>(
    dims: &[npy_intp],
    dtype: Bound<'py, PyArrayDescr>,
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = dtype.py();
    if !class.is_subclass_of::<PyUntypedArray>()? {
        return Err(PyTypeError::new_err(format!(
            "{class} is not a class of arrays"
        )));
    }
    let nbytes = dims
        .iter()
        .try_fold(dtype.itemsize(), |total, &extent| {
            total.checked_mul(usize::try_from(extent).ok()?)
        })
        .ok_or_else(|| PyValueError::new_err(format!("no array can have the shape {dims:?}")))?;
    let buffer = memory::Buffer::uninitialised(nbytes).map_err(to_python)?;
    let address = buffer.as_ptr();
    let owner = Bound::new(py, Buffer(buffer))?;
    // SAFETY: the dimensions describe the buffer's bytes; the call takes over the reference to the
    // dtype, and returns a new reference or null with an exception set.
    let array = unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            PY_ARRAY_API.PyArray_NewFromDescr(
                py,
                class.as_type_ptr(),
                dtype.into_ptr().cast(),
                dims.len() as i32,
                dims.as_ptr().cast_mut(),
                std::ptr::null_mut(),
                address.cast(),
                npyffi::NPY_ARRAY_CARRAY,
                std::ptr::null_mut(),
            ),
        )?
        .cast_into_unchecked::<PyUntypedArray>()
    };
    // SAFETY: the array is new and has no base; the call takes over the reference to the owner.
    let status =
        unsafe { PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), owner.into_ptr()) };
    if status == 0 {
        Ok(array)
    } else {
        Err(PyErr::fetch(py))
    }
}

/// A vector of `n` equal values. A size that there is no memory for is a `MemoryError`, where `vec!`
/// would end the process.
pub fn filled<T: Clone>(n: usize, value: T) -> PyResult<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(n)
        .map_err(|_| PyMemoryError::new_err(format!("there is no memory for {n} values")))?;
    values.resize(n, value);
    Ok(values)
}

/// The class `numpy.ndarray`.
pub fn array_class(py: Python<'_>) -> Bound<'_, PyType> {
    py.get_type::<PyUntypedArray>()
}

/// Make an uninitialised C-contiguous array over pooled memory.
///
/// Arrays of Python objects, and of dtypes without a size, are NumPy's own.
#[pyfunction]
#[pyo3(signature = (shape, dtype, /))]
pub fn empty<'py>(
    shape: &Bound<'py, PyAny>,
    dtype: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = shape.py();
    let dtype = PyArrayDescr::new(py, dtype)?;
    // A dtype with a shape of its own adds dimensions: NumPy knows how.
    if !is_plain(&dtype) || dtype.has_subarray() {
        return py
            .import(intern!(py, "numpy"))?
            .call_method1(intern!(py, "empty"), (shape, dtype));
    }
    let dims: Vec<npy_intp> = match shape.extract::<npy_intp>() {
        Ok(extent) => vec![extent],
        Err(_) => shape.extract()?,
    };
    if let Some(extent) = dims.iter().find(|&&extent| extent < 0) {
        return Err(PyValueError::new_err(format!(
            "no array has an extent of {extent}"
        )));
    }
    if dims.len() > MAX_DIMS {
        return Err(PyValueError::new_err(format!(
            "no array has {} dimensions",
            dims.len()
        )));
    }
    Ok(new_array(&dims, dtype, &array_class(py))?.into_any())
}

/// Bytes in the pool, its limit, bytes in use, and how often used memory was at hand.
#[pyfunction]
pub fn pool_stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = memory::stats();
    let result = PyDict::new(py);
    result.set_item("pooled_bytes", stats.pooled_bytes)?;
    result.set_item("limit_bytes", stats.limit_bytes)?;
    result.set_item("in_use_bytes", stats.in_use_bytes)?;
    result.set_item("hits", stats.hits)?;
    result.set_item("misses", stats.misses)?;
    Ok(result)
}

/// Give the memory that waits in the pool back to the system.
#[pyfunction]
pub fn pool_trim() {
    memory::trim();
}

/// Set the most bytes that may wait in the pool.
#[pyfunction]
#[pyo3(signature = (nbytes, /))]
pub fn pool_set_limit(nbytes: usize) {
    memory::set_limit(nbytes);
}
