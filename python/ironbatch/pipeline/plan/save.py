"""``save_to=``: put the output of a step where the user wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch.namedexpr import B, L, NamedExpression, Scope

__all__ = ["is_private", "save_output"]


def save_output(output: Any, destination: Any, batch: Any, scope: Scope) -> None:
    """Store an output.

    Parameters
    ----------
    output : object
        What to store.
    destination : NamedExpression, ndarray, list, tuple or dict of them
        Where to. A single destination takes the whole output, even a tuple; a list or tuple takes
        one element each, a dict takes the values of the same keys.
    batch, scope
        What expressions in `destination` are about.

    Raises
    ------
    ValueError
        If output and destination differ in length, or the output lacks a key.
    TypeError
        If `destination` is none of these.
    """
    if destination is None:
        return
    if isinstance(destination, NamedExpression):
        destination._store(output, None, batch, scope)
    elif isinstance(destination, np.ndarray):
        destination[...] = output
    elif isinstance(destination, list | tuple):
        parts = output if isinstance(output, list | tuple) else (output,)
        if len(parts) != len(destination):
            raise ValueError(f"save_to names {len(destination)} places for {len(parts)} outputs")
        for part, place in zip(parts, destination, strict=True):
            save_output(part, place, batch, scope)
    elif isinstance(destination, Mapping):
        if not isinstance(output, Mapping):
            raise TypeError(f"save_to is a dict and the output is a {type(output).__name__}")
        for key, place in destination.items():
            if key not in output:
                raise ValueError(
                    f"the output has no {key!r} for save_to; it has {', '.join(map(repr, output))}"
                )
            save_output(output[key], place, batch, scope)
    else:
        raise TypeError(
            f"save_to takes named expressions and arrays, got {type(destination).__name__}"
        )


def is_private(destination: Any) -> bool:
    """Whether a destination is part of the batch: then storing needs no order between batches."""
    if destination is None:
        return True
    if isinstance(destination, list | tuple):
        return all(is_private(one) for one in destination)
    if isinstance(destination, Mapping):
        return all(is_private(one) for one in destination.values())
    while isinstance(destination, NamedExpression) and "_base" in destination.__dict__:
        destination = destination._base
    return isinstance(destination, B | L)
