"""Items of a batch that says itself where the parts of an item are.

A batch of CT scans, say, keeps the slices of all scans in one array, and its `get_pos` gives the
slices of a scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["PlacedItem", "iterate", "placed_item"]


class PlacedItem:
    """One item: reads and writes of its attributes go to where `Batch.get_pos` says."""

    __slots__ = ("_batch", "_id")

    def __init__(self, batch: Any, id_: Any) -> None:
        object.__setattr__(self, "_batch", batch)
        object.__setattr__(self, "_id", id_)

    def _place(self, name: str) -> tuple[Any, Any]:
        if name not in (self._batch.components or ()):
            raise AttributeError(
                f"the batch has no component {name!r}; its components are "
                f"{', '.join(self._batch.components or ())}"
            )
        return getattr(self._batch, name), self._batch.get_pos(None, name, self._id)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        data, place = self._place(name)
        return None if data is None else data[place]

    def __setattr__(self, name: str, value: Any) -> None:
        data, place = self._place(name)
        data[place] = value

    def as_dict(self, components: Any = None) -> dict[str, Any]:
        """Give components of the item by name."""
        names = (components,) if isinstance(components, str) else components
        return {name: getattr(self, name) for name in names or self._batch.components}

    def as_tuple(self, components: Any = None) -> tuple[Any, ...]:
        """Give components of the item in order."""
        return tuple(self.as_dict(components).values())


def placed_item(self: Any, key: Any) -> PlacedItem:
    """Give an item by its id: ``__getitem__`` of such a batch."""
    return PlacedItem(self, key)


def iterate(self: Any) -> Iterator[PlacedItem]:
    """Give all items: ``__iter__`` of such a batch."""
    return (PlacedItem(self, key) for key in self.indices)
