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
    draws : EachItem, OneItem or None
        What random expressions draw from at the moment, if they are inside `P` or `PP`.
    generators : dict
        Generators of random expressions that have a seed of their own, by the expression's `id`.
    turn : str
        Which repetition of a part of the plan this is: it tells their random streams apart.
    discarded : bool
        Whether the run yields None in the place of the batch.
    locks : list
        Locks that the batch holds, with their names.
    index : DatasetIndex or None
        The items that the batch was made of; some may have left it since.
    policy : Policy or None
        What the run does with items that fail; None when the batch has left the run.
    kept : Kept or None
        Records of what has failed.
    """

    __slots__ = (
        "discarded",
        "draws",
        "generators",
        "index",
        "iteration",
        "kept",
        "locks",
        "pipeline",
        "policy",
        "position",
        "record",
        "stream_key",
        "ticket",
        "total",
        "turn",
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
        self.draws: Any = None
        self.generators: dict[Any, Any] | None = None
        self.turn = ""
        self.discarded = False
        self.locks: list[tuple[Any, Any]] = []
        self.index: Any = None
        self.policy: Any = None
        self.kept: Any = None

    def inside(self, draws: Any) -> Scope:
        """Give a copy in which random expressions draw from `draws`; this one stays as it is."""
        if self.generators is None:
            self.generators = {}
        twin = Scope.__new__(Scope)
        for name in Scope.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.draws = draws
        return twin

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
