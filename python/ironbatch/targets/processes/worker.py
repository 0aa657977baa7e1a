"""What a worker process runs: receive a chunk of calls, make them, send the results back."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections import OrderedDict
from contextlib import suppress
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from ironbatch.targets import processes
from ironbatch.targets.portable import encode
from ironbatch.targets.processes.batches import Kept, loads_with_datasets
from ironbatch.targets.processes.segments import (
    Channel,
    Packed,
    Segment,
    compact,
    dumper,
    pack,
)

__all__ = ["main"]

REMEMBERED = 32
"""How many functions a worker keeps for later calls."""

UNWANTED = 511
"""Place in the memory that both sides see: the run whose tasks nobody wants any more."""

# The function, its constant arguments with their places, its keyword arguments; or what kept it
# from being unpickled, and no keyword arguments.
_Function = tuple[Any, Any, dict[str, Any] | None]


def main(socket: int, lifeline: int, incoming: int, outgoing: int, slot: int) -> None:
    """Serve the parent until it goes away.

    Parameters
    ----------
    socket : int
        Descriptor of the connection.
    lifeline : int
        Descriptor of a pipe that ends when the parent does.
    incoming, outgoing : int
        Descriptors of the shared memory.
    slot : int
        Descriptor of the memory that tells which item is being worked on.
    """
    import mmap
    import signal
    from multiprocessing.connection import Connection

    # Ctrl-C in a terminal reaches the whole group; the parent decides what happens to workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()
    processes.inside_worker = True
    progress = memoryview(mmap.mmap(slot, mmap.PAGESIZE)).cast("q")
    channel = Channel(Connection(socket), Segment(outgoing), Segment(incoming))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _Server(channel, progress).serve()
    sys.stdout.flush()
    # Not through interpreter shutdown: threads of user code must not keep the worker.
    os._exit(0)


def _watch(lifeline: int) -> None:
    while True:
        try:
            if not os.read(lifeline, 1):
                os._exit(1)
        except InterruptedError:
            continue


class _Server:
    def __init__(self, channel: Channel, progress: memoryview) -> None:
        self.channel = channel
        self.progress = progress
        self.dumps = dumper()
        self.functions: OrderedDict[bytes, _Function] = OrderedDict()
        self.kept = Kept()
        self.passing: tuple[bytes, _Function] | None = None
        self.sending = threading.Lock()
        self.jobs: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self.threads = 0

    def serve(self) -> None:
        """Answer messages until the connection ends."""
        self.channel.send(pack(("ready", os.getpid()), pickle.dumps))
        while True:
            region, body, copies = self.channel.receive()
            try:
                message = pickle.loads(body, buffers=copies)
            except Exception as error:
                self._answer(("unreadable", encode(error, self.dumps)), region)
                continue
            if message[0] == "define":
                self._define(*message[1:])
            elif message[0] == "keep":
                self._keep(*message[1:])
            elif message[0] == "make":
                self._make(region, *message[1:])
            else:
                self._call(*message[1:])

    def _keep(self, token: int) -> None:
        _, body, copies = self.channel.receive()
        try:
            dataset = pickle.loads(body, buffers=copies)
        except Exception:
            # As in the parent, where it may not be pickled: the batch arrives without it.
            dataset = None
        self.kept.add(token, dataset)

    def _define(
        self, key: bytes, lasting: bool, datasets: list[int], directory: str, path: list[str]
    ) -> None:
        _, body, copies = self.channel.receive()
        try:
            for token in datasets:
                self.kept.use(token)
            if os.getcwd() != directory:  # noqa: PTH109 - called for each new function
                os.chdir(directory)
            if sys.path != path:
                sys.path[:] = path
            function = loads_with_datasets(body, copies, self.kept)
        except Exception as error:
            function = encode(error, self.dumps), "", None
        if lasting:
            self.functions[key] = function
            if len(self.functions) > REMEMBERED:
                self.functions.popitem(last=False)
        else:
            self.passing = key, function

    def _call(self, key: bytes, start: int, n: int, columns: list[tuple[int, Any]]) -> None:
        func, constants, kwargs = self._function(key)
        if kwargs is None:
            self._answer(("undefined", func))
            return
        arguments: list[Any] = [None] * (len(constants) + len(columns))
        for place, value in constants:
            arguments[place] = [value] * n
        for place, values in columns:
            arguments[place] = values
        rows = zip(*arguments, strict=True) if arguments else iter([()] * n)
        results: list[Any] = []
        failures: dict[int, Any] = {}
        progress = self.progress
        began = perf_counter()
        position = start
        try:
            for row in rows:
                progress[0] = position
                try:
                    results.append(func(*row, **kwargs))
                except Exception as error:
                    failures[len(results)] = self._failure(error)
                    results.append(None)
                position += 1
        except BaseException as error:
            progress[0] = -1
            self._answer(("fatal", self._failure(error)))
            return
        elapsed = perf_counter() - began
        # What pickling runs is the last item's affair no more.
        self._answer(("done", elapsed, compact(results), failures))
        progress[0] = -1

    def _function(self, key: bytes) -> _Function:
        if self.passing is not None and self.passing[0] == key:
            return self.passing[1]
        self.functions.move_to_end(key)
        return self.functions[key]

    def _make(self, region: int, key: bytes, run: int, threads: int, task: tuple[Any, ...]) -> None:
        """Make one call, and answer through its region; in a thread if there may be several."""
        func, constants, kwargs = self._function(key)
        if kwargs is None:
            self._answer(("undefined", func), region)
            return
        row = [value for _, value in constants]
        if threads == 1:
            self._carry_out(1, region, run, func, row, task)
            return
        while self.threads < threads:
            self.threads += 1
            threading.Thread(target=self._live, args=(self.threads,), daemon=True).start()
        self.jobs.put((region, run, func, row, task))

    def _live(self, place: int) -> None:
        while True:
            self._carry_out(place, *self.jobs.get())

    def _carry_out(
        self, place: int, region: int, run: int, func: Any, row: list[Any], task: tuple[Any, ...]
    ) -> None:
        progress = self.progress
        if progress[UNWANTED] == run:
            self._answer(("unwanted",), region)
            return
        progress[place] = task[0]
        results: list[Any] = [None]
        failures: dict[int, Any] = {}
        try:
            results[0] = func(*row, task)
        except Exception as error:
            failures[0] = self._failure(error)
        except BaseException as error:
            progress[place] = -1
            self._answer(("fatal", self._failure(error)), region)
            return
        self._answer(("done", 0.0, results, failures), region)
        progress[place] = -1

    def _failure(self, error: BaseException) -> tuple[Any, str]:
        tb = error.__traceback__
        tb = tb.tb_next if tb is not None else None
        text = "".join(traceback.format_exception(type(error), error, tb))
        return encode(error, self.dumps), text

    def _answer(self, message: tuple[Any, ...], region: int = 0) -> None:
        try:
            packed = pack(message, self.dumps)
        except Exception:
            packed = self._without_what_cannot_be_sent(message)
        with self.sending:
            self.channel.send(packed, region)

    def _without_what_cannot_be_sent(self, message: tuple[Any, ...]) -> Packed:
        kind, elapsed, results, failures = message
        for position, result in enumerate(results):
            try:
                pack(result, self.dumps)
            except Exception as error:
                refused = TypeError(
                    f"the result, an object of type {type(result).__qualname__!r}, cannot be "
                    f"sent back from a worker process: {error}"
                )
                failures[position] = encode(refused, self.dumps), ""
                results[position] = None
        return pack((kind, elapsed, results, failures), self.dumps)
