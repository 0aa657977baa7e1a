//! The one place where errors of the core become Python exceptions.

use ironbatch_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyOSError, PyTypeError, PyValueError};

/// Turn an error of the core into the Python exception that its documentation names.
pub fn to_python(error: Error) -> PyErr {
    match error {
        Error::Value(message) => PyValueError::new_err(message),
        Error::Type(message) => PyTypeError::new_err(message),
        Error::Bounds(message) => PyIndexError::new_err(message),
        Error::Io { context, source } => match source.raw_os_error() {
            Some(errno) => PyOSError::new_err((errno, source.to_string(), context)),
            None => PyOSError::new_err(format!("{context}: {source}")),
        },
        other => PyValueError::new_err(other.to_string()),
    }
}
