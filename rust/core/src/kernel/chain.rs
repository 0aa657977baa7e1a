//! Kernels that follow one another, carried out item by item.
//!
//! What lies between two kernels is one item in the scratch memory of a worker, never a column: it
//! stays in cache, and only the last kernel writes to memory that is kept. What the first one reads
//! may be picked from a longer column, so that a batch's rows need not be gathered before.

use super::layout::Layout;
use super::memory::Memory;
use super::pass::{Pass, Stage};
use super::plan::Plan;
use super::run::{Limits, RandomSource, Request, of_item};
use crate::{Error, Result};
use ironbatch_kernel::abi::MAX_RANK;
use ironbatch_kernel::{Dtype, Spec};
use std::ptr;

/// One kernel of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The kernel with its constant parameters.
    pub plan: &'a Plan,
    /// Values of its parameters per item.
    pub params: &'a [Memory<'a>],
    /// Where its random numbers come from, if it draws some.
    pub random: Option<RandomSource<'a>>,
    /// Which items it is for, if not for all: the others pass it as they are.
    pub applied: Option<&'a [bool]>,
}

/// Kernels of which each takes what the one before it gives.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The kernels, at least one.
    pub links: &'a [Link<'a>],
    /// Number of items.
    pub n_items: usize,
    /// Inputs of the first one.
    pub inputs: &'a [Memory<'a>],
    /// For each item its place in the inputs, if these hold others too. None: item i is at place i.
    pub rows: Option<&'a [usize]>,
    /// How it may run.
    pub limits: Limits,
}

