//! Large results, written to memory without going through the caches.
//!
//! # Why
//!
//! A processor that writes to memory first reads what is there into its caches, and the result
//! pushes out what the caches hold. For a result far larger than the caches both are in vain: it
//! costs a third of the time of a plain copy. Vector instructions can write whole lines of memory
//! without. That is a loss where somebody reads the result soon, so the host says for each run
//! whether it is worth it ([`Item::is_past_caches`](crate::Item::is_past_caches)).
//!
//! # How
//!
//! A kernel computes a few kilobytes into an array of its own, which stays in the innermost cache,
//! and has them copied. Copies of less than a line of memory, or to places that begin within one,
//! gain little.
//!
//! ```
//! use ironbatch_kernel::{Item, PastCaches, kernel, table};
//! use ndarray::{ArrayView1, ArrayViewMut1};
//!
//! /// Twice each sample.
//! #[kernel]
//! fn double(x: ArrayView1<f32>, mut out: ArrayViewMut1<f32>, item: Item) {
//!     match (x.as_slice(), out.as_slice_mut()) {
//!         (Some(x), Some(out)) if item.is_past_caches(0) => {
//!             let writer = PastCaches::new();
//!             let mut made = [0.0; 1024];
//!             for (x, out) in x.chunks(1024).zip(out.chunks_mut(1024)) {
//!                 for (target, &sample) in made.iter_mut().zip(x) {
//!                     *target = 2.0 * sample;
//!                 }
//!                 writer.copy(&made[..x.len()], out);
//!             }
//!         }
//!         _ => out.assign(&(2.0 * &x)),
//!     }
//! }
//!
//! table![double];
//! # fn main() {}
//! ```

use std::marker::PhantomData;

/// Writes past the caches; what it has written is there for all threads once it is dropped.
#[derive(Debug)]
pub struct PastCaches {
    copy: CopyLines,
    /// Writes of a thread are completed by that thread.
    stays: PhantomData<*const ()>,
}

/// Copies whole lines: `(source, target, bytes)`, all of them multiples of a line but the source.
type CopyLines = unsafe fn(*const u8, *mut u8, usize);

/// Bytes of a line of memory.
const LINE: usize = 64;

impl Default for PastCaches {
    fn default() -> Self {
        Self::new()
    }
}

impl PastCaches {
    /// A writer, for as long as it takes to write one item.
    pub fn new() -> Self {
        Self {
            copy: best(),
            stays: PhantomData,
        }
    }

    /// Copy as many elements as the shorter one of both has.
    #[inline]
    pub fn copy<T: crate::Element>(&self, source: &[T], target: &mut [T]) {
        let count = source.len().min(target.len());
        let (source, target) = (&source[..count], &mut target[..count]);
        let head = target.as_ptr().align_offset(LINE).min(count);
        let lines = (count - head) * size_of::<T>() / LINE * LINE / size_of::<T>();
        target[..head].copy_from_slice(&source[..head]);
        let (from, to) = (&source[head..head + lines], &mut target[head..head + lines]);
        // SAFETY: both have that many bytes, which are whole lines; the target begins with one, and
        // is nobody else's.
        unsafe {
            (self.copy)(
                from.as_ptr().cast(),
                to.as_mut_ptr().cast(),
                size_of_val(from),
            );
        };
        target[head + lines..].copy_from_slice(&source[head + lines..]);
    }
}

impl Drop for PastCaches {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every processor of this kind has the instruction.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> CopyLines {
    std::ptr::copy_nonoverlapping::<u8>
}

#[cfg(target_arch = "x86_64")]
fn best() -> CopyLines {
    if is_x86_feature_detected!("avx512f") {
        lines::of_avx512
    } else if is_x86_feature_detected!("avx") {
        lines::of_avx
    } else {
        lines::of_sse2
    }
}

#[cfg(target_arch = "x86_64")]
mod lines {
    use super::LINE;
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_stream_si128, _mm256_loadu_si256,
        _mm256_stream_si256, _mm512_loadu_si512, _mm512_stream_si512,
    };

    macro_rules! copies {
        ($($(#[$attribute:meta])* $name:ident: $register:ty, $load:ident, $stream:ident;)*) => {
            $(
                /// Copy whole lines.
                ///
                /// # Safety
                /// The processor has the instructions; both have that many bytes, a multiple of a
                /// line, and the target begins with one.
                $(#[$attribute])*
                #[expect(
                    clippy::cast_ptr_alignment,
                    reason = "the source is read unaligned, the target begins with a line"
                )]
                pub(super) unsafe fn $name(source: *const u8, target: *mut u8, bytes: usize) {
                    const STEPS: usize = LINE / size_of::<$register>();
                    for line in 0..bytes / LINE {
                        for step in 0..STEPS {
                            let at = line * STEPS + step;
                            // SAFETY: promised by the caller.
                            unsafe {
                                let value = $load(source.cast::<$register>().add(at));
                                $stream(target.cast::<$register>().add(at), value);
                            }
                        }
                    }
                }
            )*
        };
    }

    copies! {
        of_sse2: __m128i, _mm_loadu_si128, _mm_stream_si128;
        #[target_feature(enable = "avx")]
        of_avx: __m256i, _mm256_loadu_si256, _mm256_stream_si256;
        #[target_feature(enable = "avx512f")]
        of_avx512: __m512i, _mm512_loadu_si512, _mm512_stream_si512;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_place_is_copied() {
        let source: Vec<u16> = (0..500).map(|number| number * 131).collect();
        for start in [0, 1, 7, 31, 32, 40] {
            for count in (0..200).chain([499]) {
                let count = count.min(source.len() - start);
                let mut target = vec![0; 600];
                PastCaches::new().copy(&source[start..start + count], &mut target[start..]);
                assert!(target[..start].iter().all(|&number| number == 0));
                assert_eq!(target[start..start + count], source[start..start + count]);
                assert!(target[start + count..].iter().all(|&number| number == 0));
            }
        }
    }

    #[test]
    fn the_shorter_one_counts() {
        let mut target = [0_u8; 100];
        PastCaches::new().copy(&[1; 200], &mut target);
        PastCaches::new().copy(&[2; 3], &mut target);
        assert_eq!(target[..4], [2, 2, 2, 1]);
        assert_eq!(target[99], 1);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn all_ways_give_the_same_bytes() {
        #[repr(align(64))]
        struct Lines([u8; 256]);
        let source: Vec<u8> = (0..=255).collect();
        let mut ways: Vec<CopyLines> = vec![lines::of_sse2];
        if is_x86_feature_detected!("avx") {
            ways.push(lines::of_avx);
        }
        if is_x86_feature_detected!("avx512f") {
            ways.push(lines::of_avx512);
        }
        for way in ways {
            let mut target = Lines([0; 256]);
            // SAFETY: four lines each; the processor has the instructions.
            unsafe { way(source.as_ptr(), target.0.as_mut_ptr(), 256) };
            assert_eq!(target.0[..], source[..]);
        }
    }
}
