"""A dict of columns, as the data that a dataset is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ironbatch.components import is_component
from ironbatch.sources.base import Rows, Table
from ironbatch.sources.registry import source_of
from ironbatch.sources.same_length import same_length

__all__ = ["ColumnsByName", "columns_by_name"]


class ColumnsByName(Table):
    """Columns of any kind that are side by side in a dict.

    Parameters
    ----------
    columns : mapping from str to array, list, tuple, component or Rows
        They have a row for each item.

    Raises
    ------
    ValueError
        If they are of different lengths.
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.given = {
            name: list(rows) if isinstance(rows, tuple) else rows for name, rows in columns.items()
        }
        self.names = tuple(columns)
        lengths = {name: (len(source_of(rows) or rows),) for name, rows in self.given.items()}
        hint = (
            "a column has one row for each item, so cut the longer ones, or leave out those that "
            "belong to other items"
        )
        self._n = same_length(lengths, "dict", hint)

    def __len__(self) -> int:
        return self._n

    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Give some columns, as they are."""
        return {name: self.given[name] for name in names}


def columns_by_name(data: Mapping[Any, Any]) -> ColumnsByName | None:
    """Give the table that a dict of columns is; None if it is no such thing.

    Raises
    ------
    TypeError
        If its values are tables, as those of the splits of a data set, or some are columns and
        others are not.
    ValueError
        If the columns are of different lengths.

    Examples
    --------
    >>> len(columns_by_name({'x': np.zeros(3), 'y': [1, 2, 3]}))
    3
    >>> columns_by_name({'a': 'a.npy', 'b': 'b.npy'})
    """
    tables = [name for name, each in data.items() if isinstance(source_of(each), Table)]
    if tables:
        raise TypeError(
            f"a dataset is made of one table, and the {type(data).__name__} has "
            f"{', '.join(map(repr, tables))}; give one of them: Dataset(data[{tables[0]!r}])"
        )
    if not data or not all(isinstance(name, str) for name in data):
        return None
    others = [name for name, each in data.items() if not _is_column(each)]
    if not others:
        return ColumnsByName(data)
    if len(others) < len(data):
        column = next(name for name in data if name not in others)
        raise TypeError(
            f"a dataset of a dict has columns of one row for each item, as {column!r} is; "
            f"{others[0]!r} is {_told(data[others[0]])}: give an array or a list with a value for "
            "each item, or leave it out"
        )
    return None


def _is_column(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return data.ndim > 0
    return isinstance(data, list | tuple) or is_component(data) or isinstance(source_of(data), Rows)


def _told(data: Any) -> str:
    if isinstance(data, np.ndarray):
        return f"an array of no dimensions and dtype {data.dtype}"
    return f"of type {type(data).__name__}"
