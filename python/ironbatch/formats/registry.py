"""Names of formats."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from ironbatch.errors import FormatError
from ironbatch.formats.base import Format

__all__ = ["extras", "get", "names", "register_format"]

_FormatClass = TypeVar("_FormatClass", bound=type[Format])

_registered: dict[str | None, Format] = {}
_discovered = False


def register_format(
    name: str | None, *, suffix: str | None = None, extra: str | None = None
) -> Callable[[_FormatClass], _FormatClass]:
    """Make a class the format of a name.

    Parameters
    ----------
    name : str
        What users write as ``fmt=``. A later registration replaces an earlier one.
    suffix : str, optional
        How the names of its files end.
    extra : str, optional
        The extra of ironbatch that installs what it needs.

    Returns
    -------
    decorator
        Of a subclass of `Format`; it gives back the class.

    Raises
    ------
    TypeError
        If the class is not a `Format`, or the name is no string.

    Examples
    --------
    >>> @register_format('nothing')
    ... class Nothing(Format):
    ...     def load(self, batch, src, components, **options):
    ...         return {}
    ...     def dump(self, batch, dst, components, **options):
    ...         pass
    >>> 'nothing' in names()
    True
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of a format is a string, not {type(name).__name__}")

    def register(cls: _FormatClass) -> _FormatClass:
        if not (isinstance(cls, type) and issubclass(cls, Format)):
            raise TypeError(f"format {name!r} must be a subclass of Format, got {cls!r}")
        made = cls()
        made.name = name
        if suffix is not None:
            made.suffix = suffix
        if extra is not None:
            made.extra = extra
        _registered[name] = made
        return cls

    return register


def _discover() -> None:
    global _discovered
    if _discovered:
        return
    package = import_module("ironbatch.formats")
    own = dict(_registered)
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    # What a user has registered before wins over what comes with the package.
    _registered.update(own)
    _discovered = True


def names() -> tuple[str, ...]:
    """Give the names of all formats, sorted.

    Examples
    --------
    >>> 'npy' in names()
    True
    """
    _discover()
    return tuple(sorted(name for name in _registered if name is not None))


def extras() -> dict[str, str | None]:
    """Say which extra of ironbatch each format needs; None for those that need nothing."""
    _discover()
    return {name: _registered[name].extra for name in names()}


def get(name: str | None) -> Format:
    """Give the format of a name.

    Raises
    ------
    FormatError
        If there is none (a ValueError); the message lists those there are.
    TypeError
        If the name is neither a string nor None.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"fmt must be the name of a format or None, got {name!r}")
    if name not in _registered:
        _discover()
    try:
        return _registered[name]
    except KeyError:
        raise FormatError(
            f"unknown format {name!r}; there are {', '.join(map(repr, names()))}, and None for "
            "data in memory"
        ) from None
