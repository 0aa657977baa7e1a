"""Target ``async``: coroutines on one private event loop.

The loop lives in a thread of its own, so that a call works wherever it is made, inside a running
loop (notebooks) too. Each item is a task of its own: `asyncio.current_task`, `asyncio.timeout` and
whatever libraries build on them work inside.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from inspect import isawaitable
from itertools import islice
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ironbatch._core import guard_thread
from ironbatch.targets import Target, register
from ironbatch.targets.calls import Calls, Context

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncLoop"]

AT_ONCE = 64
"""How many items run at once unless said: open files and connections are limited."""

PATIENCE = 0.05
"""Seconds that cancelled items get to end before their loop is given up."""

_PENDING = object()


class _PrivateLoop:
    """An event loop and the thread it runs in."""

    def __init__(self) -> None:
        import asyncio

        self.asyncio = asyncio
        self.loop = asyncio.new_event_loop()
        self.jobs = 0
        self.retired = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._live, name="ironbatch-loop", daemon=True)
        self.thread.start()

    def _live(self) -> None:
        guard_thread()
        self.asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def enter(self) -> bool:
        """Count a job in, unless the loop was given up and may end at any moment."""
        with self.lock:
            self.jobs += not self.retired
            return not self.retired

    def leave(self) -> None:
        """Count a job out; a retired loop ends with its last one."""
        with self.lock:
            self.jobs -= 1
            if self.retired and self.jobs == 0:
                self._end()

    def retire(self) -> None:
        """Give up a loop that an item blocks: it ends when its jobs do."""
        with self.lock:
            self.retired = True
            if self.jobs == 0:
                self._end()

    def _end(self) -> None:
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)

    def stop(self) -> None:
        """Cancel what runs and end the thread, if it still listens."""

        async def finish() -> None:
            tasks = self.asyncio.all_tasks(self.loop) - {self.asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await self.asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()

        coroutine = finish()
        try:
            self.asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
        self.thread.join(PATIENCE)


_current: _PrivateLoop | None = None
_lock = threading.Lock()
_leaked: list[_PrivateLoop | None] = []
_stops_at_exit = False


def _private_loop() -> _PrivateLoop:
    global _current, _stops_at_exit
    with _lock:
        if _current is None or _current.retired or not _current.thread.is_alive():
            _current = _PrivateLoop()
            if not _stops_at_exit:
                # Before the interpreter finalises: a task that is still pending then complains.
                # After `threading` has waited for other threads: they may still need the loop.
                atexit.register(_stop)
                _stops_at_exit = True
        return _current


def _stop() -> None:
    if _current is not None and _current.thread.is_alive():
        _current.stop()


def _after_fork() -> None:
    # The loop's thread is gone, and its sockets belong to the parent too: keep it and leave it
    # alone.
    global _current, _lock
    _leaked.append(_current)
    _current = None
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Job:
    """One batch of calls. All but `__init__`, `wait` and `give_up` runs in the loop's thread."""

    def __init__(
        self, home: _PrivateLoop, func: Callable[..., Any], calls: Calls, limit: int
    ) -> None:
        self.home = home
        self.loop = home.loop
        self.new_task: type[asyncio.Task[None]] = home.asyncio.Task
        self.cancelled: type[BaseException] = home.asyncio.CancelledError
        self.func = func
        self.limit = limit
        self.variables = copy_context()
        self.arguments: Iterator[tuple[int, Sequence[Any]]] = enumerate(
            zip(*calls.streams(0, calls.n), strict=False)
        )
        if not calls.counted:
            self.arguments = enumerate(calls.arguments(at) for at in range(calls.n))
        self.results: list[Any] = [_PENDING] * calls.n
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.pumping = False
        self.closed = False
        self.fatal: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def pump(self) -> None:
        """Start items until as many run as may."""
        self.pumping = False
        tasks = self.tasks
        new_task, loop, variables = self.new_task, self.loop, self.variables
        free = self.limit - len(tasks)
        if not self.closed:
            for position, arguments in islice(self.arguments, free):
                tasks[position] = new_task(
                    self._one(position, arguments), loop=loop, context=variables.copy()
                )
        if not tasks:
            self.done.release()
            self.home.leave()

    async def _one(self, position: int, arguments: Sequence[Any]) -> None:
        result: Any
        try:
            result = self.func(*arguments)
            if type(result) is CoroutineType or isawaitable(result):
                result = await result
            self.results[position] = result
        except Exception as error:
            # Without this frame, which the exception would otherwise keep alive in a cycle.
            tb = error.__traceback__
            error.__traceback__ = tb.tb_next if tb is not None else None
            del tb
            self.results[position] = error
        except self.cancelled as error:
            failed = RuntimeError("the task of this item was cancelled")
            failed.__cause__ = error
            self.results[position] = failed
        except BaseException as error:
            # SystemExit and its kin would take the loop down; the caller raises them.
            self.fatal = error
            self.closed = True
        finally:
            del self.tasks[position]
            # Once for all items that end in this turn of the loop.
            if not self.pumping:
                self.pumping = True
                self.loop.call_soon(self.pump, context=self.variables)

    def cancel(self) -> None:
        """Start no more items and cancel those that run."""
        self.closed = True
        for task in self.tasks.values():
            task.cancel()

    def give_up(self) -> list[Any]:
        """End the job from outside; return the results that were there in time."""
        results = list(self.results)
        self.loop.call_soon_threadsafe(self.cancel)
        if not self.done.acquire(timeout=PATIENCE):
            self.home.retire()
        return results


@register
class AsyncLoop(Target):
    """Runs coroutines as tasks on one event loop, at most 64 at once unless `n_workers` says.

    A function that is no coroutine function may return an awaitable; otherwise it blocks the loop
    while it runs. Items that overrun `timeout`, or are running when Ctrl-C arrives, are cancelled.
    """

    name = "async"
    aliases = ("a",)

    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Make every call on the private loop.

        Raises
        ------
        RuntimeError
            If called from a coroutine on that loop, which would wait for itself.
        """
        home = _private_loop()
        if threading.current_thread() is home.thread:
            action = f"action {context.action!r}" if context.action else "a parallel call"
            raise RuntimeError(
                f"{action} with target 'async' was called from an item function that runs on the "
                "same event loop and would wait for itself; await the coroutine instead, or call "
                "the action from a thread: await asyncio.to_thread(...)"
            )
        while not home.enter():
            home = _private_loop()
        job = _Job(home, calls.bind(func), calls, n_workers or AT_ONCE)
        try:
            home.loop.call_soon_threadsafe(job.pump, context=job.variables)
            finished = job.done.acquire(timeout=-1 if timeout is None else timeout)
        except BaseException:
            job.give_up()
            raise
        results = job.results
        if not finished:
            results = job.give_up()
            for position, result in enumerate(results):
                if result is _PENDING:
                    results[position] = context.late(position, timeout or 0.0)
        if job.fatal is not None:
            raise job.fatal
        return results
