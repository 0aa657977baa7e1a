"""One run of a pipeline: from positions in the dataset to batches in the consumer's hands."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ironbatch.actions.failed_item import Kept
from ironbatch.actions.policy import DEFAULT
from ironbatch.errors import EmptyBatchSequence, SkipBatchException, StopPipeline
from ironbatch.namedexpr import Scope
from ironbatch.pipeline.plan.fusion import checked_fuse
from ironbatch.pipeline.plan.plan import Plan, attach
from ironbatch.pipeline.plan.turns import RunClosedError, Turns
from ironbatch.pipeline.prefetch.budget import make_budget
from ironbatch.pipeline.prefetch.threads import Prefetch, depth_of, in_threads, where_of
from ironbatch.pipeline.profile.profile import Profile, Recorder, profile_level
from ironbatch.pipeline.profile.recording import BatchRecord, TimedTurns
from ironbatch.pipeline.resume.standing import Standing
from ironbatch.pipeline.run.failures import Delivered, Drought, Tally, is_dropped, run_policy
from ironbatch.pipeline.run.joining import derived_key

if TYPE_CHECKING:
    from ironbatch.pipeline.prefetch.remote import Remote
    from ironbatch.pipeline.resume.standing import Origin

__all__ = ["Run", "RunOptions"]


class _Mark:
    """Stands for a batch that does not come."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SKIPPED = _Mark("skipped")
STOPPED = _Mark("stopped")


def _make_notifier(bar: Any) -> Any:
    if bar is None or bar is False:
        return None
    from ironbatch.progress import make_notifier

    return make_notifier(bar)


@dataclass
class RunOptions:
    """How a pipeline runs; see `Pipeline.gen_batch`."""

    batch_size: Any = None
    shuffle: Any = False
    n_iters: int | None = None
    n_epochs: int | None = None
    drop_last: bool = False
    prefetch: Any = 0
    target: Any = "threads"
    prefetch_bytes: int | None = None
    n_workers: int | None = None
    n_threads: int | None = None
    bar: Any = None
    seed: Any = None
    ignore_exceptions: bool = False
    profile: Any = False
    on_error: Any = "raise"
    max_failures: Any = None
    retries: Any = DEFAULT.retries
    backoff: Any = DEFAULT.backoff
    retry_on: Any = DEFAULT.retry_on
    fuse: bool = True
    order: Any = "native"
    engine: Any = None
    range_length: int | None = None
    batch_kwargs: dict[str, Any] = field(default_factory=dict)
    sink: list[Any] | None = None
    first_epoch: int = 0
    lane: tuple[int, int] = (0, 1)


