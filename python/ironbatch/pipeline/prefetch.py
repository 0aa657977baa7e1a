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
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from ironbatch.targets.crew import Worker, crew, default_workers

__all__ = ["Prefetch", "depth_of"]

_forks = 0


def _after_fork() -> None:
    global _forks
    _forks += 1


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


class _Slot:
    """The place of one task in the order."""

    __slots__ = ("_begun", "done", "error", "result", "task")

    def __init__(self, task: Any) -> None:
        self.task = task
        self.done = threading.Lock()
        self.done.acquire()
        self._begun = threading.Lock()
        self.result: Any = None
        self.error: BaseException | None = None

    def begin(self) -> bool:
        """Claim the task; false if somebody has it already."""
        return self._begun.acquire(blocking=False)


class _Line:
    """Tasks on their way to the workers: all that workers share with the consumer."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work
        self.queue: SimpleQueue[_Slot | None] = SimpleQueue()
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

    def carry_out(self, slot: _Slot) -> None:
        """Do one task and wake the consumer; whatever it raises is the consumer's."""
        if not slot.begin():
            return
        try:
            slot.result = self.work(slot.task)
        except BaseException as error:
            slot.error = error
        slot.done.release()


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
    ) -> None:
        self._tasks = tasks
        self._depth = depth
        self._workers: int = 0
        self._most = min(depth, most or max(default_workers(), 8))
        self._slots: deque[_Slot] = deque()
        self._source_error: BaseException | None = None
        self._exhausted = False
        self._forks = _forks
        self._line = _Line(work)

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
        if self._workers == 0:
            # There was no thread for it. One that comes later finds the task done.
            self._line.carry_out(slot)
        slot.done.acquire()
        self._slots.popleft()
        self._fill(self._depth)
        if slot.error is None:
            return slot.result
        try:
            raise slot.error
        finally:
            del slot

    def _fill(self, depth: int) -> None:
        """Start tasks until `depth` of them are under way."""
        slots = self._slots
        while len(slots) < depth and not self._exhausted:
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
            self._start(_Slot(task))

    def _start(self, slot: _Slot) -> None:
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
        self._line = _Line(self._line.work)
        waiting, self._slots = self._slots, deque()
        for slot in waiting:
            if slot.done.locked():
                slot = _Slot(slot.task)
                self._start(slot)
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
