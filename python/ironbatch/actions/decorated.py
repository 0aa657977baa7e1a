"""What decorators of methods take."""

from __future__ import annotations

from typing import Any

from ironbatch.targets.native import is_native

__all__ = ["refuse_kernel"]


def refuse_kernel(decorator: str, func: Any, src: str = "'...'") -> None:
    """Refuse a kernel where a method of a batch is decorated.

    Raises
    ------
    TypeError
        If it is one; the message says how a kernel becomes an action.
    """
    if is_native(func):
        raise TypeError(
            f"{decorator} decorates a method of a batch, and {func!r} is a function of one item; "
            f"write name = apply_parallel(src={src})(kernel) to make it an action"
        )
