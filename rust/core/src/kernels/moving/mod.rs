//! Elements that are moved about and not looked into: all types of one size as one.

use ironbatch_kernel::{Bool, Element, F16};
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
pub(crate) trait Word: Element {
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
