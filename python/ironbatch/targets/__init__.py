"""Where the calls of a parallel action run.

A target is one module of this package that registers one class:

    from ironbatch.targets import Target, register

    @register
    class Greenlets(Target):
        name = "greenlets"
        aliases = ("g",)

        def run(self, func, calls, *, n_workers, timeout, context):
            ...

Modules are discovered when the first target is asked for, so a new one needs no edit elsewhere;
code outside this package registers its own with the same decorator.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from ironbatch.targets.calls import Calls, Constant, Context

__all__ = [
    "Calls",
    "Constant",
    "Context",
    "Target",
    "get",
    "is_coroutine_function",
    "names",
    "register",
    "run",
]

_TargetClass = TypeVar("_TargetClass", bound="type[Target]")
_registry: dict[str, Target] = {}


class Target(ABC):
    """One way of running many calls of a function.

    Attributes
    ----------
    name : str
        What users write as ``target=``.
    aliases : tuple of str
        Shorter names for the same target.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Make every call; a failed one leaves its exception in its place.

        Parameters
        ----------
        func : callable
            What to call.
        calls : Calls
            Its arguments, at least one call.
        n_workers : int or None
            How many calls may run at once; None leaves it to the target.
        timeout : float or None
            Seconds for all calls together; the unfinished ones get a `TimeoutError`.
        context : Context
            Names for error messages.

        Returns
        -------
        list
            One result or exception for each call, in order.
        """


def register(cls: _TargetClass) -> _TargetClass:
    """Class decorator: make a target available under its name and aliases.

    Parameters
    ----------
    cls : type
        Subclass of `Target` with ``name`` and, if it has any, ``aliases``.

    Returns
    -------
    type
        The same class.

    Raises
    ------
    ValueError
        If another class already has one of the names.
    """
    target = cls()
    for name in (cls.name, *cls.aliases):
        known = _registry.get(name)
        if known is not None and type(known).__qualname__ != cls.__qualname__:
            raise ValueError(f"target name {name!r} is taken by {type(known).__name__}")
    for name in (cls.name, *cls.aliases):
        _registry[name] = target
    return cls


@lru_cache(maxsize=1)
def _discover() -> None:
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


def get(name: str) -> Target:
    """Return the target of that name or alias.

    Parameters
    ----------
    name : str
        Such as ``'threads'`` or ``'t'``.

    Returns
    -------
    Target
        The registered target.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.

    Examples
    --------
    >>> get('t').name
    'threads'
    """
    target = _registry.get(name) if isinstance(name, str) else None
    if target is None:
        _discover()
        target = _registry.get(name) if isinstance(name, str) else None
    if target is None:
        known = ", ".join(repr(target) for target in names())
        raise ValueError(f"unknown target {name!r}; known targets are {known}")
    return target


def names() -> tuple[str, ...]:
    """Return the names of all targets, aliases left out.

    Examples
    --------
    >>> 'for' in names()
    True
    """
    _discover()
    return tuple(sorted({target.name for target in _registry.values()}))


def is_coroutine_function(func: Callable[..., Any]) -> bool:
    """Tell whether calling `func` makes a coroutine.

    Partial functions, wrappers that keep the function in ``func``, and objects whose ``__call__``
    is ``async`` are looked through.
    """
    if type(func) is FunctionType and not func.__dict__:
        # Nothing but its code can make it one: the common case, without the detours of `inspect`.
        return bool(func.__code__.co_flags & inspect.CO_COROUTINE)
    while not inspect.isfunction(func) and not inspect.ismethod(func):
        if isinstance(func, partial) or hasattr(func, "wraps_item_function"):
            func = func.func  # type: ignore[attr-defined]
            continue
        return inspect.iscoroutinefunction(getattr(type(func), "__call__", None))  # noqa: B004
    return inspect.iscoroutinefunction(func)


def check_limits(n_workers: int | None, timeout: float | None) -> None:
    """Refuse a worker count or a timeout that means nothing.

    Raises
    ------
    TypeError
        If `n_workers` is not an int or `timeout` not a number.
    ValueError
        If either is not positive.
    """
    if n_workers is not None:
        if isinstance(n_workers, bool) or not hasattr(n_workers, "__index__"):
            raise TypeError(f"n_workers must be an int or None, not {n_workers!r}")
        if n_workers < 1:
            raise ValueError(f"n_workers must be at least 1, got {n_workers}")
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}")
        if not timeout > 0 or math.isnan(timeout):
            raise ValueError(f"timeout must be a positive number of seconds, got {timeout}")


def run(
    target: str,
    func: Callable[..., Any],
    calls: Calls,
    *,
    n_workers: int | None = None,
    timeout: float | None = None,
    context: Context | None = None,
) -> list[Any]:
    """Call `func` once for each item of `calls` on a target.

    Coroutine functions run on the ``async`` target whatever `target` says.

    Parameters
    ----------
    target : str
        Name or alias of a target.
    func : callable
        What to call.
    calls : Calls
        The arguments of all calls.
    n_workers : int, optional
        How many calls may run at once.
    timeout : float, optional
        Seconds for all calls together.
    context : Context, optional
        Names for error messages.

    Returns
    -------
    list
        In order of items: the result of each call, or the exception that it raised.

    Raises
    ------
    ValueError
        For an unknown target, or a worker count or timeout that is not positive.

    Examples
    --------
    >>> run('for', abs, Calls(3, ([-1, 2, -3],)))
    [1, 2, 3]
    """
    chosen = get(target)
    if n_workers is not None or timeout is not None:
        check_limits(n_workers, timeout)
    if calls.n == 0:
        return []
    if chosen.name != "async" and is_coroutine_function(func):
        chosen = get("async")
    return chosen.run(
        func, calls, n_workers=n_workers, timeout=timeout, context=context or Context()
    )
