"""An item as a function of shapes sees it.

It has ``shape``, ``ndim``, ``size`` and ``len``, but no elements, which do not have to exist yet.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.extending import (
    make_attribute_wrapper,
    models,
    overload,
    overload_attribute,
    register_model,
)

__all__ = ["Shaped"]


class Shaped(types.Type):  # type: ignore[misc]
    """The type of an item of which the shape is known.

    Parameters
    ----------
    ndim : int
        Its number of axes.
    """

    def __init__(self, ndim: int) -> None:
        self.ndim = ndim
        super().__init__(name=f"item with {ndim} axes, of which the shape is known")


@register_model(Shaped)
class _Model(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Shaped) -> None:
        shape = types.UniTuple(types.intp, kind.ndim)
        super().__init__(manager, kind, [("shape", shape)])


make_attribute_wrapper(Shaped, "shape", "shape")


@overload_attribute(Shaped, "ndim")  # type: ignore[untyped-decorator]
def _ndim(item: Any) -> Any:
    count = item.ndim

    def ndim(item: Any) -> Any:
        return count

    return ndim


@overload_attribute(Shaped, "size")  # type: ignore[untyped-decorator]
def _size(item: Any) -> Any:
    def size(item: Any) -> Any:
        product = 1
        for length in item.shape:
            product *= length
        return product

    return size


@overload(len)  # type: ignore[untyped-decorator]
def _len(item: Any) -> Any:
    if not isinstance(item, Shaped):
        return None

    def first(item: Any) -> Any:
        return item.shape[0]

    return first
