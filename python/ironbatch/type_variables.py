"""Of which class batches are, for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    # Checkers know a default, which `typing` has from Python 3.13 on.
    from typing_extensions import TypeVar

    from ironbatch.batch.batch import Batch

    BatchT = TypeVar("BatchT", bound=Batch, default=Any)
    MadeT = TypeVar("MadeT", default=Any)
else:
    from typing import TypeVar

    BatchT = TypeVar("BatchT")
    MadeT = TypeVar("MadeT")

__all__ = ["BatchT", "MadeT"]
