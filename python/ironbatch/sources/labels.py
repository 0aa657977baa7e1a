"""Rows that are found by a label, not by their place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.components import Bytes, Strings
from ironbatch.errors import UnknownColumnError, UnknownIdError
from ironbatch.index import DatasetIndex
from ironbatch.index.ids import id_column, raw_ids
from ironbatch.sources.base import Rows, Source, Table, refuse_repeated

__all__ = ["Labels", "labels_of"]

_SHOWN = 5


class Labels:
    """The labels of the rows of a table.

    Parameters
    ----------
    values : array-like, shape (n,)
        A label for each row.
    column : str or None
        Name of the column that they come from; None for labels that the table has beside its
        columns.

    Examples
    --------
    >>> labels = Labels(['c', 'b', 'a'], 'key')
    >>> labels.rows_of(DatasetIndex(['a', 'c']))
    array([2, 0])
    """

    def __init__(self, values: Any, column: str | None) -> None:
        if isinstance(values, Strings | Bytes):
            values = values.to_list()
        self._values = values
        self._where = "the labels" if column is None else f"column {column!r}"
        self._instead = (
            "drop them, or give addressing='position'"
            if column is None
            else "drop them, or find rows by their number, without index_col="
        )
        self._index: DatasetIndex | None = None

    def ids(self) -> DatasetIndex:
        """Make an index whose ids are the labels.

        Raises
        ------
        ValueError
            If a label repeats, or is missing (NaN, None).
        """
        if self._index is None:
            values = raw_ids(self._values)
            lost = _missing(values)
            if len(lost):
                raise ValueError(
                    f"{self._where} of the table cannot be ids: {len(lost)} are missing, the first "
                    f"in row {lost[0]}"
                )
            column = id_column(values)
            repeated = column.duplicates()
            if len(repeated):
                shown = dict.fromkeys(np.asarray(values)[repeated[: 10 * _SHOWN]].tolist())
                raise ValueError(
                    f"{self._where} of the table cannot be ids: {_listed(list(shown))} "
                    f"come{'s' if len(shown) == 1 else ''} more than once, in {len(repeated)} of "
                    f"{len(values)} rows after the first; {self._instead}"
                )
            self._index = DatasetIndex(values)
        return self._index

    def rows_of(self, index: DatasetIndex, *, strict: bool = True) -> NDArray[np.int64] | None:
        """Give the row of each item of an index.

        Parameters
        ----------
        index : DatasetIndex
            The items.
        strict : bool
            Whether it is an error that no id at all is a label; otherwise that gives None.

        Raises
        ------
        UnknownIdError
            If ids are not labels (a KeyError).
        ValueError
            As `ids` does.
        """
        own = self.ids()
        wanted = index.indices
        try:
            found: NDArray[np.int64] = own.get_pos(wanted)
            return found
        except UnknownIdError:
            pass
        lost = [each for each in wanted.tolist() if not _has(own, each)]
        if not strict and len(lost) == len(wanted):
            return None
        raise UnknownIdError(
            f"the table has no rows for {_listed(lost)}: {len(lost)} of {len(wanted)} ids are not "
            f"among {self._where}, which are {own.indices.dtype}, such as "
            f"{own.indices[:1].tolist()[0]!r}"
        )


def labels_of(source: Source | None, index_col: str | None, data: Any) -> Labels | None:
    """Give the labels that rows are found by: those of a column, or those of the table.

    Raises
    ------
    KeyError
        If there is no such column.
    TypeError
        If a column is named and the data is no table.
    """
    if index_col is None:
        if isinstance(source, Table) and source.labelled:
            return Labels(source.labels(), None)
        return None
    if not isinstance(source, Table):
        raise TypeError(
            f"index_col={index_col!r} is a column of a table, and the data is a "
            f"{type(data).__name__}"
        )
    if index_col not in source.names and source.labelled and index_col == source.labels_name:
        return Labels(source.labels(), None)
    refuse_repeated([name for name in source.names if name == index_col])
    if index_col not in source.names:
        raise UnknownColumnError(
            f"the table has no column {index_col!r} of ids; its columns are "
            f"{', '.join(map(repr, source.names))}"
        )
    column = source.columns((index_col,))[index_col]
    return Labels(column.all(index_col) if isinstance(column, Rows) else column, index_col)


def _has(index: DatasetIndex, wanted: Any) -> bool:
    try:
        index.get_pos([wanted])
    except UnknownIdError:
        return False
    return True


def _listed(values: list[Any]) -> str:
    text = ", ".join(map(repr, values[:_SHOWN]))
    return f"{text} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else text


def _missing(values: range | NDArray[Any]) -> NDArray[np.intp]:
    if isinstance(values, range) or values.dtype.kind not in "fmMO":
        return np.empty(0, np.intp)
    if values.dtype.kind == "O":
        odd = np.fromiter((each is None or bool(_differs(each)) for each in values), bool)
        return np.flatnonzero(odd)
    return np.flatnonzero(np.isnan(values) if values.dtype.kind == "f" else np.isnat(values))


def _differs(value: Any) -> bool:
    """Whether a value is not equal to itself, as NaN and its like."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA, arrays
        return type(value).__name__ == "NAType"
