"""Compile methods with numba."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from inspect import unwrap
from sys import modules
from types import FunctionType
from typing import Any

from ironbatch.extras import need

__all__ = ["make_function", "mjit"]


def make_function(method: Callable[..., Any], is_global: bool = False) -> Callable[..., Any]:
    """Make a plain function from a method, decorators that kept it in ``__wrapped__`` left out.

    Parameters
    ----------
    method : callable
        A method or function written in Python.
    is_global : bool, optional
        Whether to put the function into its module under the name that it gets, so that it can be
        pickled.

    Returns
    -------
    function
        A new function with the same code; ``self`` stays its first parameter.

    Raises
    ------
    TypeError
        If `method` is not written in Python.

    Examples
    --------
    >>> class Numbers:
    ...     def add(self, x, y=1):
    ...         return x + y
    >>> make_function(Numbers.add)(None, 2)
    3
    """
    raw = unwrap(getattr(method, "__func__", method))
    if not isinstance(raw, FunctionType):
        raise TypeError(f"{method!r} is not a function written in Python")
    function = FunctionType(
        raw.__code__, raw.__globals__, raw.__name__, raw.__defaults__, raw.__closure__
    )
    function.__kwdefaults__ = raw.__kwdefaults__
    function.__doc__ = raw.__doc__
    function.__module__ = raw.__module__
    function.__qualname__ = raw.__qualname__
    if is_global:
        # Methods of the same name in other classes of the module must not replace it.
        name = f"{raw.__module__}.{raw.__qualname__}".replace(".", "_").replace("<locals>", "")
        function.__name__ = function.__qualname__ = name
        setattr(modules[raw.__module__], name, function)
    return function


def mjit(*args: Any, nopython: bool = True, nogil: bool = True, **kwargs: Any) -> Any:
    """Compile a method with `numba.jit`; it is called with None for ``self``.

    Without the GIL by default, so that target ``threads`` uses all cores. numba is imported and the
    method compiled at the first call.

    Parameters
    ----------
    *args
        The method, when the decorator is used without parentheses; else signatures for numba.
    nopython, nogil : bool, optional
        As in `numba.jit`.
    **kwargs
        Further options of `numba.jit`.

    Returns
    -------
    callable
        The method, or a decorator when options are given.

    Raises
    ------
    MissingPackageError
        At the first call, if numba is not installed.

    Notes
    -----
    Apply it directly to the method: what is compiled is the innermost function.
    """
    if len(args) == 1 and not kwargs and callable(args[0]):
        return _Lazily((), {"nopython": nopython, "nogil": nogil}).wrap(args[0])
    return _Lazily(args, {"nopython": nopython, "nogil": nogil, **kwargs}).wrap


class _Lazily:
    """Options of `numba.jit`, used when the method is first called."""

    def __init__(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.args = args
        self.options = options

    def wrap(self, method: Callable[..., Any]) -> Callable[..., Any]:
        compiled: list[Callable[..., Any]] = []
        lock = threading.Lock()

        def compiled_method(_self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if not compiled:
                with lock:
                    if not compiled:
                        what = f"mjit on {getattr(method, '__qualname__', method)!r}"
                        numba = need("numba", extra="jit", what=what)
                        function = make_function(method)
                        compiled.append(numba.jit(*self.args, **self.options)(function))
            return compiled[0](None, *args, **kwargs)

        return update_wrapper(compiled_method, method)
