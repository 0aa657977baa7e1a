"""Which module knows what a user has given."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ironbatch.components import is_component
from ironbatch.sources.base import Rows, Source, Table

__all__ = ["package_of", "register_source", "source_of"]

Recognise: TypeAlias = Callable[[Any], Source | None]
_Function = TypeVar("_Function", bound=Recognise)

_first: list[Recognise] = []
_last: list[Recognise] = []
_discovered = False

_PLAIN = (np.ndarray, np.generic, list, tuple, dict, str, bytes, int, range, type(None))


def register_source(*, last: bool = False) -> Callable[[_Function], _Function]:
    """Add a function that recognises data of a package.

    Parameters
    ----------
    last : bool
        Ask it after all others: for a protocol that objects of many packages follow.

    Returns
    -------
    decorator
        Of a function that takes any object and gives `Rows`, a `Table`, or None if the object is
        not its own. It must not import a package to find out: look at `package_of`, or for the
        methods of a protocol.

    Raises
    ------
    TypeError
        If what is decorated cannot be called.

    Notes
    -----
    The text of `ironbatch.sources` has an example.
    """

    def register(function: _Function) -> _Function:
        if not callable(function):
            raise TypeError(f"a source is recognised by a function, got {function!r}")
        # What is registered later is asked first: it may know better.
        (_last if last else _first).insert(0, function)
        return function

    return register


def package_of(data: Any) -> str:
    """Name the package that the class of an object comes from.

    Examples
    --------
    >>> package_of(np.zeros(3)), package_of([])
    ('numpy', 'builtins')
    """
    return str(getattr(type(data), "__module__", "")).partition(".")[0]


def source_of(data: Any) -> Source | None:
    """Find out what data of another package is.

    Parameters
    ----------
    data : object

    Returns
    -------
    Rows, Table or None
        None for what needs no translation: arrays, lists, dicts, components, and objects that no
        module knows.
    """
    if isinstance(data, Rows | Table):
        return data
    # A DatasetDict of Hugging Face is a dict.
    if (isinstance(data, _PLAIN) and package_of(data) != "datasets") or is_component(data):
        return None
    _discover()
    for recognise in (*_first, *_last):
        found = recognise(data)
        if found is not None:
            return found
    return None


def _discover() -> None:
    global _discovered
    if _discovered:
        return
    package = import_module("ironbatch.sources")
    own = _first[:], _last[:]
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    # What a user has registered before is asked before what comes with the package.
    for asked, before in zip((_first, _last), own, strict=True):
        asked[:] = before + [function for function in asked if function not in before]
    _discovered = True
