"""Batches as tensors of torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ironbatch.components import Bytes, Component, Ragged, Strings
from ironbatch.components.writes import place
from ironbatch.errors import ComponentError
from ironbatch.exchange.chosen import chosen_components
from ironbatch.extras import need

if TYPE_CHECKING:
    from ironbatch.batch import Batch

__all__ = ["RAGGED", "RaggedLayout", "to_torch"]

RaggedLayout = Literal["jagged", "strided", "list"]
RAGGED = ("jagged", "strided", "list")


def to_torch(
    batch: Batch,
    components: str | Sequence[str] | None = None,
    *,
    device: Any = None,
    pin_memory: bool = False,
    ragged: RaggedLayout = "jagged",
) -> dict[str, Any]:
    """Make tensors of components; see `Batch.to_torch`."""
    torch = need("torch", extra="torch", what="to_torch")
    if ragged not in RAGGED:
        names = ", ".join(map(repr, RAGGED))
        raise ValueError(f"to_torch: ragged is one of {names}, got {ragged!r}")

    def placed(tensor: Any) -> Any:
        if pin_memory:
            tensor = tensor.pin_memory()
        return tensor if device is None else tensor.to(device, non_blocking=pin_memory)

    found = chosen_components(batch, components, "to_torch")
    return {
        name: _converted(torch, component, name, ragged, placed)
        for name, component in found.items()
    }


def _converted(
    torch: Any, component: Component, name: str, ragged: RaggedLayout, placed: Any
) -> Any:
    if isinstance(component, Strings | Bytes):
        return component.to_list()
    if isinstance(component, Ragged):
        values = _tensor(torch, component.values, name)
        if ragged == "jagged":
            return placed(_jagged(torch, component, values, name))
        tensors = _items(component, values)
        if ragged == "list":
            return [placed(tensor) for tensor in tensors]
        with warnings.catch_warnings():
            # torch calls the interface of nested tensors a prototype whenever one is made.
            warnings.filterwarnings("ignore", "The PyTorch API of nested tensors", UserWarning)
            return placed(torch.nested.nested_tensor(tensors, layout=torch.strided))
    if component.dtype.kind in "OUS":
        return component.tolist()
    # The component itself, so that it counts as shared as long as the tensor is there.
    return placed(_tensor(torch, component, name))


def _tensor(torch: Any, array: NDArray[Any], name: str) -> Any:
    """Make a tensor over the memory of an array, wherever torch can."""
    kind = array.dtype.kind
    if kind not in "biufc" or array.dtype.itemsize > (16 if kind == "c" else 8):
        hint = "view it as int64" if kind in "mM" else "leave it out or convert it first"
        raise TypeError(
            f"{place(name)} is {array.dtype}, for which torch has no tensors; {hint}, or name the "
            "others: to_torch(components=...)"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    # torch takes neither negative strides nor memory that must not be written to.
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.view(np.ndarray).copy()
    return torch.from_numpy(array)


def _jagged(torch: Any, component: Ragged, values: Any, name: str) -> Any:
    """Make a nested tensor over the values: items may differ in their first axis."""
    n, ndim = len(component), component.ndim
    if not n or not ndim:
        raise ComponentError(
            f"{place(name)}: a jagged tensor needs items that have an axis, got "
            f"{n} items of {ndim} axes; give ragged='list'"
        )
    rest = component.shapes[:, 1:]
    differ = (rest != rest[0]).any(axis=1)
    if differ.any():
        item = int(np.argmax(differ))
        first, other = (tuple(component.shapes[at].tolist()) for at in (0, item))
        raise ComponentError(
            f"{place(name, item)}: its shape {other} differs from that of the first item, {first}, "
            "in more than the first axis, which a jagged tensor cannot hold; give ragged='strided' "
            "or ragged='list'"
        )
    start, stop = int(component.offsets[0]), int(component.offsets[-1])
    rows = np.zeros(n + 1, np.int64)
    np.cumsum(component.shapes[:, 0], out=rows[1:])
    used = values[start:stop].view(int(rows[-1]), *rest[0].tolist())
    lengths = component.shapes[:, 0]
    return torch.nested.nested_tensor_from_jagged(
        used,
        torch.from_numpy(rows),
        min_seqlen=int(lengths.min()),
        max_seqlen=int(lengths.max()),
    )


def _items(component: Ragged, values: Any) -> list[Any]:
    """Make a tensor of each item, over the values."""
    bounds = component.offsets.tolist()
    return [
        values[start:stop].view(shape)
        for start, stop, shape in zip(
            bounds[:-1], bounds[1:], component.shapes.tolist(), strict=True
        )
    ]
