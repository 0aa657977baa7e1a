//! Memory for components: aligned, and used again.
//!
//! Writing a fresh buffer of tens of megabytes costs several times what writing a used one does,
//! from page faults alone. So a [`Buffer`] that is dropped leaves its memory in a pool by size
//! class, and big buffers ask for huge pages.
//!
//! # Fork
//! The pool has no lock: a free place is an atomic pointer that is swapped in or out. A child
//! process forgets (leaks) what it inherited, both what lay in the pool and what its buffers hold
//! when they are dropped: those pages are shared with the parent until somebody writes to them.

mod allocate;
mod buffer;
mod pool;

pub use allocate::{ALIGNMENT, HUGE_PAGE};
pub use buffer::Buffer;
pub use pool::{PoolStats, set_limit, stats, trim};

#[cfg(test)]
mod tests;
