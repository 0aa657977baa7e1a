//! Columns for other libraries: the Arrow C data interface and C stream interface.
//!
//! # Examples
//! ```
//! use ironbatch_core::arrow::{Array, Buffer, Column, Schema};
//! use std::sync::Arc;
//!
//! let values = Arc::new(vec![1.5_f64, 2.5]);
//! let column = Column {
//!     format: c"g".into(),
//!     name: c"weights".into(),
//!     nullable: false,
//!     length: 2,
//!     null_count: 0,
//!     buffers: vec![Buffer::NONE, Buffer::of(&values)],
//!     children: vec![],
//!     owner: Some(values),
//! };
//! column.check()?;
//! let (schema, array) = (Schema::of(&column), Array::of(&column));
//! // Whoever takes them calls `release`; until then, dropping them does.
//! # Ok::<(), ironbatch_core::Error>(())
//! ```
//!
//! # Rationale
//! A consumer holds plain C structs and calls `release` when it is done, from any thread and with
//! whatever locks it holds. It may take a child and release the parent, so every array shares the
//! owner of the memory. The structs own nothing of Python: what the owner does when it is dropped
//! is for whoever brings it.
//!
//! # Limitations
//! No dictionaries, no metadata, no devices: nothing that a batch holds needs them.
//!
//! The layouts are those of <https://arrow.apache.org/docs/format/CDataInterface.html> and
//! <https://arrow.apache.org/docs/format/CStreamInterface.html>.

mod array;
mod column;
mod schema;
mod stream;
mod text;

#[cfg(test)]
mod tests;

pub use array::Array;
pub use column::{Buffer, Column, Owner};
pub use schema::Schema;
pub use stream::Stream;
pub use text::first_not_utf8;
