use super::{ALIGNMENT, Buffer, HUGE_PAGE, set_limit, stats, trim};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The pool is one for the process: tests that look at its numbers take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn buffers_are_aligned() {
    for len in [0, 1, 63, 5_000, 100_000, HUGE_PAGE, 5 << 20] {
        let buffer = Buffer::uninitialised(len).unwrap();
        let alignment = if len >= HUGE_PAGE {
            HUGE_PAGE
        } else {
            ALIGNMENT
        };
        assert_eq!(buffer.as_ptr().addr() % alignment, 0);
        assert!(buffer.capacity() >= len);
    }
}

#[test]
fn memory_of_a_dropped_buffer_is_used_again() {
    let _turn = turn();
    let first = Buffer::uninitialised(3 << 20).unwrap().as_ptr();
    let again = (0..32).any(|_| Buffer::uninitialised(3 << 20).unwrap().as_ptr() == first);
    assert!(again);
}

#[test]
fn zeroed_memory_is_zero_after_it_was_used() {
    let _turn = turn();
    for _ in 0..4 {
        let buffer = Buffer::zeroed(70_000).unwrap();
        // SAFETY: the buffer has 70,000 bytes and is ours.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.as_ptr(), 70_000) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        bytes.fill(7);
    }
}

#[test]
fn the_limit_holds_and_trimming_empties_the_pool() {
    let _turn = turn();
    let before = stats().limit_bytes;
    set_limit(8 << 20);
    let buffers: Vec<_> = (0..8)
        .map(|_| Buffer::uninitialised(2 << 20).unwrap())
        .collect();
    drop(buffers);
    drop(Buffer::uninitialised(64 << 20).unwrap());
    assert!(stats().pooled_bytes <= 8 << 20);
    trim();
    assert_eq!(stats().pooled_bytes, 0);
    set_limit(before);
}

#[test]
fn more_than_there_is_fails() {
    assert!(Buffer::uninitialised(usize::MAX).is_err());
    assert!(Buffer::uninitialised(isize::MAX as usize).is_err());
}

#[test]
fn threads_never_get_the_same_memory() {
    let _turn = turn();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            scope.spawn(move || {
                for round in 0..2_000_usize {
                    let len = 20_000 + (round % 5) * 30_000;
                    let buffer = Buffer::uninitialised(len).unwrap();
                    // SAFETY: both ends lie in the buffer, which is ours.
                    unsafe {
                        buffer.as_ptr().write(thread);
                        buffer.as_ptr().add(len - 1).write(thread);
                        std::hint::spin_loop();
                        assert_eq!(buffer.as_ptr().read(), thread);
                        assert_eq!(buffer.as_ptr().add(len - 1).read(), thread);
                    }
                }
            });
        }
    });
}
