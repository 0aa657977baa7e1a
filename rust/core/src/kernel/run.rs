//! Checked memory in, chunks of items over all cores, the lowest failure out.

use super::check::check_each_other;
use super::growing::{Grown, Piece};
use super::layout::Layout;
use super::memory::Memory;
use super::pass::{Pass, Stage};
use super::plan::Plan;
use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use crate::{Error, Result};
use ironbatch_kernel::Dtype;
use ironbatch_kernel::abi::{self, Operand, Random};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work worth moving to another thread, in nanoseconds.
const GRAIN: u64 = 30_000;
/// A caller that may take longer than this for a grain listens instead of taking part.
const PATIENCE: u64 = 2_000_000;

/// What a plan is to run on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Number of items.
    pub n_items: usize,
    /// Inputs in the kernel's order.
    pub inputs: &'a [Memory<'a>],
    /// Outputs in the kernel's order, but for those that grow.
    pub outputs: &'a [Memory<'a>],
    /// Values of the parameters that were bound per item, in the kernel's order.
    pub params: &'a [Memory<'a>],
    /// Where random numbers come from, for kernels that draw some.
    pub random: Option<RandomSource<'a>>,
    /// How it may run.
    pub limits: Limits,
}

/// How a run is held back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How many threads may work on it at once.
    pub n_workers: Option<usize>,
    /// Items not begun after this time fail with [`Error::Timeout`].
    pub timeout: Option<Duration>,
}

/// Where the random numbers of a run come from; see the SDK's `RandomPlace`.
#[derive(Clone, Copy, Debug)]
pub struct RandomSource<'a> {
    /// Key of the run.
    pub key: [u64; 2],
    /// Hash of the operation.
    pub operation: u64,
    /// For each item its origin.
    pub origins: &'a [u64],
    /// For each item its epoch, if they are not all 0.
    pub epochs: Option<&'a [u64]>,
    /// For each item the hash of operation and occurrence, if they are not all `operation`.
    pub operations: Option<&'a [u64]>,
    /// For each item the block it starts behind, if they are not all 0.
    pub blocks: Option<&'a [u64]>,
}

/// A request in the interface's terms. Pointers lead into its own vectors.
pub(super) struct Prepared {
    pub(super) inputs: Vec<Operand>,
    pub(super) outputs: Vec<Operand>,
    pub(super) params: Vec<Option<Operand>>,
    pub(super) random: Option<Random>,
    pub(super) item_bytes: usize,
    /// Elements of an item, if items can be joined into one long item.
    pub(super) joinable: Option<usize>,
}

impl Prepared {
    /// The items of a range as a single item of one axis.
    fn joined(&self, range: &Range<usize>) -> Option<Self> {
        let elements = self.joinable? * range.len();
        let join = |operand: &Operand| {
            let mut joined = *operand;
            joined.data = operand
                .data
                .wrapping_offset(operand.item_stride * range.start as isize);
            joined.item_stride = 0;
            joined.rank = 1;
            joined.shape[0] = elements as i64;
            joined.strides[0] = Dtype::from_code(operand.dtype)?.size() as isize;
            Some(joined)
        };
        Some(Self {
            inputs: self.inputs.iter().map(join).collect::<Option<_>>()?,
            outputs: self.outputs.iter().map(join).collect::<Option<_>>()?,
            params: self.params.clone(),
            random: None,
            item_bytes: self.item_bytes,
            joinable: None,
        })
    }
}

// SAFETY: the memory behind the pointers is promised for all threads (`Memory`), and the lists of
// a `RandomSource` are borrowed and only read.
unsafe impl Sync for Prepared {}

impl Plan {
    /// Run on all items of a request; gives the outputs that grow.
    ///
    /// The outputs hold garbage for the failing item and some behind it if an item fails, which
    /// gives [`Error::Item`] with the lowest one.
    pub fn run(&self, request: &Request<'_>) -> Result<Vec<Grown>> {
        self.run_laid_out(request, &self.layouts(request)?)
    }

    /// Run where [`layouts`](Self::layouts) of the request are known already.
    pub fn run_laid_out(&self, request: &Request<'_>, layouts: &[Layout]) -> Result<Vec<Grown>> {
        if request.n_items == 0 {
            return grown_of(layouts)
                .map(|dtype| Grown::new(dtype, vec![]))
                .collect();
        }
        let prepared = self.check(request, layouts)?;
        if let (None, [output], [layout]) = (prepared.joinable, &prepared.outputs[..], layouts)
            && output.hints & abi::PAST_CACHES != 0
        {
            let stage = Stage::new(
                self,
                prepared.params.clone(),
                prepared.random,
                None,
                layout,
                prepared.item_bytes,
            );
            if stage.is_divisible {
                let pass = Pass {
                    stages: vec![stage],
                    inputs: prepared.inputs,
                    rows: None,
                    output: *output,
                };
                let done = pass.run(request.n_items, request.limits);
                return done.map(|()| vec![]).map_err(of_item);
            }
        }
        self.run_prepared(
            request.n_items,
            prepared.item_bytes,
            &|_| &prepared,
            &grown_of(layouts).collect::<Vec<_>>(),
            request.limits,
            false,
        )
    }

