//! Aligned memory from the system. What is particular to an operating system is here.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

/// Alignment of every buffer: a cache line, and the widest vector register.
pub const ALIGNMENT: usize = 64;

/// Size and alignment of a huge page. Buffers of at least this size consist of whole ones.
pub const HUGE_PAGE: usize = 2 << 20;

fn layout(capacity: usize) -> Option<Layout> {
    let alignment = if capacity >= HUGE_PAGE {
        HUGE_PAGE
    } else {
        ALIGNMENT
    };
    Layout::from_size_align(capacity, alignment).ok()
}

/// Get memory whose content is not set; `None` if there is none. `capacity` is not 0.
pub(super) fn acquire(capacity: usize) -> Option<NonNull<u8>> {
    let layout = layout(capacity)?;
    // SAFETY: the size of the layout is not 0.
    let memory = NonNull::new(unsafe { alloc(layout) })?;
    if capacity >= HUGE_PAGE {
        prefer_huge_pages(memory, capacity);
    }
    Some(memory)
}

/// Give memory back to the system.
///
/// # Safety
/// `memory` comes from [`acquire`] with the same capacity and is not used any more.
pub(super) unsafe fn release(memory: NonNull<u8>, capacity: usize) {
    if let Some(layout) = layout(capacity) {
        // SAFETY: by this function's contract, and `layout` is a function of the capacity.
        unsafe { dealloc(memory.as_ptr(), layout) };
    }
}

#[cfg(target_os = "linux")]
fn prefer_huge_pages(memory: NonNull<u8>, capacity: usize) {
    // A hint: where it is refused, ordinary pages do.
    // SAFETY: the range is memory that we have just got.
    unsafe {
        libc::madvise(memory.as_ptr().cast(), capacity, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages(_memory: NonNull<u8>, _capacity: usize) {}

/// Physical memory of the machine in bytes, where the system tells.
pub(super) fn physical_memory() -> Option<usize> {
    #[cfg(unix)]
    {
        // SAFETY: `sysconf` has no preconditions.
        let (pages, size) = unsafe {
            (
                libc::sysconf(libc::_SC_PHYS_PAGES),
                libc::sysconf(libc::_SC_PAGESIZE),
            )
        };
        usize::try_from(pages)
            .ok()?
            .checked_mul(usize::try_from(size).ok()?)
    }
    #[cfg(not(unix))]
    {
        None
    }
}
