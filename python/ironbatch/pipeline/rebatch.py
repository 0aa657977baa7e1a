"""Batches of another size, made of the batches of another pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

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

    def batches(self, options: Any, owner: Any) -> Iterator[Any]:
        """Run the pipeline and give the new batches."""
        from ironbatch.pipeline.executor import Run

        inner = Run(self.pipeline, replace(options, bar=None), owner=owner)
        size = int(eval_expr(self.batch_size, pipeline=owner))
        if size < 1:
            raise ValueError(f"rebatch needs a batch_size of at least 1, got {size}")
        return self._regroup(inner.batches(), size)

    def _regroup(self, source: Iterator[Any], size: int) -> Iterator[Any]:
        waiting: list[Any] = []
        count = 0
        for batch in source:
            if batch is None:
                continue
            waiting.append(batch)
            count += len(batch)
            while count >= size:
                batch, rest = self._join(waiting, size)
                waiting = [] if rest is None else [rest]
                count = 0 if rest is None else len(rest)
                yield batch
        if waiting:
            yield self._join(waiting, None)[0]

    def _join(self, batches: list[Any], size: int | None) -> tuple[Any, Any]:
        if self.merge is None and self.components is None and self.batch_class is None:
            if len(batches) == 1 and (size is None or len(batches[0]) == size):
                return batches[0], None
            return batches[0].merge(batches, batch_size=size)  # type: ignore[no-any-return]
        cls = self.batch_class or type(batches[0])
        merge = self.merge or cls.merge  # type: ignore[attr-defined]
        merged, rest = merge(
            batches, batch_size=size, components=self.components, batch_class=self.batch_class
        )
        return merged, rest
