"""The persistent threads behind the target ``threads``.

A call reserves threads that are idle, or starts new ones, and never queues behind another call: so
a call made from inside an item (nested parallelism) always gets on.

The threads are daemon threads started by `threading`, parked in a lock: nothing waits for an item
that never ends. When the interpreter ends while an item is still running, its thread falls asleep
at its next attempt to take the GIL (see `guard_thread` in the core).
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from contextvars import Context as VariableContext
from itertools import count
from typing import Protocol

from ironbatch._core import guard_thread

__all__ = ["Crew", "Worker", "crew", "default_workers"]


def default_workers() -> int:
    """Return four times the number of cores this process may use: what waiting for I/O wants."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        cores = os.cpu_count() or 1
    return 4 * cores


class Task(Protocol):
    """What a worker is handed."""

    def serve(self, worker: Worker) -> None:
        """Work until there is nothing left to do."""


class Worker:
    """One parked thread. Handing it a task wakes it up."""

    __slots__ = ("_crew", "_task", "_variables", "_wake", "thread")

    def __init__(self, crew: Crew, number: int) -> None:
        self._crew = crew
        self._wake = threading.Lock()
        self._wake.acquire()
        self._task: Task | None = None
        self._variables: VariableContext | None = None
        self.thread = threading.Thread(
            target=self._live, name=f"ironbatch-worker-{number}", daemon=True
        )
        self.thread.start()

    def hand(self, task: Task, variables: VariableContext) -> None:
        """Give an idle worker something to do, in a context of its own."""
        self._task = task
        self._variables = variables
        self._wake.release()

    def dismiss(self) -> None:
        """Let an idle worker's thread end."""
        self._wake.release()

    def _live(self) -> None:
        guard_thread()
        while True:
            self._wake.acquire()
            task, variables = self._task, self._variables
            self._task = self._variables = None
            if task is None or variables is None:
                return
            variables.run(task.serve, self)
            # A parked worker must not keep the last batch alive.
            del task, variables
            if not self._crew.welcome(self):
                return


class Crew:
    """All worker threads of the process.

    Parameters
    ----------
    limit : int
        How many threads there may be at most; a call that can reserve none runs in its caller.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._total = 0
        self._retired: set[Worker] = set()
        self._numbers = count(1)

    @property
    def size(self) -> int:
        """How many threads there are, retired ones left out."""
        return self._total

    @property
    def idle(self) -> int:
        """How many of them wait for work."""
        return len(self._idle)

    def reserve(self, wanted: int) -> list[Worker]:
        """Take up to `wanted` idle workers, starting threads if there are too few."""
        reserved: list[Worker] = []
        with self._lock:
            while self._idle and len(reserved) < wanted:
                reserved.append(self._idle.pop())
            # RuntimeError: the system, or an interpreter that is shutting down, starts no more.
            with suppress(RuntimeError):
                while len(reserved) < wanted and self._total < self.limit:
                    reserved.append(Worker(self, next(self._numbers)))
                    self._total += 1
        return reserved

    def retire(self, worker: Worker) -> None:
        """Count a busy worker out: its item may never end, and its thread goes when it does."""
        with self._lock:
            if worker not in self._retired:
                self._retired.add(worker)
                self._total -= 1

    def welcome(self, worker: Worker) -> bool:
        """Take a worker back that has finished, unless it was retired."""
        with self._lock:
            if worker in self._retired:
                self._retired.discard(worker)
                return False
            self._idle.append(worker)
            return True


def _new_crew() -> Crew:
    return Crew(limit=max(256, 16 * default_workers()))


_crew = _new_crew()
_leaked: list[Crew] = []


def crew() -> Crew:
    """Return the crew of this process."""
    return _crew


def _after_fork() -> None:
    # The threads are gone and the old lock may be held by one of them. The old crew is kept, since
    # dropping it would run destructors of objects in an unknown state.
    global _crew
    _leaked.append(_crew)
    _crew = _new_crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
