"""Where a box lies in a larger one."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["NAMED", "place_of"]

NAMED = ("center", "top_left", "top_right", "bottom_left", "bottom_right", "random")


def place_of(
    origin: Any, inner: tuple[int, int], outer: tuple[int, int], name: str = "origin"
) -> tuple[int, int]:
    """Give the row and column at which a box begins.

    Parameters
    ----------
    origin : str, or two ints, or two floats in [0, 1)
        A corner or the centre; the place itself; or a share of the places at which the inner box
        lies within the outer one. ('random' is drawn before, as such a share.)
    inner, outer : tuple of int
        Rows and columns of the boxes.
    name : str
        What the parameter is called, for messages.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    room = [large - small for large, small in zip(outer, inner, strict=True)]
    if isinstance(origin, str):
        if origin == "center":
            return room[0] // 2, room[1] // 2
        if origin not in NAMED or origin == "random":
            raise ValueError(f"{name} has to be one of {', '.join(NAMED)}; got {origin!r}")
        row, column = origin.split("_")
        return (room[0] if row == "bottom" else 0), (room[1] if column == "right" else 0)
    given = _two_numbers(origin, name)
    if all(0 <= one < 1 for one in given):
        row_place, column_place = (
            int(one * (max(0, length) + 1)) for one, length in zip(given, room, strict=True)
        )
        return row_place, column_place
    if not all(float(one).is_integer() for one in given):
        raise ValueError(
            f"{name} has to be two whole numbers, or two floats from 0 up to 1; got {origin!r}"
        )
    return int(given[0]), int(given[1])


def _two_numbers(origin: Any, name: str) -> tuple[float, float]:
    try:
        given = np.asarray(origin)
    except ValueError:
        given = np.empty(0, object)
    if given.shape != (2,) or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise ValueError(
            f"{name} has to be one of {', '.join(NAMED)}, two whole numbers, or two floats from 0 "
            f"up to 1: row and column; got {origin!r}"
        )
    row, column = given.tolist()
    return row, column
