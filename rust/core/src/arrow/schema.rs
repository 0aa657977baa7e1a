//! The type of a column, as a C struct.

use super::Column;
use std::ffi::{CString, c_char, c_void};
use std::ptr;

const NULLABLE: i64 = 2;

/// `struct ArrowSchema`.
#[repr(C)]
pub struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private_data: *mut c_void,
}

const _: () =
    assert!(size_of::<Schema>() == 5 * size_of::<*const c_void>() + 2 * 8 + 2 * size_of::<usize>());

// SAFETY: everything that it points to is its own.
unsafe impl Send for Schema {}

struct Parts {
    _format: CString,
    _name: CString,
    children: Box<[*mut Schema]>,
}

impl Schema {
    /// Describe a column.
    pub fn of(column: &Column) -> Self {
        let (format, name) = (column.format.clone(), column.name.clone());
        let children = column
            .children
            .iter()
            .map(|child| Box::into_raw(Box::new(Self::of(child))))
            .collect();
        let (format_address, name_address) = (format.as_ptr(), name.as_ptr());
        let mut parts = Box::new(Parts {
            _format: format,
            _name: name,
            children,
        });
        Self {
            format: format_address,
            name: name_address,
            metadata: ptr::null(),
            flags: if column.nullable { NULLABLE } else { 0 },
            n_children: parts.children.len() as i64,
            children: parts.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release),
            private_data: Box::into_raw(parts).cast(),
        }
    }
}

impl Drop for Schema {
    /// Release it, unless a consumer has taken it over.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: it was not released yet.
            unsafe { release(self) };
        }
    }
}

/// # Safety
/// `schema` is one that [`Schema::of`] has made, at any address, and was not released.
unsafe extern "C" fn release(schema: *mut Schema) {
    // SAFETY: by this function's contract; children that were taken over have no `release` left,
    // and their boxes are freed with nothing else done.
    unsafe {
        let parts = Box::from_raw((*schema).private_data.cast::<Parts>());
        for &child in &parts.children {
            drop(Box::from_raw(child));
        }
        (*schema).release = None;
        (*schema).private_data = ptr::null_mut();
    }
}
