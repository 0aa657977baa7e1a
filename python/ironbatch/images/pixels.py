"""What an image is: an array of rows, columns and, maybe, channels."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ironbatch.extras import need

__all__ = [
    "KERNEL_DTYPES",
    "as_array",
    "as_image",
    "as_pillow",
    "colour",
    "converted",
    "dtype_range",
    "is_pillow",
    "number_of",
    "pair",
    "pillow",
    "through_pillow",
    "whole_numbers",
]

#: Dtypes of images that kernels take.
KERNEL_DTYPES = frozenset(map(np.dtype, ("u1", "i2", "u2", "f4", "f8")))

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pillow(what: str, module: str = "PIL.Image") -> Any:
    """Import a module of Pillow."""
    need("PIL", extra="images", what=what)
    return need(module, extra="images", what=what)


def is_pillow(value: Any) -> bool:
    """Tell whether something is an image of Pillow, which is not imported for that."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def as_array(image: Any) -> NDArray[Any]:
    """Turn an image of Pillow, or anything like an array, into an array."""
    if is_pillow(image) and image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return np.asarray(image)


def as_image(image: Any) -> NDArray[Any]:
    """Turn an item into an array of rows and columns, with or without channels.

    Raises
    ------
    ValueError
        If it has another number of axes.
    """
    array = as_array(image)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"an image has rows and columns, maybe with channels behind; this has shape "
            f"{array.shape}"
        )
    return array


def as_pillow(image: Any, mode: str | None = None, what: str = "an image of Pillow") -> Any:
    """Turn an array into an image of Pillow.

    Raises
    ------
    ValueError
        If Pillow has no images of that dtype and number of channels.
    """
    if is_pillow(image):
        return image if mode in (None, image.mode) else image.convert(mode)
    module = pillow(what)
    array = as_image(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.dtype == np.bool_ and channels == 1:
        made = module.fromarray(array)
    elif (channels in _MODES if array.dtype == np.uint8 else channels == 1) and (
        array.dtype in (np.uint8, np.uint16, np.int32, np.float32)
    ):
        made = module.fromarray(np.ascontiguousarray(array))
    else:
        raise ValueError(
            f"{what} needs uint8 with 1 to 4 channels, or one channel of bool, uint16, int32 or "
            f"float32; the image is {array.dtype} of shape {array.shape}"
        )
    return made if mode in (None, made.mode) else made.convert(mode)


def through_pillow(image: Any, function: Callable[[Any], Any], what: str) -> NDArray[Any]:
    """Apply a function of Pillow's images; rank and dtype stay.

    Raises
    ------
    ValueError
        If the image is not uint8 with 1 to 4 channels.
    """
    array = as_image(image)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.dtype != np.uint8 or channels not in _MODES:
        raise ValueError(
            f"{what} is done by Pillow on uint8 with 1 to 4 channels; the image is {array.dtype} "
            f"of shape {array.shape}"
        )
    if not array.size:
        raise ValueError(f"{what}: the image of shape {array.shape} has no pixels")
    made = np.asarray(function(as_pillow(array, what=what)))
    return made[:, :, np.newaxis] if array.ndim == 3 and made.ndim == 2 else made


def dtype_range(dtype: DTypeLike) -> tuple[float, float]:
    """Give the least and the greatest value of pixels: 0 and 1 for floats."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    return 0, 1


def converted(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Convert computed values: rounded, halves to even, and kept within an integer dtype."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    if dtype.kind == "b":
        return np.asarray(values >= 0.5)
    if dtype.kind in "iu":
        if values.dtype.kind == "f":
            values = np.nan_to_num(np.rint(values), nan=0.0)
            low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
            if dtype.itemsize <= 2:
                return np.asarray(np.clip(values, low, high).astype(dtype))
            # The largest float below 2**63 is not its neighbour: compare before casting.
            inside = np.clip(values, low, high)
            made = np.where(inside >= float(high), high, 0).astype(dtype)
            below = inside < float(high)
            made[below] = inside[below].astype(dtype)
            return made
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        return np.asarray(np.clip(values, low, high).astype(dtype))
    return values.astype(dtype)


def number_of(value: Any, name: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    """Give a finite number within bounds.

    Raises
    ------
    ValueError
        If it is none; with the name of the parameter.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if is_number and math.isfinite(value) and least <= value <= most:
        return float(value)
    bounds = f" from {least} to {most}" if math.isfinite(most) else ""
    if not bounds and math.isfinite(least):
        bounds = f" of at least {least}"
    several = " (one for each item goes into P(...))" if np.ndim(value) else ""
    raise ValueError(f"{name} has to be a finite number{bounds}{several}; got {value!r}")


def pair(value: Any, name: str) -> tuple[Any, Any]:
    """Give the values for rows and for columns: one for both, or two.

    Raises
    ------
    ValueError
        If there are more or fewer than two.
    """
    if value is None or np.ndim(value) == 0:
        return value, value
    parts = tuple(value)
    if len(parts) != 2:
        raise ValueError(
            f"{name} has to be one number, or one for rows and one for columns; got {value!r}"
        )
    return parts


def colour(value: Any, image: NDArray[Any], name: str) -> NDArray[Any]:
    """Give a colour in the dtype of an image: a number, or one for each channel.

    Raises
    ------
    ValueError
        If there is not one number for each channel, or one does not fit the dtype.
    """
    given = np.asarray(value)
    channels = () if image.ndim == 2 else image.shape[2:]
    if given.ndim > 1 or given.dtype.kind not in "biuf":
        raise ValueError(f"{name} has to be a number, or one for each channel; got {value!r}")
    if given.ndim and given.shape != channels and given.shape != (1,):
        count = channels[0] if channels else 1
        raise ValueError(
            f"{name} has {given.size} numbers, and the image has {count} channel(s): {value!r}; "
            "give one number, or one for each channel"
        )
    low, high = dtype_range(image.dtype)
    if image.dtype.kind in "iu" and not bool(np.all((given >= low) & (given <= high))):
        raise ValueError(f"{name}={value!r} does not fit {image.dtype}, from {low} to {high}")
    return converted(given.astype(np.float64) if given.dtype.kind == "f" else given, image.dtype)


def whole_numbers(values: Sequence[Any], name: str, *, least: int) -> Any:
    """Give whole numbers as a tuple of ints, none below the least.

    Raises
    ------
    ValueError
        If not; with the name of the parameter.
    """
    made = []
    for value in values:
        whole = isinstance(value, int | np.integer) or (
            isinstance(value, float | np.floating) and float(value).is_integer()
        )
        if isinstance(value, bool | np.bool_) or not whole or int(value) < least:
            raise ValueError(
                f"{name} has to be whole numbers, at least {least}; got {tuple(values)!r}"
            )
        made.append(int(value))
    return tuple(made)
