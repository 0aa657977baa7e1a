//! The SDK that native kernels of ironbatch are written against.
//!
//! A kernel is a function that handles one item:
//!
//! ```
//! use ironbatch_kernel::{Result, kernel, table};
//! use ndarray::{ArrayView1, ArrayViewMut1};
//!
//! /// Replace samples that jump from the one before by more than `threshold`.
//! #[kernel]
//! fn despike(x: ArrayView1<f32>, mut out: ArrayViewMut1<f32>, #[default(3.0)] threshold: f32) {
//!     let mut last = x[0];
//!     for (target, &sample) in out.iter_mut().zip(x) {
//!         if (sample - last).abs() <= threshold {
//!             last = sample;
//!         }
//!         *target = last;
//!     }
//! }
//!
//! table![despike];
//! # fn main() {}
//! ```
//!
//! Built as a `cdylib` it is loaded with `ironbatch.load_kernels`. What may stand in a signature
//! is described at [`kernel`]; [`abi`] is the C interface underneath.

pub mod abi;
mod array;
mod boolean;
#[doc(hidden)]
pub mod call;
mod dtype;
mod error;
#[doc(hidden)]
pub mod growing;
mod half;
#[doc(hidden)]
pub mod item;
#[cfg(doctest)]
mod misuse;
#[doc(hidden)]
pub mod operand;
mod param;
mod past_caches;
mod per_axis;
pub mod random;
#[doc(hidden)]
pub mod specs;
mod table;

pub use array::{ArrayElement, ArrayValue};
pub use boolean::Bool;
pub use dtype::{Dtype, Element};
pub use error::{Error, Outcome, Result};
pub use growing::Growing;
pub use half::F16;
pub use ironbatch_kernel_macros::kernel;
pub use item::{Item, RandomPlace};
pub use ndarray;
pub use param::{Param, Value};
pub use past_caches::PastCaches;
pub use per_axis::PerAxis;
pub use random::ItemRng;
pub use specs::Spec;

#[cfg(not(panic = "unwind"))]
compile_error!(
    "kernels need `panic = \"unwind\"`: a panic has to become an error that names the item, \
     not the end of the Python process"
);
