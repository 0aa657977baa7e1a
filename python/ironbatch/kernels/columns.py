"""Columns as kernels read and write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.kernels.raised import raised

if TYPE_CHECKING:
    from ironbatch.components import Component

__all__ = [
    "Spec",
    "allocating",
    "as_columns",
    "as_components",
    "as_input",
    "error_of",
    "gathered",
    "lay_out",
    "room",
    "usable",
]

Spec = tuple[np.dtype[Any], tuple[int, ...]]
_KINDS: dict[str, type[Exception]] = {
    "panic": RuntimeError,
    "type": TypeError,
    "value": ValueError,
    "timeout": TimeoutError,
}


def as_columns(components: Sequence[Component]) -> list[Any] | None:
    """Give components as the compiled side takes them; None if one is of objects or text."""
    columns = [_column(one) for one in components]
    return None if any(column is None for column in columns) else columns


def as_components(
    outputs: Sequence[tuple[NDArray[Any], Any]],
    name: str | None,
    growing: Sequence[bool | None] = (),
) -> list[Component]:
    """Give what the compiled side has made as components.

    Parameters
    ----------
    outputs : sequence
        For each output an array, and offsets and shapes if it is ragged.
    name : str or None
        The components' name.
    growing : sequence, optional
        For each output whether it grows, and if so, whether it is bytes: `NativeKernel.growing`.
    """
    from ironbatch.components import Bytes, Dense, Ragged

    made: list[Component] = []
    for number, (array, lists) in enumerate(outputs):
        if lists is None:
            made.append(Dense.of(array, name))
        elif number < len(growing) and growing[number]:
            made.append(Bytes(array, lists[0], name=name))
        else:
            made.append(Ragged(array, *lists, name=name))
    return made


def allocating(kernel: str) -> Callable[[str, tuple[int, ...]], NDArray[Any]]:
    """Give what allocates outputs of a kernel for the compiled side."""

    def allocate(dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        return room(kernel, shape, np.dtype(dtype)).view(np.ndarray)

    return allocate


def room(kernel: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Allocate an array for a kernel, which errors about impossible shapes name."""
    from ironbatch.components import empty

    try:
        return empty(shape, dtype)
    except ValueError as error:
        raise ValueError(f"{kernel}: {error}") from None


def _column(component: Component) -> Any:
    """Give a column as the compiled side takes it; None for objects and text."""
    from ironbatch.components import Bytes, Ragged

    if isinstance(component, np.ndarray):
        return None if component.dtype.kind == "O" else usable(component.view(np.ndarray))
    if isinstance(component, Ragged):
        values = usable(np.asarray(component.values))
        return np.ascontiguousarray(values), component.offsets, component.shapes
    if isinstance(component, Bytes):
        offsets = component.offsets
        return component.data, offsets, np.diff(offsets)[:, np.newaxis]
    return None


def as_input(item: Any) -> NDArray[Any]:
    """Give an item as an array that a kernel can read: bytes are numbers of one byte."""
    if isinstance(item, bytes | bytearray):
        return np.frombuffer(item, dtype=np.uint8)
    return usable(np.asarray(item))


def usable(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself if a kernel can read its elements in place, else a copy."""
    if array.flags.aligned and array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="), order="C")


def error_of(failure: tuple[int, str, str]) -> Exception:
    """Give the exception for a failure that the compiled side tells."""
    return raised(failure[2]) or _KINDS[failure[1]](failure[2])


def lay_out(
    kernel: str, specs: Sequence[Spec], name: str | None
) -> tuple[list[NDArray[Any]], Component]:
    """Allocate an output of given dtype and shape for each item: its items and the component."""
    from ironbatch.components import Dense, Ragged, as_objects

    dtypes = {dtype for dtype, _ in specs}
    shapes = {shape for _, shape in specs}
    ranks = {len(shape) for shape in shapes}
    dtype = specs[0][0]
    if len(dtypes) == len(shapes) == 1:
        dense = room(kernel, (len(specs), *specs[0][1]), dtype)
        return [dense[item : item + 1][0, ...] for item in range(len(specs))], Dense.of(dense, name)
    if len(dtypes) > 1 or len(ranks) > 1 or 0 in ranks:
        items = [room(kernel, shape, dtype) for dtype, shape in specs]
        return items, as_objects(items)
    lengths = np.array([shape for _, shape in specs], dtype=np.int64)
    offsets = np.zeros(len(specs) + 1, dtype=np.int64)
    np.cumsum(lengths.prod(axis=1), out=offsets[1:])
    values = room(kernel, (int(offsets[-1]),), dtype)
    bounds = offsets.tolist()
    views = [
        values[bounds[item] : bounds[item + 1]].reshape(shape)
        for item, (_, shape) in enumerate(specs)
    ]
    return views, Ragged(values, offsets, lengths, name=name)


def gathered(component: Component) -> Component:
    """Give items that are objects, but alike, as one column."""
    from ironbatch.components import assemble

    if not isinstance(component, np.ndarray) or component.dtype.kind != "O":
        return component
    return assemble(list(component))
