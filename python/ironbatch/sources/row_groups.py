"""The row groups of Parquet files, read one at a time and kept for the batches that follow."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.arrow_columns import (
    as_objects,
    component_of,
    empty_of,
    has_form,
    needs_values,
)
from ironbatch.sources.base import refuse_outside
from ironbatch.sources.kept import chunk_limit, kept, new_token
from ironbatch.sources.parquet_files import Reader

__all__ = ["GroupBounds", "RowGroups"]

# A batch that uses less than one in so many of the rows that it reads is told of.
_WASTE = 8


class GroupBounds:
    """Where row groups begin and end.

    Parameters
    ----------
    counts : sequence of int
        Rows of each.

    Attributes
    ----------
    starts : ndarray of int64, shape (number of row groups + 1,)
        First row of each, and the number of rows.
    size : int
        Rows of the longest.
    uneven : ndarray of int64 or None
        First row of each, if one before the last is shorter than others.

    Examples
    --------
    >>> bounds = GroupBounds([3, 1, 3])
    >>> bounds.groups_of(np.array([2, 3, 4])), bounds.uneven
    (array([0, 1, 2]), array([0, 3, 4]))
    """

    def __init__(self, counts: Sequence[int]) -> None:
        found = np.array(counts, np.int64)
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(found)])
        self.size = int(found.max(initial=1))
        self.uneven = None if (found[:-1] == self.size).all() else self.starts[:-1]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def groups_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the row group of each row."""
        groups: NDArray[np.int64] = np.searchsorted(self.starts, rows, side="right") - 1
        return groups


