//! Items whose elements do not lie end to end, read in C order.
//!
//! A crop of an image has a gap behind each row, a mirrored one runs backwards. [`Reader`] gives the
//! elements of such an item piece by piece, in runs as long as they lie together: whoever needs them
//! end to end need not copy the whole item before.

use crate::shuffling;
use ironbatch_kernel::abi::{MAX_RANK, Operand};
use std::marker::PhantomData;
use std::ptr;

/// A place in an item, from its first element to behind its last one.
pub(crate) struct Reader<'a> {
    /// The first run of the current row.
    row: *const u8,
    /// Bytes that lie end to end.
    run: usize,
    /// From a run of a row to the next one.
    step: isize,
    /// Bytes of a row.
    row_bytes: usize,
    /// Bytes of the current row that have been read.
    read: usize,
    /// Rows that have not been read to their end.
    n_rows: usize,
    /// Axes along which rows follow one another, the last one first: where the current row is, how
    /// many there are, and bytes from one to the next.
    axes: [(usize, usize, isize); MAX_RANK],
    n_axes: usize,
    item: PhantomData<&'a [u8]>,
}

impl Reader<'_> {
    /// Begin with the first element; `shape` and `strides`, in bytes, are the item's, of elements of
    /// `size` bytes.
    ///
    /// # Safety
    /// All elements are there, and are not written, for as long as this lives.
    pub unsafe fn new(
        data: *const u8,
        size: usize,
        axes: impl DoubleEndedIterator<Item = (usize, isize)>,
    ) -> Self {
        let mut reader = Self {
            row: data,
            run: size,
            step: 0,
            row_bytes: size,
            read: 0,
            n_rows: 1,
            axes: [(0, 0, 0); MAX_RANK],
            n_axes: 0,
            item: PhantomData,
        };
        let mut has_rows = false;
        for (length, stride) in axes.rev() {
            if length == 1 {
                continue;
            }
            if !has_rows && stride == reader.run as isize {
                reader.run *= length;
                reader.row_bytes = reader.run;
            } else if !has_rows && reader.run < LINE {
                (has_rows, reader.step) = (true, stride);
                reader.row_bytes = reader.run * length;
            } else {
                // A long run is a row.
                has_rows = true;
                reader.n_rows *= length;
                reader.axes[reader.n_axes] = (0, length, stride);
                reader.n_axes += 1;
            }
        }
        if reader.row_bytes == 0 {
            reader.n_rows = 0;
        }
        reader
    }

    /// Begin with the first element of a dense operand that has the same memory for every item.
    ///
    /// # Safety
    /// As of [`new`](Self::new).
    pub unsafe fn of_operand(operand: &Operand, size: usize) -> Self {
        let rank = operand.rank as usize;
        let lengths = operand.shape[..rank].iter().map(|&length| length as usize);
        let axes = lengths.zip(operand.strides[..rank].iter().copied());
        // SAFETY: promised by the caller.
        unsafe { Self::new(operand.data, size, axes) }
    }

    /// Copy the next bytes until `target` is full or the item ends; gives how many these are.
    pub fn fill(&mut self, target: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < target.len() && self.n_rows > 0 {
            let (number, within) = (self.read / self.run, self.read % self.run);
            let from = self.row.wrapping_offset(self.step * number as isize);
            let left = (target.len() - filled).min(self.row_bytes - self.read);
            let bytes = if within > 0 || left < self.run {
                let bytes = left.min(self.run - within);
                // SAFETY: they are within a run of the item, and within the target.
                unsafe {
                    let place = target.as_mut_ptr().add(filled);
                    ptr::copy_nonoverlapping(from.add(within), place, bytes);
                }
                bytes
            } else {
                let n_runs = left / self.run;
                let bytes = n_runs * self.run;
                let target = &mut target[filled..filled + bytes];
                // SAFETY: a row has that many runs from here on.
                unsafe { copy_runs(from, self.step, self.run, target) };
                bytes
            };
            filled += bytes;
            self.read += bytes;
            if self.read == self.row_bytes {
                self.next_row();
            }
        }
        filled
    }

    fn next_row(&mut self) {
        self.read = 0;
        self.n_rows -= 1;
        if self.n_rows == 0 {
            return;
        }
        for (place, length, stride) in &mut self.axes[..self.n_axes] {
            *place += 1;
            self.row = self.row.wrapping_offset(*stride);
            if *place < *length {
                break;
            }
            self.row = self.row.wrapping_offset(-*stride * *length as isize);
            *place = 0;
        }
        self.fetch_ahead();
    }

    /// Ask for a row that is read soon: it may be far enough from the current one for the processor
    /// not to know.
    fn fetch_ahead(&self) {
        let (_, _, stride) = self.axes[0];
        let n_ahead = (AHEAD / self.row_bytes).clamp(1, 8) as isize;
        let mut low = self.row.wrapping_offset(stride * n_ahead);
        if self.step < 0 {
            low = low.wrapping_offset(self.step * (self.row_bytes / self.run - 1) as isize);
        }
        for line in (0..self.row_bytes.min(AHEAD)).step_by(LINE) {
            fetch(low.wrapping_add(line));
        }
    }
}

/// Bytes of a line of memory.
const LINE: usize = 64;
/// Bytes from what is read to what will be.
const AHEAD: usize = 4096;

