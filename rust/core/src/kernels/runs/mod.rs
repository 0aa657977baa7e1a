//! Outputs that are written from their first element to their last one, run by run.
//!
//! A kernel asks for the place of each run and fills it. Where the host wants the output to be
//! written past the caches, that place is in a small buffer, which is copied when it is full: a run
//! by itself may be too short for that, or begin within a line of memory.

use ironbatch_kernel::{Element, Item, PastCaches};

/// Bytes of the buffer: some rows of an image, and little of the innermost cache.
const BUFFER: usize = 8 << 10;

/// The places of the runs of an output.
pub(crate) struct Runs<'t, T: Element> {
    /// What has no run yet.
    rest: &'t mut [T],
    past_caches: Option<PastCaches>,
    buffer: Vec<T>,
    filled: usize,
}

impl<'t, T: Element> Runs<'t, T> {
    /// Begin at the first element of the first output.
    ///
    /// `item` is None if the target is only a part of it.
    pub fn new(target: &'t mut [T], item: Option<Item<'_>>) -> Self {
        let streams =
            item.is_some_and(|item| item.is_past_caches(0)) && size_of_val(target) > BUFFER;
        let length = if streams { BUFFER / size_of::<T>() } else { 0 };
        Self {
            buffer: target[..length].to_vec(),
            rest: target,
            past_caches: streams.then(PastCaches::new),
            filled: 0,
        }
    }

    /// Whether runs are written past the caches, if they are short.
    pub fn is_past_caches(&self) -> bool {
        self.past_caches.is_some()
    }

    /// The place of the next run, of a length that is left.
    #[inline]
    pub fn next(&mut self, length: usize) -> &mut [T] {
        if self.past_caches.is_some() && length <= self.buffer.len() {
            if self.filled + length > self.buffer.len() {
                self.flush();
            }
            let start = self.filled;
            self.filled += length;
            return &mut self.buffer[start..start + length];
        }
        self.flush();
        self.take(length)
    }

    fn take(&mut self, length: usize) -> &'t mut [T] {
        let (run, rest) = std::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        run
    }

    fn flush(&mut self) {
        if self.filled > 0 {
            let place = self.take(self.filled);
            if let Some(writer) = &self.past_caches {
                writer.copy(&self.buffer[..self.filled], place);
            }
            self.filled = 0;
        }
    }
}

impl<T: Element> Drop for Runs<'_, T> {
    fn drop(&mut self) {
        self.flush();
    }
}