impl Chain<'_> {
    fn refuse<T>(what: &str) -> Result<T> {
        Err(Error::Type(format!("chain: {what}")))
    }

    fn request<'b>(&'b self, link: &'b Link<'b>, inputs: &'b [Memory<'b>]) -> Request<'b> {
        Request {
            n_items: self.n_items,
            inputs,
            outputs: &[],
            params: link.params,
            random: link.random,
            limits: self.limits,
        }
    }

    /// Dtype and shapes of what each kernel gives.
    ///
    /// Fails if kernels do not fit each other: with several outputs, with several inputs behind
    /// the first, or with shapes that depend on what is in items that do not exist yet; and if one
    /// that is not for all items changes their dtype or shape.
    pub fn layouts(&self) -> Result<Vec<Layout>> {
        let specs: Vec<_> = self.inputs.iter().map(Memory::spec).collect();
        let picked = match self.rows {
            None => None,
            Some(_) if self.inputs.iter().any(|memory| memory.ragged.is_some()) => {
                return Self::refuse("items of differing shapes are not picked");
            }
            // No kernel reads this memory.
            Some(_) => Some(specs.iter().map(nowhere).collect::<Vec<_>>()),
        };
        let inputs = picked.as_deref().unwrap_or(self.inputs);
        let mut layouts: Vec<Layout> = Vec::with_capacity(self.links.len());
        for (number, link) in self.links.iter().enumerate() {
            let kernel = link.plan.kernel();
            if kernel.is_growing() {
                return Self::refuse(&format!(
                    "{} gives items whose lengths are known only afterwards: it runs by itself",
                    kernel.name
                ));
            }
            if kernel.outputs.len() != 1 || (number > 0 && kernel.inputs.len() != 1) {
                return Self::refuse(&format!(
                    "{} has to take one array and give one",
                    kernel.name
                ));
            }
            let looks = kernel.is_varying() && (number > 0 || self.rows.is_some());
            let mut found = match layouts.last() {
                _ if looks => {
                    return Self::refuse(&format!(
                        "{} looks into items to tell the shape of its result, so it comes first",
                        kernel.name
                    ));
                }
                None => link.plan.layouts(&self.request(link, inputs))?,
                Some(before) => {
                    let inputs = [imaginary(before)];
                    link.plan.layouts(&self.request(link, &inputs))?
                }
            };
            let Some(layout) = found.pop() else {
                return Self::refuse("there are no items");
            };
            if link.applied.is_some() {
                let is_kept = match (layouts.last(), &layout, &specs[..]) {
                    (Some(before), after, _) => before == after,
                    (None, Layout::Same(after), [before]) => before == after,
                    _ => false,
                };
                if !is_kept {
                    return Self::refuse(&format!(
                        "{} changes items, but is not for all of them",
                        kernel.name
                    ));
                }
            }
            layouts.push(layout);
        }
        Ok(layouts)
    }

    /// Run on all items; `layouts` are those of [`layouts`](Self::layouts).
    ///
    /// Gives the same bytes as the kernels one after another. A failure is that of the lowest
    /// failing item, by the first kernel that fails on it.
    pub fn run(&self, layouts: &[Layout], output: Memory<'_>) -> Result<()> {
        let (Some(first), Some(last)) = (self.links.first(), self.links.last()) else {
            return Self::refuse("there are no kernels");
        };
        if self.n_items == 0 {
            return Ok(());
        }
        if layouts.len() != self.links.len() {
            return Self::refuse("there is a layout for each kernel");
        }
        if self.links.len() == 1 && self.rows.is_none() && first.applied.is_none() {
            let outputs = [output];
            let request = Request {
                outputs: &outputs,
                ..self.request(first, self.inputs)
            };
            return first.plan.run_laid_out(&request, layouts).map(drop);
        }
        self.check(first, last, layouts, output)?;
        let mut before = self.inputs.iter().map(Memory::item_bytes).sum::<usize>();
        let stages = self
            .links
            .iter()
            .zip(layouts)
            .map(|(link, layout)| {
                let request = self.request(link, self.inputs);
                let after = largest(layout);
                let bytes = before.saturating_add(after);
                before = after;
                Ok(Stage::new(
                    link.plan,
                    link.plan.check_params(link.params, self.n_items)?,
                    link.plan.check_random(&request)?,
                    link.applied,
                    layout,
                    bytes,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let pass = Pass {
            stages,
            inputs: self.inputs.iter().map(Memory::operand).collect(),
            rows: self.rows,
            output: output.output_operand(self.n_items),
        };
        pass.run(self.n_items, self.limits).map_err(of_item)
    }

    /// Check what goes into the first kernel and comes out of the last one.
    fn check(
        &self,
        first: &Link<'_>,
        last: &Link<'_>,
        layouts: &[Layout],
        output: Memory<'_>,
    ) -> Result<()> {
        let kernel = first.plan.kernel();
        if self.links.iter().any(|link| {
            link.applied
                .is_some_and(|applied| applied.len() != self.n_items)
        }) {
            return Err(Error::Value(
                "chain: not as many choices as there are items".into(),
            ));
        }
        for (kind, memory) in kernel.inputs.iter().zip(self.inputs) {
            let n_there = match self.rows {
                None => self.n_items,
                Some(rows) => {
                    if rows.len() != self.n_items {
                        return Err(Error::Value("chain: not one row for each item".into()));
                    }
                    if let Some(row) = rows.iter().find(|&&row| row >= memory.n_items) {
                        return Err(Error::Bounds(format!(
                            "row {row} is outside of the {} items of {}",
                            memory.n_items, kind.name
                        )));
                    }
                    memory.n_items
                }
            };
            first.plan.check_memory(kind, memory, n_there)?;
            if output.overlaps_items(self.n_items, memory, n_there) {
                return Err(Error::Value(format!(
                    "chain: the output overlaps {} in memory",
                    kind.name
                )));
            }
        }
        let specs: Vec<_> = self.inputs.iter().map(Memory::spec).collect();
        let before = match layouts {
            [.., before, _] => vec![imaginary(before)],
            _ => specs.iter().map(nowhere).collect(),
        };
        let outputs = [output];
        let request = Request {
            outputs: &outputs,
            ..self.request(last, &before)
        };
        last.plan
            .check_operands(&request, &layouts[layouts.len() - 1..])
            .map(|_| ())
    }
}

/// Memory that is nowhere, with the shapes of a layout.
fn imaginary(layout: &Layout) -> Memory<'_> {
    match layout {
        Layout::Growing(dtype) => nowhere(&Spec {
            dtype: *dtype,
            shape: vec![0],
        }),
        Layout::Same(spec) => nowhere(spec),
        Layout::Varying(dtype, ragged) => {
            // SAFETY: whoever gets it looks at shapes alone.
            unsafe { Memory::of_ragged(ptr::without_provenance_mut(64), *dtype, ragged, false) }
        }
    }
}

/// Memory that is nowhere, for any number of items of a shape.
fn nowhere<'a>(spec: &Spec) -> Memory<'a> {
    let lengths = spec.shape.iter().map(|&length| length as usize);
    let shape: Vec<_> = lengths.take(MAX_RANK).collect();
    let strides = [0; MAX_RANK];
    let data = ptr::without_provenance_mut(64);
    // SAFETY: whoever gets it looks at shapes alone.
    let memory =
        unsafe { Memory::of_one(data, spec.dtype, &shape, &strides[..shape.len()], false) };
    memory.unwrap_or_else(|| unreachable!("at most {MAX_RANK} axes"))
}

/// Bytes of the largest item.
fn largest(layout: &Layout) -> usize {
    let bytes = |shape: &[i64], dtype: Dtype| {
        shape.iter().fold(dtype.size(), |product, &length| {
            product.saturating_mul(length as usize)
        })
    };
    match layout {
        Layout::Same(spec) => bytes(&spec.shape, spec.dtype),
        Layout::Varying(dtype, ragged) => ragged
            .shapes()
            .chunks_exact(ragged.rank())
            .map(|shape| bytes(shape, *dtype))
            .max()
            .unwrap_or(0),
        Layout::Growing(_) => 0,
    }
}
