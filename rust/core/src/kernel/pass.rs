//! One pass of the kernels of a chain over the items.
//!
//! An item goes through all kernels before the next one begins. Kernels that treat each element by
//! itself go further: where several of them follow one another, all of them are through with a part
//! of the item before the next part (`parts`). A kernel that only moves elements need not write
//! what it gives: it may say that this is a view of what it was given, if the next kernel reads such
//! a view as well as anything else.

use super::call::Caller;
use super::layout::Layout;
use super::plan::Plan;
use super::run::Limits;
use super::scratch::{Desk, copy_item, dense, is_contiguous, spec_of};
use crate::Error;
use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use ironbatch_kernel::Dtype;
use ironbatch_kernel::abi::{self, Operand, Random};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Work worth moving to another thread, in nanoseconds.
const GRAIN: u64 = 30_000;
/// A caller that may take longer than this for a grain listens instead of taking part.
const PATIENCE: u64 = 2_000_000;

/// No kernel reads and writes more than so many bytes in a nanosecond.
const BYTES_A_NANOSECOND: u64 = 32;

/// A kernel of a chain, checked.
pub(super) struct Stage<'a> {
    plan: &'a Plan,
    params: Vec<Option<Operand>>,
    random: Option<Random>,
    applied: Option<&'a [bool]>,
    /// What it gives.
    pub(super) layout: &'a Layout,
    /// Whether an item may be handed over in parts.
    pub(super) is_divisible: bool,
    /// Whether an item with gaps does as well as one without.
    takes_views: bool,
    /// Bytes that an item touches, measured times of some items, and how many these are.
    item_bytes: usize,
    busy: AtomicU64,
    done: AtomicU64,
}

// SAFETY: the lists behind the pointers are borrowed for the time of the run and only read.
unsafe impl Sync for Stage<'_> {}

impl<'a> Stage<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        params: Vec<Option<Operand>>,
        random: Option<Random>,
        applied: Option<&'a [bool]>,
        layout: &'a Layout,
        item_bytes: usize,
    ) -> Self {
        let kernel = plan.kernel();
        let takes_one_axis = |kinds: &[super::OperandType]| matches!(kinds, [kind] if kind.min_rank <= 1 && kind.max_rank >= 1);
        let is_divisible = kernel.is_elementwise()
            && !kernel.is_random()
            && takes_one_axis(&kernel.inputs)
            && takes_one_axis(&kernel.outputs);
        Self {
            plan,
            params,
            random,
            applied,
            layout,
            is_divisible,
            takes_views: kernel.is_strided() || is_divisible,
            item_bytes: item_bytes.saturating_add(64),
            busy: AtomicU64::new(0),
            done: AtomicU64::new(0),
        }
    }

    fn is_for(&self, item: usize) -> bool {
        self.applied.is_none_or(|applied| applied[item])
    }
}

/// The stages with what goes into the first one and comes out of the last one.
pub(super) struct Pass<'a> {
    pub(super) stages: Vec<Stage<'a>>,
    pub(super) inputs: Vec<Operand>,
    pub(super) rows: Option<&'a [usize]>,
    pub(super) output: Operand,
}

// SAFETY: the memory behind the operands is promised for all threads (`Memory`).
unsafe impl Sync for Pass<'_> {}

pub(super) type Outcome = Result<(), ItemError>;

