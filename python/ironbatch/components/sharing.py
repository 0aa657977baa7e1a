"""Who else holds a component's memory."""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from ironbatch import _core
from ironbatch.components.component import Component
from ironbatch.components.ragged import Ragged

__all__ = ["is_shared"]


def _references(of: object) -> int:
    return getrefcount(of)


def _overhead() -> int:
    """References that a call through a variable adds to the variable's own."""
    alone = object()
    return _references(alone) - 1


_CALL = _overhead()
# What allocates for us alone.
_OWNERS = (_core.Buffer,)


def is_shared(component: Component, held: int = 1) -> bool:
    """Whether anybody but its owner can see a component's memory.

    Views, slices, items that are still around, DLPack exports and tensors all hold a reference to
    the component or to the array under it; reference counts tell.

    Parameters
    ----------
    component : component
        The component, as its batch holds it (the cached view).
    held : int
        How many references to it the caller knows of: the batch's own slot and every variable or
        container of the caller, but not the argument of this call.

    Returns
    -------
    bool
        False only if writing into the memory can be seen by nobody else.

    Examples
    --------
    >>> from ironbatch.components import Dense
    >>> labels = Dense.of(np.zeros(3))
    >>> is_shared(labels)
    False
    >>> first = labels[:1]
    >>> is_shared(labels)
    True
    """
    if getrefcount(component) - _CALL > held:
        return True
    if isinstance(component, np.ndarray):
        return not component.flags.writeable or _base_is_shared(component)
    memory: Any = component.values if isinstance(component, Ragged) else component.data
    # One reference is the component's, the other this variable's.
    return _references(memory) - _CALL > 2 or not memory.flags.writeable or _base_is_shared(memory)


def _base_is_shared(array: np.ndarray[Any, Any]) -> bool:
    base: Any = array.base
    while base is not None:
        # One reference is the view's, the other this variable's.
        if _references(base) - _CALL > 2:
            return True
        if not isinstance(base, np.ndarray):
            # Memory of another library: whoever made it may look at it without a reference.
            return not isinstance(base, _OWNERS)
        base = base.base
    return False
