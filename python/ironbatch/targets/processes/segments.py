"""Messages between processes: small parts through a socket, large arrays through shared memory.

Each direction of each worker has one anonymous file of memory, inherited at start: it has no name,
so nothing is left in the file system however a process ends.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Channel", "Packed", "Segment", "anonymous_file", "compact", "dumper", "pack"]

INLINE = 4096
"""Bytes up to which an array travels through the socket."""

KEPT = 64 << 20
"""Bytes that a segment keeps between messages."""

SPARE = 1 << 20
"""Bytes that other regions keep while nothing is under way."""

REGION = 1 << 36
"""Bytes from the start of one region to the next."""

PASSING = 1 << 10
"""Number of the first region for messages that follow each other without an answer between."""

BODY = 1 << 12
"""Bytes up to which a pickle travels through the socket: one that is full would stop its sender."""

_ALIGNMENT = 64

_HEADER = struct.Struct("=3q")


def anonymous_file() -> int:
    """Return a descriptor of memory that has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ironbatch")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def dumper() -> Callable[..., Any]:
    """Return what pickles: cloudpickle if installed, which takes lambdas and local classes too."""
    try:
        from cloudpickle import dumps
    except ImportError:
        return pickle.dumps
    return dumps  # type: ignore[no-any-return]


def compact(values: Any) -> Any:
    """Turn a list of NumPy scalars of one type into an array, which pickles many times faster.

    Iterating over the array gives the same scalars again; other values are returned as they are.
    """
    if type(values) is list and isinstance(values[0], np.number | np.bool_):
        kinds = set(map(type, values))
        if len(kinds) == 1:
            return np.array(values)
    return values


class Segment:
    """Shared memory that one process writes and another reads, a message at a time in each region.

    Parameters
    ----------
    descriptor : int
        The anonymous file.

    Notes
    -----
    Regions lie far apart in the file, so that each may grow; what is not written takes no memory.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._maps: dict[int, mmap.mmap] = {}
        self._extent = 0

    def _fit(self, region: int, size: int) -> memoryview:
        known = self._maps.get(region)
        if known is None or len(known) != size:
            if known is not None:
                known.close()
            known = self._maps[region] = mmap.mmap(self.descriptor, size, offset=region * REGION)
        return memoryview(known)

    def write(self, raws: Sequence[memoryview], region: int = 0) -> int:
        """Copy buffers into a region, after a table of their places; return its size."""
        places = []
        end = 16 * len(raws)
        for raw in raws:
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + raw.nbytes
            places += [start, end]
        size = len(self._maps[region]) if region in self._maps else 0
        if end > size or (size > KEPT and end <= KEPT):
            self.release(region)
            size = max(1 << 16, 1 << (end - 1).bit_length())
            if region * REGION + size > self._extent:
                self._extent = region * REGION + size
                os.ftruncate(self.descriptor, self._extent)
        view = self._fit(region, size)
        view[: 16 * len(raws)] = struct.pack(f"={len(places)}q", *places)
        for raw, start, stop in zip(raws, places[::2], places[1::2], strict=True):
            view[start:stop] = raw
        view.release()
        if region >= PASSING:
            # The reader gives the memory back.
            self._maps.pop(region).close()
        return size

    def read(self, region: int, size: int, count: int) -> list[bytearray]:
        """Copy `count` buffers out of a region, so that the next message may overwrite it."""
        view = self._fit(region, size)
        places = struct.unpack_from(f"={2 * count}q", view)
        copies = [
            bytearray(view[start:stop])
            for start, stop in zip(places[::2], places[1::2], strict=True)
        ]
        view.release()
        if region >= PASSING:
            self.release(region)
        return copies

    def release(self, region: int) -> None:
        """Give the memory of a region back, its content too."""
        known = self._maps.pop(region, None)
        if known is not None:
            with suppress(OSError, AttributeError):
                known.madvise(mmap.MADV_REMOVE)
            known.close()

    def shrink(self) -> None:
        """Give the memory of large regions back, but for the first, which every message uses."""
        for region in [one for one, known in self._maps.items() if one and len(known) > SPARE]:
            self.release(region)

    def close(self) -> None:
        """Let the memory go."""
        while self._maps:
            self._maps.popitem()[1].close()
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Packed:
    """A message that is pickled but not sent."""

    __slots__ = ("body", "parts")

    def __init__(self, body: bytes, parts: list[pickle.PickleBuffer]) -> None:
        self.body = body
        self.parts = parts


def pack(message: Any, dumps: Callable[..., Any]) -> Packed:
    """Pickle a message, large arrays apart."""
    parts: list[pickle.PickleBuffer] = []

    def apart(part: pickle.PickleBuffer) -> bool:
        # What this returns tells pickle whether to keep the buffer in the stream.
        if part.raw().nbytes <= INLINE:
            return True
        parts.append(part)
        return False

    return Packed(dumps(message, protocol=5, buffer_callback=apart), parts)


class Channel:
    """One end of the connection between the parent and a worker.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        The socket.
    outgoing, incoming : Segment
        Memory that this end writes, and that it reads.
    """

    def __init__(self, connection: Connection, outgoing: Segment, incoming: Segment) -> None:
        self.connection = connection
        self.outgoing = outgoing
        self.incoming = incoming

    def send(self, packed: Packed, region: int = 0) -> None:
        """Send a packed message, its large parts through a region that is free."""
        body, parts = packed.body, [part.raw() for part in packed.parts]
        if len(body) > BODY:
            parts.append(memoryview(body))
            body = b""
        size = self.outgoing.write(parts, region) if parts else 0
        self.connection.send_bytes(_HEADER.pack(region, size, len(parts)) + body)

    def receive(self) -> tuple[int, Any, list[bytearray]]:
        """Receive a message: its region, the message still pickled, and its large arrays."""
        message = memoryview(self.connection.recv_bytes())
        region, size, count = _HEADER.unpack_from(message)
        copies = self.incoming.read(region, size, count) if count else []
        body: Any = message[_HEADER.size :]
        return region, (body if body else copies.pop()), copies
