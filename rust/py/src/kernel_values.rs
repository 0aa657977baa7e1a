//! Parameters of kernels, from Python and to it.

use ironbatch_core::kernel::{ArrayValue, Dtype, Value};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};
pub(crate) fn known_dtype(dtype: &Bound<'_, PyArrayDescr>) -> Option<Dtype> {
    match (dtype.kind(), dtype.itemsize()) {
        _ if !dtype.is_native_byteorder().unwrap_or(true) => None,
        (b'b', 1) => Some(Dtype::Bool),
        (b'i', 1) => Some(Dtype::I8),
        (b'u', 1) => Some(Dtype::U8),
        (b'i', 2) => Some(Dtype::I16),
        (b'u', 2) => Some(Dtype::U16),
        (b'i', 4) => Some(Dtype::I32),
        (b'u', 4) => Some(Dtype::U32),
        (b'i', 8) => Some(Dtype::I64),
        (b'u', 8) => Some(Dtype::U64),
        (b'f', 2) => Some(Dtype::F16),
        (b'f', 4) => Some(Dtype::F32),
        (b'f', 8) => Some(Dtype::F64),
        _ => None,
    }
}

pub(crate) fn to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if object.is_none() {
        return Ok(Value::None);
    }
    if object.is_instance_of::<PyBool>() {
        return object.extract().map(Value::Bool);
    }
    if object.is_instance_of::<PyInt>() {
        return object.extract().map(Value::Int);
    }
    if object.is_instance_of::<PyFloat>() {
        return object.extract().map(Value::Float);
    }
    if object.is_instance_of::<PyString>() {
        return object.extract().map(Value::Text);
    }
    if let Ok(array) = object.cast::<PyUntypedArray>() {
        return array_value(array);
    }
    if let Ok(numbers) = object.extract::<Vec<i64>>() {
        return Ok(Value::Ints(numbers));
    }
    object
        .extract::<Vec<f64>>()
        .map(Value::Floats)
        .map_err(|_| PyTypeError::new_err(format!("{object} cannot be a parameter of a kernel")))
}

/// Copy an array that lies in C order.
pub(crate) fn array_value(array: &Bound<'_, PyUntypedArray>) -> PyResult<Value> {
    let refuse = || PyTypeError::new_err(format!("{array} cannot be a parameter of a kernel"));
    let dtype = known_dtype(&array.dtype()).ok_or_else(refuse)?;
    if !array.is_c_contiguous() {
        return Err(refuse());
    }
    let n_bytes = array.len() * dtype.size();
    let bytes: &[u8] = if n_bytes == 0 {
        &[]
    } else {
        // SAFETY: the array is alive, lies end to end, and has that many bytes.
        unsafe {
            let data = (*array.as_array_ptr()).fields.data.cast::<u8>();
            std::slice::from_raw_parts(data, n_bytes)
        }
    };
    ArrayValue::new(dtype, array.shape().to_vec(), bytes)
        .map(Value::Array)
        .ok_or_else(refuse)
}

pub(crate) fn to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::None => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Int(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => number.into_pyobject(py)?.into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
        Value::Ints(numbers) => numbers.into_pyobject(py)?.into_any(),
        Value::Floats(numbers) => numbers.into_pyobject(py)?.into_any(),
        Value::Dtype(dtype) => dtype.name().into_pyobject(py)?.into_any(),
        // Tables have no defaults that are arrays.
        Value::Array(array) => array.shape().to_vec().into_pyobject(py)?.into_any(),
    })
}
