"""Exceptions of compiled Python functions.

Compiled code cannot raise where there is no interpreter. It hands on where numba keeps what was to
be raised; the address is read here, back in Python, behind a mark that nothing else can know.
"""

from __future__ import annotations

import ctypes
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["MARK", "raised", "raising"]

MARK = f"\x1araised {secrets.token_hex(8)} "
"""What stands before an address, for as long as the process lives."""
_PATTERN = re.compile(rf"(\w+): {re.escape(MARK)}([a-p]{{16}})")


class _Info(ctypes.Structure):
    """What numba keeps of an exception (`excinfo_t` of its `core/callconv.py`)."""

    _fields_ = (
        ("pickled", ctypes.c_void_p),
        ("length", ctypes.c_int32),
        ("values", ctypes.c_void_p),
        ("unwrap", ctypes.c_void_p),
        ("is_dynamic", ctypes.c_int32),
    )


def raised(message: str) -> Exception | None:
    """Give the exception that a message of the compiled side is about, if it is about one.

    It is of the class that the function raises; the name of the kernel comes before its text, and
    a note says where it was raised.
    """
    found = _PATTERN.search(message)
    if found is None:
        return None
    name, letters = found.groups()
    address = sum((ord(letter) - ord("a")) << 4 * at for at, letter in enumerate(letters))
    if not address:
        return RuntimeError(f"{name}: raised an exception")
    kind, arguments, where = _read(address)
    error = _with_name(name, kind, arguments or ())
    if where is not None:
        function, path, line = where
        error.add_note(f"raised in {function}, {path}:{line}")
    return error


@contextmanager
def raising() -> Iterator[None]:
    """Raise the exceptions of functions in the place of the errors that carry them."""
    try:
        yield
    except ValueError as error:
        own = raised(str(error))
        if own is None:
            raise
        raise own from None


def _read(address: int) -> tuple[Any, Any, Any]:
    from numba.core import serialize

    info = _Info.from_address(address)
    pickled = ctypes.string_at(info.pickled, info.length)
    if not info.is_dynamic:
        return serialize.loads(pickled)  # type: ignore[no-any-return]
    unwrap = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(info.unwrap)
    values = unwrap(info.values)
    return serialize.runtime_build_excinfo_struct(pickled, values)  # type: ignore[no-any-return]


def _with_name(name: str, kind: Any, arguments: tuple[Any, ...]) -> Exception:
    kind = kind or RuntimeError
    if len(arguments) == 1 and isinstance(arguments[0], str):
        return kind(f"{name}: {arguments[0]}")  # type: ignore[no-any-return]
    try:
        error: Exception = kind(*arguments)
    except TypeError:
        error = RuntimeError(f"{name}: {kind.__name__} {arguments}")
    error.add_note(f"in kernel {name}")
    return error
