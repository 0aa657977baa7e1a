"""Data whose rows are the items of a dataset: their ids, and what their components are called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch.batch.names import component_names
from ironbatch.errors import ComponentError
from ironbatch.index import DatasetIndex
from ironbatch.sources.base import Source, Table, refuse_repeated
from ironbatch.sources.labels import labels_of
from ironbatch.sources.mapping import columns_by_name
from ironbatch.sources.registry import source_of

__all__ = ["columns_of", "data_of", "items_of"]

#: How the names of files end that hold one table, whatever reads them.
_TABLES = (
    ".parquet",
    ".csv",
    ".tsv",
    ".feather",
    ".arrow",
    ".jsonl",
    ".xlsx",
    ".h5",
    ".hdf5",
    ".zarr",
)


def data_of(index: Any) -> Any:
    """Give the data that the first argument of a dataset is; None if it is an index or ids.

    Tables are data, and so are dicts of columns, arrays of more than one dimension and structured
    ones. What has one dimension is ids.

    Raises
    ------
    TypeError
        If it is a path, or text that ends as the name of a table does, a tuple of columns, which
        have no names, or a dict of tables.
    ValueError
        If the columns of a dict are of different lengths.

    Examples
    --------
    >>> data_of(np.arange(3)) is None, data_of(np.zeros((3, 2))).shape
    (True, (3, 2))
    """
    if isinstance(index, os.PathLike):
        raise TypeError(
            f"the first argument of a dataset is its items or their data, not the path {index!r}; "
            "give FilesIndex(path=...), ironbatch.sources.ParquetTable(path), or what another "
            "package reads from it"
        )
    if isinstance(index, str) and index.lower().endswith(_TABLES):
        raise TypeError(
            f"the first argument of a dataset is its items or their data, and {index!r} looks like "
            "the path of a table; give ironbatch.sources.ParquetTable(path), or what another "
            "package reads from it, such as pandas.read_csv(path); "
            f"or [{index!r}], if it is the id of the only item"
        )
    if isinstance(index, np.ndarray):
        return index if index.ndim > 1 or index.dtype.names else None
    if isinstance(index, tuple) and any(getattr(each, "ndim", 0) for each in index):
        raise TypeError(
            "the first argument of a dataset is its items, or one table or array whose rows they "
            f"are; got a tuple of {len(index)}: give a dict of columns by name, or the number of "
            "items and preloaded=(...)"
        )
    if isinstance(index, DatasetIndex | list | tuple | int | range | str):
        return None
    if callable(index) and not hasattr(index, "__len__"):
        return None
    source = source_of(index)
    if source is None and isinstance(index, Mapping):
        return columns_by_name(index)
    if source is None:
        return index if _has_axes(index) and hasattr(index, "__getitem__") else None
    if isinstance(source, Table):
        return source
    return source if _has_axes(index) else None


def _has_axes(data: Any) -> bool:
    """Whether it is an array of more than one dimension, which cannot be ids."""
    shape = getattr(data, "shape", None)
    if not isinstance(shape, tuple) or len(shape) < 2:
        return False
    return all(isinstance(length, int | np.integer) for length in shape)


def items_of(data: Any, index_col: str | None) -> Any:
    """Give the index, or what to make it of, of the rows of data.

    Raises
    ------
    KeyError, TypeError, ValueError
        As `labels_of` and `Labels.ids` do.
    """
    source: Source | None = data if isinstance(data, Source) else None
    labels = labels_of(source, index_col, data)
    return len(data) if labels is None else labels.ids()


def columns_of(table: Table, index_col: str | None, batch_class: type) -> tuple[str, ...] | None:
    """Give the columns that are components of batches that name none.

    None if the columns have no names themselves.

    Raises
    ------
    ComponentError
        If a column cannot be one.
    """
    if table.unnamed is not None:
        return None
    refuse_repeated(table.names)
    names = tuple(name for name in table.names if name != index_col)
    for name in names:
        try:
            component_names([name], batch_class.__name__)
        except (ComponentError, TypeError) as error:
            raise ComponentError(
                f"column {name!r} of the table cannot be a component; rename it, or name the "
                f"columns that are wanted as components of a class of batches: {error}"
            ) from error
    return names
