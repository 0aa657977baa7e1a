"""Batches of another size, made of the batches of another pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ironbatch._core import BatchBase
from ironbatch.namedexpr import eval_expr

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

    def batches(self, options: Any, owner: Any) -> Iterator[Any]:
        """Run the pipeline and give the new batches."""
        from ironbatch.pipeline.executor import Run

        inner = Run(self.pipeline, replace(options, bar=None), owner=owner)
        size = int(eval_expr(self.batch_size, pipeline=owner))
        if size < 1:
            raise ValueError(f"rebatch needs a batch_size of at least 1, got {size}")
        return self._regroup(inner.batches(), size)

    def alone(self, batch: Any) -> Any:
        """Make of one batch what the merging of batches makes of its items."""
        return None if batch is None else merged_batch(self, [batch], None)[0]

    def _regroup(self, source: Iterator[Any], size: int) -> Iterator[Any]:
        waiting: list[Any] = []
        count = 0
        for batch in source:
            if batch is None:
                continue
            waiting.append(batch)
            count += len(batch)
            while count >= size:
                batch, rest = merged_batch(self, waiting, size)
                waiting = [] if rest is None else [rest]
                count = 0 if rest is None else len(rest)
                yield batch
        if waiting:
            yield merged_batch(self, waiting, None)[0]


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
