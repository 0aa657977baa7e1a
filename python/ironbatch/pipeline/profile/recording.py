"""What a batch costs while it travels, step by step.

Times are of `time.perf_counter`, which all processes of a machine share, so what worker processes
measure fits what is measured at home.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, process_time, thread_time
from typing import Any, NamedTuple

__all__ = ["BatchRecord", "Call", "Clock", "Span", "TimedTurns"]


class Reading(NamedTuple):
    """What the clocks of a thread show."""

    wall: float
    cpu: float
    others: float
    queued: float

    def since(self, earlier: Reading) -> Reading:
        """Give how far the clocks have moved on."""
        wall, cpu, others, queued = self
        return Reading(
            wall - earlier.wall,
            cpu - earlier.cpu,
            others - earlier.others,
            queued - earlier.queued,
        )

    def plus(self, more: Reading) -> Reading:
        """Give the sum of two spans of time."""
        wall, cpu, others, queued = self
        return Reading(wall + more.wall, cpu + more.cpu, others + more.others, queued + more.queued)


NOTHING = Reading(0.0, 0.0, 0.0, 0.0)


class Clock:
    """The clocks of the thread that makes it; only that thread may read them.

    They show the time, the CPU time of the thread and of all others of the process, and how long
    the thread was ready to run but no core was free. The last one comes from Linux and is 0 where
    it is not told.
    """

    __slots__ = ("_file", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self._file: int | None
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def read(self) -> Reading:
        """Give what they show."""
        cpu = thread_time()
        queued = 0.0
        if self._file is not None:
            try:
                queued = int(os.pread(self._file, 80, 0).split(b" ", 2)[1]) * 1e-9
            except (OSError, IndexError, ValueError):
                self.close()
        return Reading(perf_counter(), cpu, process_time() - cpu, queued)

    def close(self) -> None:
        """Let go of what the clock reads from."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __del__(self) -> None:
        self.close()


class Span(NamedTuple):
    """One step of one batch.

    Attributes
    ----------
    path : str
        The step; empty for making the batch.
    began, ended : float
        When, by `time.perf_counter`.
    before : float
        How long the batch waited for its turn before that.
    waited : float
        How long of it the batch waited for its turn or for a lock.
    inner : float
        How long of it other steps took, when the step is a pipeline.
    cpu : float
        How long its thread was on a core.
    queued : float
        How long its thread was ready to run but had no core.
    others : float
        CPU time of the other threads of the process meanwhile.
    bytes_in, bytes_out : int
        Bytes of the components that the batch held before and after.
    failed : bool
        Whether it raised.
    """

    path: str
    began: float
    ended: float
    before: float
    waited: float
    inner: float
    cpu: float
    queued: float
    others: float
    bytes_in: int
    bytes_out: int
    failed: bool

    @property
    def busy(self) -> float:
        """Seconds of the step itself: without waiting and without the steps inside of it."""
        return max(self.ended - self.began - self.waited - self.inner, 0.0)

    @property
    def gil(self) -> float:
        """Seconds, at most, that it waited for the interpreter's lock.

        That is how long its thread was neither on a core nor ready for one, as far as other threads
        of the process were computing meanwhile.
        """
        away = self.ended - self.began - self.waited - self.inner - self.cpu - self.queued
        return max(min(away, self.others), 0.0)


class Call(NamedTuple):
    """What one function has cost within one step of one batch, by `cProfile`."""

    path: str
    function: str
    ncalls: int
    tottime: float
    cumtime: float


class _Open:
    """A step under way."""

    __slots__ = ("before", "began", "bytes", "ended", "inner", "path", "profiler", "waited")

    def __init__(self, path: str, size: int, began: Reading, before: float) -> None:
        self.path = path
        self.before = before
        self.bytes = size
        self.began = began
        self.waited = self.inner = NOTHING
        self.profiler: Any = None
        self.ended: Reading | None = None


