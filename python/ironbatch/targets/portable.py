"""Exceptions as plain data: to pickle them, and to make new ones, without their constructors.

Classes whose constructor takes something else than ``args`` pickle but do not unpickle, and
tracebacks do not pickle at all. Both must not take a worker down.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from types import BuiltinFunctionType
from typing import Any, TypeVar

__all__ = ["allocate", "builtin_state", "decode", "encode"]

_Error = TypeVar("_Error", bound=BaseException)

_STATE = (
    "errno", "strerror", "filename", "filename2", "characters_written", "name", "path", "obj",
    "encoding", "object", "start", "end", "reason", "value", "code", "msg", "lineno", "offset",
    "text", "end_lineno", "end_offset", "print_file_and_line",
)  # fmt: skip
"""What built-in exceptions keep outside of ``args`` and ``__dict__``."""


def builtin_state(error: BaseException) -> dict[str, Any]:
    """Return what a built-in exception keeps outside of ``args`` and ``__dict__``."""
    state = {}
    for name in _STATE:
        # What is None is not set: setting it would change what an OSError says.
        if name not in error.__dict__ and (value := getattr(error, name, None)) is not None:
            state[name] = value
    return state


def allocate(
    cls: type[_Error], args: tuple[Any, ...], state: dict[str, Any], kind: Any = None
) -> _Error:
    """Make an exception without running the constructor of a class we know nothing about.

    Parameters
    ----------
    cls : type
        Class of the new exception.
    args : tuple
        Its ``args``.
    state : dict
        Further attributes.
    kind : type, optional
        The base of `cls` that lays out its instances, by default `cls`.

    Returns
    -------
    BaseException
        The exception.
    """
    # Only the built-in class that lays out the instance may allocate it.
    new = next(
        base.__new__
        for base in (kind or cls).__mro__
        if isinstance(base.__dict__.get("__new__"), BuiltinFunctionType)
    )
    error: _Error = new(cls, *args)
    error.args = args
    for name, value in state.items():
        with suppress(Exception):
            setattr(error, name, value)
    return error


class _Text:
    """An exception of which only the text could be kept."""

    def __init__(self, text: str) -> None:
        self.text = text


def _pickles(value: Any, dumps: Callable[[Any], Any]) -> bool:
    try:
        pickle.loads(dumps(value))
    except Exception:
        return False
    return True


def encode(error: BaseException | None, dumps: Callable[[Any], Any] = pickle.dumps) -> Any:
    """Turn an exception and its cause into something that pickles.

    Parameters
    ----------
    error : BaseException or None
        The exception.
    dumps : callable, optional
        What pickles: parts that it cannot pickle are left out.

    Returns
    -------
    object
        What `decode` takes.
    """
    if error is None:
        return None
    attributes = dict(getattr(error, "__dict__", {}))
    args = error.args
    if isinstance(error, BaseExceptionGroup):
        args = (error.message, [encode(part, dumps) for part in error.exceptions])
    encoded = (type(error), args, builtin_state(error), attributes, encode(error.__cause__, dumps))
    if _pickles(encoded, dumps):
        return encoded
    kept = {name: value for name, value in attributes.items() if _pickles(value, dumps)}
    encoded = (type(error), args, {}, kept, encode(error.__cause__, dumps))
    if _pickles(encoded, dumps):
        return encoded
    return _Text(f"{type(error).__name__}: {error}")


def decode(encoded: Any) -> Any:
    """Turn what `encode` gave back into an exception.

    Parameters
    ----------
    encoded : object
        What `encode` returned.

    Returns
    -------
    BaseException or None
        The exception; a `RuntimeError` with its text if nothing else could be kept.
    """
    if encoded is None:
        return None
    if isinstance(encoded, _Text):
        return RuntimeError(encoded.text)
    kind, args, state, attributes, cause = encoded
    if issubclass(kind, BaseExceptionGroup):
        args = (args[0], [decode(part) for part in args[1]])
    error = allocate(kind, args, {**state, **attributes})
    error.__cause__ = decode(cause)
    return error
