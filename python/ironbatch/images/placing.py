"""Parts cut out of images, and put into others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.images.boxes import place_of
from ironbatch.images.pixels import converted

__all__ = ["cut", "fitted", "put"]


def fitted(image: NDArray[Any], shape: tuple[int, ...], origin: Any, rng: Any) -> NDArray[Any]:
    """Crop an image, or put it on zeros, along each axis."""
    sides = list(zip(image.shape[:2], shape[:2], strict=True))
    (rows, columns), larger = [min(pair) for pair in sides], [max(pair) for pair in sides]
    place = place_of(origin, (rows, columns), (larger[0], larger[1]), rng)
    # Along an axis the image is the larger one, or what it is put on.
    in_image = [at if had > to else 0 for at, (had, to) in zip(place, sides, strict=True)]
    in_whole = [at if had < to else 0 for at, (had, to) in zip(place, sides, strict=True)]
    whole = np.zeros(shape, image.dtype)
    part = cut(image, (in_image[0], in_image[1]), (rows, columns))
    put(whole, part, (in_whole[0], in_whole[1]), None)
    return whole


def cut(image: NDArray[Any], place: tuple[int, int], size: tuple[int, int]) -> NDArray[Any]:
    """Cut a box out of an image.

    Raises
    ------
    ValueError
        If it does not lie within the image.
    """
    (row, column), (rows, columns) = place, size
    if row < 0 or column < 0 or row + rows > image.shape[0] or column + columns > image.shape[1]:
        raise ValueError(
            f"origin={place}: a box of shape {size} does not lie within an image of shape "
            f"{image.shape}"
        )
    return image[row : row + rows, column : column + columns]


def put(
    whole: NDArray[Any], image: NDArray[Any], place: tuple[int, int], weights: NDArray[Any] | None
) -> None:
    """Write an image into another one; what lies outside is left out."""
    row, column = place
    rows, columns = image.shape[:2]
    target = whole[max(0, row) : max(0, row + rows), max(0, column) : max(0, column + columns)]
    top, left = max(0, -row), max(0, -column)
    inside = slice(top, top + target.shape[0]), slice(left, left + target.shape[1])
    if weights is None:
        target[...] = image[inside]
        return
    share = weights[inside]
    share = share / 255 if share.dtype == np.uint8 else share.astype(np.float64)
    if image.ndim == 3:
        share = share[..., np.newaxis]
    mixed = target + share * (image[inside].astype(np.float64) - target)
    target[...] = converted(mixed, whole.dtype)
