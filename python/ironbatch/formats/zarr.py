"""Format ``zarr``: an array for each component in one store, a row for each item."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError
from ironbatch.extras import need
from ironbatch.formats.arrays import ArraysFormat, chunk_rows, refuse_other
from ironbatch.formats.registry import register_format
from ironbatch.formats.staging import options_of
from ironbatch.urls import is_url, naming, open_system

__all__ = ["Zarr"]


@register_format("zarr", suffix=".zarr")
class Zarr(ArraysFormat):
    """Arrays of zarr in a directory or behind a URL.

    Further keywords of `dump` are those of ``zarr.Group.create_array``, such as ``compressors=``
    or ``chunks=`` (which goes for all components).
    """

    what: ClassVar[str] = "zarr store"

    @contextmanager
    def reading(self, path: str, group: str | None) -> Iterator[Any]:
        """Open the store."""
        yield _open(path, group, "r")

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
        """Write arrays."""
        made = {name: _rows(name, value) for name, value in arrays.items()}
        if append or is_url(path):
            self._fill(_open(path, group, "a" if append else "w"), path, made, options)
            return
        # Made beside it, so that a reader finds the old store or the new one.
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".ironbatch-{os.getpid()}-{target.name}.tmp")
        try:
            self._fill(_open(str(beside), group, "w"), path, made, options)
            if target.is_dir():
                old = target.with_name(f".ironbatch-{os.getpid()}-{target.name}.old")
                target.rename(old)
                beside.rename(target)
                shutil.rmtree(old)
            else:
                beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _fill(self, where: Any, path: str, made: dict[str, Any], options: dict[str, Any]) -> None:
        there = set(where.array_keys())
        new = [name for name in made if name not in there]
        if new and len(new) < len(made):
            raise ComponentError(
                f"{path}: it has no array {new[0]!r} yet, so its rows would be other ones than "
                "those of the arrays that are there"
            )
        for name, rows in made.items():
            if name in there and rows.dtype.kind != "T":
                refuse_other(path, name, rows, where[name].dtype, where[name].shape[1:])
        for name, rows in made.items():
            if name in there:
                where[name].append(rows)
                continue
            size = chunk_rows(rows.dtype.itemsize * int(np.prod(rows.shape[1:])))
            keywords = {
                "shape": rows.shape,
                "dtype": str if rows.dtype.kind == "T" else rows.dtype,
                "chunks": (min(size, max(1, len(rows))), *rows.shape[1:]),
                **options,
            }
            where.create_array(name, **keywords)[...] = rows


def _open(path: str, group: str | None, mode: str) -> Any:
    zarr = need("zarr", extra="arrays", what="format 'zarr'")
    options = dict(options_of() or {})
    keywords = {"storage_options": options} if is_url(path) and options else {}
    if is_url(path):
        open_system(path, options)  # an error that says which package is missing
    try:
        return zarr.open_group(path, mode=mode, path=group or "", **keywords)
    except FileNotFoundError as error:
        where = "" if group is None else f" at {group!r}"
        raise FileNotFoundError(2, f"No zarr group{where}", path) from error
    except (OSError, ImportError):
        raise
    except Exception as error:
        if is_url(path) and not isinstance(error, ValueError | TypeError | KeyError):
            raise naming(error, path) from error
        raise FormatError(f"{path}: it is no sound zarr group: {error}") from error


def _rows(name: str, value: Any) -> Any:
    """Give the rows of a component as an array that zarr can write."""
    if isinstance(value, columns.Strings):
        return np.array(value.to_list(), dtype=np.dtypes.StringDType())
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcM":
        return np.asarray(value)
    raise ComponentError(
        f"component {name!r} is {columns.describe(value)}, which zarr has no arrays for; use "
        "format 'blosc', or 'hdf5' for ragged rows of one dimension"
    )
