//! Checked memory in, chunks of items over all cores, the lowest failure out.

use super::memory::Memory;
use super::plan::{MessageBuffer, Plan};
use crate::executor::{CallerRole, CancelFlag, ItemError, Job};
use crate::{Error, Result};
use ironbatch_kernel::Spec;
use ironbatch_kernel::abi::{self, Host, Operand, Random, RunCall};
use std::ffi::c_void;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
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
    pub inputs: &'a [Memory],
    /// Outputs in the kernel's order.
    pub outputs: &'a [Memory],
    /// Values of the parameters that were bound per item, in the kernel's order.
    pub params: &'a [Memory],
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
}

/// A request in the interface's terms. Pointers lead into its own vectors.
struct Prepared {
    inputs: Vec<Operand>,
    outputs: Vec<Operand>,
    params: Vec<Option<Operand>>,
    random: Option<Random>,
    item_bytes: usize,
}

// SAFETY: the memory behind the pointers is promised for all threads (`Memory`), and the lists of
// a `RandomSource` are borrowed and only read.
unsafe impl Sync for Prepared {}

impl Plan {
    /// Run on all items of a request.
    ///
    /// The outputs hold garbage for the failing item and some behind it if an item fails, which
    /// gives [`Error::Item`] with the lowest one.
    pub fn run(&self, request: &Request<'_>) -> Result<()> {
        let prepared = self.check(request)?;
        self.run_prepared(
            request.n_items,
            prepared.item_bytes,
            &|_| &prepared,
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
        params: &[Memory],
        limits: Limits,
    ) -> Result<()> {
        let n_items = requests.len();
        let mut prepared = Vec::with_capacity(n_items);
        let mut bytes = 0_usize;
        let shared = self.check_params(params, n_items)?;
        for (position, request) in requests.iter().enumerate() {
            let item = Request {
                n_items: 1,
                params: &[],
                ..*request
            };
            let mut item = self.check_operands(&item).map_err(|error| Error::Item {
                position,
                source: Box::new(error),
            })?;
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
            limits,
            true,
        )
    }

    fn run_prepared<'a>(
        &self,
        n_items: usize,
        item_bytes: usize,
        of: &(dyn Fn(usize) -> &'a Prepared + Sync),
        limits: Limits,
        one_by_one: bool,
    ) -> Result<()> {
        let kernel = &self.kernel;
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
            let length = range.len() as u64;
            if one_by_one {
                for item in range {
                    self.call(of(item), item..item + 1, &cancel)?;
                }
            } else {
                self.call(of(range.start), range, &cancel)?;
            }
            busy.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
            done.fetch_add(length, Ordering::Relaxed);
            Ok(())
        });
        let done = done.into_inner();
        if done > 0 {
            kernel.learn(busy.into_inner(), done, item_bytes);
        }
        outcome.map_err(|failure| match failure.error {
            Error::Interrupted => Error::Interrupted,
            error => Error::Item {
                position: failure.item,
                source: Box::new(error),
            },
        })
    }

    /// Hand one range to the kernel.
    fn call(
        &self,
        prepared: &Prepared,
        range: Range<usize>,
        cancel: &CancelFlag,
    ) -> std::result::Result<(), ItemError> {
        let failed = |item, error| Err(ItemError { item, error });
        let Some(run) = self.kernel.info.run else {
            return failed(
                range.start,
                Error::Library("a kernel without a function".to_owned()),
            );
        };
        let state = match self.check_out() {
            Ok(state) => state,
            Err(error) => return failed(range.start, error),
        };
        let inputs: SmallPointers = prepared.inputs.iter().map(ptr::from_ref).collect();
        let outputs: SmallPointers = prepared.outputs.iter().map(ptr::from_ref).collect();
        let params: SmallPointers = prepared
            .params
            .iter()
            .map(|param| param.as_ref().map_or(ptr::null(), ptr::from_ref))
            .collect();
        let mut buffer = MessageBuffer::new();
        let call = RunCall {
            struct_size: size_of::<RunCall>(),
            plan: self.raw,
            state: state.0,
            start: range.start,
            end: range.end,
            inputs: inputs.as_ptr(),
            outputs: outputs.as_ptr(),
            params: params.as_ptr(),
            cancel: cancel.as_atomic().as_ptr().cast(),
            random: prepared.random.as_ref().map_or(ptr::null(), ptr::from_ref),
            message: buffer.pass(),
            host: &raw const HOST,
        };
        // SAFETY: `check` has verified every operand against the kernel's table; plan and state
        // are this kernel's, and all pointers outlive the call.
        let code = unsafe { run(&raw const call) };
        if code == abi::PANICKED {
            self.drop_state(&state);
        } else {
            self.check_in(state);
        }
        if code == abi::OK {
            return Ok(());
        }
        let item = usize::try_from(buffer.message.item)
            .unwrap_or(range.start)
            .clamp(range.start, range.end - 1);
        let name = &self.kernel.name;
        failed(
            item,
            match code {
                abi::CANCELLED => Error::Interrupted,
                abi::PANICKED => Error::Panic(format!("kernel {name} panicked: {}", buffer.read())),
                _ => Error::Value(format!("{name}: {}", buffer.read())),
            },
        )
    }

    fn check(&self, request: &Request<'_>) -> Result<Prepared> {
        let mut prepared = self.check_operands(request)?;
        prepared.params = self.check_params(request.params, request.n_items)?;
        Ok(prepared)
    }

    /// Everything that has to hold before a kernel may touch the memory.
    fn check_operands(&self, request: &Request<'_>) -> Result<Prepared> {
        let kernel = &self.kernel;
        let n_items = request.n_items;
        let specs = |operands: &[Memory]| -> Vec<Spec> {
            operands
                .iter()
                .map(|memory| Spec {
                    dtype: memory.dtype,
                    shape: memory.shape().to_vec(),
                })
                .collect()
        };
        let expected = self.infer(&specs(request.inputs))?;
        let outputs = specs(request.outputs);
        kernel.check_specs(&kernel.outputs, &outputs)?;
        let all = kernel
            .inputs
            .iter()
            .zip(request.inputs)
            .map(|pair| (pair, false));
        let all = all.chain(
            kernel
                .outputs
                .iter()
                .zip(request.outputs)
                .map(|pair| (pair, true)),
        );
        for ((kind, memory), is_output) in all {
            let refuse = |what: &str| {
                Err(Error::Value(format!(
                    "{}: {} {what}",
                    kernel.name, kind.name
                )))
            };
            if memory.n_items < n_items {
                return refuse(&format!("has {} items, not {n_items}", memory.n_items));
            }
            if !memory.is_aligned(n_items) || !memory.is_bounded(n_items) {
                return refuse("is not aligned: copy it first");
            }
            if is_output && !memory.writable {
                return refuse("is read-only");
            }
            if is_output && memory.overlaps_itself(n_items) {
                return refuse("has elements that share memory");
            }
        }
        for (number, output) in request.outputs.iter().enumerate() {
            if outputs[number] != expected[number] {
                return Err(Error::Value(format!(
                    "{}: {} has items of {} {:?}, the kernel gives {} {:?}",
                    kernel.name,
                    kernel.outputs[number].name,
                    outputs[number].dtype,
                    outputs[number].shape,
                    expected[number].dtype,
                    expected[number].shape
                )));
            }
            let others = request.inputs.iter().zip(&kernel.inputs);
            let others = others.chain(request.outputs.iter().zip(&kernel.outputs).take(number));
            for (other, kind) in others {
                if output.overlaps(other, n_items) {
                    return Err(Error::Value(format!(
                        "{}: {} overlaps {} in memory",
                        kernel.name, kernel.outputs[number].name, kind.name
                    )));
                }
            }
        }
        let operands = |list: &[Memory]| list.iter().map(Memory::operand).collect();
        Ok(Prepared {
            inputs: operands(request.inputs),
            outputs: operands(request.outputs),
            params: Vec::new(),
            random: self.check_random(request)?,
            item_bytes: request
                .inputs
                .iter()
                .chain(request.outputs)
                .fold(0, |sum, memory| sum.saturating_add(memory.item_bytes())),
        })
    }

    fn check_params(&self, given: &[Memory], n_items: usize) -> Result<Vec<Option<Operand>>> {
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
            if Some(memory.dtype) != param.item_dtype() || memory.rank != 0 {
                return Err(kernel.complain(&format!(
                    "{} takes one {} per item",
                    param.name,
                    param.type_name()
                )));
            }
            if memory.n_items != n_items || !memory.is_aligned(n_items) {
                return Err(Error::Value(format!(
                    "{}: {} has {} values for {n_items} items",
                    kernel.name, param.name, memory.n_items
                )));
            }
            params.push(Some(memory.operand()));
        }
        match given.next() {
            None => Ok(params),
            Some(_) => Err(kernel.complain("values for parameters that are constant")),
        }
    }

    fn check_random(&self, request: &Request<'_>) -> Result<Option<Random>> {
        let kernel = &self.kernel;
        if !kernel.is_random() {
            return Ok(None);
        }
        let refuse = |what: &str| Err(Error::Value(format!("{}: {what}", kernel.name)));
        let Some(source) = request.random else {
            return refuse("draws random numbers, but was given no place to take them from");
        };
        let lists = [Some(source.origins), source.epochs, source.operations];
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
        }))
    }
}

