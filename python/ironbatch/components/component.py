"""The kinds of component, as one type."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ironbatch.components.dense import Dense
from ironbatch.components.ragged import Ragged
from ironbatch.components.strings import Bytes, Strings

__all__ = ["Component", "describe", "is_component", "named", "nbytes"]

#: `Dense`, `Ragged`, `Strings`, `Bytes`, or an array of Python objects.
Component: TypeAlias = NDArray[Any] | Ragged | Strings | Bytes


def is_component(value: object) -> bool:
    """Whether a value is one of the kinds made here (a plain ndarray is not).

    Examples
    --------
    >>> is_component(Strings.from_items(['a'])), is_component(['a'])
    (True, False)
    """
    return isinstance(value, Dense | Ragged | Strings | Bytes)


def named(component: Component, name: str | None) -> Component:
    """Give a component a name (for messages), sharing its memory.

    Examples
    --------
    >>> named(np.zeros(3), 'labels').name
    'labels'
    """
    if isinstance(component, np.ndarray):
        return component if component.dtype.kind == "O" else Dense.of(component, name)
    if component.name == name:
        return component
    if isinstance(component, Ragged):
        return Ragged._of(component.values, component.offsets, component.shapes, name)
    return component._of(component.data, component.offsets, name)


def nbytes(component: Component) -> int:
    """Bytes that a component takes (of objects, only the references).

    Examples
    --------
    >>> nbytes(np.zeros((2, 3), 'uint8'))
    6
    """
    return int(component.nbytes)


def describe(component: Component) -> str:
    """Say in a few words what a component is.

    Examples
    --------
    >>> describe(np.zeros((5, 2, 3), 'uint8'))
    'dense uint8, 5 items of shape (2, 3)'
    >>> describe(Ragged.from_items([[1], [2, 3]]))
    'ragged int64, 2 items of 1 dimension'
    """
    n = len(component)
    items = f"{n} item" if n == 1 else f"{n} items"
    if isinstance(component, np.ndarray):
        if component.dtype.kind == "O":
            return f"objects, {items}"
        return f"dense {component.dtype}, {items} of shape {component.shape[1:]}"
    if isinstance(component, Ragged):
        dimensions = "1 dimension" if component.ndim == 1 else f"{component.ndim} dimensions"
        return f"ragged {component.dtype}, {items} of {dimensions}"
    return f"{type(component).__name__.lower()}, {items}"
