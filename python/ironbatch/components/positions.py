"""Positions of items, given by whoever calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_positions", "check_bounds", "checked"]


def checked(position: int, n: int, where: str) -> int:
    """Turn a Python position (negative ones count from the end) into one from 0, or raise.

    Examples
    --------
    >>> checked(-1, 3, 'here')
    2
    """
    if -n <= position < n:
        return position + n if position < 0 else position
    raise IndexError(f"{where}: position {position} is outside of its {n} items")


def as_positions(
    positions: Any, n: int | None = None, *, where: str, wrap: bool = False
) -> NDArray[np.int64]:
    """Turn what selects items into an int64 array of positions.

    Parameters
    ----------
    positions : array-like of int or bool
        Positions, or with ``n`` a boolean mask of n items.
    n : int, optional
        Number of items; positions are checked against it.
    where : str
        What a message is about.
    wrap : bool
        Whether negative positions count from the end (else they are errors).

    Raises
    ------
    IndexError
        If a position is out of range, or a mask has another length.
    TypeError
        If they are not integers.

    Examples
    --------
    >>> as_positions([True, False, True], 3, where='here')
    array([0, 2])
    """
    array = np.asarray(positions)
    if array.dtype.kind == "b" and n is not None:
        if array.shape != (n,):
            raise IndexError(f"{where}: a mask of shape {array.shape} does not fit {n} items")
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise TypeError(
            f"{where}: expected a one-dimensional array of integers, got {array.ndim} dimensions "
            f"of {array.dtype}"
        )
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise IndexError(f"{where}: position {array.max()} is out of range")
    result = np.ascontiguousarray(array, dtype=np.int64)
    if n is not None:
        if wrap and len(result) and result.min() < 0:
            result = np.where(result < 0, result + n, result)
            array = result
        check_bounds(result, n, where)
    return result


def check_bounds(positions: NDArray[np.int64], n: int, where: str) -> None:
    """Raise IndexError naming the first position that is not in 0..n."""
    if not len(positions) or (positions.min() >= 0 and positions.max() < n):
        return
    bad = (positions < 0) | (positions >= n)
    at = int(np.argmax(bad))
    raise IndexError(
        f"{where}: position {int(positions[at])} (number {at} of those asked for) is outside of "
        f"its {n} items"
    )