/// Outputs of different requests must not meet anything of another one.
fn check_each_other(requests: &[Request<'_>]) -> Result<()> {
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

static HOST: Host = Host {
    struct_size: size_of::<Host>(),
    minor: abi::MINOR,
    reserved: 0,
    parallel_for: Some(parallel_for),
};

/// The executor, for kernels that split one large item.
unsafe extern "C" fn parallel_for(
    n_items: usize,
    grain: usize,
    body: unsafe extern "C" fn(*mut c_void, usize, usize) -> i32,
    context: *mut c_void,
) -> i32 {
    struct Context(*mut c_void);
    // SAFETY: the interface asks that body and context can be used from several threads.
    unsafe impl Sync for Context {}
    impl Context {
        fn get(&self) -> *mut c_void {
            self.0
        }
    }
    let context = Context(context);
    let lowest = std::sync::Mutex::new((usize::MAX, abi::OK));
    let outcome = crate::executor::parallel_for(n_items, grain, &|range| {
        // SAFETY: the kernel gives a function for this context.
        let code = unsafe { body(context.get(), range.start, range.end) };
        if code != abi::OK {
            let mut lowest = lowest
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if range.start < lowest.0 {
                *lowest = (range.start, code);
            }
        }
    });
    match outcome {
        Ok(()) => {
            lowest
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .1
        }
        Err(Error::Panic(_)) => abi::PANICKED,
        Err(_) => abi::CANCELLED,
    }
}

/// Pointers to operands, on the stack for as many as kernels usually have.
struct SmallPointers {
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
    fn as_ptr(&self) -> *const *const Operand {
        if self.many.is_empty() {
            self.few.as_ptr()
        } else {
            self.many.as_ptr()
        }
    }
}
