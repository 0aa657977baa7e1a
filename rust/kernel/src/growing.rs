//! Outputs whose length is known only after the work.

use crate::abi;
use crate::call::Call;
use crate::{Element, Error, Result};
use std::io;
use std::marker::PhantomData;
use std::ptr;

/// The output of one item that grows while it is written: `out: &mut Growing<u8>`.
///
/// It has one axis. Its memory belongs to the host and grows by doubling, so writing piece by piece
/// costs no more than writing to a `Vec`. A kernel that fails has written nothing.
///
/// ```
/// use ironbatch_kernel::{Growing, Result, kernel};
/// use ndarray::ArrayView1;
///
/// /// Lengths of runs of the same value.
/// #[kernel]
/// fn runs(x: ArrayView1<u8>, out: &mut Growing<u32>) -> Result<()> {
///     for (place, &value) in x.iter().enumerate() {
///         match out.as_mut_slice().last_mut() {
///             Some(run) if x[place - 1] == value => *run += 1,
///             _ => out.push(1)?,
///         }
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Growing<'a, T> {
    raw: &'a mut Raw,
    /// Where the item begins, in elements.
    start: usize,
    element: PhantomData<T>,
}

impl<T: Element> Growing<'_, T> {
    /// Number of elements that have been written.
    pub fn len(&self) -> usize {
        self.raw.length() - self.start
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Make room for `additional` elements more, so that writing them fails no more.
    ///
    /// Fails if there is no memory for them.
    pub fn reserve(&mut self, additional: usize) -> Result<()> {
        self.raw.reserve(additional)
    }

    /// Append an element. Fails if there is no memory for it.
    #[inline]
    pub fn push(&mut self, element: T) -> Result<()> {
        self.raw.reserve(1)?;
        // SAFETY: there is room for it, and the memory is aligned for any element.
        unsafe { self.raw.behind::<T>().write(element) };
        self.raw.add_length(1);
        Ok(())
    }

    /// Append elements. Fails if there is no memory for them.
    #[inline]
    pub fn extend_from_slice(&mut self, elements: &[T]) -> Result<()> {
        self.raw.reserve(elements.len())?;
        // SAFETY: as in `push`; nobody else has a reference to the room.
        unsafe {
            ptr::copy_nonoverlapping(elements.as_ptr(), self.raw.behind(), elements.len());
        }
        self.raw.add_length(elements.len());
        Ok(())
    }

    /// Append copies of `value`, or cut off, until there are `length` elements. Fails if there is no
    /// memory for them.
    pub fn resize(&mut self, length: usize, value: T) -> Result<()> {
        let more = length.saturating_sub(self.len());
        self.raw.reserve(more)?;
        let room = self.raw.behind::<T>();
        for place in 0..more {
            // SAFETY: as in `push`.
            unsafe { room.add(place).write(value) };
        }
        self.raw.set_length(self.start + length);
        Ok(())
    }

    /// Cut off what is behind the first `length` elements.
    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            self.raw.set_length(self.start + length);
        }
    }

    /// What has been written.
    pub fn as_slice(&self) -> &[T] {
        if self.is_empty() {
            return &[];
        }
        // SAFETY: so many elements of the item have been written.
        unsafe { std::slice::from_raw_parts(self.raw.at::<T>(self.start), self.len()) }
    }

    /// What has been written, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        if self.is_empty() {
            return &mut [];
        }
        // SAFETY: as above, and nobody else has a reference to them.
        unsafe { std::slice::from_raw_parts_mut(self.raw.at::<T>(self.start), self.len()) }
    }
}

impl io::Write for Growing<'_, u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the host has given to grow in: never null, and of this call alone.
struct Raw(*mut abi::Growing);

impl Raw {
    fn length(&self) -> usize {
        // SAFETY: the host's struct lives as long as the call.
        unsafe { (*self.0).length }
    }

    fn set_length(&mut self, length: usize) {
        // SAFETY: as above, and no other call has it.
        unsafe { (*self.0).length = length };
    }

    fn add_length(&mut self, more: usize) {
        self.set_length(self.length() + more);
    }

    #[inline]
    fn reserve(&mut self, additional: usize) -> Result<()> {
        // SAFETY: as above.
        let (length, capacity) = unsafe { ((*self.0).length, (*self.0).capacity) };
        if capacity - length >= additional {
            return Ok(());
        }
        self.grow(length, additional)
    }

    #[cold]
    fn grow(&mut self, length: usize, additional: usize) -> Result<()> {
        let refuse = || {
            Error::new(format!(
                "there is no memory for {length} and {additional} elements of an output"
            ))
        };
        let wanted = length.checked_add(additional).ok_or_else(refuse)?;
        // SAFETY: as above.
        let code = unsafe {
            match (*self.0).reserve {
                Some(reserve) => reserve(self.0, wanted),
                None => abi::FAILED,
            }
        };
        if code == abi::OK {
            Ok(())
        } else {
            Err(refuse())
        }
    }

    /// An element by its place among those of all items.
    fn at<T>(&self, place: usize) -> *mut T {
        // SAFETY: as in `length`.
        let data = unsafe { (*self.0).data };
        data.cast::<T>().wrapping_add(place)
    }

    /// The place behind the last element.
    fn behind<T>(&self) -> *mut T {
        self.at(self.length())
    }
}

/// The items of an output that grows.
pub struct Items<T> {
    raw: Raw,
    ends: *mut u64,
    first: usize,
    element: PhantomData<T>,
}

impl<T: Element> Items<T> {
    /// Output number `number` of a call.
    ///
    /// # Safety
    /// The call comes from the host and fits the kernel, and this is made once in a call.
    pub unsafe fn new(call: &Call, number: usize) -> Result<Self> {
        if call.output(number).dtype != T::DTYPE as u32 {
            return Err(Error::new(format!(
                "expected elements of type {}",
                T::DTYPE
            )));
        }
        let Some((growing, first)) = call.growing(number) else {
            return Err(Error::new("the host gave nothing for an output to grow in"));
        };
        // SAFETY: not null, so the host's.
        let ends = unsafe { (*growing).ends };
        Ok(Self {
            raw: Raw(growing),
            ends,
            first,
            element: PhantomData,
        })
    }

    /// Begin with an item.
    pub fn begin(&mut self) -> Growing<'_, T> {
        Growing {
            start: self.raw.length(),
            raw: &mut self.raw,
            element: PhantomData,
        }
    }

    /// Item `item` is done.
    ///
    /// # Safety
    /// The call has that item.
    pub unsafe fn end(&mut self, item: usize) {
        // SAFETY: the host gives a place for each item of the call.
        unsafe { *self.ends.add(item - self.first) = self.raw.length() as u64 };
    }
}
