"""Random streams of items, as kernels that draw take them."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import operation_word

__all__ = ["Streams", "streams_of", "streams_of_batch", "streams_of_places"]

_Words = NDArray[np.uint64]
# How far a generator moves on for a kernel that draws from it, in blocks of four words.
_JUMP = 2**32
_WORD = 2**64 - 1


class Streams(NamedTuple):
    """Where the random numbers of items are: key and counters of Philox.

    Attributes
    ----------
    key : (int, int)
        Key of the run.
    operation : int
        64-bit name of the operation.
    origins : ndarray of uint64
        For each item its origin.
    epochs : ndarray of uint64 or None
        For each item its epoch; None is 0 for all.
    operations : ndarray of uint64 or None
        For each item the word of operation and occurrence; None is `operation` for all.
    blocks : ndarray of uint64 or None
        For each item the block of its stream that it starts behind; None is 0 for all.
    """

    key: tuple[int, int]
    operation: int
    origins: _Words
    epochs: _Words | None = None
    operations: _Words | None = None
    blocks: _Words | None = None

    def take(self, positions: NDArray[np.int64]) -> Self:
        """Select items."""
        lists = (None if one is None else one[positions] for one in self[2:])
        return type(self)(self.key, self.operation, *lists)  # type: ignore[arg-type]


def streams_of_batch(batch: Any, operation: int) -> Streams:
    """Give the streams of a batch's items in an operation.

    Parameters
    ----------
    batch : Batch
        Whose items.
    operation : int
        Which draw of the run this is; see `Batch.next_operation`.
    """
    index = batch.index
    return streams_of_places(
        batch.stream_key, operation, index.origins, index.epochs, index.occurrences
    )


def streams_of_places(
    key: tuple[int, int], operation: int, origins: Any, epochs: Any, occurrences: Any
) -> Streams:
    """Give the streams of items in an operation.

    Parameters
    ----------
    key : (int, int)
        Key of the run.
    operation : int
        Which draw of the run this is.
    origins : sequence of int
        For each item its origin.
    epochs, occurrences : sequence of int, int or None
        For each item its epoch, and how often its id has occurred in it before; None is 0.
    """
    words = _words(origins)
    operations = None
    if occurrences is not None:
        counts = np.broadcast_to(np.asarray(occurrences), len(words))
        repeated = np.flatnonzero(counts).tolist()
        if repeated:
            operations = np.full(len(words), operation, dtype=np.uint64)
            for position in repeated:
                operations[position] = operation_word(operation, int(counts[position]))
    return Streams(
        key,
        operation,
        words,
        None if epochs is None else _words(np.broadcast_to(np.asarray(epochs), len(words))),
        operations,
    )


def streams_of(rng: Any, n: int) -> Streams:
    """Give `n` streams from what may stand for a random generator.

    Parameters
    ----------
    rng : Generator, RandomState, SeedSequence, int or None
        A generator over `numpy.random.Philox` gives the stream that it stands in itself, from its
        next block on, and moves on behind what a kernel may have drawn. Others give a key; None
        a fresh one.
    n : int
        How many streams; the first one is that of the generator.
    """
    from ironbatch.random import stream_key

    bits = rng.bit_generator if isinstance(rng, np.random.Generator) else rng
    if isinstance(bits, np.random.Philox):
        state: Any = bits.state["state"]
        block, epoch, operation, origin = state["counter"].tolist()
        low, high = state["key"].tolist()
        bits.advance(_JUMP)
        return Streams(
            (low, high),
            operation,
            _words(np.arange(n)) + np.uint64(origin),
            np.full(n, epoch, np.uint64),
            None,
            np.full(n, block, np.uint64),
        )
    try:
        key = stream_key(rng)
    except TypeError:
        raise TypeError(
            "rng is None, an int, a SeedSequence, a Generator, a BitGenerator or a RandomState, "
            f"not {type(rng).__name__}"
        ) from None
    return Streams(key, 0, _words(np.arange(n)))


def _words(numbers: Any) -> _Words:
    words = np.asarray(numbers)
    if not len(words):
        return np.zeros(0, np.uint64)
    if words.dtype.kind in "fO":  # a list of ints beyond int64
        words = np.array([int(word) & _WORD for word in numbers], np.uint64)
    return np.ascontiguousarray(words).astype(np.uint64, copy=False)
