"""Text and byte strings, end to end in one buffer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Generic, Self, TypeVar, cast, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ironbatch import _core
from ironbatch.components.memory import empty
from ironbatch.components.objects import as_objects
from ironbatch.components.positions import as_positions, checked
from ironbatch.components.writes import place
from ironbatch.errors import ComponentError, LossyWriteError

__all__ = ["Bytes", "Strings"]

T = TypeVar("T", str, bytes)


class _Packed(Generic[T]):
    """What `Strings` and `Bytes` share: items of different lengths, end to end.

    Parameters
    ----------
    data : ndarray of uint8, shape (total,)
        All items, one after another.
    offsets : array-like of int, shape (n + 1,)
        Item ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    name : str, optional
        The component's name, for messages.

    Raises
    ------
    ComponentError
        If the offsets decrease or leave the data.
    """

    __slots__ = ("data", "name", "offsets")
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    name: str | None
    _item: type[T]
    _fixed: str

    def __init__(
        self, data: NDArray[np.uint8], offsets: ArrayLike, *, name: str | None = None
    ) -> None:
        where = place(name)
        self.data = np.ascontiguousarray(data, dtype=np.uint8)
        self.offsets = as_positions(offsets, where=f"{where}: offsets")
        bounds = self.offsets
        if not len(bounds) or bounds[0] < 0 or bounds[-1] > len(self.data):
            raise ComponentError(f"{where}: offsets must lie within 0..{len(self.data)}")
        if (np.diff(bounds) < 0).any():
            item = int(np.argmax(np.diff(bounds) < 0))
            raise ComponentError(f"{place(name, item)}: offsets decrease there")
        self.name = name

    @classmethod
    def _of(cls, data: NDArray[np.uint8], offsets: NDArray[np.int64], name: str | None) -> Self:
        made = cls.__new__(cls)
        made.data, made.offsets, made.name = data, offsets, name
        return made

    @staticmethod
    def _encode(item: Any) -> bytes:
        raise NotImplementedError

    @staticmethod
    def _decode(item: bytes) -> T:
        raise NotImplementedError

    @classmethod
    def from_items(cls, items: Sequence[T], *, name: str | None = None) -> Self:
        """Lay items end to end.

        Raises
        ------
        ComponentError
            If an item is of another type.
        """
        for position, item in enumerate(items):
            if not isinstance(item, cls._item):
                raise ComponentError(
                    f"{place(name, position)}: expected {cls._item.__name__}, got "
                    f"{type(item).__name__} {item!r}"
                )
        encoded = [cls._encode(item) for item in items]
        offsets = np.fromiter(
            accumulate(map(len, encoded), initial=0), np.int64, count=len(encoded) + 1
        )
        data = empty(int(offsets[-1]), np.uint8)
        data[...] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls._of(data, offsets, name)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes that the items take, with their offsets."""
        return int(self.offsets[-1] - self.offsets[0]) + self.offsets.nbytes

    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> T: ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | NDArray[Any]) -> Self: ...
    def __getitem__(self, key: Any) -> T | Self:
        """Give one item, or a copy of several."""
        if isinstance(key, int | np.integer):
            position = checked(int(key), len(self), place(self.name))
            start, stop = self.offsets[position : position + 2].tolist()
            return self._decode(self.data[start:stop].tobytes())
        if isinstance(key, slice):
            return self._take(np.ascontiguousarray(np.arange(len(self), dtype=np.int64)[key]))
        return self._take(as_positions(key, len(self), where=place(self.name), wrap=True))

    def _take(self, positions: NDArray[np.int64]) -> Self:
        made = _core.ragged_gather(self.data, self.offsets, positions)
        if made is None:  # the arrays were replaced by others
            raise TypeError(f"{place(self.name)}: data must be uint8 and offsets int64")
        return self._of(*made, self.name)

    def __setitem__(self, key: int | np.integer[Any], value: T) -> None:
        """Write one item, of any length."""
        if not isinstance(key, int | np.integer):
            raise TypeError(
                f"{place(self.name)}: items are written one at a time, by position; got "
                f"{type(key).__name__}"
            )
        position = checked(int(key), len(self), place(self.name))
        if not isinstance(value, self._item):
            raise LossyWriteError(
                f"{place(self.name, position)}: {type(value).__name__} value {value!r} cannot be "
                f"written into a component of {self._item.__name__} (now {self[position]!r}); "
                "assign the whole component to change its kind"
            )
        encoded = np.frombuffer(self._encode(value), dtype=np.uint8)
        start, stop = self.offsets[position : position + 2].tolist()
        if len(encoded) == stop - start:
            self.data[start:stop] = encoded
            return
        self.data = np.concatenate([self.data[:start], encoded, self.data[stop:]])
        offsets = self.offsets.copy()
        offsets[position + 1 :] += len(encoded) - (stop - start)
        self.offsets = offsets

    def __iter__(self) -> Iterator[T]:
        return iter(self.to_list())

    def to_list(self) -> list[T]:
        """All items, as Python objects."""
        data, decode = self.data.tobytes(), self._decode
        return [decode(data[start:stop]) for start, stop in pairwise(self.offsets.tolist())]

    def to_numpy(self, dtype: DTypeLike = object) -> NDArray[Any]:
        """All items in a NumPy array.

        Parameters
        ----------
        dtype : dtype-like
            ``object`` (the default) holds Python strings; a fixed-width dtype, such as ``'U'`` for
            text, is as wide as the longest item.

        Raises
        ------
        LossyWriteError
            If a fixed-width dtype cannot hold an item (it is longer, or ends in NULs).
        """
        items, wanted = self.to_list(), np.dtype(dtype)
        objects = as_objects(items)
        if wanted.kind == "O":
            return objects
        result = np.array(items, dtype=wanted) if items else np.empty(0, wanted)
        if wanted.kind == self._fixed:
            for position, (given, kept) in enumerate(zip(items, result.tolist(), strict=True)):
                if given != kept:
                    raise LossyWriteError(
                        f"{place(self.name, position)}: {given!r} does not fit into "
                        f"{result.dtype}; use dtype=object"
                    )
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(
                f"{place(self.name)}: an array of strings cannot be made without a copy"
            )
        return self.to_numpy(object if dtype is None else dtype)

    def __arrow_c_schema__(self) -> object:
        return self.__arrow_c_array__()[0]

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Give large_string or large_binary; see `ironbatch.components.arrow`."""
        from ironbatch.components.arrow import capsules_of

        return capsules_of(cast("Strings | Bytes", self))

    def _spans(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        start, stop = int(self.offsets[0]), int(self.offsets[-1])
        return self.data[start:stop], self.offsets - start

    def equals(self, other: object) -> bool:
        """Whether another component is of the same kind with the same items."""
        if type(other) is not type(self):
            return False
        mine, theirs = self._spans(), other._spans()
        return np.array_equal(mine[1], theirs[1]) and np.array_equal(mine[0], theirs[0])

    def __eq__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]
        """Compare item by item, with one value or with a sequence of n: n booleans."""
        if isinstance(other, self._item):
            encoded = self._encode(other)
            result: NDArray[np.bool_] = np.diff(self.offsets) == len(encoded)
            data = self.data.tobytes()
            for position in np.flatnonzero(result).tolist():
                start = int(self.offsets[position])
                result[position] = data[start : start + len(encoded)] == encoded
            return result
        if not isinstance(other, type(self) | list | tuple | np.ndarray):
            return NotImplemented
        if len(other) != len(self):
            raise ComponentError(
                f"{place(self.name)}: {len(self)} items cannot be compared with {len(other)}"
            )
        pairs = zip(self.to_list(), other, strict=True)
        return np.fromiter((mine == theirs for mine, theirs in pairs), np.bool_, count=len(self))

    def __ne__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]
        equal: Any = self.__eq__(other)
        return equal if equal is NotImplemented else ~equal

    def __contains__(self, item: object) -> bool:
        return isinstance(item, self._item) and bool((self == item).any())

    def __copy__(self) -> Self:
        data, offsets = self._spans()
        return self._of(data.copy(), offsets, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        data, offsets = self._spans()
        return _rebuild, (type(self), data, offsets, self.name)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3].to_list()))
        return f"{type(self).__name__}([{shown}{', ...' if len(self) > 3 else ''}], n={len(self)})"


class Strings(_Packed[str]):
    """Text items, end to end in UTF-8.

    An int gives a ``str``, a slice or an array of positions a copy as `Strings`; ``==`` compares
    item by item.

    Examples
    --------
    >>> names = Strings.from_items(['cat', 'dog', 'cat'])
    >>> names[1]
    'dog'
    >>> names == 'cat'
    array([ True, False,  True])
    """

    __slots__ = ()
    _item = str
    _fixed = "U"

    @staticmethod
    def _encode(item: Any) -> bytes:
        # Lone surrogates (file names that are no valid text) must come back as they went in.
        return cast("bytes", item.encode("utf-8", "surrogatepass"))

    @staticmethod
    def _decode(item: bytes) -> str:
        return item.decode("utf-8", "surrogatepass")


class Bytes(_Packed[bytes]):
    """Byte strings, end to end.

    An int gives ``bytes``, a slice or an array of positions a copy as `Bytes`; ``==`` compares
    item by item.

    Examples
    --------
    >>> Bytes.from_items([b'ab', b'c']).to_list()
    [b'ab', b'c']
    """

    __slots__ = ()
    _item = bytes
    _fixed = "S"

    @staticmethod
    def _encode(item: Any) -> bytes:
        return bytes(item)

    @staticmethod
    def _decode(item: bytes) -> bytes:
        return item


def _rebuild(
    kind: type[_Packed[Any]], data: NDArray[np.uint8], offsets: NDArray[np.int64], name: str | None
) -> _Packed[Any]:
    # A pickle may have been edited: check it as any input.
    return kind(data, offsets, name=name)
