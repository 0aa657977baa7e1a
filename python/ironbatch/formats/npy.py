"""Format ``npy``: one NumPy file for each item and component."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.items import read_items, write_items
from ironbatch.formats.locations import item_paths, make_folders, unique_targets
from ironbatch.formats.native import (
    DEFAULT_MAX_BYTES,
    UnsupportedError,
    component_of,
    is_size,
    load_arrays,
    probe,
    write,
)
from ironbatch.formats.registry import register_format

if TYPE_CHECKING:
    from pathlib import Path

    from ironbatch.batch.batch import Batch

__all__ = ["Npy"]


@register_format("npy", suffix=".npy")
class Npy(Format):
    """One NumPy file for each item and component.

    Plain arrays are read natively, straight into the component. Text, arrays with fields and (with
    ``allow_pickle=True``) Python objects go through NumPy.
    """

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        allow_pickle: bool = False,
    ) -> dict[str | None, Any]:
        """Read components.

        Parameters
        ----------
        batch, src, components : as for `Format.load`
            See `Format.load` and `ironbatch.formats.locations`.
        suffix : str, optional
            How file names end; ``'.npy'``.
        max_bytes : int
            Largest array that a file may hold.
        allow_pickle : bool
            Whether Python objects may be unpickled, which can run any code.
        """
        ids = batch.index.indices.tolist()
        limit = is_size(max_bytes)
        ending = self.suffix if suffix is None else suffix
        places = item_paths(batch, src, components, suffix=ending, argument="src")
        return {
            name: _load(paths, ids, name or "data", limit, allow_pickle)
            for name, paths in places.items()
        }

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        allow_pickle: bool = False,
        fsync: bool = False,
    ) -> None:
        """Write components.

        Parameters
        ----------
        batch, dst, components : as for `Format.dump`
            See `Format.dump` and `ironbatch.formats.locations`.
        suffix : str, optional
            How file names end; ``'.npy'``.
        allow_pickle : bool
            Whether Python objects may be pickled.
        fsync : bool
            Whether to wait until the disk has each file.
        """
        ids = batch.index.indices.tolist()
        ending = self.suffix if suffix is None else suffix
        places = item_paths(batch, dst, components, suffix=ending, argument="dst")
        values = {name: component_of(batch, name) for name in places}
        for name, value in values.items():
            if _is_object(value) and not allow_pickle:
                raise ComponentError(
                    f"component {name!r} holds Python objects; to have them pickled give "
                    "allow_pickle=True, which loading them needs too"
                )
        for name, paths in places.items():
            where = dst[name] if isinstance(dst, dict) else dst
            make_folders(paths, where)
            positions = unique_targets(paths, ids)
            value = values[name]
            if _through_numpy(value):
                write_items(_save, paths, positions, ids, columns.items_of(value), fsync=fsync)
            else:
                write(paths, positions, "npy", [(name or "data", value)], ids, fsync=fsync)


def _is_object(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.hasobject


def _through_numpy(value: Any) -> bool:
    if isinstance(value, columns.Strings | columns.Bytes):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind in "OV"


def _save(path: Path, item: Any) -> None:
    if isinstance(item, str | bytes) and item[-1:] in ("\0", b"\0"):
        raise ComponentError(f"{item!r} ends in NUL, which npy files lose; use format 'blosc'")
    if not isinstance(item, str | bytes | np.ndarray | np.generic):
        cell = np.empty((), dtype=object)
        cell[()] = item
        item = cell
    with path.open("wb") as file:
        np.save(file, item, allow_pickle=True)


def _load(
    paths: Sequence[str], ids: Sequence[Hashable], name: str, max_bytes: int, allow_pickle: bool
) -> Any:
    refused: UnsupportedError | None = None
    try:
        ((first,),) = probe(paths[:1], "npy", None, max_bytes, ids)
        # Text of each item has a width of its own, which is no difference to speak of.
        if first.shape or np.dtype(first.dtype).kind not in "US":
            (loaded,) = load_arrays(paths, "npy", None, max_bytes, ids, first=[first]).values()
            return loaded
    except UnsupportedError as reason:
        refused = reason

    def read(path: Path) -> Any:
        if path.stat().st_size > max_bytes + (1 << 16):
            raise FormatError(f"{path}: it has more than max_bytes={max_bytes} bytes")
        with path.open("rb") as file:
            try:
                array = np.load(file, allow_pickle=allow_pickle)
            except ValueError as error:
                raise FormatError(f"{path}: {error}") from error
        return array.item() if array.dtype.kind in "US" and not array.ndim else array[()]

    if refused is not None and not allow_pickle and "pickled" in str(refused):
        raise refused
    items = read_items(read, paths, ids)
    return columns.assemble(items, name=name, ids=ids)
