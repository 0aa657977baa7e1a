"""Memory that components live in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["empty"]


def empty(shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Allocate an array whose content is not set.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    dtype : dtype-like
        Its dtype. Arrays of Python objects are filled with None.

    Returns
    -------
    ndarray
        C-contiguous, writable.

    Examples
    --------
    >>> empty((2, 3), 'uint8').shape
    (2, 3)
    """
    return np.empty(shape, dtype)
