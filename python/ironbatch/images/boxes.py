"""Boxes in images: how large they are, and where they begin. Rows come first, then columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ironbatch.images.pixels import pair, whole_numbers

__all__ = ["NAMED", "is_random", "place_of", "scaled_size", "shape_of", "sides_of", "size_of"]

NAMED = ("center", "top_left", "top_right", "bottom_left", "bottom_right", "random")


def is_random(origin: Any) -> bool:
    """Tell whether an origin is to be drawn."""
    return isinstance(origin, str) and origin == "random"


def place_of(
    origin: Any,
    inner: tuple[int, int],
    outer: tuple[int, int],
    rng: np.random.Generator | None = None,
) -> tuple[int, int]:
    """Give the row and column at which a box begins.

    Parameters
    ----------
    origin : str, or two ints, or two floats in [0, 1)
        A corner or the centre; 'random'; the place itself; or a share of the places at which the
        inner box lies within the outer one.
    inner, outer : tuple of int
        Rows and columns of the boxes.
    rng : Generator, optional
        What 'random' is drawn from, each of those places as often as the others.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    room = [large - small for large, small in zip(outer, inner, strict=True)]
    if isinstance(origin, str):
        if origin == "center":
            return room[0] // 2, room[1] // 2
        if is_random(origin) and rng is not None:
            row_place, column_place = (int(rng.integers(0, max(0, one) + 1)) for one in room)
            return row_place, column_place
        if origin not in NAMED or is_random(origin):
            raise ValueError(f"origin has to be one of {', '.join(NAMED)}; got {origin!r}")
        row, column = origin.split("_")
        return (room[0] if row == "bottom" else 0), (room[1] if column == "right" else 0)
    given = _two_numbers(origin)
    if all(0 <= one < 1 for one in given):
        row_place, column_place = (
            int(one * (max(0, length) + 1)) for one, length in zip(given, room, strict=True)
        )
        return row_place, column_place
    if not all(float(one).is_integer() for one in given):
        raise ValueError(
            f"origin has to be two whole numbers, or two floats from 0 up to 1; got {origin!r}"
        )
    return int(given[0]), int(given[1])


def _two_numbers(origin: Any) -> tuple[float, float]:
    try:
        given = np.asarray(origin)
    except ValueError:
        given = np.empty(0, object)
    if given.shape != (2,) or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise ValueError(
            f"origin has to be one of {', '.join(NAMED)}, two whole numbers, or two floats from 0 "
            f"up to 1: row and column; got {origin!r}"
        )
    row, column = given.tolist()
    return row, column


def shape_of(shape: Any, name: str = "shape") -> tuple[int, int]:
    """Give the rows and columns of a box.

    Raises
    ------
    ValueError
        If it is not one or two whole numbers above 0.
    """
    rows, columns = whole_numbers(pair(shape, name), name, least=1)
    return rows, columns


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
