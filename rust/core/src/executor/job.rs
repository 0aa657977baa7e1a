//! One run over a range of items: chunks handed out to whoever asks, the lowest failure kept.

use super::{interrupt, pool};
use crate::Error;
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Set by whoever wants a job to end early; bodies that take long should look at it.
#[derive(Debug, Default)]
pub struct CancelFlag(AtomicBool);

impl CancelFlag {
    /// A flag that is not set.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Ask the job to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job should end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag as the kernel ABI hands it to other libraries.
    pub fn as_atomic(&self) -> &AtomicBool {
        &self.0
    }
}

/// Failure of one item.
#[derive(Debug)]
pub struct ItemError {
    /// Position of the item; the first of its chunk if the body could not say.
    pub item: usize,
    /// What happened to it.
    pub error: Error,
}

/// What the calling thread does while a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerRole {
    /// It takes chunks like every other thread: the quickest start, right if a chunk is short.
    TakesPart,
    /// It only listens for interrupts: right if a single item may take long.
    Listens,
}

/// The description of a run over `0..n_items`.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Job<'a> {
    n_items: usize,
    grain: usize,
    cancel: Option<&'a CancelFlag>,
    caller: CallerRole,
    most_threads: usize,
}

type Body<'a> = dyn Fn(Range<usize>) -> std::result::Result<(), ItemError> + Sync + 'a;

impl<'a> Job<'a> {
    /// A job over `0..n_items`, item by item, with the caller taking part.
    pub const fn new(n_items: usize) -> Self {
        Self {
            n_items,
            grain: 1,
            cancel: None,
            caller: CallerRole::TakesPart,
            most_threads: usize::MAX,
        }
    }

    /// Smallest number of items worth another thread; at least 1.
    pub const fn grain(mut self, grain: usize) -> Self {
        self.grain = if grain == 0 { 1 } else { grain };
        self
    }

    /// A flag that ends the job early, also set by the job itself when it is interrupted.
    pub const fn cancel(mut self, flag: &'a CancelFlag) -> Self {
        self.cancel = Some(flag);
        self
    }

    /// What the calling thread does meanwhile.
    pub const fn caller(mut self, role: CallerRole) -> Self {
        self.caller = role;
        self
    }

    /// How many threads may work on it at once; at least 1.
    pub const fn most_threads(mut self, count: usize) -> Self {
        self.most_threads = if count == 0 { 1 } else { count };
        self
    }

    /// Call `body` on ranges that cover all items, and give back the lowest failure.
    ///
    /// A body handles its range in order and stops at its first failure. A cancelled job fails
    /// with [`Error::Interrupted`] unless all of its items were done.
    pub fn run(self, body: &Body<'_>) -> std::result::Result<(), ItemError> {
        if self.n_items == 0 {
            return Ok(());
        }
        let own_flag = CancelFlag::new();
        let cancel = self.cancel.unwrap_or(&own_flag);
        // Listening without a listener would only add the hop to another thread.
        let listens = self.caller == CallerRole::Listens && interrupt::is_listening();
        if !listens && self.n_items <= self.grain {
            return run_chunk(body, 0..self.n_items, cancel);
        }
        let n_threads = pool::thread_count().min(self.most_threads);
        let n_chunks = self.n_items.div_ceil(self.grain);
        let n_helpers = n_chunks.min(n_threads) - usize::from(!listens);
        let Some(threads) = (n_helpers > 0).then(pool::pool).flatten() else {
            return run_alone(body, self.n_items, self.grain, cancel);
        };
        let shared = Arc::new(Shared {
            body: erase(body),
            cancel: std::ptr::from_ref(cancel),
            n_items: self.n_items,
            grain: self.grain,
            n_threads,
            next: AtomicUsize::new(0),
            lowest_failure: AtomicUsize::new(usize::MAX),
            state: Mutex::new(State::default()),
            idle: Condvar::new(),
        });
        // From here on the caller must not leave, not even by a panic, before `close` has
        // returned: helpers borrow the body and the flag from its stack.
        for _ in 0..n_helpers {
            let shared = Arc::clone(&shared);
            threads.spawn(move || shared.help());
        }
        if !listens {
            shared.take_chunks(true);
        }
        shared.close(listens)
    }
}

#[derive(Default)]
struct State {
    /// No helper may begin any more.
    closed: bool,
    active: usize,
    started: usize,
    finished_items: usize,
    failure: Option<ItemError>,
}

struct Shared {
    body: *const Body<'static>,
    cancel: *const CancelFlag,
    n_items: usize,
    grain: usize,
    n_threads: usize,
    next: AtomicUsize,
    lowest_failure: AtomicUsize,
    state: Mutex<State>,
    idle: Condvar,
}

