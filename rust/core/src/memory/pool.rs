//! Where the memory of dropped buffers waits for the next one of its size.
//!
//! Sizes are rounded up to classes, four to each doubling (from 2 MiB on to whole huge pages too).
//! A class has a few places, each an atomic pointer that is null when empty. Taking swaps null in,
//! giving back fills an empty place: whoever has swapped a pointer out owns the memory, so there is
//! nothing to lock.

use super::allocate::{self, HUGE_PAGE};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Smaller buffers come from the allocator. (Aligned memory costs it three times what a place here
/// does, so the labels of a batch are worth keeping too.)
const SMALLEST_BITS: u32 = 8;
const LARGEST_BITS: u32 = 40;
const STEPS: usize = 4;
const CLASSES: usize = (LARGEST_BITS - SMALLEST_BITS) as usize * STEPS;
/// Buffers kept in one class.
const PLACES: usize = 16;
const DEFAULT_LIMIT: usize = 1 << 30;
/// The limit has not been read yet.
const UNKNOWN: usize = usize::MAX;

struct Class {
    places: [AtomicPtr<u8>; PLACES],
}

static POOL: [Class; CLASSES] = [const {
    Class {
        places: [const { AtomicPtr::new(ptr::null_mut()) }; PLACES],
    }
}; CLASSES];
static LIMIT: AtomicUsize = AtomicUsize::new(UNKNOWN);
static POOLED: AtomicUsize = AtomicUsize::new(0);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static HITS: AtomicU64 = AtomicU64::new(0);
static MISSES: AtomicU64 = AtomicU64::new(0);
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// What the pool holds and has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes waiting to be used again.
    pub pooled_bytes: usize,
    /// Most bytes that may wait.
    pub limit_bytes: usize,
    /// Bytes in buffers that are alive.
    pub in_use_bytes: usize,
    /// Buffers that got used memory.
    pub hits: u64,
    /// Buffers of a pooled size that got fresh memory.
    pub misses: u64,
}

/// Round a size up to its class: the bytes to set aside for a buffer; 0 for an empty one.
pub(super) fn capacity_for(len: usize) -> Option<usize> {
    if len >> LARGEST_BITS != 0 {
        let capacity = len.checked_next_multiple_of(HUGE_PAGE)?;
        return isize::try_from(capacity).is_ok().then_some(capacity);
    }
    if len <= 1 << SMALLEST_BITS {
        return Some(len);
    }
    let step = (1_usize << (usize::BITS - 1 - (len - 1).leading_zeros())) / STEPS;
    let capacity = len.next_multiple_of(step);
    Some(if capacity >= HUGE_PAGE {
        capacity.next_multiple_of(HUGE_PAGE)
    } else {
        capacity
    })
}

/// The class whose capacities lie in one step above a power of two.
fn class_of(capacity: usize) -> Option<&'static Class> {
    if capacity <= 1 << SMALLEST_BITS {
        return None;
    }
    let bits = usize::BITS - 1 - (capacity - 1).leading_zeros();
    let step = (1_usize << bits) / STEPS;
    let within = (capacity - 1 - (1 << bits)) / step;
    POOL.get((bits - SMALLEST_BITS) as usize * STEPS + within)
}

/// Get memory of a capacity given by [`capacity_for`]; `None` if there is none.
pub(super) fn take(capacity: usize, generation: u64) -> Option<NonNull<u8>> {
    let pooled = class_of(capacity).and_then(|class| {
        enter(generation);
        let found = class
            .places
            .iter()
            .filter(|place| !place.load(Ordering::Relaxed).is_null())
            .find_map(|place| NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)));
        if found.is_some() {
            subtract(&POOLED, capacity);
            HITS.fetch_add(1, Ordering::Relaxed);
        } else {
            MISSES.fetch_add(1, Ordering::Relaxed);
        }
        found
    });
    let memory = pooled.or_else(|| allocate::acquire(capacity)).or_else(|| {
        trim();
        allocate::acquire(capacity)
    })?;
    IN_USE.fetch_add(capacity, Ordering::Relaxed);
    Some(memory)
}

