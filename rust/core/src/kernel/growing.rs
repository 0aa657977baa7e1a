//! Memory for outputs whose length is known only after the work.
//!
//! Each range of items writes to a piece of its own, end to end; what is beyond the first piece's
//! room moves to a larger one. When all ranges are done, pieces are copied into the column.

use super::memory::Memory;
use crate::memory::Buffer;
use crate::{Error, Result};
use ironbatch_kernel::Dtype;
use ironbatch_kernel::abi::{self, Growing, Operand};
use std::ptr;

/// A piece has room for at least so many bytes.
const LEAST: usize = 4 << 10;
/// Pieces worth moving to another thread when they are copied.
const GRAIN: usize = 4;

/// What one range of items writes to. The interface's part stands first: the host finds the rest by
/// its address.
#[repr(C)]
pub(super) struct Piece {
    raw: Growing,
    memory: Buffer,
    size: usize,
    ends: Vec<u64>,
}

impl Piece {
    pub(super) fn new(dtype: Dtype, n_items: usize) -> Result<Self> {
        let memory = Buffer::uninitialised(0)?;
        Ok(Self {
            raw: Growing {
                struct_size: size_of::<Growing>(),
                data: memory.as_ptr(),
                length: 0,
                capacity: 0,
                ends: ptr::null_mut(),
                reserve: Some(reserve),
            },
            memory,
            size: dtype.size(),
            // Nothing ends there: a kernel that leaves out an item is found.
            ends: vec![u64::MAX; n_items],
        })
    }

    /// What a call gets whose first item is the `first` of the range. The piece must not move while
    /// the call runs.
    pub(super) fn pass(&mut self, first: usize) -> *mut Growing {
        self.raw.ends = self.ends.as_mut_ptr().wrapping_add(first);
        // Of the whole, not of its first field: `reserve` reaches the rest through it.
        ptr::from_mut(self).cast()
    }

    fn make_room(&mut self, wanted: usize) -> Result<()> {
        let room = self.memory.len() / self.size;
        if wanted <= room {
            return Ok(());
        }
        if self.raw.length > room {
            return Err(Error::Value("more elements than there is room for".into()));
        }
        let bytes = wanted
            .max(room.saturating_mul(2))
            .max(LEAST / self.size)
            .checked_mul(self.size)
            .ok_or_else(|| Error::Memory("an output is too large".into()))?;
        let larger = Buffer::uninitialised(bytes)?;
        // SAFETY: the old memory has so many elements, and so has the new one, which is elsewhere.
        unsafe {
            let written = self.raw.length * self.size;
            ptr::copy_nonoverlapping(self.memory.as_ptr(), larger.as_ptr(), written);
        }
        self.raw.data = larger.as_ptr();
        self.raw.capacity = bytes / self.size;
        self.memory = larger;
        Ok(())
    }

    /// Whether each item ends where it says, within the memory and not before the one before it.
    fn is_sound(&self) -> bool {
        let room = (self.memory.len() / self.size) as u64;
        self.ends.is_sorted() && self.ends.last().is_none_or(|&end| end <= room)
    }

    fn bytes(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize) * self.size
    }
}

/// Called by a kernel.
unsafe extern "C" fn reserve(growing: *mut Growing, capacity: usize) -> i32 {
    // SAFETY: the pointer is that of `Piece::pass`, which nobody else uses during the call.
    let piece = unsafe { &mut *growing.cast::<Piece>() };
    match piece.make_room(capacity) {
        Ok(()) => abi::OK,
        Err(_) => abi::FAILED,
    }
}

// SAFETY: the pointers lead into its own memory.
unsafe impl Send for Piece {}
// SAFETY: as above.
unsafe impl Sync for Piece {}

/// The items of a growing output: of one axis, and any lengths.
pub struct Grown {
    dtype: Dtype,
    /// With the first item of each, in order.
    pieces: Vec<(usize, Piece)>,
}

impl std::fmt::Debug for Grown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Grown")
            .field("dtype", &self.dtype)
            .field("pieces", &self.pieces.len())
            .finish()
    }
}

