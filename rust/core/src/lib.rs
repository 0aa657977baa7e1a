//! The core of ironbatch: what is large or hot, and nothing that knows Python.

pub mod error;

pub use error::{Error, Result};
