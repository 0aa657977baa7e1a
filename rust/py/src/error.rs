//! The one place where errors of the core become Python exceptions.

use ironbatch_core::Error;
use pyo3::exceptions::{
    PyImportError, PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyRuntimeError,
    PyTimeoutError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;

/// Turn an error of the core into the Python exception that its documentation names.
pub fn to_python(error: Error) -> PyErr {
    match error {
        Error::Value(message) => PyValueError::new_err(message),
        Error::Type(message) => PyTypeError::new_err(message),
        Error::Bounds(message) => PyIndexError::new_err(message),
        Error::Item { position, source } => {
            Python::attach(|py| {
                let failure = to_python(*source);
                // What the item is called is for callers who know its id; this keeps the position.
                let _ = failure
                    .value(py)
                    .call_method1("add_note", (format!("item {position}"),));
                failure
            })
        }
        Error::Io { context, source } => match source.raw_os_error() {
            Some(errno) => PyOSError::new_err((errno, source.to_string(), context)),
            None => PyOSError::new_err(format!("{context}: {source}")),
        },
        Error::Memory(message) => PyMemoryError::new_err(message),
        Error::Library(message) => PyImportError::new_err(message),
        Error::Timeout(message) => PyTimeoutError::new_err(message),
        Error::Panic(message) => PyRuntimeError::new_err(message),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        other => PyValueError::new_err(other.to_string()),
    }
}
