"""Positions of ids in an index, whether it is a root or a view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import Ids, place_of
from ironbatch.errors import UnknownIdError
from ironbatch.index.ids import IdColumn
from ironbatch.index.object_ids import ObjectIds

if TYPE_CHECKING:
    from ironbatch.index.id_view import IdView

__all__ = ["find", "get_pos"]

# Views up to this size are searched item by item; larger ones get a table at the first look-up.
_SEARCHED = 2048

_KINDS = {"range": "integers", "int": "integers", "str": "strings", "object": "objects"}


def get_pos(index: IdView, wanted: Any) -> Any:
    """Positions of an id, a slice of ids, or several ids; see `DatasetIndex.get_pos`."""
    kind = type(wanted)
    if kind is int or kind is str:
        position = find(index, wanted)
        if position < 0:
            raise unknown(index, wanted)
        return position
    if kind is slice:
        start = None if wanted.start is None else get_pos(index, wanted.start)
        stop = None if wanted.stop is None else get_pos(index, wanted.stop)
        return slice(start, stop, wanted.step)
    if not isinstance(wanted, Iterable) or isinstance(wanted, str | bytes):
        return _one(index, wanted)
    if isinstance(wanted, np.ndarray) and wanted.ndim == 0:
        return _one(index, wanted[()])
    if isinstance(wanted, tuple) and index.kind == "object":
        position = find(index, wanted)
        if position >= 0:
            return position
    return _many(index, wanted)


def find(index: IdView, wanted: Any) -> int:
    """Position of an id, the first one if it repeats, or -1."""
    positions = index._positions
    if positions is None:
        return _find_in(index._ids, wanted)
    # In a root whose ids repeat, the first item of an id may lie outside of the view.
    if (len(index) > _SEARCHED and not isinstance(positions, slice)) or not index._ids.unique:
        return _find_in(_table(index), wanted)
    at = _find_in(index._ids, wanted)
    if isinstance(positions, slice):
        return at - positions.start if positions.start <= at < positions.stop else -1
    return -1 if at < 0 else place_of(positions, at)


def _find_in(ids: IdColumn, wanted: Any) -> int:
    if isinstance(ids, ObjectIds):
        return ids.find(wanted)
    if ids.kind == "str":
        try:
            return ids.find_str(wanted) if isinstance(wanted, str) else -1
        except UnicodeEncodeError:
            return -1
    if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer):
        return -1
    return ids.find_int(int(wanted)) if -(2**63) <= wanted < 2**63 else -1


def _table(index: IdView) -> IdColumn:
    if index._positions is None:
        return index._ids
    if index._table is None:
        index._table = index._ids.take(index.root_positions)
    return index._table


def _one(index: IdView, wanted: Any) -> int:
    position = find(index, wanted)
    if position < 0:
        raise unknown(index, wanted)
    return position


def _many(index: IdView, wanted: Any) -> NDArray[np.int64]:
    within = index._positions if isinstance(index._positions, slice) else None
    if within is not None and not index._ids.unique:
        within = None
    ids = _table(index) if within is None else index._ids
    if not isinstance(wanted, list | tuple | np.ndarray):
        wanted = np.asarray(wanted) if hasattr(wanted, "__array__") else list(wanted)
    if len(wanted) == 0:
        return np.empty(0, np.int64)
    found = None
    if isinstance(ids, Ids):
        if isinstance(wanted, np.ndarray) and wanted.ndim == 1 and wanted.dtype.kind in "iu":
            small = wanted.dtype != np.uint64 or int(wanted.max()) < 2**63
            if small and ids.kind != "str":
                found = ids.find_ints(np.ascontiguousarray(wanted, dtype=np.int64))
        else:
            found = ids.find_list(wanted if isinstance(wanted, list) else list(wanted))
    if found is None:
        return np.array([_one(index, each) for each in wanted], np.int64)
    positions, place = found
    if place < 0 and within is not None:
        outside = (positions < within.start) | (positions >= within.stop)
        place = int(outside.argmax()) if outside.any() else -1
        positions -= within.start
    if place >= 0:
        raise unknown(index, wanted[place])
    return positions


def unknown(index: IdView, wanted: Any) -> UnknownIdError:
    """Make the error for an id that is not in an index."""
    if isinstance(wanted, np.generic) and wanted.dtype.kind not in "mM":
        wanted = wanted.item()
    text = repr(wanted)
    if len(text) > 200:
        text = text[:200] + "..."
    kind = _KINDS[index.kind]
    return UnknownIdError(
        f"id {text} ({type(wanted).__name__}) is not in this {type(index).__name__} of "
        f"{len(index)} ids, which are {kind} (kind {index.kind!r})"
    )
