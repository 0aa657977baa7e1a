"""How a kernel says which item it has failed on."""

from __future__ import annotations

__all__ = ["KernelFailure"]


class KernelFailure(Exception):  # noqa: N818 - carries a failure, is not one that users see
    """A kernel has failed on an item; whoever knows the batch turns it into an `ActionError`.

    Attributes
    ----------
    position : int
        Position of the lowest failing item.
    error : Exception
        What happened to it.
    """

    def __init__(self, position: int, error: Exception) -> None:
        super().__init__(position, error)
        self.position = position
        self.error = error

    def __str__(self) -> str:
        return f"item at position {self.position}: {self.error}"
