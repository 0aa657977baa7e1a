//! Open-addressing table of positions. Keys are not stored: they are compared in the id column.
//!
//! At ten million ids neither the table nor the ids fit a cache, so every access is a miss.
//! Building and batched look-ups therefore run in blocks: first the slots of a whole block are
//! asked for, then the ids that these slots point to, and only then are they compared.

use super::Strings;

/// Slot without a position.
pub const EMPTY: u32 = u32::MAX;

const BLOCK: usize = 32;

/// Position table over some ids.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<u32>,
    /// `64 - log2(slots)`: hashes are used from their top bits.
    shift: u32,
    duplicates: Vec<u32>,
}

impl Table {
    fn with_room(n: usize) -> Self {
        let size = (n + n / 3 + 2).next_power_of_two();
        let mut slots = Vec::with_capacity(size);
        advise_huge_pages(&slots);
        slots.resize(size, EMPTY);
        Self {
            slots,
            shift: 64 - size.trailing_zeros(),
            duplicates: Vec::new(),
        }
    }

    /// The table of a column of integers.
    pub fn of_ints(ids: &[i64]) -> Self {
        let mut table = Self::with_room(ids.len());
        table.build(
            ids.len(),
            |p| hash_int(ids[p]),
            |p| prefetch(&ids[p]),
            |a, b| ids[a] == ids[b],
        );
        table
    }

    /// The table of a column of strings.
    pub fn of_strings(ids: &Strings) -> Self {
        let mut table = Self::with_room(ids.len());
        table.build(
            ids.len(),
            |p| hash_bytes(ids.get(p)),
            |p| ids.get(p).first().into_iter().for_each(prefetch),
            |a, b| ids.get(a) == ids.get(b),
        );
        table
    }

    fn build(
        &mut self,
        n: usize,
        hash: impl Fn(usize) -> u64,
        warm: impl Fn(usize),
        same: impl Fn(usize, usize) -> bool,
    ) {
        let mut hashes = [0_u64; BLOCK];
        let mut start = 0;
        while start < n {
            let len = BLOCK.min(n - start);
            for (i, h) in hashes[..len].iter_mut().enumerate() {
                *h = hash(start + i) >> self.shift;
                prefetch(&self.slots[*h as usize]);
            }
            for h in &hashes[..len] {
                let taken = self.slots[*h as usize];
                if taken != EMPTY {
                    warm(taken as usize);
                }
            }
            for (i, h) in hashes[..len].iter().enumerate() {
                self.insert(start + i, *h as usize, &same);
            }
            start += len;
        }
        self.duplicates.shrink_to_fit();
    }

    #[inline]
    fn insert(&mut self, position: usize, mut slot: usize, same: &impl Fn(usize, usize) -> bool) {
        let mask = self.slots.len() - 1;
        loop {
            let taken = self.slots[slot];
            if taken == EMPTY {
                self.slots[slot] = position as u32;
                return;
            }
            if same(taken as usize, position) {
                self.duplicates.push(position as u32);
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Positions whose id has occurred before, in increasing order.
    pub fn duplicates(&self) -> &[u32] {
        &self.duplicates
    }

    /// Bytes held.
    pub fn nbytes(&self) -> usize {
        (self.slots.capacity() + self.duplicates.capacity()) * size_of::<u32>()
    }

    /// First position of an integer.
    #[inline]
    pub fn find_int(&self, ids: &[i64], id: i64) -> Option<u32> {
        self.find((hash_int(id) >> self.shift) as usize, |p| ids[p] == id)
    }

    /// First position of a string.
    #[inline]
    pub fn find_str(&self, ids: &Strings, id: &[u8]) -> Option<u32> {
        self.find((hash_bytes(id) >> self.shift) as usize, |p| {
            ids.get(p) == id
        })
    }

    /// First positions of many integers, or the place of the first that is not here.
    pub fn find_ints(&self, ids: &[i64], wanted: &[i64], out: &mut [i64]) -> Result<(), usize> {
        let mut starts = [0_usize; BLOCK];
        for (block, (wanted, out)) in wanted.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
            for (start, &id) in starts.iter_mut().zip(wanted) {
                *start = (hash_int(id) >> self.shift) as usize;
                prefetch(&self.slots[*start]);
            }
            for &start in &starts[..wanted.len()] {
                let taken = self.slots[start];
                if taken != EMPTY {
                    prefetch(&ids[taken as usize]);
                }
            }
            for (i, (&id, to)) in wanted.iter().zip(out).enumerate() {
                match self.find(starts[i], |p| ids[p] == id) {
                    Some(position) => *to = i64::from(position),
                    None => return Err(block * BLOCK + i),
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn find(&self, mut slot: usize, same: impl Fn(usize) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        loop {
            let taken = self.slots[slot];
            if taken == EMPTY {
                return None;
            }
            if same(taken as usize) {
                return Some(taken);
            }
            slot = (slot + 1) & mask;
        }
    }
}

#[inline]
fn hash_int(id: i64) -> u64 {
    let mut z = (id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 32)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 29)
}

/// A quick hash for the table alone: it is never stored.
#[inline]
fn hash_bytes(bytes: &[u8]) -> u64 {
    let fold = |a: u64, b: u64| {
        let wide = u128::from(a) * u128::from(b);
        (wide as u64) ^ ((wide >> 64) as u64)
    };
    let (words, tail) = bytes.as_chunks::<8>();
    let mut h = 0x9E37_79B9_7F4A_7C15 ^ bytes.len() as u64;
    for word in words {
        h = fold(h ^ u64::from_le_bytes(*word), 0xA076_1D64_78BD_642F);
    }
    let mut last = [0_u8; 8];
    last[..tail.len()].copy_from_slice(tail);
    fold(
        fold(h ^ u64::from_le_bytes(last), 0xE703_7ED1_A0B4_28DB),
        0x8EBC_6AF0_9C88_C6E3,
    )
}

#[inline]
fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect on memory, and the reference is valid.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// With small pages half of the time of a big build goes into page faults and TLB misses.
fn advise_huge_pages<T>(slots: &Vec<T>) {
    #[cfg(target_os = "linux")]
    {
        const HUGE: usize = 2 << 20;
        let bytes = slots.capacity() * size_of::<T>();
        if bytes >= 2 * HUGE {
            let from = (slots.as_ptr() as usize).next_multiple_of(HUGE);
            let len = (slots.as_ptr() as usize + bytes - from) & !(HUGE - 1);
            // SAFETY: the range lies inside the vector's own allocation, and the advice changes
            // nothing but the size of the pages behind it.
            unsafe { libc::madvise(from as *mut libc::c_void, len, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = slots;
}