impl Pass<'_> {
    /// Carry out all stages for all items.
    pub(super) fn run(&self, n_items: usize, limits: Limits) -> Outcome {
        let expected: Option<u64> = self
            .stages
            .iter()
            .map(|stage| stage.plan.kernel().expected_nanoseconds(stage.item_bytes))
            .sum();
        let (grain, caller) = match expected {
            Some(expected) if expected <= PATIENCE => (
                (GRAIN / expected.max(1)).max(1) as usize,
                CallerRole::TakesPart,
            ),
            // Nobody knows how long an item takes, or it is long: stay able to hear Ctrl-C.
            _ => (1, CallerRole::Listens),
        };
        let cancel = CancelFlag::new();
        let begun = Instant::now();
        let outcome = Job::new(n_items)
            .grain(grain)
            .cancel(&cancel)
            .caller(caller)
            .most_threads(limits.n_workers.unwrap_or(usize::MAX))
            .run(&|range| {
                if limits
                    .timeout
                    .is_some_and(|timeout| begun.elapsed() >= timeout)
                {
                    return Err(ItemError {
                        item: range.start,
                        error: Error::Timeout("chain: not begun in time".to_owned()),
                    });
                }
                Desk::with(|desk| Worker::new(self, desk, &cancel).range(range))
            });
        for stage in &self.stages {
            let done = stage.done.load(Ordering::Relaxed);
            if done > 0 {
                let busy = stage.busy.load(Ordering::Relaxed);
                stage.plan.kernel().learn(busy, done, stage.item_bytes);
            }
        }
        outcome
    }

    /// An input of the first stage for one item.
    fn input(&self, number: usize, item: usize) -> Operand {
        let operand = &self.inputs[number];
        let place = self.rows.map_or(item, |rows| rows[item]);
        at(operand, place)
    }
}

/// One item of an operand, as one that has the same memory for every item.
fn at(operand: &Operand, item: usize) -> Operand {
    let Some(dtype) = Dtype::from_code(operand.dtype) else {
        return *operand;
    };
    if operand.kind == abi::RAGGED {
        let rank = operand.rank as usize;
        // SAFETY: a ragged operand has an offset and a shape for each item (`RaggedLayout`).
        let (start, shape) = unsafe {
            (
                *operand.offsets.add(item) as usize,
                std::slice::from_raw_parts(operand.shapes.add(item * rank), rank),
            )
        };
        return dense(
            operand.data.wrapping_add(start * dtype.size()),
            dtype,
            shape,
        );
    }
    Operand {
        data: operand
            .data
            .wrapping_offset(operand.item_stride * item as isize),
        item_stride: 0,
        ..*operand
    }
}

pub(super) fn size_of_dtype(operand: &Operand) -> usize {
    Dtype::from_code(operand.dtype).map_or(1, Dtype::size)
}

/// What one thread needs for a chunk of items.
pub(super) struct Worker<'p> {
    pub(super) pass: &'p Pass<'p>,
    pub(super) desk: &'p mut Desk,
    pub(super) cancel: &'p CancelFlag,
    /// Each stage, to be called.
    pub(super) calls: Vec<Caller<'p>>,
    /// Stages that are for the item at hand.
    pub(super) active: Vec<usize>,
}

impl<'p> Worker<'p> {
    fn new(pass: &'p Pass<'p>, desk: &'p mut Desk, cancel: &'p CancelFlag) -> Self {
        let calls = pass.stages.iter().enumerate().map(|(number, stage)| {
            let inputs = if number == 0 {
                &pass.inputs[..]
            } else {
                &pass.inputs[..1]
            };
            Caller::new(
                stage.plan,
                inputs,
                &pass.output,
                &stage.params,
                stage.random,
            )
        });
        Self {
            calls: calls.collect(),
            active: Vec::with_capacity(pass.stages.len()),
            pass,
            desk,
            cancel,
        }
    }

    fn range(&mut self, range: Range<usize>) -> Outcome {
        let first = range.start;
        for item in range {
            self.item(item, item == first)?;
        }
        Ok(())
    }

