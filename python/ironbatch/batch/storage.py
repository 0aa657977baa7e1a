"""The components of a batch: how they are declared, filled, assigned and read as a whole."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ironbatch import components as columns
from ironbatch._core import BatchBase
from ironbatch.actions.action import action
from ironbatch.batch.names import component_names
from ironbatch.batch.preloaded import Preloaded, split_parts
from ironbatch.batch.view import ComponentsView
from ironbatch.errors import ComponentError
from ironbatch.sources import Rows

if TYPE_CHECKING:
    from ironbatch.index import DatasetIndex

__all__ = ["ComponentStorage"]


class ComponentStorage(BatchBase):
    """The part of `Batch` that holds its data."""

    components: ClassVar[Any] = None
    index: DatasetIndex

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared = cls.__dict__.get("components")
        if declared is not None and not isinstance(declared, property):
            cls.components = component_names(declared, cls.__name__)

    def __len__(self) -> int:
        return len(self.index)

    def load(self, *args: Any, **kwargs: Any) -> Self:
        """Read components; see `Batch.load`."""
        raise NotImplementedError

    def _loads_itself(self) -> bool:
        """Whether the user's class has a `load` of its own, for preloaded data to go through."""
        return True

    def _set_components(self, names: Any) -> None:
        self._slot_declare(component_names(names, type(self).__name__))

    def _fill_component(self, name: str) -> Any:
        """Load a preloaded component at its first use; None when there is nothing to load."""
        own = self.__dict__
        source = own.get("_preloaded")
        if source is None:
            return None
        if self._loads_itself():
            self._load_whole()
            return self._slot_get(name)
        if "_dropped" in own and name in own["_dropped"]:
            return None
        if type(source) is not Preloaded:
            source = self._source()
        if source.reads_together(name):
            return self._fill_together(source, name)
        value = source.component(own["index"], name, copy=own["_copy"])
        return None if value is None else self._slot_fill(name, value)

    def _fill_together(self, source: Preloaded, name: str) -> Any:
        """Load all components that come from the same samples, which are read once."""
        own = self.__dict__
        with self._loading():
            held = self._slot_get(name)
            if held is not None:
                return held
            dropped = own.get("_dropped", ())
            for other, value in source.components(own["index"], name).items():
                if other not in dropped and other in (self.components or ()):
                    self._slot_fill(other, value)
        return self._slot_get(name)

    def preloaded_rows(self, name: str) -> tuple[Any, Any] | None:
        """Give preloaded data of a component that nobody has read yet, and the rows of the items.

        Whoever reads all items once can do without taking them from the data first.

        Parameters
        ----------
        name : str
            The component.

        Returns
        -------
        column, rows : ndarray
            Data of the whole dataset, not to be written, and for each item its row in it. None if
            the component holds something already, or its data is not one array.
        """
        own = self.__dict__
        source = own.get("_preloaded")
        if source is None or self._loads_itself() or name in own.get("_dropped", ()):
            return None
        if name not in (self.components or ()) or self._slot_get(name) is not None:
            return None
        if type(source) is not Preloaded:
            source = self._source()
        return source.rows(own["index"], name)

    def _loading(self) -> threading.RLock:
        """Give the lock under which the batch's preloaded data is loaded as a whole."""
        lock: threading.RLock = self.__dict__.setdefault("_load_lock", threading.RLock())
        return lock

    def _source(self) -> Preloaded:
        """Split preloaded data into components, at its first use."""
        own = self.__dict__
        data = own["_preloaded"]
        if not isinstance(data, Preloaded):
            data = own["_preloaded"] = Preloaded(data, self.components, own["_addressing"])
        return data

    def _load_whole(self) -> None:
        """Load preloaded data through the user's own `load`."""
        with self._loading():
            preloaded = self.__dict__.get("_preloaded")
            if preloaded is None:
                return
            self.__dict__["_preloaded"] = None
            data = preloaded.data if isinstance(preloaded, Preloaded) else preloaded
            try:
                self.load(src=data)
            except BaseException:
                self.__dict__["_preloaded"] = preloaded
                raise

    def _assign_component(self, name: str, value: Any) -> None:
        if value is None:
            self.__dict__["_dropped"] = (*self.__dict__.get("_dropped", ()), name)
            self._slot_clear(name)
            return
        self._slot_set(
            name, columns.as_component(value, len(self.index), name=name, ids=self.index.indices)
        )

    def _assign_item(self, name: str, position: int, value: Any) -> None:
        names = self.components or ()
        if name not in names:
            raise AttributeError(
                f"the batch has no component {name!r}; its components are {', '.join(names)}"
            )
        component = getattr(self, name)
        if component is None:
            raise ComponentError(
                f"component {name!r} holds no data yet, so item {self._id_at(position)!r} cannot "
                "be written; assign the whole component first"
            )
        columns.assign(component, position, value, name=name, item_id=self._id_at(position))

    def _id_at(self, position: int) -> Any:
        (found,) = self.indices[position : position + 1].tolist()
        return found

    def store(self, name: str, component: Any) -> None:
        """Put a component into the batch, adding its name when it is new.

        Parameters
        ----------
        name : str
            Its name.
        component : array-like or component
            One row for each item.

        Raises
        ------
        ComponentError
            If the name is reserved or the length is not that of the batch.
        """
        if name in (self.components or ()):
            self._assign_component(name, component)
        else:
            self._add_values({name: component})

    def _declare(self, names: Sequence[str]) -> None:
        self._slot_declare(component_names((*(self.components or ()), *names), type(self).__name__))

    def _add_values(self, values: dict[str, Any]) -> None:
        """Add components with their data; none of them when the data of one does not fit."""
        before = self.components
        self._declare(tuple(values))
        try:
            for name, value in values.items():
                if value is not None:
                    self._assign_component(name, value)
        except BaseException:
            self._slot_declare(before)
            raise

    @action
    def add_components(self, components: str | Sequence[str], init: Any = None) -> Self:
        """Add new components.

        Parameters
        ----------
        components : str or sequence of str
            Their names.
        init : array-like, or sequence of array-likes, optional
            Their data: one for a single name given as a string, else one for each name.

        Raises
        ------
        ComponentError
            If a component or attribute of that name is there already, or the name is reserved.
        """
        single = isinstance(components, str)
        names = component_names(components, type(self).__name__) or ()
        for name in names:
            if name in (self.components or ()):
                raise ComponentError(f"the batch has a component {name!r} already")
            if name in self.__dict__:
                raise ComponentError(f"the batch has an attribute {name!r} already")
        values: Sequence[Any] = (
            [None] * len(names) if init is None else ([init] if single else list(init))
        )
        if len(values) != len(names):
            raise ComponentError(
                f"init has {len(values)} parts for {len(names)} components: {names}"
            )
        self._add_values(dict(zip(names, values, strict=True)))
        return self

    @property
    def data(self) -> Any:
        """The data: a view of the components, or whatever a batch without components holds.

        Preloaded data is loaded when it is first used.
        """
        if self.components is not None:
            return ComponentsView(self)
        if self.__dict__.get("_preloaded") is not None:
            if self._loads_itself():
                self._load_whole()
            else:
                with self._loading():
                    if self.__dict__.get("_preloaded") is not None:
                        self.__dict__["_raw"] = self._source().take(
                            self.index, None, copy=self.__dict__["_copy"]
                        )
                        self.__dict__["_preloaded"] = None
        return self.__dict__.get("_raw")

    @data.setter
    def data(self, data: Any) -> None:
        self._data = data

    @property
    def _data(self) -> Any:
        return self.data

    @_data.setter
    def _data(self, data: Any) -> None:
        self.index  # noqa: B018 - completes a batch whose constructor has not called super()
        names = self.components
        if names is None:
            self.__dict__["_raw"] = data
            self.__dict__["_preloaded"] = None
            return
        if data is None:
            parts: dict[str | None, Any] = dict.fromkeys(names)
        else:
            parts = split_parts(data, names)
        for name, part in parts.items():
            if name is not None:
                self._assign_component(name, part.all(name) if isinstance(part, Rows) else part)

    @property
    def array_of_nones(self) -> np.ndarray[Any, Any]:
        """An object array with one None for each item; shape (n,)."""
        return np.full(len(self), None, dtype=object)
