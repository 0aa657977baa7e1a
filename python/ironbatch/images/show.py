"""Images in a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns_of
from ironbatch.errors import ComponentError
from ironbatch.extras import need
from ironbatch.images.pixels import as_image, whole_numbers

__all__ = ["show_images"]

#: Width of an image in the grid.
_INCHES = 2.5


def show_images(
    batch: Any,
    src: str,
    n: int,
    *,
    columns: int,
    titles: str | Sequence[Any] | None,
    masks: str | None,
    figure: Any,
) -> Any:
    """Do what `ImagesBatch.show` does."""
    (n,), (columns,) = (
        whole_numbers([n], "n", least=1),
        whole_numbers([columns], "columns", least=1),
    )
    images = _first(batch, src, n)
    overlays = None if masks is None else _first(batch, masks, n)
    texts = _titles(batch, titles, len(images))
    width = max(1, min(columns, len(images)))
    height = max(1, math.ceil(len(images) / width))
    rows = [slice(width * at, width * (at + 1)) for at in range(height)]
    inches = [_inches(images[row], None if texts is None else texts[row]) for row in rows]
    if figure is None:
        pyplot = need("matplotlib.pyplot", extra="plots", what="show")
        figure = pyplot.figure(figsize=(_INCHES * width, sum(inches)), layout="constrained")
    shares = {"height_ratios": inches}
    axes = figure.subplots(height, width, squeeze=False, gridspec_kw=shares).ravel()
    for axis in axes:
        axis.set_axis_off()
    for at, image in enumerate(images):
        picture = _visible(image)
        axes[at].imshow(picture, cmap="gray" if picture.ndim == 2 else None)
        if overlays is not None:
            mask = as_image(overlays[at])
            mask = (mask if mask.ndim == 2 else mask.any(axis=2)) != 0
            axes[at].imshow(np.ma.masked_equal(mask, False), cmap="cool", alpha=0.5, vmin=0, vmax=1)
        if texts is not None:
            axes[at].set_title(texts[at], fontsize="small")
    return figure


def _inches(images: Sequence[Any], texts: Sequence[str] | None) -> float:
    """Say how high a row is: as the images in it are, within reason, and their titles."""
    sides = [as_image(image).shape for image in images]
    ratio = max((side[0] / max(1, side[1]) for side in sides), default=1.0)
    lines = 0 if texts is None else max((text.count("\n") + 1 for text in texts), default=0)
    return _INCHES * min(max(ratio, 0.2), 3.0) + 0.1 + 0.17 * lines


def _first(batch: Any, name: str, n: int) -> list[Any]:
    component = getattr(batch, name, None) if isinstance(name, str) else None
    if component is None:
        raise ComponentError(f"there is no component {name!r} with images to show")
    count = min(n, len(batch))
    return list(columns_of.items_of(columns_of.take(component, slice(0, count))))


def _titles(batch: Any, titles: str | Sequence[Any] | None, n: int) -> list[str] | None:
    if titles is None:
        return None
    values: Any = titles
    if isinstance(titles, str):
        values = getattr(batch, titles, None)
        if values is None:
            if titles == "labels":
                return None
            raise ComponentError(f"there is no component {titles!r} for titles")
    if len(values) < n:
        raise ValueError(f"titles has {len(values)} values for {n} images")
    return [str(values[at]) for at in range(n)]


def _visible(image: Any) -> NDArray[Any]:
    """Give an image as matplotlib draws it."""
    picture = as_image(image)
    if picture.ndim == 3 and picture.shape[2] in (1, 2):
        picture = picture[:, :, 0]
    if picture.ndim == 2:
        return picture.astype(np.float64) if picture.dtype.kind in "bf" else picture
    if picture.shape[2] > 4:
        picture = picture[:, :, :3]
    if picture.dtype == np.uint8:
        return picture
    values = picture.astype(np.float64)
    inside = values.size and np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1
    if picture.dtype.kind == "f" and inside:
        return values
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    return np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1)
