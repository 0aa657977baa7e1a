"""Which components of a batch go out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ironbatch.batch.names import chosen_names
from ironbatch.components import Component
from ironbatch.errors import ComponentError

if TYPE_CHECKING:
    from ironbatch.batch import Batch

__all__ = ["chosen_components"]


def chosen_components(
    batch: Batch, components: str | Sequence[str] | None, what: str
) -> dict[str, Component]:
    """Give components by name.

    Parameters
    ----------
    batch : Batch
        The batch.
    components : str or sequence of str, optional
        Which; by default all that hold data.
    what : str
        What they are for, in messages.

    Raises
    ------
    ComponentError
        If the batch has no components, or one that was asked for is not there or holds no data.
    """
    every = batch.components
    if every is None:
        raise ComponentError(
            f"{what} takes the components of a batch by name, and {type(batch).__name__} has "
            "none; name them in the class, or use batch.data"
        )
    found: dict[str, Any] = {}
    for name in chosen_names(components, every):
        if name not in every:
            raise ComponentError(
                f"{what}: the batch has no component {name!r}; its components are "
                f"{', '.join(every)}"
            )
        value = getattr(batch, name)
        if value is not None:
            found[name] = value
        elif components is not None:
            raise ComponentError(f"{what}: component {name!r} holds no data yet")
    return found
