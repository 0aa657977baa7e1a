"""Target ``threads``: calls in persistent threads, for code that waits or releases the GIL.

Items are handed out in chunks. A worker's first chunk is one item; chunks double only while items
are quicker than `QUICK`, so slow items spread evenly and quick ones cost little. A second worker
joins only when the first one did not finish at once: trivial work never pays for waking threads
that fight for the GIL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic, perf_counter
from typing import Any

from ironbatch.targets import Target, get, register
from ironbatch.targets.calls import Calls, Context, run_range
from ironbatch.targets.crew import Worker, crew, default_workers

__all__ = ["Threads"]

QUICK = 50e-6
"""Seconds per item below which chunks grow."""

TRIVIAL = 20e-6
"""Seconds per item below which one worker is enough: two would mostly wait for the GIL."""

LEAST = 64
"""Items that a chunk of trivial ones may have, however few are left."""

FIRST_LOOK = 5e-4
"""Seconds after which the caller looks whether more workers would help.

Sooner, on a busy machine, the first worker often has not run yet; and every look takes the GIL away
from items that let go of it for a moment, as NumPy does.
"""

_PENDING = object()


class _Job:
    """One batch of calls, shared by the workers that make them and the caller that waits."""

    __slots__ = (
        "active",
        "calls",
        "closed",
        "done",
        "fatal",
        "func",
        "left",
        "lock",
        "next",
        "pace",
        "results",
        "width",
    )

    def __init__(self, func: Callable[..., Any], calls: Calls, width: int) -> None:
        self.func = func
        self.calls = calls
        self.width = width
        self.lock = threading.Lock()
        self.done = threading.Lock()
        self.done.acquire()
        self.next = 0
        self.left = calls.n
        self.closed: bool = False
        self.fatal: BaseException | None = None
        self.results: list[Any] = [_PENDING] * calls.n
        # What each busy worker is at: start and stop of its chunk, and the results so far.
        self.active: dict[Worker, tuple[int, int, list[Any]]] = {}
        self.pace: float | None = None

    def serve(self, worker: Worker) -> None:
        """Take chunks until there are none left or the job is closed."""
        size = 1
        while True:
            with self.lock:
                start = self.next
                if self.closed or start >= self.calls.n:
                    return
                stop = min(start + size, self.calls.n)
                self.next = stop
                out: list[Any] = []
                self.active[worker] = (start, stop, out)
            began = perf_counter()
            try:
                run_range(self.func, self.calls, start, stop, out)
            except BaseException as error:
                # SystemExit and its kin end the whole call; the caller raises them.
                with self.lock:
                    self.active.pop(worker, None)
                    if not self.closed:
                        self.fatal = error
                        self._close()
                return
            pace = (perf_counter() - began) / (stop - start)
            with self.lock:
                if self._is_closed():
                    return
                del self.active[worker]
                self.results[start:stop] = out
                self.left -= stop - start
                self.pace = pace
                if self.left == 0:
                    self._close()
                    return
            if pace < QUICK:
                # A share of what is left: the last chunks end together, and slow items behind
                # many quick ones still spread.
                left = self.calls.n - stop
                share = max(left // 4, LEAST) if pace < TRIVIAL else left // (2 * self.width)
                size = max(1, min(2 * size, share))

    def _is_closed(self) -> bool:
        return self.closed

    def _close(self) -> None:
        self.closed = True
        self.done.release()

    def stop(self) -> list[Worker]:
        """Close the job from outside; return the workers that are still busy with it."""
        with self.lock:
            if not self.closed:
                self._close()
            busy = list(self.active)
            for start, _, out in self.active.values():
                finished = list(out)
                self.results[start : start + len(finished)] = finished
            return busy


@register
class Threads(Target):
    """Runs calls in threads that live as long as the process.

    By default four times as many as there are cores. Context variables of the caller are visible. A
    worker whose item overruns `timeout`, or is running when Ctrl-C arrives, is retired: its result
    is discarded and another thread takes its place.
    """

    name = "threads"
    aliases = ("t",)

    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Make every call in the crew; alone and without a deadline, a call runs in the caller."""
        # One call needs no count of workers: that asks the system for the cores.
        width = 1 if calls.n == 1 else min(n_workers or default_workers(), calls.n)
        if width == 1 and timeout is None:
            results: list[Any] = []
            copy_context().run(run_range, calls.bind(func), calls, 0, calls.n, results)
            return results
        deadline = None if timeout is None else monotonic() + timeout
        job = _Job(calls.bind(func), calls, width)
        try:
            if self._recruit(job, 1) == 0:
                # Every thread is busy and some of them may be waiting for this very call.
                return get("for").run(func, calls, n_workers=1, timeout=timeout, context=context)
            finished = self._wait(job, width, deadline)
        except BaseException:
            for worker in job.stop():
                crew().retire(worker)
            raise
        if not finished:
            for worker in job.stop():
                crew().retire(worker)
            for position, result in enumerate(job.results):
                if result is _PENDING:
                    job.results[position] = context.late(position, timeout or 0.0)
        if job.fatal is not None:
            raise job.fatal
        return job.results

    @staticmethod
    def _recruit(job: _Job, wanted: int) -> int:
        workers = crew().reserve(wanted)
        for worker in workers:
            worker.hand(job, copy_context())
        return len(workers)

    def _wait(self, job: _Job, width: int, deadline: float | None) -> bool:
        """Wait for the job, adding workers while they may help; return whether it has finished."""
        recruited = 1
        pause = FIRST_LOOK
        while True:
            if recruited < width:
                patience = pause
            elif deadline is None:
                patience = -1.0
            else:
                patience = max(0.0, deadline - monotonic())
            if deadline is not None and patience > 0:
                patience = max(0.0, min(patience, deadline - monotonic()))
            if job.done.acquire(timeout=patience):
                return True
            if deadline is not None and monotonic() >= deadline:
                return False
            if recruited < width and (job.pace is None or job.pace > TRIVIAL):
                recruited += self._recruit(job, min(width, job.calls.n - job.next + 1) - recruited)
                # The crew may be at its limit now and not a moment later.
            pause = min(2 * pause, 5e-3)
