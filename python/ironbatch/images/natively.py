"""Kernels that do what actions on images do, for all items at once.

Each function gets what is known of the images, and the arguments of the action, in which a value
may be one for each item. It gives None where no kernel does the same; what it raises makes the
function of one image run, which says what is wrong with which item.

In a pipeline, actions that follow one another run in one pass over the items. Then nobody knows the
images that an action gets before the pass: only what does not depend on their shape is done so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch import kernels
from ironbatch.actions.arguments import has_item_values
from ironbatch.images.boxes import is_random, place_of, scaled_size, shape_of, sides_of, size_of
from ironbatch.images.known import Images
from ironbatch.images.mapping import affine_matrix, known_method, rotation
from ironbatch.images.pixels import (
    dtype_range,
    number_of,
)
from ironbatch.images.sampling import SAMPLING, interpolation_for
from ironbatch.kernels.distributions import BoundDistribution
from ironbatch.namedexpr.per_item import PerItem

__all__ = [
    "add",
    "additive_noise",
    "clip",
    "crop",
    "cutout",
    "flip",
    "invert",
    "multiplicative_noise",
    "multiply",
    "pad",
    "patches",
    "resize",
    "rotate",
    "salt",
    "scale",
    "transform",
]

Values = Mapping[str, Any]


def crop(images: Images, values: Values) -> Any:
    """Cut boxes out."""
    if values["crop_boundaries"] is not False:
        return None
    origin, shape = values["origin"], values["shape"]
    if is_random(origin) and not has_item_values(shape):
        size = shape_of(shape)
        if not images.are_larger(size):
            raise ValueError("a box is larger than an image")
        return kernels.random_crop.bind(size=size)
    if images.component is None:
        return _crop_unseen(origin, shape)

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

    sizes, origins = images.compute(values, ("shape", "origin"), box)
    return kernels.crop.bind(size=sizes, origin=origins)


def _crop_unseen(origin: Any, shape: Any) -> Any:
    if has_item_values(origin) or has_item_values(shape):
        return None
    size = shape_of(shape)
    if isinstance(origin, str):
        return kernels.center_crop.bind(size=size) if origin == "center" else None
    place = _fixed_place(origin)
    return None if place is None else kernels.crop.bind(size=size, origin=place)


def _fixed_place(origin: Any) -> tuple[int, int] | None:
    """Give the place of a box that is the same in all images, if it is."""
    if isinstance(origin, str) or has_item_values(origin):
        return None
    # A share of the room there is, or a place.
    places = {place_of(origin, (0, 0), (room, room)) for room in (0, 10**9)}
    return places.pop() if len(places) == 1 else None


def cutout(images: Images, values: Values) -> Any:
    """Fill boxes with a colour."""
    origin, shape = values["origin"], values["shape"]
    color = images.numbers_of(values["color"])
    if color is None:
        return None
    if has_item_values(origin) or has_item_values(shape):
        known = None
    else:
        size = shape_of(shape)
        if is_random(origin):
            # In a smaller image the box begins at its beginning.
            made = kernels.cutout.bind(size=size, color=color)
            return made if images.are_larger(size) else None
        known = _fixed_place(origin)
        if known is not None:
            return kernels.cutout.bind(size=size, origin=known, color=color)
    if images.component is None:
        return None

    def box(image: tuple[int, ...], shape: Any, origin: Any) -> tuple[Any, Any]:
        size = shape_of(shape)
        return size, place_of(origin, size, (image[0], image[1]))

    sizes, origins = images.compute(values, ("shape", "origin"), box)
    return kernels.cutout.bind(size=sizes, origin=origins, color=color)


def salt(images: Images, values: Values) -> Any:
    """Put grains at random places."""
    size, share = values["size"], values["p_noise"]
    if any(map(_is_function, (size, values["color"]))) or has_item_values(size):
        return None
    color = images.numbers_of(values["color"])
    if color is None:
        return None
    share = _finite(share, "p_noise")
    return kernels.salt.bind(share=share, color=color, size=shape_of(size, "size"))


def additive_noise(images: Images, values: Values) -> Any:
    """Add noise."""
    return _noise(images, values, kernels.additive_noise)


def multiplicative_noise(images: Images, values: Values) -> Any:
    """Multiply by noise."""
    return _noise(images, values, kernels.multiplicative_noise)


def _noise(images: Images, values: Values, kernel: Any) -> Any:
    noise = values["noise"]
    if values["preserve_type"] is not True:
        return None
    if isinstance(noise, BoundDistribution):
        if images.component is None and has_item_values(noise):
            # Its parameters are drawn before the noise, as all arguments of an action.
            return None
        return _clipped(images, values, kernel.bind(noise))
    if isinstance(noise, PerItem) and any(isinstance(one, BoundDistribution) for one in noise):
        return _clipped(images, values, kernel.bind(distribution=noise))
    # Another function is nothing that kernels draw from.
    if _is_function(noise):
        return None
    return _clipped(images, values, kernel.bind(std=_finite(noise, "noise")))


def rotate(images: Images, values: Values) -> Any:
    """Rotate images."""
    options = _between(images, values)
    expand, center, angle = values["expand"], values["center"], values["angle"]
    if options is None or has_item_values(expand):
        return None
    if center is None and not expand:
        return kernels.rotate.bind(angle=_finite(angle, "angle"), **options)
    if images.component is None:
        return None
    names = ("angle", "center")
    matrices, sizes = images.compute(
        values, names, lambda image, angle, center: rotation(angle, image, expand, center)
    )
    return _warped(matrices, sizes, options)


def transform(images: Images, values: Values) -> Any:
    """Move pixels by a mapping."""
    options = _between(images, values)
    if options is None or images.component is None:
        return None

    def mapped(image: tuple[int, ...], method: Any, data: Any, size: Any) -> tuple[Any, Any]:
        known = (image[0], image[1]) if size is None else size_of(size, image)
        matrix = affine_matrix(*known_method(method, data), known)
        if matrix is None:
            raise ValueError("no kernel does that")
        return matrix, known

    matrices, sizes = images.compute(values, ("method", "data", "size"), mapped)
    return _warped(matrices, sizes, options)


def _between(images: Images, values: Values) -> dict[str, Any] | None:
    """Give how kernels take pixels from between pixels."""
    given = (values["interpolation"], values["border"])
    if any(map(has_item_values, given)) or not images.can_have(values["fill"]):
        return None
    return {
        "interpolation": interpolation_for(given[0], images.src, SAMPLING),
        "border": given[1],
        "fill": float(values["fill"]),
    }


def _warped(matrix: Any, size: Any, options: Mapping[str, Any]) -> Any:
    # Results of one size, whatever the items are.
    return (
        None if has_item_values(size) else kernels.affine.bind(matrix=matrix, size=size, **options)
    )


def resize(images: Images, values: Values) -> Any:
    """Give images other sizes."""
    if images.component is None:
        size = values["size"]
        if has_item_values(size) or (np.ndim(size) and None in size):
            return None
        return _resized(images, values, list(shape_of(size, "size")))
    (sizes,) = images.compute(values, ("size",), lambda image, size: (size_of(size, image),))
    return _resized(images, values, sizes)


def scale(images: Images, values: Values) -> Any:
    """Give images sizes that are a multiple of their own."""
    if images.component is None or values["preserve_shape"] is not False:
        return None
    (sizes,) = images.compute(values, ("factor",), lambda image, by: (scaled_size(by, image),))
    return _resized(images, values, sizes)


def _resized(images: Images, values: Values, size: Any) -> Any:
    if has_item_values(values["interpolation"]) or has_item_values(values["antialias"]):
        return None
    return kernels.resize.bind(
        size=size,
        interpolation=interpolation_for(values["interpolation"], images.src),
        antialias=values["antialias"],
    )


def pad(images: Images, values: Values) -> Any:
    """Add a border."""
    border, fill = values["border"], values["fill"]
    if has_item_values(values["mode"]) or not images.can_have(fill):
        return None
    if images.component is None:
        if has_item_values(border):
            return None
        before, after = map(list, sides_of(border))
    else:
        before, after = images.compute(values, ("border",), lambda image, border: sides_of(border))
    return kernels.pad.bind(before=before, after=after, mode=values["mode"], value=float(fill))


def flip(images: Images, values: Values) -> Any:
    """Mirror images."""
    axis = {"lr": "horizontal", "ud": "vertical"}.get(values["mode"], values["mode"])
    return kernels.flip.bind(axis=axis) if axis in ("horizontal", "vertical") else None


def invert(images: Images, values: Values) -> Any:
    """Make negatives."""
    every = isinstance(values["channels"], str) and values["channels"] == "all"
    return kernels.invert.bind() if every else None


def clip(images: Images, values: Values) -> Any:
    """Keep pixels within bounds."""
    bounds = values["low"], values["high"]
    if not all(map(_is_number, bounds)):
        return None
    return kernels.clip.bind(low=bounds[0], high=bounds[1])


def patches(images: Images, values: Values) -> Any:
    """Cut images into boxes."""
    given = (values["patch_shape"], values["stride"], values["drop_last"])
    if images.component is None or any(map(has_item_values, given)):
        return None
    size, stride = shape_of(given[0], "patch_shape"), shape_of(given[1], "stride")
    shapes = set(images.shapes)
    if any(box > length for shape in shapes for box, length in zip(size, shape, strict=False)):
        raise ValueError("a box does not lie within an image")
    exact = all(
        (length - box) % step == 0
        for shape in shapes
        for length, box, step in zip(shape, size, stride, strict=False)
    )
    return kernels.patches.bind(size=size, stride=stride) if given[2] or exact else None


def multiply(images: Images, values: Values) -> Any:
    """Multiply pixels."""
    return _scale_shift(images, values, "scale", values["multiplier"])


def add(images: Images, values: Values) -> Any:
    """Add to pixels."""
    return _scale_shift(images, values, "shift", values["term"])


def _scale_shift(images: Images, values: Values, name: str, number: Any) -> Any:
    keeps = values["preserve_type"]
    if not _is_number(number) or has_item_values(keeps):
        return None
    made = kernels.scale_shift.bind(**{name: number}, dtype=None if keeps else np.float32)
    return _clipped(images, values, made)


def _clipped(images: Images, values: Values, made: Any) -> Any:
    if has_item_values(values["clip"]):
        return None
    if not values["clip"]:
        return made
    if images.component is None:
        return None
    # An integer dtype keeps values within it by itself.
    if values["preserve_type"] and images.component.dtype.kind in "iu":
        return made
    low, high = dtype_range(images.component.dtype)
    return kernels.chain(made, kernels.clip.bind(low=low, high=high))


def _is_number(value: Any) -> bool:
    """Tell whether something is a number, or has one for each item."""
    if isinstance(value, PerItem):
        return all(np.ndim(one) == 0 for one in value)
    if has_item_values(value):
        # Not evaluated yet.
        return True
    is_number = isinstance(value, int | float | np.integer | np.floating)
    return is_number and not isinstance(value, bool)


def _is_function(value: Any) -> bool:
    # An expression may be called too.
    return callable(value) and not has_item_values(value)


def _finite(value: Any, name: str) -> Any:
    """Give a finite number, or numbers for items; anything else raises."""
    if not has_item_values(value):
        return number_of(value, name)
    if not _is_number(value):
        raise ValueError(f"{name} has no number for each item")
    return value
