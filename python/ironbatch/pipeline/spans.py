"""Steps that use the same model pass as one.

Under prefetch, batches take turns at each step that touches what they share. Between two steps
that use one model, such as training it and predicting with it, no other batch may use it: the
second step would see what a later batch has left, or not, as the threads happen to run. So from the
first to the last step that uses a model, one batch at a time passes, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ironbatch.namedexpr import M, NamedExpression
from ironbatch.pipeline.step import Step

__all__ = ["model_spans"]

_OF_MODELS = {"train_model", "predict_model", "save_model", "load_model", "import_model"}

_ANY = object()
"""Stands for a model whose name is known only when the chain runs."""


def model_spans(steps: tuple[Step, ...]) -> list[tuple[int, int]]:
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
    users: dict[Any, list[int]] = {}
    for number, step in enumerate(steps):
        for name in _models(step):
            users.setdefault(name, []).append(number)
    if _ANY in users:
        together = sorted(number for numbers in users.values() for number in numbers)
        users = {_ANY: together}
    spans = sorted((numbers[0], numbers[-1]) for numbers in users.values())
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return [
        (first, last)
        for first, last in merged
        if first < last or (steps[first].nested is not None and steps[first].repeat is not None)
    ]


def _models(step: Step) -> Iterator[Any]:
    if step.nested is not None:
        for one in step.nested.steps:
            yield from _models(one)
    if step.kind in _OF_MODELS:
        yield step.args[0] if isinstance(step.args[0], str) else _ANY
    yield from _expressions((step.args, step.kwargs, step.save_to, step.proba, step.repeat))


def _expressions(value: Any) -> Iterator[Any]:
    if isinstance(value, M):
        yield value._name if isinstance(value._name, str) else _ANY
    elif isinstance(value, NamedExpression):
        for name, part in value.__dict__.items():
            if name != "_bound":
                yield from _expressions(part)
    elif isinstance(value, Mapping):
        yield from _expressions([*value.items()])
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _expressions(part)
