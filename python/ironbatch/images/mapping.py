"""From places of a result to places of an image, in rows and columns of pixel centres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.extras import need
from ironbatch.images.pixels import number_of

__all__ = ["elastic_places", "rotated_places", "transformed_places"]

_Places = tuple[NDArray[np.float64], NDArray[np.float64]]
_METHODS = {"affine": 6, "extent": 4, "perspective": 8, "quad": 8}
#: Pillow's numbers for its methods.
_NUMBERED = {0: "affine", 1: "extent", 2: "perspective", 3: "quad"}


def transformed_places(method: Any, data: Any, size: tuple[int, int]) -> _Places:
    """Say where the pixels of a transformed image come from.

    Parameters
    ----------
    method : str or int
        A name or Pillow's number of it.
    data : sequence of float
        As in Pillow, where the first pixel reaches from 0 to 1.
    size : tuple of int
        Rows and columns of the result.

    Raises
    ------
    ValueError
        If the method is unknown, or there are not as many finite numbers as it takes.
    """
    name = method
    if not isinstance(method, str | bool | float) and method in _NUMBERED:
        name = _NUMBERED[method]
    if name not in _METHODS:
        raise ValueError(f"method has to be one of {', '.join(_METHODS)}, got {method!r}")
    numbers = np.asarray(data, dtype=np.float64)
    if numbers.shape != (_METHODS[name],) or not np.isfinite(numbers).all():
        raise ValueError(
            f"data has to be {_METHODS[name]} finite numbers for {name!r}, got {data!r}"
        )
    y, x = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    if name == "extent":
        left, top, right, bottom = numbers.tolist()
        x, y = left + (right - left) / size[1] * x, top + (bottom - top) / size[0] * y
    elif name == "quad":
        west = [numbers[one] + (numbers[2 + one] - numbers[one]) / size[0] * y for one in (0, 1)]
        east = [
            numbers[6 + one] + (numbers[4 + one] - numbers[6 + one]) / size[0] * y for one in (0, 1)
        ]
        share = x / size[1]
        x, y = (left + share * (right - left) for left, right in zip(west, east, strict=True))
    else:
        a, b, c, d, e, f, *rest = numbers.tolist()
        below: Any = 1.0
        if rest:
            below = rest[0] * x + rest[1] * y + 1
            # Beyond the horizon nothing is seen.
            below = np.where(below > 0, below, np.nan)
        x, y = (a * x + b * y + c) / below, (d * x + e * y + f) / below
    return np.nan_to_num(y - 0.5, nan=-1e9), np.nan_to_num(x - 0.5, nan=-1e9)


def rotated_places(
    angle: Any, shape: tuple[int, ...], expand: bool = False, center: Any = None
) -> _Places:
    """Say where the pixels of a rotated image come from.

    Parameters
    ----------
    angle : float
        Degrees, counter-clockwise.
    shape : tuple of int
        Of the image.
    expand : bool
        Whether the result holds all of it.
    center : (float, float), optional
        What stays in its place.

    Raises
    ------
    ValueError
        If the angle is no finite number, or the centre not two.
    """
    angle = number_of(angle, "angle")
    middle = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    if center is not None:
        given = np.asarray(center)
        if given.shape != (2,) or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
            raise ValueError(f"center has to be a row and a column, got {center!r}")
        middle = tuple(given.tolist())
    # So that quarter turns are exact.
    radians = math.radians(angle % 360)
    cos, sin = round(math.cos(radians), 15), round(math.sin(radians), 15)
    rows, columns = shape[:2]
    first = 0.0, 0.0
    if expand:
        corners = [
            (
                middle[0] + cos * (y - middle[0]) - sin * (x - middle[1]),
                middle[1] + sin * (y - middle[0]) + cos * (x - middle[1]),
            )
            for y in (-0.5, shape[0] - 0.5)
            for x in (-0.5, shape[1] - 0.5)
        ]
        least = [min(corner[axis] for corner in corners) for axis in (0, 1)]
        most = [max(corner[axis] for corner in corners) for axis in (0, 1)]
        rows, columns = (
            max(1, math.ceil(round(high - low, 9))) for low, high in zip(least, most, strict=True)
        )
        first = (
            (least[0] + most[0]) / 2 - (rows - 1) / 2,
            (least[1] + most[1]) / 2 - (columns - 1) / 2,
        )
    y = np.arange(rows)[:, np.newaxis] + first[0] - middle[0]
    x = np.arange(columns) + first[1] - middle[1]
    return middle[0] + sin * x + cos * y, middle[1] + cos * x - sin * y


def elastic_places(
    shape: tuple[int, ...],
    alpha: Any,
    sigma: Any,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> _Places:
    """Say where the pixels of a deformed image come from.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    alpha, sigma : float
        Size and smoothness of the field.
    rng : Generator
        What to draw from.
    options : mapping
        Further arguments of `scipy.ndimage.gaussian_filter`.

    Raises
    ------
    ValueError
        If `alpha` is not finite, or `sigma` negative.
    """
    alpha, sigma = number_of(alpha, "alpha"), number_of(sigma, "sigma", least=0)
    ndimage = need("scipy.ndimage", extra="images", what="elastic_transform")
    options = {"mode": "constant", "cval": 0.0, **options}
    size = shape[:2]
    down = ndimage.gaussian_filter(rng.uniform(-1, 1, size), sigma, **options) * alpha
    right = ndimage.gaussian_filter(rng.uniform(-1, 1, size), sigma, **options) * alpha
    return np.arange(size[0])[:, np.newaxis] + down, np.arange(size[1]) + right
