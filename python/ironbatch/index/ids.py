"""The id column of an index: what users give becomes integers, strings or hashable objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import Ids
from ironbatch.index.object_ids import ObjectIds

__all__ = ["IdColumn", "as_id_column", "id_column", "raw_ids"]

IdColumn: TypeAlias = Ids | ObjectIds


def raw_ids(index: Any) -> range | NDArray[Any]:
    """Turn whatever an index is made of into a range or a 1-D array of ids.

    Parameters
    ----------
    index : int, array-like, callable or index
        A number of items, their ids, a callable that gives either, or another index.

    Returns
    -------
    range or ndarray, shape (n,)
        A range for a number of items, so that a billion of them takes no memory.

    Raises
    ------
    ValueError
        If there are no ids.
    TypeError
        If they are not one-dimensional or come in no order, as those of a set.

    Examples
    --------
    >>> raw_ids(3)
    range(0, 3)
    >>> raw_ids(['b', 'a'])
    array(['b', 'a'], dtype=object)
    """
    if callable(index):
        index = index()
    if hasattr(index, "root_positions"):
        index = index.indices
    if index is None:
        raise TypeError("an index is made of a number of items or of their ids, got None")
    if isinstance(index, int) and not isinstance(index, bool):
        if index < 1:
            raise ValueError(f"an index cannot be empty: it takes at least 1 item, got {index}")
        index = range(index)
    ids = index if isinstance(index, range) else _as_array(index)
    if len(ids) == 0:
        raise ValueError("an index cannot be empty")
    return ids


def as_id_column(index: Any) -> IdColumn:
    """Make the id column of whatever an index is made of."""
    return id_column(raw_ids(index))


def id_column(ids: range | NDArray[Any]) -> IdColumn:
    """Make a column of the result of `raw_ids` (or of what a user's `build_index` returns)."""
    if isinstance(ids, range):
        return Ids(ids if ids.step == 1 else np.arange(ids.start, ids.stop, ids.step))
    kind = ids.dtype.kind
    if kind == "i" or (kind == "u" and (ids.itemsize < 8 or ids.max() < 2**63)):
        return Ids(np.ascontiguousarray(ids, dtype=np.int64))
    if kind == "U":
        return Ids(_characters(ids))
    if kind == "O":
        types = set(map(type, ids))
        if all(issubclass(each, str) for each in types):
            try:
                return Ids(ids.tolist())
            except UnicodeEncodeError:  # file names that are not valid text
                return ObjectIds(ids)
        if all(issubclass(each, int | np.integer) and each is not bool for each in types):
            try:
                return Ids(ids.astype(np.int64))
            except OverflowError:
                return ObjectIds(ids)
    return ObjectIds(ids)


def _as_array(index: Any) -> NDArray[Any]:
    if isinstance(index, set | frozenset):
        raise TypeError("a set of ids has no order; give sorted(ids) or list(ids)")
    if isinstance(index, str | bytes):
        return _objects([index])
    if isinstance(index, Iterable) and not hasattr(index, "__array__"):
        ids = index if isinstance(index, list | tuple) else list(index)
        return _from_sequence(ids)
    array = np.asarray(index)
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim > 1:
        raise TypeError(f"an index is one-dimensional, got an array of shape {array.shape}")
    return array


def _from_sequence(ids: Sequence[Any]) -> NDArray[Any]:
    types = set(map(type, ids))
    if any(issubclass(each, list | np.ndarray) for each in types):
        # One-item arrays would have to become ids, and they have no hash.
        raise TypeError("an index is one-dimensional, got a sequence of sequences")
    number = all(issubclass(each, int | float | np.integer | np.floating) for each in types)
    if not number or bool in types or (len(types) > 1 and _loses(ids)):
        return _objects(ids)
    try:
        return np.asarray(ids)
    except OverflowError:
        return _objects(ids)


def _loses(ids: Sequence[Any]) -> bool:
    """Whether integers among floats (or huge ones among small ones) would change."""
    return np.asarray(ids).dtype.kind not in "iu"


def _objects(ids: Sequence[Any]) -> NDArray[Any]:
    out = np.empty(len(ids), dtype=object)
    out[:] = ids
    return out


def _characters(ids: NDArray[Any]) -> NDArray[np.uint32]:
    ids = np.ascontiguousarray(ids, dtype=ids.dtype.newbyteorder("="))
    width = ids.dtype.itemsize // 4
    if width == 0:
        return np.zeros((len(ids), 1), np.uint32)
    return ids.view(np.uint32).reshape(len(ids), width)
