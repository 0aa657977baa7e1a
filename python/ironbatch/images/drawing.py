"""Distributions that users hand to actions, drawn from an item's own stream."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

__all__ = ["draw"]

#: Names of `numpy.random` that generators have under another one.
_RENAMED = {"randint": "integers", "random_sample": "random", "ranf": "random", "sample": "random"}


def draw(
    distribution: Callable[..., Any], rng: np.random.Generator, name: str, **kwargs: Any
) -> Any:
    """Draw from a distribution.

    Parameters
    ----------
    distribution : callable
        A function of `numpy.random`, such as ``np.random.normal`` or a `functools.partial` of one,
        or a function that takes ``rng=``.
    rng : Generator
        What to draw from.
    name : str
        What the parameter is called, for messages.
    **kwargs
        Further keyword arguments, such as ``size``.

    Raises
    ------
    TypeError
        If it would draw from somewhere else, so that a seed would not fix it.
    """
    function: Any = distribution
    args: tuple[Any, ...] = ()
    if isinstance(distribution, partial):
        function, args = distribution.func, distribution.args
        kwargs = {**distribution.keywords, **kwargs}
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.random.RandomState | np.random.Generator):
        name_of = str(function.__name__)
        own = getattr(rng, _RENAMED.get(name_of, name_of), None)
        if own is not None:
            return own(*args, **kwargs)
    elif _takes_rng(function):
        return function(*args, rng=rng, **kwargs)
    raise TypeError(
        f"{name} has to be a number, a distribution of numpy.random, or a function that takes "
        f"rng=, to draw from the item's own stream; got {distribution!r}"
    )


def _takes_rng(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return "rng" in parameters
