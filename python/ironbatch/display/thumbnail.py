"""Items as small pictures within a page."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_picture", "curve", "image_tag", "png"]

_SIDE = 56
"""Pixels of a thumbnail at most, on its longer side."""


def as_picture(item: Any, side: int = _SIDE) -> NDArray[np.uint8] | None:
    """Give every so-many-th pixel of an item, in grey or colours.

    Parameters
    ----------
    item : ndarray
        Rows and columns, maybe with channels behind or in front; of more axes, such as a volume,
        the middle of the first ones.
    side : int
        How many pixels the longer side has at most.

    Returns
    -------
    ndarray of uint8, shape (rows, columns) or (rows, columns, 3 or 4), or None
        Numbers other than uint8 are spread from the least to the largest one shown; None if it is
        no picture.
    """
    array = np.asarray(item)
    if array.dtype.kind not in "buifc" or not array.size:
        return None
    while array.ndim > 3 or (array.ndim == 3 and not _channels(array)):
        array = array[len(array) // 2]
    if array.ndim == 3 and array.shape[2] > 4:
        array = np.moveaxis(array, 0, 2)
    if array.ndim < 2:
        return None
    step = max(1, -(-max(array.shape[:2]) // side))
    array = array[::step, ::step]
    if array.ndim == 3 and array.shape[2] < 3:
        array = array[:, :, 0]
    return _as_bytes(array)


def _channels(array: NDArray[Any]) -> bool:
    return array.shape[2] <= 4 or array.shape[0] in (1, 3, 4)


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    values = np.abs(array) if array.dtype.kind == "c" else array
    values = values.astype(np.float64)
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    # Halves, since the width of a range of the largest floats is none of them.
    width = high / 2 - low / 2
    with np.errstate(all="ignore"):
        spread = (values / 2 - low / 2) / width * 255 if width > 0 else values * 0
    return np.nan_to_num(spread, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Write a picture as PNG.

    Parameters
    ----------
    picture : ndarray of uint8, shape (rows, columns) or (rows, columns, 3 or 4)
        In grey, RGB or RGBA.

    Examples
    --------
    >>> png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    rows, columns = picture.shape[:2]
    kind = {1: 0, 3: 2, 4: 6}[1 if picture.ndim == 2 else picture.shape[2]]
    lines = np.ascontiguousarray(picture).reshape(rows, -1)
    # Each line begins with the number of its filter, which is none.
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), lines], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def image_tag(picture: NDArray[np.uint8], side: int = _SIDE) -> str:
    """Give a picture as HTML, with its pixels in it."""
    rows, columns = picture.shape[:2]
    scale = side / max(rows, columns)
    width, height = max(1, round(columns * scale)), max(1, round(rows * scale))
    data = b64encode(png(picture)).decode("ascii")
    return (
        f'<img alt="" width="{width}" height="{height}" src="data:image/png;base64,{data}" '
        'style="image-rendering:pixelated;margin:0 4px 0 0;vertical-align:middle">'
    )


def curve(item: Any, width: int = 96, height: int = 28) -> str | None:
    """Give a signal as a small line, as HTML; None if there is nothing to draw.

    Parameters
    ----------
    item : ndarray, shape (n,)
        Its values; a gap where they are not finite.
    width, height : int
        Pixels.
    """
    values = np.asarray(item)
    if values.dtype.kind not in "buif" or values.ndim != 1 or len(values) < 2:
        return None
    values = values[:: -(-len(values) // width)].astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return None
    low, high = values[finite].min(), values[finite].max()
    half = high / 2 - low / 2
    across = np.linspace(1, width - 1, len(values))
    down = np.full(len(values), height / 2)
    if half > 0:
        down[finite] = 2 + (height - 4) * (high / 2 - values[finite] / 2) / half
    path = ""
    pen = "M"
    for x, y, there in zip(across, down, finite, strict=True):
        if there:
            path += f"{pen}{x:.1f} {y:.1f}"
        pen = "L" if there else "M"
    return (
        f'<svg width="{width}" height="{height}" style="margin-right:6px;vertical-align:middle">'
        f'<path d="{path}" fill="none" stroke="#4a90d9" stroke-width="1.2"></path></svg>'
    )
