"""Messages between processes: small parts through a socket, large arrays through shared memory.

Each direction of each worker has one anonymous file of memory, inherited at start: it has no name,
so nothing is left in the file system however a process ends.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Channel", "Packed", "Segment", "anonymous_file", "compact", "dumper", "pack"]

INLINE = 4096
"""Bytes up to which an array travels through the socket."""

KEPT = 64 << 20
"""Bytes that a segment keeps between messages."""

_ALIGNMENT = 64


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
    """Shared memory that one process writes and another reads, a message at a time.

    Parameters
    ----------
    descriptor : int
        The anonymous file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._size = 0

    def _fit(self, size: int) -> memoryview:
        if size != self._size or self._map is None:
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self.descriptor, size)
            self._size = size
        return memoryview(self._map)

    def write(self, parts: list[pickle.PickleBuffer]) -> tuple[int, list[tuple[int, int]]]:
        """Copy buffers into the segment; return its size, and start and stop of each."""
        places = []
        end = 0
        raws = [part.raw() for part in parts]
        for raw in raws:
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + raw.nbytes
            places.append((start, end))
        size = self._size
        if end > size or (size > KEPT and end <= KEPT):
            size = max(1 << 16, 1 << (end - 1).bit_length())
            os.ftruncate(self.descriptor, size)
        view = self._fit(size)
        for (start, stop), raw in zip(places, raws, strict=True):
            view[start:stop] = raw
        view.release()
        return size, places

    def read(self, size: int, places: list[tuple[int, int]]) -> list[bytearray]:
        """Copy buffers out of the segment, so that the next message may overwrite it."""
        view = self._fit(size)
        copies = [bytearray(view[start:stop]) for start, stop in places]
        view.release()
        return copies

    def close(self) -> None:
        """Let the memory go."""
        if self._map is not None:
            self._map.close()
            self._map = None
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

    def send(self, packed: Packed) -> None:
        """Send a packed message."""
        header = b""
        if packed.parts:
            header = pickle.dumps(self.outgoing.write(packed.parts))
        self.connection.send_bytes(len(header).to_bytes(4, "little") + header + packed.body)

    def receive(self) -> tuple[memoryview, list[bytearray]]:
        """Receive a message, still pickled, and its large arrays."""
        message = memoryview(self.connection.recv_bytes())
        end = 4 + int.from_bytes(message[:4], "little")
        copies = self.incoming.read(*pickle.loads(message[4:end])) if end > 4 else []
        return message[end:], copies
