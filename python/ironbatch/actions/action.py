"""The decorator that makes a method an action."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, overload
from weakref import WeakKeyDictionary

from ironbatch.actions.decorated import refuse_kernel

__all__ = ["action"]

_Method = TypeVar("_Method", bound=Callable[..., Any])

_locks: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
_registry_lock = threading.Lock()


def _lock_of(pipeline: Any, name: str) -> Any:
    """Return the lock of that name which all batches of a pipeline share."""
    variables = getattr(pipeline, "variables", None)
    if variables is not None:
        return variables.lock(name)
    with _registry_lock:
        # Reentrant: an action may call another one that uses the same lock.
        return _locks.setdefault(pipeline, {}).setdefault(name, threading.RLock())


def _after_fork() -> None:
    # A lock that another thread held at the fork would stay locked in the child for ever.
    global _registry_lock
    _registry_lock = threading.Lock()
    _locks.clear()


def _register_fork_handler() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_register_fork_handler()


@overload
def action(method: _Method, /) -> _Method: ...
@overload
def action(
    *, use_lock: bool | str | None = None, no_eval: str | Sequence[str] | None = None
) -> Callable[[_Method], _Method]: ...


def action(
    method: Callable[..., Any] | None = None,
    /,
    *,
    use_lock: bool | str | None = None,
    no_eval: str | Sequence[str] | None = None,
) -> Any:
    """Decorate a method of a batch class so that pipelines can call it.

    An action returns a batch: the same one or another, possibly of another class.

    Parameters
    ----------
    method : callable
        The method, when the decorator is used without parentheses.
    use_lock : bool or str, optional
        Whether only one batch of a pipeline at a time may be in the action. A string names the
        lock, so that several actions can share it. Released however the action ends.
    no_eval : str or sequence of str, optional
        Keyword arguments in which the pipeline leaves named expressions unevaluated.

    Returns
    -------
    callable
        The method, or a decorator when options are given.

    Raises
    ------
    TypeError
        If what is decorated is no method written in Python, such as a kernel, or an option is of a
        wrong type.

    Examples
    --------
    >>> class Numbers:
    ...     @action
    ...     def double(self):
    ...         return self
    ...
    ...     @action(use_lock='file', no_eval='dst')
    ...     def write(self, dst=None):
    ...         return self
    >>> Numbers.write.action['no_eval']
    ['dst']
    """
    if method is not None:
        if not callable(method):
            raise TypeError(
                f"@action decorates a method, not {method!r}; its options are keywords: "
                "use_lock, no_eval"
            )
        return _mark(method, None, None)
    if use_lock is not None and not isinstance(use_lock, bool | str):
        raise TypeError(f"use_lock must be a bool or the name of a lock, not {use_lock!r}")
    names = [no_eval] if isinstance(no_eval, str) else None if no_eval is None else list(no_eval)
    if names is not None and not all(isinstance(name, str) for name in names):
        raise TypeError(f"no_eval must be names of arguments, not {no_eval!r}")

    def decorate(decorated: Callable[..., Any]) -> Callable[..., Any]:
        return _mark(decorated, use_lock, names)

    return decorate


def _mark(
    method: Callable[..., Any], use_lock: bool | str | None, no_eval: list[str] | None
) -> Callable[..., Any]:
    refuse_kernel("@action", method)
    options = {"method": method, "use_lock": use_lock, "no_eval": no_eval}
    if use_lock is None or use_lock is False:
        # Without a lock there is nothing to wrap: the method itself is the action.
        try:
            method.action = options  # type: ignore[attr-defined]
        except AttributeError:
            raise TypeError(
                f"@action decorates a method written in Python, not {method!r}"
            ) from None
        return method
    name = f"#_lock_{getattr(method, '__name__', 'action')}" if use_lock is True else use_lock

    @wraps(method)
    def locked(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        pipeline = getattr(self, "pipeline", None)
        if pipeline is None:
            return method(self, *args, **kwargs)
        with _lock_of(pipeline, name):
            return method(self, *args, **kwargs)

    locked.action = options  # type: ignore[attr-defined]
    return locked
