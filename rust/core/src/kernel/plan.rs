//! A kernel with its constant parameters parsed.

use super::definition::{Kernel, OperandType};
use crate::executor::generation;
use crate::{Error, Result};
use ironbatch_kernel::abi::{self, MAX_RANK, Message, Operand, OperandSpec, ParamKind, ParamValue};
use ironbatch_kernel::{Dtype, Spec, Value};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};

/// A kernel bound to parameters; it can run any number of times, from any thread.
#[derive(Debug)]
pub struct Plan {
    pub(super) kernel: Arc<Kernel>,
    pub(super) raw: *const c_void,
    /// For each parameter: whether its values come per item.
    pub(super) per_item: Vec<bool>,
    /// States that no worker has at the moment.
    states: Mutex<Vec<State>>,
    generation: u64,
}

/// The state of one worker.
#[derive(Debug)]
pub(super) struct State(pub(super) *mut c_void);

// SAFETY: the SDK requires states to be `Send`; the interface requires plans to be usable from
// several threads at once.
unsafe impl Send for State {}
// SAFETY: as above.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

/// A buffer for what a kernel has to say.
pub(super) struct MessageBuffer {
    text: [u8; 1000],
    pub(super) message: Message,
}

impl MessageBuffer {
    pub(super) const fn new() -> Self {
        Self {
            text: [0; 1000],
            message: Message {
                struct_size: size_of::<Message>(),
                item: -1,
                data: ptr::null_mut(),
                capacity: 1000,
                length: 0,
            },
        }
    }

    /// The message to pass on; the buffer must not move while it is in use.
    pub(super) fn pass(&mut self) -> *mut Message {
        self.message.data = self.text.as_mut_ptr();
        (self.message.item, self.message.length) = (-1, 0);
        &raw mut self.message
    }

    pub(super) fn read(&self) -> String {
        let text = &self.text[..self.message.length.min(self.text.len())];
        if text.is_empty() {
            return "no message".to_owned();
        }
        String::from_utf8_lossy(text).into_owned()
    }
}

impl Kernel {
    /// Parse parameters. Names in `per_item` get their values with each run.
    ///
    /// Fails with the kernel's signature in the message if a parameter is missing, unknown, given
    /// twice or of another type.
    pub fn bind(self: &Arc<Self>, given: &[(String, Value)], per_item: &[String]) -> Result<Plan> {
        let mut values = self.values(given, per_item)?;
        values.extend(self.fixed.iter().cloned());
        let arrays: Vec<_> = values.iter().map(array_operand).collect();
        let mut raw_values: Vec<_> = values
            .iter()
            .zip(&arrays)
            .map(|(value, array)| raw_value(value, array.as_ref()))
            .collect();
        let is_per_item = |name: &String| per_item.contains(name);
        for (value, param) in raw_values.iter_mut().zip(&self.params) {
            value.reserved = u32::from(is_per_item(&param.name)) * abi::EACH_ITEM;
        }
        let pointers: Vec<_> = raw_values.iter().map(ptr::from_ref).collect();
        let Some(prepare) = self.info.prepare else {
            return Err(self.incomplete());
        };
        let mut raw = ptr::null_mut();
        let mut buffer = MessageBuffer::new();
        // SAFETY: the values are of the kinds that the table asks for, in its order.
        let code = unsafe {
            prepare(
                pointers.as_ptr(),
                pointers.len(),
                &raw mut raw,
                buffer.pass(),
            )
        };
        self.outcome(code, &buffer)?;
        Ok(Plan {
            kernel: Arc::clone(self),
            raw,
            per_item: self
                .params
                .iter()
                .map(|param| is_per_item(&param.name))
                .collect(),
            states: Mutex::default(),
            generation: generation(),
        })
    }

    /// A value for each parameter; None where it comes per item.
    fn values(&self, given: &[(String, Value)], per_item: &[String]) -> Result<Vec<Value>> {
        let names = || given.iter().map(|(name, _)| name).chain(per_item);
        for name in names() {
            if !self.params.iter().any(|param| param.name == *name) {
                return Err(self.complain(&format!("has no parameter {name}")));
            }
            if names().filter(|other| *other == name).count() > 1 {
                return Err(self.complain(&format!("parameter {name} is given twice")));
            }
        }
        let mut values = Vec::with_capacity(self.params.len());
        for param in &self.params {
            let value = if per_item.contains(&param.name) {
                if param.item_dtype().is_none() {
                    return Err(self.complain(&format!(
                        "parameter {} is the same for all items",
                        param.name
                    )));
                }
                Value::None
            } else if let Some((_, value)) = given.iter().find(|(name, _)| *name == param.name) {
                match param.coerce(value.clone()) {
                    Ok(value) => value,
                    Err(error) => return Err(self.complain(&error.to_string())),
                }
            } else if let Some(default) = &param.default {
                default.clone()
            } else {
                return Err(self.complain(&format!("parameter {} is missing", param.name)));
            };
            values.push(value);
        }
        Ok(values)
    }

