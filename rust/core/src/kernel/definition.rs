//! A kernel as its table describes it.

use crate::{Error, Result};
use ironbatch_kernel::abi::{self, KernelInfo, ParamKind};
use ironbatch_kernel::ndarray::ArrayD;
use ironbatch_kernel::{Dtype, Param, Value};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What keeps the code of kernels in memory.
pub type Owner = Arc<dyn Any + Send + Sync>;

/// What an input or output may be.
#[derive(Clone, Debug)]
pub struct OperandType {
    /// Name.
    pub name: String,
    /// Element types it may have.
    pub dtypes: Vec<Dtype>,
    /// Operands with the same number, if not 0, have the same element type.
    pub type_variable: u32,
    /// Lowest number of axes of an item.
    pub min_rank: usize,
    /// Highest number of axes of an item.
    pub max_rank: usize,
    /// Whether items may be of differing shapes.
    pub ragged: bool,
    /// Whether it is an output whose length is known only after the work.
    pub growing: bool,
    /// Whether its items are bytes rather than arrays of numbers.
    pub bytes: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the interface"
)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Kind of its values.
    pub kind: ParamKind,
    /// Whether it may be None.
    pub nullable: bool,
    /// Whether it may be given per item.
    pub per_item: bool,
    /// Whether a sequence may be given as an array of several axes.
    pub nested: bool,
    /// Whether one number may be given for a sequence, and stays one.
    pub number: bool,
    /// What its library calls its type; empty: after the kind.
    pub own_type_name: String,
    /// Its value if it is left out; None if it must be given.
    pub default: Option<Value>,
}

impl Parameter {
    /// The kind of a number of the interface.
    pub(super) fn kind_of(code: u32) -> Option<ParamKind> {
        [
            ParamKind::Bool,
            ParamKind::Int,
            ParamKind::Float,
            ParamKind::Text,
            ParamKind::Ints,
            ParamKind::Floats,
            ParamKind::Dtype,
            ParamKind::Any,
            ParamKind::Array,
        ]
        .into_iter()
        .find(|kind| *kind as u32 == code)
    }

    /// What values are called in messages and signatures.
    pub fn type_name(&self) -> &str {
        match self.kind {
            _ if !self.own_type_name.is_empty() => &self.own_type_name,
            ParamKind::None => "None",
            ParamKind::Bool => "bool",
            ParamKind::Int => "int",
            ParamKind::Float => "float",
            ParamKind::Text => "str",
            ParamKind::Ints => "Sequence[int]",
            ParamKind::Floats => "Sequence[float]",
            ParamKind::Dtype => "DTypeLike",
            ParamKind::Any => "object",
            ParamKind::Array => "ArrayLike",
        }
    }

    /// The element type of values given per item.
    pub fn item_dtype(&self) -> Option<Dtype> {
        match self.kind {
            _ if !self.per_item => None,
            ParamKind::Bool => Some(Dtype::Bool),
            ParamKind::Int | ParamKind::Ints => Some(Dtype::I64),
            ParamKind::Float | ParamKind::Floats => Some(Dtype::F64),
            _ => None,
        }
    }

    /// Number of axes of a value given per item.
    pub fn item_rank(&self) -> usize {
        usize::from(matches!(self.kind, ParamKind::Ints | ParamKind::Floats))
    }

    /// Whether values given per item may have so many axes.
    pub fn takes_item_rank(&self, rank: usize) -> bool {
        rank == self.item_rank() || (self.number && rank == 0)
    }

