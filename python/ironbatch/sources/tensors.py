"""Tensors of torch and of whoever else speaks DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.base import Rows, Source
from ironbatch.sources.registry import package_of, register_source

__all__ = ["TensorRows", "array_of"]


class TensorRows(Rows):
    """A tensor, whose first axis is that of the items.

    Parameters
    ----------
    tensor : object
        Has ``__dlpack__``. One on another device is copied from there once.
    """

    def __init__(self, tensor: Any) -> None:
        self.given = tensor

    def __len__(self) -> int:
        return len(self.given)

    def whole(self, name: str | None = None) -> Any:
        """Give all rows, in the same memory where it is that of the processor.

        Raises
        ------
        TypeError
            If the tensor has no axis, or NumPy has no such type of elements.
        """
        array = array_of(self.given, name)
        if not array.ndim:
            raise TypeError(f"component {name!r}: a tensor of shape () has no axis of items")
        return components.as_component(array, None, name=name)

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Take some rows."""
        return components.take(self.whole(name), positions)

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows as a tensor."""
        return self.given[positions]


def array_of(tensor: Any, name: str | None) -> NDArray[Any]:
    """View a tensor as an array.

    Raises
    ------
    TypeError
        If NumPy has no such type of elements, or the tensor is not dense.
    """
    held = tensor.detach() if hasattr(tensor, "detach") else tensor
    held = held.cpu() if hasattr(held, "cpu") else held
    try:
        return np.from_dlpack(held)
    except (TypeError, RuntimeError, BufferError) as error:
        raise TypeError(
            f"component {name!r}: a {package_of(tensor)} tensor of {tensor.dtype}"
            f"{_layout(tensor)} has no form in NumPy; convert it first: {error}"
        ) from error


def _layout(tensor: Any) -> str:
    layout = str(getattr(tensor, "layout", ""))
    return "" if layout in ("", "torch.strided") else f" ({layout})"


@register_source(last=True)
def tensors(data: Any) -> Source | None:
    """Recognise what follows DLPack, and is neither of NumPy nor of Arrow."""
    if isinstance(data, type) or not hasattr(data, "__dlpack__"):
        return None
    return None if hasattr(data, "__arrow_c_array__") else TensorRows(data)
