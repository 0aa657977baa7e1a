//! Memory that a thread keeps between items, so that small files cost no allocation.

use std::cell::RefCell;

/// More than this is given back after an item.
const KEPT_BYTES: usize = 8 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { file: Vec::new(), chunk: Vec::new() }) };
}

/// Two buffers of the calling thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A file as it is on disk, or as it will be.
    pub file: Vec<u8>,
    /// A part of it that did not fit.
    pub chunk: Vec<u8>,
}

impl Scratch {
    fn trim(&mut self) {
        for buffer in [&mut self.file, &mut self.chunk] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

/// Call `work` with this thread's buffers; a nested call gets fresh ones.
pub fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with(|cell| match cell.try_borrow_mut() {
        Ok(mut scratch) => {
            let result = work(&mut scratch);
            scratch.trim();
            result
        }
        Err(_) => work(&mut Scratch::default()),
    })
}
