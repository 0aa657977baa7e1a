"""Which items the failure of many files at once is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["failing", "failing_items"]

_Error = TypeVar("_Error", bound=Exception)


def failing(
    error: _Error,
    position: int,
    others: Mapping[int, Exception] | None = None,
    *,
    complete: bool = False,
) -> _Error:
    """Note on an error which items fail.

    Parameters
    ----------
    error : Exception
        What is raised.
    position : int
        Position of the item that it is about.
    others : mapping from int to Exception, optional
        Positions of all items that are known to fail, and what with.
    complete : bool
        Whether no other item fails.
    """
    # Not the error itself: what refers to itself lives until the garbage collector comes by.
    rest = {at: other for at, other in (others or {}).items() if at != position}
    error.__dict__["_failing"] = position, rest, complete
    return error


def failing_items(error: Exception) -> tuple[dict[int, Exception], bool]:
    """Give what was noted: items and what they fail with, and whether these are all."""
    noted = error.__dict__.pop("_failing", None)
    if noted is None:
        return {}, True
    position, rest, complete = noted
    return {position: error, **rest}, complete
