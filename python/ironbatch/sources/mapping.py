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
    columns : mapping from str to array, list, component or Rows
        They have a row for each item.

    Raises
    ------
    ValueError
        If they are of different lengths.
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.given = columns
        self.names = tuple(columns)
        lengths = {name: (len(source_of(rows) or rows),) for name, rows in columns.items()}
        self._n = same_length(lengths, "dict")

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
        If its values are tables, as those of the splits of a data set.
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
    return ColumnsByName(data) if all(map(_is_column, data.values())) else None


def _is_column(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return data.ndim > 0
    return isinstance(data, list) or is_component(data) or isinstance(source_of(data), Rows)
