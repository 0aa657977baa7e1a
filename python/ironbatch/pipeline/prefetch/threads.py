"""Work on the next batches while the consumer is busy with this one.

The consumer drives: when it asks for a batch, it takes tasks from the source until enough of them
are under way, then waits for the first one. So order is kept without a reordering queue, the source
needs no lock, and a consumer that leaves stops everything: nothing is started that it has not asked
for. Workers hold the run but never the generator, so dropping the generator ends the run at once;
batches under way finish unseen.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from ironbatch.pipeline.prefetch.budget import Budget, budget_of, size_of
from ironbatch.targets.crew import Worker, crew, default_workers

__all__ = [
    "Prefetch",
    "Slot",
    "ahead_for",
    "depth_of",
    "forget_after_fork",
    "forks",
    "in_threads",
    "where_of",
]

_forks = 0
_forgetful: set[Callable[[], None]] = set()


def forks() -> int:
    """Tell how many forks lie between the first process and this one."""
    return _forks


def forget_after_fork(forget: Callable[[], None]) -> None:
    """Have a function called in forked children."""
    _forgetful.add(forget)


def _after_fork() -> None:
    global _forks
    _forks += 1
    for forget in _forgetful:
        forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def depth_of(prefetch: bool | int | None) -> int:
    """Give how many batches are made ahead; True stands for four times the cores.

    Raises
    ------
    ValueError
        If it is negative.
    TypeError
        If it is not a whole number.
    """
    if prefetch is None or prefetch is False:
        return 0
    if prefetch is True:
        return default_workers()
    if not hasattr(prefetch, "__index__"):
        raise TypeError(f"prefetch is a number of batches, got {prefetch!r}")
    depth = int(prefetch)
    if depth < 0:
        raise ValueError(f"prefetch is a number of batches, 0 or more, got {depth}")
    return depth


def where_of(options: Any) -> str:
    """Give where batches are made: 'threads', 'processes', 'executor' or 'engine'.

    Parameters
    ----------
    options : RunOptions
        Their `target`, `n_workers`, `n_threads`, `engine` and `range_length` are checked.

    Raises
    ------
    ValueError, TypeError
        If one of them is wrong.
    """
    if options.engine is not None:
        return _on_engine(options)
    if options.range_length is not None:
        raise ValueError("range_length goes with engine=: it says how many batches a worker gets")
    target = options.target
    named = {"threads": "threads", "t": "threads", "mpc": "processes", "m": "processes"}
    where = named.get(target) if isinstance(target, str) else None
    if where is None:
        from ironbatch.pipeline.prefetch.executors import is_executor

        if not is_executor(target):
            raise ValueError(
                f"prefetch runs in 'threads', 'mpc' or an Executor, got target {target!r}"
            )
        where = "executor"
    for name, places in (("n_workers", ("threads", "processes")), ("n_threads", ("processes",))):
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} is a whole number, got {value!r}")
        if value < 1:
            raise ValueError(f"{name} is a number from 1, got {value}")
        if where not in places:
            what = "an executor has workers of its own" if where == "executor" else "use n_workers"
            raise ValueError(f"{name} does not go with target {target!r}: {what}")
    return where


def _on_engine(options: Any) -> str:
    from ironbatch.pipeline.prefetch.ranges import checked_length

    if options.target != "threads":
        raise ValueError(
            f"engine and target={options.target!r} both say where batches are made; give one"
        )
    for name in ("n_workers", "n_threads"):
        if getattr(options, name) is not None:
            raise ValueError(f"{name} does not go with engine=: it has workers of its own")
    checked_length(options.range_length)
    return "engine"


def ahead_for(options: Any, size: int) -> tuple[int, int | None]:
    """Give how many batches, and bytes, are made ahead by a pipeline that feeds `rebatch`.

    As many as the batches that are made of them, and half of the bytes; at most 64 more than those.

    Parameters
    ----------
    options : RunOptions
        How the whole runs.
    size : int
        Items of a batch made by `rebatch`.
    """
    depth, limit = depth_of(options.prefetch), budget_of(options.prefetch_bytes)
    each = -(-size // max(1, int(options.batch_size)))
    return min(depth * each, depth + 64), None if limit is None else max(1, limit // 2)


class Slot:
    """The place of one task in the order."""

    __slots__ = ("_begun", "done", "error", "result", "size", "task")

    def __init__(self, task: Any) -> None:
        self.task = task
        self.done = threading.Lock()
        self.done.acquire()
        self._begun = threading.Lock()
        self.result: Any = None
        self.error: BaseException | None = None
        self.size: int | None = None

    def begin(self) -> bool:
        """Claim the task; false if somebody has it already."""
        return self._begun.acquire(blocking=False)


class _Line:
    """Tasks on their way to the workers: all that workers share with the consumer."""

    def __init__(
        self, work: Callable[[Any], Any], size_of: Callable[[Any], int | None] | None
    ) -> None:
        self.work = work
        self.size_of = size_of
        self.queue: SimpleQueue[Slot | None] = SimpleQueue()
        self.closed = False

    def serve(self, worker: Worker) -> None:
        """Carry out tasks until the line closes."""
        get = self.queue.get
        while True:
            slot = get()
            if slot is None or self.closed:
                return
            self.carry_out(slot)
            # A worker that waits must not keep the last batch alive.
            del slot

    def serve_once(self) -> None:
        """Carry out the first task that nobody has begun, whichever that is by now."""
        with suppress(Empty):
            while not self.closed and not self.carry_out(self._next()):
                pass

    def lose(self, error: BaseException) -> None:
        """Let the first task that nobody has begun fail."""
        with suppress(Empty):
            while not self.fail(self._next(), error):
                pass

    def _next(self) -> Slot:
        slot = self.queue.get_nowait()
        if slot is None:
            raise Empty
        return slot

    def fail(self, slot: Slot, error: BaseException) -> bool:
        """Let a task fail; return whether nobody had begun it."""
        if not slot.begin():
            return False
        slot.error = error
        slot.done.release()
        return True

    def carry_out(self, slot: Slot) -> bool:
        """Do one task and wake the consumer; whatever it raises is the consumer's.

        Returns
        -------
        bool
            Whether nobody had begun it.
        """
        if not slot.begin():
            return False
        try:
            slot.result = self.work(slot.task)
            if self.size_of is not None:
                slot.size = self.size_of(slot.result)
        except BaseException as error:
            slot.error = error
        slot.done.release()
        return True


class Prefetch:
    """An iterator over the results of tasks, in order, with some of them under way.

    Parameters
    ----------
    tasks : iterator
        What to do; it is advanced in the consumer's thread only.
    work : callable
        Does one task, in a thread.
    depth : int
        How many tasks are under way while the consumer is busy with a result, at least 1.
    most : int, optional
        How many threads work on them at most.
    budget : Budget, optional
        Bounds the bytes of the results that wait.
    size_of : callable, optional
        Gives the bytes of a result, for `budget`; None if that tells nothing about others.

    Notes
    -----
    An exception of a task, or of `tasks` itself, is raised by `__next__` when its turn comes; a
    task's exception does not end the iteration.
    """

    def __init__(
        self,
        tasks: Iterator[Any],
        work: Callable[[Any], Any],
        depth: int,
        most: int | None = None,
        budget: Budget | None = None,
        size_of: Callable[[Any], int | None] | None = None,
    ) -> None:
        self._tasks = tasks
        self._depth = depth
        self._workers: int = 0
        self._most = min(depth, most or max(default_workers(), 8))
        self._budget = budget
        self._slots: deque[Slot] = deque()
        self._source_error: BaseException | None = None
        self._exhausted = False
        self._forks = _forks
        self._line = _Line(work, None if budget is None else size_of)

    def __iter__(self) -> Prefetch:
        return self

    def __next__(self) -> Any:
        if self._forks != _forks:
            self._restart()
        self._fill(self._depth)
        if not self._slots:
            error = self._source_error
            if error is None:
                raise StopIteration
            self._source_error = None
            try:
                raise error
            finally:
                del error
        slot = self._slots[0]
        self._wait(slot)
        self._slots.popleft()
        if self._budget is not None and slot.size is not None:
            self._budget.note(slot.size)
        self._fill(self._depth)
        if slot.error is None:
            return slot.result
        try:
            raise slot.error
        finally:
            del slot

    def _wait(self, slot: Slot) -> None:
        if self._workers == 0:
            # There was no thread for it. One that comes later finds the task done.
            self._line.carry_out(slot)
        slot.done.acquire()

    def _fill(self, depth: int) -> None:
        """Start tasks until `depth` of them are under way."""
        slots, budget = self._slots, self._budget
        while len(slots) < depth and not self._exhausted:
            if budget is not None and not budget.allows(slot.size for slot in slots):
                return
            try:
                task = next(self._tasks)
            except StopIteration:
                self._exhausted = True
                return
            except BaseException as error:
                self._exhausted = True
                if not isinstance(error, Exception):
                    raise
                self._source_error = error
                return
            self._start(Slot(task))

    def _start(self, slot: Slot) -> None:
        self._slots.append(slot)
        line = self._line
        if self._workers < min(self._most, len(self._slots)):
            for worker in crew().reserve(1):
                self._workers += 1
                worker.hand(line, copy_context())
        line.queue.put(slot)

    def _restart(self) -> None:
        """Start again, in a forked child, what was under way: its threads are gone."""
        self._forks = _forks
        self._workers = 0
        self._line = _Line(self._line.work, self._line.size_of)
        waiting, self._slots = self._slots, deque()
        for slot in waiting:
            if slot.done.locked():
                self._start(Slot(slot.task))
            else:
                self._slots.append(slot)

    def close(self) -> None:
        """Start nothing more and send the workers home; never waits for them."""
        self._exhausted = True
        self._source_error = None
        line = self._line
        if not line.closed:
            line.closed = True
            for _ in range(self._workers):
                line.queue.put(None)
        self._slots.clear()


def in_threads(
    where: str,
    options: Any,
    tasks: Iterator[Any],
    work: Callable[[Any], Any],
    depth: int,
    budget: Budget | None,
) -> Prefetch:
    """Make batches ahead in threads of this process, or in those of an executor."""
    from ironbatch.pipeline.run.failures import Delivered

    def size(result: tuple[Any, Any]) -> int | None:
        outcome = result[0]
        return size_of(outcome.outcome if isinstance(outcome, Delivered) else outcome)

    if where == "executor":
        from ironbatch.pipeline.prefetch.executors import SubmittedThreads, shares_memory

        if shares_memory(options.target):
            return SubmittedThreads(options.target, tasks, work, depth, budget, size)
    return Prefetch(tasks, work, depth, options.n_workers, budget, size)
