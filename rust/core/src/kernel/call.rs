//! One call of a kernel: pointers to what it is about, and what it says to it.

use super::definition::Kernel;
use super::host::HOST;
use super::memory::extent;
use super::plan::{MessageBuffer, Plan, State};
use super::run::Prepared;
use crate::Error;
use crate::executor::{CancelFlag, ItemError};
use ironbatch_kernel::Dtype;
use ironbatch_kernel::abi::{self, Growing, Operand, Random, RunCall};
use std::ops::Range;
use std::ptr;

/// What the calls about a request have in common.
pub(super) struct Pointers {
    pub(super) inputs: SmallPointers,
    pub(super) params: SmallPointers,
    pub(super) random: *const Random,
}

// SAFETY: they lead to what is only read while calls run.
unsafe impl Sync for Pointers {}

/// A kernel that is called again and again, with the same parameters and other operands.
///
/// Whatever stays the same is worked out once: a call about a few kilobytes takes no longer than
/// they do.
pub(super) struct Caller<'p> {
    plan: &'p Plan,
    operands: Vec<Operand>,
    params: Vec<Option<Operand>>,
    n_inputs: usize,
    random: Option<Random>,
    /// Room for those to the inputs, the output, and the parameters.
    pointers: Vec<*const Operand>,
    buffer: MessageBuffer,
    /// The call about the parts of an item, with a state that is its own.
    open: Option<RunCall>,
}

impl<'p> Caller<'p> {
    /// For a kernel with one output; `inputs` are there for their number.
    pub(super) fn new(
        plan: &'p Plan,
        inputs: &[Operand],
        output: &Operand,
        params: &[Option<Operand>],
        random: Option<Random>,
    ) -> Self {
        let n_inputs = inputs.len();
        Self {
            plan,
            operands: inputs.iter().chain([output]).copied().collect(),
            params: params.to_vec(),
            n_inputs,
            random,
            pointers: Vec::with_capacity(n_inputs + 1 + params.len()),
            buffer: MessageBuffer::new(),
            open: None,
        }
    }

    pub(super) fn set_input(&mut self, number: usize, operand: &Operand) {
        self.operands[number] = *operand;
    }

    pub(super) fn set_output(&mut self, operand: &Operand) {
        self.operands[self.n_inputs] = *operand;
    }

    /// Begin to process an item in parts, up to [`end`](Self::end). Input and output have one axis.
    pub(super) fn begin(&mut self, item: usize, cancel: &CancelFlag) -> Result<(), ItemError> {
        let raw = self.raw_call(item, cancel, ptr::null_mut());
        let state = self.plan.check_out();
        let state = state.map_err(|error| ItemError { item, error })?;
        let message = self.buffer.pass();
        self.open = Some(RunCall {
            state: state.0,
            message,
            ..raw
        });
        Ok(())
    }

    /// Process elements of the item that was begun; what is not [`abi::OK`] ends it.
    #[inline]
    pub(super) fn part(&mut self, input: *mut u8, output: *mut u8, n_elements: usize) -> i32 {
        let Some(open) = &self.open else {
            return abi::FAILED;
        };
        let info = &self.plan.kernel().info;
        let code = if let Some(run_part) = info.run_part {
            // SAFETY: see `Plan::invoke`; whoever calls has memory for so many elements on either
            // side.
            unsafe { run_part(&raw const *open, input, output, n_elements) }
        } else {
            for (number, place) in [(0, input), (self.n_inputs, output)] {
                let operand = &mut self.operands[number];
                operand.data = place;
                operand.shape[0] = n_elements as i64;
            }
            // SAFETY: as above.
            info.run
                .map_or(abi::FAILED, |run| unsafe { run(&raw const *open) })
        };
        if code != abi::OK {
            self.close(code == abi::PANICKED);
        }
        code
    }

    /// End an item that was begun.
    pub(super) fn end(&mut self) {
        self.close(false);
    }

    fn close(&mut self, panicked: bool) {
        let Some(open) = self.open.take() else {
            return;
        };
        let state = State(open.state);
        if panicked {
            self.plan.drop_state(&state);
        } else {
            self.plan.check_in(state);
        }
    }

