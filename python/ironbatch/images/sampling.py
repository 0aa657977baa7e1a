"""Pixels at places between pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch.images.pixels import colour, converted

__all__ = ["BORDERS", "interpolation_for", "sample"]

Border: TypeAlias = Literal["constant", "edge", "reflect", "wrap"]
BORDERS = ("constant", "edge", "reflect", "wrap")

#: Pillow's numbers for its filters.
_NUMBERED = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}
_RESIZING = ("nearest", "bilinear", "bicubic", "lanczos", "area")


def interpolation_for(given: Any, src: Any, known: tuple[str, ...] = _RESIZING) -> str:
    """Give the name of an interpolation for the images of a component.

    Parameters
    ----------
    given : str, int, mapping or None
        A name or Pillow's number of it; a mapping has one for each component; None is 'bilinear',
        and 'nearest' for masks, whose values are classes.
    src : object
        The component.
    known : tuple of str
        Which names there are.

    Raises
    ------
    ValueError
        If there is no such interpolation.
    """
    if isinstance(given, Mapping):
        given = given.get(src)
    if given is None:
        return "nearest" if src == "masks" else "bilinear"
    name = given
    if not isinstance(given, str | bool | float) and given in _NUMBERED:
        name = _NUMBERED[given]
    if name not in known:
        raise ValueError(
            f"interpolation has to be one of {', '.join(map(repr, known))}, or Pillow's number of "
            f"it; got {given!r}"
        )
    return str(name)


def sample(
    image: NDArray[Any],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    interpolation: str,
    border: str,
    fill: Any = 0,
) -> NDArray[Any]:
    """Give the pixels of an image at some places.

    Parameters
    ----------
    image : ndarray
        Rows, columns and maybe channels.
    rows, columns : ndarray of float64
        Where, of one shape; the centre of the first pixel is at (0, 0).
    interpolation : {'nearest', 'bilinear', 'bicubic'}
        Bicubic is that of R. G. Keys with ``a = -0.5``.
    border : {'constant', 'edge', 'reflect', 'wrap'}
        What lies outside: `fill`, the nearest pixel, the image mirrored at its edge pixels, or the
        image again.
    fill : number or sequence of numbers
        For 'constant', one for each channel. Places further than half a pixel outside get it.

    Returns
    -------
    ndarray
        Of the shape of `rows`, with the channels and dtype of the image.
    """
    height, width = image.shape[:2]
    if border not in BORDERS:
        raise ValueError(f"border has to be one of {', '.join(BORDERS)}, got {border!r}")
    if not height or not width:
        raise ValueError(f"the image of shape {image.shape} has no pixels")
    inside = (rows >= -0.5) & (rows < height - 0.5) & (columns >= -0.5) & (columns < width - 0.5)
    if border == "constant":
        # Far outside nothing is looked at: what is written there is the fill.
        rows, columns = np.where(inside, rows, 0.0), np.where(inside, columns, 0.0)
    if interpolation == "nearest":
        made = image[
            _wrapped(np.floor(rows + 0.5).astype(np.int64), height, border),
            _wrapped(np.floor(columns + 0.5).astype(np.int64), width, border),
        ]
    else:
        made = converted(_weighted(image, rows, columns, interpolation, border), image.dtype)
    if border == "constant":
        made[~inside] = colour(fill, image, "fill")
    return made


def _weighted(
    image: NDArray[Any],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    interpolation: str,
    border: str,
) -> NDArray[Any]:
    height, width = image.shape[:2]
    precision = np.float32 if image.dtype in (np.uint8, np.float16) else np.float64
    kernel, reach = (_linear, 1) if interpolation == "bilinear" else (_cubic, 2)
    first_row, first_column = np.floor(rows), np.floor(columns)
    total = np.zeros((*rows.shape, *image.shape[2:]), precision)
    for down in range(1 - reach, reach + 1):
        row = first_row + down
        row_weight = kernel(rows - row)
        row_index = _wrapped(row.astype(np.int64), height, border)
        for right in range(1 - reach, reach + 1):
            column = first_column + right
            weight = (row_weight * kernel(columns - column)).astype(precision)
            if image.ndim == 3:
                weight = weight[..., np.newaxis]
            column_index = _wrapped(column.astype(np.int64), width, border)
            total += weight * image[row_index, column_index]
    return total


def _linear(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - np.abs(distance))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    a = -0.5
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _wrapped(index: NDArray[np.int64], length: int, border: str) -> NDArray[np.int64]:
    """Give the pixels that stand for those outside."""
    if border == "wrap":
        return index % length
    if border == "reflect" and length > 1:
        period = 2 * (length - 1)
        index = index % period
        return np.minimum(index, period - index)
    return np.clip(index, 0, length - 1)
