"""Components as BatchFlow has them: NumPy arrays, or whatever was assigned."""

from __future__ import annotations

import copy as copying
from collections.abc import Sequence
from typing import Any

import numpy as np

from ironbatch import components as columns

__all__ = ["assembled", "copied", "joined", "plain", "selected"]


def plain(value: Any) -> Any:
    """Turn a column of ironbatch into an array; anything else stays the object that it is.

    Examples
    --------
    >>> from ironbatch import components as columns
    >>> plain(columns.as_component(['a', 'bc'], 2))
    array(['a', 'bc'], dtype=object)
    """
    kind = type(value)
    if kind is columns.Dense:
        return value.view(np.ndarray)
    if isinstance(value, columns.Ragged | columns.Strings | columns.Bytes):
        return columns.as_objects(columns.items_of(value))
    if hasattr(value, "iloc") and not hasattr(value, "columns"):
        return value.to_numpy()
    return value


def assembled(results: Sequence[Any]) -> Any:
    """Stack results of one shape; others make an array of objects.

    Examples
    --------
    >>> assembled([np.zeros(2), np.ones(2)]).shape, assembled([np.zeros(2), np.ones(3)]).dtype
    ((2, 2), dtype('O'))
    """
    items = [np.asanyarray(result) for result in results]
    if len({item.shape for item in items}) <= 1:
        return np.stack(items)
    return columns.as_objects(list(results))


def selected(value: Any, positions: Any, n: int) -> Any:
    """Select items of what a batch of `n` items holds; what has no entry for each item stays."""
    if isinstance(value, np.ndarray) and value.ndim and len(value) == n:
        return value[positions]
    if isinstance(value, list | tuple) and len(value) == n:
        return type(value)(value[place] for place in np.arange(n)[positions])
    if hasattr(value, "iloc"):
        return value.iloc[positions]
    if columns.is_component(value):
        return columns.take(value, positions)
    return value


def joined(component: str | None, parts: Sequence[Any]) -> Any:
    """Put the data of several batches end to end.

    Raises
    ------
    TypeError
        If it is neither arrays nor lists.
    """
    parts = [plain(part) for part in parts]
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    if all(isinstance(part, list | tuple) for part in parts):
        return type(parts[0])(item for part in parts for item in part)
    kinds = ", ".join(sorted({type(part).__name__ for part in parts}))
    raise TypeError(
        f"component {component!r} holds {kinds}, which merge cannot join: override merge_component"
    )


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """Copy what a component holds, with all Python objects in it."""
    return copying.deepcopy(plain(value), memo)
