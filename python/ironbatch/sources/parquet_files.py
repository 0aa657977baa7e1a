"""Readers of single row groups: of an open Parquet file, and of the files of a dataset."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from weakref import ref

from ironbatch.errors import FormatError
from ironbatch.extras import need
from ironbatch.urls import UnknownSchemeError, naming

__all__ = ["DatasetReader", "FileReader", "Reader", "reader_of", "reading"]

# Bytes of a value by its physical type; others are of any length.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 8, "FLOAT": 4, "DOUBLE": 8}

_FILES_AT_ONCE = 16

# pyarrow does not say that an open file may be read by several threads at once.
_reading = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: globals().update(_reading=threading.Lock()))


class Reader(ABC):
    """Reads row groups, which have numbers from 0; those without rows are left out.

    Attributes
    ----------
    name : str
        What it reads, for messages.
    schema : pyarrow.Schema
        Its columns.
    counts : list of int
        Rows of each row group.
    """

    name: str
    schema: Any
    counts: list[int]

    @abstractmethod
    def _table(self, number: int, names: list[str]) -> Any:
        """Read some columns of a row group."""

    @abstractmethod
    def _metadata(self, number: int) -> tuple[Any, Any]:
        """Give the metadata of a row group, and the schema of the file that it is in."""

    @abstractmethod
    def _file_of(self, number: int) -> str:
        """Name the file that a row group is in."""

    def _missing(self, number: int, name: str) -> bool | None:
        """Whether a column that the file does not have is null in a row group; None if it has."""
        return None

    @abstractmethod
    def _check(self, number: int) -> None:
        """Raise `FormatError` if the file is not what it was."""

    def type_of(self, name: str) -> Any:
        """Give the type of a column."""
        return self.schema.field(name).type

    def read(self, number: int, names: Sequence[str]) -> Any:
        """Read some columns of a row group.

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        FormatError
            If the file is damaged, or has changed; it names the file.
        OSError
            If the file is gone, or its store cannot be reached; it names the file too.
        """
        with reading(self._file_of(number), "a row group cannot be read"):
            self._check(number)
            table = self._table(number, list(names))
        lost = [name for name in names if name not in table.column_names]
        if lost or len(table) != self.counts[number]:
            raise self.changed(number, "its columns or rows are not those that it had")
        return table

    def read_all(self, names: Sequence[str]) -> Iterator[Any]:
        """Read some columns of all row groups, in order.

        Yields
        ------
        pyarrow.Table

        Raises
        ------
        FormatError, OSError
            As `read` does.
        """
        for number in range(len(self.counts)):
            yield self.read(number, names)

    def changed(self, number: int, what: str) -> FormatError:
        """Make the error of a file that is not what it was when it was opened."""
        return FormatError(f"{self._file_of(number)}: {what} when it was opened; open it again")

    def has_nulls(self, number: int, name: str) -> bool | None:
        """Whether a column has nulls in a row group, by its statistics; None if they do not say."""
        missing = self._missing(number, name)
        if missing is not None:
            return missing
        leaves = self._leaves(number, name)
        found = []
        for leaf in leaves:
            statistics = leaf.statistics if leaf.is_stats_set else None
            if statistics is None or not statistics.has_null_count:
                return None
            found.append(statistics.null_count)
        if not any(found):
            return False
        # Within lists those are counted too that are empty.
        return True if len(leaves) == 1 and not self.type_of(name).num_fields else None

    def nbytes(self, name: str) -> int:
        """Give about how many bytes a column takes in memory."""
        total = 0
        for number, rows in enumerate(self.counts):
            total += 8 * rows
            if self._missing(number, name) is None:
                for leaf in self._leaves(number, name):
                    width = _WIDTHS.get(leaf.physical_type)
                    packed = leaf.total_uncompressed_size
                    total += packed if width is None else leaf.num_values * width
        return total

    def _leaves(self, number: int, name: str) -> list[Any]:
        """Give the metadata of the columns that a column is made of in the file."""
        metadata, schema = self._metadata(number)
        first = 0
        for field in schema:
            count = _leaf_count(field.type)
            if field.name == name:
                return [metadata.column(place) for place in range(first, first + count)]
            first += count
        return []


class FileReader(Reader):
    """Reads an open Parquet file.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        The file. It is not kept alive: whatever takes rows has it.
    """

    def __init__(self, file: Any) -> None:
        self._file = ref(file)
        self.schema = file.schema_arrow
        # Which file it is pyarrow does not say.
        self.name = (
            f"the open {type(file).__name__} of {file.metadata.num_rows:,} rows and "
            f"{len(self.schema.names):,} columns"
        )
        found = enumerate(file.metadata.row_group(n).num_rows for n in range(file.num_row_groups))
        self._numbers, self.counts = _split((number, rows) for number, rows in found if rows)

    def _table(self, number: int, names: list[str]) -> Any:
        with _reading:
            return self._open().read_row_group(self._numbers[number], columns=names)

    def _metadata(self, number: int) -> tuple[Any, Any]:
        return self._open().metadata.row_group(self._numbers[number]), self.schema

    def _file_of(self, number: int) -> str:
        return self.name

    def _check(self, number: int) -> None:
        self._open()

    def _open(self) -> Any:
        file = self._file()
        if file is None or file.closed:
            raise FormatError(f"{self.name} has been closed; keep it open while it is in use")
        return file


class DatasetReader(Reader):
    """Reads the files of a dataset of pyarrow.

    Parameters
    ----------
    fragments : list of pyarrow.dataset.ParquetFileFragment
        The files, or parts of them.
    schema : pyarrow.Schema
        Of the dataset: with the columns that folders stand for.
    """

    def __init__(self, fragments: list[Any], schema: Any) -> None:
        self._fragments = fragments
        self.schema = schema
        first = str(fragments[0].path) if fragments else "a dataset without files"
        self.name = first if len(fragments) < 2 else f"{first} and {len(fragments) - 1} other files"
        footers = _footers(fragments)
        self._looks = [look for look, _ in footers]
        groups = [found for _, found in footers]
        self._places = [(place, group.id) for place, found in enumerate(groups) for group in found]
        self.counts = [group.num_rows for found in groups for group in found]
        self._rows = [sum(group.num_rows for group in found) for found in groups]
        self._schemas: dict[int, Any] = {}
        self._keys: dict[int, dict[str, Any]] = {}

    def _table(self, number: int, names: list[str]) -> Any:
        place, group = self._places[number]
        part = self._fragments[place].subset(row_group_ids=[group])
        return part.to_table(schema=self.schema, columns=names)

    def _metadata(self, number: int) -> tuple[Any, Any]:
        place, group = self._places[number]
        return self._fragments[place].metadata.row_group(group), self._schema_of(place)

    def _file_of(self, number: int) -> str:
        return str(self._fragments[self._places[number][0]].path)

    def _schema_of(self, place: int) -> Any:
        known = self._schemas.get(place)
        if known is None:
            known = self._schemas[place] = self._fragments[place].physical_schema
        return known

    def _missing(self, number: int, name: str) -> bool | None:
        place, _ = self._places[number]
        keys = self._keys.get(place)
        if keys is None:
            dataset = need("pyarrow.dataset", extra="tables", what="a Parquet dataset")
            expression = self._fragments[place].partition_expression
            keys = self._keys[place] = dataset.get_partition_keys(expression)
        if name in keys:
            return keys[name] is None
        return None if name in self._schema_of(place).names else True

    def read_all(self, names: Sequence[str]) -> Iterator[Any]:
        """Read some columns of all files, several at a time."""
        first: dict[int, int] = {}
        for number, (place, _) in enumerate(self._places):
            first.setdefault(place, number)
        if len(first) < 2:
            for number in first.values():
                yield self._file(number, names)
            return
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            yield from pool.map(lambda number: self._file(number, names), first.values())

    def _file(self, first: int, names: Sequence[str]) -> Any:
        """Read the file that a row group is the first of."""
        place, _ = self._places[first]
        with reading(self._file_of(first), "the file cannot be read"):
            self._check(first)
            table = self._fragments[place].to_table(schema=self.schema, columns=list(names))
            # It may have changed while it was read.
            self._check(first)
        if len(table) != self._rows[place]:
            raise self.changed(first, "its rows are not those that it had")
        return table

    def _check(self, number: int) -> None:
        place, _ = self._places[number]
        now = _look_of(self._fragments[place])
        if now and now != self._looks[place]:
            raise FormatError(
                f"{self._fragments[place].path}: the file has been written anew, or was cut off, "
                "since the dataset was opened; open it again"
            )


def reader_of(given: Any) -> Reader | None:
    """Give what reads the row groups of a file or dataset; None if it has none to tell apart.

    That is so where it is not of Parquet files, or has been filtered.

    Parameters
    ----------
    given : pyarrow.parquet.ParquetFile, pyarrow.parquet.ParquetDataset or pyarrow.dataset.Dataset
    """
    if hasattr(given, "read_row_group"):
        return FileReader(given)
    if hasattr(given, "get_fragments"):
        try:
            fragments = list(given.get_fragments())
        except ValueError:  # of a dataset that is filtered
            return None
    else:
        fragments = list(given.fragments)
        # Its fragments do not tell of a filter, but what is read does.
        with reading(f"a {type(given).__name__} of pyarrow", "it cannot be read"):
            if given.read(columns=[]).num_rows != sum(each.count_rows() for each in fragments):
                return None
    # Asked of the class: the attribute itself reads the file.
    if not all(hasattr(type(fragment), "row_groups") for fragment in fragments):
        return None
    return DatasetReader(fragments, given.schema)


@contextmanager
def reading(where: str, failed: str) -> Iterator[None]:
    """Make errors of what is read within clear: they name it, and tell files from stores.

    Parameters
    ----------
    where : str
        What is read.
    failed : str
        What it means if Arrow cannot make sense of it.

    Raises
    ------
    FormatError
        Instead of what Arrow raises, which is of many classes.
    OSError
        Instead of any other error, all of which the store has raised.
    """
    try:
        yield
    except (FormatError, ImportError, UnknownSchemeError, MemoryError):
        raise
    except OSError as error:
        raise naming(error, where) from error
    except Exception as error:
        arrow = need("pyarrow", extra="tables", what="a Parquet file")
        if isinstance(error, arrow.ArrowException | UnicodeError):
            raise FormatError(f"{where}: {failed}: {error}") from error
        raise naming(error, where) from error


def _footers(fragments: list[Any]) -> list[tuple[tuple[Any, ...], list[Any]]]:
    """Give the look and row groups of each file, many at a time: a store may be far away."""
    if len(fragments) < 2:
        return [_footer(fragment) for fragment in fragments]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return list(pool.map(_footer, fragments))


def _footer(fragment: Any) -> tuple[tuple[Any, ...], list[Any]]:
    with reading(fragment.path, "the file cannot be read"):
        look = _look_of(fragment)  # before the footer, which may be another's already after it
        return look, [group for group in fragment.row_groups if group.num_rows]


def _look_of(fragment: Any) -> tuple[Any, ...]:
    """Give what changes when the file of a fragment does; empty if it is not there."""
    system = fragment.filesystem
    if system is None:  # memory
        return (0,)
    info = system.get_file_info(fragment.path)
    return (info.size, info.mtime_ns) if info.is_file else ()


def _split(pairs: Any) -> tuple[list[int], list[int]]:
    found = list(pairs)
    return [number for number, _ in found], [rows for _, rows in found]


def _leaf_count(kind: Any) -> int:
    """Give of how many columns of a file a column of a type is made."""
    kind = getattr(kind, "storage_type", kind)
    if hasattr(kind, "key_field"):
        inner = [kind.key_field, kind.item_field]
    elif hasattr(kind, "value_field"):
        inner = [kind.value_field]
    else:
        inner = [kind.field(number) for number in range(kind.num_fields)]
    return sum(_leaf_count(field.type) for field in inner) or 1
