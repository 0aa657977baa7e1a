//! Owned, aligned memory.

use super::pool;
use crate::executor::generation;
use crate::{Error, Result};
use std::num::NonZero;
use std::ptr::NonNull;

/// The address of an empty buffer: aligned and not null, as an empty slice wants it.
const EMPTY: NonZero<usize> = NonZero::new(super::ALIGNMENT).unwrap();

/// Memory of a fixed size, aligned to 64 bytes (from 2 MiB on, to huge pages).
///
/// Reading and writing go through raw pointers: Python may write while the core reads.
///
/// ```
/// let buffer = ironbatch_core::memory::Buffer::zeroed(100)?;
/// assert_eq!(buffer.len(), 100);
/// assert_eq!(buffer.as_ptr().addr() % 64, 0);
/// # Ok::<(), ironbatch_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Buffer {
    memory: NonNull<u8>,
    /// Bytes asked for.
    len: usize,
    /// Bytes that there are; 0 if nothing was allocated.
    capacity: usize,
    generation: u64,
}

// SAFETY: a buffer owns its memory; whoever reads and writes through its pointers answers for
// what happens at the same time.
unsafe impl Send for Buffer {}
// SAFETY: as above; nothing in a buffer changes through a shared reference.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Memory whose content is whatever was there. Fails if there is not enough.
    pub fn uninitialised(len: usize) -> Result<Self> {
        let generation = generation();
        let capacity = pool::capacity_for(len)
            .ok_or_else(|| Error::Memory(format!("{len} bytes are more than a buffer can have")))?;
        let memory = if capacity == 0 {
            NonNull::without_provenance(EMPTY)
        } else {
            pool::take(capacity, generation)
                .ok_or_else(|| Error::Memory(format!("cannot allocate {len} bytes")))?
        };
        Ok(Self {
            memory,
            len,
            capacity,
            generation,
        })
    }

    /// Memory full of zeros. Fails if there is not enough.
    pub fn zeroed(len: usize) -> Result<Self> {
        let buffer = Self::uninitialised(len)?;
        // SAFETY: the buffer has `len` bytes and nobody else knows it.
        unsafe { buffer.memory.as_ptr().write_bytes(0, len) };
        Ok(buffer)
    }

    /// Number of bytes asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of bytes set aside, at least [`len`](Self::len).
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where the memory starts. Valid for reads and writes of `len` bytes while the buffer lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.memory.as_ptr()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // What was inherited through a fork is leaked.
        if self.capacity != 0 && self.generation == generation() {
            // SAFETY: the memory came from `take` with this capacity, and its owner is gone.
            unsafe { pool::give_back(self.memory, self.capacity, self.generation) };
        }
    }
}
