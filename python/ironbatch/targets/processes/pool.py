"""The worker processes: how they start, are shared by calls, and end.

Workers are new interpreters, started like any other program. They are not forked, since a fork of a
process with threads may hold locks that nobody releases; and they do not import the main module
again, so scripts need no ``if __name__ == '__main__'``.
"""

from __future__ import annotations

import atexit
import mmap
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any

from ironbatch.targets.processes.batches import Kept
from ironbatch.targets.processes.functions import Definition
from ironbatch.targets.processes.segments import (
    PASSING,
    Channel,
    Packed,
    Segment,
    anonymous_file,
    dumper,
    pack,
)
from ironbatch.targets.processes.worker import REMEMBERED, UNWANTED

__all__ = ["Pool", "Worker", "carry_out_first", "default_workers", "pool"]

_BOOT = (
    "import sys; sys.path[:] = {path!r}; {first}"
    "from ironbatch.targets.processes.worker import main; main({arguments})"
)
_first: list[str] = []


def carry_out_first(statements: str) -> None:
    """Have every worker that starts from now on carry something out before anything else.

    Parameters
    ----------
    statements : str
        Python code in one line, such as what makes modules importable there.
    """
    if statements not in _first:
        _first.append(statements)


def default_workers() -> int:
    """Return the number of cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


class Worker:
    """One worker process, seen from the parent."""

    def __init__(self) -> None:
        import socket
        from multiprocessing.connection import Connection

        ours, theirs = socket.socketpair()
        heard, self._lifeline = os.pipe()
        incoming, outgoing, slot = anonymous_file(), anonymous_file(), anonymous_file()
        os.ftruncate(slot, mmap.PAGESIZE)
        self._slot = mmap.mmap(slot, mmap.PAGESIZE)
        self._item = memoryview(self._slot).cast("q")
        for place in range(len(self._item)):
            self._item[place] = -1
        passed = (theirs.fileno(), heard, outgoing, incoming, slot)
        try:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                    "-c",
                    _BOOT.format(
                        path=sys.path,
                        first="".join(f"{one}; " for one in _first),
                        arguments=", ".join(map(str, passed)),
                    ),
                ],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            os.close(incoming)
            os.close(outgoing)
            raise
        finally:
            theirs.close()
            os.close(heard)
            os.close(slot)
        self.connection = Connection(ours.detach())
        self.channel = Channel(self.connection, Segment(outgoing), Segment(incoming))
        self.ready = False
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._passing = b""
        self._kept = Kept()
        self._region = PASSING

    @property
    def item(self) -> int:
        """Which item it is at, -1 for none."""
        return int(self._item[0])

    @property
    def tasks(self) -> set[int]:
        """Which tasks it is at, -1 for none."""
        return set(self._item[1:UNWANTED])

    def make(self, definition: Definition, task: Packed, region: int) -> None:
        """Send a task that is answered through the same region; others may be under way."""
        self.define(definition)
        self.channel.send(task, region)

    def drop_tasks_of(self, run: int) -> None:
        """Tell it that tasks which it has not begun are not wanted."""
        self._item[UNWANTED] = run

    def shrink(self) -> None:
        """Give the memory of all regions back; it has nothing to do."""
        self.channel.incoming.shrink()
        self.channel.outgoing.shrink()

    def call(self, definition: Definition, columns: Packed) -> None:
        """Send a chunk of calls, and what they call if the worker does not know it yet."""
        self.define(definition)
        self._item[0] = -1
        self.channel.send(columns)

    def define(self, definition: Definition) -> None:
        """Send what calls have in common, if the worker does not know it yet."""
        key = definition.key
        if definition.lasting:
            known = key in self._known
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        else:
            known = key == self._passing
            self._passing = key
        if not known:
            for token, dataset in definition.datasets.items():
                if not self._kept.use(token):
                    self._keep(token, dataset)
            where = os.getcwd()  # noqa: PTH109
            used = list(definition.datasets)
            self._pass(
                pack(("define", key, definition.lasting, used, where, sys.path), _dumps_plainly)
            )
            self._pass(definition.packed)

    def _keep(self, token: int, dataset: Any) -> None:
        """Send a dataset that later definitions name by number; None if it cannot be pickled."""
        try:
            packed = pack(dataset, dumper())
        except Exception:
            packed = pack(None, _dumps_plainly)
        self._kept.add(token, None)
        self._pass(pack(("keep", token), _dumps_plainly))
        self._pass(packed)

    def _pass(self, packed: Packed) -> None:
        """Send what is followed by other messages, in a region that none of them uses."""
        self._region = PASSING + (self._region + 1 - PASSING) % PASSING
        self.channel.send(packed, self._region)

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Wait for a process that has ended, or was told to, and let go of everything."""
        self.connection.close()
        # Once: by the second time the number may be that of another file.
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._item.release()
        self._slot.close()
        self.channel.incoming.close()
        self.channel.outgoing.close()

    def abandon(self) -> None:
        """In a forked child: close what would keep the parent's workers from seeing it end."""
        with suppress(OSError):
            self.connection.close()
        with suppress(OSError):
            os.close(self._lifeline)
        # Not our child: nothing to wait for, nothing to complain about.
        self.process.returncode = 0