class Run:
    """One run; its arguments are checked when it is made.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    options : RunOptions
        How.
    owner : Pipeline, optional
        The pipeline whose variables, models and config count, when this one feeds another.
    origin : Origin, optional
        Where to begin, if not at the start.

    Raises
    ------
    ValueError, TypeError
        If an option is wrong.
    """

    def __init__(
        self, pipeline: Any, options: RunOptions, owner: Any = None, origin: Origin | None = None
    ) -> None:
        self.owner = pipeline if owner is None else owner
        self.feeds = owner is not None
        self.options = options
        self.where = where_of(options)
        self.depth = depth_of(options.prefetch)
        self.budget = make_budget(options.prefetch_bytes, shared=pipeline.rebatched is not None)
        self.progress = _make_notifier(options.bar)
        self.plan = Plan(pipeline, owner=self.owner, fuse=checked_fuse(options.fuse))
        self.origin = origin
        self.standing = Standing(options, origin)
        self.ignore = bool(options.ignore_exceptions)
        self.policy = run_policy(options)
        self.tally = Tally(self.policy, options.sink if self.feeds else None)
        self.drought = Drought()
        # What failed upstream: from there since the latest task, and by ticket.
        self.fed: list[Kept] = []
        self.upstream: dict[int, list[Kept]] = {}
        self.total: int | None = None
        self.recorder = self._make_recorder()
        if pipeline.rebatched is None:
            self.dataset = pipeline.dataset
            if self.dataset is None:
                raise ValueError(
                    "the pipeline has no dataset to run over; give it one with dataset >> pipeline"
                )
            self.source = self._views()
        else:
            self.dataset = None
            feeding = None if self.recorder is None else self.recorder.feeding()
            below = pipeline.rebatched.run(
                replace(options, profile=feeding, sink=self.fed),
                self.owner,
                origin and origin.below,
            )
            self.standing.stands_on(below.standing, origin)
            self.source = pipeline.rebatched.batches(below, self.owner, origin, self.standing)
        if self.recorder is not None:
            self.recorder.declare(self.plan.route, self.dataset is not None)
        self.stream_key = self.standing.stream_key
        if pipeline.rebatched is not None:
            # Else an item would get in this part the numbers that it got in the part before.
            self.stream_key = derived_key(self.stream_key, pipeline.rebatched.depth)
        self.remote = self._make_remote(pipeline)
        self.turns: Turns | None = None
        if self.depth and self.remote is None:
            self.turns = Turns(self.standing.iteration)

    def _make_recorder(self) -> Recorder | None:
        """Give what measures the run, if it is measured."""
        options = self.options
        if isinstance(options.profile, Recorder):
            return options.profile
        level = profile_level(options.profile)
        if not level:
            return None
        target = "mpc" if self.where == "processes" else self.where
        return Recorder(Profile(prefetch=self.depth, target=target), level)

    def _make_remote(self, pipeline: Any) -> Remote | None:
        """Give what makes batches elsewhere, if that is where they are made.

        Batches that `rebatch` has joined go on in threads; a worker process has none of its own.
        """
        asked = self.depth or self.where == "engine"
        if not asked or self.where == "threads" or self.dataset is None:
            return None
        from ironbatch.pipeline.prefetch.remote import make_remote

        return make_remote(self, pipeline)

    def _views(self) -> Iterator[Any]:
        from ironbatch.index.iteration import make_plan

        options, index = self.options, self.dataset.index
        bounds = make_plan(
            len(index), options.batch_size, options.n_iters, options.n_epochs, options.drop_last
        )
        course, order = self.standing.start(bounds, self.owner.shard_of, self.origin, self.dataset)
        self.total = course.total
        return course.views(index, order)

    def tasks(self) -> Iterator[tuple[int, int, Any]]:
        """Give what to work on, in order: ticket, items handed out before, and view or batch."""
        if self.remote is not None:
            # Not before: the steps that are carried out before a run may set variables.
            self.remote.prepare(self.stream_key)
        standing = self.standing
        tickets = count(standing.iteration)
        if standing.course is not None:
            yield from zip(tickets, standing.course.firsts(), self.source, strict=False)
        else:
            rank, world = self.owner.shard_of
            for ticket, items, part in standing.joined(tickets, self.source):
                if self.fed:
                    self.upstream[ticket] = self.fed[:]
                    self.fed.clear()
                yield ticket, items * world + rank, part

    def _number(self, ticket: int) -> int:
        """Give the number of a batch among those of all processes, as `I` gives it."""
        course = self.standing.course
        return (ticket if course is None else course.number(ticket)) + 1

    def work(self, task: tuple[int, int, Any]) -> tuple[Any, BatchRecord | None]:
        """Make one batch and take it through the pipeline; in whatever thread."""
        ticket, position, part = task
        scope = Scope(self.owner, self._number(ticket), self.total, position, self.stream_key)
        scope.turns = self.turns
        record: BatchRecord | None = None
        if self.recorder is not None:
            record = scope.record = self.recorder.record(ticket)
            if self.turns is not None:
                scope.turns = TimedTurns(self.turns, record)
        scope.policy = self.policy
        outcome: Any
        failed: Exception | None = None
        try:
            if self.remote is not None:
                outcome = self._send_out(self.remote, part, scope)
            else:
                outcome = self._carry_out(part, scope)
        except (StopPipeline, RunClosedError):
            self._end_with(ticket)
            outcome = STOPPED
        except SkipBatchException:
            outcome = SKIPPED
        except Exception as error:
            outcome = SKIPPED
            if not is_dropped(error, scope, self.ignore):
                self._end_with(ticket)
                if scope.kept is None or not scope.kept.records:
                    raise
                failed = error
        finally:
            # From now on the batch is on its own.
            scope.policy = None
            for _, lock in reversed(scope.locks):
                lock.release()
            if self.turns is not None:
                self.turns.end(ticket)
            if record is not None:
                record.finish()
        if scope.kept is not None or self.upstream:
            for kept in self.upstream.pop(ticket, ()):
                scope.kept = kept.joined(scope.kept)
            outcome = Delivered(outcome, scope.kept, failed)
        return outcome, record

    def _end_with(self, ticket: int) -> None:
        """Keep batches after this one from changing what they share: nobody will see them."""
        if self.turns is not None:
            self.turns.stop(ticket)

    def _carry_out(self, part: Any, scope: Scope) -> Any:
        record = scope.record
        if record is not None and self.dataset is not None:
            record.enter("")
        if self.dataset is not None:
            scope.index = part
            batch = self.dataset.create_batch(part, **self.options.batch_kwargs)
        else:
            batch = part
            # Whoever has drawn from it, in a process or here, goes on with numbers of this part.
            batch.__dict__.pop("_generator", None)
            scope.index = part.index
        attach(batch, scope)
        if record is not None:
            record.made(batch, timed=self.dataset is not None)
        batch = self.plan.execute(batch, scope)
        return None if scope.discarded else batch

    def _send_out(self, remote: Remote, part: Any, scope: Scope) -> Any:
        """Have a worker process make the batch; carry out the last steps here, in order."""
        scope.index = part
        batch, scope.discarded, away = remote.make(scope, part)
        first = remote.first_at_home
        if scope.record is not None:
            scope.record.away = away
        if batch is None:
            return None
        attach(batch, scope)
        if first < len(self.plan.steps):
            batch = self.plan.execute(batch, scope, first)
        return None if scope.discarded else batch

    def batches(self) -> Iterator[Any]:
        """Run, and yield the batches in order."""
        prefetch: Prefetch | None = None
        results: Iterator[Any]
        if self.remote is not None:
            results = map(self.work, self.remote.ahead(self.tasks(), self.depth, self.budget))
        elif self.depth:
            results = prefetch = in_threads(
                self.where, self.options, self.tasks(), self.work, self.depth, self.budget
            )
        else:
            results = map(self.work, self.tasks())
        return self._consume(results, prefetch)

    def _seen(self, ahead: bool) -> int:
        """Give how many items the consumer has seen, with those of the batch that it gets next."""
        standing = self.standing
        course = standing.course
        if course is not None:
            return course.taken(standing.iteration + ahead)
        mark: Any = standing.marks[0] if ahead and standing.marks else standing.now
        return int(mark.items) - (0 if self.origin is None else self.origin.items)

    def _take_rest(self) -> None:
        """Count what has failed upstream after the last batch that came from there."""
        for kept in self.fed:
            self.tally.keep(kept)
        if self.tally.records:
            self.tally.seen = self._seen(False)
            self.tally.check()

    def conclude(self) -> None:
        """Raise what the run has to say at its end, of which nobody waits for the end."""
        self._take_rest()
        self.tally.finish()

    def _consume(self, results: Iterator[Any], prefetch: Prefetch | None) -> Iterator[Any]:
        recorder, progress, standing = self.recorder, self.progress, self.standing
        owner, feeds = self.owner, self.feeds
        success = True
        began = perf_counter()
        if recorder is not None:
            recorder.start()
            self.owner.profile = recorder.profile
        try:
            if progress is not None and hasattr(progress, "start"):
                course = standing.course
                progress.start(None if course is None else course.own_steps)
            if not feeds:
                owner.before.run(owner)
            if recorder is not None:
                recorder.asked()
            for batch, record in results:
                if recorder is not None:
                    recorder.received(record)
                if type(batch) is Delivered:
                    kept = batch.kept
                    batch = self.tally.take(batch, self._seen(batch.outcome is not STOPPED))
                    if batch is SKIPPED and kept is not None and kept.records:
                        self.drought.note(standing, self.tally.seen, kept)
                if batch is STOPPED:
                    break
                standing.iteration += 1
                if standing.marks is not None:
                    standing.move_on()
                if progress is not None:
                    progress.update(pipeline=self.owner, batch=None if batch is SKIPPED else batch)
                if batch is SKIPPED:
                    continue
                standing.batches += 1
                if not feeds:
                    owner._standing = standing
                if recorder is not None:
                    recorder.handed(batch)
                yield batch
                batch = None
                if recorder is not None:
                    recorder.asked()
            self._take_rest()
            if not feeds:
                owner.after.run(owner)
            self.tally.finish()
        except BaseException as error:
            # A consumer that leaves is no failure.
            success = isinstance(error, GeneratorExit)
            raise
        finally:
            if self.remote is not None:
                self.remote.close()
            if prefetch is not None:
                prefetch.close()
            if self.turns is not None:
                self.turns.close()
            if recorder is not None:
                recorder.finish()
            if not self.feeds:
                self.owner.run_time = perf_counter() - began
            if progress is not None:
                from ironbatch.progress import close_notifier

                close_notifier(progress, success)
        if not (feeds or standing.batches or self.origin or self.options.lane[1] > 1):
            failed = self.tally.summary()
            text = f"the run has made no batch{failed}"
            warnings.warn(text, EmptyBatchSequence, stacklevel=2)
