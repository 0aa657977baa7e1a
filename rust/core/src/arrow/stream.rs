//! A column as a stream of one array.

use super::{Array, Column, Schema};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// `struct ArrowArrayStream`.
#[repr(C)]
pub struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private_data: *mut c_void,
}

// SAFETY: what it points to is its own, and may go to any thread.
unsafe impl Send for Stream {}

struct Parts {
    column: Column,
    handed_out: bool,
}

impl Stream {
    /// Make a stream of a column.
    pub fn of(column: Column) -> Self {
        let parts = Box::new(Parts {
            column,
            handed_out: false,
        });
        Self {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release),
            private_data: Box::into_raw(parts).cast(),
        }
    }
}

impl Drop for Stream {
    /// Release it, unless a consumer has taken it over.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: it was not released yet.
            unsafe { release(self) };
        }
    }
}

/// # Safety
/// `stream` is one that [`Stream::of`] has made and was not released; `schema` may be written to.
unsafe extern "C" fn get_schema(stream: *mut Stream, schema: *mut Schema) -> c_int {
    // SAFETY: by this function's contract.
    unsafe {
        let parts = &*(*stream).private_data.cast::<Parts>();
        schema.write(Schema::of(&parts.column));
    }
    0
}

/// # Safety
/// `stream` is one that [`Stream::of`] has made and was not released; `array` may be written to.
unsafe extern "C" fn get_next(stream: *mut Stream, array: *mut Array) -> c_int {
    // SAFETY: by this function's contract. An array without `release` says that there are no more,
    // and all its fields may be zero.
    unsafe {
        let parts = &mut *(*stream).private_data.cast::<Parts>();
        if parts.handed_out {
            ptr::write_bytes(array, 0, 1);
        } else {
            parts.handed_out = true;
            array.write(Array::of(&parts.column));
        }
    }
    0
}

/// Nothing here fails.
unsafe extern "C" fn get_last_error(_: *mut Stream) -> *const c_char {
    ptr::null()
}

/// # Safety
/// `stream` is one that [`Stream::of`] has made, at any address, and was not released.
unsafe extern "C" fn release(stream: *mut Stream) {
    // SAFETY: by this function's contract.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<Parts>()));
        (*stream).release = None;
        (*stream).private_data = ptr::null_mut();
    }
}
