//! Elements that are moved about and not looked into: all types of one size as one.

use super::runs::Runs;
use crate::shuffling::Aligned;
use crate::strided::Reader;
use ironbatch_kernel::{Bool, Element, F16, Item};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Elements with an unsigned integer of the same size.
///
/// # Safety
/// [`Movable::Word`] has the size and alignment of the type, and any of its values is one of the
/// type.
pub(crate) unsafe trait Movable: Element {
    /// The unsigned integer.
    type Word: Word;

    /// The bits of an element.
    fn word(self) -> Self::Word;
}

macro_rules! movables {
    ($($type:ty = $word:ty: $element:ident => $bits:expr),* $(,)?) => {
        $(
            const _: () = assert!(
                size_of::<$type>() == size_of::<$word>()
                    && align_of::<$type>() == align_of::<$word>()
            );

            // SAFETY: asserted above; every pattern of bits is a number, or true or false.
            unsafe impl Movable for $type {
                type Word = $word;

                fn word(self) -> $word {
                    let $element = self;
                    $bits
                }
            }
        )*
    };
}

movables!(
    Bool = u8: x => u8::from(x.get()),
    u8 = u8: x => x,
    i16 = u16: x => x.cast_unsigned(),
    u16 = u16: x => x,
    F16 = u16: x => x.to_bits(),
    f32 = u32: x => x.to_bits(),
    f64 = u64: x => x.to_bits(),
);

/// The unsigned integers that elements are moved as.
pub(crate) trait Word: Element + Default {
    /// Call a function of bytes if these are such; it tells whether it has done its work.
    fn by_bytes(
        _source: &[Self],
        _target: &mut [Self],
        _function: impl Fn(&[u8], &mut [u8]) -> bool,
    ) -> bool {
        false
    }
}

impl Word for u8 {
    fn by_bytes(
        source: &[Self],
        target: &mut [Self],
        function: impl Fn(&[u8], &mut [u8]) -> bool,
    ) -> bool {
        function(source, target)
    }
}

impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}

/// An item as words.
pub(crate) fn words<'a, T: Movable>(x: &ArrayViewD<'a, T>) -> ArrayViewD<'a, T::Word> {
    // SAFETY: the same memory, for as long; its elements are words (`Movable`).
    unsafe { x.raw_view().cast::<T::Word>().deref_into_view() }
}

/// An item to be written as words.
pub(crate) fn words_mut<'a, T: Movable>(
    out: &'a mut ArrayViewMutD<'_, T>,
) -> ArrayViewMutD<'a, T::Word> {
    // SAFETY: as in `words`, borrowed from the one view that may write; whatever words are written
    // are elements (`Movable`).
    unsafe { out.raw_view_mut().cast::<T::Word>().deref_into_view_mut() }
}

/// Give a view of the first input: as it is, if what follows reads it, or written to the output.
pub(crate) fn give<T: Movable>(
    view: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    item: Item<'_>,
) {
    if !item.hand_on(view) {
        write(view, out, Some(item));
    }
}

/// Bytes that are read at once for an output that is written past the caches.
const PIECE: usize = 2048;

/// Set an array to another one of its shape, which may have gaps and run backwards.
///
/// `item` is given where `out` is the first output of the kernel, all of it.
pub(crate) fn write<T: Movable>(
    view: &ArrayViewD<'_, T>,
    out: &mut ArrayViewMutD<'_, T>,
    item: Option<Item<'_>>,
) {
    let mut out = words_mut(out);
    let Some(target) = out.as_slice_mut() else {
        out.assign(&words(view));
        return;
    };
    let mut reader = reader(view);
    let mut left = target.len();
    let mut runs = Runs::new(target, item);
    while left > 0 {
        let n = if runs.is_past_caches() {
            left.min(PIECE / size_of::<T>())
        } else {
            left
        };
        reader.fill(bytes_mut(runs.next(n)));
        left -= n;
    }
}

/// Most elements of a part that [`in_parts`] hands over, if a view has gaps: 512 pixels of three
/// channels, or a multiple of 512 elements.
pub(crate) const PART: usize = 1536;

/// Call `each` with all elements of a view, end to end, in parts of `length` elements or, if there
/// are no gaps, at once; also with the number of the first element of each. `length` is at most
/// [`PART`].
pub(crate) fn in_parts<T: Movable>(
    view: &ArrayViewD<'_, T>,
    length: usize,
    mut each: impl FnMut(usize, &[T]),
) {
    if let Some(whole) = view.as_slice() {
        each(0, whole);
        return;
    }
    let mut part = Aligned([T::Word::default(); PART]);
    let mut reader = reader(view);
    let count = view.len();
    for first in (0..count).step_by(length) {
        let part = &mut part.0[..length.min(count - first)];
        reader.fill(bytes_mut(part));
        // SAFETY: any words are elements, of their size and alignment (`Movable`).
        each(first, unsafe {
            std::slice::from_raw_parts(part.as_ptr().cast(), part.len())
        });
    }
}

fn reader<'a, T: Movable>(view: &ArrayViewD<'a, T>) -> Reader<'a> {
    let size = size_of::<T>();
    let strides = view.strides().iter().map(|&stride| stride * size as isize);
    let axes = view.shape().iter().copied().zip(strides);
    // SAFETY: the elements are those of the view.
    unsafe { Reader::new(view.as_ptr().cast(), size, axes) }
}

/// Words as bytes.
fn bytes_mut<W: Word>(words: &mut [W]) -> &mut [u8] {
    // SAFETY: words are unsigned integers: any bytes will do.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}
