"""Why a batch class cannot be made by a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["explain_constructor"]


def explain_constructor(
    batch_class: type[Batch], index: Any, args: tuple[Hashable, ...], kwargs: dict[str, Any]
) -> TypeError | None:
    """Say which argument a batch class refuses; None when its constructor takes them all."""
    signature = inspect.signature(batch_class)
    try:
        signature.bind(index, *args, **kwargs)
    except TypeError as error:
        refused = [
            name
            for name in kwargs
            if name not in signature.parameters
            and all(p.kind is not p.VAR_KEYWORD for p in signature.parameters.values())
        ]
        what = f"the keyword {refused[0]!r}" if refused else f"its arguments ({error})"
        return TypeError(
            f"the constructor of {batch_class.__name__} does not take {what} that the "
            "dataset passes; let it accept *args and **kwargs and hand them to super().__init__()"
        )
    return None
