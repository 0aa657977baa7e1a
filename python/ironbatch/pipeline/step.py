"""One action of a pipeline, as the user wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Step"]


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
        name in `ironbatch.pipeline.builtin`.
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
            args = [_short(one) for one in self.args]
            args += [f"{name}={_short(one)}" for name, one in self.kwargs.items()]
            if self.save_to is not None:
                args.append(f"save_to={_short(self.save_to)}")
            text = f"{self.name}({', '.join(args)})"
        if self.repeat is not None:
            text += f" * {self.repeat!r}"
        if self.proba is not None:
            text += f" @ {self.proba!r}"
        return text


def _short(value: Any, limit: int = 60) -> str:
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    text = repr(value).replace("\n", " ")
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
