"""Random generators, seeds, and streams that belong to an item whatever batch it is in."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ironbatch._core import operation_hash
from ironbatch.streams import ItemStreams

__all__ = [
    "ItemStreams",
    "Seed",
    "is_shuffled",
    "make_rng",
    "make_seed_sequence",
    "operation_hash",
    "spawn_seed_sequence",
    "stream_key",
]

Seed: TypeAlias = (
    "bool | int | np.integer[Any] | np.random.SeedSequence | np.random.Generator"
    " | np.random.BitGenerator | np.random.RandomState | None"
)


def make_rng(seed: Any = None) -> np.random.Generator | np.random.RandomState | None:
    """Make a random generator of whatever may stand for one.

    Parameters
    ----------
    seed : None, bool, int, SeedSequence, Generator, BitGenerator or RandomState
        ``False`` gives ``None``; ``None`` and ``True`` a generator seeded by the operating
        system; an int or a SeedSequence a generator seeded by it; a BitGenerator is wrapped;
        a Generator or a RandomState is returned as it is.

    Returns
    -------
    numpy.random.Generator, numpy.random.RandomState or None
        New generators are of the SFC64 family.

    Raises
    ------
    TypeError
        If `seed` is something else.
    ValueError
        If it is a negative int.

    Examples
    --------
    >>> make_rng(5).integers(1000)
    np.int64(191)
    >>> make_rng(False) is None
    True
    """
    if seed is False:
        return None
    if seed is None or seed is True:
        return np.random.Generator(np.random.SFC64())
    if isinstance(seed, np.random.SeedSequence | int | np.integer):
        return np.random.Generator(np.random.SFC64(seed))
    if isinstance(seed, np.random.Generator | np.random.RandomState):
        return seed
    if isinstance(seed, np.random.BitGenerator):
        return np.random.Generator(seed)
    raise TypeError(
        "a seed is None, a bool, an int, a SeedSequence, a Generator, a BitGenerator or a "
        f"RandomState, not {type(seed).__name__}"
    )


def make_seed_sequence(shuffle: Any = False) -> np.random.SeedSequence:
    """Make a seed sequence of a `shuffle` argument.

    Parameters
    ----------
    shuffle : None, bool, int, SeedSequence, Generator, RandomState or seeded object
        ``None`` and bools give fresh entropy; an int its absolute value (a negative one seeds
        without shuffling); an object with a SeedSequence as its `random_seed` that one; a
        Generator or a RandomState is asked for 64 bits once.

    Returns
    -------
    numpy.random.SeedSequence

    Raises
    ------
    TypeError
        If `shuffle` is something else.

    Examples
    --------
    >>> make_seed_sequence(-3).entropy
    3
    """
    own = getattr(shuffle, "random_seed", None)
    if isinstance(own, np.random.SeedSequence):
        return own
    if isinstance(shuffle, np.random.SeedSequence):
        return shuffle
    if shuffle is None or isinstance(shuffle, bool | np.bool_):
        return np.random.SeedSequence()
    if isinstance(shuffle, int | np.integer):
        return np.random.SeedSequence(abs(int(shuffle)))
    if isinstance(shuffle, np.random.BitGenerator):
        shuffle = np.random.Generator(shuffle)
    if isinstance(shuffle, np.random.Generator):
        return np.random.SeedSequence(int(shuffle.integers(2**64, dtype=np.uint64)))
    if isinstance(shuffle, np.random.RandomState):
        return np.random.SeedSequence(int.from_bytes(shuffle.bytes(8), "little"))
    raise TypeError(
        "shuffle is None, a bool, an int, a SeedSequence, a Generator, a BitGenerator or a "
        f"RandomState, not {type(shuffle).__name__}"
    )


def spawn_seed_sequence(source: Any) -> np.random.SeedSequence:
    """Spawn a child of a seed sequence, or of that of a batch or a pipeline.

    Parameters
    ----------
    source : SeedSequence or object with one as its `random_seed`

    Returns
    -------
    numpy.random.SeedSequence
        A child that no other call gets.

    Raises
    ------
    ValueError
        If `source` has no seed sequence.

    Examples
    --------
    >>> parent = np.random.SeedSequence(1)
    >>> spawn_seed_sequence(parent).spawn_key, spawn_seed_sequence(parent).spawn_key
    ((0,), (1,))
    """
    if not isinstance(source, np.random.SeedSequence):
        source = getattr(source, "random_seed", None)
    if not isinstance(source, np.random.SeedSequence):
        raise ValueError("the source of a seed is a SeedSequence, a batch or a pipeline")
    return source.spawn(1)[0]


def stream_key(seed: Any) -> tuple[int, int]:
    """Key of all streams and orders of a run.

    Parameters
    ----------
    seed : anything that `make_seed_sequence` takes

    Returns
    -------
    (int, int)
        Two 64-bit words: the key of Philox4x64-10.

    Examples
    --------
    >>> stream_key(0)
    (15793235383387715774, 12390638538380655177)
    """
    low, high = make_seed_sequence(seed).generate_state(2, np.uint64).tolist()
    return low, high


def is_shuffled(shuffle: Any) -> bool:
    """Tell whether a `shuffle` argument asks for another order than that of the index.

    ``False`` and negative ints do not; ``None``, ``True``, other ints, seed sequences, generators
    and ``'blocks'`` do.

    Examples
    --------
    >>> [is_shuffled(each) for each in (False, True, None, 0, 7, -7, 'blocks')]
    [False, True, True, True, True, False, True]
    """
    if isinstance(shuffle, str) and shuffle == "blocks":
        return True
    if isinstance(shuffle, bool | np.bool_):
        return bool(shuffle)
    if isinstance(shuffle, int | np.integer):
        return bool(shuffle >= 0)
    if shuffle is None or isinstance(
        shuffle,
        np.random.SeedSequence
        | np.random.Generator
        | np.random.BitGenerator
        | np.random.RandomState,
    ):
        return True
    make_seed_sequence(shuffle)  # a batch or a pipeline; anything else raises
    return True
