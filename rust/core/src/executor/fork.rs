//! A counter that tells a forked child that its threads are gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// How many forks lie between this process and the one that first asked.
///
/// Whatever owns threads or locks remembers the generation it was made in, and when it meets a
/// newer one is leaked and made again: threads do not survive a fork, and a lock may have been
/// held by one of them.
pub fn generation() -> u64 {
    if !REGISTERED.load(Ordering::Relaxed) {
        register();
    }
    GENERATION.load(Ordering::Relaxed)
}

#[cold]
fn register() {
    if REGISTERED.swap(true, Ordering::Relaxed) {
        return;
    }
    #[cfg(unix)]
    // SAFETY: the handler only increments an atomic, which is allowed between fork and exec.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    }
}

#[cfg(unix)]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
