"""Columns of Python objects: one-dimensional object arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_objects"]


def as_objects(items: Sequence[object]) -> NDArray[np.object_]:
    """Put objects into an array, one a cell, whatever they are.

    Parameters
    ----------
    items : sequence
        The objects. Arrays and lists among them stay whole.

    Returns
    -------
    ndarray of object, shape (n,)

    Examples
    --------
    >>> as_objects([[1, 2], [3, 4]])
    array([list([1, 2]), list([3, 4])], dtype=object)
    """
    # Unlike an assignment, this leaves arrays among the items alone.
    return np.fromiter(items, dtype=object, count=len(items))
