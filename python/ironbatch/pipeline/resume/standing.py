"""How far a run has come, and where a run begins that goes on with another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ironbatch.pipeline.resume.course import Course, Stand

if TYPE_CHECKING:
    from ironbatch.index.iteration import Plan as Bounds
    from ironbatch.index.order import PlacesOf

__all__ = ["Mark", "Origin", "Place", "Standing"]


class Place(NamedTuple):
    """A place between the items of the batches that are joined.

    Attributes
    ----------
    below : int or Mark
        Where the run stood that makes these batches.
    offset : int
        How many items of the batch that follows there have been handed out.
    skip : int
        How many joined batches that follow there have been handed out.
    beside : tuple of int or Mark
        Where the runs stood that were merged in.
    """

    below: Any
    offset: int = 0
    skip: int = 0
    beside: tuple[Any, ...] = ()


class Mark(NamedTuple):
    """Where a run over joined batches stands between two of them.

    Attributes
    ----------
    iteration, items : int
        Batches and items handed out.
    place : Place
        Where the next item comes from.
    """

    iteration: int
    items: int
    place: Place


class Origin(NamedTuple):
    """Where a run begins.

    Attributes
    ----------
    iteration, items, batches : int
        Batches taken, items handed out and batches handed out before.
    stand : Stand or None
        Where a run over a dataset begins.
    order, stream_key
        Of the run that it goes on with.
    arguments : dict
        What that run was given, in plain values.
    below : Origin or None
        Where the run begins whose batches are joined.
    offset, skip : int
        See `Place`.
    beside : tuple of Origin
        Where the runs begin that are merged in.
    """

    iteration: int
    items: int
    batches: int
    stand: Stand | None
    order: dict[str, Any]
    stream_key: tuple[int, int]
    arguments: dict[str, Any]
    below: Origin | None = None
    offset: int = 0
    skip: int = 0
    beside: tuple[Origin, ...] = ()


class Standing:
    """How far a run has come: it moves with the batches that the consumer gets.

    Parameters
    ----------
    options : RunOptions
        What the run was given.
    origin : Origin, optional
        Where it begins.

    Attributes
    ----------
    iteration : int
        Batches taken: those handed out, and those skipped on the way.
    batches : int
        Batches handed out.
    course : Course or None
        What a run over a dataset goes through.
    marks : deque of Mark or None
        Where a run over joined batches stands after each batch that is under way.
    """

    def __init__(self, options: Any, origin: Origin | None) -> None:
        self.options = options
        self.arguments = None if origin is None else origin.arguments
        self.iteration = 0 if origin is None else origin.iteration
        self.batches = 0 if origin is None else origin.batches
        self.course: Course | None = None
        self.order: dict[str, Any] = {}
        self.stream_key = (0, 0)
        self.below: Standing | None = None
        self.beside: list[Standing] = []
        self.marks: deque[Mark] | None = None
        self._mark: Mark | None = None
        self._previous: Mark | None = None

    def start(
        self, bounds: Bounds, shard: tuple[int, int], origin: Origin | None, dataset: Any
    ) -> tuple[Course, PlacesOf]:
        """Begin a run over a dataset: give what it goes through, and the order of the items.

        Raises
        ------
        ValueError
            If the items cannot be dealt out to the ranks, or not in an order that all agree on.
        """
        from ironbatch.index.blocks import Blocks
        from ironbatch.index.order import make_order, order_from_state
        from ironbatch.random import stream_key

        options = self.options
        shuffle = dataset.in_blocks(options.shuffle, options.seed)
        if origin is not None:
            order = order_from_state(origin.order, bounds.n, dataset.rows_in_blocks)
        elif shard[1] > 1 and (
            shuffle is None
            or (isinstance(shuffle, bool | np.bool_) and shuffle)
            or (isinstance(shuffle, Blocks) and not shuffle.is_seeded)
        ):
            raise ValueError(
                f"shuffle={shuffle!r} gives each of the {shard[1]} ranks another order, so that "
                "they would not share the items out; give the same int to all, as in shuffle=42"
            )
        else:
            order = make_order(shuffle, bounds.n, options.order, dataset.rows_in_blocks)
        stand: Stand | None
        if origin is not None:
            stand = origin.stand
        elif options.first_epoch:
            stand = Stand(epoch=options.first_epoch, items=options.first_epoch * bounds.n)
        else:
            stand = None
        self.course = Course(bounds, *shard, stand, *options.lane)
        self.order = order.state
        if origin is None:
            self.stream_key = stream_key(shuffle if options.seed is None else options.seed)
        else:
            self.stream_key = origin.stream_key
        return self.course, order

    def stands_on(self, below: Standing, origin: Origin | None) -> None:
        """Begin a run over joined batches of another run."""
        self.below = below
        self.marks = deque()
        items, place = 0, Place(below.now)
        if origin is not None:
            items, place = origin.items, Place(below.now, origin.offset, origin.skip)
        self._mark = Mark(self.iteration, items, place)
        self.order, self.stream_key = below.order, below.stream_key

    def stands_beside(self, others: list[Standing]) -> None:
        """Say which runs are merged in."""
        assert self._mark is not None
        self.beside = others
        place = self._mark.place._replace(beside=tuple(one.now for one in others))
        self._mark = self._mark._replace(place=place)

    def joined(
        self, tickets: Iterator[int], source: Iterator[tuple[Any, Place]]
    ) -> Iterator[tuple[int, int, Any]]:
        """Number joined batches, and note where the run will stand after each."""
        assert self.marks is not None
        assert self._mark is not None
        items = self._mark.items
        for ticket, (batch, place) in zip(tickets, source, strict=False):
            first, items = items, items + len(batch)
            self.marks.append(Mark(ticket + 1, items, place))
            yield ticket, first, batch
            batch = None

    def move_on(self) -> None:
        """A joined batch of the run has been taken."""
        assert self.marks is not None
        self._previous, self._mark = self._mark, self.marks.popleft()

    @property
    def now(self) -> int | Mark:
        """Where the run stands."""
        return self.iteration if self._mark is None else self._mark

    @property
    def before(self) -> int | Mark:
        """Where the run stood before the latest batch."""
        return self.iteration - 1 if self._previous is None else self._previous
