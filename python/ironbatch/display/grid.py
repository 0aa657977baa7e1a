"""Items in a grid: images, images under masks, signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.display.preview import first_values
from ironbatch.errors import ComponentError
from ironbatch.extras import need

__all__ = ["component_of", "show_items", "whole_number"]

#: Width of an item in the grid.
_INCHES = 2.5

#: How high a signal is beside its width.
_SIGNAL = 0.6


def show_items(
    batch: Any,
    src: str | None,
    n: int,
    *,
    kind: str | None,
    columns: int,
    titles: str | Sequence[Any] | None,
    masks: str | None,
    figure: Any,
) -> Any:
    """Do what `Batch.show` does."""
    n, columns = whole_number(n, "n"), whole_number(columns, "columns")
    if kind not in (None, "image", "signal"):
        raise ValueError(f"kind must be 'image' or 'signal', got {kind!r}")
    name = _drawable(batch) if src is None else src
    items = first_values(component_of(batch, name), n)
    kinds = [_kind(item, kind, name) for item in items]
    overlays = None if masks is None else first_values(component_of(batch, masks), n)
    texts = _titles(batch, titles, len(items))
    width = max(1, min(columns, len(items)))
    height = max(1, math.ceil(len(items) / width))
    rows = [slice(width * at, width * (at + 1)) for at in range(height)]
    inches = [
        _inches(items[row], kinds[row], None if texts is None else texts[row]) for row in rows
    ]
    if figure is None:
        pyplot = need("matplotlib.pyplot", extra="plots", what="show")
        figure = pyplot.figure(figsize=(_INCHES * width, sum(inches)), layout="constrained")
    shares = {"height_ratios": inches}
    axes = figure.subplots(height, width, squeeze=False, gridspec_kw=shares).ravel()
    for axis in axes[len(items) :]:
        axis.set_axis_off()
    for at, item in enumerate(items):
        mask = None if overlays is None else overlays[at]
        if kinds[at] == "image":
            _draw_image(axes[at], item, mask)
        else:
            _draw_signal(axes[at], np.asarray(item), mask)
        if texts is not None:
            axes[at].set_title(texts[at], fontsize="small")
    return figure


def whole_number(value: Any, name: str) -> int:
    """Check a number that has to be whole and at least 1."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ValueError(f"{name} has to be a whole number of at least 1, got {value!r}")


def component_of(batch: Any, name: Any) -> Any:
    """Give a component that has data.

    Raises
    ------
    ComponentError
        If there is none.
    """
    component = getattr(batch, name, None) if isinstance(name, str) else None
    if component is None:
        known = ", ".join(batch.components or ()) or "none"
        raise ComponentError(
            f"there is no component {name!r} with items to show; the components are {known}"
        )
    return component


def _drawable(batch: Any) -> str:
    """Give the name of the first component whose items are images or signals."""
    for name in batch.components or ():
        component = getattr(batch, name)
        if component is None or not len(component):
            continue
        (first,) = first_values(component, 1)
        if _axes(first) > 0:
            return str(name)
    raise ComponentError(
        f"{type(batch).__name__} has no component whose items are images or signals; name one "
        "with src=, or draw distributions with plot()"
    )


def _axes(item: Any) -> int:
    """Give the axes of an item that can be drawn, 0 for others."""
    if type(item).__module__.startswith("PIL."):
        return 2
    if isinstance(item, np.ndarray) and item.dtype.kind in "buifc":
        return item.ndim
    return 0


def _kind(item: Any, kind: str | None, name: str | None) -> str:
    axes = _axes(item)
    fits = axes in ((1, 2) if kind == "signal" else (2, 3) if kind == "image" else (1, 2, 3))
    if not fits:
        shape = getattr(item, "shape", None)
        what = f"of shape {shape}" if shape is not None else f"of type {type(item).__name__}"
        raise ComponentError(
            f"component {name!r}: items {what} cannot be drawn as {kind or 'images or signals'}; "
            "plot() draws distributions of values"
        )
    return kind or ("signal" if axes == 1 else "image")


def _inches(items: Sequence[Any], kinds: Sequence[str], texts: Sequence[str] | None) -> float:
    """Say how high a row is: as the images in it are, within reason, and their titles."""
    ratios = []
    for item, kind in zip(items, kinds, strict=True):
        if kind == "signal":
            ratios.append(_SIGNAL)
        else:
            high, wide = _pixels(item).shape[:2]
            ratios.append(high / max(1, wide))
    lines = 0 if texts is None else max((text.count("\n") + 1 for text in texts), default=0)
    return _INCHES * min(max(*ratios, 0.2, 0.2), 3.0) + 0.1 + 0.17 * lines


def _titles(batch: Any, titles: str | Sequence[Any] | None, n: int) -> list[str] | None:
    if titles is None:
        return None
    values: Any = titles
    if isinstance(titles, str):
        values = getattr(batch, titles, None)
        if values is None or callable(values):
            if titles == "labels":
                return None
            raise ComponentError(f"there is no component {titles!r} for titles")
    if len(values) < n:
        raise ValueError(f"titles has {len(values)} values for {n} items")
    return [str(values[at]) for at in range(n)]


def _draw_signal(axis: Any, signal: NDArray[Any], mask: Any) -> None:
    values = signal if signal.ndim == 1 or signal.shape[0] >= signal.shape[1] else signal.T
    axis.plot(np.abs(values) if values.dtype.kind == "c" else values, linewidth=1)
    axis.tick_params(labelsize="x-small")
    if mask is not None:
        low, high = axis.get_ylim()
        there = np.asarray(mask) != 0
        axis.fill_between(np.arange(len(there)), low, high, where=there, alpha=0.25, color="m")
        axis.set_ylim(low, high)


def _draw_image(axis: Any, image: Any, mask: Any) -> None:
    picture = _visible(_pixels(image))
    axis.set_axis_off()
    axis.imshow(picture, cmap="gray" if picture.ndim == 2 else None)
    if mask is not None:
        over = _pixels(mask)
        over = (over if over.ndim == 2 else over.any(axis=2)) != 0
        axis.imshow(np.ma.masked_equal(over, False), cmap="cool", alpha=0.5, vmin=0, vmax=1)


def _pixels(image: Any) -> NDArray[Any]:
    """Give rows and columns, maybe with channels behind."""
    from ironbatch.images.pixels import as_image

    array = as_image(image)
    if array.ndim == 3 and array.shape[2] > 4 and array.shape[0] in (1, 3, 4):
        return np.moveaxis(array, 0, 2)
    return array


def _visible(picture: NDArray[Any]) -> NDArray[Any]:
    """Give an image as matplotlib draws it."""
    if picture.dtype.kind == "c":
        picture = np.abs(picture)
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
