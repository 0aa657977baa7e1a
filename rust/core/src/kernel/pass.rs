//! One pass of the kernels of a chain over the items.
//!
//! An item goes through all kernels before the next one begins. Kernels that treat each element by
//! itself go further: where several of them follow one another, they take an item in parts small
//! enough for the innermost cache, and all of them are through with a part before the next one. What
//! the last of them makes of a part is written past the caches if the whole output is too large for
//! them.

use super::layout::Layout;
use super::plan::Plan;
use super::run::{Limits, Prepared};
use super::scratch::{Desk, copy_item, dense, is_contiguous, spec_of};
use crate::Error;
use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use ironbatch_kernel::abi::{self, Operand, Random};
use ironbatch_kernel::{Dtype, PastCaches};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Work worth moving to another thread, in nanoseconds.
const GRAIN: u64 = 30_000;
/// A caller that may take longer than this for a grain listens instead of taking part.
const PATIENCE: u64 = 2_000_000;
/// Bytes of the larger side of a part: two of them fit the innermost cache.
const TILE: usize = 16 << 10;

/// A kernel of a chain, checked.
pub(super) struct Stage<'a> {
    plan: &'a Plan,
    params: Vec<Option<Operand>>,
    random: Option<Random>,
    applied: Option<&'a [bool]>,
    /// What it gives.
    layout: &'a Layout,
    /// Whether an item may be handed over in parts.
    pub(super) is_divisible: bool,
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
        Self {
            plan,
            params,
            random,
            applied,
            layout,
            is_divisible: kernel.is_elementwise()
                && !kernel.is_random()
                && takes_one_axis(&kernel.inputs)
                && takes_one_axis(&kernel.outputs),
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

type Outcome = Result<(), ItemError>;

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

/// Elements of a dense operand's item in one row, from one place on.
fn part(operand: &Operand, size: usize, elements: &Range<usize>) -> Operand {
    let mut part = *operand;
    part.data = operand.data.wrapping_add(elements.start * size);
    part.rank = 1;
    part.shape[0] = elements.len() as i64;
    part.strides[0] = size as isize;
    part
}

fn size_of_dtype(operand: &Operand) -> usize {
    Dtype::from_code(operand.dtype).map_or(1, Dtype::size)
}

/// What one thread needs for a chunk of items.
struct Worker<'p> {
    pass: &'p Pass<'p>,
    desk: &'p mut Desk,
    cancel: &'p CancelFlag,
    /// For each stage what it is called with; operands change from call to call.
    calls: Vec<Prepared>,
    /// Stages that are for the item at hand.
    active: Vec<usize>,
}