/// Take memory back, for the next buffer of its class or for the system.
///
/// # Safety
/// The memory came from [`take`] with the same capacity and is not used any more.
pub(super) unsafe fn give_back(memory: NonNull<u8>, capacity: usize, generation: u64) {
    subtract(&IN_USE, capacity);
    let kept = class_of(capacity).is_some_and(|class| {
        enter(generation);
        let limit = limit();
        if capacity > limit {
            return false;
        }
        if POOLED.fetch_add(capacity, Ordering::Relaxed) + capacity > limit {
            // What is used now matters more than what lay here unused.
            trim_to(limit);
        }
        let place = class.places.iter().find(|place| {
            place
                .compare_exchange(
                    ptr::null_mut(),
                    memory.as_ptr(),
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok()
        });
        if place.is_none() {
            subtract(&POOLED, capacity);
        }
        place.is_some()
    });
    if !kept {
        // SAFETY: by this function's contract.
        unsafe { allocate::release(memory, capacity) };
    }
}

/// Forget what was inherited through a fork.
fn enter(generation: u64) {
    let known = GENERATION.load(Ordering::Acquire);
    if known == generation
        || GENERATION
            .compare_exchange(known, generation, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
    {
        return;
    }
    POOLED.store(0, Ordering::Relaxed);
    for class in &POOL {
        for place in &class.places {
            place.store(ptr::null_mut(), Ordering::Relaxed);
        }
    }
}

/// Subtract without going below 0 (what a fork left half done is not counted).
fn subtract(counter: &AtomicUsize, bytes: usize) {
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| {
        Some(value.saturating_sub(bytes))
    });
}

fn limit() -> usize {
    match LIMIT.load(Ordering::Relaxed) {
        UNKNOWN => {
            let limit = std::env::var("IRONBATCH_POOL_BYTES")
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or_else(|| {
                    allocate::physical_memory()
                        .map_or(DEFAULT_LIMIT, |bytes| DEFAULT_LIMIT.min(bytes / 8))
                })
                .min(UNKNOWN - 1);
            LIMIT.store(limit, Ordering::Relaxed);
            limit
        }
        limit => limit,
    }
}

/// Set the most bytes that may wait in the pool, in place of `IRONBATCH_POOL_BYTES`.
pub fn set_limit(bytes: usize) {
    LIMIT.store(bytes.min(UNKNOWN - 1), Ordering::Relaxed);
    trim_to(bytes);
}

/// Give everything that waits in the pool back to the system.
pub fn trim() {
    trim_to(0);
}

/// Give memory back to the system until at most `bytes` wait, the largest first.
fn trim_to(bytes: usize) {
    for (position, class) in POOL.iter().enumerate().rev() {
        for place in &class.places {
            if POOLED.load(Ordering::Relaxed) <= bytes {
                return;
            }
            if let Some(memory) = NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)) {
                let capacity = class_capacity(position);
                subtract(&POOLED, capacity);
                // SAFETY: a place of this class holds memory of this capacity, and swapping it out
                // has made it ours.
                unsafe { allocate::release(memory, capacity) };
            }
        }
    }
}

fn class_capacity(position: usize) -> usize {
    let base = 1_usize << (SMALLEST_BITS as usize + position / STEPS);
    base + (position % STEPS + 1) * (base / STEPS)
}

/// What the pool holds and has done so far.
pub fn stats() -> PoolStats {
    PoolStats {
        pooled_bytes: POOLED.load(Ordering::Relaxed),
        limit_bytes: limit(),
        in_use_bytes: IN_USE.load(Ordering::Relaxed),
        hits: HITS.load(Ordering::Relaxed),
        misses: MISSES.load(Ordering::Relaxed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_class_has_one_capacity(len in 1_usize..1 << 36) {
            let capacity = capacity_for(len).unwrap();
            prop_assert!(capacity >= len);
            prop_assert!(capacity <= len + len / 4 + HUGE_PAGE);
            prop_assert_eq!(capacity_for(capacity), Some(capacity));
            if let Some(class) = class_of(capacity) {
                let position = POOL.iter().position(|other| ptr::eq(other, class)).unwrap();
                prop_assert_eq!(class_capacity(position), capacity);
            }
        }
    }

    #[test]
    fn sizes_beyond_the_address_space_have_no_capacity() {
        assert_eq!(capacity_for(usize::MAX), None);
        assert_eq!(capacity_for(isize::MAX as usize + 1), None);
    }
}
