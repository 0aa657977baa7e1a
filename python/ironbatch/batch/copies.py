"""Copies and pickles of a batch.

A copy is a copy of the memory; the dataset and the pipeline are shared. A pickle leaves them out,
since either may hold far more than the batch.
"""

from __future__ import annotations

import copy as copying
from typing import Any, Self

from ironbatch import components as columns
from ironbatch.actions.action import action
from ironbatch.batch.items import ItemAccess
from ironbatch.batch.view import ComponentsView

__all__ = ["Copying"]


def _blank(cls: type[Copying]) -> Copying:
    """Make the batch that pickle then fills."""
    return cls.__new__(cls)


class Copying(ItemAccess):
    """The part of `Batch` that copies itself."""

    @action
    def deepcopy(self) -> Self:
        """Copy the batch and its data; the dataset and the pipeline are shared."""
        return copying.deepcopy(self)

    @action
    def copy(self) -> Self:
        """Copy the batch and its data; the dataset and the pipeline are shared."""
        return self.deepcopy()

    def __copy__(self) -> Self:
        return copying.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        self.data  # noqa: B018 - loads what is preloaded
        twin = self._sibling(self.index)
        memo[id(self)] = twin
        shared = ("index", "_dataset", "_pipeline", "_preloaded", "_load_lock")
        for name, value in self.__dict__.items():
            if name not in shared:
                twin.__dict__[name] = copying.deepcopy(value, memo)
        for name in self.components or ():
            component = getattr(self, name)
            if component is not None:
                twin._slot_set(name, columns.copy(component))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        data = self.data
        attributes = {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("_dataset", "_pipeline", "_preloaded", "_raw", "_load_lock")
        }
        if self.index.root is not self.index:
            # A view would take the ids of the whole dataset along.
            attributes["index"] = self.index.detach()
        return {
            "attributes": attributes,
            "components": self.components,
            "data": data.as_tuple() if isinstance(data, ComponentsView) else data,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._take_pending()
        self.__dict__.update(state["attributes"])
        self.__dict__.update(_dataset=None, _pipeline=None, _preloaded=None)
        self._slot_declare(state["components"])
        if state["components"] is None:
            self.__dict__["_raw"] = state["data"]
            return
        for name, value in zip(state["components"], state["data"], strict=True):
            if value is not None:
                self._assign_component(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self),), self.__getstate__()
