"""One action of a pipeline, as the user wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from ironbatch.pipeline.chain.brief import brief, brief_call

__all__ = ["Step", "checked_chance", "checked_times"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One link of a chain. Never changed once made, so pipelines can share steps.

    Attributes
    ----------
    name : str
        Name of the action, or of the built-in step.
    args, kwargs : tuple, dict
        Its arguments, named expressions among them.
    kind : str
        Who carries it out: ``'action'`` for methods of a batch and functions of namespaces, else a
        name in `ironbatch.pipeline.chain.builtin`.
    save_to : object
        Where the output goes, for kinds that have one.
    proba : float or NamedExpression, optional
        Chance that the step is carried out for a batch.
    repeat : int or NamedExpression, optional
        How many times it is carried out.
    nested : Pipeline, optional
        The pipeline that it stands for.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    kind: str = "action"
    save_to: Any = None
    proba: Any = None
    repeat: Any = None
    nested: Any = None

    def __repr__(self) -> str:
        if self.nested is not None:
            inner = "".join(f".{step!r}" for step in self.nested.steps)
            text = f"pipeline({inner.lstrip('.')})"
        else:
            text = brief_call(self.name, self.args, self.kwargs, self.save_to)
        if self.repeat is not None:
            text += f" * {brief(self.repeat)}"
        if self.proba is not None:
            text += f" @ {brief(self.proba)}"
        return text


def checked_chance(chance: Any) -> float:
    """Give a chance.

    Raises
    ------
    ValueError
        If it is no number from 0 to 1.
    """
    if not isinstance(chance, Real) or not 0 <= float(chance) <= 1:
        raise ValueError(f"the chance of a pipeline is from 0 to 1, got {chance!r}")
    return float(chance)


def checked_times(times: Any) -> int:
    """Give a number of repetitions.

    Raises
    ------
    ValueError
        If it is no whole number from 0 on.
    """
    if not hasattr(times, "__index__") or isinstance(times, bool) or times < 0:
        raise ValueError(f"a pipeline is repeated a whole number of times, got {times!r}")
    return int(times)