    /// Carry out for one item. Where the kernel may say that its output is a view of its input, and
    /// does so, that is in `view`, and the output was not written.
    pub(super) fn call(
        &mut self,
        item: usize,
        cancel: &CancelFlag,
        view: Option<&mut Operand>,
    ) -> Result<(), ItemError> {
        let view = view.map_or(ptr::null_mut(), ptr::from_mut);
        let raw = self.raw_call(item, cancel, view);
        self.plan.invoke(raw, &mut self.buffer)
    }

    fn raw_call(&mut self, item: usize, cancel: &CancelFlag, view: *mut Operand) -> RunCall {
        self.pointers.clear();
        self.pointers
            .extend(self.operands.iter().map(ptr::from_ref));
        let params = self.params.iter();
        let of_params = params.map(|param| param.as_ref().map_or(ptr::null(), ptr::from_ref));
        self.pointers.extend(of_params);
        let pointers = self.pointers.as_ptr();
        RunCall {
            inputs: pointers,
            outputs: pointers.wrapping_add(self.n_inputs),
            params: pointers.wrapping_add(self.operands.len()),
            random: self.random.as_ref().map_or(ptr::null(), ptr::from_ref),
            view,
            ..self.plan.raw_call(item..item + 1, cancel)
        }
    }
}

impl Plan {
    /// A call of a range without operands.
    pub(super) fn raw_call(&self, range: Range<usize>, cancel: &CancelFlag) -> RunCall {
        RunCall {
            struct_size: size_of::<RunCall>(),
            plan: self.raw,
            state: ptr::null_mut(),
            start: range.start,
            end: range.end,
            inputs: ptr::null(),
            outputs: ptr::null(),
            params: ptr::null(),
            cancel: cancel.as_atomic().as_ptr().cast(),
            random: ptr::null(),
            message: ptr::null_mut(),
            host: &raw const HOST,
            growing: ptr::null(),
            view: ptr::null_mut(),
        }
    }

    /// Hand one range to the kernel.
    pub(super) fn call(
        &self,
        prepared: &Prepared,
        range: Range<usize>,
        cancel: &CancelFlag,
    ) -> Result<(), ItemError> {
        self.call_growing(prepared, range, cancel, std::iter::empty())
    }

    /// Hand one range to the kernel, with what its growing outputs grow in.
    pub(super) fn call_growing(
        &self,
        prepared: &Prepared,
        range: Range<usize>,
        cancel: &CancelFlag,
        mut pieces: impl Iterator<Item = *mut Growing>,
    ) -> Result<(), ItemError> {
        let inputs: SmallPointers = prepared.inputs.iter().map(ptr::from_ref).collect();
        let outputs: SmallPointers = prepared.outputs.iter().map(ptr::from_ref).collect();
        let params: SmallPointers = prepared
            .params
            .iter()
            .map(|param| param.as_ref().map_or(ptr::null(), ptr::from_ref))
            .collect();
        let growing: Vec<_> = if self.kernel.is_growing() {
            let of_outputs = prepared.outputs.iter().map(|output| {
                let piece = (output.kind == abi::GROWING)
                    .then(|| pieces.next())
                    .flatten();
                piece.unwrap_or(ptr::null_mut())
            });
            of_outputs.collect()
        } else {
            Vec::new()
        };
        let raw = RunCall {
            inputs: inputs.as_ptr(),
            outputs: outputs.as_ptr(),
            params: params.as_ptr(),
            random: prepared.random.as_ref().map_or(ptr::null(), ptr::from_ref),
            growing: if growing.is_empty() {
                ptr::null()
            } else {
                growing.as_ptr()
            },
            ..self.raw_call(range, cancel)
        };
        self.invoke(raw, &mut MessageBuffer::new())
    }

