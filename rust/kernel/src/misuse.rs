//! What `#[kernel]` refuses, each with what would be right in the message.
//!
//! A kernel without an output:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>) {}
//! # fn main() {}
//! ```
//! Without an input:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! A type parameter that stands for nothing:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad<T: Copy>(x: ArrayView1<T>, out: ArrayViewMut1<T>) {}
//! # fn main() {}
//! ```
//! A list of types for no type parameter:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel(T = [f32])]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! A const parameter:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad<const N: usize>(x: ArrayView1<f32>, out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! An element type that NumPy's arrays do not have:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<u128>, out: ArrayViewMut1<u128>) {}
//! # fn main() {}
//! ```
//! Two states:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, a: &mut Vec<f32>, b: &mut Vec<f32>) {}
//! # fn main() {}
//! ```
//! A state that cannot go from thread to thread:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*; use std::rc::Rc;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, state: &mut Rc<f32>) {}
//! # fn main() {}
//! ```
//! Two random streams:
//! ```compile_fail
//! # use ironbatch_kernel::{ItemRng, kernel}; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, a: &mut ItemRng, b: &mut ItemRng) {}
//! # fn main() {}
//! ```
//! A parameter with the name of a keyword that every kernel takes:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, rng: f64) {}
//! # fn main() {}
//! ```
//! A parameter of a type that Python cannot give:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, when: std::time::Duration) {}
//! # fn main() {}
//! ```
//! A default that is computed:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, #[default(1.0 + 1.0)] factor: f64) {}
//! # fn main() {}
//! ```
//! A default of an operand:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(#[default(1.0)] x: ArrayView1<f32>, out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! An output of other axes than the first input, and no `infer`:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView2<f32>, out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! An output that is written where an input is declared:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, mut out: ArrayViewMut1<f32>) { x[0] = 1.0; }
//! # fn main() {}
//! ```
//! A growing output that is not mutable:
//! ```compile_fail
//! # use ironbatch_kernel::{Growing, kernel}; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, out: &Growing<u8>) {}
//! # fn main() {}
//! ```
//! Bytes of another type:
//! ```compile_fail
//! # use ironbatch_kernel::{Growing, kernel}; use ndarray::*;
//! #[kernel]
//! fn bad(x: ArrayView1<f32>, #[bytes] out: &mut Growing<f32>) {}
//! # fn main() {}
//! ```
//! An output of as many elements as the input, which grows:
//! ```compile_fail
//! # use ironbatch_kernel::{Growing, kernel}; use ndarray::*;
//! #[kernel(elementwise)]
//! fn bad(x: ArrayView1<f32>, out: &mut Growing<f32>) {}
//! # fn main() {}
//! ```
//! An option that does not exist:
//! ```compile_fail
//! # use ironbatch_kernel::kernel; use ndarray::*;
//! #[kernel(fast)]
//! fn bad(x: ArrayView1<f32>, out: ArrayViewMut1<f32>) {}
//! # fn main() {}
//! ```
//! The same functions without the mistakes compile:
//! ```
//! # use ironbatch_kernel::{Growing, kernel}; use ndarray::*;
//! #[kernel]
//! fn grows(x: ArrayView1<f32>, out: &mut Growing<f32>, #[bytes] text: &mut Growing<u8>) {}
//! #[kernel]
//! fn good(x: ArrayView1<f32>, out: ArrayViewMut1<f32>, #[default(1.0)] factor: f64) {}
//! # fn main() {}
//! ```
