//! What the code that `#[kernel]` writes calls: the boundary between C and Rust.

use crate::abi::{self, Message, Operand, OperandSpec, ParamValue, Random, RunCall};
use crate::{Dtype, Error, Result, Value};
use ndarray::{ArrayView, Dimension};
use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

/// A struct of the interface: it starts with its size, and zero means "not there" in each field.
///
/// # Safety
/// The type is `repr(C)`, starts with a `usize` that is its size, and may be all zeros.
pub unsafe trait Sized0: Copy {}

macro_rules! sized {
    ($($type:ty),*) => {
        $(
            // SAFETY: see the definition; all fields are numbers, pointers or `Option` of them.
            unsafe impl Sized0 for $type {}
        )*
    };
}

sized!(
    abi::KernelInfo,
    abi::OperandInfo,
    abi::ParamInfo,
    Operand,
    OperandSpec,
    ParamValue,
    Random,
    RunCall,
    abi::Host
);

/// Copy a struct that may be shorter or longer than this side knows it.
///
/// # Safety
/// `source` points to as many bytes as its first field says.
#[inline]
pub unsafe fn copy<T: Sized0>(source: *const T) -> T {
    // SAFETY: `Sized0` allows all zeros, and the smaller of both sizes is copied.
    unsafe {
        let theirs = source.cast::<usize>().read();
        if theirs == size_of::<T>() {
            // Both sides of one version: a copy of a size that is known here takes no call.
            return source.read();
        }
        let mut target: T = std::mem::zeroed();
        let bytes = theirs.min(size_of::<T>());
        ptr::copy_nonoverlapping(source.cast::<u8>(), (&raw mut target).cast::<u8>(), bytes);
        target
    }
}

/// An operand of the host's, not copied: a call is made for every few kilobytes.
///
/// # Safety
/// It is one, for as long as the reference lives.
#[inline]
unsafe fn operand<'a>(pointer: *const Operand) -> &'a Operand {
    // The day that fields are added it may be shorter than this side knows it.
    const { assert!(size_of::<Operand>() == abi::first::OPERAND) };
    // SAFETY: promised by the caller.
    unsafe { &*pointer }
}

/// Why a run ended before its last item.
pub enum Stop {
    /// The host asked for it.
    Cancelled,
    /// An item failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// One call of `run`, as the kernel's side sees it.
pub struct Call {
    raw: RunCall,
    current: Cell<usize>,
}

impl Call {
    /// Input number `number`.
    #[inline]
    pub fn input(&self, number: usize) -> &Operand {
        // SAFETY: the host gives one operand for each input of the kernel.
        unsafe { operand(*self.raw.inputs.add(number)) }
    }

    /// Output number `number`.
    #[inline]
    pub fn output(&self, number: usize) -> &Operand {
        // SAFETY: the host gives one operand for each output of the kernel.
        unsafe { operand(*self.raw.outputs.add(number)) }
    }

    /// What output number `number` grows in, and the first item that is written to it.
    pub(crate) fn growing(&self, number: usize) -> Option<(*mut abi::Growing, usize)> {
        if self.raw.growing.is_null() {
            return None;
        }
        // SAFETY: the host gives a pointer, maybe null, for each output of the kernel.
        let growing = unsafe { *self.raw.growing.add(number) };
        (!growing.is_null()).then_some((growing, self.raw.start))
    }

    /// Values per item of parameter `number`, if it is not constant.
    #[inline]
    pub fn param(&self, number: usize) -> Option<&Operand> {
        if self.raw.params.is_null() {
            return None;
        }
        // SAFETY: the host gives a pointer, maybe null, for each parameter of the kernel.
        unsafe {
            let values = *self.raw.params.add(number);
            (!values.is_null()).then(|| operand(values))
        }
    }

    /// What `prepare` made.
    ///
    /// # Safety
    /// `P` is the type of the kernel's plan.
    pub unsafe fn plan<P>(&self) -> &P {
        // SAFETY: the host passes the plan that `prepare` of this kernel returned.
        unsafe { &*self.raw.plan.cast::<P>() }
    }

