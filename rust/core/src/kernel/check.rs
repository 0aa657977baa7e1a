//! What has to hold before a kernel may touch the memory of a request.

use super::definition::OperandType;
use super::growing;
use super::layout::Layout;
use super::memory::Memory;
use super::plan::Plan;
use super::run::{Prepared, Request};
use crate::{Error, Result};
use ironbatch_kernel::abi::{Operand, Random};
use std::ptr;

/// Items of at most so many bytes are joined where they can be.
const JOINED: usize = 16 << 10;

impl Plan {
    pub(super) fn check(&self, request: &Request<'_>, layouts: &[Layout]) -> Result<Prepared> {
        let mut prepared = self.check_operands(request, layouts)?;
        prepared.params = self.check_params(request.params, request.n_items)?;
        prepared.joinable = self.joinable(request, &prepared);
        Ok(prepared)
    }

    /// What has to hold for the memory of one operand.
    pub(super) fn check_memory(
        &self,
        kind: &OperandType,
        memory: &Memory<'_>,
        n_items: usize,
    ) -> Result<()> {
        let refuse = |what: &str| {
            Err(Error::Value(format!(
                "{}: {} {what}",
                self.kernel.name, kind.name
            )))
        };
        if memory.n_items < n_items || (memory.ragged.is_some() && memory.n_items != n_items) {
            return refuse(&format!("has {} items, not {n_items}", memory.n_items));
        }
        if memory.ragged.is_some() && !kind.ragged {
            return refuse("takes no items of differing shapes");
        }
        if !memory.is_aligned(n_items) || !memory.is_bounded(n_items) {
            return refuse("is not aligned: copy it first");
        }
        Ok(())
    }

    /// Everything that has to hold before a kernel may touch the memory.
    pub(super) fn check_operands(
        &self,
        request: &Request<'_>,
        layouts: &[Layout],
    ) -> Result<Prepared> {
        let kernel = &self.kernel;
        let n_items = request.n_items;
        let outputs: Vec<_> = request.outputs.iter().map(Memory::spec).collect();
        kernel.check_specs(kernel.fixed_outputs(), &outputs)?;
        for (kind, memory) in kernel.inputs.iter().zip(request.inputs) {
            self.check_memory(kind, memory, n_items)?;
        }
        for (kind, memory) in kernel.fixed_outputs().zip(request.outputs) {
            self.check_memory(kind, memory, n_items)?;
            let refuse = |what: &str| {
                Err(Error::Value(format!(
                    "{}: {} {what}",
                    kernel.name, kind.name
                )))
            };
            if !memory.writable {
                return refuse("is read-only");
            }
            if memory.overlaps_itself(n_items) {
                return refuse("has elements that share memory");
            }
        }
        let fixed = layouts
            .iter()
            .filter(|layout| !matches!(layout, Layout::Growing(_)));
        let fixed = fixed.zip(kernel.fixed_outputs());
        for (number, (output, (layout, kind))) in request.outputs.iter().zip(fixed).enumerate() {
            let name = &kind.name;
            let fits = match layout {
                Layout::Growing(_) => false,
                Layout::Same(expected) => output.ragged.is_none() && outputs[number] == *expected,
                Layout::Varying(dtype, expected) => {
                    output.dtype == *dtype
                        && output
                            .ragged
                            .is_some_and(|layout| layout.shapes() == expected.shapes())
                }
            };
            if !fits {
                let shape = match layout {
                    Layout::Same(expected) => &expected.shape[..],
                    Layout::Varying(..) | Layout::Growing(_) => &[],
                };
                return Err(Error::Value(format!(
                    "{}: {name} has items of {} {:?}, the kernel gives {} {shape:?}",
                    kernel.name,
                    outputs[number].dtype,
                    outputs[number].shape,
                    layout.dtype(),
                )));
            }
            let others = request.inputs.iter().zip(&kernel.inputs);
            let earlier = request.outputs.iter().zip(kernel.fixed_outputs());
            let others = others.chain(earlier.take(number));
            for (other, kind) in others {
                if output.overlaps(other, n_items) {
                    return Err(Error::Value(format!(
                        "{}: {name} overlaps {} in memory",
                        kernel.name, kind.name
                    )));
                }
            }
        }
        let mut given = request.outputs.iter();
        let outputs = layouts.iter().map(|layout| match layout {
            Layout::Growing(dtype) => Some(growing::operand(*dtype)),
            _ => given.next().map(|memory| memory.output_operand(n_items)),
        });
        Ok(Prepared {
            inputs: request.inputs.iter().map(Memory::operand).collect(),
            outputs: outputs.collect::<Option<_>>().ok_or_else(|| {
                kernel.complain("an output has neither memory nor a place to grow in")
            })?,
            params: Vec::new(),
            random: self.check_random(request)?,
            joinable: None,
            item_bytes: request
                .inputs
                .iter()
                .chain(request.outputs)
                .fold(0, |sum, memory| sum.saturating_add(memory.item_bytes())),
        })
    }

