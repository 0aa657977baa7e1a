"""Target ``mpc``: calls in worker processes, for Python code that holds the GIL.

Functions are sent to a worker once, known by their content; arrays travel through shared memory;
items go in chunks that grow while items are quick. The worker notes which item it is at where the
parent can read it, so that the item of a killed worker can be named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from ironbatch.errors import WorkerDiedError
from ironbatch.targets import Target, get, register
from ironbatch.targets.calls import Calls, Constant, Context

if TYPE_CHECKING:
    from ironbatch.targets.processes.pool import Worker

__all__ = ["Processes"]

CHUNK_TIME = 3e-3
"""Seconds that a chunk should take: long beside a message, short beside a batch."""

WORTH = 3e-4
"""Seconds of work that are worth a message; the last chunks do not get smaller than that."""

inside_worker = False
"""Whether this process is a worker: then a parallel call runs in it, one call after another."""

_PENDING = object()


class RemoteTraceback(Exception):  # noqa: N818 - shown as the heading of a traceback
    """The traceback of an exception in a worker process, as text."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0]) if self.args else ""


@register
class Processes(Target):
    """Runs calls in persistent worker processes, by default one for each core.

    Everything that goes to a worker or comes back is pickled, with cloudpickle if it is installed.
    A worker that is busy when `timeout` is reached or Ctrl-C arrives is killed, and replaced when
    it is needed. If a worker dies, its item fails with `WorkerDiedError`, and the other items of
    its chunk are run again.
    """

    name = "mpc"
    aliases = ("m",)

    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Make every call in the pool.

        Raises
        ------
        TypeError
            If the function or a constant argument cannot be sent to another process.
        """
        if inside_worker:
            return get("for").run(func, calls, n_workers=1, timeout=timeout, context=context)
        from ironbatch.targets.processes.pool import default_workers, pool

        wanted = min(n_workers or default_workers(), calls.n)
        limit = max(wanted, default_workers())
        return _Job(pool(), func, calls, wanted, limit, timeout, context).run()


class _Chunk:
    __slots__ = ("definition", "lost", "start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.definition: Any = None
        self.lost = False
        self.start = start
        self.stop = stop


class _Job:
    """One batch of calls, driven by the thread that makes them."""

    def __init__(
        self,
        pool: Any,
        func: Callable[..., Any],
        calls: Calls,
        wanted: int,
        limit: int,
        timeout: float | None,
        context: Context,
    ) -> None:
        from multiprocessing.connection import wait

        from ironbatch.targets.portable import decode
        from ironbatch.targets.processes import batches, functions, segments

        self.wait = wait
        self.decode = decode
        self.pack = segments.pack
        self.compact = segments.compact
        self.dumps = segments.dumper()
        self.explain = functions.explain
        self.by_value = functions.by_value
        self.forget = batches.forget
        self.define = functions.define
        self.definition = functions.define(func, calls)
        self.calls = calls
        self.pool = pool
        self.func = func
        self.columns = [
            (place, column)
            for place, column in enumerate(calls.columns)
            if not isinstance(column, Constant)
        ]
        self.n = calls.n
        self.wanted = wanted
        self.limit = limit
        self.timeout = timeout
        self.context = context
        self.results: list[Any] = [_PENDING] * calls.n
        self.next = 0
        self.left = calls.n
        self.pace: float | None = None
        self.again: deque[_Chunk] = deque()
        self.idle: list[Worker] = []
        self.busy: dict[Any, tuple[Worker, _Chunk]] = {}

    def run(self) -> list[Any]:
        """Make all calls; whatever happens, give the workers back or end them."""
        deadline = None if self.timeout is None else monotonic() + self.timeout
        try:
            while self.left:
                self._employ(deadline)
                if not self._hear(deadline):
                    break
        finally:
            # Ctrl-C may have come while a worker was on its way from one of them to the other.
            self.pool.release([one for one in self.idle if one.connection not in self.busy])
            # Still busy: the deadline has passed, or an exception is on its way.
            for worker, _ in self.busy.values():
                self.pool.drop(worker)
        if self.left:
            for position, result in enumerate(self.results):
                if result is _PENDING:
                    self.results[position] = self.context.late(position, self.timeout or 0.0)
        return self.results

    def _employ(self, deadline: float | None) -> None:
        """Give idle workers a chunk each; get more workers while there is work."""
        while self.next < self.n or self.again:
            if not self.idle:
                missing = self.wanted - len(self.busy)
                if missing > 0:
                    self.pool.reserve(
                        self.idle, missing, self.limit, wait=not self.busy, deadline=deadline
                    )
                if not self.idle:
                    return
            chunk = self._take()
            packed = self._packed(chunk)
            if packed is None:
                continue
            worker = self.idle[-1]
            self.busy[worker.connection] = worker, chunk
            self.idle.pop()
            try:
                worker.call(self.definition, packed)
            except (BrokenPipeError, ConnectionResetError):
                self._bury(worker, chunk)

    def _take(self) -> _Chunk:
        if self.again:
            return self.again.popleft()
        size = 1
        if self.pace is not None:
            pace = max(self.pace, 1e-7)
            fair = -(-(self.n - self.next) // (2 * self.wanted))
            size = max(1, min(max(fair, int(WORTH / pace)), int(CHUNK_TIME / pace)))
        chunk = _Chunk(self.next, min(self.next + size, self.n))
        self.next = chunk.stop
        return chunk

    def _packed(self, chunk: _Chunk) -> Any:
        """Pickle the arguments of a chunk, None if that fails and it was split or given up."""
        start, stop = chunk.start, chunk.stop
        chunk.definition = self.definition
        columns = [(place, self.compact(column[start:stop])) for place, column in self.columns]
        message = ("call", self.definition.key, start, stop - start, columns)
        try:
            return self.pack(message, self.dumps)
        except Exception as error:
            if stop - start == 1:
                refused = self.explain(columns[0][1][0] if columns else None, str(error))
                refused.__cause__ = error
                self._settle(start, refused)
            else:
                self.again.extend(_Chunk(at, at + 1) for at in range(start, stop))
            return None

    def _settle(self, position: int, result: Any) -> None:
        self.results[position] = result
        self.left -= 1

    def _hear(self, deadline: float | None) -> bool:
        """Wait for answers; return False if the deadline has passed."""
        if not self.busy:
            return deadline is None or monotonic() < deadline
        # Now and then a look at the processes: a grandchild may hold the connection open.
        patience = 0.5
        if deadline is not None:
            patience = min(patience, deadline - monotonic())
            if patience <= 0:
                return False
        ready = self.wait(list(self.busy), patience)
        if not ready:
            ready = [
                connection
                for connection, (worker, _) in self.busy.items()
                if worker.process.poll() is not None
            ]
        for connection in ready:
            worker, chunk = self.busy[connection]
            try:
                _, body, copies = worker.channel.receive()
            except (EOFError, OSError):
                self._bury(worker, chunk)
                continue
            self._answered(worker, chunk, body, copies)
        return True

    def _answered(self, worker: Worker, chunk: _Chunk, body: Any, copies: Any) -> None:
        import pickle

        try:
            kind, *rest = pickle.loads(body, buffers=copies)
        except Exception as error:
            self._idle(worker)
            self._unreadable(chunk, error)
            return
        if kind == "ready":
            worker.ready = True
            return
        self._idle(worker)
        if kind == "done":
            elapsed, results, failures = rest
            self.pace = elapsed / len(results)
            self.results[chunk.start : chunk.stop] = list(results)
            self.left -= len(results)
            for offset, failure in failures.items():
                self.results[chunk.start + offset] = self._failure(*failure)
        elif kind == "fatal":
            raise self._failure(*rest[0])
        elif kind == "undefined":
            reason = self.decode(rest[0])
            if self._redefined(chunk, reason):
                return
            raise self.explain(self.func, f"the worker cannot load it: {reason!r}") from reason
        else:
            self._unreadable(chunk, self.decode(rest[0]))

    def _idle(self, worker: Worker) -> None:
        self.idle.append(worker)
        del self.busy[worker.connection]

    def _redefined(self, chunk: _Chunk, reason: Exception) -> bool:
        """Try again with what the worker could not import sent by value, if that is possible."""
        if chunk.definition is self.definition:
            if not self.by_value(reason, self.func):
                return False
            self.forget(self.definition.datasets)
            self.definition = self.define(self.func, self.calls)
        self.again.append(chunk)
        return True

    def _unreadable(self, chunk: _Chunk, error: Exception) -> None:
        """Find the item whose arguments or result pickle but do not unpickle."""
        if self._redefined(chunk, error):
            return
        if chunk.stop - chunk.start > 1:
            self.again.extend(_Chunk(at, at + 1) for at in range(chunk.start, chunk.stop))
            return
        failed = TypeError(f"its arguments or its result cannot be unpickled: {error!r}")
        failed.__cause__ = error
        self._settle(chunk.start, failed)

    def _failure(self, encoded: Any, text: str) -> BaseException:
        error: BaseException = self.decode(encoded)
        if text:
            cause = RemoteTraceback(text)
            cause.__cause__ = error.__cause__
            error.__cause__ = cause
        return error

    def _bury(self, worker: Worker, chunk: _Chunk) -> None:
        """Forget a worker that has died and name the item that it had."""
        item = worker.item
        ready = worker.ready
        self.pool.drop(worker)
        self.busy.pop(worker.connection, None)
        code = worker.process.returncode
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        if not ready:
            raise WorkerDiedError(
                f"a worker process ended before it was ready ({how}); its output tells why"
            )
        if not chunk.start <= item < chunk.stop:
            if not chunk.lost:
                # It had not begun: the chunk is not to blame, unless it happens again.
                chunk.lost = True
                self.again.append(chunk)
                return
            item = chunk.start
        self._settle(
            item,
            WorkerDiedError(
                f"a worker process ended while it worked on {self.context.name(item)} ({how})"
            ),
        )
        rest = [at for at in range(chunk.start, chunk.stop) if at != item]
        self.again.extend(_Chunk(at, at + 1) for at in rest)
