//! The core of ironbatch: what is large or hot, and nothing that knows Python.

pub mod error;
pub mod executor;

pub use error::{Error, Result};
