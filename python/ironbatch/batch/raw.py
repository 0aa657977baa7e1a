"""The data of a batch that has no components: whatever the user keeps there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch import components as columns

__all__ = ["raw_item", "raw_take"]


def _is_parts(data: Any, count: int) -> bool:
    """Whether a tuple or list holds whole columns rather than one entry an item."""
    return isinstance(data, tuple | list) and len(data) != count


def raw_item(data: Any, position: int, count: int) -> Any:
    """Give one item.

    Parameters
    ----------
    data : object
        An array, a table, a list with an entry for each item, or a tuple or dict of such.
    position : int
        Its place in the batch.
    count : int
        Number of items in the batch.
    """
    if data is None:
        return None
    if isinstance(data, Mapping):
        return {key: raw_item(part, position, count) for key, part in data.items()}
    if _is_parts(data, count):
        return type(data)(raw_item(part, position, count) for part in data)
    return data.iloc[position] if hasattr(data, "iloc") else data[position]


def raw_take(data: Any, positions: Any, count: int) -> Any:
    """Give some items, in the form that the data has.

    Parameters
    ----------
    data : object
        As for `raw_item`.
    positions : slice or array of int64
        Their places in the batch.
    count : int
        Number of items in the batch.
    """
    if data is None:
        return None
    if isinstance(data, Mapping):
        return {key: raw_take(part, positions, count) for key, part in data.items()}
    if _is_parts(data, count):
        return type(data)(raw_take(part, positions, count) for part in data)
    if hasattr(data, "iloc"):
        return data.iloc[positions]
    if isinstance(data, tuple | list):
        return type(data)(data[place] for place in np.arange(count)[positions])
    if isinstance(data, np.ndarray | columns.Ragged | columns.Strings | columns.Bytes):
        return columns.take(data, positions)
    return data[positions]
