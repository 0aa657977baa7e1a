"""Objects that a config names: given themselves, or by the path to import them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ironbatch.config import Config

__all__ = ["imported", "path_of", "plain"]


def imported(what: Any, option: str) -> Any:
    """Give an object; a str such as ``'sklearn.linear_model.SGDClassifier'`` is imported.

    Parameters
    ----------
    what : object or str
        The object or its path.
    option : str
        The option of the config that holds it, for the error message.

    Raises
    ------
    ValueError
        If the path has no dot.
    ImportError
        If nothing is there.

    Examples
    --------
    >>> imported('collections.OrderedDict', 'example').__name__
    'OrderedDict'
    """
    if not isinstance(what, str):
        return what
    module, _, name = what.rpartition(".")
    if not module:
        raise ValueError(
            f"option {option!r} is an object or a path such as 'package.Name', got {what!r}"
        )
    try:
        return getattr(import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"option {option!r}: {module} has no {name!r}") from error


def plain(option: Any) -> Any:
    """Give dictionaries for configs, at any depth.

    Examples
    --------
    >>> plain(Config({'a/b/c': 1}))
    {'a': {'b': {'c': 1}}}
    """
    if isinstance(option, Config):
        return {name: plain(value) for name, value in option.items()}
    return option


def path_of(what: Any) -> str:
    """Give the path of a class or function, or of the class of another object."""
    named = what if hasattr(what, "__qualname__") else type(what)
    return f"{named.__module__}.{named.__qualname__}"
