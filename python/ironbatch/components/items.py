"""Single items of components of any kind: reading, writing, copying."""

from __future__ import annotations

import copy as copying
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ironbatch import _core
from ironbatch.components.component import Component
from ironbatch.components.dense import Dense
from ironbatch.components.memory import empty
from ironbatch.components.objects import as_objects
from ironbatch.components.ragged import Ragged
from ironbatch.components.writes import place
from ironbatch.errors import ComponentError

__all__ = ["assign", "copy", "items_of"]


def items_of(component: Component) -> Sequence[Any]:
    """Give every item: plain array views, NumPy scalars, ``str``, ``bytes`` or objects.

    Examples
    --------
    >>> items_of(np.arange(4).reshape(2, 2))
    [array([0, 1]), array([2, 3])]
    """
    if isinstance(component, np.ndarray):
        if component.dtype.kind == "O" and component.ndim == 1:
            return list(component)
        return list(component.view(np.ndarray))
    if isinstance(component, Ragged):
        return component.views()
    return component.to_list()


def assign(
    component: Component,
    position: int,
    value: Any,
    *,
    name: str | None = None,
    item_id: Hashable = None,
) -> None:
    """Write one item.

    Parameters
    ----------
    component : component
        Where to.
    position : int
        Which item, from 0.
    value : object
        The item: of exactly the shape there (or one number for all of it), and within what the
        dtype holds.
    name : str, optional
        The component's name, for messages.
    item_id : hashable, optional
        The item's id, for messages.

    Raises
    ------
    LossyWriteError
        If the value does not fit.
    ComponentError
        If it has another shape.
    IndexError
        If there is no such position.

    Examples
    --------
    >>> labels = np.zeros(3, 'uint8')
    >>> assign(labels, 1, 5)
    >>> labels
    array([0, 5, 0], dtype=uint8)
    """
    position = int(position)
    n = len(component)
    if not 0 <= position < n:
        raise IndexError(f"{place(name, None, item_id)}: position {position} is outside of {n}")
    try:
        if not isinstance(component, np.ndarray):
            component[position] = value
        elif component.dtype.kind != "O":
            Dense.of(component, name)[position] = value
        elif component.ndim == 1:
            component[position : position + 1] = as_objects([value])
        else:
            component[position] = value
    except ComponentError as error:
        if item_id is not None:
            at = f"item at position {position}"
            message = str(error).replace(at, f"{at} (id {item_id!r})", 1)
            raise type(error)(message) from None
        raise


def copy(component: Component, *, deep: bool = True) -> Component:
    """Copy a component's memory.

    Parameters
    ----------
    component : component
        What to copy.
    deep : bool
        Whether Python objects are copied too, with `copy.deepcopy`, or only the references.

    Examples
    --------
    >>> labels = Dense.of(np.arange(3))
    >>> copy(labels)[0] = 7
    >>> int(labels[0])
    0
    """
    if not isinstance(component, np.ndarray):
        return component.__copy__()
    if component.dtype.kind == "O":
        return copying.deepcopy(component) if deep else component.copy()
    name = getattr(component, "name", None)
    made = _core.concatenate([component], Dense)
    if made is not None:
        return Dense.of(made, name)
    result = empty(component.shape, component.dtype)
    np.copyto(result, component)
    return Dense.of(result, name)
