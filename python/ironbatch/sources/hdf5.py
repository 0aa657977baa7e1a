"""Datasets and groups of h5py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.sources.base import Rows, Source, Table
from ironbatch.sources.chunks import ChunkedRows
from ironbatch.sources.registry import package_of, register_source
from ironbatch.sources.same_length import same_length

__all__ = ["Hdf5Group", "Hdf5Rows"]


class Hdf5Rows(ChunkedRows):
    """A dataset of h5py.

    Parameters
    ----------
    dataset : h5py.Dataset
        Its first axis is that of the items. Text of variable length becomes `str`.

    Raises
    ------
    TypeError
        If it holds references, or has no axis.
    """

    def __init__(self, dataset: Any) -> None:
        if not dataset.shape:
            raise TypeError(f"the HDF5 dataset {dataset.name!r} has no axis of items")
        super().__init__(dataset, dataset.chunks[0] if dataset.chunks else None)
        self._name = f"{dataset.file.filename}:{dataset.name}"
        metadata = self.dtype.metadata or {}
        base = metadata.get("vlen")
        if self.dtype.kind == "O" and (
            base is None or (np.dtype(base).hasobject and base is not str)
        ):
            kind = metadata.get("ref", base)
            raise TypeError(
                f"the HDF5 dataset {dataset.name!r} is of type "
                f"{getattr(kind, '__name__', kind)}, which has no form in NumPy or Python"
            )
        self._text = base is str

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the file itself.
        return _reopened, (self.given.file.filename, self.given.name)

    def read_slice(self, start: int, stop: int) -> Any:
        """Read neighbouring rows."""
        return self._source()[start:stop]

    def read_rows(self, rows: NDArray[np.int64]) -> Any:
        """Read some rows."""
        return self._source()[rows]

    def _source(self) -> Any:
        if not self.given:
            raise ValueError(
                f"the file of the HDF5 dataset {self._name!r} has been closed; keep it open while "
                "it is in use"
            )
        return self.given.asstr() if self._text else self.given


class Hdf5Group(Table):
    """A file or group of h5py: its datasets by name.

    Parameters
    ----------
    group : h5py.Group or h5py.File
        Groups within it are left alone, and datasets without an axis.
    """

    portable = False

    def __init__(self, group: Any) -> None:
        self.given = group
        # What is empty, or one value, is no column.
        self.names = tuple(name for name in group if getattr(group[name], "shape", None))

    def __len__(self) -> int:
        return same_length({name: self.given[name].shape for name in self.names}, "HDF5 group")

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some datasets."""
        return {name: Hdf5Rows(self.given[name]) for name in names}


def _reopened(filename: str, name: str) -> Hdf5Rows:
    import h5py

    return Hdf5Rows(h5py.File(filename, "r")[name])


@register_source()
def hdf5(data: Any) -> Source | None:
    """Recognise datasets and groups of h5py."""
    if package_of(data) != "h5py":
        return None
    if hasattr(data, "chunks"):
        return Hdf5Rows(data)
    return Hdf5Group(data) if hasattr(data, "attrs") and hasattr(data, "keys") else None
