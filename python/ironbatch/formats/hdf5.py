"""Format ``hdf5``: a dataset for each component in one file, a row for each item."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError
from ironbatch.extras import need
from ironbatch.formats.arrays import ArraysFormat, chunk_rows, refuse_other
from ironbatch.formats.atomic import replacing
from ironbatch.formats.registry import register_format
from ironbatch.formats.staging import fetched, sent
from ironbatch.urls import is_url

__all__ = ["Hdf5"]


@register_format("hdf5", suffix=".h5")
class Hdf5(ArraysFormat):
    """Datasets of HDF5, read and written by h5py.

    Text is kept as variable-length UTF-8 and ragged components of one dimension as variable-length
    rows. Further keywords of `dump` are those of ``h5py.Group.create_dataset``, such as
    ``compression='gzip'``. A file that is replaced is so all or nothing.
    """

    what: ClassVar[str] = "HDF5 file"

    @contextmanager
    def reading(self, path: str, group: str | None) -> Iterator[Any]:
        """Open the file."""
        h5py = need("h5py", extra="arrays", what="format 'hdf5'")
        (local,) = fetched([path])
        if not os.path.isfile(local):  # noqa: PTH113
            raise FileNotFoundError(2, "No such file", path)
        try:
            file = h5py.File(local, "r")
        except OSError as error:
            raise FormatError(f"{path}: it is no sound HDF5 file: {error}") from error
        with file:
            if group is not None and group not in file:
                raise FormatError(f"{path}: there is no group {group!r}")
            yield file if group is None else file[group]

    def write(
        self,
        path: str,
        group: str | None,
        arrays: dict[str, Any],
        *,
        append: bool,
        fsync: bool,
        options: dict[str, Any],
    ) -> None:
        """Write datasets."""
        h5py = need("h5py", extra="arrays", what="format 'hdf5'")
        if is_url(path):
            if append:
                raise ValueError(
                    f"rows cannot be added to {path!r}: files of URLs are written as a whole"
                )
            with sent([path], [0]) as (local,), h5py.File(local, "w") as file:
                self._fill(h5py, file, path, group, arrays, options)
            return
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
        if append:
            with h5py.File(path, "a") as file:
                self._fill(h5py, file, path, group, arrays, options)
            return
        with replacing(path, fsync=fsync) as temporary, h5py.File(temporary, "w") as file:
            self._fill(h5py, file, path, group, arrays, options)

    def _fill(
        self,
        h5py: Any,
        file: Any,
        path: str,
        group: str | None,
        arrays: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        where = file if group is None else file.require_group(group)
        made = {name: _rows(h5py, name, value) for name, value in arrays.items()}
        new = [name for name in made if name not in where]
        if new and len(new) < len(made):
            raise ComponentError(
                f"{path}: it has no array {new[0]!r} yet, so its rows would be other ones than "
                "those of the arrays that are there"
            )
        for name, rows in made.items():
            if name in where:
                refuse_other(path, name, rows, where[name].dtype, where[name].shape[1:])
        for name, rows in made.items():
            if name in new:
                nbytes = 16 if rows.dtype.hasobject else rows.dtype.itemsize
                size = chunk_rows(nbytes * int(np.prod(rows.shape[1:])))
                chunks = {"chunks": (min(size, max(1, len(rows))), *rows.shape[1:])}
                where.create_dataset(
                    name,
                    data=rows,
                    dtype=rows.dtype,
                    maxshape=(None, *rows.shape[1:]),
                    **{**chunks, **options},
                )
                continue
            dataset = where[name]
            start = len(dataset)
            dataset.resize(start + len(rows), axis=0)
            dataset[start:] = rows


def _rows(h5py: Any, name: str, value: Any) -> Any:
    """Give the rows of a component as an array that h5py can write."""
    if isinstance(value, columns.Strings):
        return np.array(value.to_list(), dtype=h5py.string_dtype())
    if isinstance(value, columns.Bytes):
        items = [np.frombuffer(item, np.uint8) for item in value.to_list()]
        return _of_any_length(h5py, items, np.dtype(np.uint8))
    if isinstance(value, columns.Ragged):
        if value.ndim != 1:
            raise ComponentError(
                f"component {name!r} is ragged with {value.ndim} dimensions, and HDF5 keeps only "
                "rows of one; use format 'npy' or 'blosc'"
            )
        return _of_any_length(h5py, list(value), value.dtype)
    array = np.asarray(value)
    if array.dtype.kind in "mMU":
        raise ComponentError(
            f"component {name!r} is of {array.dtype}, which HDF5 has no type for; use format "
            "'npy', or numbers"
        )
    return array


def _of_any_length(h5py: Any, items: list[Any], dtype: np.dtype[Any]) -> Any:
    out = np.empty(len(items), dtype=h5py.vlen_dtype(dtype))
    for position, item in enumerate(items):
        out[position] = item
    return out
