//! Shapes of items: the same for all, or one for each.

use super::call::Pointers;
use super::definition::OperandType;
use super::memory::Memory;
use super::plan::{EMPTY_SPEC, MessageBuffer, Plan};
use super::run::Request;
use crate::executor::{CancelFlag, ItemError, Job};
use crate::{Error, Result};
use ironbatch_kernel::abi::{self, MAX_RANK, OperandSpec, RunCall};
use ironbatch_kernel::{Dtype, Spec};
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// Items worth another thread when only their shapes are worked out.
const GRAIN: usize = 256;

/// Where the items of a ragged column lie, and their shapes: checked, and a copy that nobody else
/// can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaggedLayout {
    offsets: Vec<i64>,
    shapes: Vec<i64>,
    rank: usize,
}

impl RaggedLayout {
    /// Check offsets and shapes that somebody gives for `n_values` values.
    ///
    /// Fails if offsets go backwards or beyond the values, or a shape does not hold its item.
    pub fn new(offsets: Vec<i64>, shapes: Vec<i64>, rank: usize, n_values: usize) -> Result<Self> {
        let n_items = offsets.len().saturating_sub(1);
        if offsets.is_empty() || !(1..=MAX_RANK).contains(&rank) || shapes.len() != n_items * rank {
            return Err(Error::Value(format!(
                "ragged items of {rank} axes need n + 1 offsets and n * {rank} lengths, got {} and {}",
                offsets.len(),
                shapes.len()
            )));
        }
        for (item, (ends, shape)) in offsets
            .windows(2)
            .zip(shapes.chunks_exact(rank))
            .enumerate()
        {
            let (start, end) = (ends[0], ends[1]);
            if start < 0 || start > end || end as u64 > n_values as u64 {
                return Err(Error::Value(format!(
                    "item {item} is said to lie from {start} to {end} of {n_values} values"
                )));
            }
            if elements(shape) != Some(end - start) {
                return Err(Error::Value(format!(
                    "item {item} has {} values, its shape is {shape:?}",
                    end - start
                )));
            }
        }
        Ok(Self {
            offsets,
            shapes,
            rank,
        })
    }

    /// Items of given shapes, end to end.
    fn of_shapes(shapes: Vec<i64>, rank: usize) -> Result<Self> {
        let mut offsets = Vec::with_capacity(shapes.len() / rank.max(1) + 1);
        let mut end = 0_i64;
        offsets.push(0);
        for shape in shapes.chunks_exact(rank) {
            end = elements(shape)
                .and_then(|count| end.checked_add(count))
                .ok_or_else(|| Error::Memory("the items have too many values".into()))?;
            offsets.push(end);
        }
        Ok(Self {
            offsets,
            shapes,
            rank,
        })
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of axes of an item.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Item `i` lies from `offsets[i]` to `offsets[i + 1]`.
    pub fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    /// Lengths of all items, one shape after another.
    pub fn shapes(&self) -> &[i64] {
        &self.shapes
    }

    /// Where the first item starts and the last one ends.
    pub(super) fn span(&self) -> (usize, usize) {
        let ends = |ends: Option<&i64>| ends.map_or(0, |&end| end as usize);
        (ends(self.offsets.first()), ends(self.offsets.last()))
    }
}

/// Number of elements; None if a length is negative or the product too large.
fn elements(shape: &[i64]) -> Option<i64> {
    shape.iter().try_fold(1_i64, |product, &length| {
        (length >= 0).then(|| product.checked_mul(length)).flatten()
    })
}

/// Dtype and shapes of the items of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// All items are alike.
    Same(Spec),
    /// Items of one dtype and number of axes, but of different shapes.
    Varying(Dtype, RaggedLayout),
    /// Items of one axis whose lengths are known only after the work.
    Growing(Dtype),
}

impl Layout {
    /// The layout of an output that is alike for all items.
    pub(super) fn of(spec: Spec, kind: &OperandType) -> Self {
        if kind.growing {
            Self::Growing(spec.dtype)
        } else {
            Self::Same(spec)
        }
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Same(spec) => spec.dtype,
            Self::Varying(dtype, _) | Self::Growing(dtype) => *dtype,
        }
    }
}

