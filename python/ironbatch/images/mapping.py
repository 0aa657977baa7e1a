"""Where pixels come from: matrices, and places in rows and columns of pixel centres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import kernels
from ironbatch.extras import need
from ironbatch.images.pixels import number_of

__all__ = ["affine_matrix", "elastic_places", "known_method", "rotation", "transformed_places"]

_Places = tuple[NDArray[np.float64], NDArray[np.float64]]
_METHODS = {"affine": 6, "extent": 4, "perspective": 8, "quad": 8}
#: Pillow's numbers for its methods.
_NUMBERED = {0: "affine", 1: "extent", 2: "perspective", 3: "quad"}


def known_method(method: Any, data: Any) -> tuple[str, list[float]]:
    """Give the name of a mapping and its numbers.

    Parameters
    ----------
    method : str or int
        A name or Pillow's number of it.
    data : sequence of float
        As in Pillow, where the first pixel reaches from 0 to 1.

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
    return name, numbers.tolist()


def affine_matrix(name: str, numbers: list[float], size: tuple[int, int]) -> list[float] | None:
    """Give the matrix of `kernels.affine` that does what a mapping of Pillow says.

    Parameters
    ----------
    name, numbers
        Of `known_method`.
    size : tuple of int
        Rows and columns of the result.

    Returns
    -------
    list of float or None
        None if there is none: the mapping is not affine, or leads to a line.
    """
    if name == "extent":
        left, top, right, bottom = numbers
        numbers = [(right - left) / size[1], 0, left, 0, (bottom - top) / size[0], top]
    elif name != "affine":
        return None
    a, b, c, d, e, f = numbers
    # From centres of pixels to centres of pixels.
    back = np.array([[a, b, c + (a + b - 1) / 2], [d, e, f + (d + e - 1) / 2], [0, 0, 1]])
    try:
        there = np.linalg.inv(back)
    except np.linalg.LinAlgError:
        return None
    made: list[float] = there[:2].ravel().tolist()
    return made if np.isfinite(made).all() else None


def transformed_places(name: str, numbers: list[float], size: tuple[int, int]) -> _Places:
    """Say where the pixels of a transformed image come from; see `affine_matrix`."""
    y, x = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    if name == "extent":
        left, top, right, bottom = numbers
        x, y = left + (right - left) / size[1] * x, top + (bottom - top) / size[0] * y
    elif name == "quad":
        west = [numbers[one] + (numbers[2 + one] - numbers[one]) / size[0] * y for one in (0, 1)]
        east = [
            numbers[6 + one] + (numbers[4 + one] - numbers[6 + one]) / size[0] * y for one in (0, 1)
        ]
        share = x / size[1]
        x, y = (left + share * (right - left) for left, right in zip(west, east, strict=True))
    else:
        a, b, c, d, e, f, *rest = numbers
        below: Any = 1.0
        if rest:
            below = rest[0] * x + rest[1] * y + 1
            # Beyond the horizon nothing is seen.
            below = np.where(below > 0, below, np.nan)
        x, y = (a * x + b * y + c) / below, (d * x + e * y + f) / below
    return np.nan_to_num(y - 0.5, nan=-1e9), np.nan_to_num(x - 0.5, nan=-1e9)


def rotation(
    angle: Any, shape: tuple[int, ...], expand: bool = False, center: Any = None
) -> tuple[list[float], tuple[int, int]]:
    """Give the matrix of `kernels.affine` that rotates an image, and the size of the result.

    Parameters
    ----------
    angle : float
        Degrees, counter-clockwise.
    shape : tuple of int
        Of the image.
    expand : bool
        Whether the result holds all of it.
    center : (float, float), optional
        Row and column that stay in their place.

    Raises
    ------
    ValueError
        If the angle is no finite number, or the centre not two.
    """
    angle = number_of(angle, "angle")
    middle_y, middle_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    if center is not None:
        given = np.asarray(center)
        if given.shape != (2,) or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
            raise ValueError(f"center has to be a row and a column, got {center!r}")
        middle_y, middle_x = given.tolist()
    # So that quarter turns are exact.
    radians = math.radians(angle % 360)
    cos, sin = round(math.cos(radians), 15), round(math.sin(radians), 15)

    def turned(y: float, x: float) -> tuple[float, float]:
        y, x = y - middle_y, x - middle_x
        return middle_y + cos * y - sin * x, middle_x + sin * y + cos * x

    rows, columns = shape[:2]
    first_y = first_x = 0.0
    if expand:
        ends = [(-0.5, one - 0.5) for one in shape[:2]]
        corners = [turned(y, x) for y in ends[0] for x in ends[1]]
        ys, xs = zip(*corners, strict=True)
        rows, columns = (max(1, math.ceil(round(max(one) - min(one), 9))) for one in (ys, xs))
        first_y = (min(ys) + max(ys)) / 2 - (rows - 1) / 2
        first_x = (min(xs) + max(xs)) / 2 - (columns - 1) / 2
    zero_y, zero_x = turned(0, 0)
    return [cos, sin, zero_x - first_x, -sin, cos, zero_y - first_y], (rows, columns)


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
        Further arguments of `scipy.ndimage.gaussian_filter`, which smooths the field then.

    Raises
    ------
    ValueError
        If `alpha` is not finite, or `sigma` negative.
    """
    alpha, sigma = number_of(alpha, "alpha"), number_of(sigma, "sigma", least=0)
    size = shape[:2]
    field = rng.uniform(-1, 1, size), rng.uniform(-1, 1, size)
    if options:
        ndimage = need("scipy.ndimage", extra="images", what="elastic_transform with options")
        options = {"mode": "constant", "cval": 0.0, **options}
        down, right = (alpha * ndimage.gaussian_filter(one, sigma, **options) for one in field)
    else:
        smooth = kernels.gaussian_blur.bind(sigma=(sigma, sigma), border="constant")
        down, right = (alpha * smooth(one) for one in field)
    return np.arange(size[0])[:, np.newaxis] + down, np.arange(size[1]) + right
