"""Where an iteration stands, and the batches that follow from there."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ironbatch.index.blocks import Blocks, RowsOf
from ironbatch.index.order import OrderName, PlacesOf, make_order, order_from_state

__all__ = ["IterState", "Part", "Plan", "make_plan", "refuse_misspelt", "refuse_unknown"]


class Plan(NamedTuple):
    """Checked arguments of an iteration over `n` items."""

    n: int
    batch_size: int
    n_iters: int | None
    n_epochs: int | None
    drop_last: bool

    @property
    def total(self) -> int | None:
        """Number of batches from the start, or None if there is no end."""
        if self.n_iters is not None:
            return self.n_iters
        if self.n_epochs is None:
            return None
        if self.drop_last:
            return self.n // self.batch_size * self.n_epochs
        return -(-self.n * self.n_epochs // self.batch_size)


class Part(NamedTuple):
    """Places `start..start + length` of an epoch."""

    epoch: int
    start: int
    length: int


def make_plan(
    n: int,
    batch_size: int,
    n_iters: int | None = None,
    n_epochs: int | None = None,
    drop_last: bool = False,
) -> Plan:
    """Check the arguments of an iteration.

    Raises
    ------
    ValueError
        If the batch size is not in ``1..n``, if both `n_iters` and `n_epochs` are given, or if
        one of them is negative.
    TypeError
        If one of them is not an integer.
    """
    size = _integer("batch_size", batch_size)
    if size < 1:
        raise ValueError(f"batch_size is at least 1, got {size}")
    if size > n:
        raise ValueError(f"batch_size {size} is larger than the set, which has {n} items")
    if n_iters is not None and n_epochs is not None:
        raise ValueError(f"give n_iters or n_epochs, not both (got {n_iters} and {n_epochs})")
    limits = []
    for name, value in (("n_iters", n_iters), ("n_epochs", n_epochs)):
        limit = None if value is None else _integer(name, value)
        if limit is not None and limit < 0:
            raise ValueError(f"{name} cannot be negative, got {limit}")
        limits.append(limit)
    return Plan(n, size, limits[0], limits[1], bool(drop_last))


def refuse_unknown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse arguments that no index understands: a misspelt n_epochs would never end."""
    for name in kwargs:
        raise TypeError(f"the batches of an index take no keyword {name!r}")
    if args:
        raise TypeError(f"the batches of an index take no further argument {args[0]!r}")


_SPELLINGS = (
    "batch_size",
    "drop_last",
    "ignore_exceptions",
    "n_epochs",
    "n_iters",
    "notifier",
    "prefetch",
    "shuffle",
)


def refuse_misspelt(names: Iterable[str], batch_class: Any) -> None:
    """Refuse keywords for batches that are nearly an option of the run.

    Batches take any keyword as an attribute, so that a run with ``n_epoch=3`` would silently be of
    another length. What the batch class names itself, as a component or in its constructor, passes.

    Raises
    ------
    TypeError
        If a keyword is such; the message says which option it may stand for.
    """
    for name in names:
        near = get_close_matches(name, _SPELLINGS, n=1, cutoff=0.85)
        if not near or name in _SPELLINGS:
            continue
        components = getattr(batch_class, "components", None) or ()
        if name in components or name in inspect.signature(batch_class).parameters:
            continue
        raise TypeError(
            f"{name!r} is no option of a run; did you mean {near[0]!r}? To hand it to the batches "
            f"as an attribute, name it in the constructor of {batch_class.__name__}"
        )


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is an integer, not a bool")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an integer, not {type(value).__name__}") from None


