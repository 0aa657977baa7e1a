"""Where a run has spent its time, action by action."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ironbatch.pipeline.profile.recording import BatchRecord, Clock, Reading, Span

__all__ = ["ActionTime", "Profile", "Recorder", "profile_level"]

KEPT = 20_000
"""Of how many batches, the latest ones, everything is kept; sums are kept of all."""


@dataclass
class ActionTime:
    """What one action has cost, all batches together; times are in seconds.

    Attributes
    ----------
    name, path : str
        The action and its place in the plan.
    calls : int
        For how many batches it was carried out.
    failed : int
        For how many it has raised.
    seconds : float
        How long it was busy: without waiting for its turn or for a lock of the pipeline, and
        without the steps inside of it when it is a pipeline.
    share : float
        Its part of the time of all actions, from 0 to 1.
    waiting : float
        How long batches waited for their turn, or for a lock of the pipeline, before it or in it.
    cpu : float
        How long of `seconds` its thread was on a core.
    queued : float
        How long of `seconds` its thread was ready to run but had no core, because others had them.
        Only Linux tells; 0 elsewhere.
    gil : float
        How long of `seconds`, at most, it waited for the interpreter's lock: its thread was neither
        on a core nor ready for one while other threads of the process were computing. Threads of
        native libraries that compute for the action count as others, so this is an upper bound.
    blocked : float
        The rest of `seconds`: it waited for a disk, a network, a sleep, a lock of its own.
    bytes_in, bytes_out : int
        Bytes of the components that batches held before and after it.
    """

    name: str
    path: str
    calls: int = 0
    failed: int = 0
    seconds: float = 0.0
    share: float = 0.0
    waiting: float = 0.0
    cpu: float = 0.0
    queued: float = 0.0
    gil: float = 0.0
    blocked: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, span: Span) -> None:
        """Add one call."""
        if span.failed:
            self.failed += 1
        else:
            self.calls += 1
        busy, gil = span.busy, span.gil
        self.seconds += busy
        self.waiting += span.before + span.waited
        self.cpu += span.cpu
        self.queued += span.queued
        self.gil += gil
        self.blocked += max(busy - span.cpu - span.queued - gil, 0.0)
        self.bytes_in += span.bytes_in
        self.bytes_out += span.bytes_out


@dataclass
class Profile:
    """What a run has cost; times are in seconds.

    Attributes
    ----------
    batches, items : int
        How many the run has yielded.
    seconds : float
        From the start of the run to its end, or to the latest batch while it goes on.
    waited : float
        How long of it the consumer waited for batches.
    consumer_cpu, consumer_queued, consumer_gil : float
        How long the consumer, while it was busy with batches, was on a core, was ready but had
        none, and waited, at most, for the interpreter's lock; see `ActionTime`.
    ready : float
        How long finished batches lay there until the consumer took them, summed up.
    transfer : float
        How long the consumer waited for batches that worker processes had finished: while they
        came back.
    startup : float
        How long the consumer waited for worker processes to begin with their first batches: they
        may have to start, to import and to load the dataset.
    prefetch : int
        How many batches were made ahead.
    target : str
        Where they were made: 'threads' or 'mpc'.
    workers : set of tuple
        Processes and threads, by their numbers, that have worked on batches.
    actions : list of ActionTime
        One for each action, in the order of the pipeline; making the batch comes first. A pipeline
        as a step is followed by its actions.
    records : deque of BatchRecord
        The latest batches in detail, 20,000 at most.
    consumer : deque of tuple
        What the consumer did, as ticket of the batch, when it asked for it, when it got it.
    consumer_thread : tuple of int
        Process and thread of the consumer.
    """

    batches: int = 0
    items: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    consumer_cpu: float = 0.0
    consumer_queued: float = 0.0
    consumer_gil: float = 0.0
    ready: float = 0.0
    transfer: float = 0.0
    startup: float = 0.0
    prefetch: int = 0
    target: str = "threads"
    workers: set[tuple[int, int]] = field(default_factory=set)
    actions: list[ActionTime] = field(default_factory=list)
    records: deque[BatchRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    consumer: deque[tuple[int, float, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    consumer_thread: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._by_path = {action.path: action for action in self.actions}

    def declare(self, name: str, path: str) -> None:
        """Make room for an action, in the order of the pipeline."""
        if path not in self._by_path:
            self._by_path[path] = ActionTime(name, path)
            self.actions.append(self._by_path[path])

    def add(self, record: BatchRecord) -> None:
        """Add what one batch has cost."""
        self.records.append(record)
        for part in (record, record.away):
            if part is None:
                continue
            if part.spans:
                self.workers.add((part.pid, part.tid))
            for span in part.spans:
                path = record.prefix + span.path
                action = self._by_path.get(path)
                if action is None:
                    self.declare(span.path.rpartition("/")[2].partition(".")[2], path)
                    action = self._by_path[path]
                action.add(span)

    def finish(self, seconds: float) -> None:
        """Work out the shares."""
        self.seconds = seconds
        total = sum(action.seconds for action in self.actions)
        for action in self.actions:
            action.share = action.seconds / total if total else 0.0

    def as_dict(self) -> dict[str, list[Any]]:
        """Give the actions as columns, for ``pandas.DataFrame``."""
        names = ActionTime.__dataclass_fields__
        return {name: [getattr(action, name) for action in self.actions] for name in names}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give a row for each action of each of the latest batches."""
        names = {action.path: action.name for action in self.actions}
        for record in self.records:
            for part in (record.away, record):
                for span in () if part is None else part.spans:
                    path = record.prefix + span.path
                    yield {
                        "action": path or "create_batch",
                        "name": names[path],
                        "iter": record.ticket + 1,
                        "batch_id": record.ticket,
                        "total_time": span.busy,
                        "waiting": span.before + span.waited,
                        "cpu": span.cpu,
                        "queued": span.queued,
                        "gil": span.gil,
                        "bytes_in": span.bytes_in,
                        "bytes_out": span.bytes_out,
                        "failed": span.failed,
                        "start": span.began,
                        "process": 0 if part is None else part.pid,
                        "thread": 0 if part is None else part.tid,
                    }

    def calls(self) -> Iterator[dict[str, Any]]:
        """Give a row for each function in each action of each of the latest batches."""
        for record in self.records:
            for part in (record.away, record):
                for call in () if part is None else part.calls:
                    yield {
                        "action": record.prefix + call.path or "create_batch",
                        "id": call.function,
                        "iter": record.ticket + 1,
                        "batch_id": record.ticket,
                        "ncalls": call.ncalls,
                        "tottime": call.tottime,
                        "cumtime": call.cumtime,
                    }

    def __str__(self) -> str:
        rate = self.items / self.seconds if self.seconds else 0.0
        lines = [f"{self.batches} batches, {self.items} items, {rate:,.0f} items/s"]
        width = max((len(action.name) for action in self.actions), default=0)
        lines += [
            f"  {action.name:<{width}}  {action.calls:>6} calls  {action.seconds * 1e3:>9.1f} ms  "
            f"{action.share:>6.1%}"
            for action in self.actions
        ]
        return "\n".join(lines)


