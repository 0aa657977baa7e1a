//! Kernels that follow one another, carried out item by item.
//!
//! What lies between two kernels is one item in the scratch memory of a worker, never a column: it
//! stays in cache, and only the last kernel writes to memory that is kept.

use super::layout::Layout;
use super::memory::Memory;
use super::plan::Plan;
use super::run::{Limits, Prepared, RandomSource, Request, of_item};
use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use crate::{Error, Result};
use ironbatch_kernel::abi::{self, MAX_RANK, Operand, Random};
use std::ptr;
use std::time::Instant;

/// Work worth moving to another thread, in nanoseconds.
const GRAIN: u64 = 30_000;
/// A caller that may take longer than this for a grain listens instead of taking part.
const PATIENCE: u64 = 2_000_000;

/// One kernel of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The kernel with its constant parameters.
    pub plan: &'a Plan,
    /// Values of its parameters per item.
    pub params: &'a [Memory<'a>],
    /// Where its random numbers come from, if it draws some.
    pub random: Option<RandomSource<'a>>,
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
    /// How it may run.
    pub limits: Limits,
}

/// A kernel of a chain, checked.
struct Stage<'a> {
    plan: &'a Plan,
    params: Vec<Option<Operand>>,
    random: Option<Random>,
}

// SAFETY: the lists behind the pointers are borrowed for the time of the run and only read.
unsafe impl Sync for Stage<'_> {}

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
    /// the first, or with shapes that depend on what is in items that do not exist yet.
    pub fn layouts(&self) -> Result<Vec<Layout>> {
        let mut layouts: Vec<Layout> = Vec::with_capacity(self.links.len());
        for (number, link) in self.links.iter().enumerate() {
            let kernel = link.plan.kernel();
            if kernel.outputs.len() != 1 || (number > 0 && kernel.inputs.len() != 1) {
                return Self::refuse(&format!(
                    "{} has to take one array and give one",
                    kernel.name
                ));
            }
            let mut found = match layouts.last() {
                None => link.plan.layouts(&self.request(link, self.inputs))?,
                Some(_) if kernel.is_varying() => {
                    return Self::refuse(&format!(
                        "{} looks into items to tell the shape of its result, so it comes first",
                        kernel.name
                    ));
                }
                Some(before) => {
                    // Only its shapes are looked at: no kernel reads this memory.
                    let inputs = [imaginary(before)];
                    link.plan.layouts(&self.request(link, &inputs))?
                }
            };
            match found.pop() {
                Some(layout) => layouts.push(layout),
                None => return Self::refuse("there are no items"),
            }
        }
        Ok(layouts)
    }

    /// Run on all items; `layouts` are those of [`layouts`](Self::layouts).
    ///
    /// Gives the same bytes as the kernels one after another. A failure is that of the lowest
    /// failing item, by the first kernel that fails on it.
    pub fn run(&self, layouts: &[Layout], output: Memory<'_>) -> Result<()> {
        let [first, .., last] = self.links else {
            return match self.links {
                [only] => {
                    let outputs = [output];
                    let request = Request {
                        outputs: &outputs,
                        ..self.request(only, self.inputs)
                    };
                    only.plan.run_laid_out(&request, layouts)
                }
                _ => Self::refuse("there are no kernels"),
            };
        };
        if self.n_items == 0 {
            return Ok(());
        }
        if layouts.len() != self.links.len() {
            return Self::refuse("there is a layout for each kernel");
        }
        self.check(first, last, layouts, output)?;
        let stages = self
            .links
            .iter()
            .map(|link| {
                let request = self.request(link, self.inputs);
                Ok(Stage {
                    plan: link.plan,
                    params: link.plan.check_params(link.params, self.n_items)?,
                    random: link.plan.check_random(&request)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let between = &layouts[..layouts.len() - 1];
        let room = between.iter().map(largest).max().unwrap_or(0);
        let inputs = Operands(self.inputs.iter().map(Memory::operand).collect());
        let output = Operands(vec![output.operand()]);
        let expected: Option<u64> = stages
            .iter()
            .map(|stage| stage.plan.kernel().expected_nanoseconds(room + 64))
            .sum();
        let (grain, caller) = match expected {
            Some(expected) if expected <= PATIENCE => (
                (GRAIN / expected.max(1)).max(1) as usize,
                CallerRole::TakesPart,
            ),
            _ => (1, CallerRole::Listens),
        };
        let cancel = CancelFlag::new();
        let begun = Instant::now();
        Job::new(self.n_items)
            .grain(grain)
            .cancel(&cancel)
            .caller(caller)
            .most_threads(self.limits.n_workers.unwrap_or(usize::MAX))
            .run(&|range| {
                if self
                    .limits
                    .timeout
                    .is_some_and(|timeout| begun.elapsed() >= timeout)
                {
                    return Err(ItemError {
                        item: range.start,
                        error: Error::Timeout("chain: not begun in time".to_owned()),
                    });
                }
                let mut scratch = [Scratch::new(room), Scratch::new(room)];
                for item in range {
                    let mut before: Option<Operand> = None;
                    for (number, stage) in stages.iter().enumerate() {
                        let after = between
                            .get(number)
                            .map(|layout| scratch[number % 2].operand(layout, item));
                        let prepared = Prepared {
                            inputs: before.map_or_else(|| inputs.list(), |before| vec![before]),
                            outputs: after.map_or_else(|| output.list(), |after| vec![after]),
                            params: stage.params.clone(),
                            random: stage.random,
                            item_bytes: 0,
                            joinable: None,
                        };
                        stage.plan.call(&prepared, item..item + 1, &cancel)?;
                        before = after;
                    }
                }
                Ok(())
            })
            .map_err(of_item)
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
        for (kind, memory) in kernel.inputs.iter().zip(self.inputs) {
            first.plan.check_memory(kind, memory, self.n_items)?;
            if output.overlaps(memory, self.n_items) {
                return Err(Error::Value(format!(
                    "chain: the output overlaps {} in memory",
                    kind.name
                )));
            }
        }
        let before = [imaginary(&layouts[layouts.len() - 2])];
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

/// Operands of the whole run.
struct Operands(Vec<Operand>);

// SAFETY: the memory behind them is promised for all threads (`Memory`).
unsafe impl Sync for Operands {}

impl Operands {
    fn list(&self) -> Vec<Operand> {
        self.0.clone()
    }
}

/// Memory that is nowhere, with the shapes of a layout.
fn imaginary(layout: &Layout) -> Memory<'_> {
    let data = ptr::without_provenance_mut(64);
    // SAFETY: whoever gets it looks at shapes alone.
    let memory = unsafe {
        match layout {
            Layout::Same(spec) => {
                let shape: Vec<_> = spec.shape.iter().map(|&length| length as usize).collect();
                Memory::of_one(data, spec.dtype, &shape, &vec![0; shape.len()], false)
            }
            Layout::Varying(dtype, ragged) => Some(Memory::of_ragged(data, *dtype, ragged, false)),
        }
    };
    // A layout never has more axes than memory may have.
    memory.unwrap_or_else(|| unreachable!("a layout of too many axes"))
}

/// Bytes of the largest item.
fn largest(layout: &Layout) -> usize {
    let bytes = |shape: &[i64], size: usize| {
        shape.iter().fold(size, |product, &length| {
            product.saturating_mul(length as usize)
        })
    };
    match layout {
        Layout::Same(spec) => bytes(&spec.shape, spec.dtype.size()),
        Layout::Varying(dtype, ragged) => ragged
            .shapes()
            .chunks_exact(ragged.rank())
            .map(|shape| bytes(shape, dtype.size()))
            .max()
            .unwrap_or(0),
    }
}

/// Memory for one item, aligned for vectors.
struct Scratch(Vec<[u64; 8]>);

impl Scratch {
    fn new(bytes: usize) -> Self {
        Self(vec![[0; 8]; bytes.div_ceil(64) + 1])
    }

    /// The scratch as an operand that has the same memory for every item, of the shape of one.
    fn operand(&mut self, layout: &Layout, item: usize) -> Operand {
        let (dtype, shape) = match layout {
            Layout::Same(spec) => (spec.dtype, &spec.shape[..]),
            Layout::Varying(dtype, ragged) => {
                let rank = ragged.rank();
                (*dtype, &ragged.shapes()[item * rank..(item + 1) * rank])
            }
        };
        let start = self.0.as_mut_ptr().cast::<u8>();
        let mut operand = Operand {
            struct_size: size_of::<Operand>(),
            kind: abi::DENSE,
            dtype: dtype as u32,
            rank: shape.len() as u32,
            reserved: 0,
            // The vector has a block more than is needed.
            data: start.wrapping_add(start.align_offset(64)),
            item_stride: 0,
            shape: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            offsets: ptr::null(),
            shapes: ptr::null(),
        };
        let mut step = dtype.size() as isize;
        for (axis, &length) in shape.iter().enumerate().rev() {
            operand.shape[axis] = length;
            operand.strides[axis] = step;
            step *= length.max(1) as isize;
        }
        operand
    }
}
