//! The core of ironbatch: what is large or hot, and nothing that knows Python.

pub mod arrow;
pub mod column;
pub mod error;
pub mod executor;
pub mod index;
pub mod instructions;
pub mod io;
pub mod kernel;
pub mod kernels;
pub mod memory;
pub mod order;
pub mod pictures;
mod pointers;
pub mod random;
mod shuffling;
mod strided;

pub use error::{Error, Result};
