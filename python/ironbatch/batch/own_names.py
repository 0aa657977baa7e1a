"""Private names that batches use themselves.

Methods such as ``_collect`` are how users write what happens before and after a parallel action.
One that has the name of a method that `Batch` itself relies on would break it silently, far away
from where it is written.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["refuse_taken_names"]

_MEANT_FOR_USERS = frozenset({"_assemble", "_data", "_repr_html_"})

_ATTRIBUTES = frozenset(
    {
        "_action_calls",
        "_action_path",
        "_addressing",
        "_copy",
        "_dataset",
        "_first_position",
        "_generator",
        "_load_lock",
        "_pipeline",
        "_preloaded",
        "_random_seed",
        "_raw",
        "_scope",
        "_stream_key",
    }
)
"""What is kept in the dictionary of a batch."""


@cache
def _methods(base: type) -> frozenset[str]:
    names = {name for cls in base.__mro__ for name in vars(cls) if cls is not object}
    return frozenset(n for n in names if n.startswith("_") and not n.endswith("__"))


def refuse_taken_names(cls: type) -> None:
    """Look at the private names that a class of batches defines.

    Raises
    ------
    TypeError
        If one of them is in use by `Batch` itself.
    """
    if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return
    own: Any = next(base for base in cls.__mro__ if base.__module__.startswith("ironbatch."))
    taken = (_methods(own) | _ATTRIBUTES) - _MEANT_FOR_USERS - own.overridable
    for name in vars(cls):
        if name in taken:
            raise TypeError(
                f"{cls.__name__}.{name} has a name that ironbatch.Batch uses itself; choose another"
            )
