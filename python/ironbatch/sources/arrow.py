"""Tables and columns of Arrow, and of whatever hands them out by Arrow's protocol.

That is pyarrow itself, polars, DuckDB and others whose objects have ``__arrow_c_stream__``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.extras import need
from ironbatch.sources.arrow_columns import as_objects, component_of, has_form
from ironbatch.sources.base import Rows, Source, Table
from ironbatch.sources.registry import package_of, register_source

__all__ = ["ArrowRows", "ArrowTable"]


class ArrowRows(Rows):
    """A column of Arrow.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        The column.
    given : object, optional
        What the user has given.
    """

    def __init__(self, column: Any, given: Any = None) -> None:
        self.column = column
        self.given = column if given is None else given
        # One form for all batches, whichever rows they have.
        self._objects = not has_form(column)

    def __len__(self) -> int:
        return len(self.column)

    def whole(self, name: str | None = None) -> Any:
        """Give all rows as a component; None if they only have the form of Python objects."""
        made = None if self._objects else component_of(self.column, name)
        if made is None:
            self._objects = True
            as_objects(self.column.slice(0, 1), name)  # an error now, not in the first batch
        return made

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows."""
        rows = self.column.take(_array(positions))
        made = None if self._objects else component_of(rows, name)
        return as_objects(rows, name) if made is None else made

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows, as a column of the package that the user's is of."""
        return (
            self.given[positions] if _is_polars(self.given) else self.column.take(_array(positions))
        )


class ArrowTable(Table):
    """A table of Arrow.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    given : object, optional
        What the user has given.
    """

    def __init__(self, table: Any, given: Any = None) -> None:
        self.table = table
        self.given = table if given is None else given
        self.names = tuple(table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some columns."""
        return {name: ArrowRows(self.table.column(name)) for name in names}

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows, as a table of the package that the user's is of."""
        if _is_polars(self.given):
            return self.given[positions]
        return self.table.take(_array(positions))


def _is_polars(data: Any) -> bool:
    return package_of(data) == "polars"


def _array(positions: NDArray[np.int64]) -> Any:
    return need("pyarrow", extra="tables", what="a table of Arrow").array(positions)


@register_source()
def polars(data: Any) -> Source | None:
    """Refuse what polars hands out by Arrow's protocol as something else, or not at all.

    Raises
    ------
    TypeError
        If it is a query that has not been carried out, or a column is of Python objects.
    """
    if not _is_polars(data):
        return None
    if hasattr(data, "collect") and not hasattr(data, "__arrow_c_stream__"):
        raise TypeError(f"a {type(data).__name__} of polars has no rows yet; give its collect()")
    columns = data.get_columns() if hasattr(data, "get_columns") else [data]
    for column in columns:
        if str(getattr(column, "dtype", "")) == "Object":
            raise TypeError(
                f"column {column.name!r} is of polars' type Object, which has no form in Arrow; "
                "give its items as a list: column.to_list()"
            )
    return None


def _table(arrow: Any, data: Any) -> Any:
    """Make a table of what another package hands out.

    Raises
    ------
    TypeError
        If pyarrow does not know the type of a column; it names the column where that can be told.
    """
    for column in data.get_columns() if hasattr(data, "get_columns") else ():
        _imported(arrow.chunked_array, column)
    return _imported(arrow.table, data)


def _imported(function: Any, data: Any) -> Any:
    try:
        return function(data)
    except ValueError as error:
        what, kind = f"a {package_of(data)} {type(data).__name__}", getattr(data, "dtype", None)
        if kind is not None:
            what = f"column {getattr(data, 'name', '')!r} of {package_of(data)}'s type {kind}"
        raise TypeError(f"{what} has no form in Arrow; convert it first: {error}") from error


@register_source(last=True)
def arrow(data: Any) -> Source | None:
    """Recognise what follows the protocol of Arrow's streams.

    Raises
    ------
    TypeError
        If it can be read once only, or a column is of a type that pyarrow does not know.
    """
    if not hasattr(data, "__arrow_c_stream__") or isinstance(data, type):
        return None
    made = need("pyarrow", extra="tables", what=f"a {package_of(data)} {type(data).__name__}")
    if isinstance(data, made.RecordBatchReader):
        raise TypeError(
            "a RecordBatchReader can be read once only, in its order; give its read_all()"
        )
    if hasattr(data, "column_names") or hasattr(data, "columns"):
        return ArrowTable(_table(made, data), data)
    column = data if isinstance(data, made.ChunkedArray) else _imported(made.chunked_array, data)
    if isinstance(column.type, made.StructType) and package_of(data) not in ("pyarrow", "polars"):
        return ArrowTable(made.table(data), data)
    return ArrowRows(column, data)


@register_source(last=True)
def arrow_array(data: Any) -> Source | None:
    """Recognise one piece of a column or of a table."""
    if hasattr(data, "__arrow_c_stream__") or not hasattr(data, "__arrow_c_array__"):
        return None
    made = need("pyarrow", extra="tables", what=f"a {package_of(data)} {type(data).__name__}")
    if hasattr(data, "column_names"):
        return ArrowTable(made.table(data), data)
    return ArrowRows(made.chunked_array([made.array(data)]), data)
