"""Data that is in memory before the batches are made, and which of its rows belong to an item.

The rule for plain data (arrays, lists, ragged columns, any object with advanced indexing):

1. **by id** when the ids of the index are integers that are positions in the data;
2. **by dataset position** otherwise, when the data has one row for each item of the dataset. A
   subset of the dataset keeps the positions of the whole, so splits and shuffles never move a row
   to another item;
3. or as the user says, with ``addressing='id'`` or ``'position'``.

A pandas DataFrame (or Series) has ids of its own: its labels, so it is addressed by label when all
ids are labels, and by the rule above otherwise.

A batch gets copies of its rows. What is written to the batch stays in the batch.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns
from ironbatch.errors import ComponentError

if TYPE_CHECKING:
    from ironbatch.index import DatasetIndex

__all__ = ["Addressing", "Preloaded"]

Addressing = Literal["auto", "id", "position"]


def _is_frame(data: Any) -> bool:
    return hasattr(data, "iloc") and hasattr(data, "columns")


class Preloaded:
    """Preloaded data of a dataset or a batch, split into its components once.

    Parameters
    ----------
    data : array, tuple, dict, DataFrame, or any object with advanced indexing
        One row for each item. A tuple or list gives the components in order, a dict or DataFrame by
        name; anything else is the one component, or the whole data of a batch without components.
    components : tuple of str or None
        Names of the components of the batch class.
    addressing : {'auto', 'id', 'position'}
        How rows belong to items; see the module's text.
    cast_to_array : bool
        Convert lists to columns once, rather than for each batch.

    Raises
    ------
    ComponentError
        If there are more parts than components, or a name that is not a component.
    ValueError
        If `addressing` is something else.
    """

    def __init__(
        self,
        data: Any,
        components: tuple[str, ...] | None,
        addressing: Addressing = "auto",
        *,
        cast_to_array: bool = False,
    ) -> None:
        if addressing not in ("auto", "id", "position"):
            raise ValueError(f"addressing must be 'auto', 'id' or 'position', got {addressing!r}")
        self.data = data
        self.addressing = addressing
        self.parts: dict[str | None, Any] = split_parts(data, components)
        if cast_to_array and components is not None:
            self.parts = {
                name: columns.as_component(part, len(part), name=str(name))
                if isinstance(part, list)
                else part
                for name, part in self.parts.items()
            }
        self._columns = {
            name: columns.Dense.of(part, name)
            for name, part in self.parts.items()
            if isinstance(part, np.ndarray)
            and part.dtype.kind != "O"
            and part.ndim > 0
            and part.flags.c_contiguous
        }
        self._rules: dict[str | None, tuple[DatasetIndex, str]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def component(self, index: DatasetIndex, name: str, *, copy: bool = False) -> Any:
        """Give the rows of these items as a component of a batch; None if there is no such part.

        Parameters and errors are those of `take`.
        """
        column = self._columns.get(name)
        if column is not None:
            return columns.take(column, self._positions(len(column), index, name))
        part = self.parts.get(name)
        if part is None:
            return None
        rows = self._rows(part, index, name)
        if copy:
            rows = copying.deepcopy(rows)
        return columns.as_component(rows, len(index), name=name, ids=index.indices)

    def rows(
        self, index: DatasetIndex, name: str
    ) -> tuple[columns.Dense, NDArray[np.int64]] | None:
        """Give a dense column as a whole and the rows of these items, without taking them.

        None if the part is of another kind. Parameters and errors are those of `take`.
        """
        column = self._columns.get(name)
        if column is None:
            return None
        return column, self._positions(len(column), index, name)

    def take(self, index: DatasetIndex, name: str | None, *, copy: bool = False) -> Any:
        """Give a copy of the rows of these items.

        Parameters
        ----------
        index : DatasetIndex
            The items, in order.
        name : str or None
            Which component; None for data without components.
        copy : bool
            Deep-copy Python objects too.

        Returns
        -------
        component or object
            As many rows as the index has items.

        Raises
        ------
        ComponentError
            If rows and items cannot be brought together.
        """
        part = self.parts[name]
        if name is None and isinstance(part, tuple | list):
            rows: Any = type(part)(self._rows(each, index, None) for each in part)
        elif name is None and isinstance(part, Mapping):
            rows = {key: self._rows(each, index, None) for key, each in part.items()}
        else:
            rows = self._rows(part, index, name)
        return copying.deepcopy(rows) if copy else rows

    def positions(self, index: DatasetIndex, name: str | None = None) -> Any:
        """Say which rows of a part belong to these items.

        Parameters
        ----------
        index : DatasetIndex
            The items, in order.
        name : str or None
            Which component; None for data without components.

        Returns
        -------
        ndarray of int

        Raises
        ------
        ComponentError
            If rows and items cannot be brought together.
        """
        return self._positions_in(self.parts[name], index, name)

    def fits(self, n: int) -> bool:
        """Whether every part has this many rows, so far as their numbers are known."""
        lengths = {_length(part) for part in self.parts.values() if part is not None} - {None}
        return lengths == {n}

    def _rows(self, part: Any, index: DatasetIndex, name: str | None) -> Any:
        if part is None:
            return None
        positions = self._positions_in(part, index, name)
        if hasattr(part, "iloc"):
            return part.iloc[positions]
        if isinstance(part, list):
            return [part[position] for position in positions]
        if isinstance(part, np.ndarray | columns.Ragged | columns.Strings | columns.Bytes):
            return columns.take(part, positions)
        return part[positions]

    def _positions_in(self, part: Any, index: DatasetIndex, name: str | None) -> Any:
        if hasattr(part, "iloc"):
            return self._table_positions(part, index, name)
        return self._positions(_length(part), index, name)

    def _positions(
        self, length: int | None, index: DatasetIndex, name: str | None
    ) -> NDArray[np.int64]:
        """Give the row of each item."""
        if self._rule(length, index, name) == "position":
            return index.root_positions
        if index.kind not in ("range", "int"):
            raise ValueError(
                "addressing='id' needs integer ids that are rows of the data, but they are "
                f"{index.kind}, such as {index.indices[:1].tolist()[0]!r}; give a table with "
                "labels, or addressing='position'"
            )
        return np.ascontiguousarray(index.indices, dtype=np.int64)

    def _table_positions(self, table: Any, index: DatasetIndex, name: str | None) -> Any:
        if self.addressing != "position":
            first = np.flatnonzero(~table.index.duplicated())
            found = table.index[first].get_indexer(index.indices)
            missing = found < 0
            positions = first[found]
            if not missing.any():
                return positions
            if self.addressing == "id":
                lost = index.indices[missing].tolist()[0]
                raise KeyError(f"the preloaded table has no row labelled {lost!r}")
        return self._positions(len(table), index, name)

    def _rule(self, length: int | None, index: DatasetIndex, name: str | None) -> str:
        """Say whether rows are found by id or by position, worked out once for each root."""
        root = index.root
        known = self._rules.get(name)
        if known is not None and known[0] is root:
            return known[1]
        rule = self.addressing
        if rule == "auto":
            rule = "id" if _are_positions(root, length) else "position"
            if rule == "position" and length is not None and length != len(root):
                what = f"component {name!r}" if name is not None else "the data"
                (first,) = root.indices[:1].tolist()
                raise ComponentError(
                    f"{what} in memory has {length} rows, but the dataset has {len(root)} "
                    f"items whose ids (such as {first!r}) are not positions in it; "
                    "give one row for each item"
                )
        if rule == "id" and root.kind == "range" and root.indices[0] == 0:
            rule = "position"  # the same thing, and the positions are at hand
        self._rules[name] = (root, rule)
        return rule


def _are_positions(root: DatasetIndex, length: int | None) -> bool:
    """Whether all ids are positions in data of this length (None: of unknown length)."""
    if root.kind not in ("range", "int"):
        return False
    if length is None:
        return True
    ends = root.indices[[0, -1]] if root.kind == "range" else root.indices
    return bool(ends.min() >= 0 and ends.max() < length)


def _length(part: Any) -> int | None:
    try:
        return len(part)
    except TypeError:
        return None


def split_parts(data: Any, components: tuple[str, ...] | None) -> dict[str | None, Any]:
    """Say which part of the data is which component.

    Parameters
    ----------
    data : object
        As `Preloaded` takes it.
    components : tuple of str or None
        Names of the components.

    Returns
    -------
    dict
        Part by component name; under the key None when there are no components.
    """
    if components is None:
        return {None: data}
    if hasattr(data, "as_dict") and hasattr(data, "components"):
        data = data.as_dict()
    if isinstance(data, Mapping) or _is_frame(data):
        names = list(data)
        unknown = [name for name in names if name not in components]
        if unknown and not _is_frame(data):
            raise ComponentError(
                f"the data names {unknown[0]!r}, which is not a component; "
                f"the components are {', '.join(components)}"
            )
        if names and len(unknown) == len(names):
            raise _no_column(names, components)
        return {name: data[name] for name in names if name in components}
    if isinstance(data, np.ndarray) and data.dtype.names:
        fields = [name for name in data.dtype.names if name in components]
        if not fields and len(components) > 1:
            raise _no_column(data.dtype.names, components)
        if fields:
            return {name: data[name] for name in fields}
    if isinstance(data, tuple) or (isinstance(data, list) and len(components) > 1):
        return dict(zip(components, _at_most(data, components), strict=False))
    if len(components) == 1:
        return {components[0]: data}
    raise ComponentError(
        f"the data is one {type(data).__name__}, but there are {len(components)} components "
        f"({', '.join(components)}); give a tuple or a dict of components"
    )


def _no_column(names: Sequence[Any], components: tuple[str, ...]) -> ComponentError:
    return ComponentError(
        f"no column of the data is a component: its columns are {', '.join(map(str, names))}, "
        f"the components are {', '.join(components)}"
    )


def _at_most(data: Sequence[Any], components: tuple[str, ...]) -> Sequence[Any]:
    if len(data) > len(components):
        raise ComponentError(
            f"the data has {len(data)} parts, but there are only {len(components)} components "
            f"({', '.join(components)})"
        )
    return data