// SAFETY: the body is `Sync` and the flag atomic; both are only used between `enter` and `leave`,
// during which the caller, who owns them, waits in `close`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A helper's whole life in this job; it does nothing if it comes too late.
    fn help(&self) {
        {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            state.active += 1;
            state.started += 1;
        }
        self.take_chunks(false);
        let mut state = self.lock();
        state.active -= 1;
        if state.active == 0 {
            self.idle.notify_all();
        }
    }

    /// Next chunk: half an even share of what is left, within 1 and 16 grains: few enough for
    /// the caller to listen between chunks, enough to make handing them out cost nothing.
    fn next_chunk(&self) -> Option<Range<usize>> {
        let mut start = self.next.load(Ordering::Relaxed);
        loop {
            if start >= self.n_items {
                return None;
            }
            let left = self.n_items - start;
            let length = (left / (2 * self.n_threads))
                .clamp(self.grain, self.grain.saturating_mul(16))
                .min(left);
            match self.next.compare_exchange_weak(
                start,
                start + length,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(start..start + length),
                Err(now) => start = now,
            }
        }
    }

    /// Work until nothing is left, the job is cancelled, or only items after a failure remain.
    fn take_chunks(&self, is_caller: bool) {
        // SAFETY: the caller of the job keeps both alive until every active thread is through.
        let (body, cancel) = unsafe { (&*self.body, &*self.cancel) };
        let mut asked = Instant::now();
        let mut finished = 0;
        while !cancel.is_cancelled() {
            let Some(range) = self.next_chunk() else {
                break;
            };
            // Chunks are handed out in order, so all that follow lie behind the failure too.
            if range.start > self.lowest_failure.load(Ordering::Relaxed) {
                break;
            }
            let length = range.len();
            match run_chunk(body, range, cancel) {
                Ok(()) => finished += length,
                Err(failure) => self.keep_lowest(failure),
            }
            if is_caller && asked.elapsed() > interrupt::INTERVAL {
                if interrupt::is_interrupted() {
                    cancel.cancel();
                }
                asked = Instant::now();
            }
        }
        self.lock().finished_items += finished;
    }

    fn keep_lowest(&self, failure: ItemError) {
        if matches!(failure.error, Error::Interrupted) {
            return;
        }
        let mut state = self.lock();
        if state
            .failure
            .as_ref()
            .is_none_or(|kept| failure.item < kept.item)
        {
            self.lowest_failure
                .fetch_min(failure.item, Ordering::Relaxed);
            state.failure = Some(failure);
        }
    }

    /// Wait until no thread touches the body any more; the outcome of the job.
    fn close(&self, listens: bool) -> std::result::Result<(), ItemError> {
        // SAFETY: this runs on the caller of the job, which owns the flag.
        let cancel = unsafe { &*self.cancel };
        let mut state = self.lock();
        // A caller that took part has seen the end of the items; one that listens has to leave
        // the door open until a helper has.
        state.closed = !listens;
        loop {
            if state.active == 0 && (state.closed || state.started > 0) {
                state.closed = true;
                break;
            }
            if cancel.is_cancelled() {
                state.closed = true;
                if state.active == 0 {
                    break;
                }
            }
            state = self
                .idle
                .wait_timeout(state, interrupt::INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if state.active == 0 && state.closed {
                break;
            }
            drop(state);
            if !cancel.is_cancelled() && interrupt::is_interrupted() {
                cancel.cancel();
            }
            state = self.lock();
        }
        match state.failure.take() {
            Some(failure) => Err(failure),
            None if state.finished_items == self.n_items => Ok(()),
            None => Err(ItemError {
                item: 0,
                error: Error::Interrupted,
            }),
        }
    }
}

/// All chunks on the calling thread, when there is no other.
fn run_alone(
    body: &Body<'_>,
    n_items: usize,
    grain: usize,
    cancel: &CancelFlag,
) -> std::result::Result<(), ItemError> {
    let mut asked = Instant::now();
    let mut start = 0;
    while start < n_items {
        let end = n_items.min(start.saturating_add(grain));
        run_chunk(body, start..end, cancel)?;
        start = end;
        if asked.elapsed() > interrupt::INTERVAL {
            if interrupt::is_interrupted() {
                cancel.cancel();
            }
            asked = Instant::now();
        }
    }
    Ok(())
}

fn run_chunk(
    body: &Body<'_>,
    range: Range<usize>,
    cancel: &CancelFlag,
) -> std::result::Result<(), ItemError> {
    let (first, last) = (range.start, range.end - 1);
    if cancel.is_cancelled() {
        return Err(ItemError {
            item: first,
            error: Error::Interrupted,
        });
    }
    catch_unwind(AssertUnwindSafe(|| body(range))).unwrap_or_else(|payload| {
        let Error::Panic(message) = panic_error(&*payload) else {
            unreachable!()
        };
        let place = if first == last {
            format!("item {first}")
        } else {
            format!("items {first} to {last}")
        };
        Err(ItemError {
            item: first,
            error: Error::Panic(format!("{place}: {message}")),
        })
    })
}

/// What a caught panic said.
pub(super) fn panic_error(payload: &(dyn Any + Send)) -> Error {
    let message = payload
        .downcast_ref::<&'static str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "of a type that cannot be shown".to_owned());
    Error::Panic(format!("panicked: {message}"))
}

fn erase(body: &Body<'_>) -> *const Body<'static> {
    // SAFETY: only the lifetime changes; `Shared` documents why no use outlives it.
    unsafe { std::mem::transmute::<&Body<'_>, &Body<'static>>(body) }
}
