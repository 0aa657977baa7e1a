"""An order that keeps to blocks: items that lie together are taken at about the same time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import operation_hash
from ironbatch.random import is_shuffled, make_seed_sequence, stream_key

__all__ = ["BLOCKS", "BlockOrder", "BlockStarts", "Blocks", "RowsOf"]

BLOCKS = "blocks"
"""What users write as ``shuffle=`` for `Blocks` of which the data says how large they are."""

DEFAULT_WINDOW = 16
VERSION = 1


class BlockStarts(NamedTuple):
    """Blocks of any length, where items lie in the order of rows.

    Attributes
    ----------
    starts : ndarray of int64
        First position of each, in order; blocks beyond the items are none.
    """

    starts: NDArray[np.int64]


#: Gives the row of each item in what is read by blocks, or where these begin; None where the row of
#: an item is its place.
RowsOf = Callable[[], "NDArray[np.int64] | BlockStarts | None"]

_OF_BLOCKS = operation_hash("order of blocks", VERSION)
_OF_ITEMS = operation_hash("order of items in blocks", VERSION)


class Blocks:
    """How to shuffle items that are stored in blocks, such as the chunks of an array on disk.

    Give it as ``shuffle=``. An epoch takes the blocks in random order, a window of them at a time,
    and shuffles the items of a window among themselves. So all of a block is used while its window
    lasts, and it is read once or twice an epoch, not once for each batch.

    Parameters
    ----------
    seed : None, True, int, SeedSequence, Generator, BitGenerator or RandomState
        What seeds the order, as for ``shuffle=``.
    size : int, optional
        Items of a block; that of the chunks of the dataset's data by default.
    window : int, optional
        Blocks that are mixed. The more, the more random is the order, and the more memory do their
        rows take. By default as many as take a quarter of `ironbatch.sources.set_chunk_limit`, at
        most 64, and 16 if nobody knows how large they are.

    Raises
    ------
    ValueError
        If `size` or `window` is less than 1, or `seed` is one that does not shuffle.
    TypeError
        If they are no integers, or `seed` cannot be a seed.

    Notes
    -----
    The order is a function of seed, epoch and place, as any other: it does not depend on batch
    size or prefetch, and a run goes on from any batch. Blocks and the items of each window are
    sorted by words of Philox4x64-10.

    Examples
    --------
    >>> from ironbatch import Blocks, DatasetIndex
    >>> order = DatasetIndex(12).shuffle(Blocks(7, size=4, window=1))
    >>> order.reshape(3, 4).max(axis=1) - order.reshape(3, 4).min(axis=1)
    array([3, 3, 3])
    """

    def __init__(self, seed: Any = None, size: int | None = None, window: int | None = None):
        if not is_shuffled(seed):
            raise ValueError(f"Blocks shuffles, and seed={seed!r} does not; give a seed from 0")
        self.seed = seed
        self.size = _at_least_one("size", size)
        self.window = _at_least_one("window", window)
        self.random_seed: np.random.SeedSequence = make_seed_sequence(seed)

    @property
    def is_seeded(self) -> bool:
        """Whether two runs take the same order."""
        return not (self.seed is None or isinstance(self.seed, bool | np.bool_))

    def __repr__(self) -> str:
        return f"Blocks({self.seed!r}, size={self.size}, window={self.window})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocks):
            return NotImplemented
        if (self.size, self.window, self.is_seeded) != (other.size, other.window, other.is_seeded):
            return False
        return not self.is_seeded or self.random_seed.state == other.random_seed.state

    def __hash__(self) -> int:
        return hash((self.size, self.window, self.is_seeded))

    def __reduce__(self) -> tuple[Any, ...]:
        seed = self.random_seed if self.is_seeded else self.seed
        return type(self), (seed, self.size, self.window)

    def of(self, size: int | None, window: int | None) -> Blocks:
        """Make the same of what the data says, where the user has not said otherwise."""
        made = type(self)(self.random_seed, self.size or size, self.window or window)
        made.seed = self.seed
        return made


def _at_least_one(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is an integer, not a bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an integer, not {type(value).__name__}") from None
    if number < 1:
        raise ValueError(f"{name} is at least 1, got {number}")
    return number


class BlockOrder:
    """Positions by place, epoch for epoch; see `Blocks`.

    Parameters
    ----------
    key : (int, int)
        Key of Philox.
    n : int
        Number of items.
    size : int
        Rows of a block.
    window : int
        Blocks of a window.
    rows : callable, optional
        Gives the row of each item; its position by default.
    """

    def __init__(
        self, key: tuple[int, int], n: int, size: int, window: int, rows: RowsOf | None = None
    ) -> None:
        self._key, self._n, self._size, self._window = key, n, size, window
        self._rows = rows
        self._groups: tuple[NDArray[np.int64] | None, NDArray[np.int64]] | None = None
        self._epoch: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None
        self._latest: tuple[int, int, NDArray[np.int64]] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What `order_from_state` makes the same order of."""
        return {
            "order": BLOCKS,
            "version": VERSION,
            "key": list(self._key),
            "size": self._size,
            "window": self._window,
        }

    def positions(
        self, epoch: int, start: int, count: int, of: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Positions of `count` places from `start` on, looked up in `of` if that is given."""
        _, bounds = self._windows(epoch)
        stop = min(start + count, self._n)
        first = int(np.searchsorted(bounds, start, side="right")) - 1
        pieces = []
        while start < stop:
            items = self._items(epoch, first)
            begin = int(bounds[first])
            pieces.append(items[start - begin : stop - begin])
            start += len(pieces[-1])
            first += 1
        found = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        return found if of is None else of[found]

    def _blocks(self) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """Give the positions sorted by block (None: as they are), and where each block begins."""
        if self._groups is None:
            rows = None if self._rows is None else self._rows()
            if isinstance(rows, BlockStarts):
                bounds = np.append(rows.starts[rows.starts < self._n], self._n)
                self._groups = None, bounds
            elif rows is None or np.array_equal(rows, np.arange(self._n)):
                bounds = np.append(np.arange(0, self._n, self._size), self._n)
                self._groups = None, bounds
            else:
                numbers = rows // self._size
                members = None
                if (numbers[1:] < numbers[:-1]).any():
                    members = np.argsort(numbers, kind="stable")
                    numbers = numbers[members]
                ends = np.flatnonzero(np.diff(numbers)) + 1
                self._groups = members, np.concatenate([[0], ends, [self._n]])
        return self._groups

    def _windows(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the blocks in the order of an epoch, and the place that each window begins at."""
        known = self._epoch
        if known is None or known[0] != epoch:
            _, bounds = self._blocks()
            order = self._permutation(_OF_BLOCKS, epoch, 0, len(bounds) - 1)
            ends = np.cumsum(np.diff(bounds)[order])
            starts = np.concatenate([[0], ends[self._window - 1 : -1 : self._window], [self._n]])
            known = self._epoch = (epoch, order, starts)
        return known[1], known[2]

    def _items(self, epoch: int, window: int) -> NDArray[np.int64]:
        """Give the positions that a window takes, in their order."""
        latest = self._latest
        if latest is not None and latest[:2] == (epoch, window):
            return latest[2]
        order, _ = self._windows(epoch)
        members, bounds = self._blocks()
        chosen = order[window * self._window : (window + 1) * self._window]
        places = np.concatenate([np.arange(bounds[b], bounds[b + 1]) for b in chosen])
        places = places[self._permutation(_OF_ITEMS, epoch, window, len(places))]
        items = places if members is None else members[places]
        self._latest = (epoch, window, items)
        return items

    def _permutation(self, operation: int, epoch: int, window: int, n: int) -> NDArray[np.int64]:
        counter = np.array([0, epoch, operation, window], np.uint64)
        words = np.random.Philox(key=np.array(self._key, np.uint64), counter=counter).random_raw(n)
        return np.argsort(words, kind="stable")


def make_block_order(blocks: Blocks, n: int, rows: RowsOf | None = None) -> BlockOrder:
    """Make the order that `Blocks` asks for.

    Raises
    ------
    ValueError
        If nothing says how large blocks are.
    """
    if blocks.size is None:
        raise ValueError(
            "shuffle='blocks' keeps to the chunks of the dataset's data, and there are none; give "
            "the items of a block: shuffle=Blocks(seed, size=1000)"
        )
    window = blocks.window or DEFAULT_WINDOW
    return BlockOrder(stream_key(blocks), n, blocks.size, window, rows)
