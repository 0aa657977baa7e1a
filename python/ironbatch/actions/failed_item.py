"""One item that has failed in an action, as `Pipeline.failures` lists it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ironbatch.targets.portable import decode, encode

__all__ = ["FailedItem", "Kept", "text_of"]


@dataclass(slots=True)
class FailedItem:
    """One item that has failed; it pickles, and keeps no data of the batch alive.

    Attributes
    ----------
    item_id : Hashable
        Its id.
    position : int
        Its position in the batch when the action began.
    action : str
        Name of the action.
    step : str
        Place of the action in the plan, such as ``'2.crop'``; empty without a pipeline.
    batch : int or None
        Number of the batch in the run, from 1; None without a run.
    outcome : {'skipped', 'replaced', 'dropped'}
        What became of the item: it left the batch, its result was replaced, or the whole batch was
        dropped.
    exception : Exception
        What was raised, without its traceback.
    traceback : str
        The traceback as text.
    component : str or None
        The component that the action was reading.
    collected : bool
        Whether the end of the run raises it.
    """

    item_id: Hashable
    position: int
    action: str
    step: str
    batch: int | None
    outcome: str
    exception: Exception
    traceback: str = field(repr=False)
    component: str | None = None
    collected: bool = field(default=False, repr=False)
    limited: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        summary = f"{type(self.exception).__name__}: {self.exception}"
        where = f"action {self.action!r}" + ("" if self.batch is None else f", batch {self.batch}")
        return f"item {self.item_id!r} ({where}, {self.outcome}): {summary}"

    def noted(self) -> Exception:
        """Give the exception with its traceback as a note, to be raised in a group."""
        if self.traceback not in getattr(self.exception, "__notes__", ()):
            self.exception.add_note(self.traceback)
        return self.exception

    def packed(self, dumps: Callable[[Any], Any] = pickle.dumps) -> tuple[Any, ...]:
        """Give the values of the fields, in a form that pickles whatever the exception is."""
        values = {name: getattr(self, name) for name in _FIELDS}
        values["exception"] = encode(self.exception, dumps)
        return tuple(values.values())

    @classmethod
    def unpacked(cls, values: tuple[Any, ...]) -> FailedItem:
        """Make a record of what `packed` gave."""
        named = dict(zip(_FIELDS, values, strict=True))
        return cls(**{**named, "exception": decode(named["exception"])})

    def __reduce__(self) -> tuple[Any, ...]:
        return FailedItem.unpacked, (self.packed(),)


_FIELDS = tuple(FailedItem.__dataclass_fields__)


@dataclass(slots=True)
class Kept:
    """What the failures of one batch leave behind.

    Attributes
    ----------
    records : list of FailedItem
        The items.
    limits : dict
        What ``max_failures`` actions have given, by step.
    failed_in : tuple or None
        Where the batch failed as a whole: name and path of the step, and the items it had.
    """

    records: list[FailedItem] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    failed_in: tuple[str, str, Any] | None = None

    @classmethod
    def of(cls, scope: Any) -> Kept:
        """Give what a scope keeps, from now on if it kept nothing."""
        if scope.kept is None:
            scope.kept = cls()
        kept: Kept = scope.kept
        return kept

    def joined(self, other: Kept | None) -> Kept:
        """Give what both hold, this one first."""
        if other is None:
            return self
        return Kept([*self.records, *other.records], {**self.limits, **other.limits})

    def packed(self, dumps: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Give a form that travels between processes."""
        return [record.packed(dumps) for record in self.records], self.limits

    @classmethod
    def unpacked(cls, packed: tuple[Any, ...]) -> Kept:
        """Make it again."""
        return cls([FailedItem.unpacked(values) for values in packed[0]], packed[1])


def text_of(error: BaseException) -> str:
    """Format a traceback and take the frames off the exception."""
    from traceback import format_exception

    text = "".join(format_exception(error))
    _without_frames(error, set())
    return text


def _without_frames(error: BaseException | None, seen: set[int]) -> None:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    error.__traceback__ = None
    _without_frames(error.__cause__, seen)
    _without_frames(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            _without_frames(part, seen)
    _without_frames(getattr(error, "failures", None), seen)
