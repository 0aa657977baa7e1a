"""Rows of arrays on disk, which are read by chunks."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.base import Rows
from ironbatch.sources.kept import chunk_limit, kept, new_token

__all__ = ["ChunkedRows"]


class ChunkedRows(Rows):
    """An array on disk, of which each batch reads its own rows.

    Chunks that a batch touches are kept for the next ones, if there is room for them; see
    `set_chunk_limit`. Otherwise the rows alone are read.

    Parameters
    ----------
    array : object
        Has `shape` and `dtype`.
    block : int or None
        Rows of a chunk; None if each row can be read alone.
    """

    def __init__(self, array: Any, block: int | None) -> None:
        self.given = array
        self.dtype = np.dtype(array.dtype)
        self._n, *item = map(int, array.shape)
        self._item = tuple(item)
        self._open(block)

    def _open(self, block: int | None) -> None:
        fixed = not self.dtype.hasobject and self.dtype.kind != "T"
        self.row_bytes = self.dtype.itemsize * math.prod(self._item) if fixed else None
        self.block = block if block != 1 else None  # rows that are chunks are read alone
        self._token = new_token()
        finalize(self, kept.forget, self._token)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.given,)

    def __len__(self) -> int:
        return self._n

    @abstractmethod
    def read_slice(self, start: int, stop: int) -> Any:
        """Read neighbouring rows."""

    @abstractmethod
    def read_rows(self, rows: NDArray[np.int64]) -> Any:
        """Read some rows; each comes once, and they ascend."""

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Read some rows."""
        if not len(positions):
            return self._component(self.read_slice(0, 0), name)
        if self.block is None or self.row_bytes is None:
            return self._component(self._alone(positions), name)
        touched = np.unique(positions // self.block)
        if 2 * len(touched) * self.block * self.row_bytes > chunk_limit():
            return self._component(self._alone(positions), name)
        return self._component(self._by_chunk(positions, touched), name)

    def _alone(self, positions: NDArray[np.int64]) -> Any:
        rows, inverse = np.unique(positions, return_inverse=True)
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows):
            found = self.read_slice(first, last + 1)
        else:
            found = self.read_rows(rows)
        return found if np.array_equal(positions, rows) else found[inverse]

    def _by_chunk(self, positions: NDArray[np.int64], touched: NDArray[np.int64]) -> NDArray[Any]:
        assert self.block is not None
        out: Any = None
        order = np.argsort(positions // self.block, kind="stable")
        bounds = np.searchsorted(positions[order] // self.block, [*touched, touched[-1] + 1])
        for number, chunk in enumerate(touched.tolist()):
            rows = self._chunk(chunk)
            places = order[bounds[number] : bounds[number + 1]]
            if out is None:
                out = components.empty((len(positions), *self._item), rows.dtype)
            out[places] = rows[positions[places] - chunk * self.block]
        return np.asarray(out)

    def _chunk(self, number: int) -> NDArray[Any]:
        assert self.block is not None
        start = number * self.block
        stop = min(start + self.block, self._n)

        def read() -> tuple[Any, int]:
            rows = np.asarray(self.read_slice(start, stop))
            return rows, rows.nbytes

        rows: NDArray[Any] = kept.get((self._token, number), read)
        return rows

    def _component(self, rows: Any, name: str | None) -> Any:
        rows = np.asarray(rows)
        if rows.dtype.kind == "T":
            rows = rows.astype(object)
        if rows.dtype.kind == "O":
            return components.assemble(rows.tolist() if rows.ndim == 1 else list(rows), name=name)
        if not rows.dtype.isnative:
            rows = rows.astype(rows.dtype.newbyteorder("="))
        return rows
