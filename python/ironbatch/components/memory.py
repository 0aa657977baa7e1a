"""Memory that components live in."""

from __future__ import annotations

from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ironbatch import _core

__all__ = ["PoolStats", "empty", "pool_stats", "set_pool_limit", "trim_pool"]


def empty(shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Allocate an array whose content is not set, over memory that is used again.

    Memory is aligned to 64 bytes; from 2 MiB on it lies in huge pages where the system has them.
    When the last array over it has gone, it waits in a pool for the next one of about its size.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    dtype : dtype-like
        Its dtype. Arrays of Python objects are filled with None.

    Returns
    -------
    ndarray
        C-contiguous, writable.

    Raises
    ------
    MemoryError
        If there is not enough memory.
    ValueError
        If no array can have that shape.

    Examples
    --------
    >>> empty((2, 3), 'uint8').shape
    (2, 3)
    """
    return _core.empty(shape, np.dtype(dtype))


class PoolStats(TypedDict):
    """What the pool holds and has done."""

    #: Bytes that wait to be used again.
    pooled_bytes: int
    #: Most bytes that may wait (``IRONBATCH_POOL_BYTES``).
    limit_bytes: int
    #: Bytes in arrays that are alive.
    in_use_bytes: int
    #: How often used memory was at hand.
    hits: int
    #: How often memory had to be fresh.
    misses: int


def pool_stats() -> PoolStats:
    """Tell what the memory pool holds and has done.

    Examples
    --------
    >>> sorted(pool_stats())
    ['hits', 'in_use_bytes', 'limit_bytes', 'misses', 'pooled_bytes']
    """
    return cast("PoolStats", _core.pool_stats())


def trim_pool() -> None:
    """Give the memory that waits in the pool back to the system.

    Examples
    --------
    >>> trim_pool()
    >>> pool_stats()['pooled_bytes']
    0
    """
    _core.pool_trim()


def set_pool_limit(nbytes: int) -> None:
    """Set the most bytes that may wait in the pool, in place of ``IRONBATCH_POOL_BYTES``.

    Parameters
    ----------
    nbytes : int
        Bytes; 0 turns the pool off.

    Examples
    --------
    >>> before = pool_stats()['limit_bytes']
    >>> set_pool_limit(0)
    >>> set_pool_limit(before)
    """
    _core.pool_set_limit(nbytes)
