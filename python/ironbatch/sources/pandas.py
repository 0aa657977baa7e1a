"""Tables and columns of pandas, whose rows have labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.arrow_columns import as_objects, component_of
from ironbatch.sources.base import Rows, Source, Table
from ironbatch.sources.registry import register_source

__all__ = ["Frame", "Series"]


class Series(Rows):
    """A column of pandas.

    Parameters
    ----------
    series : pandas.Series
        The column.
    """

    def __init__(self, series: Any) -> None:
        self.given = series
        # One form for all batches, whichever rows they have.
        self._objects = _is_optional(series) and bool(series.hasnans)
        self.labelled = _has_labels(series)

    def __len__(self) -> int:
        return len(self.given)

    def whole(self, name: str | None = None) -> Any:
        """Give all rows as a component; None if they only have the form of Python objects."""
        made = _values(self.given, name)
        self._objects = isinstance(made, np.ndarray) and made.dtype == object
        return None if self._objects else made

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows."""
        rows = self.given.iloc[positions]
        return _objects(rows) if self._objects else _values(rows, name)

    def labels(self) -> Any:
        """Give the labels of the rows."""
        return self.given.index.to_numpy()

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows, as a column of pandas."""
        return self.given.iloc[positions]


def _has_labels(data: Any) -> bool:
    index = data.index
    return not (type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1))


def _is_optional(series: Any) -> bool:
    """Whether a column is of integers, bools or text that may be missing."""
    kind = getattr(series.dtype, "kind", "O")
    return not isinstance(series.dtype, np.dtype) and kind in "iubO"


def _objects(series: Any) -> NDArray[np.object_]:
    if isinstance(series.dtype, np.dtype):
        return components.as_objects(series.tolist())
    return components.as_objects(series.astype(object).where(series.notna(), None).tolist())


def _values(series: Any, name: str | None) -> Any:
    if type(series.dtype).__name__ == "ArrowDtype":
        import pyarrow

        table = pyarrow.Table.from_pandas(series.to_frame("x"), preserve_index=False)
        column = table.column(0)
        made = component_of(column, name)
        return as_objects(column, name) if made is None else made
    if type(series.dtype).__name__ == "DatetimeTZDtype":
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if _is_optional(series) and series.hasnans:
        return _objects(series)
    return components.as_component(series, None, name=name)


class Frame(Table):
    """A table of pandas.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table. Labels that only count its rows are no labels.
    """

    def __init__(self, frame: Any) -> None:
        self.given = frame
        self.names = tuple(frame.columns)
        self.labelled = _has_labels(frame)
        self.labels_name = frame.index.name

    def __len__(self) -> int:
        return len(self.given)

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some columns."""
        return {name: Series(self.given[name]) for name in names}

    def labels(self) -> Any:
        """Give the labels of the rows."""
        return self.given.index.to_numpy()

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows, as a table."""
        return self.given.iloc[positions]

    def as_rows(self) -> Rows:
        """Give the columns side by side, as pandas does it."""
        return Side(self.given)


class Side(Series):
    """All columns of a table as one array."""

    def __init__(self, frame: Any) -> None:
        self.given = frame
        self.labelled = _has_labels(frame)

    def whole(self, name: str | None = None) -> Any:
        """Columns of different types have no form but that of their rows."""
        return None

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows."""
        return self.given.iloc[positions].to_numpy()


@register_source()
def pandas(data: Any) -> Source | None:
    """Recognise tables and columns of pandas, and of those who subclass them."""
    if not hasattr(data, "iloc"):
        return None
    if any(base.__module__.partition(".")[0] == "pandas" for base in type(data).__mro__):
        return Frame(data) if hasattr(data, "columns") else Series(data)
    return None