def profile_level(profile: Any) -> int:
    """Give how much is measured: 0 for nothing, 1 for actions, 2 for functions too.

    Raises
    ------
    ValueError
        If `profile` is none of these, True, False, None or 'detailed'.
    """
    if isinstance(profile, str) and profile == "detailed":
        return 2
    if profile is None or profile in (0, 1, 2):
        return int(profile or 0)
    raise ValueError(f"profile is True, False, 2 or 'detailed', got {profile!r}")


class Recorder:
    """Fills a profile while a run goes on; in the consumer's thread, but for `record`.

    Parameters
    ----------
    profile : Profile
        What to fill.
    level : int
        How much is measured, see `profile_level`.
    prefix : str
        What paths begin with, for a pipeline that feeds another one.
    """

    def __init__(self, profile: Profile, level: int = 1, prefix: str = "") -> None:
        self.profile = profile
        self.level = level
        self.prefix = prefix
        self._began = perf_counter()
        self._clock: Clock | None = None
        self._reading: Reading | None = None
        self._latest: BatchRecord | None = None

    def feeding(self) -> Recorder:
        """Give what records the pipeline that feeds this one."""
        return Recorder(self.profile, self.level, f"rebatch/{self.prefix}")

    def declare(self, steps: Any, makes_batches: bool) -> None:
        """Make room for the steps of a plan, those of nested pipelines too."""
        if makes_batches:
            self.profile.declare("create_batch", self.prefix)
        for step in steps:
            self.profile.declare(step.name, self.prefix + step.path)
            plan = getattr(getattr(step, "inner", step), "plan", None)
            if plan is not None:
                self.declare(plan.route, False)

    def record(self, ticket: int) -> BatchRecord:
        """Begin the record of a batch, in the thread that works on it."""
        record = BatchRecord(ticket, self.level > 1)
        record.prefix = self.prefix
        return record

    def start(self) -> None:
        """Begin with the run."""
        if self.prefix:
            return
        self._began = perf_counter()
        self.profile.consumer_thread = os.getpid(), threading.get_native_id()

    def _read(self) -> Reading:
        if self._clock is None or self._clock.thread != threading.get_ident():
            self._clock = Clock()
            self._reading = None
        return self._clock.read()

    def asked(self) -> None:
        """The consumer wants a batch."""
        now, before = self._read(), self._reading
        self._reading = now
        if before is not None:
            own = now.since(before)
            profile = self.profile
            profile.consumer_cpu += own.cpu
            profile.consumer_queued += own.queued
            profile.consumer_gil += max(min(own.wall - own.cpu - own.queued, own.others), 0.0)

    def received(self, record: BatchRecord | None) -> None:
        """A batch has come, or its place in the order is empty."""
        now, before = self._read(), self._reading
        self._reading, self._latest = now, record
        profile = self.profile
        asked = now.wall if before is None else before.wall
        if record is not None:
            record.taken = now.wall
            if not self.prefix:
                made = record if record.away is None else record.away
                profile.ready += max(now.wall - made.ended, 0.0)
                profile.consumer.append((record.ticket, asked, now.wall))
            if record.away is not None:
                away = record.away
                if (away.pid, away.tid) not in profile.workers:
                    profile.startup += max(away.began - asked, 0.0)
                # Work at home begins when the batch is there.
                profile.transfer += max(record.began - max(asked, away.ended), 0.0)
            profile.add(record)
        if not self.prefix:
            profile.waited += now.wall - asked
            profile.seconds = now.wall - self._began

    def handed(self, batch: Any) -> None:
        """The consumer gets a batch, or None for one that was discarded."""
        items = 0 if batch is None else len(batch)
        if self._latest is not None:
            self._latest.items = items
        if not self.prefix:
            self.profile.batches += 1
            self.profile.items += items
        self._reading = self._read()

    def finish(self) -> None:
        """End with the run."""
        if not self.prefix:
            self.profile.finish(perf_counter() - self._began)
        if self._clock is not None:
            self._clock.close()
            self._clock = None
