"""Ids, or positions in the ids of another: what indexes hold and how views of them are made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ironbatch.index import lookup
from ironbatch.index import positions as places_in
from ironbatch.index.base import Baseset
from ironbatch.index.ids import IdColumn
from ironbatch.index.occurrences import rank_repeats
from ironbatch.index.positions import Positions

__all__ = ["IdView"]

# What a view has of its own; everything else in `__dict__` belongs to the user and is carried over.
_OWN = frozenset(
    {"_ids", "_root", "_positions", "_origins", "_epochs", "_occurrences", "_ranked"}
    | {"_iter_params", "_cache", "_table", "train", "test", "validation"}
)


class IdView(Baseset):
    """The ids of a root, or positions in a root: what `DatasetIndex` holds.

    It is not made directly, and knows neither order nor batches.
    """

    _ids: IdColumn
    _root: Self | None = None
    _positions: Positions = None
    _origins: NDArray[np.uint64] | None = None
    _epochs: int | NDArray[np.int64] = 0
    _occurrences: NDArray[np.uint64] | None = None
    # Whether `_occurrences` already tells repeated positions apart.
    _ranked: bool = False
    _cache: NDArray[Any] | None = None
    _table: IdColumn | None = None

    @property
    def index(self) -> NDArray[Any]:
        """The ids, as `indices`."""
        return self.indices

    @property
    def indices(self) -> NDArray[Any]:
        """The ids, shape (n,), read-only."""
        ids = self._cache
        if ids is None:
            ids = places_in.ids_at(self._ids, self._positions)
            ids.flags.writeable = False
            if self.kind != "range" or len(self) <= 1 << 20:
                self._cache = ids
        return ids

    @property
    def kind(self) -> str:
        """How the ids are kept: 'range', 'int', 'str' or 'object'."""
        return self._ids.kind

    def __len__(self) -> int:
        return places_in.count(self._positions, self._ids)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.indices)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.indices, dtype=dtype, copy=copy)

    def __contains__(self, id_: Any) -> bool:
        return lookup.find(self, id_) >= 0

    def __repr__(self) -> str:
        from ironbatch.display.index import index_text

        return index_text(self)

    def _repr_html_(self) -> str:
        from ironbatch.display.index import index_html

        return index_html(self)

    @property
    def nbytes(self) -> int:
        """Bytes that the ids and the table of the root hold, and the positions of a view."""
        own = self._positions.nbytes if isinstance(self._positions, np.ndarray) else 0
        return own if self._root is not None else self._ids.nbytes

    @property
    def root(self) -> Self:
        """The index that this one is a view of, or itself."""
        return self if self._root is None else self._root

    @property
    def root_positions(self) -> NDArray[np.int64]:
        """Positions of the items in the root, shape (n,)."""
        return places_in.as_array(self._positions, len(self))

    @property
    def root_slice(self) -> slice | None:
        """The positions in the root as a slice with step 1, or None if they are not one."""
        if self._positions is None:
            return slice(0, len(self))
        return self._positions if isinstance(self._positions, slice) else None

    @property
    def origins(self) -> NDArray[np.uint64]:
        """What random streams know the items by, shape (n,): ids, or stable hashes of them."""
        if self._origins is not None:
            return self._origins
        if self._positions is None:
            return self._ids.origins()
        return self._ids.origins(self.root_positions)

    @property
    def epochs(self) -> NDArray[np.int64] | None:
        """Epoch in which each item was taken, shape (n,), or None if it is 0 for all."""
        if isinstance(self._epochs, int):
            return np.full(len(self), self._epochs) if self._epochs else None
        return self._epochs

    @property
    def occurrences(self) -> NDArray[np.uint64] | None:
        """How often each item has occurred in its epoch before, or None if 0 for all."""
        if not self._ranked:
            if self._root is None and self._origins is None:
                self._occurrences = self._ids.occurrences()
            else:
                keys = self.root_positions if self._origins is None else self._origins
                self._occurrences = rank_repeats(keys, self._epochs, self._occurrences)
            self._ranked = True
        return self._occurrences

    def get_pos(self, index: Any) -> Any:
        """Find out the positions of ids.

        Parameters
        ----------
        index : id, slice of ids, or iterable of ids
            A tuple is an id if the index holds objects, and some ids otherwise.

        Returns
        -------
        int, slice or ndarray of int64, shape (m,)
            A slice of positions for a slice of ids.

        Raises
        ------
        UnknownIdError
            If an id is not here; ids of another type never are.

        Examples
        --------
        >>> from ironbatch import DatasetIndex
        >>> index = DatasetIndex([10, 20, 30])
        >>> index.get_pos(20), index.get_pos([30, 10]), index.get_pos(slice(20, None))
        (1, array([2, 0]), slice(1, None, None))
        """
        return lookup.get_pos(self, index)

    def subset_by_pos(self, pos: Any) -> Any:
        """Give the ids at some positions.

        Parameters
        ----------
        pos : int, slice or array-like of int or bool
            Negative positions count from the end.

        Returns
        -------
        id or ndarray of ids

        Raises
        ------
        IndexError
            If a position is outside.
        """
        if isinstance(pos, int | np.integer) and not isinstance(pos, bool):
            n = len(self)
            if not -n <= pos < n:
                raise IndexError(f"position {pos} is outside of an index of {n} ids")
            return self._id_at(int(pos) % n)
        local = places_in.normalise(pos, len(self))
        return places_in.ids_at(self._ids, places_in.compose(self._positions, local, len(self)))

    def take(self, positions: Any) -> Self:
        """Make a view of the items at some positions.

        Parameters
        ----------
        positions : slice or array-like of int or bool, shape (m,)
            Negative positions count from the end; they may repeat.

        Returns
        -------
        DatasetIndex
            Of the same type, with the same attributes, origins, epochs and occurrences.

        Raises
        ------
        IndexError
            If a position is outside.

        Examples
        --------
        >>> from ironbatch import DatasetIndex
        >>> index = DatasetIndex([10, 20, 30])
        >>> index.take([2, 0]).take([1]).indices
        array([10])
        """
        return self._take(places_in.normalise(positions, len(self)))

    def _take(self, local: slice | NDArray[np.int64], *, unique: bool = False) -> Self:
        out = self._derive(places_in.compose(self._positions, local, len(self)))
        if self._origins is not None:
            out._origins = self._origins[local]
        epochs = self._epochs
        out._epochs = epochs if isinstance(epochs, int) else epochs[local]
        occurrences = self.occurrences
        out._occurrences = None if occurrences is None else occurrences[local]
        out._ranked = unique or isinstance(local, slice)
        return out

    def _derive(self, positions: Positions) -> Self:
        """Make a view with the user's attributes, and nothing else yet."""
        out = object.__new__(type(self))
        own = self._carried()
        own["_ids"] = self._ids
        own["_root"] = self.root
        own["_positions"] = positions
        out.__dict__ = own
        return out

    def _carried(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _OWN}

    def detach(self) -> Self:
        """Make a root of a view: it holds its own ids and none of those it was taken from.

        Origins, epochs and occurrences stay. This is what to send to another process.
        """
        out = self._derive(None)
        del out.__dict__["_root"]
        if self._positions is not None:
            out._ids = self._ids.take(self.root_positions)
        out._origins = self.origins
        out._epochs = self._epochs
        out._occurrences = self.occurrences
        out._ranked = True
        return out

    def _id_at(self, position: int) -> Any:
        one = slice(position, position + 1)
        return places_in.ids_at(self._ids, places_in.compose(self._positions, one, len(self)))[0]
