"""Turn what users assign into components, and components into arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ironbatch import _core
from ironbatch.components.assemble import assemble
from ironbatch.components.component import Component, describe, named
from ironbatch.components.dense import Dense
from ironbatch.components.items import items_of
from ironbatch.components.ragged import Ragged
from ironbatch.components.strings import Bytes, Strings
from ironbatch.components.writes import place
from ironbatch.errors import ComponentError

__all__ = ["as_component", "to_array"]


def as_component(
    value: Any,
    n: int | None,
    *,
    name: str | None = None,
    ids: Sequence[Hashable] | NDArray[Any] | None = None,
) -> Component:
    """Turn a value with one item for each of n positions into a component.

    Parameters
    ----------
    value : array-like, Series, sequence or component
        A C-contiguous ndarray is not copied, another one is; a component stays what it is; a
        sequence is looked at item by item (see `assemble`); a pandas or arrow column of text
        becomes `Strings`.
    n : int or None
        Number of items it must have; None takes any.
    name : str, optional
        The component's name, for messages.
    ids : sequence, optional
        Ids of the items: the message names the first one without an item.

    Raises
    ------
    ComponentError
        If it has another number of items, or is no sequence of items (a number, a string, a
        mapping, a set).

    Examples
    --------
    >>> as_component([[1, 2], [3, 4]], 2).shape
    (2, 2)
    >>> as_component([1, 2], 3, name='labels')
    Traceback (most recent call last):
        ...
    ironbatch.errors.ComponentError: component 'labels' needs 3 items, one for each id, but got 2 \
(dense int64, 2 items of shape ())
    """
    component = _convert(value, name)
    if n is not None and len(component) != n:
        raise ComponentError(
            f"{place(name)} needs {n} item{'' if n == 1 else 's'}, one for each id, but got "
            f"{len(component)} ({describe(component)}){_first_without(ids, len(component))}"
        )
    return component


def _first_without(ids: Sequence[Hashable] | NDArray[Any] | None, n: int) -> str:
    if ids is None or len(ids) <= n:
        return ""
    lost = ids[n]
    return (
        f"; the first id without one is {lost.item() if isinstance(lost, np.generic) else lost!r}"
    )


def _convert(value: Any, name: str | None) -> Component:
    if isinstance(value, np.ndarray):
        return _array(value, name)
    if isinstance(value, Ragged | Strings | Bytes):
        return named(value, name)
    if isinstance(value, list | tuple):
        return assemble(value, name=name)
    if isinstance(value, str | bytes | bytearray | Mapping | Set | np.generic):
        raise _not_items(value, name)
    if hasattr(value, "to_numpy") or hasattr(value, "__array__"):
        return _foreign(value, name)
    if isinstance(value, memoryview):
        return _array(np.asarray(value), name)
    if isinstance(value, Iterable):
        return assemble(list(value), name=name)
    raise _not_items(value, name)


def _not_items(value: object, name: str | None) -> ComponentError:
    return ComponentError(
        f"{place(name)} needs a sequence with one item for each id, got {type(value).__name__}; "
        "for the same value everywhere use numpy.full, or a list of it"
    )


def _array(array: NDArray[Any], name: str | None) -> Component:
    if array.ndim == 0:
        raise _not_items(array, name)
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            raise ComponentError(
                f"{place(name)}: a component has no mask, and some values are masked; fill them "
                "first: value.filled(...)"
            )
        array = array.data
    if array.dtype.kind == "O":
        return array.view(np.ndarray) if type(array) is not np.ndarray else array
    if not (array.flags.c_contiguous and array.flags.aligned):
        array = np.array(array, order="C", subok=False)
    return Dense.of(array, name)


def _foreign(value: Any, name: str | None) -> Component:
    """Series, columns, tensors: whatever gives an array."""
    array = value.to_numpy() if hasattr(value, "to_numpy") else np.asarray(value)
    if not isinstance(array, np.ndarray):
        raise _not_items(value, name)
    if array.dtype.kind == "T" or (array.dtype.kind == "O" and array.ndim == 1 and len(array)):
        items = array.tolist()
        if all(type(item) is str for item in items):
            return Strings.from_items(items, name=name)
        if all(type(item) is bytes for item in items):
            return Bytes.from_items(items, name=name)
    return _array(array, name)


def to_array(
    component: Component, dtype: DTypeLike | None = np.float32, channels: str | None = "last"
) -> Component:
    """Turn every item into an array of a dtype, with its channels where a model wants them.

    Parameters
    ----------
    component : component
        Items: arrays, or objects that convert to arrays (such as Pillow images).
    dtype : dtype-like or None
        The dtype wanted, cast as by ``astype``; None keeps each one's.
    channels : {'first', 'last', None}
        Items of two dimensions get an axis for channels there; of others, ``'first'`` moves the
        last axis to the front. None changes nothing.

    Returns
    -------
    Dense or Ragged, or objects where neither fits
        Shares no memory with the component.

    Raises
    ------
    ValueError
        If ``channels`` is something else.

    Examples
    --------
    >>> to_array(np.zeros((5, 8, 6), 'uint8'), 'float32', 'first').shape
    (5, 1, 8, 6)
    """
    if channels not in ("first", "last", None):
        raise ValueError(f"channels must be 'first', 'last' or None, got {channels!r}")
    name = getattr(component, "name", None)
    if isinstance(component, np.ndarray) and component.dtype.kind != "O":
        moved = _channels(component.view(np.ndarray), channels, first_axis=1)
        if dtype is not None:
            made = _core.cast(moved, np.dtype(dtype), Dense)
            if made is not None:
                return Dense.of(made, name)
        return Dense.of(np.array(moved, dtype=dtype, order="C"), name)
    arrays = [_channels(np.asarray(item), channels, first_axis=0) for item in items_of(component)]
    if dtype is not None:
        arrays = [array.astype(dtype) for array in arrays]
    return assemble(arrays, name=name)


def _channels(array: NDArray[Any], channels: str | None, *, first_axis: int) -> NDArray[Any]:
    ndim = array.ndim - first_axis
    if channels is None or ndim < 2:
        return array
    if ndim == 2:
        return np.expand_dims(array, first_axis if channels == "first" else array.ndim)
    return np.moveaxis(array, -1, first_axis) if channels == "first" else array
