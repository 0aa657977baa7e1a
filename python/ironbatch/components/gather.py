"""Select items of components of any kind, and put components one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ironbatch import _core
from ironbatch.components.component import Component
from ironbatch.components.dense import Dense
from ironbatch.components.items import items_of
from ironbatch.components.memory import empty
from ironbatch.components.objects import as_objects
from ironbatch.components.positions import as_positions
from ironbatch.components.ragged import Ragged
from ironbatch.components.strings import Bytes, Strings
from ironbatch.components.writes import Loss, cast_exactly, place, shape_mismatch
from ironbatch.errors import ComponentError

__all__ = ["concat", "put", "take"]


def take(
    component: Component, positions: slice | Any, out: NDArray[Any] | None = None
) -> Component:
    """Select items by position.

    Parameters
    ----------
    component : component
        Where from.
    positions : slice or array-like of int or bool
        A slice gives a view where the component can (of text, a copy); anything else a copy.
        Negative positions are errors.
    out : ndarray, optional
        For dense components: where to put the items, C-contiguous, of shape
        (len(positions), *item shape) and the component's dtype.

    Returns
    -------
    component
        Of the same kind.

    Raises
    ------
    IndexError
        If a position is outside of the component; the message names it.
    ComponentError
        If ``out`` does not fit, or is given for a component that is not dense.

    Examples
    --------
    >>> take(np.array([10, 20, 30]), [2, 0])
    Dense([30, 10])
    """
    if type(positions) is np.ndarray:
        try:
            made = _core.gather(component, positions, out, Dense)
        except IndexError as error:
            raise IndexError(f"{place(getattr(component, 'name', None))}: {error}") from None
        if made is not None:
            if out is None:
                made._name = component._name if type(component) is Dense else None
                return cast("Dense", made)
            return Dense.of(made)
    name = getattr(component, "name", None)
    if out is not None and not isinstance(component, np.ndarray):
        raise ComponentError(f"{place(name)}: only a dense component is taken into out=")
    if isinstance(positions, slice):
        if not isinstance(component, np.ndarray):
            return component[positions]
        selected = component.view(np.ndarray)[positions]
        if out is not None:
            _check_out(out, selected.shape, selected.dtype, name)
            np.copyto(out, selected)
            selected = out
        return selected if selected.dtype.kind == "O" else Dense.of(selected, name)
    if (
        type(positions) is not np.ndarray
        or positions.dtype != np.int64
        or positions.ndim != 1
        or not positions.flags.c_contiguous
    ):
        positions = as_positions(
            positions, len(component) if _is_mask(positions) else None, where=place(name)
        )
    if not isinstance(component, np.ndarray):
        _check(positions, len(component), name)
        return component._take(positions)
    if component.dtype.kind == "O":
        _check(positions, len(component), name)
        if out is not None:
            _check_out(out, (len(positions), *component.shape[1:]), component.dtype, name)
        return component.take(
            positions, axis=0, out=out, mode="clip" if out is not None else "raise"
        )
    return Dense.of(_gather(component, positions, out, name), name)


def _is_mask(positions: Any) -> bool:
    return np.asarray(positions).dtype.kind == "b"


def _check(positions: NDArray[np.int64], n: int, name: str | None) -> None:
    as_positions(positions, n, where=place(name))


def _check_out(
    out: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None
) -> None:
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ComponentError(
            f"{place(name)}: out must be a C-contiguous {dtype} array of shape {shape}, got "
            f"{out.dtype} of shape {out.shape}"
        )


def _gather(
    component: NDArray[Any],
    positions: NDArray[np.int64],
    out: NDArray[Any] | None,
    name: str | None,
) -> NDArray[Any]:
    _check(positions, len(component), name)
    shape = (len(positions), *component.shape[1:])
    if out is None:
        out = empty(shape, component.dtype)
    else:
        _check_out(out, shape, component.dtype, name)
    if len(positions):
        np.take(component, positions, axis=0, out=out, mode="clip")
    return out


def put(component: NDArray[Any], positions: Any, values: NDArray[Any]) -> None:
    """Write items into a dense component, several at once.

    Parameters
    ----------
    component : ndarray
        Where to.
    positions : array-like of int, shape (k,)
        Which items, from 0. Of items with the same position the last one stays.
    values : ndarray, shape (k, *item shape)
        The items; values must fit the component's dtype.

    Raises
    ------
    IndexError
        If a position is outside of the component. Nothing has been written then.
    LossyWriteError
        If a value does not fit.
    ComponentError
        If the shape is another one.

    Examples
    --------
    >>> labels = np.zeros(3, 'uint8')
    >>> put(labels, [2, 0], np.array([5, 6]))
    >>> labels
    array([6, 0, 5], dtype=uint8)
    """
    name = getattr(component, "name", None)
    index = as_positions(positions, len(component), where=place(name))
    expected = (len(index), *component.shape[1:])
    if values.shape != expected:
        raise shape_mismatch(place(name), values.shape, expected)
    if not _core.scatter(component, index, values):
        Dense.of(component, name)[index] = values


def concat(components: Sequence[Component], *, name: str | None = None) -> Component:
    """Put components one after another.

    - Dense ones of one item shape stay dense; dtypes that differ become the one that holds all
      values.
    - Arrays of numbers with different item shapes, and ragged components, become ragged.
    - Text with text and bytes with bytes stay so.
    - Any other mixture becomes objects.

    Parameters
    ----------
    components : sequence of components
        At least one.
    name : str, optional
        Name of the result; by default the first one's.

    Raises
    ------
    ComponentError
        If there are none.

    Examples
    --------
    >>> concat([np.array([1, 2]), np.array([3])])
    Dense([1, 2, 3])
    """
    parts = list(components)
    if not parts:
        raise ComponentError(f"{place(name)}: there is nothing to concatenate")
    if name is None:
        name = getattr(parts[0], "name", None)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        dense = _dense(arrays, name)
        if dense is not None:
            return dense
    for kind in (Strings, Bytes):
        if all(isinstance(part, kind) for part in parts):
            return _text(parts, kind, name)
    ragged = _ragged(parts, name)
    if ragged is not None:
        return ragged
    return as_objects(list(chain.from_iterable(map(items_of, parts))))


def _dense(parts: list[NDArray[Any]], name: str | None) -> NDArray[Any] | None:
    # An empty part has no items that could clash with the others' shape or dtype.
    filled = [part for part in parts if len(part)] or parts[:1]
    first = filled[0]
    if any(part.shape[1:] != first.shape[1:] for part in filled):
        return None
    dtype = _common(filled)
    if dtype is None:
        return None
    if dtype.kind == "O":
        if any(part.dtype.kind != "O" for part in filled):
            return None
        return np.concatenate([part.view(np.ndarray) for part in filled])
    made = _core.concatenate(filled, Dense)
    if made is not None:
        made._name = name
        return cast("Dense", made)
    out = empty((sum(map(len, filled)), *first.shape[1:]), dtype)
    np.concatenate([part.view(np.ndarray) for part in filled], out=out)
    return Dense.of(out, name)


def _common(parts: Sequence[NDArray[Any]]) -> np.dtype[Any] | None:
    dtypes = {part.dtype for part in parts}
    if len(dtypes) == 1:
        return parts[0].dtype
    families = {"number" if dtype.kind in "biufc" else dtype.kind for dtype in dtypes}
    if len(families) > 1:
        return None
    try:
        dtype = np.result_type(*dtypes)
        for part in parts:
            cast_exactly(part, dtype)
    except (TypeError, Loss):
        return None
    return dtype


def _ragged(parts: Sequence[Component], name: str | None) -> Ragged | None:
    """Join ragged components, and dense ones as if they were ragged."""
    pieces = []
    for part in parts:
        if not len(part):
            continue
        if isinstance(part, Ragged):
            pieces.append(part)
        elif isinstance(part, np.ndarray) and part.dtype.kind in "biufc" and part.ndim > 1:
            shapes = np.broadcast_to(np.array(part.shape[1:]), (len(part), part.ndim - 1))
            flat = np.ascontiguousarray(part).reshape(-1)
            step = flat.size // len(part)
            offsets = np.arange(len(part) + 1, dtype=np.int64) * step
            pieces.append(Ragged(flat, offsets, shapes))
        else:
            return None
    if not pieces:
        return parts[0] if isinstance(parts[0], Ragged) else None
    if len({piece.ndim for piece in pieces}) > 1:
        return None
    used = [piece._used() for piece in pieces]
    dtype = _common(used)
    if dtype is None:
        return None
    values = _core.pack(used)
    if values is None:
        values = empty(sum(map(len, used)), dtype)
        np.concatenate(used, out=values)
    return Ragged._of(
        values,
        _join_offsets([piece.offsets for piece in pieces]),
        np.concatenate([piece.shapes for piece in pieces]),
        name,
    )


def _join_offsets(offsets: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    shifts = accumulate((int(part[-1] - part[0]) for part in offsets), initial=0)
    starts = [part[:-1] - part[0] + shift for part, shift in zip(offsets, shifts, strict=False)]
    total = sum(int(part[-1] - part[0]) for part in offsets)
    return np.concatenate([*starts, np.array([total], dtype=np.int64)])


def _text(parts: Sequence[Any], kind: type[Any], name: str | None) -> Component:
    spans = [part._spans() for part in parts]
    joined: Component = kind._of(
        np.concatenate([data for data, _ in spans]),
        _join_offsets([offsets for _, offsets in spans]),
        name,
    )
    return joined
