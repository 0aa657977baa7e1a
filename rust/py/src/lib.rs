//! `ironbatch._core`: thin handles over `ironbatch-core`. No algorithm lives here.

mod batch;
mod error;
mod index;
mod random;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::index::{PyIds, place_of};
    #[pymodule_export]
    use super::random::{PyOrder, item_words, operation_hash, operation_word, origin_of};
    #[pymodule_export]
    use super::version;
    #[pymodule_export]
    use super::batch::{BatchBase, Item};
}

/// Version of the compiled core.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
