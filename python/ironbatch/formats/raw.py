"""Format ``raw``: the elements of arrays alone, one file for each item and component."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.failing import failing, failing_items
from ironbatch.formats.locations import item_paths, make_folders, unique_targets
from ironbatch.formats.native import (
    ARRAY,
    BYTES,
    DEFAULT_MAX_BYTES,
    Declared,
    DiffersError,
    component_of,
    held,
    is_size,
    probe,
    read_dense,
    read_ragged,
    text_of,
    write,
)
from ironbatch.formats.registry import register_format

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["Raw"]


@register_format("raw", suffix="")
class Raw(Format):
    """The elements of an array and nothing else, in C order.

    The files do not say what they hold. `dtype` and `shape` do, or else what the component holds
    already; without either an item is its bytes.
    """

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        dtype: Any = None,
        shape: Any = None,
        suffix: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> dict[str | None, Any]:
        """Read components.

        Parameters
        ----------
        batch, src, components : as for `Format.load`
            See `Format.load` and `ironbatch.formats.locations`.
        dtype : dtype-like, ``str``, ``bytes``, or mapping from component, optional
            Type of the elements; ``str`` and ``bytes`` make each file one string.
        shape : int, tuple of int, or mapping from component, optional
            Shape of an item. One length may be -1: as large as the file makes it, which may be
            different for each item. ``(-1,)`` by default.
        suffix : str, optional
            How file names end; nothing by default.
        max_bytes : int
            Largest file that is read where the shape leaves the size open.
        """
        ids = batch.index.indices.tolist()
        limit = is_size(max_bytes)
        places = item_paths(
            batch,
            src,
            components,
            suffix=suffix or "",
            keep_known=suffix is None,
            argument="src",
        )
        loaded: dict[str | None, Any] = {}
        for name, paths in places.items():
            wanted, lengths = _what(batch, name, dtype, shape)
            if wanted is str or wanted is bytes:
                loaded[name] = _strings(paths, wanted, name or "data", limit, ids)
            else:
                loaded[name] = _arrays(paths, np.dtype(wanted), lengths, limit, ids, name or "data")
        return loaded

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        fsync: bool = False,
    ) -> None:
        """Write components.

        Parameters
        ----------
        batch, dst, components : as for `Format.dump`
            See `Format.dump` and `ironbatch.formats.locations`.
        suffix : str, optional
            How file names end; nothing by default.
        fsync : bool
            Whether to wait until the disk has each file.
        """
        ids = batch.index.indices.tolist()
        places = item_paths(
            batch,
            dst,
            components,
            suffix=suffix or "",
            keep_known=suffix is None,
            argument="dst",
        )
        values = {name: component_of(batch, name) for name in places}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype.kind in "OV":
                raise ComponentError(
                    f"component {name!r} is of {value.dtype}, which raw files cannot hold; use "
                    "format 'npy' or 'blosc'"
                )
        for name, paths in places.items():
            make_folders(paths, dst[name] if isinstance(dst, Mapping) else dst)
            positions = unique_targets(paths, ids)
            write(paths, positions, "raw", [(name or "data", values[name])], ids, fsync=fsync)


def _what(batch: Batch, name: str | None, dtype: Any, shape: Any) -> tuple[Any, tuple[int, ...]]:
    """Find out the type and shape of the items of a component."""
    if isinstance(dtype, Mapping):
        dtype = dtype.get(name)
    if isinstance(shape, Mapping):
        shape = shape.get(name)
    now = held(batch, name)
    if dtype is None:
        if isinstance(now, columns.Strings):
            dtype = str
        elif isinstance(now, columns.Bytes):
            dtype = bytes
        elif isinstance(now, columns.Ragged):
            dtype = now.dtype
        elif isinstance(now, np.ndarray) and now.dtype.kind != "O":
            dtype = now.dtype
            shape = now.shape[1:] if shape is None else shape
        else:
            dtype = np.uint8
    if dtype is str or dtype is bytes:
        return dtype, ()
    dtype = np.dtype(dtype)
    if dtype.kind in "OV" or not dtype.itemsize:
        raise TypeError(f"raw files cannot hold elements of {dtype!r}")
    lengths = (-1,) if shape is None else (shape,) if np.ndim(shape) == 0 else tuple(shape)
    lengths = tuple(int(length) for length in lengths)
    if sum(length < 0 for length in lengths) > 1 or min(lengths, default=0) < -1:
        raise ValueError(f"shape must have lengths, at most one of them -1; got {shape!r}")
    return dtype, lengths


def _strings(
    paths: Sequence[str], wanted: type, name: str, max_bytes: int, ids: Sequence[Hashable]
) -> Any:
    declared = [
        [Declared(name, BYTES, "|u1", each[0].shape)]
        for each in probe(paths, "raw", None, max_bytes, ids)
    ]
    (packed,) = read_ragged(paths, "raw", declared, max_bytes, ids)
    return text_of(packed.data, packed.offsets, name, ids) if wanted is str else packed


def _arrays(
    paths: Sequence[str],
    dtype: np.dtype[Any],
    lengths: tuple[int, ...],
    max_bytes: int,
    ids: Sequence[Hashable],
    name: str,
) -> Any:
    if -1 not in lengths:
        declared = Declared(name, ARRAY, dtype.str, lengths)
        try:
            return read_dense(paths, "raw", [declared], max_bytes, ids)[0]
        except DiffersError as error:
            failed = FormatError(f"{error} (for {dtype} of shape {lengths})")
            raise failing(failed, min(failing_items(error)[0])) from None

    def declare(size: int, position: int) -> Declared:
        unit = dtype.itemsize * math.prod(length for length in lengths if length != -1)
        if not unit or size % unit:
            failed = FormatError(
                f"item {ids[position]!r}: {paths[position]}: its {size} bytes are no whole number "
                f"of {dtype} of shape {lengths}"
            )
            raise failing(failed, position)
        shape = tuple(size // unit if length == -1 else length for length in lengths)
        return Declared(name, ARRAY, dtype.str, shape)

    size = probe(paths[:1], "raw", None, max_bytes, ids)[0][0].nbytes
    first = declare(size, 0)
    try:
        return read_dense(paths, "raw", [first], max_bytes, ids)[0]
    except DiffersError:
        sizes = probe(paths, "raw", None, max_bytes, ids)
        all_declared = [[declare(each[0].nbytes, at)] for at, each in enumerate(sizes)]
        return read_ragged(paths, "raw", all_declared, max_bytes, ids)[0]
