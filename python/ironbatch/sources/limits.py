"""Limits in bytes, as functions are given them and as the environment has them."""

from __future__ import annotations

import operator
import os
from typing import Any

__all__ = ["bytes_of", "bytes_of_environment"]


def bytes_of(given: Any, what: str) -> int:
    """Give a number of bytes as an integer.

    Parameters
    ----------
    given : int, or float that is a whole number
        As the user has given it.
    what : str
        What it is, for messages.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is negative, or no whole number.

    Examples
    --------
    >>> bytes_of(2e9, 'the limit')
    2000000000
    >>> bytes_of('1GB', 'the limit')
    Traceback (most recent call last):
        ...
    TypeError: the limit is a number of bytes, such as 1_000_000_000; got '1GB'
    """
    wrong = f"{what} is a number of bytes, such as 1_000_000_000; got {given!r}"
    try:
        found = int(given) if _is_whole(given) else operator.index(given)
    except TypeError:
        raise (ValueError if isinstance(given, float) else TypeError)(wrong) from None
    if found < 0:
        raise ValueError(wrong)
    return found


def bytes_of_environment(variable: str) -> int | None:
    """Give what an environment variable says; None if it is not set.

    Raises
    ------
    ValueError
        If it is no number of bytes; it names the variable.
    """
    text = os.environ.get(variable)
    if text is None:
        return None
    what = f"the environment variable {variable}"
    try:
        return bytes_of(int(text), what)
    except ValueError:
        raise ValueError(f"{what} is a number of bytes, such as 1000000000; got {text!r}") from None


def _is_whole(given: Any) -> bool:
    return isinstance(given, float) and given.is_integer()
