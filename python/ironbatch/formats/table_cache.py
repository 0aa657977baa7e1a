"""Tables that were read lately, so that each batch does not read them again."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["TableCache", "frozen"]


class _Entry:
    __slots__ = ("lock", "nbytes", "table")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.table: Any = None
        self.nbytes = 0


class TableCache:
    """A few tables, the least recently used ones dropped first.

    Safe to use from any thread: a table that several ask for at once is read by one of them. A
    forked child begins with an empty cache, since another thread may have held a lock at the fork.

    Parameters
    ----------
    max_tables : int
        Most tables kept.
    max_bytes : int
        Most bytes kept.
    least : int
        How many, of those used last, are kept however large they are.
    """

    def __init__(self, max_tables: int = 8, max_bytes: int = 1 << 30, least: int = 1) -> None:
        self._max_tables = max_tables
        self.max_bytes = max_bytes
        self._least = least
        self.clear()
        os.register_at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget everything."""
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._total = 0
        self._lost: deque[Hashable] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, read: Callable[[], tuple[Any, int]]) -> Any:
        """Give the table of a key.

        Parameters
        ----------
        key : hashable
            All that decides what the table is.
        read : callable
            Reads it: gives the table and how many bytes it takes.
        """
        with self._lock:
            self._drop_lost()
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if entry.table is None:
                try:
                    table, nbytes = read()
                except BaseException:
                    with self._lock:
                        if self._entries.get(key) is entry:
                            del self._entries[key]
                    raise
                entry.table = table
                self._count(key, entry, nbytes)
        return entry.table

    def grow(self, key: Hashable, nbytes: int) -> None:
        """Count further bytes of a table, if it is still kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                entry.nbytes += nbytes
                self._total += nbytes
                self._shrink()

    def forget(self, owner: Hashable) -> None:
        """Drop all whose key is a tuple that begins with `owner`.

        For finalizers too, which may run anywhere, in a thread that holds the lock as well: what
        cannot be dropped now is dropped when the cache is used next.
        """
        self._lost.append(owner)
        if self._lock.acquire(blocking=False):
            try:
                self._drop_lost()
            finally:
                self._lock.release()

    def _drop_lost(self) -> None:
        while self._lost:
            owner = self._lost.popleft()
            own = [key for key in self._entries if isinstance(key, tuple) and key[0] == owner]
            for key in own:
                self._total -= self._entries.pop(key).nbytes

    def set_limit(self, max_bytes: int) -> None:
        """Keep at most so many bytes from now on."""
        with self._lock:
            self.max_bytes = max_bytes
            self._shrink()

    def _count(self, key: Hashable, entry: _Entry, nbytes: int) -> None:
        with self._lock:
            if self._entries.get(key) is not entry:
                return  # dropped while it was read
            entry.nbytes = nbytes
            self._total += nbytes
            self._shrink()

    def _shrink(self) -> None:
        while len(self._entries) > self._least and (
            len(self._entries) > self._max_tables or self._total > self.max_bytes
        ):
            _, dropped = self._entries.popitem(last=False)
            self._total -= dropped.nbytes


def frozen(value: Any) -> Hashable:
    """Make a hashable stand-in for an option; raises TypeError for what has none."""
    if isinstance(value, dict):
        return ("dict", tuple((key, frozen(each)) for key, each in value.items()))
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(frozen(each) for each in value))
    if isinstance(value, set | frozenset):
        return ("set", frozenset(value))
    hash(value)
    return (type(value).__name__, value)