    /// Carry out the stages for one item; `measures` tells whether to take the time of each.
    fn item(&mut self, item: usize, measures: bool) -> Outcome {
        let pass = self.pass;
        self.active.clear();
        let stages = pass.stages.iter().enumerate();
        let active = stages.filter(|(_, stage)| stage.is_for(item));
        self.active.extend(active.map(|(number, _)| number));
        let mut before = pass.input(0, item);
        let output = at(&pass.output, item);
        if self.active.is_empty() {
            // SAFETY: both were checked: the input is there, the output is nobody else's.
            unsafe { copy_item(&before, &output, size_of_dtype(&before)) };
            return Ok(());
        }
        let n_active = self.active.len();
        let (mut from, mut side) = (0, 0);
        while from < n_active {
            let started = measures.then(Instant::now);
            let mut upto = from + 1;
            let mut in_parts = false;
            if pass.stages[self.active[from]].is_divisible {
                let rest = self.active[upto..].iter();
                let joined = rest.take_while(|&&number| pass.stages[number].is_divisible);
                let joined = upto + joined.count();
                let streams = joined == n_active && output.hints & abi::PAST_CACHES != 0;
                let has_gaps = !is_contiguous(&before, size_of_dtype(&before));
                if joined - from > 1 || streams || has_gaps {
                    (upto, in_parts) = (joined, true);
                }
            }
            let mut after = self.after(upto, side, item, &output)?;
            in_parts &= is_contiguous(&after, size_of_dtype(&after));
            if in_parts && self.in_parts(from..upto, &before, &after, item)? {
                (before, side) = (after, 1 - side);
            } else {
                // A part that failed is one of an item that fails: whole, it says why.
                if upto != from + 1 {
                    upto = from + 1;
                    after = self.after(upto, side, item, &output)?;
                }
                if let Some(view) = self.stage(from, &before, &after, item)? {
                    // What it was given has to stay where it is.
                    before = view;
                } else {
                    (before, side) = (after, 1 - side);
                }
            }
            if let Some(started) = started {
                let busy = started.elapsed().as_nanos() as u64 / (upto - from) as u64;
                for &number in &self.active[from..upto] {
                    let stage = &pass.stages[number];
                    // A view takes no time, but what is learned is for runs that write, too.
                    let busy = busy.max(stage.item_bytes as u64 / BYTES_A_NANOSECOND);
                    stage.busy.fetch_add(busy, Ordering::Relaxed);
                    stage.done.fetch_add(1, Ordering::Relaxed);
                }
            }
            from = upto;
        }
        Ok(())
    }

    /// Where the active stages before `upto` leave the item: the output behind the last one,
    /// otherwise one of two pieces of memory.
    fn after(
        &mut self,
        upto: usize,
        side: usize,
        item: usize,
        output: &Operand,
    ) -> Result<Operand, ItemError> {
        if upto == self.active.len() {
            return Ok(*output);
        }
        let (dtype, shape) = spec_of(self.pass.stages[self.active[upto - 1]].layout, item);
        let bytes = shape.iter().fold(dtype.size(), |product, &length| {
            product.saturating_mul(length as usize)
        });
        match self.desk.items[side].bytes(bytes) {
            Ok(data) => Ok(dense(data, dtype, shape)),
            Err(error) => Err(ItemError { item, error }),
        }
    }

    /// Carry out one active stage for a whole item. Gives a view of `before` if it says that its
    /// result is one, and the next stage takes such; otherwise the result is in `after`.
    fn stage(
        &mut self,
        active: usize,
        before: &Operand,
        after: &Operand,
        item: usize,
    ) -> Result<Option<Operand>, ItemError> {
        let pass = self.pass;
        let number = self.active[active];
        let call = &mut self.calls[number];
        call.set_input(0, before);
        if number == 0 {
            for other in 1..pass.inputs.len() {
                call.set_input(other, &pass.input(other, item));
            }
        }
        call.set_output(after);
        let next = self.active.get(active + 1);
        if !next.is_some_and(|&next| pass.stages[next].takes_views) {
            call.call(item, self.cancel, None)?;
            return Ok(None);
        }
        let mut view = dense(std::ptr::null_mut(), Dtype::U8, &[]);
        view.kind = 0;
        call.call(item, self.cancel, Some(&mut view))?;
        if view.kind == 0 {
            return Ok(None);
        }
        let expected = spec_of(pass.stages[number].layout, item);
        let kernel = pass.stages[number].plan.kernel();
        match kernel.check_view(&view, expected, before) {
            Ok(()) => Ok(Some(view)),
            Err(error) => Err(ItemError { item, error }),
        }
    }
}