    /// Elements of an item, if the kernel treats each by itself and small items lie end to end:
    /// then a range of them is one long item, and what an item costs is paid once.
    fn joinable(&self, request: &Request<'_>, prepared: &Prepared) -> Option<usize> {
        let kernel = &self.kernel;
        let takes_one_axis = |kinds: &[OperandType]| {
            kinds
                .iter()
                .all(|kind| kind.min_rank <= 1 && kind.max_rank >= 1)
        };
        let shape = request.inputs.first()?.shape();
        let joinable = prepared.item_bytes <= JOINED
            && kernel.is_elementwise()
            && !kernel.is_random()
            && prepared.params.iter().all(Option::is_none)
            && takes_one_axis(&kernel.inputs)
            && !kernel.is_growing()
            && takes_one_axis(&kernel.outputs)
            && request
                .inputs
                .iter()
                .chain(request.outputs)
                .all(|memory| memory.shape() == shape && memory.is_contiguous());
        joinable.then(|| shape.iter().product::<i64>() as usize)
    }

    pub(super) fn check_params(
        &self,
        given: &[Memory<'_>],
        n_items: usize,
    ) -> Result<Vec<Option<Operand>>> {
        let kernel = &self.kernel;
        let mut given = given.iter();
        let mut params = Vec::with_capacity(kernel.params.len());
        for (param, &per_item) in kernel.params.iter().zip(&self.per_item) {
            if !per_item {
                params.push(None);
                continue;
            }
            let Some(memory) = given.next() else {
                return Err(kernel.complain(&format!("values of {} are missing", param.name)));
            };
            if Some(memory.dtype) != param.item_dtype() || !param.takes_item_rank(memory.rank) {
                return Err(kernel.complain(&format!(
                    "{} takes one {} per item",
                    param.name,
                    param.type_name()
                )));
            }
            if memory.n_items != n_items || !memory.is_aligned(n_items) {
                return Err(kernel.refuse(&format!(
                    "{} has {} values for {n_items} items",
                    param.name, memory.n_items
                )));
            }
            params.push(Some(memory.operand()));
        }
        params.extend(kernel.fixed.iter().map(|_| None));
        match given.next() {
            None => Ok(params),
            Some(_) => Err(kernel.complain("values for parameters that are constant")),
        }
    }

    pub(super) fn check_random(&self, request: &Request<'_>) -> Result<Option<Random>> {
        let kernel = &self.kernel;
        if !kernel.is_random() {
            return Ok(None);
        }
        let refuse = |what: &str| Err(Error::Value(format!("{}: {what}", kernel.name)));
        let Some(source) = request.random else {
            return refuse("draws random numbers, but was given no place to take them from");
        };
        let lists = [
            Some(source.origins),
            source.epochs,
            source.operations,
            source.blocks,
        ];
        if lists
            .iter()
            .flatten()
            .any(|list| list.len() < request.n_items)
        {
            return refuse("fewer random streams than items");
        }
        let pointer = |list: Option<&[u64]>| list.map_or(ptr::null(), <[u64]>::as_ptr);
        Ok(Some(Random {
            struct_size: size_of::<Random>(),
            key: source.key,
            operation: source.operation,
            origins: source.origins.as_ptr(),
            epochs: pointer(source.epochs),
            operations: pointer(source.operations),
            blocks: pointer(source.blocks),
        }))
    }
}

/// Outputs of different requests must not meet anything of another one.
pub(super) fn check_each_other(requests: &[Request<'_>]) -> Result<()> {
    let mut extents = Vec::new();
    for (position, request) in requests.iter().enumerate() {
        for (memories, is_output) in [(request.inputs, false), (request.outputs, true)] {
            extents.extend(memories.iter().filter_map(|memory| {
                memory
                    .extent_of_one()
                    .map(|(low, high)| (low, high, is_output, position))
            }));
        }
    }
    extents.sort_unstable();
    // Highest end so far of all operands, and of outputs alone.
    let (mut end, mut output_end) = (0, 0);
    for (low, high, is_output, position) in extents {
        if low < output_end || (is_output && low < end) {
            return Err(Error::Value(format!(
                "item {position}: an output overlaps other items"
            )));
        }
        end = end.max(high);
        if is_output {
            output_end = output_end.max(high);
        }
    }
    Ok(())
}
