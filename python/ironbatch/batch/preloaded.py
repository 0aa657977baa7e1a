"""Data that is in memory before the batches are made, and which of its rows belong to an item.

The rule for plain data (arrays, lists, ragged columns, any object with advanced indexing):

1. **by id** when the ids of the index are integers that are positions in the data;
2. **by dataset position** otherwise, when the data has one row for each item of the dataset. A
   subset of the dataset keeps the positions of the whole, so splits and shuffles never move a row
   to another item;
3. or as the user says, with ``addressing='id'`` or ``'position'``.

A table may have ids of its own: the column that ``index_col=`` names, or the labels of a pandas
DataFrame or Series (unless they only count its rows). Then each id must be among them; where none
of the ids is a label of pandas, the rule above holds.

A batch gets copies of its rows. What is written to the batch stays in the batch.
"""

from __future__ import annotations

import copy as copying
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns
from ironbatch.errors import ComponentError
from ironbatch.index.blocks import BlockStarts
from ironbatch.sources import Rows, Table, source_of
from ironbatch.sources.base import refuse_repeated
from ironbatch.sources.kept import chunk_limit
from ironbatch.sources.labels import Labels, labels_of
from ironbatch.sources.records import RecordPart

if TYPE_CHECKING:
    from ironbatch.index import DatasetIndex

__all__ = ["Addressing", "Preloaded"]

Addressing = Literal["auto", "id", "position"]

_MOST_BLOCKS = 64


