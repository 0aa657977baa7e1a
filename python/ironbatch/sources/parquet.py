"""Parquet files and datasets of pyarrow.

The columns that are components are read once, all together, row group by row group, and lie in
memory then, each in one piece. Where there is no room for that each batch reads the row groups that
its rows are in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.extras import need
from ironbatch.sources.arrow import ArrowRows
from ironbatch.sources.base import Rows, Source, Table, refuse_outside
from ironbatch.sources.parquet_files import reader_of, reading
from ironbatch.sources.registry import package_of, register_source
from ironbatch.sources.room import whole_limit
from ironbatch.sources.row_groups import RowGroups
from ironbatch.urls import is_url, open_system

__all__ = ["ParquetTable"]

_KINDS = ("ParquetFile", "ParquetDataset", "Dataset")


class _Opened:
    """What is known of a file or dataset, whichever batches and datasets it is the data of."""

    def __init__(self, given: Any) -> None:
        self.schema = given.schema_arrow if hasattr(given, "schema_arrow") else given.schema
        reader = reader_of(given)
        self.groups = None if reader is None else RowGroups(reader)
        self.name = f"a {type(given).__name__} of pyarrow" if reader is None else reader.name
        self.columns: dict[str, HeldColumn] = {}
        self.lock = threading.Lock()
        if self.groups is not None:
            self.length = len(self.groups)
            return
        with reading(self.name, "it cannot be read"):
            if hasattr(given, "count_rows"):
                self.length = int(given.count_rows())
            else:
                self.length = int(given.read(columns=[]).num_rows)


# By the id of each object that is still there: some cannot be hashed.
_opened: dict[int, _Opened] = {}


def _renew_locks() -> None:
    for each in list(_opened.values()):
        each.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class ParquetTable(Table):
    """A Parquet file, or a dataset of such files.

    Objects of pyarrow that `Dataset`, ``preloaded=`` and ``load(src=...)`` are given are such
    tables by themselves. To make one is to open a path, or to say where its rows shall be.

    Parameters
    ----------
    given : path, ParquetFile, ParquetDataset or pyarrow.dataset.Dataset
        A path or URL of a file, or of a folder of them whose names may have ``key=value``; or what
        pyarrow has opened.
    in_memory : bool, optional
        Whether the columns in use are read into memory as a whole, when they are first asked for.
        Otherwise each batch reads the row groups that its rows are in, and the memory is bounded
        by `set_chunk_limit`. By default they are read as a whole if they take no more than
        `set_whole_limit` says. The batches are the same.
    storage_options : mapping, optional
        For the file system of a URL: keys, end points, ...; what fsspec is configured with by
        default. Worker processes have them too.

    Raises
    ------
    TypeError
        If `given` is something else, or `in_memory` is False for what has no row groups: a dataset
        of files of another format, or a filtered one; or `storage_options` is no mapping, or given
        for something else than a URL.
    OSError
        If a path is not there, or cannot be read; it names the path.
    FormatError
        If a file is no Parquet file; it names the file.

    Examples
    --------
    >>> import ironbatch, pathlib, pyarrow, pyarrow.parquet, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'houses.parquet'
    >>> houses = pyarrow.table({'price': [1.5, 2.5, 3.5, 4.5, 5.5]})
    >>> pyarrow.parquet.write_table(houses, path, row_group_size=2)
    >>> dataset = ironbatch.Dataset(ParquetTable(path, in_memory=False))
    >>> order = ironbatch.Blocks(0, window=1)
    >>> [batch.price.tolist() for batch in dataset.gen_batch(2, shuffle=order, n_epochs=1)]
    [[4.5, 3.5], [2.5, 1.5], [5.5]]
    """

    portable = False

    def __init__(
        self,
        given: Any,
        in_memory: bool | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        if storage_options is not None:
            _check_options(given, storage_options)
        if not (in_memory is None or isinstance(in_memory, bool)):
            raise TypeError(f"in_memory is True, False or None, got {in_memory!r}")
        if isinstance(given, str | os.PathLike):
            given = _open(os.fspath(given), storage_options)
        elif not _is_parquet(given):
            raise TypeError(
                "a table of Parquet is a path, or a ParquetFile, ParquetDataset or Dataset of "
                f"pyarrow; got {type(given).__name__}"
            )
        self.given = given
        known = _opened.get(id(given))
        if known is None:
            made = _Opened(given)
            # Another thread may have been quicker.
            known = _opened.setdefault(id(given), made)
            if known is made:
                finalize(given, _opened.pop, id(given), None)
        self._opened = known
        self._in_memory = in_memory
        if in_memory is False and known.groups is None:
            raise TypeError(
                f"{known.name} has no row groups that could be read one at a time: it is filtered, "
                "or not of Parquet files; leave out in_memory=False"
            )
        self.names = tuple(known.schema.names)
        if known.groups is not None:
            self.block = known.groups.bounds.size
            self.block_starts = known.groups.bounds.uneven

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the files itself.
        if hasattr(self.given, "read_row_group"):
            raise TypeError(
                "pyarrow does not say which file a ParquetFile has open, so that no other process "
                "can open it; give ParquetTable(path), or pyarrow.dataset.dataset(path)"
            )
        return type(self), (self.given, self._in_memory)

    def __len__(self) -> int:
        return self._opened.length

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some columns, read now if they are to lie in memory."""
        if not self._is_held(names):
            if 1 < len(names) < len(self.names):  # chosen by the class of batches
                self.groups.expect(names)
            return {name: RowGroupColumn(self, name) for name in names}
        opened = self._opened
        with opened.lock:
            missing = [name for name in names if name not in opened.columns]
            if missing:
                opened.columns.update(self._read(missing))
        return {name: opened.columns[name] for name in names}

    @property
    def groups(self) -> RowGroups:
        """The row groups, of a table that has some."""
        assert self._opened.groups is not None
        return self._opened.groups

    def _is_held(self, names: Sequence[str]) -> bool:
        opened = self._opened
        if self._in_memory is not None or opened.groups is None:
            return self._in_memory is not False
        if all(name in opened.columns for name in names):
            return True
        limit = whole_limit()
        row = sum(map(opened.groups.row_bytes, names))
        return limit is None or row * opened.length <= limit

    def _read(self, names: list[str]) -> dict[str, HeldColumn]:
        arrow = need("pyarrow", extra="tables", what="a Parquet file")
        pieces: dict[str, list[Any]] = {name: [] for name in names}
        for part in self._parts(names):
            for name, chunks in pieces.items():
                column = part.column(name)
                chunks.extend(column.chunks if hasattr(column, "chunks") else [column])
        made: dict[str, HeldColumn] = {}
        for name in names:
            # Taken out, so that its memory is free before the next one is put together.
            chunks = pieces.pop(name)
            rows = ArrowRows(arrow.chunked_array(chunks, self._opened.schema.field(name).type))
            made[name] = HeldColumn(rows, name, self._opened.groups)
        return made

    def _parts(self, names: list[str]) -> Iterator[Any]:
        given, groups = self.given, self._opened.groups
        if groups is not None:
            yield from groups.read_all(names)
            return
        with reading(self._opened.name, "it cannot be read"):
            if hasattr(given, "to_batches"):
                yield from given.to_batches(columns=names)
            else:
                yield given.read(columns=names)