impl Grown {
    /// Put together what ranges have written.
    pub(super) fn new(dtype: Dtype, mut pieces: Vec<(usize, Piece)>) -> Result<Self> {
        pieces.sort_unstable_by_key(|&(first, _)| first);
        if let Some((first, _)) = pieces.iter().find(|(_, piece)| !piece.is_sound()) {
            return Err(Error::Item {
                position: *first,
                source: Box::new(Error::Value(
                    "it says of an output that it ends where it cannot".into(),
                )),
            });
        }
        Ok(Self { dtype, pieces })
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Item `i` is to lie from `offsets[i]` to `offsets[i + 1]`, in elements.
    pub fn offsets(&self) -> Vec<i64> {
        let mut offsets = vec![0];
        let mut before = 0;
        for (_, piece) in &self.pieces {
            offsets.extend(piece.ends.iter().map(|&end| before + end as i64));
            before = offsets.last().copied().unwrap_or(0);
        }
        offsets
    }

    /// Copy all elements, end to end, to memory of one axis of that many.
    ///
    /// Fails if it is of another length or dtype, or not to be written.
    pub fn write_to(&self, target: &Memory<'_>) -> Result<()> {
        let n_bytes: usize = self.pieces.iter().map(|(_, piece)| piece.bytes()).sum();
        let count = n_bytes / self.dtype.size();
        let fits = target.dtype == self.dtype
            && target.n_items == count
            && target.rank == 0
            && target.writable
            && (target.is_contiguous() || count <= 1);
        if !fits {
            return Err(Error::Value(format!(
                "{count} elements of {} do not fit the memory for them",
                self.dtype
            )));
        }
        let mut starts = Vec::with_capacity(self.pieces.len());
        let mut start = 0;
        for (_, piece) in &self.pieces {
            starts.push(start);
            start += piece.bytes();
        }
        let place = Place(target.data);
        crate::executor::parallel_for(self.pieces.len(), GRAIN, &|range| {
            for number in range {
                let piece = &self.pieces[number].1;
                // SAFETY: the target has room for all pieces, each at a place of its own, and its
                // maker promises that it is nobody else's.
                unsafe {
                    let target = place.get().add(starts[number]);
                    ptr::copy_nonoverlapping(piece.memory.as_ptr(), target, piece.bytes());
                }
            }
        })
    }
}

/// Where pieces are copied to.
struct Place(*mut u8);

impl Place {
    fn get(&self) -> *mut u8 {
        self.0
    }
}

// SAFETY: pieces do not overlap.
unsafe impl Sync for Place {}

/// An output that grows, as the interface describes it.
pub(super) fn operand(dtype: Dtype) -> Operand {
    Operand::new(abi::GROWING, dtype, 1, ptr::null_mut())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn piece(ends: &[u64], elements: &[u16]) -> Piece {
        let mut piece = Piece::new(Dtype::U16, ends.len()).unwrap();
        let raw = piece.pass(0);
        // SAFETY: as a kernel does it: room first, then elements, then where items end.
        unsafe {
            assert_eq!(reserve(raw, elements.len()), abi::OK);
            assert!((*raw).capacity >= elements.len());
            let bytes = elements.as_ptr().cast::<u8>();
            ptr::copy_nonoverlapping(bytes, (*raw).data.cast(), size_of_val(elements));
            (*raw).length = elements.len();
            for (item, &end) in ends.iter().enumerate() {
                *(*raw).ends.add(item) = end;
            }
        }
        piece
    }

    fn memory(target: &mut [u16]) -> Memory<'_> {
        let data = target.as_mut_ptr().cast();
        // SAFETY: the slice is borrowed for as long as the memory is used.
        unsafe { Memory::of_items(data, Dtype::U16, &[target.len()], &[2], true) }.unwrap()
    }

    #[test]
    fn pieces_come_together_in_order() {
        let pieces = vec![
            (2, piece(&[2], &[4, 5])),
            (0, piece(&[0, 3], &[1, 2, 3])),
            (3, piece(&[0], &[])),
        ];
        let grown = Grown::new(Dtype::U16, pieces).unwrap();
        assert_eq!(grown.offsets(), [0, 0, 3, 5, 5]);
        let mut target = [0; 5];
        grown.write_to(&memory(&mut target)).unwrap();
        assert_eq!(target, [1, 2, 3, 4, 5]);
        assert!(grown.write_to(&memory(&mut [0; 4])).is_err());
    }

    #[test]
    fn what_was_written_moves_along() {
        let many: Vec<u16> = (0..50_000).collect();
        let mut piece = piece(&[50_000], &many);
        // SAFETY: as a kernel does it.
        unsafe { assert_eq!(reserve(piece.pass(0), 200_000), abi::OK) };
        let mut target = vec![0; 50_000];
        let grown = Grown::new(Dtype::U16, vec![(0, piece)]).unwrap();
        grown.write_to(&memory(&mut target)).unwrap();
        assert_eq!(target, many);
    }

    #[test]
    fn ends_that_cannot_be_are_found() {
        for ends in [&[3, 1][..], &[u64::MAX], &[0, u64::MAX], &[1 << 40]] {
            let pieces = vec![(7, piece(ends, &[1, 2, 3]))];
            let refused = Grown::new(Dtype::U16, pieces).err();
            assert!(matches!(refused, Some(Error::Item { position: 7, .. })));
        }
        let mut broken = piece(&[1], &[1]);
        broken.raw.length = usize::MAX;
        // SAFETY: the host looks before it copies.
        unsafe { assert_eq!(reserve(broken.pass(0), 1 << 20), abi::FAILED) };
    }

    #[test]
    fn a_kernel_grows_its_output() {
        let kernels = crate::kernel::built_in().unwrap();
        let kernel = kernels.iter().find(|kernel| kernel.name == "encode_image");
        let kernel = Arc::clone(kernel.unwrap());
        assert!(kernel.is_growing() && kernel.takes_ragged());
        let format = (
            "format".to_owned(),
            crate::kernel::Value::Text("png".into()),
        );
        let plan = kernel.bind(&[format], &[]).unwrap();
        let mut x: Vec<u8> = (0..100 * 12).map(|n| (n / 7) as u8).collect();
        let data = x.as_mut_ptr();
        // SAFETY: the vector outlives the run.
        let memory =
            unsafe { Memory::of_items(data, Dtype::U8, &[100, 3, 4], &[12, 4, 1], false).unwrap() };
        let run = |n_items| {
            let request = crate::kernel::Request {
                n_items,
                inputs: &[memory],
                outputs: &[],
                params: &[],
                random: None,
                limits: crate::kernel::Limits::default(),
            };
            plan.run(&request).unwrap()
        };
        assert_eq!(run(0)[0].offsets(), [0]);
        for _ in 0..3 {
            let grown = run(100);
            assert_eq!((grown.len(), grown[0].dtype()), (1, Dtype::U8));
            let offsets = grown[0].offsets();
            assert_eq!(offsets.len(), 101);
            assert!(offsets.windows(2).all(|ends| ends[1] - ends[0] > 40));
        }
    }
}
