"""Every exception and warning that ironbatch raises by a name of its own.

Each one also belongs to a family that Python users already catch (`KeyError`, `ValueError`,
`TypeError`, `RuntimeError`, `ImportError`), so no code has to import this module to handle them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

__all__ = [
    "ActionError",
    "ComponentError",
    "DuplicateIdWarning",
    "EmptyBatchSequence",
    "FormatError",
    "IronbatchError",
    "LossyWriteError",
    "MissingPackageError",
    "SkipBatchException",
    "StopPipeline",
    "TooManyFailuresError",
    "UnknownColumnError",
    "UnknownIdError",
    "WorkerDiedError",
]


class IronbatchError(Exception):
    """Base class of the exceptions defined here."""


class SkipBatchException(IronbatchError):  # noqa: N818 - the name existing code raises
    """Raised inside an action to drop the current batch and go on with the next one."""


class StopPipeline(IronbatchError):  # noqa: N818 - the name existing code raises
    """Raised inside an action to end the run after the batches already made."""


class EmptyBatchSequence(UserWarning):
    """A run has ended without making a single batch."""


class DuplicateIdWarning(UserWarning):
    """An index holds some ids more than once; look-ups give the first one."""


class UnknownIdError(IronbatchError, KeyError):
    """An id is not in the index. The message names the id, its type and the index's kind."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UnknownColumnError(IronbatchError, KeyError):
    """A table has no such column. The message names the column and those that there are."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ComponentError(IronbatchError, ValueError):
    """A component has the wrong length, an unknown or reserved name, or an item a wrong shape."""


class LossyWriteError(ComponentError, TypeError):
    """Writing an item would lose information, such as a float into uint8."""


class FormatError(IronbatchError, ValueError):
    """A data file is truncated, foreign or hostile, or a format name is unknown."""


class MissingPackageError(IronbatchError, ImportError):
    """An optional package is needed; the message has the pip command that installs it."""


class WorkerDiedError(IronbatchError, RuntimeError):
    """A worker process ended, or was killed, while it worked on an item."""


class TooManyFailuresError(IronbatchError, RuntimeError):
    """More items have failed than ``max_failures`` allows; ``failures`` lists their records."""

    failures: Sequence[Any] = ()

    @classmethod
    def of(
        cls, failures: Sequence[Any], seen: int, limit: float, action: str = ""
    ) -> TooManyFailuresError:
        """Make one that names the number and the first failures."""
        first = "; ".join(map(str, failures[:3]))
        more = "; ..." if len(failures) > 3 else ""
        where = f" in action {action!r}" if action else ""
        error = cls(
            f"{len(failures)} of {seen} items have failed{where}, more than max_failures={limit} "
            f"allows: {first}{more}"
        )
        error.failures = tuple(failures)
        return error


class ActionError(IronbatchError, RuntimeError):
    """One or more items failed in an action.

    What is raised is always an instance of this class *and* of the class of the first failure
    (so `except ValueError` around an action whose item function raised `ValueError` works).

    Attributes
    ----------
    item_id : Hashable
        Id of the failing item with the lowest position.
    position : int
        Position of that item in the batch.
    component : str or None
        Component the action was reading, when it was reading one.
    action : str
        Name of the action.
    failures : ExceptionGroup
        All failures, in order of position; each carries a note naming its item.
    """

    item_id: Hashable = None
    position: int = -1
    component: str | None = None
    action: str = ""
    failures: ExceptionGroup[Exception] | None = None
    failed_positions: Sequence[int] = ()
