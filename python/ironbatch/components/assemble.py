"""Make one component of what a function has returned for each item."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ironbatch import _core
from ironbatch.components.component import Component
from ironbatch.components.dense import Dense
from ironbatch.components.memory import empty
from ironbatch.components.objects import as_objects
from ironbatch.components.ragged import Ragged
from ironbatch.components.strings import Bytes, Strings
from ironbatch.components.writes import Loss, cast_exactly, place
from ironbatch.errors import ComponentError

__all__ = ["assemble"]

_NUMBERS = "biufc"


def assemble(
    results: Sequence[Any], *, name: str | None = None, ids: Sequence[Hashable] | None = None
) -> Component:
    """Make a component of per-item results.

    - Arrays of one shape and dtype make a `Dense`, and so do arrays of one shape whose different
      dtypes have one that holds all their values.
    - Arrays of numbers of one dtype family and number of dimensions but different shapes make a
      `Ragged`.
    - Numbers, dates and other NumPy scalars make a one-dimensional `Dense`.
    - ``str`` make `Strings`, ``bytes`` make `Bytes`.
    - Lists of numbers count as arrays when that makes a `Dense`.
    - Anything else makes an array of objects.

    Parameters
    ----------
    results : sequence
        One result an item, in order.
    name : str, optional
        The component's name, for messages.
    ids : sequence, optional
        Ids of the items; there must be as many.

    Returns
    -------
    Dense, Ragged, Strings, Bytes or ndarray of object
        The component; it shares no memory with the results.

    Raises
    ------
    ComponentError
        If there are more or fewer results than ids.

    Examples
    --------
    >>> assemble([np.zeros(2), np.ones(2)]).shape
    (2, 2)
    >>> assemble([1, 2, 3])
    Dense([1, 2, 3])
    >>> assemble(['a', 'b'])
    Strings(['a', 'b'], n=2)
    >>> assemble([np.zeros(2), np.ones(3)])
    Ragged(n=2, dtype=float64, ndim=1)
    """
    items = results if isinstance(results, list) else list(results)
    if ids is not None and len(ids) != len(items):
        raise ComponentError(f"{place(name)}: {len(items)} results for {len(ids)} items")
    if not items:
        return Dense.of(empty(0, np.float64), name)
    kinds = set(map(type, items))
    if len(kinds) == 1:
        kind = next(iter(kinds))
        if kind is np.ndarray or kind is Dense:
            return _arrays(items, name)
        if kind is str:
            return Strings.from_items(items, name=name)
        if kind is bytes:
            return Bytes.from_items(items, name=name)
    if all(issubclass(kind, np.ndarray) for kind in kinds):
        return _arrays(items, name)
    if all(issubclass(kind, np.generic | int | float | complex) for kind in kinds):
        return _scalars(items, kinds, name)
    if kinds <= {list, tuple} and not any(map(_holds_objects, items)):
        try:
            arrays = [np.asarray(item) for item in items]
        except ValueError:  # rows of different lengths
            return as_objects(items)
        if len({array.shape for array in arrays}) == 1:
            made = _arrays(arrays, name)
            if isinstance(made, Dense):
                return made
    return as_objects(items)


def _holds_objects(item: Sequence[Any]) -> bool:
    """Whether a list holds anything but numbers, or lists of them."""
    return any(
        _holds_objects(part)
        if isinstance(part, list | tuple)
        else not isinstance(part, np.generic | int | float | complex)
        for part in item
    )


def _arrays(items: list[NDArray[Any]], name: str | None) -> Component:
    made = _core.stack(items, Dense)
    if made is not None:
        made._name = name
        return cast("Dense", made)
    first = items[0]
    dtypes = {item.dtype for item in items}
    if any(dtype.kind == "O" for dtype in dtypes):
        return as_objects(items)
    same_shape = all(item.shape == first.shape for item in items)
    if len(dtypes) > 1:
        dtype = _holding(items, dtypes)
        if dtype is None:
            return as_objects(items)
        items = [item.astype(dtype, copy=False) for item in items]
    if same_shape:
        result = empty((len(items), *first.shape), items[0].dtype)
        np.stack(items, out=result)
        return Dense.of(result, name)
    dtype = items[0].dtype
    if dtype.kind in _NUMBERS and first.ndim and all(item.ndim == first.ndim for item in items):
        return Ragged.from_items(items, dtype, name=name)
    return as_objects(items)


def _holding(items: Sequence[NDArray[Any]], dtypes: set[np.dtype[Any]]) -> np.dtype[Any] | None:
    """Give the dtype that holds every item's values exactly, if there is one."""
    families = {"number" if dtype.kind in _NUMBERS else dtype.kind for dtype in dtypes}
    if len(families) > 1:
        return None
    try:
        dtype = np.result_type(*dtypes)
        for item in items:
            cast_exactly(item, dtype)
    except (TypeError, Loss):
        return None
    return dtype


def _scalars(items: list[Any], kinds: set[type], name: str | None) -> Component:
    if any(issubclass(kind, np.str_ | np.bytes_ | np.void) for kind in kinds):
        if all(issubclass(kind, str) for kind in kinds):
            return Strings.from_items(items, name=name)
        if all(issubclass(kind, bytes) for kind in kinds):
            return Bytes.from_items(items, name=name)
        return _arrays(list(map(np.asarray, items)), name)
    column = np.array(items)
    if len(kinds) > 1:
        if kinds <= {int, bool} and bool in kinds:
            return as_objects(items)
        # NumPy finds a common dtype even where large integers do not survive it.
        if column.dtype.kind == "O" or not _survives(items, column):
            return as_objects(items)
    elif column.dtype.kind == "O" or (kinds == {int} and column.dtype.kind not in "iu"):
        return as_objects(items)
    result = empty(column.shape, column.dtype)
    result[...] = column
    return Dense.of(result, name)


def _survives(items: list[Any], column: NDArray[Any]) -> bool:
    try:
        for item in items:
            cast_exactly(np.asarray(item), column.dtype)
    except Loss:
        return False
    return True
