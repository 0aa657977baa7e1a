"""What is known about batches when a chain is written: their class at each point of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ironbatch.namedexpr import NamedExpression
from ironbatch.pipeline.chain.step import Step

__all__ = ["class_after", "class_before", "first_class"]


def first_class(pipeline: Any) -> Any:
    """Give the class of the batches of a pipeline's dataset; None if that is not known yet."""
    # What an expression stands for may not be known.
    dataset = pipeline.__dict__.get("_dataset")
    return None if isinstance(dataset, NamedExpression) else getattr(dataset, "batch_class", None)


def class_before(pipeline: Any) -> Any:
    """Give the class of the batches that the first step of a pipeline gets, None if unknown."""
    source = pipeline.rebatched
    if source is None:
        return first_class(pipeline)
    if source.batch_class is not None:
        return source.batch_class
    if source.merge is not None:
        return None
    return class_after(source.pipeline.steps, class_before(source.pipeline))


def class_after(steps: Iterable[Step], cls: Any) -> Any:
    """Give the class of batches after some steps, None if an action may have changed it.

    Parameters
    ----------
    steps : iterable of Step
        The steps.
    cls : type or None
        The class before them.
    """
    for step in steps:
        if cls is None:
            return None
        if step.nested is not None:
            cls = class_after(step.nested.steps, cls)
        elif step.kind == "call":
            # A batch that the function returns travels on.
            if step.save_to is None:
                return None
        elif step.kind == "action" and not _keeps_class(step, cls):
            return None
    return cls


def _keeps_class(step: Step, cls: Any) -> bool:
    """Whether an action gives the batch back that it got: those of users may do otherwise."""
    function = getattr(cls, step.name, None)
    if function is None or not callable(function):
        return True
    parallel = getattr(function, "parallel", None)
    if isinstance(parallel, dict) and parallel.get("post") is None:
        return True
    declared = getattr(getattr(function, "__wrapped__", None), "apply_kwargs", None)
    if isinstance(declared, dict) or step.name == "apply_parallel":
        options = {**(cls.apply_defaults or {}), **(declared or {}), **step.kwargs}
        post = options.get("post") or "_assemble"
        method = getattr(cls, post, None) if isinstance(post, str) else None
        return bool(getattr(method, "stores_components", False))
    module = getattr(function, "__module__", None) or ""
    return module.startswith("ironbatch.")
