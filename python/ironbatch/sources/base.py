"""What every source is: rows that are taken by position, alone or several columns by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch.components import describe
from ironbatch.errors import ComponentError

__all__ = ["Rows", "Source", "Table", "refuse_outside", "refuse_repeated"]


class _Data(ABC):
    """What rows and tables have in common.

    Attributes
    ----------
    given : object
        What the user has given.
    labelled : bool
        Whether the rows have labels of their own.
    block : int or None
        Rows that are read together, such as those of a chunk; None if each is read alone. If blocks
        are of different lengths, those of the longest.
    block_starts : ndarray of int64 or None
        First row of each block, if they are of different lengths.
    row_bytes : int or None
        Bytes of a row in memory, if they are known.
    portable : bool
        Whether `given` can be pickled, for worker processes.
    """

    portable: bool = True
    given: Any
    labelled: bool = False
    block: int | None = None
    block_starts: NDArray[np.int64] | None = None
    row_bytes: int | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Give the number of rows."""

    def labels(self) -> Any:
        """Give the labels of rows, as an index takes ids; only asked if it is `labelled`."""
        raise NotImplementedError(f"{type(self).__name__} has no labels")

    def block_places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number rows such that block k has the numbers from ``k * block`` on.

        They are numbered so already, unless blocks are of different lengths.
        """
        if self.block_starts is None or self.block is None:
            return rows
        blocks = np.searchsorted(self.block_starts, rows, side="right") - 1
        places: NDArray[np.int64] = blocks * self.block + rows - self.block_starts[blocks]
        return places


class Rows(_Data):
    """One row for each item, kept by another package."""

    @abstractmethod
    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Read some rows and no others.

        Parameters
        ----------
        positions : ndarray of int64, shape (k,)
            Which, from 0, in any order; some may repeat.
        name : str, optional
            Name of the component, for messages.

        Returns
        -------
        array-like, sequence or component
            k rows in this order, in memory of their own.
        """

    def whole(self, name: str | None = None) -> Any:
        """Give all rows as a component, in the same memory where the layouts agree.

        None if they do not lie in memory, or have no such form; then rows are taken batch by batch.
        """
        return None

    def all(self, name: str | None = None) -> Any:
        """Give all rows as a component, whatever it takes."""
        made = self.whole(name)
        return self.take(np.arange(len(self)), name) if made is None else made

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows in the form of the whole, for batches without components."""
        return self.take(positions)


class Table(_Data):
    """Columns with names, each with one row for each item.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    unnamed : int or None
        Number of columns if they have an order and no names, as the parts of tuples.
    labels_name : object
        What the labels are called, if they are `labelled`; None for no name.
    splits : mapping from str to range
        Rows of ``train``, ``test`` and ``validation``, if the data comes in these parts.
    """

    names: tuple[str, ...]
    unnamed: int | None = None
    labels_name: Any = None
    splits: Mapping[str, range] = MappingProxyType({})

    def parts(self) -> Sequence[Any]:
        """Give the columns in order; only asked if they are `unnamed`."""
        raise NotImplementedError(f"{type(self).__name__} has names for its columns")

    @abstractmethod
    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Give some columns, read together where that is quicker.

        Returns
        -------
        mapping from str to Rows, ndarray or component
        """

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows in the form of the whole, for batches without components."""
        found = self.columns(self.names)
        return {
            name: rows.raw(positions) if isinstance(rows, Rows) else rows[positions]
            for name, rows in found.items()
        }

    def as_rows(self) -> Rows:
        """Give the columns side by side, for a component that is a whole table."""
        return SideBySide(self)


def refuse_outside(positions: NDArray[np.int64], length: int, name: str | None) -> None:
    """Check that positions are those of rows.

    Raises
    ------
    IndexError
        If one is not; there are none from the end.

    Examples
    --------
    >>> refuse_outside(np.array([3, -1]), 10, 'x')
    Traceback (most recent call last):
        ...
    IndexError: component 'x': position -1 (number 1 of those asked for) is outside of the 10 items
    """
    if not len(positions) or (positions.min() >= 0 and positions.max() < length):
        return
    number = int(np.flatnonzero((positions < 0) | (positions >= length))[0])
    whose = "" if name is None else f"component {name!r}: "
    raise IndexError(
        f"{whose}position {positions[number]} (number {number} of those asked for) is outside of "
        f"the {length} items"
    )


def refuse_repeated(names: Sequence[str]) -> None:
    """Check that no two columns have the same name.

    Raises
    ------
    ComponentError
        If two have; it is a ValueError.

    Examples
    --------
    >>> refuse_repeated(['x', 'y', 'x'])
    Traceback (most recent call last):
        ...
    ironbatch.errors.ComponentError: the table has 2 columns 'x'; rename them
    """
    if len(set(names)) < len(names):
        name = next(each for each in names if names.count(each) > 1)
        raise ComponentError(f"the table has {names.count(name)} columns {name!r}; rename them")


class SideBySide(Rows):
    """The columns of a table as one array of two dimensions.

    Parameters
    ----------
    table : Table
        Its columns must be of numbers.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.given = table.given
        self.labelled = table.labelled
        self.block, self.block_starts = table.block, table.block_starts

    def __len__(self) -> int:
        return len(self._table)

    def labels(self) -> Any:
        """Give the labels of the table."""
        return self._table.labels()

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows: shape (k, number of columns)."""
        found = self._table.columns(self._table.names)
        taken = [
            rows.take(positions, column) if isinstance(rows, Rows) else rows[positions]
            for column, rows in found.items()
        ]
        for column, part in zip(found, taken, strict=True):
            if not isinstance(part, np.ndarray) or part.ndim != 1:
                raise TypeError(
                    f"component {name!r} is a whole table, whose columns go side by side; but "
                    f"column {column!r} is {describe(part)}"
                )
        return np.stack([part.view(np.ndarray) for part in taken], axis=1)

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows of the table."""
        return self._table.raw(positions)


#: What a source is recognised as.
Source: TypeAlias = Rows | Table