class Preloaded:
    """Preloaded data of a dataset or a batch, split into its components once.

    Parameters
    ----------
    data : array, tuple, dict, table, or any object with advanced indexing
        One row for each item. A tuple or list gives the components in order, a dict or a table by
        name; anything else is the one component, or the whole data of a batch without components.
        What `ironbatch.sources` knows may stand for an array or for the whole.
    components : tuple of str or None
        Names of the components of the batch class.
    addressing : {'auto', 'id', 'position'}
        How rows belong to items; see the module's text.
    cast_to_array : bool
        Convert lists to columns once, rather than for each batch.
    index_col : str, optional
        The column of a table whose values are the ids of its rows.
    whole : bool
        Make components of whole columns that lie in memory, for many batches to take rows from;
        otherwise rows are taken first.

    Attributes
    ----------
    names : tuple of str or None
        The components.

    Raises
    ------
    ComponentError
        If there are more parts than components, or a name that is not a component.
    TypeError
        If a column has no form in NumPy or Python, or `index_col` is given for what is no table.
    KeyError
        If there is no such column as `index_col`.
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
        index_col: str | None = None,
        whole: bool = True,
    ) -> None:
        if addressing not in ("auto", "id", "position"):
            raise ValueError(f"addressing must be 'auto', 'id' or 'position', got {addressing!r}")
        if index_col is not None and addressing == "position":
            raise ValueError(f"index_col={index_col!r} finds rows by id, not by position")
        self.addressing = addressing
        self.names = components
        _refuse_path(data)
        source = source_of(data)
        self.data = source.given if source is not None and source is data else data
        self._labels: dict[str | None, Labels] = {}
        self._common = labels_of(source, index_col, data)
        self._strict = index_col is not None or addressing == "id"
        self.parts: dict[str | None, Any] = split_parts(
            data if source is None else source, components
        )
        self._sources: dict[str | None, Rows | Table] = {}
        self._whole = whole
        for name, part in self.parts.items():
            _refuse_path(part)
            if cast_to_array and components is not None and isinstance(part, list):
                part = self.parts[name] = columns.as_component(part, len(part), name=str(name))
            known = source_of(part)
            if known is not None:
                if name is not None and isinstance(known, Table):
                    known = known.as_rows()
                self._sources[name] = known
                self.parts[name] = known.given
                if self._common is None and known.labelled:
                    self._labels[name] = Labels(known.labels(), None)
        self._make_columns()
        self._rules: dict[str | None, tuple[DatasetIndex, str]] = {}
        self._found: dict[Labels, tuple[DatasetIndex, NDArray[np.int64] | None]] = {}

    def _make_columns(self) -> None:
        """Make components of what lies in memory as a whole, in the same memory."""
        self._columns: dict[str | None, Any] = {}
        for name, part in self.parts.items():
            known = self._sources.get(name)
            if isinstance(known, Rows) and self._whole and name is not None:
                made = known.whole(name)
                if made is not None:
                    self._columns[name] = made
            elif (
                known is None
                and isinstance(part, np.ndarray)
                and part.dtype.kind != "O"
                and part.ndim > 0
                and part.flags.c_contiguous
            ):
                self._columns[name] = columns.Dense.of(part, name)

    def __getstate__(self) -> dict[str, Any]:
        # What shares memory here is sent once, and what only this process has open is opened anew.
        state = {**self.__dict__, "_found": {}}
        del state["_columns"]
        state["parts"] = {
            name: None if name in self._sources else part for name, part in self.parts.items()
        }
        if (source := source_of(self.data)) is not None:
            state["data"] = source
            if not source.portable:
                del state["data"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, known in self._sources.items():
            self.parts[name] = known.given
        if "data" not in state:
            self.data = self.parts[None] if self.names is None else self.parts
        elif isinstance(self.data, Rows | Table):
            self.data = self.data.given
        self._make_columns()

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def component(self, index: DatasetIndex, name: str, *, copy: bool = False) -> Any:
        """Give the rows of these items as a component of a batch; None if there is no such part.

        Parameters and errors are those of `take`.
        """
        column = self._columns.get(name)
        if column is not None:
            return columns.take(column, self._positions_in(column, index, name))
        part = self.parts.get(name)
        if part is None:
            return None
        rows = self._rows(part, index, name)
        if copy:
            rows = copying.deepcopy(rows)
        return columns.as_component(rows, len(index), name=name, ids=index.indices)

    def reads_together(self, name: str) -> bool:
        """Whether a component is read together with others."""
        return isinstance(self._sources.get(name), RecordPart)

    def components(self, index: DatasetIndex, name: str) -> dict[str, Any]:
        """Give a component with those that are read together with it.

        Parameters and errors are those of `take`.
        """
        return {
            each: columns.as_component(rows, len(index), name=each, ids=index.indices)
            for each, rows in self._together(index, name).items()
        }

    def _together(self, index: DatasetIndex, name: str) -> dict[str, Any]:
        """Get samples once, for all the components that are parts of them."""
        part = self._sources[name]
        assert isinstance(part, RecordPart)
        samples = part.records.fetch(self._positions_in(part, index, name))
        return {
            each: other.of(samples, each)
            for each, other in self._sources.items()
            if each is not None and isinstance(other, RecordPart) and other.records is part.records
        }

    def take_all(self, index: DatasetIndex, names: Sequence[str | None]) -> dict[str | None, Any]:
        """Give copies of the rows of these items, of several components.

        Parameters and errors are those of `take`.
        """
        taken: dict[str | None, Any] = {}
        for name in names:
            if name in taken:
                continue
            if name is not None and isinstance(self._sources.get(name), RecordPart):
                taken.update(self._together(index, name))
            else:
                taken[name] = self.take(index, name)
        return taken

    def rows(
        self, index: DatasetIndex, name: str
    ) -> tuple[columns.Dense, NDArray[np.int64]] | None:
        """Give a dense column as a whole and the rows of these items, without taking them.

        None if the part is of another kind. Parameters and errors are those of `take`.
        """
        column = self._columns.get(name)
        if not isinstance(column, columns.Dense):
            return None
        return column, self._positions_in(column, index, name)

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
        UnknownIdError
            If ids are not among the labels of a table (a KeyError).
        """
        part = self.parts[name]
        if name is None and isinstance(part, tuple | list):
            rows: Any = type(part)(self._rows(each, index, None) for each in part)
        elif name is None and isinstance(part, Mapping) and None not in self._sources:
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
        return self._positions_in(self._sources.get(name, self.parts[name]), index, name)

    def fits(self, n: int) -> bool:
        """Whether every part has this many rows, so far as their numbers are known."""
        lengths = {
            _length(self._sources.get(name, part))
            for name, part in self.parts.items()
            if part is not None
        } - {None}
        return lengths == {n}

    def blocks(self) -> tuple[int | None, int | None]:
        """Say how many rows are read together, and how many such blocks may be mixed.

        The chunks of the part with the largest rows count. None, None if no part has any.
        """
        heaviest = self._heaviest()
        if heaviest is None:
            return None, None
        size = heaviest[1].block or 1
        nbytes = size * sum(each.row_bytes or 0 for each in self._sources.values() if each.block)
        return size, max(1, min(_MOST_BLOCKS, chunk_limit() // 4 // nbytes)) if nbytes else None

    def rows_in_blocks(self, index: DatasetIndex) -> NDArray[np.int64] | BlockStarts | None:
        """Give the row of each item of an index in the part whose chunks count.

        Where chunks are of different lengths, rows are numbered as if all were of the longest, or
        the chunks are given if items are in the order of rows. None if nobody needs to know.
        """
        heaviest = self._heaviest()
        if heaviest is None:
            return None
        name, part = heaviest
        if self._is_in_order(part, index, name):
            return None if part.block_starts is None else BlockStarts(part.block_starts)
        return part.block_places(self._positions_in(part, index, name))

    def _is_in_order(self, part: Rows | Table, index: DatasetIndex, name: str | None) -> bool:
        """Whether the first item is the first row, and so on: of an index of any length."""
        labels = self._common or self._labels.get(name)
        if labels is not None and self.addressing != "position":
            return False
        return index._rows() is None and self._rule(len(part), index, name) == "position"

    def _heaviest(self) -> tuple[str | None, Rows | Table] | None:
        found = [(name, each) for name, each in self._sources.items() if each.block]
        # What is on disk goes before what has been read into memory from there.
        return max(
            found,
            key=lambda each: (each[0] not in self._columns, each[1].row_bytes or 0),
            default=None,
        )

    def _rows(self, part: Any, index: DatasetIndex, name: str | None) -> Any:
        if part is None:
            return None
        known = self._sources.get(name)
        if known is None or part is not known.given:
            known = source_of(part)  # one of several parts of data without components
        positions = self._positions_in(part if known is None else known, index, name)
        if isinstance(known, Table) or (known is not None and name is None):
            return known.raw(positions)
        if known is not None:
            return known.take(positions, name)
        if isinstance(part, list):
            return [part[position] for position in positions]
        if isinstance(part, np.ndarray | columns.Ragged | columns.Strings | columns.Bytes):
            return columns.take(part, positions)
        return part[positions]

    def _positions_in(self, part: Any, index: DatasetIndex, name: str | None) -> NDArray[np.int64]:
        labels = self._common or self._labels.get(name)
        if labels is not None and self.addressing != "position":
            found = self._labelled(labels, index.root)
            if found is not None:
                return found[index.root_positions]
        return self._positions(_length(part), index, name)

    def _labelled(self, labels: Labels, root: DatasetIndex) -> NDArray[np.int64] | None:
        """Give the row of each item of a root; None if its ids are no labels."""
        known = self._found.get(labels)
        if known is None or known[0] is not root:
            known = self._found[labels] = (root, labels.rows_of(root, strict=self._strict))
        return known[1]

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
                    "give one row for each item, or for a table the column of ids as index_col="
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
    table = source_of(data)
    if isinstance(table, Table) and table.unnamed is not None:
        return dict(zip(components, _at_most(table.parts(), components), strict=False))
    if isinstance(table, Table):
        chosen = [name for name in table.names if name in components]
        refuse_repeated(chosen)
        if not chosen and table.names:
            raise _no_column(table.names, components)
        return {name: column for name, column in table.columns(chosen).items()}  # noqa: C416
    if isinstance(data, Mapping):
        names = list(data)
        unknown = [name for name in names if name not in components]
        if unknown:
            raise ComponentError(
                f"the data names {unknown[0]!r}, which is not a component; "
                f"the components are {', '.join(components)}"
            )
        return dict(data)
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
        f"the data is one {type(getattr(data, 'given', data)).__name__}, but there are "
        f"{len(components)} components ({', '.join(components)}); give a tuple or a dict of them"
    )


def _refuse_path(data: Any) -> None:
    if isinstance(data, str | bytes | os.PathLike):
        raise ComponentError(
            f"{data!r} is no data with rows; files are read by load(src, fmt), with fmt='parquet', "
            "'hdf5', 'npy', ..., or are opened first: ironbatch.sources.ParquetTable(path), "
            "numpy.load(path, mmap_mode='r'), h5py.File(path), ..."
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
