"""Which names a component may have.

A component's name wins over any attribute or method of the batch, so that a new method of ironbatch
never breaks a user's batch class. The exceptions are the few names below, which the library itself
needs to reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from keyword import iskeyword
from typing import Any

from ironbatch.errors import ComponentError

__all__ = ["RESERVED_NAMES", "chosen_names", "component_names"]

#: Names that no component may have. The list is frozen: names are never added.
RESERVED_NAMES = frozenset(
    (
        "index",
        "indices",
        "data",
        "dataset",
        "pipeline",
        "random",
        "load",
        "dump",
        "components",
    )
)


def component_names(names: str | Iterable[str] | None, owner: str) -> tuple[str, ...] | None:
    """Check component names and give them as a tuple.

    Parameters
    ----------
    names : str, iterable of str, or None
        A bare string is one component.
    owner : str
        Whose names they are, for the messages.

    Returns
    -------
    tuple of str, or None
        The names; None if none are declared.

    Raises
    ------
    TypeError
        If `names` is something else.
    ComponentError
        If a name is reserved, repeated, or cannot be written as an attribute.

    Examples
    --------
    >>> component_names('images', 'MyBatch')
    ('images',)
    >>> component_names(['images', 'masks'], 'MyBatch')
    ('images', 'masks')
    """
    if names is None:
        return None
    if isinstance(names, str):
        checked: tuple[Any, ...] = (names,)
    elif isinstance(names, Iterable) and not isinstance(names, dict | bytes | property):
        checked = tuple(names)
    else:
        raise TypeError(
            f"{owner}.components must be a name or a tuple or list of names, "
            f"got {type(names).__name__}: {names!r}"
        )
    for name in checked:
        if not isinstance(name, str):
            raise TypeError(
                f"{owner}.components must hold strings, got {type(name).__name__}: {name!r}"
            )
        if name in RESERVED_NAMES:
            raise ComponentError(
                f"{owner} cannot have a component {name!r}: the name is reserved "
                f"(reserved are {', '.join(sorted(RESERVED_NAMES))}); choose another name"
            )
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise ComponentError(
                f"{owner} cannot have a component {name!r}: a component is named like an "
                "attribute, with letters, digits and inner underscores"
            )
    if len(set(checked)) != len(checked):
        raise ComponentError(f"{owner}.components repeats a name: {checked}")
    return checked


def chosen_names(
    chosen: str | Iterable[str] | None, every: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Give the names that an argument such as ``components=`` chooses.

    Parameters
    ----------
    chosen : str or iterable of str, optional
        A bare string is one name.
    every : tuple of str or None
        What is chosen by default.

    Examples
    --------
    >>> chosen_names('images', ('images', 'masks')), chosen_names(None, ('images', 'masks'))
    (('images',), ('images', 'masks'))
    """
    if chosen is None:
        return every or ()
    return (chosen,) if isinstance(chosen, str) else tuple(chosen)