    /// A value as the kernel wants it: whole numbers do for numbers, 0 and 1 for truth values, one
    /// number for a sequence.
    pub fn coerce(&self, value: Value) -> Result<Value> {
        Ok(match (self.kind, value) {
            (_, Value::None) if self.nullable => Value::None,
            (ParamKind::Any, value)
            | (ParamKind::Bool, value @ Value::Bool(_))
            | (ParamKind::Int, value @ Value::Int(_))
            | (ParamKind::Float, value @ Value::Float(_))
            | (ParamKind::Text, value @ Value::Text(_))
            | (ParamKind::Ints, value @ Value::Ints(_))
            | (ParamKind::Floats, value @ Value::Floats(_))
            | (ParamKind::Dtype, value @ Value::Dtype(_))
            | (
                ParamKind::Array,
                value @ (Value::Array(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::Ints(_)
                | Value::Floats(_)),
            ) => value,
            (ParamKind::Bool, Value::Int(number @ 0..=1)) => Value::Bool(number != 0),
            (ParamKind::Float, Value::Int(number)) => Value::Float(number as f64),
            (ParamKind::Ints, value @ Value::Int(_))
            | (ParamKind::Floats, value @ Value::Float(_))
                if self.number =>
            {
                value
            }
            (ParamKind::Floats, Value::Int(number)) if self.number => Value::Float(number as f64),
            (ParamKind::Ints, Value::Int(number)) => Value::Ints(vec![number]),
            (ParamKind::Floats, Value::Int(number)) => Value::Floats(vec![number as f64]),
            (ParamKind::Floats, Value::Float(number)) => Value::Floats(vec![number]),
            (ParamKind::Floats, Value::Ints(numbers)) => {
                Value::Floats(numbers.into_iter().map(|number| number as f64).collect())
            }
            (ParamKind::Floats, value @ Value::Array(_)) if self.nested => {
                let refused = |error| Error::Type(format!("{}: {error}", self.name));
                let array = ArrayD::<f64>::from_value(value).map_err(refused)?;
                Value::Floats(array.into_iter().collect())
            }
            // An empty Python sequence has no telling type.
            (ParamKind::Ints, Value::Floats(numbers)) if numbers.is_empty() => {
                Value::Ints(Vec::new())
            }
            (ParamKind::Dtype, Value::Text(name)) => match Dtype::from_name(&name) {
                Some(dtype) => Value::Dtype(dtype),
                None => {
                    return Err(Error::Type(format!(
                        "{}={name}: not a dtype that kernels know",
                        self.name
                    )));
                }
            },
            (_, value) => {
                return Err(Error::Type(format!(
                    "{}={}: expected {}{}",
                    self.name,
                    super::signature::literal(&value),
                    self.type_name(),
                    if self.nullable { " or None" } else { "" },
                )));
            }
        })
    }
}

/// A kernel: what it takes, what it gives, and how to call it.
pub struct Kernel {
    /// Name, a valid Python identifier.
    pub name: String,
    /// Documentation.
    pub doc: String,
    /// What goes in.
    pub inputs: Vec<OperandType>,
    /// What comes out.
    pub outputs: Vec<OperandType>,
    /// Parameters.
    pub params: Vec<Parameter>,
    pub(super) info: KernelInfo,
    /// Values of the parameters that come behind those that users see.
    pub(super) fixed: Vec<Value>,
    /// None if the code lives as long as the process.
    owner: Option<Owner>,
    /// Measured picoseconds per byte that an item touches; 0 before the first run.
    cost: AtomicU64,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Kernel")
            .field("signature", &self.signature())
            .field("is_owned", &self.owner.is_some())
            .finish_non_exhaustive()
    }
}

// SAFETY: the pointers in `info` lead to constants and to functions that the interface requires
// to be callable from any thread.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

impl Kernel {
    pub(super) fn new(
        name: String,
        doc: String,
        info: KernelInfo,
        inputs: Vec<OperandType>,
        outputs: Vec<OperandType>,
        params: Vec<Parameter>,
    ) -> Self {
        Self {
            name,
            doc,
            inputs,
            outputs,
            params,
            info,
            fixed: Vec::new(),
            owner: None,
            cost: AtomicU64::new(0),
        }
    }

    /// The same kernel, whose code somebody keeps in memory.
    pub(super) fn owned_by(self, owner: Option<Owner>) -> Self {
        Self { owner, ..self }
    }

    /// A kernel under another name that has values for all of its parameters, which nobody sees.
    pub(super) fn fixing(
        &self,
        name: String,
        doc: String,
        values: Vec<Value>,
        owner: Option<Owner>,
    ) -> Self {
        Self {
            fixed: values,
            owner,
            ..Self::new(
                name,
                doc,
                self.info,
                self.inputs.clone(),
                self.outputs.clone(),
                Vec::new(),
            )
        }
    }

    /// Whether the kernel treats each element by itself.
    pub fn is_elementwise(&self) -> bool {
        self.info.flags & abi::ELEMENTWISE != 0
    }

    /// Whether an item with gaps is read about as quickly as one without.
    pub fn is_strided(&self) -> bool {
        self.info.flags & abi::STRIDED != 0
    }

    /// Whether shapes of outputs depend on what is in the items.
    pub fn is_varying(&self) -> bool {
        self.info.flags & abi::VARYING != 0
    }

    /// Whether one run takes items of differing shapes.
    pub fn takes_ragged(&self) -> bool {
        let mut operands = self.inputs.iter().chain(&self.outputs);
        self.info.infer_items.is_some() && operands.all(|operand| operand.ragged || operand.growing)
    }

    /// Whether the length of an output is known only after the work.
    pub fn is_growing(&self) -> bool {
        self.outputs.iter().any(|output| output.growing)
    }

    /// Outputs whose memory a request brings along.
    pub(super) fn fixed_outputs(&self) -> impl Iterator<Item = &OperandType> + Clone {
        self.outputs.iter().filter(|output| !output.growing)
    }

    /// Whether the kernel draws random numbers.
    pub fn is_random(&self) -> bool {
        self.info.flags & abi::RANDOM != 0
    }

    /// Nanoseconds that an item touching so many bytes is expected to take, once measured.
    pub(super) fn expected_nanoseconds(&self, item_bytes: usize) -> Option<u64> {
        let cost = self.cost.load(Ordering::Relaxed);
        (cost != 0).then(|| (cost.saturating_mul(item_bytes as u64) / 1000).max(1))
    }

    /// Learn from a run. Racing runs may lose a measurement, which does no harm.
    pub(super) fn learn(&self, nanoseconds: u64, n_items: u64, item_bytes: usize) {
        let bytes = n_items.saturating_mul(item_bytes as u64).max(1);
        let measured = (nanoseconds.saturating_mul(1000) / bytes).max(1);
        let known = self.cost.load(Ordering::Relaxed);
        let mixed = if known == 0 {
            measured
        } else {
            known - known / 4 + measured / 4
        };
        self.cost.store(mixed.max(1), Ordering::Relaxed);
    }
}
