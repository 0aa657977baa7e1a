"""Steps that use the same model or variable pass as one.

Under prefetch, batches take turns at each step that touches what they share. Between two steps
that use one model, such as training it and predicting with it, no other batch may use it: the
second step would see what a later batch has left, or not, as the threads happen to run. So from the
first to the last step that uses a model, one batch at a time passes, in order. The same holds for
variables, and for options of the config and attributes of the dataset, that one step changes and
another uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ironbatch.namedexpr import C, D, M, NamedExpression, V, W
from ironbatch.pipeline.chain.step import Step

__all__ = ["spans"]

# Not import_model: it does something for the first batch alone.
_OF_MODELS = {"train_model", "predict_model", "save_model", "load_model"}

_ANY = object()
"""Stands for a name that is known only when the chain runs."""

_SHARED: dict[type, str] = {M: "model", V: "variable", C: "config", D: "dataset"}

_WRITTEN = {"_base", "_branches"}
"""Attributes of expressions that hold what changes when the expression is assigned to."""

Use = tuple[str, Any, bool]
"""What is used: a model, variable and so on, its name, and whether it may change."""


def spans(steps: tuple[Step, ...]) -> list[tuple[int, int]]:
    """Give the first and last number of steps that have to pass as one.

    Parameters
    ----------
    steps : tuple of Step
        The chain.

    Returns
    -------
    list of (int, int)
        Spans, growing, without overlap; of one step if that is a chain which is repeated.
    """
    users: dict[str, dict[Any, list[int]]] = {}
    changed: dict[str, set[Any]] = {}
    for number, step in enumerate(steps):
        for kind, name, changes in _uses(step):
            users.setdefault(kind, {}).setdefault(name, []).append(number)
            if changes:
                changed.setdefault(kind, set()).add(name)
    found = []
    for kind, names in changed.items():
        by_name = users[kind]
        if _ANY in by_name:
            # It may be any of them.
            by_name = {_ANY: sorted(number for numbers in by_name.values() for number in numbers)}
            names = {_ANY}
        found += [(by_name[name][0], by_name[name][-1]) for name in names]
    merged: list[tuple[int, int]] = []
    for first, last in sorted(found):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return [
        (first, last)
        for first, last in merged
        if first < last or (steps[first].nested is not None and steps[first].repeat is not None)
    ]


def _uses(step: Step) -> Iterator[Use]:
    if step.nested is not None:
        for one in step.nested.steps:
            yield from _uses(one)
    if step.kind in _OF_MODELS:
        yield "model", step.args[0] if isinstance(step.args[0], str) else _ANY, True
    destinations: list[Any] = [step.save_to]
    args, kwargs = step.args, dict(step.kwargs)
    if step.kind == "update":
        destinations.append(args[0])
        args = args[1:]
    # Where nobody knows yet whether it is a function, and for actions that store themselves.
    destinations += [kwargs.pop(name, None) for name in ("save_to", "dst")]
    for value in (*args, *kwargs.values()):
        if isinstance(value, NamedExpression) and value._mode != "w":
            destinations.append(value)
    yield from _expressions(destinations, True)
    yield from _expressions((args, kwargs, step.proba, step.repeat), False)


def _expressions(value: Any, changes: bool) -> Iterator[Use]:
    if isinstance(value, NamedExpression):
        kind = _SHARED.get(type(value))
        if kind is not None and value.__dict__.get("_pipeline") is None:
            # Paths of the config lie within each other.
            one = kind == "config" or kind == "dataset"
            name = value._name
            known = not one and not isinstance(name, NamedExpression) and name is not None
            yield kind, name if known else _ANY, changes or kind == "model"
        # Who gets an expression as it is may store to it.
        changes = changes or isinstance(value, W)
        for attribute, part in value.__dict__.items():
            if attribute not in ("_bound", "_pipeline"):
                # An item of a variable changes it; what says which item does not change.
                handed_on = isinstance(value, W)
                yield from _expressions(part, changes and (handed_on or attribute in _WRITTEN))
    elif isinstance(value, slice):
        yield from _expressions((value.start, value.stop, value.step), changes)
    elif isinstance(value, Mapping):
        yield from _expressions([*value.items()], changes)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _expressions(part, changes)
