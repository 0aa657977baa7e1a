"""How many bytes of batches may wait for the consumer."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

__all__ = ["Budget", "budget_of", "make_budget", "size_of"]


class Budget:
    """Bounds the bytes of the batches made ahead.

    Batches that are under way are taken to be as large as the largest one so far, so that the bound
    holds while sizes do not grow; until there is one, a single batch is under way. A batch that is
    larger than the bound gets on by itself.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.largest: int | None = None

    def note(self, size: int) -> None:
        """Learn how large batches are."""
        self.largest = size if self.largest is None else max(self.largest, size)

    def allows(self, waiting: Iterable[int | None]) -> bool:
        """Whether another batch may be begun, besides those that wait or are under way.

        Parameters
        ----------
        waiting : iterable of int or None
            Their bytes, None if not known yet.
        """
        sizes = list(waiting)
        for size in sizes:
            if size is not None:
                self.note(size)
        if not sizes:
            return True
        if self.largest is None:
            return False
        expected = sum(self.largest if size is None else size for size in sizes)
        return expected + self.largest <= self.limit


def make_budget(prefetch_bytes: Any, *, shared: bool) -> Budget | None:
    """Make the budget of a run, if it has one; half of it where another run has the other half."""
    limit = budget_of(prefetch_bytes)
    if limit is None:
        return None
    return Budget(max(1, limit // 2) if shared else limit)


def budget_of(prefetch_bytes: Any) -> int | None:
    """Check a bound.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If it is not positive.
    """
    if prefetch_bytes is None:
        return None
    if isinstance(prefetch_bytes, bool) or not hasattr(prefetch_bytes, "__index__"):
        raise TypeError(f"prefetch_bytes is a whole number of bytes, got {prefetch_bytes!r}")
    limit = int(prefetch_bytes)
    if limit < 1:
        raise ValueError(f"prefetch_bytes is a number of bytes, 1 or more, got {limit}")
    return limit


def size_of(batch: Any) -> int | None:
    """Give the bytes of the data of a batch; objects count as far as they tell their size.

    Of a batch that was discarded nothing waits. What stands for one that was skipped has no size:
    it says nothing about those that follow.
    """
    from ironbatch._core import BatchBase

    if batch is None:
        return 0
    if not isinstance(batch, BatchBase):
        return None
    kept: Any = batch
    try:
        data = kept.data
        parts = [data] if kept.components is None else data.as_tuple()
        return sum(_bytes(part) for part in parts)
    except Exception:
        # Data that cannot be loaded is an error where it is used.
        return 0


def _bytes(part: Any) -> int:
    if getattr(getattr(part, "dtype", None), "hasobject", False):
        return sum(_bytes(item) for item in part.ravel())
    size = getattr(part, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(part, list | tuple):
        return sum(_bytes(item) for item in part)
    if isinstance(part, dict):
        return sum(_bytes(item) for item in part.values())
    return sys.getsizeof(part, 0)
