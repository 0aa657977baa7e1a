"""What surrounds a batch while it travels through a pipeline."""

from __future__ import annotations

from typing import Any

__all__ = ["Scope"]


class Scope:
    """The place of one batch in one run: everything an action or an expression can ask about.

    It never refers to the batch, so that a batch's memory is free as soon as the batch is.

    Attributes
    ----------
    pipeline : Pipeline or None
        The pipeline that runs.
    iteration : int
        Number of the batch in the run, from 1.
    total : int or None
        How many batches the run will make, when that is known.
    position : int
        How many items the run has handed out before this batch.
    stream_key : tuple of int
        Key of the random streams of the run, two 64-bit words.
    ticket : int
        Place of the batch in the order of the run, from 0.
    turns : Turns or None
        Keeps batches in order where several travel at once.
    record : BatchRecord or None
        What the batch costs, when that is measured.
    per_item : bool
        Whether random expressions give a value for each item at the moment: they are inside `P`.
    discarded : bool
        Whether the run yields None in the place of the batch.
    locks : list
        Locks that the batch holds, with their names.
    """

    __slots__ = (
        "discarded",
        "iteration",
        "locks",
        "per_item",
        "pipeline",
        "position",
        "record",
        "stream_key",
        "ticket",
        "total",
        "turns",
    )

    def __init__(
        self,
        pipeline: Any = None,
        iteration: int = 1,
        total: int | None = None,
        position: int = 0,
        stream_key: tuple[int, int] | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.iteration = iteration
        self.total = total
        self.position = position
        self.stream_key = stream_key
        self.ticket = iteration - 1
        self.turns: Any = None
        self.record: Any = None
        self.per_item = False
        self.discarded = False
        self.locks: list[tuple[Any, Any]] = []

    def __getstate__(self) -> dict[str, Any]:
        kept = ("iteration", "total", "position", "stream_key", "ticket")
        return {name: getattr(self, name) for name in kept}

    def __deepcopy__(self, memo: dict[int, Any]) -> Scope:
        # A copy of a batch travels in the same place.
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        for name, value in state.items():
            setattr(self, name, value)