impl<'p> Worker<'p> {
    fn new(pass: &'p Pass<'p>, desk: &'p mut Desk, cancel: &'p CancelFlag) -> Self {
        let calls = pass.stages.iter().map(|stage| Prepared {
            inputs: Vec::with_capacity(1),
            outputs: Vec::with_capacity(1),
            params: stage.params.clone(),
            random: stage.random,
            item_bytes: 0,
            joinable: None,
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
            if pass.stages[self.active[from]].is_divisible
                && is_contiguous(&before, size_of_dtype(&before))
            {
                let rest = self.active[upto..].iter();
                upto += rest
                    .take_while(|&&number| pass.stages[number].is_divisible)
                    .count();
            }
            let after = if upto == n_active {
                output
            } else {
                self.between(self.active[upto - 1], side, item)?
            };
            let streams = upto == n_active && after.hints & abi::PAST_CACHES != 0;
            let divides = upto - from > 1
                || (streams
                    && pass.stages[self.active[from]].is_divisible
                    && is_contiguous(&before, size_of_dtype(&before)));
            let in_parts = divides && is_contiguous(&after, size_of_dtype(&after));
            if !in_parts || !self.in_parts(from..upto, &before, &after, item)? {
                // A part that failed is one of an item that fails: whole, it says why.
                let after = if from + 1 == n_active {
                    output
                } else {
                    self.between(self.active[from], side, item)?
                };
                upto = from + 1;
                self.stage(self.active[from], &before, &after, item)?;
                before = after;
            } else {
                before = after;
            }
            if let Some(started) = started {
                let busy = started.elapsed().as_nanos() as u64 / (upto - from) as u64;
                for &number in &self.active[from..upto] {
                    let stage = &pass.stages[number];
                    stage.busy.fetch_add(busy, Ordering::Relaxed);
                    stage.done.fetch_add(1, Ordering::Relaxed);
                }
            }
            side = 1 - side;
            from = upto;
        }
        Ok(())
    }

    /// Memory for what a stage gives, in one of two pieces.
    fn between(&mut self, number: usize, side: usize, item: usize) -> Result<Operand, ItemError> {
        let (dtype, shape) = spec_of(self.pass.stages[number].layout, item);
        let bytes = shape.iter().fold(dtype.size(), |product, &length| {
            product.saturating_mul(length as usize)
        });
        match self.desk.items[side].bytes(bytes) {
            Ok(data) => Ok(dense(data, dtype, shape)),
            Err(error) => Err(ItemError { item, error }),
        }
    }

    /// Carry out one stage for a whole item.
    fn stage(&mut self, number: usize, before: &Operand, after: &Operand, item: usize) -> Outcome {
        let call = &mut self.calls[number];
        call.inputs.clear();
        call.inputs.push(*before);
        if number == 0 {
            let others = 1..self.pass.inputs.len();
            call.inputs
                .extend(others.map(|other| self.pass.input(other, item)));
        }
        call.outputs.clear();
        call.outputs.push(*after);
        let plan = self.pass.stages[number].plan;
        plan.call(call, item..item + 1, self.cancel)
    }

    /// Carry out stages for one item after another part of it; false if one of them failed.
    fn in_parts(
        &mut self,
        active: Range<usize>,
        before: &Operand,
        after: &Operand,
        item: usize,
    ) -> Result<bool, ItemError> {
        let pass = self.pass;
        let numbers = self.active[active].to_vec();
        let dtype_of = |number: &usize| spec_of(pass.stages[*number].layout, item).0;
        let largest = numbers.iter().map(|number| dtype_of(number).size()).max();
        let (size_before, size_after) = (size_of_dtype(before), size_of_dtype(after));
        let length = TILE / largest.unwrap_or(8).max(size_before);
        let rank = before.rank as usize;
        let count = before.shape[..rank].iter().product::<i64>() as usize;
        let failed = |error| ItemError { item, error };
        let sides = [
            self.desk.tiles[0].bytes(TILE).map_err(failed)?,
            self.desk.tiles[1].bytes(TILE).map_err(failed)?,
        ];
        let writer = (after.hints & abi::PAST_CACHES != 0).then(PastCaches::new);
        let mut start = 0;
        while start < count {
            let elements = start..count.min(start + length);
            let mut given = part(before, size_before, &elements);
            let target = part(after, size_after, &elements);
            for (place, &number) in numbers.iter().enumerate() {
                let made = if place + 1 == numbers.len() && writer.is_none() {
                    target
                } else {
                    let dtype = dtype_of(&number);
                    dense(sides[place % 2], dtype, &[elements.len() as i64])
                };
                match self.stage(number, &given, &made, item) {
                    Ok(()) => {}
                    Err(ItemError {
                        error: error @ Error::Interrupted,
                        ..
                    }) => return Err(failed(error)),
                    Err(_) => return Ok(false),
                }
                given = made;
            }
            if let Some(writer) = &writer {
                let bytes = elements.len() * size_after;
                // SAFETY: the part is in scratch memory of this worker, of at least that size; the
                // target was checked, and is nobody else's.
                unsafe {
                    writer.copy(
                        std::slice::from_raw_parts(given.data.cast_const(), bytes),
                        std::slice::from_raw_parts_mut(target.data, bytes),
                    );
                }
            }
            start = elements.end;
        }
        Ok(true)
    }
}