    /// What `new_state` made.
    ///
    /// # Safety
    /// `S` is the type of the kernel's state, and this is called once in a call.
    #[expect(
        clippy::mut_from_ref,
        reason = "the host lends the state to one call at a time"
    )]
    pub unsafe fn state<S>(&self) -> &mut S {
        // SAFETY: the host passes a state that `new_state` of this kernel returned.
        unsafe { &mut *self.raw.state.cast::<S>() }
    }

    /// Random streams of the items.
    pub fn streams(&self) -> Result<Streams> {
        if self.raw.random.is_null() {
            return Err(Error::new("the host gave no random streams"));
        }
        // SAFETY: not null, so the host's.
        Ok(Streams(unsafe { copy(self.raw.random) }))
    }

    /// The item that a call about one item is about.
    #[inline]
    pub fn item(&self) -> usize {
        self.raw.start
    }

    /// Call `body` for each item until one fails or the host wants the call to end.
    #[inline]
    pub fn each(&self, mut body: impl FnMut(usize) -> Result<()>) -> std::result::Result<(), Stop> {
        for item in self.raw.start..self.raw.end {
            if self.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            self.current.set(item);
            body(item)?;
        }
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        // SAFETY: the flag lives as long as the call, and all write it atomically.
        !self.raw.cancel.is_null()
            && unsafe { AtomicU8::from_ptr(self.raw.cancel.cast_mut()) }.load(Ordering::Relaxed)
                != 0
    }
}

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
        let mut operand = Operand {
            struct_size: size_of::<Operand>(),
            kind: abi::DENSE,
            dtype: T::DTYPE as u32,
            rank: view.ndim() as u32,
            hints: 0,
            data: view.as_ptr().cast_mut().cast(),
            item_stride: 0,
            shape: [0; abi::MAX_RANK],
            strides: [0; abi::MAX_RANK],
            offsets: ptr::null(),
            shapes: ptr::null(),
        };
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
pub struct Streams(Random);

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

/// Run `body`, turn what it returns into a code and a message, and let no panic out.
///
/// # Safety
/// `call` comes from the host and fits the kernel.
pub unsafe fn run(
    call: *const RunCall,
    body: impl FnOnce(&Call) -> std::result::Result<(), Stop>,
) -> i32 {
    // SAFETY: promised by the caller.
    let call = unsafe {
        let raw = copy(call);
        Call {
            raw,
            current: Cell::new(raw.start),
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&call)));
    let item = call.current.get() as i64;
    // SAFETY: the message is the host's or null.
    unsafe {
        match outcome {
            Ok(Ok(())) => abi::OK,
            Ok(Err(Stop::Cancelled)) => abi::CANCELLED,
            Ok(Err(Stop::Failed(error))) => {
                say(call.raw.message, item, &error.to_string());
                abi::FAILED
            }
            Err(payload) => {
                say(call.raw.message, item, panic_text(&*payload));
                abi::PANICKED
            }
        }
    }
}

/// Like [`run`], for the calls that are not about items.
///
/// # Safety
/// `message` is null or comes from the host.
pub unsafe fn guard(message: *mut Message, body: impl FnOnce() -> Result<()>) -> i32 {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    // SAFETY: promised by the caller.
    unsafe {
        match outcome {
            Ok(Ok(())) => abi::OK,
            Ok(Err(error)) => {
                say(message, -1, &error.to_string());
                abi::FAILED
            }
            Err(payload) => {
                say(message, -1, panic_text(&*payload));
                abi::PANICKED
            }
        }
    }
}

/// Drop what [`keep`] made.
///
/// # Safety
/// `pointer` comes from `keep::<T>` and is not used again.
pub unsafe fn forget<T>(pointer: *mut c_void) {
    // A destructor that panics must not unwind into the host.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: promised by the caller.
        drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
    }));
}

/// Put a value where the host can hold it.
pub fn keep<T>(value: T) -> *mut c_void {
    Box::into_raw(Box::new(value)).cast()
}

/// Value of parameter `number`, with its name in the error.
///
/// # Safety
/// `values` holds a pointer for each parameter of the kernel.
pub unsafe fn parse<P: crate::Param>(
    values: *const *const ParamValue,
    number: usize,
    name: &str,
) -> Result<P> {
    // SAFETY: promised by the caller.
    let value = unsafe { Value::read(&copy(*values.add(number))) };
    value
        .and_then(P::from_value)
        .map_err(|error| Error::new(format!("{name}: {error}")))
}

/// Whether parameter `number` gets its values with each item.
///
/// # Safety
/// As for [`parse`].
pub unsafe fn is_per_item(values: *const *const ParamValue, number: usize) -> bool {
    // SAFETY: promised by the caller.
    let value = unsafe { copy(*values.add(number)) };
    value.kind == abi::ParamKind::None as u32 && value.reserved == abi::EACH_ITEM
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

/// Write a message, cut at a character if there is not enough room.
///
/// # Safety
/// `message` is null or valid, and its buffer has the room it says.
unsafe fn say(message: *mut Message, item: i64, text: &str) {
    if message.is_null() {
        return;
    }
    // SAFETY: promised by the caller.
    unsafe {
        let message = &mut *message;
        let mut length = message.capacity.min(text.len());
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        if !message.data.is_null() {
            ptr::copy_nonoverlapping(text.as_ptr(), message.data, length);
            message.length = length;
        }
        message.item = item;
    }
}

/// Dtype and shape of one item of an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Element type.
    pub dtype: Dtype,
    /// Lengths, -1 where they vary from item to item.
    pub shape: Vec<i64>,
}

