"""Pixels at places between pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch import kernels
from ironbatch.images.pixels import KERNEL_DTYPES, colour, converted

__all__ = ["BORDERS", "SAMPLING", "interpolation_for", "resized", "sample", "warped"]

Border: TypeAlias = Literal["constant", "edge", "reflect", "wrap"]
BORDERS = ("constant", "edge", "reflect", "wrap")

#: Pillow's numbers for its filters.
_NUMBERED = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}
#: What pixels are taken with at places between pixels, and with other sizes.
SAMPLING = ("nearest", "bilinear", "bicubic")
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


def _by_kernel(
    image: NDArray[Any],
    run: Callable[[NDArray[Any], float], NDArray[Any]],
    *,
    interpolation: str,
    fill: Any = 0,
) -> NDArray[Any]:
    """Run a kernel that takes pixels from other places, on an image of any dtype.

    Parameters
    ----------
    image : ndarray
        Rows, columns and maybe channels.
    run : callable
        Gets an array of a dtype that kernels take, and what lies outside of it.
    interpolation : str
        What `run` does between pixels.
    fill : number or sequence of numbers
        What lies outside, one for each channel.

    Raises
    ------
    ValueError
        If there is nothing between two pixels of such a dtype.
    """
    outside = colour(fill, image, "fill")
    if image.dtype in KERNEL_DTYPES:
        if outside.size == 1:
            return np.asarray(run(image, float(outside.reshape(()))))
        planes = [run(image[..., at], float(one)) for at, one in enumerate(outside)]
        return np.stack(planes, axis=-1)
    if interpolation == "nearest":
        # The numbers of pixels are moved in their place.
        height, width, *channels = image.shape
        numbers = np.arange(float(height * width)).reshape(height, width)
        index = np.asarray(run(numbers, -1.0)).astype(np.int64)
        made = image.reshape(height * width, *channels)[index]
        made[index < 0] = outside
        return made
    if image.dtype.kind not in "biuf":
        raise ValueError(
            f"there is nothing between pixels of {image.dtype}: give interpolation='nearest'"
        )
    wide = _by_kernel(
        image.astype(np.float64), run, interpolation=interpolation, fill=outside.astype(np.float64)
    )
    return converted(wide, image.dtype)


def resized(
    image: NDArray[Any], size: tuple[int, int], interpolation: Any, antialias: bool, src: Any
) -> NDArray[Any]:
    """Give an image of any dtype another size, as `kernels.resize` does."""
    known = interpolation_for(interpolation, src)
    if 0 in image.shape[:2]:
        raise ValueError(f"an image of shape {image.shape} has no pixels to resize")

    def run(array: NDArray[Any], fill: float) -> NDArray[Any]:
        return np.asarray(
            kernels.resize(array, size=size, interpolation=known, antialias=bool(antialias))
        )

    return _by_kernel(image, run, interpolation=known)


def warped(
    image: NDArray[Any],
    to: tuple[list[float], tuple[int, int]],
    interpolation: str,
    border: str,
    fill: Any,
    angle: float | None = None,
) -> NDArray[Any]:
    """Move pixels by a matrix to an image of some size, or rotate them about the middle."""
    if border not in BORDERS:
        raise ValueError(f"border has to be one of {', '.join(BORDERS)}, got {border!r}")
    options = {"interpolation": interpolation, "border": border}

    def run(array: NDArray[Any], fill: float) -> NDArray[Any]:
        if angle is not None:
            return np.asarray(kernels.rotate(array, angle=angle, fill=fill, **options))
        matrix, size = to
        return np.asarray(kernels.affine(array, matrix=matrix, size=size, fill=fill, **options))

    return _by_kernel(image, run, interpolation=interpolation, fill=fill)


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
        Bicubic is that of R. G. Keys with ``a = -0.75``, as `kernels.affine` has it.
    border : {'constant', 'edge', 'reflect', 'wrap'}
        What lies outside: `fill`, the nearest pixel, the image mirrored at its edge pixels, or the
        image again. It is part of what is blended.
    fill : number or sequence of numbers
        For 'constant', one for each channel.

    Returns
    -------
    ndarray
        Of the shape of `rows`, with the channels and dtype of the image.
    """
    height, width, *channels = image.shape
    if border not in BORDERS:
        raise ValueError(f"border has to be one of {', '.join(BORDERS)}, got {border!r}")
    if not height or not width:
        raise ValueError(f"the image of shape {image.shape} has no pixels")
    reach, kernel = _FILTERS[interpolation]
    rows, columns = np.broadcast_arrays(rows, columns)
    # Pixels one after the other, with one more behind them that stands for all outside.
    pixels = image.reshape(height * width, -1)
    if border == "constant":
        outside = np.empty((1, *channels), image.dtype)
        outside[...] = colour(fill, image, "fill")
        pixels = np.concatenate([pixels, outside.reshape(1, -1)])

    def index_of(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        place: NDArray[np.int64] = _inside(row, height, border) * width + _inside(
            column, width, border
        )
        if border == "constant":
            is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            return np.where(is_inside, place, height * width)
        return place

    if interpolation == "nearest":
        index = index_of(*(np.floor(one + 0.5).astype(np.int64) for one in (rows, columns)))
        return pixels[index].reshape(*rows.shape, *channels)

    precision: Any = np.float32 if image.dtype in (np.uint8, np.float16) else np.float64
    # One plane after the other: long runs are added much faster than the channels of a pixel.
    planes = np.ascontiguousarray(pixels.T, dtype=precision)
    total = np.zeros((len(planes), *rows.shape), precision)
    first_row, first_column = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    steps = range(1 - reach, reach + 1)
    across = [kernel(columns - (first_column + step)).astype(precision) for step in steps]
    for down in steps:
        weight_down = kernel(rows - (first_row + down)).astype(precision)
        for right, weight_across in zip(steps, across, strict=True):
            weight = weight_down * weight_across
            index = index_of(first_row + down, first_column + right)
            for plane, sums in zip(planes, total, strict=True):
                part = np.take(plane, index)
                if image.dtype.kind == "f":
                    # What has no weight does not count, NaN neither.
                    part[weight == 0] = 0
                part *= weight
                sums += part
    made = np.moveaxis(total, 0, -1).reshape(*rows.shape, *channels)
    return converted(made, image.dtype)


def _linear(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - np.abs(distance))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    a = -0.75
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


_FILTERS: dict[str, tuple[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "nearest": (1, _linear),
    "bilinear": (1, _linear),
    "bicubic": (2, _cubic),
}


def _inside(index: NDArray[np.int64], length: int, border: str) -> NDArray[np.int64]:
    """Give the pixels that stand for those outside."""
    if border == "wrap":
        return index % length
    if border == "reflect" and length > 1:
        period = 2 * (length - 1)
        index = index % period
        return np.minimum(index, period - index)
    return np.clip(index, 0, length - 1)
