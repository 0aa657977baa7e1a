"""Batches of another size, made of the batches of another pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ironbatch._core import BatchBase
from ironbatch.namedexpr import eval_expr
from ironbatch.pipeline.resume.standing import Place

if TYPE_CHECKING:
    from ironbatch.pipeline.resume.standing import Origin, Standing
    from ironbatch.pipeline.run.run import Run

__all__ = ["Rebatched"]


@dataclass(frozen=True, slots=True, eq=False)
class Rebatched:
    """Where a pipeline takes its batches from, when it does not make them of a dataset.

    Attributes
    ----------
    pipeline : Pipeline
        Makes the batches.
    batch_size : int or NamedExpression
        How many items the new batches have; the last one may have fewer.
    merge : callable, optional
        Joins batches, called as `Batch.merge` is.
    components : str or sequence of str, optional
        Which components the new batches have.
    batch_class : type, optional
        Their class.
    """

    pipeline: Any
    batch_size: Any
    merge: Callable[..., Any] | None = None
    components: str | Sequence[str] | None = None
    batch_class: type | None = None

    @property
    def depth(self) -> int:
        """How many parts of the chain come before."""
        inner = self.pipeline.rebatched
        return 1 if inner is None else 1 + int(inner.depth)

    def shard(self, rank: int, world_size: int) -> Rebatched:
        """Give the source of one rank: its pipelines make their parts."""
        if self.pipeline.rebatched is None:
            return self
        inner = copy(self.pipeline)
        inner.rebatched = inner.rebatched.shard(rank, world_size)
        return replace(self, pipeline=inner)

    def run(self, options: Any, owner: Any, origin: Origin | None) -> Run:
        """Give the run that makes the batches which are joined."""
        from ironbatch.pipeline.prefetch.threads import ahead_for
        from ironbatch.pipeline.run.run import Run

        ahead, limit = ahead_for(options, self._size(owner))
        options = replace(options, bar=None, prefetch=ahead, prefetch_bytes=limit)
        return Run(self.pipeline, options, owner, origin)

    def batches(
        self, run: Run, owner: Any, origin: Origin | None, standing: Standing
    ) -> Iterator[tuple[Any, Place]]:
        """Yield each new batch, and the place after its last item."""
        offset, skip = (0, 0) if origin is None else (origin.offset, origin.skip)
        return self._regroup(run, self._size(owner), offset, skip)

    def _size(self, owner: Any) -> int:
        return checked_size(eval_expr(self.batch_size, pipeline=owner))

    def alone(self, batch: Any) -> Any:
        """Make of one batch what the merging of batches makes of its items."""
        return None if batch is None else merged_batch(self, [batch], None)[0]

    def _regroup(self, run: Run, size: int, offset: int, skip: int) -> Iterator[tuple[Any, Place]]:
        """Join batches, beginning with an item of the first one, or after some joined batches."""
        standing = run.standing
        waiting: list[Any] = []
        # Items that wait, and those at the beginning of the first batch that wait no more.
        count = start = made = 0
        # Where no item waits, so that the place needs no offset.
        clean = standing.now
        for batch in run.batches():
            if batch is None:
                continue
            before, length = standing.before, len(batch)
            if offset:
                start, offset = offset, 0
                if start >= length:
                    start = 0
                    continue
            waiting.append(batch)
            count += length if count else length - start
            batch = None
            while count >= size:
                in_order = self._keeps_order(type(waiting[0]))
                if in_order:
                    # So that a batch depends on its own items only, wherever a run has begun.
                    count -= size
                    stop = len(waiting[-1]) - count
                    joined = merged_batch(self, _between(waiting, start, stop), None)[0]
                    waiting, start = (waiting[-1:], stop) if count else ([], 0)
                else:
                    joined, rest = merged_batch(self, _between(waiting, start, None), size)
                    count, start = 0 if rest is None else len(rest), 0
                    waiting = [] if rest is None else [rest]
                    rest = None
                made += 1
                if not count:
                    clean, made = standing.now, 0
                    place = Place(clean)
                elif in_order:
                    place = Place(before, length - count)
                else:
                    place = Place(clean, 0, made)
                if skip:
                    skip -= 1
                    continue
                yield joined, place
                joined = None
        if waiting:
            yield merged_batch(self, _between(waiting, start, None), None)[0], Place(standing.now)

    def _keeps_order(self, cls: Any) -> bool:
        """Whether joined batches have the items in the order in which they came."""
        from ironbatch.batch import Batch

        merge = getattr(self.batch_class or cls, "merge", None)
        own = getattr(Batch.merge, "__func__", None)
        return self.merge is None and getattr(merge, "__func__", None) is own


def merged_batch(how: Rebatched, batches: list[Any], size: int | None) -> tuple[Any, Any]:
    """Join batches, and give back what is over.

    Parameters
    ----------
    how : Rebatched
        Function, components and class.
    batches : list of Batch
        What to join.
    size : int or None
        How many items the result has at most.

    Raises
    ------
    TypeError
        If a function of the user's returns something else.
    """
    if how.merge is None and how.components is None and how.batch_class is None:
        if len(batches) == 1 and (size is None or len(batches[0]) == size):
            return batches[0], None
        return batches[0].merge(batches, batch_size=size)  # type: ignore[no-any-return]
    cls = how.batch_class or type(batches[0])
    merge = how.merge or cls.merge  # type: ignore[attr-defined]
    result = merge(batches, batch_size=size, components=how.components, batch_class=how.batch_class)
    if not (
        isinstance(result, tuple | list)
        and len(result) == 2
        and isinstance(result[0], BatchBase)
        and isinstance(result[1], BatchBase | None)
    ):
        name = getattr(merge, "__qualname__", type(merge).__name__)
        raise TypeError(
            f"{name}, which merges batches, has to return the merged batch and the rest of the "
            f"items or None, got {type(result).__name__}"
        )
    return result[0], result[1]


def _between(batches: list[Any], start: int, stop: int | None) -> list[Any]:
    """Give batches without the first items of the first one, and without the end of the last."""
    if stop == len(batches[-1]):
        stop = None
    if len(batches) == 1:
        (only,) = batches
        return [only._taken_at(slice(start, stop))] if start or stop is not None else [only]
    parts = list(batches)
    if start:
        parts[0] = parts[0]._taken_at(slice(start, None))
    if stop is not None:
        parts[-1] = parts[-1]._taken_at(slice(0, stop))
    return parts


def checked_size(size: Any) -> int:
    """Give the size of the new batches.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is less than 1.
    """
    if not hasattr(size, "__index__") or isinstance(size, bool):
        raise TypeError(f"rebatch needs a whole number as its batch_size, got {size!r}")
    if size < 1:
        raise ValueError(f"rebatch needs a batch_size of at least 1, got {size}")
    return int(size)


def check_merging(merge: Any, components: Any, batch_class: Any) -> None:
    """Refuse what cannot say how batches are joined.

    Raises
    ------
    TypeError
        If `merge` is no function, `components` are no names, or `batch_class` no class of batches.
    """
    if merge is not None and not callable(merge):
        raise TypeError(f"merge is the function that joins batches, got {merge!r}")
    names = (components,) if isinstance(components, str) else components
    if names is not None and not (
        isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    ):
        raise TypeError(f"components are names, got {components!r}")
    if batch_class is not None and not (
        isinstance(batch_class, type) and issubclass(batch_class, BatchBase)
    ):
        raise TypeError(f"batch_class is a subclass of Batch, got {batch_class!r}")
