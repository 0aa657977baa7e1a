"""Item functions and constant arguments, in a form that worker processes can be given once."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from functools import partial, reduce
from hashlib import blake2b
from itertools import count
from types import CodeType, FunctionType
from typing import Any

from ironbatch.targets.calls import Calls, Constant
from ironbatch.targets.processes.segments import Packed, dumper, pack

__all__ = ["Definition", "by_value", "define", "explain"]

HASHED = 1 << 20
"""Bytes up to which a function is known by its content; larger ones are new for each call."""

_unique = count()


class _Reference:
    """A function that its decorator hides, by the place where the decorated one is found."""

    def __init__(self, module: str, name: str, depth: int) -> None:
        self.module = module
        self.name = name
        self.depth = depth

    def resolve(self) -> Callable[..., Any]:
        """Return the function, in any process that can import its module."""
        __import__(self.module)
        found: Any = reduce(getattr, self.name.split("."), sys.modules[self.module])
        for _ in range(self.depth):
            found = found.__wrapped__
        return found  # type: ignore[no-any-return]


def _resolve(reference: _Reference) -> Callable[..., Any]:
    return reference.resolve()


class _Portable:
    """A function, pickled by reference even if a decorator hides it."""

    def __init__(self, func: FunctionType) -> None:
        self.func = func

    def __reduce__(self) -> tuple[Any, ...]:
        reference = _reference(self.func)
        if reference is not None:
            return _resolve, (reference,)
        return _placed, (self.func, self.func.__code__.co_filename)


def _placed(func: FunctionType, file: str) -> FunctionType:
    """Say in which file a function is, for tracebacks: not every pickler keeps that."""
    if func.__code__.co_filename != file:
        func.__code__ = _in_file(func.__code__, file)
    return func


def _in_file(code: CodeType, file: str) -> CodeType:
    inside = (
        _in_file(part, file) if isinstance(part, CodeType) else part for part in code.co_consts
    )
    return code.replace(co_filename=file, co_consts=tuple(inside))


def _reference(func: Any) -> _Reference | None:
    if not isinstance(func, FunctionType) or func.__module__ in (None, "__main__"):
        return None
    if "<locals>" in func.__qualname__ or _travels_by_value(func.__module__):
        return None
    try:
        found: Any = reduce(getattr, func.__qualname__.split("."), sys.modules[func.__module__])
    except (AttributeError, KeyError):
        return None
    depth = 0
    while found is not None:
        if found is func:
            return _Reference(func.__module__, func.__qualname__, depth)
        found = getattr(found, "__wrapped__", None)
        depth += 1
    return None


def _travels_by_value(module: str) -> bool:
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is None:
        return False
    known = cloudpickle.list_registry_pickle_by_value()
    return any(module == name or module.startswith(f"{name}.") for name in known)


def by_value(reason: BaseException, func: Any) -> bool:
    """Let a module that workers could not import travel by value from now on.

    Modules that were loaded from a path, as test runners do, are known by name in this process
    only.

    Parameters
    ----------
    reason : BaseException
        What the worker has raised when it unpickled.
    func : callable
        The item function.

    Returns
    -------
    bool
        Whether to try again: cloudpickle is installed, and the module did not travel so already.
    """
    try:
        import cloudpickle
    except ImportError:
        return False
    while not isinstance(func, FunctionType) and hasattr(func, "func"):
        func = func.func
    own = getattr(func, "__module__", None) or ""
    if isinstance(reason, ImportError):
        missing = reason.name or ""
    elif isinstance(reason, AttributeError) and "module" in str(reason):
        # Another module of the same name.
        missing = own
    else:
        return False
    if missing not in sys.modules and own.startswith(f"{missing}."):
        missing = own
    module = sys.modules.get(missing)
    if module is None or missing == "__main__" or _travels_by_value(missing):
        return False
    cloudpickle.register_pickle_by_value(module)
    return True


def _portable(func: Any) -> Any:
    """Replace functions that decorators hide, inside of wrappers too."""
    if isinstance(func, FunctionType):
        return _Portable(func)
    if isinstance(func, partial):
        return partial(_portable_call(func.func), *func.args, **func.keywords)
    return func


def _portable_call(func: Any) -> Any:
    return _portable(func) if _reference(func) is not None else func


class Definition:
    """What is the same in all calls, pickled: the function and the constant arguments.

    Parameters
    ----------
    key : bytes
        What workers know it by.
    packed : Packed
        The pickled function and arguments.
    datasets : dict
        The datasets that they refer to, by number.
    """

    __slots__ = ("datasets", "key", "packed")

    def __init__(self, key: bytes, packed: Packed, datasets: dict[int, Any]) -> None:
        self.key = key
        self.packed = packed
        self.datasets = datasets

    @property
    def lasting(self) -> bool:
        """Whether workers keep it for later calls."""
        return self.key[:1] == b"c"


def define(func: Callable[..., Any], calls: Calls) -> Definition:
    """Pickle what is the same in all calls.

    Parameters
    ----------
    func : callable
        The item function.
    calls : Calls
        The arguments.

    Returns
    -------
    Definition
        The pickled parts.

    Raises
    ------
    TypeError
        If something cannot be pickled; the message says what and what to do.
    """
    constants = [
        (position, column.value)
        for position, column in enumerate(calls.columns)
        if isinstance(column, Constant)
    ]
    dumps = dumper()
    if dumps is pickle.dumps and getattr(func, "__module__", None) == "__main__":
        raise explain(func, "it is defined in __main__, which worker processes cannot import")
    datasets: dict[int, Any] = {}
    try:
        packed = _with_batches(func, constants, calls, datasets)
        if packed is None:
            packed = pack((_portable(func), constants, dict(calls.kwargs)), dumps)
    except Exception as error:
        raise explain(_culprit(func, constants, calls), str(error)) from error
    if packed.parts or len(packed.body) > HASHED:
        return Definition(b"u%d" % next(_unique), packed, datasets)
    return Definition(b"c" + blake2b(packed.body, digest_size=16).digest(), packed, datasets)


def _with_batches(
    func: Callable[..., Any],
    constants: list[tuple[int, Any]],
    calls: Calls,
    datasets: dict[int, Any],
) -> Packed | None:
    """Pickle constants among which there are batches; None if there are none."""
    if "ironbatch.batch" not in sys.modules:
        return None
    from ironbatch.targets.processes.batches import dumps_with_datasets, travelling

    for with_pipeline in (True, False):
        values = [(at, travelling(value, with_pipeline=with_pipeline)) for at, value in constants]
        if all(new is old for (_, new), (_, old) in zip(values, constants, strict=True)):
            return None
        datasets.clear()
        try:
            message = (_portable(func), values, dict(calls.kwargs))
            return pack(message, dumps_with_datasets(datasets))
        except Exception:
            # A pipeline may hold what cannot be pickled; few item functions look at it.
            if not with_pipeline:
                raise
    return None


def _culprit(func: Callable[..., Any], constants: list[tuple[int, Any]], calls: Calls) -> Any:
    """Return the first part that does not pickle by itself."""
    dumps = dumper()
    parts = [_portable(func), *(value for _, value in constants), *calls.kwargs.values()]
    shown = [func, *parts[1:]]
    for part, original in zip(parts, shown, strict=True):
        try:
            dumps(part)
        except Exception:
            return original
    return func


def explain(what: Any, reason: str) -> TypeError:
    """Return the error for something that cannot be sent to another process."""
    name = getattr(what, "__qualname__", None) or f"an object of type {type(what).__qualname__!r}"
    advice = "use target 'threads', or pass what it needs as picklable arguments"
    if dumper() is pickle.dumps:
        advice += (
            "; lambdas, local functions and functions of __main__ need cloudpickle: "
            "pip install 'ironbatch[processes]'"
        )
    return TypeError(f"{name} cannot be sent to a worker process: {reason}; {advice}")
