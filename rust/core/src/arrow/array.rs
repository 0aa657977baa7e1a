//! The memory of a column, as a C struct.

use super::{Column, Owner};
use std::ffi::c_void;
use std::ptr;

/// `struct ArrowArray`.
#[repr(C)]
pub struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<Array>() == 5 * 8 + 5 * size_of::<*const c_void>());

// SAFETY: what it points to is its own, or is kept alive by the owner, which may go to any thread.
unsafe impl Send for Array {}

struct Parts {
    buffers: Box<[*const c_void]>,
    children: Box<[*mut Array]>,
    _owner: Option<Owner>,
}

impl Array {
    /// Hand out the memory of a column.
    pub fn of(column: &Column) -> Self {
        let mut parts = Box::new(Parts {
            buffers: column.buffers.iter().map(|buffer| buffer.address).collect(),
            children: column
                .children
                .iter()
                .map(|child| Box::into_raw(Box::new(Self::of(child))))
                .collect(),
            _owner: column.owner.clone(),
        });
        Self {
            length: column.length as i64,
            null_count: column.null_count as i64,
            offset: 0,
            n_buffers: parts.buffers.len() as i64,
            n_children: parts.children.len() as i64,
            buffers: parts.buffers.as_mut_ptr(),
            children: parts.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release),
            private_data: Box::into_raw(parts).cast(),
        }
    }
}

impl Drop for Array {
    /// Release it, unless a consumer has taken it over.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: it was not released yet.
            unsafe { release(self) };
        }
    }
}

/// # Safety
/// `array` is one that [`Array::of`] has made, at any address, and was not released.
unsafe extern "C" fn release(array: *mut Array) {
    // SAFETY: by this function's contract; children that were taken over have no `release` left,
    // and their boxes are freed with nothing else done.
    unsafe {
        let parts = Box::from_raw((*array).private_data.cast::<Parts>());
        for &child in &parts.children {
            drop(Box::from_raw(child));
        }
        (*array).release = None;
        (*array).private_data = ptr::null_mut();
    }
}
