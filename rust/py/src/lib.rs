//! `ironbatch._core`: thin handles over `ironbatch-core`. No algorithm lives here.

mod arrow;
mod batch;
mod column;
mod error;
mod executor;
mod files;
mod index;
mod item;
mod kernel_chain;
mod kernel_columns;
mod kernel_plan;
mod kernel_pointers;
mod kernel_values;
mod kernels;
mod leaving;
mod memory;
mod random;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use crate::error::to_python;
    use ironbatch_core::instructions::InstructionSet;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::arrow::{arrow_array, arrow_stream, first_not_utf8};
    #[pymodule_export]
    use super::batch::BatchBase;
    #[pymodule_export]
    use super::column::{
        cast, concatenate, gather, pack, ragged_gather, ragged_pad, scatter, stack,
    };
    #[pymodule_export]
    use super::files::{FileFailure, probe_files, read_files, write_files};
    #[pymodule_export]
    use super::index::{PyIds, place_of};
    #[pymodule_export]
    use super::item::Item;
    #[pymodule_export]
    use super::kernel_chain::{kernel_chain_result, run_kernel_chain};
    #[pymodule_export]
    use super::kernel_plan::NativePlan;
    #[pymodule_export]
    use super::kernel_pointers::{kernel_entries, kernel_of_pointer};
    #[pymodule_export]
    use super::kernels::{
        NativeKernel, built_in_kernels, instruction_sets, load_kernel_library, read_kernel_capsule,
    };
    #[pymodule_export]
    use super::leaving::guard_thread;
    #[pymodule_export]
    use super::memory::{Buffer, empty, pool_set_limit, pool_stats, pool_trim};
    #[pymodule_export]
    use super::random::{PyOrder, item_words, operation_hash, operation_word, origin_of};
    #[pymodule_export]
    use super::version;

    /// What the environment chooses is known before anything runs.
    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        InstructionSet::select_from_environment().map_err(to_python)
    }
}

/// Version of the compiled core.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
