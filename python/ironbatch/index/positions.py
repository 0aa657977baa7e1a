"""Positions of a view in its root: all of them, a slice, or an array."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch.index.ids import IdColumn
from ironbatch.index.object_ids import ObjectIds

__all__ = ["Positions", "as_array", "compose", "count", "ids_at", "normalise", "shift"]

Positions: TypeAlias = "slice | NDArray[np.int64] | None"
"""None is all of them; slices have a start, a stop and step 1."""


def count(positions: Positions, ids: IdColumn) -> int:
    """Number of positions."""
    if positions is None:
        return len(ids)
    if isinstance(positions, slice):
        length: int = positions.stop - positions.start
        return length
    return len(positions)


def as_array(positions: Positions, n: int) -> NDArray[np.int64]:
    """Positions as an array, shape (n,)."""
    if positions is None:
        return np.arange(n)
    if isinstance(positions, slice):
        return np.arange(positions.start, positions.stop)
    return positions


def normalise(positions: Any, n: int) -> slice | NDArray[np.int64]:
    """Turn what users call positions into a slice with step 1 or an array of int64 in ``0..n``.

    Raises
    ------
    IndexError
        If one is outside, or if a mask has another length.
    TypeError
        If they are not integers or bools, or not one-dimensional.
    """
    if isinstance(positions, slice):
        start, stop, step = positions.indices(n)
        if step == 1:
            return slice(start, max(start, stop))
        return np.arange(start, stop, step)
    array = np.asarray(positions)
    if array.ndim != 1:
        raise TypeError(f"positions are one-dimensional, got an array of shape {array.shape}")
    if array.dtype.kind == "b":
        if len(array) != n:
            raise IndexError(f"a mask of {len(array)} items does not fit an index of {n} ids")
        return np.flatnonzero(array)
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"positions are integers, got an array of {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < -n or high >= n:
        bad = low if low < -n else high
        raise IndexError(f"position {bad} is outside of an index of {n} ids")
    array = np.ascontiguousarray(array, dtype=np.int64)
    return array if low >= 0 else np.where(array < 0, array + n, array)


def compose(positions: Positions, local: slice | NDArray[np.int64], n: int) -> Positions:
    """Positions in the root of those at places `local` of a view of `n` items."""
    if positions is None:
        return local
    if isinstance(positions, slice):
        return shift(local, positions.start)
    return positions[local]


def shift(positions: slice | NDArray[np.int64], offset: int) -> slice | NDArray[np.int64]:
    """Positions that many places further on."""
    if isinstance(positions, slice):
        return slice(positions.start + offset, positions.stop + offset)
    return positions + offset


def ids_at(ids: IdColumn, positions: Positions) -> NDArray[Any]:
    """Ids at some positions of a column."""
    if isinstance(ids, ObjectIds):
        return ids.values[slice(None) if positions is None else positions]
    if ids.kind == "str":
        at = None if positions is None else as_array(positions, 0)
        return _text(ids.chars(max(ids.width, 1), at))
    if positions is None:
        return ids.all_ints()
    if isinstance(positions, slice):
        if ids.start is not None:
            return np.arange(ids.start + positions.start, ids.start + positions.stop)
        return ids.all_ints()[positions]
    return ids.ints(np.ascontiguousarray(positions))


def _text(characters: NDArray[np.uint32]) -> NDArray[np.str_]:
    return characters.view(f"<U{characters.shape[1]}").reshape(len(characters))