class BatchRecord:
    """What one batch has cost, kept by the thread that works on it.

    Parameters
    ----------
    ticket : int
        Place of the batch in the order of the run, from 0.
    detailed : bool
        Whether functions are timed too, by `cProfile`.

    Attributes
    ----------
    pid, tid : int
        Process and thread that worked on it.
    thread : str
        Name of that thread.
    began, ended, taken : float
        When the work on it began and ended, and when the consumer got it.
    items : int
        How many items it had at the end.
    spans : list of Span
        Its steps, those inside of a nested pipeline before the pipeline.
    waits : list of tuple
        When it waited for its turn or a lock: beginning and end.
    calls : list of Call
        What functions have cost.
    away : BatchRecord or None
        What a worker process has recorded.
    prefix : str
        What the paths of its steps begin with, when the batch feeds another pipeline.
    """

    def __init__(self, ticket: int, detailed: bool = False) -> None:
        self.ticket = ticket
        self.detailed = detailed
        self.pid = os.getpid()
        self.tid = threading.get_native_id()
        self.thread = threading.current_thread().name
        self.items = 0
        self.spans: list[Span] = []
        self.waits: list[tuple[float, float]] = []
        self.calls: list[Call] = []
        self.away: BatchRecord | None = None
        self.prefix = ""
        self.began = perf_counter()
        self.ended = self.taken = self.began
        self._bytes = 0
        self._waited = 0.0
        self._open: list[_Open] = []
        self._clock: Clock | None = Clock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_clock": None, "_open": []}

    def _read(self) -> Reading:
        if self._clock is None:
            self._clock = Clock()
        return self._clock.read()

    def enter(self, path: str) -> None:
        """Begin a step."""
        step = _Open(path, self._bytes, self._read(), self._waited)
        self._waited = 0.0
        if self.detailed:
            if self._open:
                _switch(self._open[-1].profiler, on=False)
            from cProfile import Profile

            profiler = Profile()
            step.profiler = profiler if _switch(profiler, on=True) else None
        self._open.append(step)

    def made(self, batch: Any, timed: bool) -> None:
        """The batch is there; `timed` says whether making it is the step under way."""
        if timed:
            self.leave(batch)
        else:
            self._bytes = held_bytes(batch)

    def stop(self) -> None:
        """Note that the step is done, before others take their turn at it."""
        self._open[-1].ended = self._read()

    def leave(self, batch: Any, failed: bool = False) -> None:
        """End the step that was begun last.

        Parameters
        ----------
        batch : Batch
            The batch as the step has left it.
        failed : bool
            Whether the step has raised.
        """
        step = self._open.pop()
        if self.detailed:
            if step.profiler is not None:
                _switch(step.profiler, on=False)
                self.calls += _calls(step.path, step.profiler)
            if self._open:
                _switch(self._open[-1].profiler, on=True)
        whole = step.ended or self._read()
        spent = whole.since(step.began)
        self._bytes = held_bytes(batch)
        own = spent
        if step.waited is not NOTHING or step.inner is not NOTHING:
            own = spent.since(step.waited.plus(step.inner))
        self.spans.append(
            Span(
                step.path,
                step.began.wall,
                whole.wall,
                step.before,
                step.waited.wall,
                step.inner.wall,
                own.cpu,
                own.queued,
                own.others,
                step.bytes,
                self._bytes,
                failed,
            )
        )
        if self._open:
            outer = self._open[-1]
            outer.inner = outer.inner.plus(spent)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count what happens inside as waiting."""
        before = self._read()
        try:
            yield
        finally:
            after = self._read()
            self.waits.append((before.wall, after.wall))
            if self._open:
                step = self._open[-1]
                step.waited = step.waited.plus(after.since(before))
            else:
                self._waited += after.wall - before.wall

    def finish(self, batch: Any = None) -> None:
        """End the record; steps that are under way have failed."""
        while self._open:
            self.leave(batch, failed=True)
        self.ended = perf_counter()
        if self._clock is not None:
            self._clock.close()
            self._clock = None


def _switch(profiler: Any, *, on: bool) -> bool:
    """Turn a profiler on or off; false if another one is on, where there can be only one."""
    if profiler is None:
        return False
    if not on:
        profiler.disable()
        return True
    try:
        profiler.enable()
    except ValueError:
        return False
    return True


def _calls(path: str, profiler: Any) -> Iterator[Call]:
    for entry in profiler.getstats():
        code = entry.code
        if isinstance(code, str):
            name = code
        else:
            name = f"{code.co_filename}:{code.co_firstlineno}({code.co_name})"
        yield Call(path, name, entry.callcount, entry.inlinetime, entry.totaltime)


def held_bytes(batch: Any) -> int:
    """Give the bytes of the components that a batch holds; those not loaded yet do not count."""
    total = 0
    for name in getattr(batch, "components", None) or ():
        total += int(getattr(batch._slot_get(name), "nbytes", 0))
    return total


class TimedTurns:
    """`Turns` that note how long a batch waits for its own.

    Parameters
    ----------
    turns : Turns
        The order of the run.
    record : BatchRecord
        Where to note it.
    """

    def __init__(self, turns: Any, record: BatchRecord) -> None:
        self._turns = turns
        self._record = record

    def wait(self, gate: int, ticket: int) -> None:
        """Wait until it is the turn of batch `ticket` at a gate."""
        with self._record.waiting():
            self._turns.wait(gate, ticket)

    def leave(self, gate: int, ticket: int) -> None:
        """Let the next batch through a gate."""
        self._turns.leave(gate, ticket)
