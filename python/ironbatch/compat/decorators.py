"""Decorators under the names and with the signatures of BatchFlow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import apply_parallel
from ironbatch.actions.failure import any_action_failed
from ironbatch.actions.inbatch_parallel import inbatch_parallel as _inbatch_parallel
from ironbatch.actions.mjit import make_function
from ironbatch.actions.mjit import mjit as _mjit
from ironbatch.errors import MissingPackageError

__all__ = [
    "action",
    "any_action_failed",
    "apply_parallel",
    "deprecated",
    "inbatch_parallel",
    "make_function",
    "mjit",
    "njit",
    "parallel",
]


def inbatch_parallel(
    init: Any,
    post: Any = None,
    target: str = "threads",
    _use_self: bool | None = None,
    debug: bool = False,
    **dec_kwargs: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a method that processes one item, as `ironbatch.inbatch_parallel` does.

    What is defined inside of a function counts as a method too, as in BatchFlow, where projects
    make methods of nested functions.

    Parameters
    ----------
    init, post, target, debug, **dec_kwargs
        See `ironbatch.inbatch_parallel`.
    _use_self : bool, optional
        Whether the first argument is the batch; by default, if the function has been defined in a
        class or in a function.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        use_self = "." in method.__qualname__ if _use_self is None else _use_self
        made: Callable[..., Callable[..., Any]] = _inbatch_parallel(
            init, post, target, debug=debug, _use_self=use_self, **dec_kwargs
        )
        return made(method)

    # Refuses a wrong init or target where the decorator is written.
    _inbatch_parallel(init, post, target, debug=debug)
    return decorate


def parallel(*args: Any, use_self: bool | None = None, **kwargs: Any) -> Callable[..., Any]:
    """Decorate a function that processes one item; see `inbatch_parallel`."""
    return inbatch_parallel(*args, **{**kwargs, "_use_self": use_self})


def mjit(*args: Any, nopython: bool = True, nogil: bool = True, **kwargs: Any) -> Any:
    """Compile a method with numba, or leave it as it is, with a warning, where there is no numba.

    Parameters
    ----------
    *args, nopython, nogil, **kwargs
        See `ironbatch.mjit`.
    """

    def decorate(method: Callable[..., Any], *options: Any) -> Callable[..., Any]:
        compiled: Callable[..., Any] = _mjit(*options, nopython=nopython, nogil=nogil, **kwargs)(
            method
        )
        plain: list[Callable[..., Any]] = []

        @wraps(method)
        def jitted(self: Any, /, *call_args: Any, **call_kwargs: Any) -> Any:
            if not plain:
                try:
                    return compiled(self, *call_args, **call_kwargs)
                except MissingPackageError:
                    _warn_of_numba(method)
                    plain.append(method)
            return plain[0](None, *call_args, **call_kwargs)

        return jitted

    if len(args) == 1 and not kwargs and callable(args[0]):
        return decorate(args[0])
    return lambda method: decorate(method, *args)


def njit(nogil: bool = True, parallel: bool = True) -> Callable[..., Any]:
    """Stand in for `numba.njit` where there is no numba: functions run as they are."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            _warn_of_numba(method)
            return method(*args, **kwargs)

        return called

    return decorate


def _warn_of_numba(method: Callable[..., Any]) -> None:
    logging.warning(
        "numba is not installed, so %s runs as Python code; pip install numba", method.__name__
    )


def deprecated(message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate what should not be used any more: each call logs a warning.

    Parameters
    ----------
    message : str
        What the warning says.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            logging.warning(message)
            return function(*args, **kwargs)

        return called

    return decorate
