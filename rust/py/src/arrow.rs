//! Capsules of the Arrow C data interface, over memory that arrays hold.

use crate::column::{data, has_flags, integers};
use crate::error::to_python;
use ironbatch_core::arrow::{self, Array, Buffer, Column, Owner, Schema, Stream};
use numpy::npyffi::NPY_ARRAY_C_CONTIGUOUS;
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::ffi::CString;
use std::sync::Arc;

/// Keeps arrays alive until the consumer releases what it got.
struct Arrays(Option<Py<PyAny>>);

impl Drop for Arrays {
    /// Consumers release from any thread, some while whoever holds the GIL waits for that thread:
    /// so it is not asked for here. A thread that is not attached leaves the arrays to the next one
    /// that enters the core.
    fn drop(&mut self) {
        let arrays = self.0.take();
        // SAFETY: may be called at any time, by any thread.
        if unsafe { ffi::PyGILState_Check() } == 1 {
            // Not when the interpreter is ending.
            let _ = Python::try_attach(|_| drop(arrays));
        }
    }
}

/// What Python says of a column: format, name, nullable, length, null count, buffers, children.
type Described<'py> = (
    String,
    String,
    bool,
    usize,
    usize,
    Vec<Option<Bound<'py, PyAny>>>,
    Vec<Bound<'py, PyAny>>,
);

fn text(value: String) -> PyResult<CString> {
    CString::new(value)
        .map_err(|error| PyValueError::new_err(format!("a name of a column has no NUL: {error}")))
}

fn column(described: &Bound<'_, PyAny>, owner: &Owner) -> PyResult<Column> {
    let (format, name, nullable, length, null_count, buffers, children): Described<'_> =
        described.extract()?;
    let buffers = buffers
        .into_iter()
        .map(|buffer| {
            let Some(buffer) = buffer else {
                return Ok(Buffer::NONE);
            };
            let array = buffer.cast::<PyUntypedArray>()?;
            if !has_flags(array, NPY_ARRAY_C_CONTIGUOUS) || array.dtype().has_object() {
                return Err(PyValueError::new_err(
                    "memory that is handed over is contiguous and holds no objects",
                ));
            }
            Ok(Buffer {
                address: data(array).cast(),
                nbytes: array.len() * array.dtype().itemsize(),
            })
        })
        .collect::<PyResult<_>>()?;
    Ok(Column {
        format: text(format)?,
        name: text(name)?,
        nullable,
        length,
        null_count,
        buffers,
        children: children
            .iter()
            .map(|child| column(child, owner))
            .collect::<PyResult<_>>()?,
        owner: Some(owner.clone()),
    })
}

fn checked(described: &Bound<'_, PyAny>) -> PyResult<Column> {
    let owner: Owner = Arc::new(Arrays(Some(described.clone().unbind())));
    let column = column(described, &owner)?;
    column.check().map_err(to_python)?;
    Ok(column)
}

/// Capsules of the type and the memory of a column, for `__arrow_c_array__`.
#[pyfunction]
#[pyo3(signature = (column, /))]
pub fn arrow_array<'py>(
    column: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
    let py = column.py();
    let column = checked(column)?;
    Ok((
        PyCapsule::new_with_value(py, Schema::of(&column), c"arrow_schema")?,
        PyCapsule::new_with_value(py, Array::of(&column), c"arrow_array")?,
    ))
}

/// Capsule of a stream of one array, for `__arrow_c_stream__`.
#[pyfunction]
#[pyo3(signature = (column, /))]
pub fn arrow_stream<'py>(column: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyCapsule>> {
    let py = column.py();
    PyCapsule::new_with_value(py, Stream::of(checked(column)?), c"arrow_array_stream")
}

/// Position of the first item that is no valid UTF-8, or `None`; `data` is uint8, `offsets` int64.
#[pyfunction]
#[pyo3(signature = (data, offsets, /))]
pub fn first_not_utf8(
    data: &Bound<'_, PyAny>,
    offsets: &Bound<'_, PyAny>,
) -> PyResult<Option<usize>> {
    let bytes = data.cast::<PyUntypedArray>()?;
    let Some(offsets) = integers(offsets) else {
        return Err(PyValueError::new_err("offsets are a vector of int64"));
    };
    if !has_flags(bytes, NPY_ARRAY_C_CONTIGUOUS) || bytes.dtype().itemsize() != 1 {
        return Err(PyValueError::new_err("data is a contiguous array of bytes"));
    }
    // SAFETY: both are contiguous arrays of these sizes, which are held here; this thread is
    // attached all the time, and nothing below lets Python code run.
    let (bytes, offsets) = unsafe {
        (
            std::slice::from_raw_parts(crate::column::data(bytes), bytes.len()),
            std::slice::from_raw_parts(
                crate::column::data(offsets)
                    .cast::<std::ffi::c_void>()
                    .cast(),
                offsets.len(),
            ),
        )
    };
    Ok(arrow::first_not_utf8(bytes, offsets))
}
