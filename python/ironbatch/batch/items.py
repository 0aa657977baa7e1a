"""The items of a batch: addressed by id, one by one or as a smaller batch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ironbatch import components as columns
from ironbatch._core import Item
from ironbatch.batch.names import chosen_names
from ironbatch.batch.preloaded import split_parts
from ironbatch.batch.raw import raw_item, raw_take
from ironbatch.batch.storage import ComponentStorage

if TYPE_CHECKING:
    from ironbatch.index import DatasetIndex

__all__ = ["ItemAccess"]


#: Above so many items the index is asked for each id, rather than a dictionary of the batch.
_MOST_PLACES = 100_000


class ItemAccess(ComponentStorage):
    """The part of `Batch` that finds items."""

    def get(self, item: Any = None, component: str | None = None) -> Any:
        """Read a component, an item, or one component of an item.

        Parameters
        ----------
        item : id, slice or array of ids, optional
            Which items; all by default.
        component : str, optional
            Which component; all by default.

        Raises
        ------
        UnknownIdError
            If there is no item with that id.
        """
        if item is None:
            return self.data if component is None else getattr(self, component)
        found = self[item]
        return found if component is None else getattr(found, component)

    def _item_parts(self, item: Item, components: Any) -> dict[str, Any]:
        """Give components of an item by name; see `Item.as_dict`."""
        return {name: item[name] for name in chosen_names(components, self.components)}

    def _make_places(self) -> dict[Any, int] | None:
        """Make the place of each id, the first one where it repeats; None where that is costly."""
        index = self.index
        if len(index) > _MOST_PLACES or index.kind == "object":
            return None
        places: dict[Any, int] = {}
        for place, item in enumerate(index.indices.tolist()):
            places.setdefault(item, place)
        return places

    def _find(self, key: Any) -> Any:
        """Give one item, or a smaller batch for a slice or an array of ids."""
        position = self.index.get_pos(key)
        if type(position) is int:
            return Item(self, position) if self.components is not None else self._raw_item(position)
        return self._taken_at(position)

    def __setitem__(self, key: Any, value: Any) -> None:
        position = self.index.get_pos(key)
        if type(position) is not int:
            raise TypeError(
                "assign to items one by one, or to a component: batch.images[2:5] = ..."
            )
        names = self.components
        if names is None:
            self.data[position] = value
            return
        for name, part in split_parts(value, names).items():
            if name is not None:
                self._assign_item(name, position, part)

    def _raw_item(self, position: int) -> Any:
        return raw_item(self.data, position, len(self))

    def _taken_at(self, positions: Any) -> Self:
        """Make a batch of some items; a slice of positions shares memory with this one."""
        if isinstance(positions, slice):
            indexed: Any = slice(*positions.indices(len(self)))
        else:
            indexed = np.asarray(positions, dtype=np.int64)
        subset = self._sibling(self.index.take(indexed))
        if self.components is None:
            subset.__dict__["_raw"] = raw_take(self.data, positions, len(self))
        else:
            for name in self.components:
                component = getattr(self, name)
                if component is not None:
                    subset._slot_set(name, columns.take(component, positions))
        return subset

    def _keep_only(self, positions: Sequence[int]) -> None:
        """Leave only some of the items in the batch, in this order."""
        indexed = np.asarray(positions, dtype=np.int64)
        index = self.index.take(indexed)
        if self.components is None:
            self._data = raw_take(self.data, indexed, len(self))
        else:
            # What is preloaded and was not used yet will be read for the items that are left.
            held = [(name, self._slot_get(name)) for name in self.components]
            for name, component in held:
                if component is not None:
                    self._slot_set(name, columns.take(component, indexed))
        self.index = index

    def _sibling(self, index: DatasetIndex) -> Self:
        """Make an empty batch of the same class, attributes, dataset and pipeline."""
        sibling = type(self).__new__(type(self))
        sibling._take_pending()
        sibling.__dict__.update(self.__dict__)
        sibling._slot_declare(self.components)
        sibling.__dict__.update(index=index, _preloaded=None)
        sibling.__dict__.pop("_load_lock", None)
        return sibling

    def __iter__(self) -> Iterator[Any]:
        if self.components is None:
            return (self._raw_item(position) for position in range(len(self)))
        return (Item(self, position) for position in range(len(self)))

    def __contains__(self, item: Hashable) -> bool:
        try:
            self.index.get_pos(item)
        except (KeyError, TypeError):
            return False
        return True

    @property
    def items(self) -> list[list[Any]]:
        """Each item in a list of its own, as an `init` for parallel actions."""
        return [[item] for item in self]