class _Group:
    """The columns of a row group that have been read."""

    __slots__ = ("columns", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.columns: dict[str, Any] = {}


class _Plan(NamedTuple):
    """Which rows of a batch come from which row group."""

    positions: NDArray[np.int64]
    #: Number of a row group, rows of it, and where in the batch, sorted by row group, they go.
    parts: list[tuple[int, NDArray[np.int64], int, int]]
    #: Where each row is then; None if they are in order.
    back: NDArray[np.int64] | None
    #: Whether columns are read together.
    together: bool


class RowGroups:
    """The rows of Parquet files, of which some are taken at a time.

    A row group is read when the first of its rows is needed, in the columns that are in use, and
    kept for the next batches as the chunks of arrays on disk are. Safe to use from any thread.

    Parameters
    ----------
    reader : Reader
        Reads one row group.

    Attributes
    ----------
    bounds : GroupBounds
        Which rows are in which row group.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.bounds = GroupBounds(reader.counts)
        self._objects: dict[str, bool] = {}
        self._row_bytes: dict[str, int] = {}
        # Columns that were asked for lately are read together: name and the number of row groups
        # that had been read by then.
        self._asked: dict[str, int] = {}
        self._groups_read = 0
        self._most_touched = 1
        self._told = False
        self._plans: deque[_Plan] = deque(maxlen=8)
        self._token = new_token()
        finalize(self, kept.forget, self._token)

    def __len__(self) -> int:
        return int(self.bounds.starts[-1])

    def row_bytes(self, name: str) -> int:
        """Give about how many bytes a row of a column takes in memory."""
        known = self._row_bytes.get(name)
        if known is None:
            form = self._empty(name)
            if isinstance(form, np.ndarray) and form.dtype != object:
                known = form.dtype.itemsize * int(np.prod(form.shape[1:]))
            else:
                known = -(-self._reader.nbytes(name) // max(1, len(self)))
            self._row_bytes[name] = known
        return known

    def expect(self, names: Sequence[str]) -> None:
        """Read columns with the first that is asked for, since they are going to be used too."""
        for name in names:
            if name not in self._objects:
                known, _ = self._by_statistics(name)
                if known is None:
                    continue
                self._objects[name] = known
            self._asked.setdefault(name, self._groups_read)

    def take(
        self, positions: NDArray[np.int64], name: str, component: str | None = None
    ) -> components.Component:
        """Give some rows of a column.

        Parameters
        ----------
        positions : ndarray of int64, shape (k,)
            Which rows, in any order.
        name : str
            The column.
        component : str, optional
            What it is called in messages.

        Raises
        ------
        IndexError
            If a position is outside of the rows.
        FormatError
            If a file is damaged, or is not what it was; it names the file.
        OSError
            If a file is gone, or its store cannot be reached; it names the file too.
        """
        refuse_outside(positions, len(self), component or name)
        if not len(positions):
            return self._empty(name)
        self.is_objects(name)  # which may take a look at all row groups, none of them locked
        self._asked[name] = self._groups_read
        plan = self._plan(positions)
        out: Any = None
        pieces = []
        for number, own, start, stop in plan.parts:
            rows = self._column(number, name, component, plan.together)
            if not isinstance(rows, np.ndarray):
                pieces.append(components.take(rows, own))
                continue
            if out is None:
                make: Any = np.empty if rows.dtype == object else components.empty
                out = make((len(positions), *rows.shape[1:]), rows.dtype)
            np.take(rows, own, axis=0, out=out[start:stop], mode="clip")
        made: components.Component
        if out is None:
            made = pieces[0] if len(pieces) == 1 else components.concat(pieces, name=component)
        else:
            made = out if out.dtype == object else components.Dense.of(out, component)
        return made if plan.back is None else components.take(made, plan.back)

    def read_all(self, names: Sequence[str]) -> Iterator[Any]:
        """Read some columns of all rows, as tables of pyarrow in order; none of them are kept."""
        return self._reader.read_all(names)

    def all(self, name: str, component: str | None = None) -> components.Component:
        """Give all rows of a column; none of them are kept."""
        parts = [self._empty(name)]
        for group in range(len(self.bounds)):
            column = self._reader.read(group, (name,)).column(name)
            parts.append(self._form(column, group, name, component))
        return components.concat(parts, name=component)

    def _plan(self, positions: NDArray[np.int64]) -> _Plan:
        """Say which rows come from which row group; the columns of a batch have it in common."""
        for known in tuple(self._plans):
            if np.array_equal(known.positions, positions):
                return known
        groups = self.bounds.groups_of(positions)
        back = None
        if (groups[1:] < groups[:-1]).any():
            order = np.argsort(groups, kind="stable")
            back = np.empty(len(order), np.int64)
            back[order] = np.arange(len(order))
            groups, sorted_ = groups[order], positions[order]
        else:
            sorted_ = positions
        own = sorted_ - self.bounds.starts[groups]
        touched, begins = np.unique(groups, return_index=True)
        ends = [*begins[1:].tolist(), len(groups)]
        parts = [
            (group, own[start:stop], start, stop)
            for group, start, stop in zip(touched.tolist(), begins.tolist(), ends, strict=True)
        ]
        made = _Plan(positions.copy(), parts, back, self._look_at(touched, len(positions)))
        self._plans.appendleft(made)
        return made

    def _column(self, number: int, name: str, component: str | None, together: bool) -> Any:
        """Give a column of a row group; read `together` with the others that are in use."""
        key = self._token, number
        group: _Group = kept.get(key, self._new_group)
        found = group.columns.get(name)
        if found is not None:
            return found
        with group.lock:
            if name in group.columns:
                return group.columns[name]
            missing = [name]
            if together:
                missing += [each for each in self._in_use() if each not in {name, *group.columns}]
            table = self._reader.read(number, missing)
            nbytes = 0
            for each in missing:
                column = table.column(each)
                made = self._form(column, number, each, component if each == name else each)
                nbytes += max(components.nbytes(made), column.nbytes)
                group.columns[each] = (
                    made.view(np.ndarray) if isinstance(made, np.ndarray) else made
                )
            kept.grow(key, nbytes)
            return group.columns[name]

    def _in_use(self) -> list[str]:
        """Give the columns that were asked for lately."""
        since = self._groups_read - 2 * self._most_touched - 2
        return [name for name, last in list(self._asked.items()) if last >= since]

    def _new_group(self) -> tuple[_Group, int]:
        self._groups_read += 1
        return _Group(), 0

    def _form(
        self, column: Any, number: int, name: str, component: str | None
    ) -> components.Component:
        if not self.is_objects(name):
            made: components.Component | None = component_of(column, component)
            if made is not None:
                return made
            raise self._reader.changed(number, f"column {name!r} has not the values that it had")
        return as_objects(column, component)

    def is_objects(self, name: str) -> bool:
        """Whether a column only has the form of Python objects, in all batches."""
        known = self._objects.get(name)
        if known is None:
            known, unknown = self._by_statistics(name)
            if known is None:
                # What the statistics of the file do not say is read, once in all.
                known = any(self._has_no_form(group, name) for group in unknown)
            self._objects[name] = known
        return known

    def _by_statistics(self, name: str) -> tuple[bool | None, list[int]]:
        """Say the same without reading; None, and in which row groups to look, if it takes that."""
        form = empty_of(self._reader.type_of(name))
        if not needs_values(self._reader.type_of(name)):
            return isinstance(form, np.ndarray) and form.dtype == object, []
        nulls = [self._reader.has_nulls(group, name) for group in range(len(self.bounds))]
        if isinstance(form, components.Ragged):
            # Without nulls lists are arrays; those of lists only if they are rectangles.
            unknown = [g for g, any_ in enumerate(nulls) if any_ is not False or form.ndim > 1]
        elif any(nulls):
            return True, []
        else:
            unknown = [group for group, any_ in enumerate(nulls) if any_ is None]
        return None if unknown else False, unknown

    def _has_no_form(self, group: int, name: str) -> bool:
        column = self._reader.read(group, (name,)).column(name)
        return not has_form(column) or component_of(column) is None

    def _empty(self, name: str) -> components.Component:
        if self.is_objects(name):
            return np.empty(0, object)
        form: components.Component = empty_of(self._reader.type_of(name))
        return form

    def _look_at(self, touched: NDArray[np.int64], n: int) -> bool:
        """Say whether there is room for the row groups of a batch, of all columns in use.

        If most of what is read is for nothing as there is none, that is told, once.
        """
        if len(touched) < 3:
            return True
        rows = int(np.diff(self.bounds.starts)[touched].sum())
        nbytes = rows * sum(map(self.row_bytes, self._in_use()))
        if nbytes <= chunk_limit():
            self._most_touched = max(self._most_touched, len(touched))
            return True
        if rows > _WASTE * n and not self._told:
            self._told = True
            warnings.warn(
                f"a batch of {n:,} rows reads {len(touched):,} row groups of {rows:,} rows from "
                f"{self._reader.name}: they take more than the {chunk_limit():,} bytes that are "
                "kept for later batches, so each batch reads them again. shuffle='blocks' reads a "
                "row group once or twice an epoch; ironbatch.sources.set_chunk_limit keeps more",
                stacklevel=2,
            )
        return False