impl Plan {
    /// Whether [`layouts`](Self::layouts) has to look at each item.
    fn looks_at_items(&self, inputs: &[Memory<'_>]) -> bool {
        let kernel = &self.kernel;
        kernel.is_varying()
            || inputs.iter().any(|memory| memory.ragged.is_some())
            || (kernel.info.infer_items.is_some() && self.per_item.contains(&true))
    }

    /// Dtypes and shapes of the outputs of a request, whose own outputs are not looked at.
    pub fn layouts(&self, request: &Request<'_>) -> Result<Vec<Layout>> {
        let kernel = &self.kernel;
        let specs: Vec<_> = request.inputs.iter().map(Memory::spec).collect();
        if !self.looks_at_items(request.inputs) {
            let found = self.infer(&specs)?.into_iter().zip(&kernel.outputs);
            return Ok(found.map(|(spec, kind)| Layout::of(spec, kind)).collect());
        }
        kernel.check_specs(&kernel.inputs, &specs)?;
        if kernel.info.infer_items.is_none() {
            return Err(Error::Type(format!(
                "{}: takes no items of differing shapes at once; its signature is {}",
                kernel.name,
                kernel.signature()
            )));
        }
        for (kind, memory) in kernel.inputs.iter().zip(request.inputs) {
            self.check_memory(kind, memory, request.n_items)?;
        }
        let params = self.check_params(request.params, request.n_items)?;
        let random = self.check_random(request)?;
        let inputs: Vec<_> = request.inputs.iter().map(Memory::operand).collect();
        let pointers = Pointers {
            inputs: inputs.iter().map(ptr::from_ref).collect(),
            params: params
                .iter()
                .map(|param| param.as_ref().map_or(ptr::null(), ptr::from_ref))
                .collect(),
            random: random.as_ref().map_or(ptr::null(), ptr::from_ref),
        };
        let n_outputs = kernel.outputs.len();
        let mut shapes = vec![vec![0_i64; request.n_items * MAX_RANK]; n_outputs];
        let starts: Vec<_> = shapes
            .iter_mut()
            .map(|list| Start(list.as_mut_ptr()))
            .collect();
        let found = Mutex::new(None::<Vec<(u32, u32)>>);
        let cancel = CancelFlag::new();
        Job::new(request.n_items)
            .grain(GRAIN)
            .cancel(&cancel)
            .most_threads(request.limits.n_workers.unwrap_or(usize::MAX))
            .run(&|range| {
                let mut specs = vec![EMPTY_SPEC; n_outputs];
                let spec_pointers: Vec<_> = specs.iter_mut().map(ptr::from_mut).collect();
                let shape_pointers: Vec<_> = starts
                    .iter()
                    .map(|start| start.get().wrapping_add(range.start * MAX_RANK))
                    .collect();
                self.infer_range(
                    &pointers,
                    (range.start, range.end),
                    &cancel,
                    &spec_pointers,
                    &shape_pointers,
                )?;
                let kinds: Vec<_> = specs.iter().map(|spec| (spec.dtype, spec.rank)).collect();
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                if found.get_or_insert_with(|| kinds.clone()) != &kinds {
                    return Err(ItemError {
                        item: range.start,
                        error: Error::Value(format!(
                            "{}: items whose results differ in dtype or number of axes",
                            kernel.name
                        )),
                    });
                }
                Ok(())
            })
            .map_err(super::run::of_item)?;
        let kinds = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        kinds
            .unwrap_or_default()
            .into_iter()
            .zip(&shapes)
            .zip(&kernel.outputs)
            .map(|(((dtype, rank), shapes), kind)| self.layout(kind, dtype, rank as usize, shapes))
            .collect()
    }

    fn infer_range(
        &self,
        pointers: &Pointers,
        (start, end): (usize, usize),
        cancel: &CancelFlag,
        specs: &[*mut OperandSpec],
        shapes: &[*mut i64],
    ) -> std::result::Result<(), ItemError> {
        let mut buffer = MessageBuffer::new();
        let call = RunCall {
            inputs: pointers.inputs.as_ptr(),
            params: pointers.params.as_ptr(),
            random: pointers.random,
            message: buffer.pass(),
            ..self.raw_call(start..end, cancel)
        };
        let code = match self.kernel.info.infer_items {
            // SAFETY: the inputs were checked; there is room for a shape of each item and output.
            Some(infer) => unsafe { infer(&raw const call, specs.as_ptr(), shapes.as_ptr()) },
            None => abi::FAILED,
        };
        self.item_outcome(code, &buffer, start..end)
    }

    /// The layout of an output whose items have the given shapes, [`MAX_RANK`] numbers each.
    fn layout(
        &self,
        kind: &OperandType,
        dtype: u32,
        rank: usize,
        shapes: &[i64],
    ) -> Result<Layout> {
        let impossible = || {
            Error::Value(format!(
                "kernel {} inferred an impossible output",
                self.kernel.name
            ))
        };
        let dtype = Dtype::from_code(dtype).ok_or_else(impossible)?;
        if rank > MAX_RANK || !kind.dtypes.contains(&dtype) {
            return Err(impossible());
        }
        if kind.growing {
            return Ok(Layout::Growing(dtype));
        }
        let mut of_items = shapes.chunks_exact(MAX_RANK).map(|shape| &shape[..rank]);
        let first = of_items.next().unwrap_or_default();
        let mut of_all = shapes.chunks_exact(MAX_RANK).map(|shape| &shape[..rank]);
        if let Some(shape) = of_all.find(|shape| elements(shape).is_none()) {
            if shape.iter().any(|&length| length < 0) {
                return Err(impossible());
            }
            return Err(Error::Value(format!(
                "{}: no array can have the shape {shape:?}",
                self.kernel.name
            )));
        }
        if of_items.all(|shape| shape == first) {
            return Ok(Layout::Same(Spec {
                dtype,
                shape: first.to_vec(),
            }));
        }
        let shapes = shapes
            .chunks_exact(MAX_RANK)
            .flat_map(|shape| &shape[..rank])
            .copied()
            .collect();
        RaggedLayout::of_shapes(shapes, rank).map(|layout| Layout::Varying(dtype, layout))
    }
}

/// First shape of an output, of which each range of items writes its own.
struct Start(*mut i64);

impl Start {
    fn get(&self) -> *mut i64 {
        self.0
    }
}

// SAFETY: ranges of items do not overlap.
unsafe impl Sync for Start {}
