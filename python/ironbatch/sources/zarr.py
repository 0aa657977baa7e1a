"""Arrays and groups of zarr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.errors import FormatError
from ironbatch.sources.base import Rows, Source, Table
from ironbatch.sources.chunks import ChunkedRows
from ironbatch.sources.registry import package_of, register_source
from ironbatch.sources.same_length import same_length

__all__ = ["ZarrGroup", "ZarrRows"]


class ZarrRows(ChunkedRows):
    """An array of zarr.

    Parameters
    ----------
    array : zarr.Array
        Its first axis is that of the items.

    Raises
    ------
    FormatError
        If it holds pickled objects, which can run any code when they are read.
    TypeError
        If it has no axis.
    """

    def __init__(self, array: Any) -> None:
        _refuse_pickles(array)
        if not array.shape:
            raise TypeError(f"{_name(array)} has no axis of items: its shape is ()")
        super().__init__(array, int(array.chunks[0]) or None)

    def read_slice(self, start: int, stop: int) -> Any:
        """Read neighbouring rows."""
        return self.given[start:stop]

    def read_rows(self, rows: NDArray[np.int64]) -> Any:
        """Read some rows."""
        return self.given.oindex[rows]


class ZarrGroup(Table):
    """A group of zarr: its arrays by name.

    Parameters
    ----------
    group : zarr.Group
        Groups within it are left alone, and arrays without an axis.
    """

    def __init__(self, group: Any) -> None:
        self.given = group
        self.names = tuple(name for name in sorted(group.array_keys()) if group[name].shape)

    def __len__(self) -> int:
        return same_length({name: self.given[name].shape for name in self.names}, "zarr group")

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some arrays."""
        return {name: ZarrRows(self.given[name]) for name in names}


def _name(array: Any) -> str:
    return f"the zarr array {getattr(array, 'name', None) or getattr(array, 'path', '')!r}"


def _refuse_pickles(array: Any) -> None:
    metadata = getattr(array, "metadata", array)
    codecs = [
        *(getattr(metadata, "filters", None) or ()),
        getattr(metadata, "compressor", None),
        *(getattr(metadata, "codecs", None) or ()),
    ]
    for codec in codecs:
        name = getattr(codec, "codec_id", None) or getattr(codec, "codec_name", None)
        if "pickle" in str(name or type(codec).__name__).lower():
            raise FormatError(
                f"{_name(array)} holds pickled Python objects, which can run any code when they "
                "are read; write it anew as numbers or strings"
            )


@register_source()
def zarr(data: Any) -> Source | None:
    """Recognise arrays and groups of zarr."""
    if package_of(data) != "zarr":
        return None
    if hasattr(data, "oindex"):
        return ZarrRows(data)
    return ZarrGroup(data) if hasattr(data, "array_keys") else None