    /// A `TypeError` that shows how the kernel is called.
    pub(super) fn complain(&self, what: &str) -> Error {
        Error::Type(format!(
            "{}: {what}; its signature is {}",
            self.name,
            self.signature()
        ))
    }

    /// A `ValueError` that shows how the kernel is called.
    pub(super) fn refuse(&self, what: &str) -> Error {
        Error::Value(format!(
            "{}: {what}; its signature is {}",
            self.name,
            self.signature()
        ))
    }

    fn incomplete(&self) -> Error {
        Error::Library(format!("kernel {} lacks a function", self.name))
    }

    /// What a call that is not about items returned.
    fn outcome(&self, code: i32, buffer: &MessageBuffer) -> Result<()> {
        match code {
            abi::OK => Ok(()),
            abi::CANCELLED => Err(Error::Interrupted),
            abi::PANICKED => Err(Error::Panic(format!(
                "kernel {} panicked: {}",
                self.name,
                buffer.read()
            ))),
            _ => Err(self.refuse(&buffer.read())),
        }
    }

    /// Check what goes in or comes out, by name, dtype and number of axes.
    pub(super) fn check_specs<'t>(
        &self,
        types: impl IntoIterator<Item = &'t OperandType>,
        specs: &[Spec],
    ) -> Result<()> {
        let types: Vec<_> = types.into_iter().collect();
        if types.len() != specs.len() {
            return Err(self.complain(&format!(
                "takes {} array(s), got {}",
                types.len(),
                specs.len()
            )));
        }
        for (number, (kind, spec)) in types.iter().zip(specs).enumerate() {
            let rank = spec.shape.len();
            if !kind.dtypes.contains(&spec.dtype) || rank < kind.min_rank || rank > kind.max_rank {
                return Err(self.complain(&format!(
                    "{} has to be {}, got an item of {} with {rank} axes",
                    kind.name,
                    kind.describe(),
                    spec.dtype
                )));
            }
            let first = types.iter().position(|other| {
                other.type_variable != 0 && other.type_variable == kind.type_variable
            });
            if let Some(first) = first.filter(|&first| first < number)
                && specs[first].dtype != spec.dtype
            {
                return Err(self.complain(&format!(
                    "{} and {} have to be of one dtype, got {} and {}",
                    types[first].name, kind.name, specs[first].dtype, spec.dtype
                )));
            }
        }
        Ok(())
    }
}

impl Plan {
    /// The kernel that this binds.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Dtypes and shapes of the outputs of one item, from those of its inputs. An output that grows
    /// has the shape `[-1]`.
    pub fn infer(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let kernel = &self.kernel;
        kernel.check_specs(&kernel.inputs, inputs)?;
        let given: Vec<_> = inputs.iter().map(raw_spec).collect();
        let mut found = vec![EMPTY_SPEC; kernel.outputs.len()];
        let given_pointers: Vec<_> = given.iter().map(ptr::from_ref).collect();
        let found_pointers: Vec<_> = found.iter_mut().map(ptr::from_mut).collect();
        let Some(infer) = kernel.info.infer else {
            return Err(kernel.incomplete());
        };
        let mut buffer = MessageBuffer::new();
        // SAFETY: as many specs as the table says, and a plan of this kernel.
        let code = unsafe {
            infer(
                self.raw,
                given_pointers.as_ptr(),
                found_pointers.as_ptr(),
                buffer.pass(),
            )
        };
        kernel.outcome(code, &buffer)?;
        let outputs = found
            .iter()
            .zip(&kernel.outputs)
            .map(|(spec, kind)| {
                let shape = spec.shape.get(..spec.rank as usize)?;
                let dtype = Dtype::from_code(spec.dtype)?;
                let is_possible = if kind.growing {
                    shape == [-1]
                } else {
                    shape.iter().all(|&length| length >= 0)
                };
                is_possible.then(|| Spec {
                    dtype,
                    shape: shape.to_vec(),
                })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                Error::Value(format!(
                    "kernel {} inferred an impossible output",
                    kernel.name
                ))
            })?;
        kernel.check_specs(&kernel.outputs, &outputs)?;
        Ok(outputs)
    }

