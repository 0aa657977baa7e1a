"""Ids that are neither integers nor strings: floats, dates, tuples, mixed objects."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import origin_of

__all__ = ["MAX_OBJECT_IDS", "ObjectIds"]

MAX_OBJECT_IDS = 10_000_000
"""At most this many ids that are neither integers nor strings (they cost some 150 bytes each)."""

# Types whose `repr` is the same in every process, by name so that none has to be imported.
_NAMED_BY_REPR = frozenset(
    {"bool", "int", "float", "complex", "str", "bytes", "NoneType"}
    | {f"datetime.{name}" for name in ("date", "time", "datetime", "timedelta")}
    | {"decimal.Decimal", "fractions.Fraction", "uuid.UUID"}
)


class ObjectIds:
    """Hashable ids, factorised by a dictionary from id to its first position.

    Ids that are equal are the same id, as in any dictionary: ``1``, ``1.0`` and ``True`` are.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The ids.

    Raises
    ------
    ValueError
        If an id is NaN or NaT, or if there are more than `MAX_OBJECT_IDS`.
    TypeError
        If an id cannot be hashed.
    """

    kind = "object"

    def __init__(self, values: NDArray[Any]) -> None:
        if len(values) > MAX_OBJECT_IDS:
            raise ValueError(
                f"at most {MAX_OBJECT_IDS} ids of dtype {values.dtype} fit an index, got "
                f"{len(values)}; use integers or strings"
            )
        values = values.copy()
        values.flags.writeable = False
        self._values = values
        self._first: dict[Any, int] = {}
        duplicates = []
        for position, key in enumerate(self._keys(values)):
            try:
                missing = key != key
                first = self._first.setdefault(key, position)
            except TypeError:
                raise TypeError(
                    f"id {values[position]!r} at position {position} is a "
                    f"{type(values[position]).__name__}, which cannot be an id"
                ) from None
            if missing is True or missing is np.True_:
                raise ValueError(f"the id at position {position} is {values[position]}")
            if first != position:
                duplicates.append(position)
        self._duplicates = np.array(duplicates, dtype=np.uint32)

    @staticmethod
    def _keys(values: NDArray[Any]) -> list[Any]:
        # Dates keep their NumPy scalars: `tolist` makes plain integers of nanoseconds.
        return list(values) if values.dtype.kind in "mM" else values.tolist()

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._values,)

    def __deepcopy__(self, memo: dict[int, Any]) -> ObjectIds:
        return self

    @property
    def values(self) -> NDArray[Any]:
        """The ids, read-only."""
        return self._values

    @property
    def nbytes(self) -> int:
        """Bytes of the array and the dictionary, without those of the ids themselves."""
        return self._values.nbytes + self._first.__sizeof__()

    @property
    def unique(self) -> bool:
        """Whether no id repeats."""
        return not len(self._duplicates)

    def duplicates(self) -> NDArray[np.uint32]:
        """Positions whose id has occurred before."""
        return self._duplicates

    def occurrences(self) -> NDArray[np.uint64] | None:
        """How often each position's id has occurred before, or None if none repeats."""
        if not len(self._duplicates):
            return None
        out = np.zeros(len(self), np.uint64)
        counts: dict[int, int] = {}
        keys = self._keys(self._values)
        for position in self._duplicates.tolist():
            first = self._first[keys[position]]
            counts[first] = counts.get(first, 0) + 1
            out[position] = counts[first]
        return out

    def find(self, wanted: Any) -> int:
        """Position of an id, the first one if it repeats, or -1."""
        dtype = self._values.dtype
        try:
            if dtype.kind == "M" and isinstance(wanted, datetime.date | str):
                wanted = np.datetime64(wanted)
            elif dtype.kind == "m" and isinstance(wanted, datetime.timedelta):
                wanted = np.timedelta64(wanted)
            if isinstance(wanted, np.datetime64 | np.timedelta64) and dtype.kind in "mM":
                same: Any = wanted.astype(dtype)
                return self._first.get(same, -1) if same == wanted else -1
            return self._first.get(wanted, -1)
        except (TypeError, ValueError):
            return -1

    def take(self, positions: NDArray[np.int64]) -> ObjectIds:
        """The ids at some positions as a column of their own."""
        return type(self)(self._values[positions])

    def origins(self, positions: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
        """Origins of the items, or of those at some positions.

        The origin of an id whose `repr` is not known to be the same in another process is its
        first position.
        """
        if positions is None:
            positions = np.arange(len(self))
        values = self._values[positions]
        out = [
            origin_of(name.encode()) if (name := _name(key)) is not None else self._first[key]
            for key in self._keys(values)
        ]
        return np.array(out, dtype=np.uint64)


def _name(key: Any) -> str | None:
    """A text that is the same for this id in every process, or None."""
    if isinstance(key, tuple):
        parts = [_name(each) for each in key]
        if any(part is None for part in parts):
            return None
        return f"({','.join(str(part) for part in parts)})"
    if isinstance(key, np.generic):
        return f"{key.dtype.str}:{key.item() if key.dtype.kind not in 'mM' else key}"
    kind = type(key)
    full = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    if full in _NAMED_BY_REPR:
        return f"{kind.__name__}:{key!r}"
    return None
