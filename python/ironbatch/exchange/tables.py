"""Batches as tables of pyarrow, pandas and polars: a row for each item, with its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import _core
from ironbatch.components import Component, Ragged, Strings, items_of
from ironbatch.components.arrow import Column, column_of, struct_of
from ironbatch.components.objects import as_objects
from ironbatch.errors import ComponentError
from ironbatch.exchange.chosen import chosen_components
from ironbatch.extras import need

if TYPE_CHECKING:
    from ironbatch.batch import Batch

__all__ = ["arrow_columns", "arrow_stream", "to_arrow", "to_pandas", "to_polars"]

Names = str | Sequence[str] | None


def arrow_columns(batch: Batch, components: Names, ids: str | None, what: str) -> Column:
    """Lay out ids and components as the columns of a table.

    Parameters
    ----------
    batch : Batch
        The batch.
    components : str or sequence of str, optional
        Which components; by default all that hold data.
    ids : str or None
        Name of the column of ids, which comes first; None for none.
    what : str
        What asks, in messages.

    Raises
    ------
    ComponentError
        If a component is not there, or has the name of the column of ids.
    TypeError
        If Arrow has no type for ids or components.
    """
    found = chosen_components(batch, components, what)
    columns = [column_of(component, name) for name, component in found.items()]
    if ids is not None:
        _refuse_taken(ids, found, what)
        columns.insert(0, _ids(batch, ids))
    return struct_of(tuple(columns), len(batch))


def _refuse_taken(ids: str, found: dict[str, Component], what: str) -> None:
    if ids in found:
        raise ComponentError(
            f"{what}: {ids!r} is a component, so the column of ids needs another name; give "
            "ids='item', or ids=None to leave them out"
        )


def _ids(batch: Batch, name: str) -> Column:
    indices = batch.indices
    if indices.dtype.kind != "O":
        return column_of(indices, name)
    found = ", ".join(sorted({type(one).__name__ for one in indices}))
    raise TypeError(
        f"ids of {found} have no type in Arrow; give ids=None to leave them out, or use an index "
        "of integers or strings"
    )


def arrow_stream(batch: Batch) -> object:
    """Give the capsule for ``__arrow_c_stream__``: one chunk, with the ids unless they clash."""
    return _core.arrow_stream(arrow_columns(batch, None, "id", "the Arrow interface"))


class _Rows:
    """What Arrow libraries take: a stream of one chunk of rows."""

    def __init__(self, column: Column) -> None:
        self.column = column

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return _core.arrow_stream(self.column)


def to_arrow(batch: Batch, components: Names, ids: str | None) -> Any:
    """Make a table of pyarrow; see `Batch.to_arrow`."""
    pyarrow = need("pyarrow", extra="tables", what="to_arrow")
    return pyarrow.table(_Rows(arrow_columns(batch, components, ids, "to_arrow")))


def to_polars(batch: Batch, components: Names, ids: str | None) -> Any:
    """Make a data frame of polars; see `Batch.to_polars`."""
    polars = need("polars", extra="polars", what="to_polars")
    found = chosen_components(batch, components, "to_polars")
    # Polars holds Python objects, which Arrow does not.
    objects = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "O"
    }
    plain = [name for name in found if name not in objects]
    if ids is not None:
        _refuse_taken(ids, found, "to_polars")
    frame = polars.DataFrame(_Rows(arrow_columns(batch, plain, ids, "to_polars")))
    for name, value in objects.items():
        frame = frame.with_columns(polars.Series(name, value.tolist(), dtype=polars.Object))
    return frame.select([*([] if ids is None else [ids]), *found])


def to_pandas(batch: Batch, components: Names) -> Any:
    """Make a data frame of pandas; see `Batch.to_pandas`."""
    pandas = need("pandas", extra="tables", what="to_pandas")
    found = chosen_components(batch, components, "to_pandas")
    labels = pandas.Index(batch.indices, name="id", copy=True, tupleize_cols=False)
    columns = {name: _cells(component) for name, component in found.items()}
    return pandas.DataFrame(columns, index=labels, copy=True)


def _cells(component: Component) -> NDArray[Any] | list[str]:
    """Give what a column of pandas is made of, a cell for each item."""
    if isinstance(component, Strings):
        return component.to_list()
    if isinstance(component, Ragged):
        return as_objects(component.to_list())
    if isinstance(component, np.ndarray):
        plain = component.view(np.ndarray)
        return plain if plain.ndim == 1 else as_objects([item.copy() for item in plain])
    return as_objects(list(items_of(component)))