    /// Run on items whose shapes differ: one request, of one item, for each.
    ///
    /// `params` has the values per item of all of them; those of the requests are not looked at.
    pub fn run_each(
        &self,
        requests: &[Request<'_>],
        params: &[Memory<'_>],
        limits: Limits,
    ) -> Result<Vec<Grown>> {
        let n_items = requests.len();
        let mut growing = None;
        let mut prepared = Vec::with_capacity(n_items);
        let mut bytes = 0_usize;
        let shared = self.check_params(params, n_items)?;
        for (position, request) in requests.iter().enumerate() {
            let item = Request {
                n_items: 1,
                params: &[],
                ..*request
            };
            let checked = self.layouts_of_one(&item).and_then(|layouts| {
                let dtypes: Vec<_> = grown_of(&layouts).collect();
                if *growing.get_or_insert_with(|| dtypes.clone()) != dtypes {
                    return Err(Error::Value(format!(
                        "{}: its result differs from that of other items in dtype",
                        self.kernel.name
                    )));
                }
                self.check_operands(&item, &layouts)
            });
            let mut item = checked.map_err(|error| Error::Item {
                position,
                source: Box::new(error),
            })?;
            if item.random.is_some() {
                // The lists are indexed by the position in the batch.
                item.random = self.check_random(&Request {
                    n_items,
                    ..*request
                })?;
            }
            // The item keeps its position in the batch; a stride of 0 leads there from any.
            for operand in item.inputs.iter_mut().chain(&mut item.outputs) {
                operand.item_stride = 0;
            }
            item.params.clone_from(&shared);
            bytes = bytes.saturating_add(item.item_bytes);
            prepared.push(item);
        }
        check_each_other(requests)?;
        self.run_prepared(
            n_items,
            bytes / n_items.max(1),
            &|item| &prepared[item],
            &growing.unwrap_or_default(),
            limits,
            true,
        )
    }

    fn run_prepared<'a>(
        &self,
        n_items: usize,
        item_bytes: usize,
        of: &(dyn Fn(usize) -> &'a Prepared + Sync),
        growing: &[Dtype],
        limits: Limits,
        one_by_one: bool,
    ) -> Result<Vec<Grown>> {
        let kernel = &self.kernel;
        let grown = Mutex::new(Vec::new());
        let item_bytes = item_bytes + 64;
        let (grain, caller) = match kernel.expected_nanoseconds(item_bytes) {
            // Nobody knows yet how long an item takes: stay able to hear Ctrl-C.
            None => (1, CallerRole::Listens),
            Some(expected) if expected > PATIENCE => (1, CallerRole::Listens),
            Some(expected) => ((GRAIN / expected).max(1) as usize, CallerRole::TakesPart),
        };
        let cancel = CancelFlag::new();
        let (busy, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let begun = Instant::now();
        let job = Job::new(n_items)
            .grain(grain)
            .cancel(&cancel)
            .caller(caller);
        let job = job.most_threads(limits.n_workers.unwrap_or(usize::MAX));
        let outcome = job.run(&|range| {
            let started = Instant::now();
            if let Some(timeout) = limits.timeout
                && started.duration_since(begun) >= timeout
            {
                let message = format!("{}: not begun within {timeout:?}", kernel.name);
                return Err(ItemError {
                    item: range.start,
                    error: Error::Timeout(message),
                });
            }
            let (first, length) = (range.start, range.len() as u64);
            let mut pieces = growing
                .iter()
                .map(|&dtype| Piece::new(dtype, range.len()))
                .collect::<Result<Vec<_>>>()
                .map_err(|error| ItemError { item: first, error })?;
            if one_by_one {
                for item in range {
                    let places = pieces.iter_mut().map(|piece| piece.pass(item - first));
                    self.call_growing(of(item), item..item + 1, &cancel, places)?;
                }
            } else if !pieces.is_empty() {
                let places = pieces.iter_mut().map(|piece| piece.pass(0));
                self.call_growing(of(first), range, &cancel, places)?;
            } else {
                let prepared = of(range.start);
                let joined = prepared.joined(&range);
                // Joined items fail as one: the items by themselves tell which it is.
                if joined.is_none_or(|joined| self.call(&joined, 0..1, &cancel).is_err()) {
                    self.call(prepared, range, &cancel)?;
                }
            }
            busy.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
            done.fetch_add(length, Ordering::Relaxed);
            if !pieces.is_empty() {
                let mut grown = grown.lock().unwrap_or_else(PoisonError::into_inner);
                grown.push((first, pieces));
            }
            Ok(())
        });
        let done = done.into_inner();
        if done > 0 {
            kernel.learn(busy.into_inner(), done, item_bytes);
        }
        outcome.map_err(of_item)?;
        let mut of_outputs: Vec<_> = growing.iter().map(|_| Vec::new()).collect();
        for (first, pieces) in grown.into_inner().unwrap_or_else(PoisonError::into_inner) {
            for (output, piece) in of_outputs.iter_mut().zip(pieces) {
                output.push((first, piece));
            }
        }
        let found = growing.iter().zip(of_outputs);
        found
            .map(|(&dtype, pieces)| Grown::new(dtype, pieces))
            .collect()
    }

    /// Layouts of a request of one item, of a kernel that may not know how to infer items.
    fn layouts_of_one(&self, request: &Request<'_>) -> Result<Vec<Layout>> {
        let specs: Vec<_> = request.inputs.iter().map(Memory::spec).collect();
        let found = self.infer(&specs)?.into_iter().zip(&self.kernel.outputs);
        Ok(found.map(|(spec, kind)| Layout::of(spec, kind)).collect())
    }
}

/// Dtypes of the outputs that grow.
fn grown_of(layouts: &[Layout]) -> impl Iterator<Item = Dtype> {
    layouts.iter().filter_map(|layout| match layout {
        Layout::Growing(dtype) => Some(*dtype),
        _ => None,
    })
}

/// A failing item for the caller.
pub(super) fn of_item(failure: ItemError) -> Error {
    match failure.error {
        Error::Interrupted => Error::Interrupted,
        error => Error::Item {
            position: failure.item,
            source: Box::new(error),
        },
    }
}