def _dumps_plainly(message: Any, **options: Any) -> bytes:
    import pickle

    return pickle.dumps(message, **options)


class Pool:
    """All worker processes of this process."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._lent: set[Worker] = set()
        self._returned: SimpleQueue[Worker] = SimpleQueue()
        self._starting = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of all workers."""
        with self._changed:
            return [worker.process.pid for worker in self._workers]

    @property
    def idle(self) -> int:
        """How many of them have nothing to do and are nobody's."""
        with self._changed:
            self._take_back()
            return len(self._idle)

    def reserve(
        self,
        reserved: list[Worker],
        wanted: int,
        limit: int,
        *,
        wait: bool,
        deadline: float | None = None,
        lend: bool = False,
    ) -> None:
        """Take up to `wanted` workers for one call, starting processes if there are too few.

        Parameters
        ----------
        reserved : list of Worker
            Receives them one by one, so that none is lost if Ctrl-C interrupts this.
        wanted : int
            How many the call can use.
        limit : int
            How many workers there may be in all.
        wait : bool
            Whether to wait until there is at least one.
        deadline : float, optional
            When to stop waiting, on the monotonic clock.
        lend : bool
            Whether they may be kept for long; `limit` leaves such workers out.
        """
        dead: list[Worker] = []
        try:
            while True:
                with self._changed:
                    if self._closed:
                        break
                    self._take_back()
                    while self._idle and len(reserved) < wanted:
                        worker = self._idle[-1]
                        alive = worker.process.poll() is None
                        (reserved if alive else dead).append(worker)
                        self._idle.pop()
                    self._workers.difference_update(dead)
                    if lend:
                        self._lent.update(reserved)
                    counted = len(self._workers) - len(self._lent & self._workers)
                    room = max(0, limit - counted - self._starting)
                    starting = min(room, wanted - len(reserved))
                    self._starting += starting
                    if not starting and not reserved and wait:
                        patience = None if deadline is None else deadline - monotonic()
                        if patience is None or patience > 0:
                            self._changed.wait(patience)
                            continue
                try:
                    for _ in range(starting):
                        worker = Worker()
                        reserved.append(worker)
                        with self._changed:
                            self._workers.add(worker)
                            if lend:
                                self._lent.add(worker)
                finally:
                    with self._changed:
                        self._starting -= starting
                return
        finally:
            for worker in dead:
                worker.kill()
        self._sleep_if_daemon()
        raise RuntimeError("worker processes cannot be used while Python exits")

    def give_back(self, worker: Worker) -> None:
        """Give back a worker that is not busy; the garbage collector may do that at any time."""
        self._returned.put(worker)

    def _take_back(self) -> None:
        while not self._returned.empty():
            worker = self._returned.get()
            self._lent.discard(worker)
            self._idle.append(worker)

    def expect(self, workers: list[Worker]) -> None:
        """Count workers that were lent: they come back or end soon."""
        self._lent.difference_update(workers)

    def release(self, workers: list[Worker]) -> None:
        """Give workers back that are not busy."""
        with self._changed:
            self._take_back()
            self._lent.difference_update(workers)
            self._idle.extend(worker for worker in workers if worker not in self._idle)
            self._changed.notify_all()

    def drop(self, worker: Worker) -> None:
        """End a reserved worker and forget it."""
        if self._closed:
            self._sleep_if_daemon()
        try:
            worker.kill()
        finally:
            with self._changed:
                self._workers.discard(worker)
                self._lent.discard(worker)
                self._changed.notify_all()

    @staticmethod
    def _sleep_if_daemon() -> None:
        # Python exits, its workers were ended, and nobody waits for this thread: what it would
        # raise now nobody wants to read.
        if threading.current_thread().daemon:
            threading.Event().wait()

    def close(self) -> None:
        """End all workers."""
        with self._changed:
            self._closed = True
            workers, self._workers, self._idle = self._workers, set(), []
            self._changed.notify_all()
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            with suppress(Exception):
                worker.process.wait()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's workers."""
        for worker in self._workers:
            worker.abandon()


_pool: Pool | None = None
_pool_lock = threading.Lock()
_leaked: list[Pool] = []


def pool() -> Pool:
    """Return the pool of this process."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = Pool()
            atexit.register(_close)
        return _pool


def _close() -> None:
    if _pool is not None:
        _pool.close()


def _after_fork() -> None:
    global _pool, _pool_lock
    _pool_lock = threading.Lock()
    if _pool is not None:
        _pool.abandon()
        _leaked.append(_pool)
        _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
