"""Which items each batch of a run takes, computed for any batch without going through others.

The epochs of a run, one after another, are one long line of *places*. Each *step* takes the next
``world * batch_size`` of them, and each of the `world` ranks a slice of those; a run that is not
sharded is the only rank. So the state of a run is a place and a few counts, whatever the batch.

Processes that make the batches of one rank together take turns: each has a *lane*, which is every
`lanes`-th step. A batch is the same whoever makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice, repeat
from typing import Any, NamedTuple

from ironbatch.index.iteration import Part, join_parts
from ironbatch.index.iteration import Plan as Bounds
from ironbatch.index.order import PlacesOf

__all__ = ["Course", "Stand"]


class Stand(NamedTuple):
    """Where a run over a dataset stands between two steps.

    Attributes
    ----------
    iteration : int
        Steps done.
    epoch, position : int
        The next place.
    items : int
        Items handed out, over all ranks.
    left : int or None
        Places that are still to be handed out, if the run was told how many steps to make.
    """

    iteration: int = 0
    epoch: int = 0
    position: int = 0
    items: int = 0
    left: int | None = None


class Course:
    """The steps of a run from where it starts.

    Parameters
    ----------
    bounds : ironbatch.index.iteration.Plan
        Number of items, batch size, and where to end.
    rank, world : int
        Whose slices these are, and how many ranks there are.
    start : Stand, optional
        Where it starts; at the beginning by default.
    lane, lanes : int
        Which of the steps from there are made: those at place `lane` of each `lanes`.

    Attributes
    ----------
    start : Stand
        Where it starts.
    steps : int or None
        Number of steps from there, of all lanes; None if there is no end.

    Raises
    ------
    ValueError
        If the ranks cannot have equally many batches.
    """

    def __init__(
        self,
        bounds: Bounds,
        rank: int = 0,
        world: int = 1,
        start: Stand | None = None,
        lane: int = 0,
        lanes: int = 1,
    ) -> None:
        self.n, self.size = bounds.n, bounds.batch_size
        self.rank, self.world = rank, world
        self.lane, self.lanes = lane, lanes
        self.drop_last = bounds.drop_last
        self.stride = self.size * world
        if start is None:
            left = None if bounds.n_iters is None else bounds.n_iters * self.stride
            start = Stand(left=left)
        self.start = start
        self._epochs = bounds.n_epochs
        self._borrowed = 0
        if self.drop_last:
            self._plan_full_steps()
        else:
            self._plan_all_places()

    @property
    def total(self) -> int | None:
        """Number of steps of the whole run, with those done before the start."""
        return None if self.steps is None else self.start.iteration + self.steps

    @property
    def own_steps(self) -> int | None:
        """Number of steps that are made here."""
        return None if self.steps is None else max(-(-(self.steps - self.lane) // self.lanes), 0)

    @property
    def parts(self) -> int:
        """Among how many processes the items are shared out, of all ranks and lanes."""
        return self.world * self.lanes

    def number(self, iteration: int) -> int:
        """Give how many steps of the run come before the one that is made here next.

        Parameters
        ----------
        iteration : int
            Steps before the start, and those made here since.
        """
        return self.start.iteration + self.lane + (iteration - self.start.iteration) * self.lanes

    def _plan_full_steps(self) -> None:
        self._per_epoch = self.n // self.stride
        if not self._per_epoch:
            raise ValueError(
                f"batches of {self.size} at each of {self.world} ranks take {self.stride} items at "
                f"a time, and the set has {self.n}: with drop_last none would be left; give a "
                "smaller batch_size, or drop_last=False"
            )
        self._first_epoch = (self.n - self.start.position) // self.stride
        self.steps: int | None = None
        if self.start.left is not None:
            self.steps = self.start.left // self.stride
        elif self._epochs is not None:
            whole = self._epochs - self.start.epoch - 1
            self.steps = 0 if whole < 0 else self._first_epoch + whole * self._per_epoch

    def _plan_all_places(self) -> None:
        self._origin = self.start.epoch * self.n + self.start.position
        length = self.start.left
        if length is None and self._epochs is not None:
            length = max(self._epochs * self.n - self._origin, 0)
        self._length = length
        if length is None:
            self.steps = None
            return
        full, rest = divmod(length, self.stride)
        self.steps = full + bool(rest)
        if 0 < rest < self.world:
            if not full or self.size == 1:
                raise ValueError(
                    f"{length} items cannot be dealt out to {self.world} ranks in equally many "
                    f"batches of at most {self.size}; shard over fewer ranks, or give another "
                    "batch_size or drop_last=True"
                )
            self._borrowed = self.world - rest

    def at(self, iteration: int) -> Stand:
        """Give the stand before the step that is made here next, see `number`."""
        start = self.start
        done = self.number(iteration) - start.iteration
        if self.lanes > 1 and self.steps is not None:
            done = min(done, self.steps)
        return self._after(done)

    def taken(self, iteration: int) -> int:
        """Give about how many items were taken here since the start; exact with one lane."""
        done = (iteration - self.start.iteration) * self.lanes
        if self.lanes > 1 and self.steps is not None:
            done = min(done, self.steps)
        return (self._after(done).items - self.start.items) // self.parts

    def _after(self, done: int) -> Stand:
        """Give the stand after so many steps of all lanes."""
        start = self.start
        iteration = start.iteration + done
        if not done:
            return start
        if self.drop_last:
            items = done * self.stride
            if done < self._first_epoch:
                epoch, position = start.epoch, start.position + items
            else:
                epochs, steps = divmod(done - self._first_epoch, self._per_epoch)
                epoch, position = start.epoch + 1 + epochs, steps * self.stride
        else:
            items = self._places_before(done)
            epoch, position = divmod(self._origin + items, self.n)
        left = None if start.left is None else start.left - items
        return Stand(iteration, epoch, position, start.items + items, left)

    def rest_from(self, iteration: int) -> Course:
        """Give the course that goes on after so many steps of the whole run."""
        bounds = Bounds(self.n, self.size, None, self._epochs, self.drop_last)
        return Course(bounds, self.rank, self.world, self.at(iteration))

    def _places_before(self, step: int) -> int:
        """Give how many places the first steps take; the last one takes what there is."""
        places = step * self.stride
        if self.steps is not None and self._length is not None:
            if step == self.steps:
                return self._length
            if step == self.steps - 1:
                places -= self._borrowed
        return places

    def views(self, index: Any, order: PlacesOf) -> Iterator[Any]:
        """Yield the views of an index that this lane of this rank gets."""
        make, of = index._batch_maker()
        positions, n, size = order.positions, self.n, self.size
        for place, length in islice(self._places(), self.lane, None, self.lanes):
            epoch, start = divmod(place, n)
            if length == size and start + size <= n:
                yield make(positions(epoch, start, size, of), epoch)
            else:
                yield make(*join_parts(order, self._parts(place, length), of))

    def _places(self) -> Iterator[tuple[int, int]]:
        """Give first place and length of each batch of this rank."""
        yield from zip(self._full_places(), repeat(self.size))
        yield from self._last_places()

    def firsts(self) -> Iterator[int]:
        """Give, for each batch that is made here, the number of items that come before it."""
        return islice(self._all_firsts(), self.lane, None, self.lanes)

    def _all_firsts(self) -> Iterator[int]:
        items, own = self.start.items, self.rank * self.size
        if self.drop_last or self.steps is None:
            yield from count(items + own, self.stride)
            return
        ragged = self._ragged_steps()
        yield from range(
            items + own, items + own + (self.steps - ragged) * self.stride, self.stride
        )
        for place, _ in self._last_places():
            yield place - self._origin + items

    def _full_places(self) -> Iterator[int]:
        """Give the first place of each batch that has its full size."""
        own, stride = self.rank * self.size, self.stride
        if not self.drop_last:
            first = self._origin + own
            if self.steps is None:
                yield from count(first, stride)
            else:
                yield from range(
                    first, first + (self.steps - self._ragged_steps()) * stride, stride
                )
            return
        remaining = self.steps
        position, steps = self.start.position, self._first_epoch
        for epoch in count(self.start.epoch):
            if remaining is not None:
                steps = min(steps, remaining)
                remaining -= steps
            first = epoch * self.n + position + own
            yield from range(first, first + steps * stride, stride)
            if remaining == 0:
                return
            position, steps = 0, self._per_epoch

    def _ragged_steps(self) -> int:
        """Give how many steps at the end have batches that are not full."""
        if self._length is None or not self._length % self.stride:
            return 0
        return 2 if self._borrowed else 1

    def _last_places(self) -> Iterator[tuple[int, int]]:
        """Give first place and length of the batches that are not full."""
        if self.drop_last or self.steps is None:
            return
        for step in range(self.steps - self._ragged_steps(), self.steps):
            begin = self._places_before(step)
            each, more = divmod(self._places_before(step + 1) - begin, self.world)
            place = begin + self.rank * each + min(self.rank, more)
            yield self._origin + place, each + (self.rank < more)

    def _parts(self, place: int, length: int) -> tuple[Part, Part | None]:
        epoch, start = divmod(place, self.n)
        over = start + length - self.n
        if over <= 0:
            return Part(epoch, start, length), None
        return Part(epoch, start, length - over), Part(epoch + 1, 0, over)
