"""What a chain of steps is known by: names, and short digests of what the user wrote.

Digests are the same in another process and on another day. What has no stable form counts by its
type only: an object whose `repr` is its address, a function by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from hashlib import blake2b
from itertools import zip_longest
from typing import Any

import numpy as np

from ironbatch.namedexpr import NamedExpression
from ironbatch.pipeline.resume.resumable import Resumable

__all__ = ["describe", "difference", "fingerprint"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MOST_BYTES = 1 << 24


def fingerprint(pipeline: Any) -> list[list[str]]:
    """Give path and digest of each step, those of nested and rebatched pipelines too."""
    return [[path, _digest(text)] for path, text in _steps(pipeline, "")]


def describe(value: Any) -> str:
    """Give the digest of one argument."""
    return _digest(_text(value))


def difference(then: list[list[str]], now: list[list[str]]) -> str | None:
    """Say where two fingerprints differ first; None if they are equal."""
    for one, other in zip_longest(then, now):
        if one is None:
            return f"it has no step {other[0]}, which this pipeline has"
        if other is None:
            return f"it has a further step {one[0]}, which this pipeline has not"
        if one[0] != other[0]:
            return f"its step {one[0]} is {other[0]} in this pipeline"
        if one[1] != other[1]:
            return f"its step {one[0]} has other arguments than in this pipeline"
    return None


def _steps(pipeline: Any, prefix: str) -> list[tuple[str, str]]:
    """Write the steps down in the order in which they are carried out."""
    parts = [pipeline]
    while parts[-1].rebatched is not None:
        parts.append(parts[-1].rebatched.pipeline)
    found: list[tuple[str, str]] = []
    for part in reversed(parts):
        again = part.rebatched
        if again is not None:
            others = getattr(again, "others", ())
            name = "merge" if others else "rebatch"
            merge = (again.batch_size, again.merge, again.components, again.batch_class, others)
            found.append((f"{prefix}{name}", _text(merge)))
            prefix = f"{prefix}{name}/"
        for number, step in enumerate(part.steps):
            path = f"{prefix}{number}.{step.name}"
            inner = (step.kind, step.args, step.kwargs, step.save_to, step.proba, step.repeat)
            found.append((path, _text(inner)))
            if step.nested is not None:
                found += _steps(step.nested, f"{path}/")
    return found


_NOT_OF_THE_PLAN = {"_bound", "_dotted", "_rng"}
"""Attributes of expressions that change while they are used, or do not matter."""


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def _text(value: Any) -> str:
    """Write a value down so that equal ones look alike."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, np.ndarray):
        return _text_of_array(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_text(k)}:{_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({','.join(map(_text, value))})"
    if isinstance(value, Set):
        return "{" + ",".join(sorted(map(_text, value))) + "}"
    if isinstance(value, Resumable):
        return _text(_steps(value, ""))
    if isinstance(value, NamedExpression):
        # Not its repr, which shortens long values and shows how it was written.
        parts = {k: v for k, v in value.__dict__.items() if k not in _NOT_OF_THE_PLAN}
        return f"{type(value).__qualname__}{_text(parts)}"
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return name
    if getattr(type(value), "__repr__", None) is object.__repr__:
        return type(value).__qualname__
    return _ADDRESS.sub("", repr(value))


def _text_of_array(array: np.ndarray[Any, Any]) -> str:
    text = f"array({array.dtype},{array.shape}"
    if array.dtype.hasobject:
        return f"{text},{_text(array.tolist())})"
    if array.nbytes <= _MOST_BYTES:
        text += "," + blake2b(np.ascontiguousarray(array).tobytes(), digest_size=6).hexdigest()
    return text + ")"
