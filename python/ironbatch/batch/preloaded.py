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

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError

if TYPE_CHECKING:
    from ironbatch.index import DatasetIndex

__all__ = ["Addressing", "Preloaded"]

Addressing = Literal["auto", "id", "position"]


def _is_frame(data: Any) -> bool:
    return hasattr(data, "iloc") and hasattr(data, "columns")


def _is_series(data: Any) -> bool:
    return hasattr(data, "iloc") and not hasattr(data, "columns")


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
        self._rules: dict[str | None, tuple[DatasetIndex, str]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def take(self, index: DatasetIndex, name: str | None) -> Any:
        """Give a copy of the rows of these items.

        Parameters
        ----------
        index : DatasetIndex
            The items, in order.
        name : str or None
            Which component; None for data without components.

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
            return type(part)(self._rows(each, index, None) for each in part)
        if name is None and isinstance(part, Mapping):
            return {key: self._rows(each, index, None) for key, each in part.items()}
        return self._rows(part, index, name)

    def _rows(self, part: Any, index: DatasetIndex, name: str | None) -> Any:
        if part is None:
            return None
        if _is_frame(part) or _is_series(part):
            return part.iloc[self._table_positions(part, index, name)]
        length = _length(part)
        rule = self._rule(length, index, name)
        positions = index.indices if rule == "id" else index.root_positions
        if isinstance(part, list):
            return [part[position] for position in positions]
        if isinstance(part, np.ndarray | columns.Ragged | columns.Strings | columns.Bytes):
            return columns.take(part, np.ascontiguousarray(positions, dtype=np.int64))
        return part[positions]

    def _table_positions(self, table: Any, index: DatasetIndex, name: str | None) -> Any:
        if self.addressing != "position":
            first = np.flatnonzero(~table.index.duplicated())
            found = table.index[first].get_indexer(index.indices)
            missing = found < 0
            positions = first[found]
            if not missing.any():
                return positions
            if self.addressing == "id":
                lost = index.indices[np.flatnonzero(missing)[0]]
                raise KeyError(f"the preloaded table has no row labelled {lost!r}")
        return (
            index.indices if self._rule(len(table), index, name) == "id" else index.root_positions
        )

    def _rule(self, length: int | None, index: DatasetIndex, name: str | None) -> str:
        if self.addressing != "auto":
            return self.addressing
        root = index.root
        known = self._rules.get(name)
        if known is not None and known[0] is root:
            return known[1]
        if root.kind == "range" or (root.kind == "int" and len(root) > 0):
            if length is None:
                rule = "id"
            else:
                ends = root.indices[[0, -1]] if root.kind == "range" else root.indices
                inside = ends.min() >= 0 and ends.max() < length
                rule = "id" if inside else "position"
        else:
            rule = "position"
        if rule == "position" and length is not None and length != len(root):
            what = f"component {name!r}" if name is not None else "the data"
            raise ComponentError(
                f"{what} of preloaded= has {length} rows, but the dataset has {len(root)} items "
                f"whose ids (such as {root.indices[0]!r}) are not positions in it; give one row for each item"
            )
        self._rules[name] = (root, rule)
        return rule


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
        return {name: data[name] for name in names if name in components}
    if isinstance(data, np.ndarray) and data.dtype.names:
        return {name: data[name] for name in data.dtype.names if name in components}
    if isinstance(data, tuple) or (isinstance(data, list) and len(components) > 1):
        return dict(zip(components, _at_most(data, components), strict=False))
    if len(components) == 1:
        return {components[0]: data}
    raise ComponentError(
        f"the data is one {type(data).__name__}, but there are {len(components)} components "
        f"({', '.join(components)}); give a tuple or a dict of components"
    )


def _at_most(data: Sequence[Any], components: tuple[str, ...]) -> Sequence[Any]:
    if len(data) > len(components):
        raise ComponentError(
            f"the data has {len(data)} parts, but there are only {len(components)} components "
            f"({', '.join(components)})"
        )
    return data