/// Ask for a line of memory, which need not be there.
fn fetch(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this kind has the instruction, which fails for no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// Fill a target with runs that lie `step` bytes apart.
///
/// # Safety
/// The runs are there and are not written meanwhile.
unsafe fn copy_runs(from: *const u8, step: isize, run: usize, target: &mut [u8]) {
    let n_runs = target.len() / run;
    if step == run as isize || n_runs == 1 {
        // SAFETY: promised by the caller: they lie end to end.
        unsafe { ptr::copy_nonoverlapping(from, target.as_mut_ptr(), target.len()) };
        return;
    }
    if step == -(run as isize) {
        let lowest = from.wrapping_offset(step * (n_runs as isize - 1));
        // SAFETY: promised by the caller: they lie end to end from the last one on.
        let source = unsafe { std::slice::from_raw_parts(lowest, target.len()) };
        match run {
            1 => reverse::<1>(source, target),
            2 => reverse::<2>(source, target),
            3 if shuffling::reverse(source, target) => {}
            3 => reverse::<3>(source, target),
            4 => reverse::<4>(source, target),
            6 => reverse::<6>(source, target),
            8 => reverse::<8>(source, target),
            12 => reverse::<12>(source, target),
            16 => reverse::<16>(source, target),
            _ => {
                let runs = source.chunks_exact(run).rev();
                for (source, target) in runs.zip(target.chunks_exact_mut(run)) {
                    target.copy_from_slice(source);
                }
            }
        }
        return;
    }
    // SAFETY: promised by the caller.
    unsafe {
        match run {
            1 => spaced::<1>(from, step, target),
            2 => spaced::<2>(from, step, target),
            3 => spaced::<3>(from, step, target),
            4 => spaced::<4>(from, step, target),
            8 => spaced::<8>(from, step, target),
            _ => {
                for (number, target) in target.chunks_exact_mut(run).enumerate() {
                    let from = from.offset(step * number as isize);
                    ptr::copy_nonoverlapping(from, target.as_mut_ptr(), run);
                }
            }
        }
    }
}

/// Runs of `N` bytes in reverse.
fn reverse<const N: usize>(source: &[u8], target: &mut [u8]) {
    let (source, _) = source.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    for (source, target) in source.iter().rev().zip(target) {
        *target = *source;
    }
}

/// Runs of `N` bytes that lie `step` bytes apart.
///
/// # Safety
/// As of [`copy_runs`].
unsafe fn spaced<const N: usize>(from: *const u8, step: isize, target: &mut [u8]) {
    let (target, _) = target.as_chunks_mut::<N>();
    for (number, target) in target.iter_mut().enumerate() {
        // SAFETY: promised by the caller; arrays of bytes may be anywhere.
        *target = unsafe { from.offset(step * number as isize).cast::<[u8; N]>().read() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::with_each;
    use ndarray::{ArrayD, ArrayViewD, Axis, Slice};
    use proptest::prelude::*;

    /// The elements of a view, read in pieces of so many bytes.
    fn read(view: &ArrayViewD<'_, u16>, piece: usize) -> Vec<u8> {
        let strides = view.strides().iter().map(|stride| stride * 2);
        let axes: Vec<_> = view.shape().iter().copied().zip(strides).collect();
        // SAFETY: the view is borrowed.
        let mut reader = unsafe { Reader::new(view.as_ptr().cast(), 2, axes.into_iter()) };
        let mut read = Vec::new();
        loop {
            let mut bytes = vec![0; piece];
            let filled = reader.fill(&mut bytes);
            read.extend_from_slice(&bytes[..filled]);
            if filled < piece {
                return read;
            }
        }
    }

    proptest! {
        #[test]
        fn any_view_is_read_in_order(
            axes in prop::collection::vec((1_usize..5, 0_usize..3, 0_usize..3, any::<bool>()), 0..5),
            order in any::<prop::sample::Index>(),
            piece in 1_usize..40,
        ) {
            let shape: Vec<_> = axes.iter().map(|(length, before, after, _)| length + before + after).collect();
            let count: usize = shape.iter().product();
            let whole = ArrayD::from_shape_vec(shape, (0..count as u16).collect()).unwrap();
            let mut view = whole.view();
            for (axis, &(length, before, _, backwards)) in axes.iter().enumerate() {
                let part = Slice::from(before..before + length);
                view.slice_axis_inplace(Axis(axis), part);
                if backwards {
                    view.invert_axis(Axis(axis));
                }
            }
            if view.ndim() > 1 {
                view.swap_axes(0, order.index(view.ndim()));
            }
            let expected: Vec<u8> = view.iter().flat_map(|value| value.to_ne_bytes()).collect();
            prop_assert_eq!(read(&view, 2 * piece), expected);
        }
    }

    #[test]
    fn mirrored_pixels_are_read_with_all_instructions() {
        with_each(|_| {
            let source: Vec<u8> = (0..3 * 7 * 50).map(|number| number as u8).collect();
            let last = source.as_ptr().wrapping_add(49 * 3);
            let axes = [(7, 150), (50, -3), (3, 1)];
            // SAFETY: the source lives on.
            let mut reader = unsafe { Reader::new(last, 1, axes.into_iter()) };
            let mut read = vec![0; source.len()];
            assert_eq!(reader.fill(&mut read[..100]), 100);
            assert_eq!(reader.fill(&mut read[100..]), source.len() - 100);
            let rows = source.chunks(150);
            let expected: Vec<u8> = rows
                .flat_map(|row| row.chunks(3).rev().flatten().copied())
                .collect();
            assert_eq!(read, expected);
            assert_eq!(reader.fill(&mut [0]), 0);
        });
    }

    #[test]
    fn nothing_is_read_of_nothing() {
        for axes in [vec![(0, 4)], vec![(3, 0), (0, 4)], vec![(0, 8), (3, 4)]] {
            // SAFETY: there are no elements.
            let mut reader = unsafe { Reader::new(ptr::null(), 4, axes.into_iter()) };
            assert_eq!(reader.fill(&mut [0; 8]), 0);
        }
    }
}