    /// A state that nobody else uses, or null if the kernel keeps none.
    pub(super) fn check_out(&self) -> Result<State> {
        let Some(new_state) = self.kernel.info.new_state else {
            return Ok(State(ptr::null_mut()));
        };
        // Never waits: after a fork the lock may be held by a thread that is gone.
        if let Some(state) = self.states.try_lock().ok().and_then(|mut free| free.pop()) {
            return Ok(state);
        }
        let mut state = ptr::null_mut();
        let mut buffer = MessageBuffer::new();
        // SAFETY: a plan of this kernel.
        let code = unsafe { new_state(self.raw, &raw mut state, buffer.pass()) };
        self.kernel.outcome(code, &buffer)?;
        Ok(State(state))
    }

    /// Give a state back.
    pub(super) fn check_in(&self, state: State) {
        if state.0.is_null() {
            return;
        }
        match self.states.try_lock() {
            Ok(mut free) => free.push(state),
            Err(_) => self.drop_state(&state),
        }
    }

    /// End a state; also right for one that a panic left half done.
    pub(super) fn drop_state(&self, state: &State) {
        if let Some(drop_state) = self.kernel.info.drop_state
            && !state.0.is_null()
        {
            // SAFETY: the state is this kernel's, and its owner gives it up.
            unsafe { drop_state(state.0) };
        }
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let states = match self.states.try_lock() {
            Ok(mut free) => std::mem::take(&mut *free),
            Err(_) => Vec::new(),
        };
        // What a forked child inherits may be half written by a thread that is gone: leak it.
        if self.generation != generation() {
            std::mem::forget(states);
            return;
        }
        for state in &states {
            self.drop_state(state);
        }
        if let Some(drop_plan) = self.kernel.info.drop_plan {
            // SAFETY: the plan is this kernel's and not used again.
            unsafe { drop_plan(self.raw.cast_mut()) };
        }
    }
}

pub(super) const EMPTY_SPEC: OperandSpec = OperandSpec {
    struct_size: size_of::<OperandSpec>(),
    kind: abi::DENSE,
    dtype: 0,
    rank: 0,
    reserved: 0,
    shape: [0; MAX_RANK],
};

fn raw_spec(spec: &Spec) -> OperandSpec {
    let mut raw = OperandSpec {
        dtype: spec.dtype as u32,
        rank: spec.shape.len() as u32,
        ..EMPTY_SPEC
    };
    for (target, &length) in raw.shape.iter_mut().zip(&spec.shape) {
        *target = length;
    }
    raw
}

/// The operand of a value that is an array.
fn array_operand(value: &Value) -> Option<Operand> {
    match value {
        Value::Array(array) => Some(array.operand()),
        _ => None,
    }
}

/// A value as the interface has it; it points into `value` and `array`.
fn raw_value(value: &Value, array: Option<&Operand>) -> ParamValue {
    let none = ParamValue::NONE;
    let of = |kind: ParamKind| ParamValue {
        kind: kind as u32,
        ..none
    };
    match value {
        Value::None => none,
        Value::Bool(flag) => ParamValue {
            integer: i64::from(*flag),
            ..of(ParamKind::Bool)
        },
        Value::Int(number) => ParamValue {
            integer: *number,
            ..of(ParamKind::Int)
        },
        Value::Float(number) => ParamValue {
            real: *number,
            ..of(ParamKind::Float)
        },
        Value::Text(text) => ParamValue {
            data: text.as_ptr().cast(),
            length: text.len(),
            ..of(ParamKind::Text)
        },
        Value::Ints(numbers) => ParamValue {
            data: numbers.as_ptr().cast(),
            length: numbers.len(),
            ..of(ParamKind::Ints)
        },
        Value::Floats(numbers) => ParamValue {
            data: numbers.as_ptr().cast(),
            length: numbers.len(),
            ..of(ParamKind::Floats)
        },
        Value::Array(_) => ParamValue {
            data: array.map_or(ptr::null(), |array| ptr::from_ref(array).cast()),
            ..of(ParamKind::Array)
        },
        Value::Dtype(dtype) => ParamValue {
            integer: *dtype as i64,
            ..of(ParamKind::Dtype)
        },
    }
}
