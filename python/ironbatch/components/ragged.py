"""Items of one dtype whose shapes differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NoReturn, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ironbatch import _core
from ironbatch.components.memory import empty
from ironbatch.components.positions import as_positions, checked
from ironbatch.components.writes import Loss, cast_exactly, lossy_write, place, shape_mismatch
from ironbatch.errors import ComponentError

__all__ = ["Ragged"]


class Ragged:
    """Arrays of one dtype and number of dimensions, but of different shapes, end to end.

    Parameters
    ----------
    values : ndarray, shape (total,)
        All items, flattened in C order, one after another.
    offsets : array-like of int, shape (n + 1,)
        Item ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
    shapes : array-like of int, shape (n, ndim), optional
        Shape of each item. By default items have one dimension.
    name : str, optional
        The component's name, for messages.

    Raises
    ------
    ComponentError
        If the offsets decrease or leave the values, or a shape does not match its offsets.

    Examples
    --------
    >>> signals = Ragged.from_items([np.arange(3), np.arange(1)])
    >>> signals[0]
    array([0, 1, 2])
    >>> signals.to_dense(pad=-1)
    array([[ 0,  1,  2],
           [ 0, -1, -1]])
    """

    __slots__ = ("name", "offsets", "shapes", "values")
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    values: NDArray[Any]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    name: str | None

    def __init__(
        self,
        values: ArrayLike,
        offsets: ArrayLike,
        shapes: ArrayLike | None = None,
        *,
        name: str | None = None,
    ) -> None:
        where = place(name)
        self.values = np.ascontiguousarray(values)
        if self.values.ndim != 1:
            raise ComponentError(
                f"{where}: values of a ragged component have one dimension, got shape "
                f"{self.values.shape}"
            )
        if self.values.dtype.kind == "O":
            raise ComponentError(f"{where}: a ragged component cannot hold Python objects")
        self.offsets = as_positions(offsets, where=f"{where}: offsets")
        bounds = self.offsets
        if not len(bounds) or bounds[0] < 0 or bounds[-1] > len(self.values):
            raise ComponentError(f"{where}: offsets must lie within 0..{len(self.values)}")
        lengths = np.diff(bounds)
        if (lengths < 0).any():
            item = int(np.argmax(lengths < 0))
            raise ComponentError(f"{place(name, item)}: offsets decrease there")
        if shapes is None:
            self.shapes = lengths[:, None]
        else:
            self.shapes = np.ascontiguousarray(shapes, dtype=np.int64)
            if self.shapes.ndim != 2 or len(self.shapes) != len(lengths):
                raise ComponentError(
                    f"{where}: {len(lengths)} items need shapes of shape ({len(lengths)}, ndim), "
                    f"got {self.shapes.shape}"
                )
            wrong = (self.shapes.prod(axis=1) != lengths) | (self.shapes < 0).any(axis=1)
            if wrong.any():
                item = int(np.argmax(wrong))
                raise ComponentError(
                    f"{place(name, item)}: shape {tuple(self.shapes[item].tolist())} does not "
                    f"hold its {int(lengths[item])} values"
                )
        self.name = name

    @classmethod
    def _of(
        cls,
        values: NDArray[Any],
        offsets: NDArray[np.int64],
        shapes: NDArray[np.int64],
        name: str | None,
    ) -> Ragged:
        """Make one from parts known to agree."""
        made = cls.__new__(cls)
        made.values, made.offsets, made.shapes, made.name = values, offsets, shapes, name
        return made

    @classmethod
    def from_items(
        cls, items: Sequence[ArrayLike], dtype: DTypeLike | None = None, *, name: str | None = None
    ) -> Ragged:
        """Lay arrays end to end.

        Parameters
        ----------
        items : sequence of array-like
            All of one number of dimensions; shapes may differ.
        dtype : dtype-like, optional
            Dtype of the component; by default the one that holds all items'.
        name : str, optional
            The component's name, for messages.

        Raises
        ------
        LossyWriteError
            If an item does not fit the dtype.
        ComponentError
            If items have different numbers of dimensions.
        """
        arrays = [np.asarray(item) for item in items]
        if dtype is not None:
            wanted = np.dtype(dtype)
        elif arrays:
            wanted = np.result_type(*{array.dtype for array in arrays})
        else:
            wanted = np.dtype(np.float64)
        if wanted.kind == "O":
            raise ComponentError(f"{place(name)}: a ragged component cannot hold Python objects")
        ndim = arrays[0].ndim if arrays else 1
        for position, array in enumerate(arrays):
            if array.ndim != ndim:
                raise ComponentError(
                    f"{place(name, position)}: it has {array.ndim} dimensions, the first item "
                    f"has {ndim}"
                )
            if array.dtype != wanted:
                try:
                    arrays[position] = cast_exactly(array, wanted)
                except Loss as loss:
                    where = place(name, position)
                    raise lossy_write(where, loss, array.dtype, wanted) from None
        shapes = np.array([array.shape for array in arrays], dtype=np.int64)
        shapes = shapes.reshape(len(arrays), ndim)
        offsets = _offsets(shapes)
        values = _core.pack(arrays)
        if values is None:
            values = empty(int(offsets[-1]), wanted)
            for array, (start, stop) in zip(arrays, pairwise(offsets.tolist()), strict=True):
                values[start:stop] = array.reshape(-1)
        return cls._of(values, offsets, shapes, name)

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of every item."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions of an item."""
        return int(self.shapes.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes that the items take, with their offsets and shapes."""
        used = int(self.offsets[-1] - self.offsets[0]) * self.values.itemsize
        return used + self.offsets.nbytes + self.shapes.nbytes

    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | NDArray[Any]) -> Ragged: ...
    def __getitem__(self, key: Any) -> NDArray[Any] | Ragged:
        """Give one item (a view), or a ragged component of several.

        A slice without a step shares memory with this component; other selections are copies.
        """
        if isinstance(key, int | np.integer):
            position = checked(int(key), len(self), place(self.name))
            start, stop = self.offsets[position : position + 2].tolist()
            item = self.values[start:stop]
            return item if self.ndim == 1 else item.reshape(self.shapes[position])
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                stop = max(start, stop)
                return self._of(
                    self.values, self.offsets[start : stop + 1], self.shapes[start:stop], self.name
                )
            return self._take(np.arange(start, stop, step, dtype=np.int64))
        return self._take(as_positions(key, len(self), where=place(self.name), wrap=True))

    def _take(self, positions: NDArray[np.int64]) -> Ragged:
        made = _core.ragged_gather(self.values, self.offsets, positions)
        if made is None:
            items = self.views()
            chosen = [items[position] for position in positions.tolist()]
            return self.from_items(chosen, self.dtype, name=self.name)
        values, offsets = made
        return self._of(values, offsets, self.shapes[positions], self.name)

    def __setitem__(self, key: int | np.integer[Any], value: ArrayLike) -> None:
        """Write one item; the value has exactly its shape and fits its dtype."""
        if not isinstance(key, int | np.integer):
            raise TypeError(
                f"{place(self.name)}: items of a ragged component are written one at a time, by "
                f"position; got {type(key).__name__}"
            )
        position = checked(int(key), len(self), place(self.name))
        target = self[position]
        array = np.asarray(value)
        where = place(self.name, position)
        if array.shape != target.shape:
            raise shape_mismatch(where, array.shape, target.shape)
        try:
            target[...] = cast_exactly(array, self.dtype)
        except Loss as loss:
            current = target.reshape(-1)[loss.position]
            raise lossy_write(where, loss, array.dtype, self.dtype, current) from None

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self.views())

    def views(self) -> list[NDArray[Any]]:
        """Views of all items, in order."""
        values = self.values
        bounds = self.offsets.tolist()
        flat = [values[start:stop] for start, stop in pairwise(bounds)]
        if self.ndim == 1:
            return flat
        return [item.reshape(shape) for item, shape in zip(flat, self.shapes.tolist(), strict=True)]

    def to_list(self) -> list[NDArray[Any]]:
        """Copies of all items, in order."""
        return [item.copy() for item in self.views()]

    def to_dense(self, *, pad: object = None) -> NDArray[Any]:
        """Make one array of shape (n, *largest shape).

        Parameters
        ----------
        pad : scalar, optional
            What fills the cells beyond the end of shorter items. Without it, all items must have
            the same shape.

        Raises
        ------
        ComponentError
            If shapes differ and there is no ``pad``.
        LossyWriteError
            If ``pad`` does not fit the dtype.
        """
        if not len(self):
            return empty((0,) * (self.ndim + 1), self.dtype)
        largest = self.shapes.max(axis=0)
        differ = (self.shapes != largest).any(axis=1)
        size = (len(self), *largest.tolist())
        if not differ.any():
            start, stop = int(self.offsets[0]), int(self.offsets[-1])
            return self.values[start:stop].reshape(size).copy()
        if pad is None:
            item = int(np.argmax(differ))
            raise ComponentError(
                f"{place(self.name, item)}: shape {tuple(self.shapes[item].tolist())} is smaller "
                f"than the largest, {tuple(largest.tolist())}; say what fills the rest: "
                "to_dense(pad=...)"
            )
        filler = np.asarray(pad)
        if filler.ndim:
            raise ComponentError(
                f"{place(self.name)}: pad must be a single number, got shape {filler.shape}"
            )
        try:
            filler = cast_exactly(filler, self.dtype)
        except Loss as loss:
            raise lossy_write(f"{place(self.name)}: pad", loss, filler.dtype, self.dtype) from None
        padded = _core.ragged_pad(
            self.values, self.offsets, self.shapes.reshape(-1), size[1:], filler
        )
        if padded is not None:
            return padded
        result = empty(size, self.dtype)
        result[...] = filler
        for target, item_view in zip(result, self.views(), strict=True):
            target[tuple(map(slice, item_view.shape))] = item_view
        return result

    def equals(self, other: object) -> bool:
        """Whether another ragged component has the same dtype, shapes and values."""
        return (
            isinstance(other, Ragged)
            and self.dtype == other.dtype
            and np.array_equal(self.shapes, other.shapes)
            and np.array_equal(self._used(), other._used())
        )

    def _used(self) -> NDArray[Any]:
        return self.values[int(self.offsets[0]) : int(self.offsets[-1])]

    def __eq__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]
        """Compare item by item: an array of n booleans (same shape and same values)."""
        if not isinstance(other, Ragged | list | tuple | np.ndarray):
            return NotImplemented
        if len(other) != len(self):
            raise ComponentError(
                f"{place(self.name)}: {len(self)} items cannot be compared with {len(other)}"
            )
        pairs = zip(self.views(), other, strict=True)
        return np.fromiter(
            (np.array_equal(mine, theirs) for mine, theirs in pairs), np.bool_, count=len(self)
        )

    def __ne__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]
        equal: Any = self.__eq__(other)
        return equal if equal is NotImplemented else ~equal

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(
            f"{place(self.name)} is ragged: its items have different shapes and make no single "
            "array; use to_dense(pad=...), or to_list() for a list of arrays"
        )

    def __arrow_c_schema__(self) -> object:
        return self.__arrow_c_array__()[0]

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Give a list for each axis of the items; see `ironbatch.components.arrow`."""
        from ironbatch.components.arrow import capsules_of

        return capsules_of(self)

    def __copy__(self) -> Ragged:
        return self._of(
            self._used().copy(), self.offsets - self.offsets[0], self.shapes.copy(), self.name
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Ragged:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        parts = self._used(), self.offsets - self.offsets[0], self.shapes, self.name
        return _rebuild, parts

    def __repr__(self) -> str:
        return f"Ragged(n={len(self)}, dtype={self.dtype}, ndim={self.ndim})"


def _offsets(shapes: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(shapes) + 1, dtype=np.int64)
    np.cumsum(shapes.prod(axis=1), out=offsets[1:])
    return offsets


def _rebuild(
    values: NDArray[Any], offsets: NDArray[np.int64], shapes: NDArray[np.int64], name: str | None
) -> Ragged:
    # A pickle may have been edited: check it as any input.
    return Ragged(values, offsets, shapes, name=name)
