"""How expressions are written: their text in messages, with no more parentheses than they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["ATOM_RANK", "UNARY_RANK", "call", "name_expression", "operand", "shown"]

UNARY_RANK = 14
ATOM_RANK = 20

_WHILE = "while evaluating "
_PART_OF = ", part of "
_LONGEST = 200


def shown(value: Any) -> str:
    """Give the text of a value; that of a long one is shortened."""
    text = repr(value)
    if len(text) <= _LONGEST or hasattr(value, "_compute"):
        return text
    return f"{text[: _LONGEST - 30]} ... {text[-20:]}"


def operand(value: Any, at_least: int) -> str:
    """Give the text of an operand, in parentheses if it binds less than `at_least`."""
    rank = getattr(type(value), "_rank", None)
    if rank is not None:
        rank = rank if isinstance(rank, int) else value._rank
    else:
        negative = isinstance(value, int | float) and value < 0
        rank = UNARY_RANK if negative else ATOM_RANK
    return f"({value!r})" if rank < at_least else shown(value)


def call(name: str, args: Any, kwargs: Mapping[str, Any]) -> str:
    """Give the text of a call."""
    parts = [shown(one) for one in args]
    parts += [f"{key}={shown(one)}" for key, one in kwargs.items()]
    return f"{name}({', '.join(parts)})"


def name_expression(error: BaseException, expression: Any) -> None:
    """Note on an error which expression failed, and which whole expression that is a part of."""
    text = shown(expression)
    notes = getattr(error, "__notes__", None)
    last = notes[-1] if notes else ""
    if last.startswith(_WHILE):
        part = last[len(_WHILE) :].partition(_PART_OF)[0]
        if part in text:
            if part != text:
                notes[-1] = f"{_WHILE}{part}{_PART_OF}{text}"  # type: ignore[index]
            return
    error.add_note(f"{_WHILE}{text}")