    /// Call the kernel with a state that nobody else uses.
    fn invoke(&self, mut raw: RunCall, buffer: &mut MessageBuffer) -> Result<(), ItemError> {
        let (start, end) = (raw.start, raw.end);
        let failed = |error| ItemError { item: start, error };
        let Some(run) = self.kernel.info.run else {
            let message = "a kernel without a function".to_owned();
            return Err(failed(Error::Library(message)));
        };
        let state = self.check_out().map_err(failed)?;
        raw.state = state.0;
        raw.message = buffer.pass();
        // SAFETY: every operand was checked against the kernel's table; plan and state are this
        // kernel's, and all pointers outlive the call.
        let code = unsafe { run(&raw const raw) };
        if code == abi::PANICKED {
            self.drop_state(&state);
        } else {
            self.check_in(state);
        }
        self.item_outcome(code, buffer, start..end)
    }

    /// What a call about the items of a range returned.
    pub(super) fn item_outcome(
        &self,
        code: i32,
        buffer: &MessageBuffer,
        range: Range<usize>,
    ) -> Result<(), ItemError> {
        if code == abi::OK {
            return Ok(());
        }
        let item = usize::try_from(buffer.message.item)
            .unwrap_or(range.start)
            .clamp(range.start, range.end - 1);
        let name = &self.kernel.name;
        let error = match code {
            abi::CANCELLED => Error::Interrupted,
            abi::PANICKED => Error::Panic(format!("kernel {name} panicked: {}", buffer.read())),
            _ => Error::Value(format!("{name}: {}", buffer.read())),
        };
        Err(ItemError { item, error })
    }
}

impl Kernel {
    /// Check that a kernel's `view` has a dtype and shape, and lies within the item that it was
    /// given.
    pub(super) fn check_view(
        &self,
        view: &Operand,
        (dtype, shape): (Dtype, &[i64]),
        given: &Operand,
    ) -> crate::Result<()> {
        let refuse = |what: &str| {
            let message = format!("kernel {} hands on {what}", self.name);
            Err(Error::Library(message))
        };
        let rank = view.rank as usize;
        // Of another dtype than its input it would be no view, whatever lies there.
        let is_alike = view.dtype == dtype as u32 && view.dtype == given.dtype;
        if view.kind != abi::DENSE || !is_alike || rank != shape.len() {
            return refuse("a view of another dtype or number of axes than its input and output");
        }
        if view.shape[..rank] != *shape {
            return refuse("a view of another shape than its output");
        }
        let size = dtype.size();
        if shape.contains(&0) {
            return Ok(());
        }
        let extent = |operand: &Operand| {
            let rank = operand.rank as usize;
            let lengths = operand.shape[..rank].iter().map(|&length| length as usize);
            let axes = lengths.zip(operand.strides[..rank].iter().copied());
            extent(operand.data.addr(), size, axes)
        };
        let is_within = match (extent(view), extent(given)) {
            (Some(inner), Some(outer)) => {
                inner.0 >= outer.0
                    && inner.1 <= outer.1
                    && (inner.0 - outer.0).is_multiple_of(size)
                    && view.strides[..rank]
                        .iter()
                        .all(|stride| stride % size as isize == 0)
            }
            _ => false,
        };
        if is_within {
            return Ok(());
        }
        refuse("a view of what is not its input")
    }
}

/// Pointers to operands, on the stack for as many as kernels usually have.
pub(super) struct SmallPointers {
    few: [*const Operand; 8],
    many: Vec<*const Operand>,
}

impl FromIterator<*const Operand> for SmallPointers {
    fn from_iter<I: IntoIterator<Item = *const Operand>>(pointers: I) -> Self {
        let mut few = [ptr::null(); 8];
        let mut many = Vec::new();
        for (number, pointer) in pointers.into_iter().enumerate() {
            if number < few.len() && many.is_empty() {
                few[number] = pointer;
            } else {
                if many.is_empty() {
                    many.extend_from_slice(&few);
                }
                many.push(pointer);
            }
        }
        Self { few, many }
    }
}

impl SmallPointers {
    pub(super) fn as_ptr(&self) -> *const *const Operand {
        if self.many.is_empty() {
            self.few.as_ptr()
        } else {
            self.many.as_ptr()
        }
    }
}
