//! What the code that `#[kernel]` writes calls: the boundary between C and Rust.

use crate::abi::{self, Message, Operand, OperandSpec, ParamValue, Random, RunCall};
use crate::item::Streams;
use crate::{Error, Result, Value};
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
    pub(crate) raw: RunCall,
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

    pub(crate) fn is_cancelled(&self) -> bool {
        // SAFETY: the flag lives as long as the call, and all write it atomically.
        !self.raw.cancel.is_null()
            && unsafe { AtomicU8::from_ptr(self.raw.cancel.cast_mut()) }.load(Ordering::Relaxed)
                != 0
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
