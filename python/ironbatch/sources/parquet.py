"""Parquet files and datasets of pyarrow.

The columns that are components are read once, all together, row group by row group, and lie in
memory then, each in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import finalize

from ironbatch.extras import need
from ironbatch.sources.arrow import ArrowRows
from ironbatch.sources.base import Source, Table
from ironbatch.sources.registry import package_of, register_source

__all__ = ["ParquetTable"]

_KINDS = ("ParquetFile", "ParquetDataset", "Dataset")

# What was read of each object that is still there (by its id: some cannot be hashed), so that
# loading batch by batch does not read it again.
_read: dict[int, dict[str, Any]] = {}


class ParquetTable(Table):
    """An open Parquet file, or a dataset of files of pyarrow.

    Parameters
    ----------
    given : pyarrow.parquet.ParquetFile, pyarrow.parquet.ParquetDataset or pyarrow.dataset.Dataset
        The file or dataset.
    """

    portable = False

    def __init__(self, given: Any) -> None:
        self.given = given
        schema = given.schema_arrow if hasattr(given, "schema_arrow") else given.schema
        self.names = tuple(schema.names)
        self._schema = schema

    def __len__(self) -> int:
        if hasattr(self.given, "metadata"):
            return int(self.given.metadata.num_rows)
        if hasattr(self.given, "count_rows"):
            return int(self.given.count_rows())
        return sum(fragment.count_rows() for fragment in self.given.fragments)

    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Read some columns, unless they have been read."""
        known = _read.get(id(self.given))
        if known is None:
            known = _read[id(self.given)] = {}
            finalize(self.given, _read.pop, id(self.given), None)
        missing = [name for name in names if name not in known]
        if missing:
            known.update(self._columns(missing))
        return {name: known[name] for name in names}

    def _columns(self, names: Sequence[str]) -> dict[str, Any]:
        arrow = need("pyarrow", extra="tables", what="a Parquet file")
        pieces: dict[str, list[Any]] = {name: [] for name in names}
        for part in self._parts(list(names)):
            for name, chunks in pieces.items():
                column = part.column(name)
                chunks.extend(column.chunks if hasattr(column, "chunks") else [column])
        made: dict[str, Any] = {}
        for name in names:
            # Taken out, so that its memory is free before the next one is put together.
            chunks = pieces.pop(name)
            rows = ArrowRows(arrow.chunked_array(chunks, self._schema.field(name).type))
            whole = rows.whole(name)
            made[name] = rows if whole is None else whole
        return made

    def _parts(self, names: list[str]) -> Iterator[Any]:
        given = self.given
        if hasattr(given, "read_row_group"):
            for number in range(given.num_row_groups):
                yield given.read_row_group(number, columns=names)
        elif hasattr(given, "to_batches"):
            yield from given.to_batches(columns=names)
        else:
            yield given.read(columns=names)


@register_source()
def parquet(data: Any) -> Source | None:
    """Recognise files and datasets of pyarrow."""
    if package_of(data) != "pyarrow":
        return None
    named = any(base.__name__ in _KINDS for base in type(data).__mro__)
    return ParquetTable(data) if named else None