class IterState:
    """Where an iteration stands: a few integers and the name of its order.

    It pickles, and `as_dict` gives what can be written to JSON. An iteration that is given the
    state goes on from there and keeps it up to date.

    Attributes
    ----------
    epoch : int
        Epochs begun and finished, as a number from 0.
    position : int
        Items of this epoch that batches have taken.
    n_iters : int
        Batches made.
    total : int or None
        Number of batches that the iteration makes in all, if it has an end.
    order : dict or None
        Name, version and seed of the order; None until the first batch.
    rows : callable or None
        Gives the row of each item in data that is read by blocks; not a part of what is saved.

    Examples
    --------
    >>> from ironbatch import DatasetIndex
    >>> state = IterState()
    >>> batches = DatasetIndex(10).gen_batch(4, shuffle=7, n_epochs=2, iter_params=state)
    >>> _, second = next(batches), next(batches)
    >>> state.epoch, state.position, state.n_iters, state.total
    (0, 8, 2, 5)
    """

    __slots__ = ("_places", "_spec", "epoch", "n_iters", "order", "position", "rows", "total")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the start and forget the order."""
        self.epoch = 0
        self.position = 0
        self.n_iters = 0
        self.total: int | None = None
        self.order: dict[str, Any] | None = None
        self.rows: RowsOf | None = None
        self._places: PlacesOf | None = None
        self._spec: tuple[Any, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the state as a dictionary of plain values."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "n_iters": self.n_iters,
            "total": self.total,
            "order": self.order,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> IterState:
        """Make a state of what `as_dict` has given."""
        out = cls()
        for name in ("epoch", "position", "n_iters", "total", "order"):
            setattr(out, name, state[name])
        return out

    def copy(self) -> IterState:
        """A state that stands at the same place and moves on its own."""
        return self.from_dict(self.as_dict())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.as_dict(),)

    def __repr__(self) -> str:
        order = self.order["order"] if self.order else None
        return (
            f"IterState(epoch={self.epoch}, position={self.position}, n_iters={self.n_iters}, "
            f"total={self.total}, order={order!r})"
        )

    def bind(self, shuffle: Any, n: int, order: OrderName, rows: RowsOf | None = None) -> PlacesOf:
        """Give the order of this iteration, which the first call chooses.

        Raises
        ------
        ValueError
            If a later call asks for another order before `reset`.
        """
        if self._places is None and self.order is not None:
            # Resumed: the state says which.
            self._places = order_from_state(self.order, n, self.rows or rows)
            self._spec = (shuffle, order)
        elif self._places is None:
            self._places = make_order(shuffle, n, order, self.rows or rows)
            self.order = self._places.state
            self._spec = (shuffle, order)
        elif self._spec is None or not _same_spec(self._spec, (shuffle, order)):
            raise ValueError(
                "shuffle or order has changed in the middle of an iteration; "
                "call reset('iter') first"
            )
        return self._places

    def advance(self, plan: Plan) -> tuple[Part, Part | None] | None:
        """Move over the next batch and give the places it takes, in up to two epochs.

        None if the iteration is over.
        """
        if plan.n_iters is not None and self.n_iters >= plan.n_iters:
            return None
        size, n = plan.batch_size, plan.n
        if plan.drop_last and self.position + size > n:
            self.epoch += 1
            self.position = 0
        if plan.n_epochs is not None and self.epoch >= plan.n_epochs:
            return None
        epoch, start = self.epoch, self.position
        self.n_iters += 1
        missing = start + size - n
        if missing < 0:
            self.position = start + size
            return Part(epoch, start, size), None
        self.epoch = epoch + 1
        self.position = 0
        if missing and (plan.n_epochs is None or self.epoch < plan.n_epochs):
            self.position = missing
            return Part(epoch, start, n - start), Part(epoch + 1, 0, missing)
        return Part(epoch, start, n - start), None


def _same_spec(a: tuple[Any, str], b: tuple[Any, str]) -> bool:
    if a[0] is b[0]:
        return a[1] == b[1]
    if isinstance(a[0], np.random.SeedSequence) and isinstance(b[0], np.random.SeedSequence):
        return a[1] == b[1] and a[0].state == b[0].state
    if isinstance(a[0], Blocks | str):
        return bool(a == b)
    plain = int | np.integer | np.bool_
    return isinstance(a[0], plain) and isinstance(b[0], plain) and bool(a == b)


def batches(
    state: IterState,
    plan: Plan,
    places: PlacesOf,
    of: NDArray[np.int64] | None,
    make: Callable[[Any, Any], Any],
) -> Iterator[Any]:
    """Yield `make(positions, epochs)` for each batch until the end.

    `epochs` is a number, or an array if the batch takes items of two epochs.
    """
    size = plan.batch_size
    # Most batches lie within one epoch: what leads to them is kept short.
    n = plan.n
    n_iters = plan.n_iters
    n_epochs = plan.n_epochs
    positions = places.positions
    while True:
        start, epoch = state.position, state.epoch
        stop = start + size
        if (
            stop < n
            and (n_iters is None or state.n_iters < n_iters)
            and (n_epochs is None or epoch < n_epochs)
        ):
            state.position = stop
            state.n_iters += 1
            yield make(positions(epoch, start, size, of), epoch)
            continue
        parts = state.advance(plan)
        if parts is None:
            return
        yield make(*join_parts(places, parts, of))


def join_parts(
    places: PlacesOf, parts: tuple[Part, Part | None], of: NDArray[np.int64] | None
) -> tuple[slice | NDArray[np.int64], int | NDArray[np.int64]]:
    """Positions and epochs of a batch."""
    first, second = parts
    head = places.positions(*first, of)
    if second is None:
        return head, first.epoch
    tail = places.positions(*second, of)
    pieces = [
        np.arange(part.start, part.stop) if isinstance(part, slice) else part
        for part in (head, tail)
    ]
    counts = [first.length, second.length]
    return np.concatenate(pieces), np.repeat(np.array([first.epoch, second.epoch]), counts)
