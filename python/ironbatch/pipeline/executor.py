"""One run of a pipeline: from positions in the dataset to batches in the consumer's hands."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ironbatch.errors import EmptyBatchSequence, SkipBatchException, StopPipeline
from ironbatch.namedexpr import Scope
from ironbatch.pipeline.plan import Plan, attach
from ironbatch.pipeline.prefetch import Prefetch, depth_of
from ironbatch.pipeline.profile import ActionTime, Profile
from ironbatch.pipeline.progress import make_progress
from ironbatch.pipeline.turns import RunClosedError, Turns

if TYPE_CHECKING:
    from ironbatch.pipeline.processes import Remote

__all__ = ["Run", "RunOptions"]


class _Mark:
    """Stands for a batch that does not come."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SKIPPED = _Mark("skipped")
STOPPED = _Mark("stopped")


@dataclass
class RunOptions:
    """How a pipeline runs; see `Pipeline.gen_batch`."""

    batch_size: Any = None
    shuffle: Any = False
    n_iters: int | None = None
    n_epochs: int | None = None
    drop_last: bool = False
    prefetch: Any = 0
    target: str = "threads"
    bar: Any = None
    seed: Any = None
    ignore_exceptions: bool = False
    profile: bool = False
    batch_kwargs: dict[str, Any] = field(default_factory=dict)


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

    Raises
    ------
    ValueError, TypeError
        If an option is wrong.
    """

    def __init__(self, pipeline: Any, options: RunOptions, owner: Any = None) -> None:
        from ironbatch.random import stream_key

        self.owner = pipeline if owner is None else owner
        self.feeds = owner is not None
        self.options = options
        if options.target not in ("threads", "t", "mpc", "m"):
            raise ValueError(f"prefetch runs in 'threads' or 'mpc', got target {options.target!r}")
        self.depth = depth_of(options.prefetch)
        self.progress = make_progress(options.bar)
        self.plan = Plan(pipeline, owner=self.owner)
        self.turns = Turns() if self.depth else None
        self.ignore = bool(options.ignore_exceptions)
        self.total: int | None = None
        seed = options.shuffle if options.seed is None else options.seed
        self.profile: Profile | None = None
        if options.profile:
            self.profile = Profile(actions=[ActionTime("create_batch", "")])
            self.profile.actions += [ActionTime(step.name, step.path) for step in self.plan.steps]
        if pipeline.rebatched is None:
            self.dataset = pipeline.dataset
            if self.dataset is None:
                raise ValueError(
                    "the pipeline has no dataset to run over; give it one with dataset >> pipeline"
                )
            self.source = self._views()
        else:
            self.dataset = None
            self.source = pipeline.rebatched.batches(options, self.owner)
        self.stream_key = stream_key(seed)
        self.remote = self._make_remote(pipeline)

    def _make_remote(self, pipeline: Any) -> Remote | None:
        """Give what makes batches in worker processes, if that is where they are made.

        Batches that `rebatch` has joined go on in threads; a worker process has none of its own.
        """
        if not self.depth or self.options.target not in ("mpc", "m") or self.dataset is None:
            return None
        from ironbatch.targets import processes

        if processes.inside_worker:
            return None
        from ironbatch.pipeline.processes import Remote

        return Remote(self, pipeline)

    def _views(self) -> Iterator[Any]:
        from ironbatch.index.iteration import IterState

        options = self.options
        state = IterState()
        views: Iterator[Any] = self.dataset.index.gen_batch(
            options.batch_size,
            options.shuffle,
            options.n_iters,
            options.n_epochs,
            options.drop_last,
            iter_params=state,
        )
        self.total = state.total
        return views

    def tasks(self) -> Iterator[tuple[int, int, Any]]:
        """Give what to work on, in order: ticket, items handed out before, and view or batch."""
        position = 0
        if self.remote is not None:
            # Not before: the steps that are carried out before a run may set variables.
            self.remote.prepare(self.stream_key)
        for ticket, part in enumerate(self.source):
            yield ticket, position, part
            position += len(part)

    def work(self, task: tuple[int, int, Any]) -> tuple[Any, list[float] | None]:
        """Make one batch and take it through the pipeline; in whatever thread."""
        ticket, position, part = task
        scope = Scope(self.owner, ticket + 1, self.total, position, self.stream_key)
        scope.turns = self.turns
        times: list[float] | None = None
        if self.profile is not None:
            times = scope.times = [-1.0] * len(self.profile.actions)
        try:
            if self.remote is not None:
                return self._send_out(self.remote, part, scope, times), times
            return self._carry_out(part, scope, times), times
        except (StopPipeline, RunClosedError):
            self._end_with(ticket)
            return STOPPED, times
        except SkipBatchException:
            return SKIPPED, times
        except Exception:
            if self.ignore:
                return SKIPPED, times
            self._end_with(ticket)
            raise
        finally:
            for _, lock in reversed(scope.locks):
                lock.release()
            if self.turns is not None:
                self.turns.end(ticket)

    def _end_with(self, ticket: int) -> None:
        """Keep batches after this one from changing what they share: nobody will see them."""
        if self.turns is not None:
            self.turns.stop(ticket)

    def _carry_out(self, part: Any, scope: Scope, times: list[float] | None) -> Any:
        began = perf_counter() if times is not None else 0.0
        if self.dataset is not None:
            batch = self.dataset.create_batch(part, **self.options.batch_kwargs)
        else:
            batch = part
        attach(batch, scope)
        if times is not None:
            times[0] = perf_counter() - began
            scope.times = times[1:]
            try:
                batch = self.plan.execute(batch, scope)
            finally:
                times[1:] = scope.times
        else:
            batch = self.plan.execute(batch, scope)
        return None if scope.discarded else batch

    def _send_out(self, remote: Remote, part: Any, scope: Scope, times: list[float] | None) -> Any:
        """Have a worker process make the batch; carry out the last steps here, in order."""
        batch, scope.discarded, spent = remote.make(scope.ticket, scope.position, part)
        first = remote.first_at_home
        if times is not None and spent is not None:
            times[: len(spent)] = spent
        if batch is None:
            return None
        attach(batch, scope)
        if first < len(self.plan.steps):
            turns, scope.turns = scope.turns, None
            turns.wait(id(remote), scope.ticket)
            if times is not None:
                scope.times = times[1:]
            try:
                batch = self.plan.execute(batch, scope, first)
            finally:
                if times is not None and scope.times is not None:
                    times[1:] = scope.times
                turns.leave(id(remote), scope.ticket)
        return None if scope.discarded else batch

    def batches(self) -> Iterator[Any]:
        """Run, and yield the batches in order."""
        prefetch: Prefetch | None = None
        results: Iterator[Any]
        if self.depth:
            most = None if self.remote is None else self.remote.workers
            results = prefetch = Prefetch(self.tasks(), self.work, self.depth, most)
        else:
            results = map(self.work, self.tasks())
        return self._consume(results, prefetch)

    def _consume(self, results: Iterator[Any], prefetch: Prefetch | None) -> Iterator[Any]:
        profile, progress = self.profile, self.progress
        made = 0
        began = perf_counter()
        try:
            if progress is not None and hasattr(progress, "start"):
                progress.start(self.total)
            if not self.feeds:
                self.owner.before.run(self.owner)
            asked = perf_counter() if profile is not None else 0.0
            for batch, times in results:
                if profile is not None and times is not None:
                    profile.waited += perf_counter() - asked
                    profile.add(times)
                if batch is STOPPED:
                    break
                if progress is not None:
                    progress.update(pipeline=self.owner, batch=None if batch is SKIPPED else batch)
                if batch is SKIPPED:
                    continue
                made += 1
                if profile is not None:
                    profile.batches += 1
                    profile.items += 0 if batch is None else len(batch)
                yield batch
                batch = None
                asked = perf_counter() if profile is not None else 0.0
            if not self.feeds:
                self.owner.after.run(self.owner)
        finally:
            if self.remote is not None:
                self.remote.close()
            if prefetch is not None:
                prefetch.close()
            if self.turns is not None:
                self.turns.close()
            if profile is not None:
                profile.finish(perf_counter() - began)
                self.owner.profile = profile
            if progress is not None:
                progress.close()
        if made == 0 and not self.feeds:
            warnings.warn("the run has made no batch", EmptyBatchSequence, stacklevel=2)
