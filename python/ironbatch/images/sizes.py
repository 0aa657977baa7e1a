"""Sizes of images: rows and columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ironbatch.images.pixels import pair, whole_numbers

__all__ = ["scaled_size", "sides_of", "size_of"]


def size_of(size: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Give the size that an image of some shape gets; None for a side keeps the ratio.

    Raises
    ------
    ValueError
        If the size is not one or two whole numbers above 0, or both sides are None.
    """
    sides = pair(size, "size")
    if sides[0] is None and sides[1] is None:
        raise ValueError("size has None for both rows and columns: give one of them")
    if None in sides and 0 in shape[:2]:
        raise ValueError(f"size {size!r}: an image of shape {shape} has no ratio of its sides")
    known = whole_numbers([side for side in sides if side is not None], "size", least=1)
    if len(known) == 2:
        return known[0], known[1]
    if sides[0] is None:
        return max(1, round(shape[0] * known[0] / shape[1])), known[0]
    return known[0], max(1, round(shape[1] * known[0] / shape[0]))


def scaled_size(factor: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Give the size of an image times a factor, rounded up.

    Raises
    ------
    ValueError
        If a factor is not a finite number above 0.
    """
    factors = pair(factor, "factor")
    for one in factors:
        number = isinstance(one, int | float | np.integer | np.floating)
        if not number or not (math.isfinite(one) and one > 0):
            raise ValueError(f"factor has to be above 0, got {factor!r}")
    # 30 * 1.1 is 33.000000000000004.
    rows, columns = (
        max(1, math.ceil(round(side * one, 9)))
        for side, one in zip(shape[:2], factors, strict=True)
    )
    return rows, columns


def sides_of(border: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give how many pixels a border has before and after, along rows and columns.

    Parameters
    ----------
    border : int or sequence of int
        One number for all sides; one for top and bottom and one for left and right; or left, top,
        right and bottom, as Pillow has them.

    Raises
    ------
    ValueError
        If it is something else, or a number is negative.
    """
    if np.ndim(border) == 1 and len(border) == 4:
        left, top, right, bottom = whole_numbers(border, "border", least=0)
        return (top, left), (bottom, right)
    if np.ndim(border) > 1 or (np.ndim(border) == 1 and len(border) != 2):
        raise ValueError(
            "border has to be a number, one for rows and one for columns, or left, top, right and "
            f"bottom; got {border!r}"
        )
    both = whole_numbers(pair(border, "border"), "border", least=0)
    return both, both
