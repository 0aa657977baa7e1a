//! `ironbatch._core`: thin handles over `ironbatch-core`. No algorithm lives here.

mod error;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::version;
}

/// Version of the compiled core.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
