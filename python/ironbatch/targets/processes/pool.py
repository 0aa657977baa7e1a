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
from time import monotonic
from typing import Any

from ironbatch.targets.processes.batches import Kept
from ironbatch.targets.processes.functions import Definition
from ironbatch.targets.processes.segments import (
    Channel,
    Packed,
    Segment,
    anonymous_file,
    dumper,
    pack,
)
from ironbatch.targets.processes.worker import REMEMBERED

__all__ = ["Pool", "Worker", "default_workers", "pool"]

_BOOT = (
    "import sys; sys.path[:] = {path!r}; "
    "from ironbatch.targets.processes.worker import main; main({arguments})"
)


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
        self._item[0] = -1
        passed = (theirs.fileno(), heard, outgoing, incoming, slot)
        try:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                    "-c",
                    _BOOT.format(path=sys.path, arguments=", ".join(map(str, passed))),
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

    @property
    def item(self) -> int:
        """Which item it is at, -1 for none."""
        return int(self._item[0])

    def call(self, definition: Definition, start: int, n: int, columns: Packed) -> None:
        """Send a chunk of calls, and what they call if the worker does not know it yet."""
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
            self.channel.send(
                pack(("define", key, definition.lasting, used, where, sys.path), _dumps_plainly)
            )
            self.channel.send(definition.packed)
        self._item[0] = -1
        self.channel.send(columns)

    def _keep(self, token: int, dataset: Any) -> None:
        """Send a dataset that later definitions name by number; None if it cannot be pickled."""
        try:
            packed = pack(dataset, dumper())
        except Exception:
            packed = pack(None, _dumps_plainly)
        self._kept.add(token, None)
        self.channel.send(pack(("keep", token), _dumps_plainly))
        self.channel.send(packed)

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
        self._starting = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of all workers."""
        with self._changed:
            return [worker.process.pid for worker in self._workers]

    def reserve(
        self,
        reserved: list[Worker],
        wanted: int,
        limit: int,
        *,
        wait: bool,
        deadline: float | None = None,
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
        """
        dead: list[Worker] = []
        try:
            while True:
                with self._changed:
                    if self._closed:
                        break
                    while self._idle and len(reserved) < wanted:
                        worker = self._idle[-1]
                        alive = worker.process.poll() is None
                        (reserved if alive else dead).append(worker)
                        self._idle.pop()
                    self._workers.difference_update(dead)
                    room = max(0, limit - len(self._workers) - self._starting)
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
                finally:
                    with self._changed:
                        self._starting -= starting
                return
        finally:
            for worker in dead:
                worker.kill()
        self._sleep_if_daemon()
        raise RuntimeError("worker processes cannot be used while Python exits")

    def release(self, workers: list[Worker]) -> None:
        """Give workers back that are not busy."""
        with self._changed:
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
