"""A pipeline as the code that would write it, shortened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ironbatch.namedexpr import NamedExpression
from ironbatch.pipeline.chain.brief import brief, brief_call

__all__ = ["chain_text"]


def chain_text(pipeline: Any) -> str:
    """Write a pipeline down: dataset and config, declarations, steps, `before` and `after`."""
    lines = [*_start(pipeline), *_declared(pipeline)]
    lines += _steps(pipeline)
    for name in ("before", "after"):
        lines += [f".{name}.{step!r}" for step in getattr(pipeline, name).steps]
    if pipeline._later is not None:
        args, kwargs = pipeline._later
        lines.append(f".{brief_call('run_later', args, kwargs)}")
    return "\n    ".join(lines)


def _start(pipeline: Any) -> Iterator[str]:
    dataset = pipeline.__dict__.get("_dataset")
    given = []
    if dataset is not None:
        given.append(
            brief(dataset) if isinstance(dataset, NamedExpression) else type(dataset).__name__
        )
    config = pipeline.config.flatten()
    if config:
        given.append(f"config={brief(config, 200)}")
    yield f"{type(pipeline).__name__}({', '.join(given)})"


def _declared(pipeline: Any) -> Iterator[str]:
    for variable in pipeline.variables._variables.values():
        first = variable.factory if variable.factory is not None else variable.default
        given = [variable.name] if first is None else [variable.name, first]
        yield f".{brief_call('init_variable', given)}"
    for name in pipeline.models.names():
        yield f".{brief_call('init_model', (name,))}"


def _steps(pipeline: Any) -> list[str]:
    lines = []
    source = pipeline.rebatched
    if source is not None:
        lines = _steps(source.pipeline)
        options = {
            name: value
            for name in ("merge", "components", "batch_class")
            if (value := getattr(source, name)) is not None
        }
        others = getattr(source, "others", None)
        name, args = ("rebatch", (source.batch_size,)) if others is None else ("merge", others)
        lines.append(f".{brief_call(name, args, options)}")
    return [*lines, *(f".{step!r}" for step in pipeline.steps)]
