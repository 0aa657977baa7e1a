//! The item that a kernel is at, and where its random numbers are.

use crate::abi::{self, Operand, Random};
use crate::call::{Call, copy};
use ndarray::{ArrayView, Dimension};

/// The item that a kernel is at; a parameter of type `Item` receives it.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    call: &'a Call,
    index: usize,
}

/// The place of an item's random numbers in Philox4x64-10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomPlace {
    /// Key of the run.
    pub key: [u64; 2],
    /// The counter before the item's first block, as `numpy.random.Philox` takes it.
    pub counter: [u64; 4],
}

impl<'a> Item<'a> {
    /// Item `index` of a call.
    pub fn new(call: &'a Call, index: usize) -> Self {
        Self { call, index }
    }

    /// Position of the item in the batch.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether the run should end; a kernel that takes long for one item looks now and then.
    pub fn is_cancelled(&self) -> bool {
        self.call.is_cancelled()
    }

    /// Whether output number `number` is better written with [`PastCaches`](crate::PastCaches): all
    /// items together are far larger than the caches, and nobody reads them at once.
    #[inline]
    pub fn is_past_caches(&self, number: usize) -> bool {
        self.call.output(number).hints & abi::PAST_CACHES != 0
    }

    /// Let what follows read a view of the first input, instead of writing the output.
    ///
    /// For kernels that only move elements. True if the host takes the view: then there is nothing
    /// left to do. Otherwise the output has to be written; the host asks for a view only where
    /// another kernel reads it at once. It has the shape and dtype of the output, and no elements
    /// but those of the first input.
    ///
    /// ```
    /// use ironbatch_kernel::{Item, kernel, table};
    /// use ndarray::{ArrayView1, ArrayViewMut1, s};
    ///
    /// /// From the last sample to the first.
    /// #[kernel]
    /// fn backwards(x: ArrayView1<f32>, mut out: ArrayViewMut1<f32>, item: Item) {
    ///     let view = x.slice(s![..;-1]);
    ///     if !item.hand_on(&view) {
    ///         out.assign(&view);
    ///     }
    /// }
    ///
    /// table![backwards];
    /// # fn main() {}
    /// ```
    pub fn hand_on<T: crate::Element, D: Dimension>(&self, view: &ArrayView<'_, T, D>) -> bool {
        let place = self.call.raw.view;
        if place.is_null() || view.ndim() > abi::MAX_RANK {
            return false;
        }
        let data = view.as_ptr().cast_mut().cast();
        let mut operand = Operand::new(abi::DENSE, T::DTYPE, view.ndim(), data);
        for (axis, (&length, &stride)) in view.shape().iter().zip(view.strides()).enumerate() {
            operand.shape[axis] = length as i64;
            operand.strides[axis] = stride * size_of::<T>() as isize;
        }
        // SAFETY: the host gives room for an operand, whose size as the host knows it comes first.
        unsafe {
            let theirs = place.cast::<usize>().read();
            if theirs < size_of::<Operand>() {
                return false;
            }
            operand.struct_size = theirs;
            place.write(operand);
        }
        true
    }

    /// Where the item's random numbers are; None if the host gave no randomness.
    pub fn random_place(&self) -> Option<RandomPlace> {
        let streams = self.call.streams().ok()?;
        // SAFETY: the host gives a place for each of its items.
        Some(unsafe { streams.place(self.index) })
    }
}

/// Random streams of the items of a call.
#[derive(Clone, Copy)]
pub struct Streams(pub(crate) Random);

impl Streams {
    /// The streams that the host gives a call.
    ///
    /// # Safety
    /// The pointer comes from [`RunCall::random`] and is not null.
    pub unsafe fn read(random: *const Random) -> Self {
        // SAFETY: promised by the caller.
        Self(unsafe { copy(random) })
    }

    /// Where the random numbers of an item are.
    ///
    /// # Safety
    /// The call has that item.
    #[inline]
    pub unsafe fn place(&self, item: usize) -> RandomPlace {
        let at = |numbers: *const u64, otherwise| {
            if numbers.is_null() {
                otherwise
            } else {
                // SAFETY: the host gives arrays with a number for each item, or null.
                unsafe { *numbers.add(item) }
            }
        };
        let epoch = at(self.0.epochs, 0);
        let operation = at(self.0.operations, self.0.operation);
        let origin = at(self.0.origins, item as u64);
        RandomPlace {
            key: self.0.key,
            counter: [at(self.0.blocks, 0), epoch, operation, origin],
        }
    }

    /// The stream of an item.
    ///
    /// # Safety
    /// The call has that item.
    #[inline]
    pub unsafe fn of(&self, item: usize) -> crate::ItemRng {
        // SAFETY: promised by the caller.
        crate::ItemRng::new(unsafe { self.place(item) })
    }
}
