"""The generator of a sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from ironbatch.random import make_rng
from ironbatch.sampler.sampler import State


def generator(seed: Any) -> State:
    """Make the generator of a sampler.

    Parameters
    ----------
    seed : None, int, SeedSequence, BitGenerator, Generator or RandomState
        As in `ironbatch.make_rng`: generators are used as they are, and shared.

    Returns
    -------
    numpy.random.Generator or numpy.random.RandomState

    Raises
    ------
    ValueError
        If `seed` is False, which stands for no generator.
    """
    state = make_rng(seed)
    if state is None:
        raise ValueError("a sampler needs a generator; seed=None gives one of fresh entropy")
    return state


def describe(name: str, params: dict[str, Any], seed: Any, copies: int) -> str:
    """Write a sampler as the call that makes it.

    Parameters
    ----------
    name : str
        The class and its first argument, without the closing parenthesis.
    params : dict
        Keyword arguments.
    seed : object
        The seed; shown if it is a number, since generators have no short form.
    copies : int
        The argument `dim`.

    Returns
    -------
    str
    """
    parts = [name, *(f"{key}={value!r}" for key, value in params.items())]
    if copies > 1:
        parts.append(f"dim={copies}")
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        parts.append(f"seed={int(seed)}")
    elif seed is not None and seed is not True:
        parts.append(f"seed=<{type(seed).__name__}>")
    return f"{', '.join(parts)})"
