"""Kernels that do what actions on images do, for all items at once.

Each function gets the batch, the component, its name and the arguments of the action, in which a
value may be one for each item. It gives None where no kernel does the same; what it raises makes
the function of one image run, which says what is wrong with which item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns
from ironbatch import kernels
from ironbatch.actions.arguments import has_item_values
from ironbatch.images.acting import per_item
from ironbatch.images.boxes import place_of, scaled_size, shape_of, sides_of, size_of
from ironbatch.images.pixels import colour, dtype_range
from ironbatch.images.sampling import interpolation_for

__all__ = ["add", "clip", "crop", "flip", "invert", "multiply", "pad", "patches", "resize", "scale"]

Values = Mapping[str, Any]


def crop(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Cut boxes out."""
    if values["crop_boundaries"] is not False:
        return None

    def box(
        image: tuple[int, ...], shape: Any, origin: Any
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        size = shape_of(shape)
        first = place_of(origin, size, (image[0], image[1]))
        if any(
            at < 0 or at + length > side
            for at, length, side in zip(first, size, image, strict=False)
        ):
            raise ValueError("a box does not lie within an image")
        return size, first

    sizes, origins = _for_items(batch, component, values, ("shape", "origin"), box)
    return kernels.crop.bind(size=sizes, origin=origins)


def resize(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Give images other sizes."""
    return _resize(
        batch, component, src, values, ("size",), lambda image, size: (size_of(size, image),)
    )


def scale(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Give images sizes that are a multiple of their own."""
    if values["preserve_shape"] is not False:
        return None
    return _resize(
        batch, component, src, values, ("factor",), lambda image, by: (scaled_size(by, image),)
    )


def _resize(
    batch: Any,
    component: Any,
    src: Any,
    values: Values,
    names: tuple[str, ...],
    compute: Callable[..., tuple[Any, ...]],
) -> Any:
    if has_item_values(values["interpolation"]) or has_item_values(values["antialias"]):
        return None
    (sizes,) = _for_items(batch, component, values, names, compute)
    return kernels.resize.bind(
        size=sizes,
        interpolation=interpolation_for(values["interpolation"], src),
        antialias=values["antialias"],
    )


def pad(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Add a border."""
    fill = values["fill"]
    if has_item_values(values["mode"]) or has_item_values(fill) or np.ndim(fill):
        return None
    colour(fill, _pixel(component), "fill")
    before, after = _for_items(
        batch, component, values, ("border",), lambda image, border: sides_of(border)
    )
    return kernels.pad.bind(before=before, after=after, mode=values["mode"], value=float(fill))


def flip(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Mirror images."""
    axis = {"lr": "horizontal", "ud": "vertical"}.get(values["mode"], values["mode"])
    return kernels.flip.bind(axis=axis) if axis in ("horizontal", "vertical") else None


def invert(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Make negatives."""
    every = isinstance(values["channels"], str) and values["channels"] == "all"
    return kernels.invert.bind() if every else None


def clip(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Keep pixels within bounds."""
    low, high = _numbers(values["low"]), _numbers(values["high"])
    return None if low is None or high is None else kernels.clip.bind(low=low, high=high)


def patches(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Cut images into boxes."""
    given = (values["patch_shape"], values["stride"], values["drop_last"])
    if any(map(has_item_values, given)):
        return None
    size = shape_of(given[0], "patch_shape")
    shapes = set(_shapes(component))
    stride = shape_of(given[1], "stride")
    if any(box > length for shape in shapes for box, length in zip(size, shape, strict=False)):
        raise ValueError("a box does not lie within an image")
    exact = all(
        (length - box) % step == 0
        for shape in shapes
        for length, box, step in zip(shape, size, stride, strict=False)
    )
    return kernels.patches.bind(size=size, stride=stride) if given[2] or exact else None


def multiply(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Multiply pixels."""
    return _scale_shift(component, values, "scale", values["multiplier"])


def add(batch: Any, component: Any, src: Any, values: Values) -> Any:
    """Add to pixels."""
    return _scale_shift(component, values, "shift", values["term"])


def _scale_shift(component: Any, values: Values, name: str, number: Any) -> Any:
    number = _numbers(number)
    if number is None or has_item_values(values["clip"]):
        return None
    keeps = values["preserve_type"]
    if has_item_values(keeps):
        return None
    made = kernels.scale_shift.bind(
        **{name: number}, dtype=component.dtype if keeps else np.float32
    )
    # An integer dtype keeps values within it by itself.
    if not values["clip"] or (keeps and component.dtype.kind in "iu"):
        return made
    low, high = dtype_range(component.dtype)
    return kernels.chain(made, kernels.clip.bind(low=low, high=high))


def _numbers(value: Any) -> Any:
    """Give a number, or numbers for items, as they are; None for anything else."""
    single = isinstance(value, int | float | np.integer | np.floating)
    if single and not isinstance(value, bool):
        return value
    if has_item_values(value) and all(np.ndim(one) == 0 for one in value):
        return value
    return None


def _pixel(component: Any) -> NDArray[Any]:
    channels = next(iter(_shapes(component)), (1, 1))[2:]
    return np.empty((1, 1, *channels), component.dtype)


def _shapes(component: Any) -> list[tuple[int, ...]]:
    if isinstance(component, columns.Ragged):
        return list(map(tuple, component.shapes.tolist()))
    return [component.shape[1:]] * len(component)


def _for_items(
    batch: Any,
    component: Any,
    values: Values,
    names: tuple[str, ...],
    compute: Callable[..., tuple[Any, ...]],
) -> list[Any]:
    """Compute parameters of a kernel: once if all items are alike, else for each item."""
    shapes = _shapes(component)
    given = [values[name] for name in names]
    varying = [has_item_values(value) for value in given]
    if not any(varying) and len(set(shapes)) == 1:
        return [list(one) for one in compute(shapes[0], *given)]
    rows = [
        compute(
            shape,
            *(value[at] if varies else value for value, varies in zip(given, varying, strict=True)),
        )
        for at, shape in enumerate(shapes)
    ]
    if not rows:
        raise ValueError("there are no items")
    return [
        list(column[0]) if len(set(column)) == 1 else per_item([list(one) for one in column], batch)
        for column in zip(*rows, strict=True)
    ]