class HeldColumn(Rows):
    """A column of Parquet that lies in memory.

    Parameters
    ----------
    rows : ArrowRows
        The column as it was read.
    name : str
        Its name.
    groups : RowGroups or None
        The row groups that it was read from, which ``shuffle='blocks'`` keeps to.
    """

    def __init__(self, rows: ArrowRows, name: str, groups: RowGroups | None) -> None:
        self._component = rows.whole(name)
        self._rows = rows if self._component is None else None
        self.given = rows.given if self._component is None else self._component
        if groups is not None:
            self.block, self.block_starts = groups.bounds.size, groups.bounds.uneven
            self.row_bytes = groups.row_bytes(name)

    def __len__(self) -> int:
        return len(self.given)

    def whole(self, name: str | None = None) -> Any:
        """Give all rows as a component; None if they only have the form of Python objects."""
        return self._component

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows."""
        refuse_outside(positions, len(self), name)
        if self._rows is not None:
            return self._rows.take(positions, name)
        return components.take(self._component, positions)


class RowGroupColumn(Rows):
    """A column of Parquet, of which each batch reads the row groups that its rows are in.

    Parameters
    ----------
    table : ParquetTable
        The table.
    name : str
        Which column.
    """

    def __init__(self, table: ParquetTable, name: str) -> None:
        self.given = self
        self._table, self._name = table, name
        self._groups = table.groups
        self.block, self.block_starts = table.block, table.block_starts
        self.row_bytes = self._groups.row_bytes(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._table, self._name)

    def __len__(self) -> int:
        return len(self._groups)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {len(self):,} rows)"

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Read some rows."""
        return self._groups.take(positions, self._name, name)

    def all(self, name: str | None = None) -> Any:
        """Read all rows."""
        return self._groups.all(self._name, name)


def _check_options(given: Any, options: Any) -> None:
    if not isinstance(options, Mapping):
        raise TypeError(
            f"storage_options is a mapping of options of a file system, got {options!r}"
        )
    if not is_url(given):
        what = repr(given) if isinstance(given, str | os.PathLike) else type(given).__name__
        raise TypeError(
            f"storage_options are for the file system of a URL, and {what} is none; leave them out"
        )


def _open(path: str | bytes, storage_options: Mapping[str, Any] | None) -> Any:
    """Open a file or folder as a dataset of pyarrow."""
    need("pyarrow", extra="tables", what="a Parquet file")
    dataset = need("pyarrow.dataset", extra="tables", what="a Parquet file")
    text = os.fsdecode(path)
    with reading(text, "it is no Parquet file"):
        system, place = open_system(text, storage_options) if is_url(text) else (None, text)
        return dataset.dataset(place, format="parquet", filesystem=system, partitioning="hive")


def _is_parquet(data: Any) -> bool:
    if package_of(data) != "pyarrow":
        return False
    return any(base.__name__ in _KINDS for base in type(data).__mro__)


@register_source()
def parquet(data: Any) -> Source | None:
    """Recognise files and datasets of pyarrow."""
    return ParquetTable(data) if _is_parquet(data) else None
