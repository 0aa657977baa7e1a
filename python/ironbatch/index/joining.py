"""Putting indexes end to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.index.ids import as_id_column

if TYPE_CHECKING:
    from ironbatch.index.dataset_index import DatasetIndex

__all__ = ["concat"]


def concat(indexes: Sequence[DatasetIndex], *, warn: bool = True) -> DatasetIndex:
    """Put indexes end to end, see `DatasetIndex.concat`; `warn` of ids that then repeat."""
    if not indexes:
        raise ValueError("there are no indexes to put together")
    first = indexes[0]
    if len(indexes) == 1:
        return first
    plain = _joined_plain(indexes)
    if plain is not None:
        return plain
    same_root = all(index.root is first.root for index in indexes)
    if same_root:
        out = first._derive(np.concatenate([index.root_positions for index in indexes]))
    else:
        out = first._derive(None)
        del out.__dict__["_root"]
        out._ids = as_id_column(join_ids([index.indices for index in indexes]))
    if not same_root or any(index._origins is not None for index in indexes):
        out._origins = np.concatenate([index.origins for index in indexes])
    out._epochs = _joined_epochs(indexes)
    occurrences = [index.occurrences for index in indexes]
    if any(each is not None for each in occurrences):
        out._occurrences = np.concatenate(
            [
                np.zeros(len(index), np.uint64) if each is None else each
                for index, each in zip(indexes, occurrences, strict=True)
            ]
        )
    if warn and not same_root:
        out._warn_of_duplicates()
    return out


def _joined_plain(indexes: Sequence[DatasetIndex]) -> DatasetIndex | None:
    """Put views of one root end to end that differ in their positions only; None for others."""
    first = indexes[0]
    root, epochs = first.root, first._epochs
    if not isinstance(epochs, int):
        return None
    positions = []
    for index in indexes:
        own = index._epochs
        if (
            index._root is not root
            or index._origins is not None
            or not isinstance(own, int)
            or own != epochs
            or index.occurrences is not None
        ):
            return None
        positions.append(index.root_positions)
    out = first._derive(np.concatenate(positions))
    out._epochs = epochs
    return out


def join_ids(parts: Sequence[NDArray[Any]]) -> Any:
    """Concatenate ids without changing them: NumPy would make strings of integers."""
    if len({part.dtype.kind for part in parts}) == 1:
        return np.concatenate(parts)
    return [id_ for part in parts for id_ in part.tolist()]


def _joined_epochs(indexes: Sequence[DatasetIndex]) -> int | NDArray[np.int64]:
    if all(isinstance(i._epochs, int) and i._epochs == indexes[0]._epochs for i in indexes):
        return indexes[0]._epochs
    return np.concatenate(
        [
            np.full(len(index), index._epochs) if isinstance(index._epochs, int) else index._epochs
            for index in indexes
        ]
    )
