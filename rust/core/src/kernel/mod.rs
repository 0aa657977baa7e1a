//! The host's side of the kernel interface: loading, binding, checking, running.
//!
//! A [`Kernel`] comes from a table, a [`Plan`] is a kernel with its constant parameters parsed,
//! and [`Plan::run`] calls it on ranges of items of checked memory, on all cores. Built-in kernels
//! come through a table like everybody's.

mod call;
mod chain;
mod check;
mod definition;
mod growing;
mod host;
mod layout;
mod library;
mod memory;
mod parts;
mod pass;
mod plan;
mod pointer;
mod run;
mod scratch;
mod signature;
mod table;
mod words;

pub use chain::{Chain, Link};
pub use definition::{Kernel, OperandType, Owner, Parameter};
pub use growing::Grown;
pub use ironbatch_kernel::{ArrayValue, Dtype, Spec, Value};
pub use layout::{Layout, RaggedLayout};
pub use library::{load, read_table};
pub use memory::Memory;
pub use plan::Plan;
pub use pointer::{Pointer, of_pointer};
pub use run::{Limits, RandomSource, Request};
pub use table::Library;
pub use words::{RANDOM_BYTES, entries};

use std::sync::{Arc, OnceLock};

/// The kernels that come with ironbatch.
pub fn built_in() -> crate::Result<&'static [Arc<Kernel>]> {
    static KERNELS: OnceLock<Vec<Arc<Kernel>>> = OnceLock::new();
    if let Some(kernels) = KERNELS.get() {
        return Ok(kernels);
    }
    // SAFETY: the table is one of this very crate, in static memory.
    let library = unsafe { read_table(&raw const crate::kernels::TABLE.0, "ironbatch", None) }?;
    Ok(KERNELS.get_or_init(|| library.kernels))
}

#[cfg(test)]
mod tests;
