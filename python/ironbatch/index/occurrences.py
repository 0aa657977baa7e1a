"""Which of the times that an item occurs in an epoch this one is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["rank_repeats"]


def rank_repeats(
    keys: NDArray[Any],
    epochs: int | NDArray[np.int64],
    occurrences: NDArray[np.uint64] | None,
) -> NDArray[np.uint64] | None:
    """Tell items apart that are the same item in the same epoch.

    Parameters
    ----------
    keys : ndarray, shape (n,)
        What tells different items apart: positions or origins.
    epochs : int or ndarray, shape (n,)
        Epochs of the items.
    occurrences : ndarray of uint64, shape (n,), or None
        Occurrences as they are, None for zeros.

    Returns
    -------
    ndarray of uint64, shape (n,), or None
        Occurrences in which the r-th repetition of an item has moved by r times more than the
        largest one; None if all are 0.

    Examples
    --------
    >>> rank_repeats(np.array([5, 6, 5, 5]), 0, None)
    array([0, 0, 1, 2], dtype=uint64)
    >>> rank_repeats(np.array([5, 6]), 0, None) is None
    True
    """
    columns = [keys]
    if not isinstance(epochs, int):
        columns.insert(0, epochs)
    if occurrences is not None:
        columns.insert(0, occurrences)
    order = np.lexsort(columns)  # stable: repetitions stay in order
    same = np.ones(max(len(keys) - 1, 0), bool)
    for column in columns:
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    if not same.any():
        return occurrences
    places = np.arange(len(keys))
    starts = np.concatenate(([True], ~same))
    rank = np.empty(len(keys), np.uint64)
    rank[order] = places - np.maximum.accumulate(np.where(starts, places, 0))
    if occurrences is None:
        return rank
    out: NDArray[np.uint64] = occurrences + rank * (occurrences.max() + np.uint64(1))
    return out