/// Read the specs of inputs.
///
/// # Safety
/// `specs` holds `count` pointers to specs.
pub unsafe fn read_specs(specs: *const *const OperandSpec, count: usize) -> Result<Vec<Spec>> {
    (0..count)
        .map(|number| {
            // SAFETY: promised by the caller.
            let spec = unsafe { copy(*specs.add(number)) };
            let dtype = Dtype::from_code(spec.dtype).ok_or_else(|| Error::new("unknown dtype"))?;
            let shape = spec
                .shape
                .get(..spec.rank as usize)
                .ok_or_else(|| Error::new("too many axes"))?;
            Ok(Spec {
                dtype,
                shape: shape.to_vec(),
            })
        })
        .collect()
}

/// Dtype and shape of item `item` of an operand.
///
/// # Safety
/// The operand has that item.
unsafe fn spec_of_item(operand: &Operand, item: usize) -> Result<Spec> {
    let rank = operand.rank as usize;
    let dtype = Dtype::from_code(operand.dtype).ok_or_else(|| Error::new("unknown dtype"))?;
    let shape = if operand.kind == abi::RAGGED {
        // SAFETY: the host gives a shape for each item.
        (0..rank)
            .map(|axis| unsafe { *operand.shapes.add(item * rank + axis) })
            .collect()
    } else {
        let shape = operand.shape.get(..rank);
        shape.ok_or_else(|| Error::new("too many axes"))?.to_vec()
    };
    Ok(Spec { dtype, shape })
}

/// Work out the outputs of each item of a range: `infer` tells those of one item from the specs of
/// its inputs.
///
/// # Safety
/// `call`, `specs` and `shapes` come from the host and fit the kernel.
pub unsafe fn infer_items(
    call: *const RunCall,
    (n_inputs, n_outputs): (usize, usize),
    specs: *const *mut OperandSpec,
    shapes: *const *mut i64,
    mut infer: impl FnMut(&Call, usize, &[Spec]) -> Result<Vec<Spec>>,
) -> i32 {
    let body =
        |call: &Call| {
            let operands: Vec<_> = (0..n_inputs).map(|number| call.input(number)).collect();
            let first = call.raw.start;
            call.each(|item| {
            // SAFETY: the host asks for items that it has.
            let inputs = operands.iter().map(|operand| unsafe { spec_of_item(operand, item) });
            let outputs = infer(call, item, &inputs.collect::<Result<Vec<_>>>()?)?;
            if item == first {
                // SAFETY: promised by the caller.
                unsafe { write_specs(specs, n_outputs, &outputs)? };
            }
            if outputs.len() != n_outputs {
                return Err(Error::new("the wrong number of outputs"));
            }
            for (number, output) in outputs.iter().enumerate() {
                // SAFETY: as above, with room for a shape of each item.
                let (spec, place) = unsafe {
                    let spec = &**specs.add(number);
                    (spec, (*shapes.add(number)).add((item - first) * abi::MAX_RANK))
                };
                if spec.dtype != output.dtype as u32 || spec.rank as usize != output.shape.len() {
                    return Err(Error::new(
                        "its result differs from that of other items in dtype or number of axes",
                    ));
                }
                for (axis, &length) in output.shape.iter().enumerate() {
                    // SAFETY: `write_specs` has checked the number of axes.
                    unsafe { place.add(axis).write(length) };
                }
            }
            Ok(())
        })
        };
    // SAFETY: promised by the caller.
    unsafe { run(call, body) }
}

/// Write the specs of outputs.
///
/// # Safety
/// `specs` holds `count` pointers to specs of the host.
pub unsafe fn write_specs(
    specs: *const *mut OperandSpec,
    count: usize,
    values: &[Spec],
) -> Result<()> {
    if values.len() != count {
        return Err(Error::new(format!(
            "{} outputs inferred, not {count}",
            values.len()
        )));
    }
    for (number, value) in values.iter().enumerate() {
        if value.shape.len() > abi::MAX_RANK {
            return Err(Error::new(format!(
                "an output of {} axes",
                value.shape.len()
            )));
        }
        // SAFETY: promised by the caller.
        let spec = unsafe { &mut **specs.add(number) };
        spec.kind = abi::DENSE;
        spec.dtype = value.dtype as u32;
        spec.rank = value.shape.len() as u32;
        spec.shape[..value.shape.len()].copy_from_slice(&value.shape);
    }
    Ok(())
}
