"""Small functions on sequences and methods that projects import."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

__all__ = ["copy1", "is_iterable", "partialmethod", "to_list"]


def is_iterable(obj: Any) -> bool:
    """Whether an object can be iterated, a str aside."""
    if isinstance(obj, str):
        return False
    try:
        iter(obj)
    except TypeError:
        return False
    return True


def to_list(obj: Any) -> list[Any]:
    """Make a flat list; a str is one entry.

    Examples
    --------
    >>> to_list('images'), to_list([[1, 2], [3, 4]])
    (['images'], [1, 2, 3, 4])
    """
    made: list[Any] = np.array(obj).ravel().tolist()
    return made


def partialmethod(func: Callable[..., Any], *frozen: Any, **options: Any) -> Callable[..., Any]:
    """Wrap a method, with some arguments given already."""

    @wraps(func)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return func(self, *frozen, *args, **{**options, **kwargs})

    return method


def copy1(data: Any) -> Any:
    """Copy a container and what is directly in it.

    Examples
    --------
    >>> inner = [1]
    >>> copied = copy1({'a': inner})
    >>> copied['a'] == inner, copied['a'] is inner
    (True, False)
    """
    if isinstance(data, tuple | list):
        return type(data)(copy.copy(item) for item in data)
    if isinstance(data, dict):
        return {key: copy.copy(item) for key, item in data.items()}
    return copy.copy(data)
