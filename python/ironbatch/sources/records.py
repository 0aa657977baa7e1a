"""Sources that give whole samples, all parts of an item at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.base import Rows, Table
from ironbatch.sources.tensors import array_of

__all__ = ["RecordPart", "Records"]


class Records(Table):
    """Samples by number: tuples, mappings, or one thing each.

    A sample is asked for once for all its components.

    Parameters
    ----------
    given : object
        Has ``len`` and gives a sample for an integer; or samples for a list of them, by
        ``__getitems__``, as torch calls it.
    columns : tuple of Rows, optional
        The parts of all samples, where they lie side by side.

    Raises
    ------
    ValueError
        If it is empty.
    """

    def __init__(self, given: Any, columns: tuple[Rows, ...] = ()) -> None:
        self.given = given
        self._side = columns
        if not len(given):
            raise ValueError(f"the {type(given).__name__} has no items")
        first = None if columns else given[0]
        fields = getattr(first, "_fields", None)
        self._keys: list[Any] | None = None
        self.names: tuple[str, ...] = ()
        if columns:
            self.unnamed = len(columns)
        elif isinstance(first, Mapping):
            self.names = tuple(first)
            self._keys = list(first)
        elif fields is not None:
            self.names = tuple(fields)
            self._keys = list(range(len(fields)))
        elif isinstance(first, tuple | list):
            self.unnamed = len(first)
        else:
            self.unnamed = 1
            self._keys = [None]

    def __len__(self) -> int:
        return len(self.given)

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give the parts that have a name."""
        keys = dict(zip(self.names, self._keys or (), strict=True))
        return {name: RecordPart(self, keys[name]) for name in names}

    def parts(self) -> Sequence[Rows]:
        """Give the parts in order, of samples whose parts have no names."""
        if self._side:
            return self._side
        keys = range(self.unnamed or 0) if self._keys is None else self._keys
        return [RecordPart(self, key) for key in keys]

    def fetch(self, positions: NDArray[np.int64]) -> list[Any]:
        """Get some samples, each once."""
        numbers = positions.tolist()
        together = getattr(self.given, "__getitems__", None)
        if callable(together):
            return list(together(numbers))
        return [self._sample(number) for number in numbers]

    def _sample(self, number: int) -> Any:
        try:
            return self.given[number]
        except Exception as error:
            error.add_note(f"sample {number} of {type(self.given).__name__}")
            raise

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some samples, as a list."""
        return self.fetch(positions)


class RecordPart(Rows):
    """One part of all samples.

    Parameters
    ----------
    records : Records
        The samples.
    key : object
        Which part; None if the sample is one.
    """

    def __init__(self, records: Records, key: Any) -> None:
        self.records = records
        self.given = records.given
        self._key = key

    def __len__(self) -> int:
        return len(self.records)

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Get some samples, and their part."""
        return self.of(self.records.fetch(positions), name)

    def of(self, samples: list[Any], name: str | None) -> Any:
        """Make a component of the parts of samples.

        Raises
        ------
        TypeError
            If a sample has no such part, or a tensor no form in NumPy.
        """
        key = self._key
        try:
            parts = samples if key is None else [sample[key] for sample in samples]
        except (KeyError, IndexError, TypeError) as error:
            raise TypeError(
                f"component {name!r}: a sample has no part {key!r}, which the first one has"
            ) from error
        return components.assemble([_plain(part, name) for part in parts], name=name)


def _plain(part: Any, name: str | None) -> Any:
    """Make an array of what is one: tensors and pictures."""
    if isinstance(part, np.ndarray | np.generic | str | bytes | int | float | complex | list):
        return part
    if hasattr(part, "__dlpack__"):
        array = array_of(part, name)
        return array[()] if not array.ndim else array
    return np.asarray(part) if hasattr(part, "__array_interface__") else part
