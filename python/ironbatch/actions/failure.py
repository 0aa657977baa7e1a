"""From the exceptions of failed items to the one exception that a user sees."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from ironbatch.errors import ActionError, SkipBatchException, StopPipeline
from ironbatch.targets.calls import Context
from ironbatch.targets.portable import allocate, builtin_state, decode, encode

__all__ = ["any_action_failed", "errors_of", "failure", "note_failures", "raise_failures"]

_SHOWN_IDS = 5


def any_action_failed(results: Iterable[Any]) -> bool:
    """Tell whether some of the results are exceptions.

    Parameters
    ----------
    results : iterable
        Results of a parallel action, as a post function gets them.

    Returns
    -------
    bool
        True if at least one is an exception.

    Examples
    --------
    >>> any_action_failed([1, ValueError('no'), 3])
    True
    """
    # Few types even among many results: looking at each of those is enough.
    return any(issubclass(kind, Exception) for kind in set(map(type, results)))


def errors_of(results: Iterable[Any]) -> list[Exception]:
    """Return the exceptions among the results, in order."""
    return [result for result in results if isinstance(result, Exception)]


class _Failure(ActionError):  # noqa: N818 - never seen by this name
    """What every `ActionError` that is raised shares; see `_family`."""

    _kind: type[BaseException] = Exception
    _message: str = ""

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[Any, ...]:
        own = {name: self.__dict__[name] for name in _OWN if name in self.__dict__}
        stand_in = allocate(self._kind, self.args, builtin_state(self))
        stand_in.__dict__.update(
            {name: value for name, value in self.__dict__.items() if name not in own}
        )
        stand_in.__dict__.pop("failures", None)
        parts = [encode(error) for error in self.failures.exceptions] if self.failures else []
        message = self.failures.message if self.failures else ""
        return _rebuild, (encode(stand_in), own, message, parts, encode(self.__cause__))


_OWN = ("item_id", "position", "component", "action", "failed_positions", "_message")


@cache
def _family(kind: Any) -> type[_Failure]:
    """Return the class that is both `ActionError` and `kind`."""
    if issubclass(_Failure, kind):
        return _Failure
    try:
        return type(
            f"ActionError[{kind.__name__}]",
            (_Failure, kind),
            {"_kind": kind, "__module__": ActionError.__module__, "__doc__": ActionError.__doc__},
        )
    except TypeError:
        # A class that cannot be a base, or whose metaclass objects.
        return _Failure


def _new(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> _Failure:
    family: type[_Failure] = _family(kind)  # type: ignore[arg-type]
    # Packages (tblib, which comes with Dask) register a way to pickle any exception that there is:
    # it comes before `__reduce__`, and knows nothing of what does not pickle.
    copyreg.dispatch_table.pop(family, None)
    try:
        return allocate(family, args, state, kind)
    except Exception:
        return allocate(_Failure, args, {})


def _rebuild(
    encoded: Any, own: dict[str, Any], message: str, parts: list[Any], cause: Any
) -> _Failure:
    plain = decode(encoded)
    error = _new(type(plain), plain.args, {**builtin_state(plain), **plain.__dict__})
    error.__dict__.update(own)
    if parts:
        error.failures = ExceptionGroup(message, [decode(part) for part in parts])
    error.__cause__ = decode(cause)
    return error


def note_failures(results: Sequence[Any], context: Context) -> list[int]:
    """Note on each exception which item it belongs to.

    Parameters
    ----------
    results : sequence
        Results of a parallel action.
    context : Context
        Names of the action and its items.

    Returns
    -------
    list of int
        Positions of the exceptions.
    """
    positions = [at for at, result in enumerate(results) if isinstance(result, Exception)]
    action = f" of action {context.action!r}" if context.action else ""
    for position in positions:
        note = f"in {context.name(position)}{action}"
        # The same object may be raised for several items.
        if note not in getattr(results[position], "__notes__", ()):
            results[position].add_note(note)
    return positions


def failure(results: Sequence[Any], context: Context) -> Exception | None:
    """Return the exception to raise for the results of a parallel action.

    Parameters
    ----------
    results : sequence
        Results of a parallel action.
    context : Context
        Names of the action and its items.

    Returns
    -------
    Exception or None
        None if nothing failed; `SkipBatchException` and `StopPipeline` as they are, if the failing
        item with the lowest position raised one; else an `ActionError` that is also of that item's
        exception class, has it as its cause, and all of them in ``failures``.
    """
    positions = note_failures(results, context)
    if not positions:
        return None
    first = results[positions[0]]
    if isinstance(first, SkipBatchException | StopPipeline):
        return first
    position = positions[0]
    action = f"action {context.action!r}" if context.action else "parallel call"
    component = f", component {context.component!r}" if context.component else ""
    summary = f"{type(first).__name__}: {first}" if str(first) else type(first).__name__
    message = f"{action} failed for {context.name(position)}{component}: {summary}"
    if len(positions) > 1:
        others = [repr(context.item_id(other)) for other in positions[1 : 1 + _SHOWN_IDS]]
        more = ", ..." if len(positions) > 1 + _SHOWN_IDS else ""
        message += (
            f" ({len(positions)} of {len(results)} items failed, also {', '.join(others)}{more})"
        )
    kind = first._kind if isinstance(first, _Failure) else type(first)
    state = {**builtin_state(first), **getattr(first, "__dict__", {})}
    state.pop("__notes__", None)
    error = _new(kind, first.args, state)
    error._message = message
    error.item_id = context.item_id(position)
    error.position = position
    error.component = context.component
    error.action = context.action
    error.failed_positions = tuple(positions)
    error.failures = ExceptionGroup(
        f"failed items of {action}", [results[failed] for failed in positions]
    )
    error.__cause__ = first
    return error


def raise_failures(results: Sequence[Any], context: Context) -> None:
    """Raise what `failure` returns, if anything failed.

    Parameters
    ----------
    results : sequence
        Results of a parallel action.
    context : Context
        Names of the action and its items.

    Raises
    ------
    ActionError
        If some item failed.
    """
    if any_action_failed(results):
        error = failure(results, context)
        if error is not None:
            raise error
