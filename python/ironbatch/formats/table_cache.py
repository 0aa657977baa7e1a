"""Tables that were read lately, so that each batch does not read them again."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
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
        Most bytes kept; the table used last is kept however large.
    """

    def __init__(self, max_tables: int = 8, max_bytes: int = 1 << 30) -> None:
        self._max_tables = max_tables
        self._max_bytes = max_bytes
        self.clear()
        os.register_at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget everything."""
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

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
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if entry.table is None:
                try:
                    entry.table, entry.nbytes = read()
                except BaseException:
                    with self._lock:
                        self._entries.pop(key, None)
                    raise
                self._shrink()
        return entry.table

    def _shrink(self) -> None:
        with self._lock:
            total = sum(entry.nbytes for entry in self._entries.values())
            while len(self._entries) > 1 and (
                len(self._entries) > self._max_tables or total > self._max_bytes
            ):
                _, dropped = self._entries.popitem(last=False)
                total -= dropped.nbytes


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
