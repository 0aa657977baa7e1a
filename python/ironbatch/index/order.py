"""In what order an epoch takes the items: a function of (seed, epoch, place)."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ironbatch._core import Order
from ironbatch.index.blocks import BLOCKS, BlockOrder, Blocks, RowsOf, make_block_order
from ironbatch.index.blocks import VERSION as BLOCKS_VERSION
from ironbatch.random import is_shuffled, make_rng, stream_key

__all__ = ["MAX_NUMPY_ITEMS", "ORDERS", "OrderName", "PlacesOf", "make_order", "order_from_state"]

OrderName = Literal["native", "numpy"]
ORDERS = ("native", "numpy")

MAX_NUMPY_ITEMS = 100_000_000
"""NumPy's permutation is kept in memory, so it is for indexes of up to this size."""


class PlacesOf(Protocol):
    """What gives the positions of some places of an epoch."""

    @property
    def state(self) -> dict[str, Any]:
        """What `order_from_state` makes the same order of."""

    def positions(
        self, epoch: int, start: int, count: int, of: NDArray[np.int64] | None = None
    ) -> slice | NDArray[np.int64]:
        """Positions of `count` places from `start` on, looked up in `of` if that is given."""


class Sequential:
    """The order of the index itself."""

    @property
    def state(self) -> dict[str, Any]:
        return {"order": "sequential", "version": 1}

    def positions(
        self, epoch: int, start: int, count: int, of: NDArray[np.int64] | None = None
    ) -> slice | NDArray[np.int64]:
        part = slice(start, start + count)
        return part if of is None else of[part]


class Native:
    """The core's order: any place of any epoch at once, without memory for large sets."""

    def __init__(self, key: tuple[int, int], n: int) -> None:
        order = Order(key, n)
        self._key = key
        self.positions = order.positions
        self._order = order

    @property
    def state(self) -> dict[str, Any]:
        return {"order": "native", "version": Order.version, "key": list(self._key)}


class Numpy:
    """NumPy's permutation of the permutation of the epoch before."""

    def __init__(self, seed: Any, n: int) -> None:
        if n > MAX_NUMPY_ITEMS:
            raise ValueError(
                f"order='numpy' is for at most {MAX_NUMPY_ITEMS} items, this index has {n}; "
                "use order='native'"
            )
        if seed is None or isinstance(seed, bool | np.bool_):
            seed = np.random.SeedSequence()
            self._fresh = True
        else:
            self._fresh = False
        if isinstance(seed, np.random.BitGenerator):
            seed = np.random.Generator(seed)
        self._seed = seed
        self._advances = isinstance(seed, np.random.Generator | np.random.RandomState)
        # A generator moves on with each epoch; where it stood lets any epoch be made again.
        self._began = _generator_state(seed) if self._advances else None
        self._n = n
        self._epoch = -1
        self._order: NDArray[np.int64] | None = None

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"order": "numpy", "version": 1, "fresh": self._fresh}
        if self._advances:
            state["generator"] = type(self._seed).__name__
            state["seed"] = self._began
        elif isinstance(self._seed, np.random.SeedSequence):
            state["seed"] = {
                "entropy": self._seed.entropy,
                "spawn_key": list(self._seed.spawn_key),
                "pool_size": self._seed.pool_size,
            }
        else:
            state["seed"] = int(self._seed)
        return state

    def positions(
        self, epoch: int, start: int, count: int, of: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        if self._order is None or epoch < self._epoch:
            self._order, self._epoch = np.arange(self._n), -1
            if self._advances:
                _set_generator_state(self._seed, self._began)
        while self._epoch < epoch:
            self._epoch += 1
            self._order = self._rng().permutation(self._order)
        part = self._order[start : start + count]
        return part.copy() if of is None else of[part]

    def _rng(self) -> Any:
        if self._fresh:
            # True shuffles each epoch anew; children of one seed let a run be resumed.
            entropy = self._seed.entropy
            return make_rng(np.random.SeedSequence(entropy, spawn_key=(self._epoch,)))
        return make_rng(self._seed)


def make_order(
    shuffle: Any, n: int, order: OrderName = "native", rows: RowsOf | None = None
) -> PlacesOf:
    """Make the order that a `shuffle` argument asks for.

    Parameters
    ----------
    shuffle : None, bool, int, SeedSequence, Generator, BitGenerator, RandomState or Blocks
        ``False`` and negative ints keep the order of the index; ``None`` and ``True`` shuffle
        by a fresh seed, others by the seed given. A generator is asked for 64 bits once. `Blocks`
        and ``'blocks'`` keep to blocks.
    n : int
        Number of items.
    order : {'native', 'numpy'}
        The core's order, or NumPy's own permutations: those of ``make_rng(shuffle)``, where an
        int starts anew in each epoch and a generator moves on.
    rows : callable, optional
        Gives the row of each item, for an order that keeps to blocks of rows.

    Returns
    -------
    PlacesOf

    Raises
    ------
    TypeError
        If `shuffle` cannot be a seed.
    ValueError
        If there is no such order, or if NumPy's is asked for more than `MAX_NUMPY_ITEMS` items.

    Examples
    --------
    >>> order = make_order(42, 5)
    >>> order.positions(0, 0, 5), order.positions(1, 2, 3)
    (array([3, 0, 4, 2, 1]), array([0, 2, 1]))
    """
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(map(repr, ORDERS))}, not {order!r}")
    if isinstance(shuffle, str) and shuffle == BLOCKS:
        shuffle = Blocks()
    if isinstance(shuffle, Blocks):
        return make_block_order(shuffle, n, rows)
    if not is_shuffled(shuffle):
        return Sequential()
    if order == "numpy":
        return Numpy(getattr(shuffle, "random_seed", shuffle), n)
    return Native(stream_key(shuffle), n)


def order_from_state(state: dict[str, Any], n: int, rows: RowsOf | None = None) -> PlacesOf:
    """Make the order that a state names.

    Parameters
    ----------
    state : dict
        What the order's own `state` has given.
    n : int
        Number of items.
    rows : callable, optional
        Gives the row of each item, for an order that keeps to blocks of rows.

    Raises
    ------
    ValueError
        If this version does not know the order or its version.
    """
    name, version = state.get("order"), state.get("version")
    if name == "sequential" and version == 1:
        return Sequential()
    if name == "native" and version == Order.version:
        low, high = state["key"]
        return Native((low, high), n)
    if name == BLOCKS and version == BLOCKS_VERSION:
        low, high = state["key"]
        return BlockOrder((low, high), n, state["size"], state["window"], rows)
    if name == "numpy" and version == 1:
        order = Numpy(_seed_from_state(state), n)
        order._fresh = state["fresh"]
        return order
    raise ValueError(f"this version of ironbatch does not know order {name!r} version {version}")


def _seed_from_state(state: dict[str, Any]) -> Any:
    seed = state["seed"]
    if "generator" not in state:
        return seed if isinstance(seed, int) else np.random.SeedSequence(**seed)
    if state["generator"] == "RandomState":
        rng: Any = np.random.RandomState()
    else:
        rng = np.random.Generator(getattr(np.random, seed["bit_generator"])())
    _set_generator_state(rng, seed)
    return rng


def _generator_state(rng: Any) -> Any:
    if isinstance(rng, np.random.RandomState):
        return rng.get_state(legacy=False)
    return rng.bit_generator.state


def _set_generator_state(rng: Any, state: Any) -> None:
    if isinstance(rng, np.random.RandomState):
        rng.set_state(state)
    else:
        rng.bit_generator.state = state
