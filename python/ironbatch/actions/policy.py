"""What an action, or a run, does with items that fail; `ironbatch.actions.on_error` says what."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ironbatch.actions.arguments import accepted

__all__ = [
    "DEFAULT",
    "KEYWORDS",
    "LONGEST_PAUSE",
    "UNSET",
    "Policy",
    "Replacement",
    "check_settings",
    "given_settings",
    "policy_of",
    "scope_of",
    "taken_settings",
]

_Result = TypeVar("_Result")

KEYWORDS = frozenset({"on_error", "max_failures", "retries", "backoff", "retry_on"})

LONGEST_PAUSE = 30.0
"""Seconds that an item waits at most before it is tried again."""

UNSET: Any = type("_Unset", (), {"__repr__": lambda self: "<not given>"})()

_WORDS = ("raise", "skip", "collect")


class Replacement:
    """A value for failed items that could be mistaken for a policy.

    Parameters
    ----------
    value : object
        What takes the place of the result.

    Examples
    --------
    >>> import ironbatch
    >>> class Words(ironbatch.Batch):
    ...     components = 'text', 'upper'
    >>> batch = Words.from_data(data=(['a', 'b'], None))
    >>> def upper(word):
    ...     if word == 'b':
    ...         raise ValueError(word)
    ...     return word.upper()
    >>> batch = batch.apply_parallel(upper, src='text', dst='upper', target='for',
    ...                              on_error=ironbatch.Replacement('skip'))
    >>> list(batch.upper)
    ['A', 'skip']
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Replacement({self.value!r})"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one action, or one run, does with items that fail.

    Attributes
    ----------
    kind : {'raise', 'skip', 'collect', 'replace'}
        What happens.
    value : object
        What takes the place of results.
    max_failures : int, float or None
        How many items, or which share of them, may fail.
    retries : int
        How often an item is tried again.
    backoff : float
        Seconds before the first repetition.
    retry_on : tuple of type
        After which exceptions.
    limits : bool
        Whether `max_failures` counts the failures of this action alone.
    """

    kind: str = "raise"
    value: Any = None
    max_failures: int | float | None = None
    retries: int = 0
    backoff: float = 0.1
    retry_on: tuple[type[Exception], ...] = (OSError,)
    limits: bool = False

    @property
    def shrinks(self) -> bool:
        """Whether failed items leave the batch."""
        return self.kind in ("skip", "collect")

    def pause(self, turn: int) -> float:
        """Give the seconds to wait before repetition `turn`, from 0."""
        return float(min(self.backoff * 2.0 ** min(turn, 64), LONGEST_PAUSE))

    def persist(self, function: Callable[[], _Result]) -> _Result:
        """Call a function, again if it fails, as often as the policy says.

        Raises
        ------
        Exception
            What the function raised last.
        """
        turn = 0
        while True:
            try:
                return function()
            except Exception as error:
                if turn == self.retries or not isinstance(error, self.retry_on):
                    raise
            time.sleep(self.pause(turn))
            turn += 1

    def with_settings(self, settings: Mapping[str, Any]) -> Policy:
        """Give this policy with some keywords changed.

        Raises
        ------
        ValueError, TypeError
            If one is wrong.
        """
        kind, value = self.kind, self.value
        if "on_error" in settings:
            kind, value = _kind_of(settings["on_error"])
        limit = self.max_failures
        if "max_failures" in settings:
            limit = _checked_limit(settings["max_failures"])
        return Policy(
            kind,
            value,
            limit,
            _checked_retries(settings.get("retries", self.retries)),
            _checked_backoff(settings.get("backoff", self.backoff)),
            _checked_kinds(settings.get("retry_on", self.retry_on)),
            "max_failures" in settings and settings["max_failures"] is not None,
        )


DEFAULT = Policy()


def _kind_of(on_error: Any) -> tuple[str, Any]:
    if isinstance(on_error, Replacement):
        return "replace", on_error.value
    if not isinstance(on_error, str):
        return "replace", on_error
    if on_error not in _WORDS:
        raise ValueError(
            f"on_error is 'raise', 'skip', 'collect' or a replacement value, got {on_error!r}; to "
            f"have this string take the place of results, give Replacement({on_error!r})"
        )
    return on_error, None


def _checked_limit(limit: Any) -> int | float | None:
    if limit is None:
        return None
    if not isinstance(limit, bool) and hasattr(limit, "__index__"):
        count = int(limit)
        if count >= 0:
            return count
    elif isinstance(limit, float) and 0 < limit < 1:
        return float(limit)
    raise ValueError(
        "max_failures is a number of items (an int, 0 or more) or a share of them (a float "
        f"between 0 and 1), got {limit!r}"
    )


def _checked_retries(retries: Any) -> int:
    if isinstance(retries, bool) or not hasattr(retries, "__index__") or int(retries) < 0:
        raise ValueError(f"retries is a number of repetitions, 0 or more, got {retries!r}")
    return int(retries)


def _checked_backoff(backoff: Any) -> float:
    if (
        isinstance(backoff, bool)
        or not isinstance(backoff, int | float)
        or not 0 <= backoff < math.inf
    ):
        raise ValueError(f"backoff is a number of seconds, 0 or more, got {backoff!r}")
    return float(backoff)


def _checked_kinds(kinds: Any) -> tuple[type[Exception], ...]:
    found = kinds if isinstance(kinds, tuple) else (kinds,)
    if not found or not all(isinstance(one, type) and issubclass(one, Exception) for one in found):
        raise TypeError(f"retry_on is a class of exceptions or a tuple of them, got {kinds!r}")
    return found


def given_settings(
    on_error: Any, max_failures: Any, retries: Any, backoff: Any, retry_on: Any
) -> dict[str, Any]:
    """Give those of the keywords that are set."""
    if on_error is max_failures is retries is backoff is retry_on is UNSET:
        return {}
    given = {
        "on_error": on_error,
        "max_failures": max_failures,
        "retries": retries,
        "backoff": backoff,
        "retry_on": retry_on,
    }
    return {name: value for name, value in given.items() if value is not UNSET}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse wrong keywords where they are written, as the decorators do."""
    if settings:
        DEFAULT.with_settings(settings)


def taken_settings(keywords: dict[str, Any], func: Callable[..., Any]) -> dict[str, Any]:
    """Take the settings out of keywords, but for those that the item function has itself."""
    takes = accepted(func)
    return {
        name: keywords.pop(name)
        for name in KEYWORDS & keywords.keys()
        if takes.names is None or name not in takes.names
    }


def policy_of(batch: Any, settings: Mapping[str, Any] | None = None) -> Policy:
    """Give the policy for an action on a batch.

    Parameters
    ----------
    batch : Batch or None
        The batch: one that travels in a run has the policy of the run.
    settings : mapping, optional
        What the action says itself.
    """
    scope = scope_of(batch)
    policy: Policy = DEFAULT if scope is None else scope.policy
    return policy.with_settings(settings) if settings else policy


def scope_of(batch: Any) -> Any:
    """Give the scope of the run that a batch travels in now, None if it does not."""
    scope = getattr(batch, "__dict__", {}).get("_scope")
    return None if scope is None or scope.policy is None else scope
