"""The data of a batch or a dataset, addressed by component or by item."""

from __future__ import annotations

import copy as copying
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["AdvancedDict", "BaseComponents", "create_item_class", "get_from_source"]


class AdvancedDict(dict[Any, Any]):
    """A dict that takes several keys at once.

    Examples
    --------
    >>> AdvancedDict(a=1, b=2, c=3)[['a', 'c']]
    {'a': 1, 'c': 3}
    """

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, list | np.ndarray):
            return type(self)((key, self[key]) for key in item)
        return super().__getitem__(item)

    def as_array(self, indices: Iterable[Any] | None = None) -> Any:
        """Stack the values, of some keys or of all."""
        return np.stack([self[key] for key in (self.keys() if indices is None else indices)])


class BaseComponents:
    """Named data with one entry for each item.

    Parameters
    ----------
    components : sequence of str
        Names.
    data : mapping, DataFrame or BaseComponents, optional
        Data by name.
    indices : id or array of ids, optional
        Which items it is about.
    crop : bool
        Take the data of these items at once; `data` is addressed by id then.
    copy : bool
        Deep-copy the data.
    cast_to_array : bool
        Give pandas columns and dicts as arrays.

    Examples
    --------
    >>> data = BaseComponents(('images', 'labels'), {'images': np.eye(3), 'labels': [7, 8, 9]})
    >>> data.labels, data[1].images.tolist()
    ([7, 8, 9], [0.0, 1.0, 0.0])
    """

    components: Any
    data: Any

    def __init__(
        self,
        components: Any = None,
        data: Any = None,
        indices: Any = None,
        crop: bool = False,
        copy: bool = False,
        cast_to_array: bool = True,
    ) -> None:
        self.components = components
        self._indices = indices
        self.data = data
        self.cast_to_array = cast_to_array
        self._crop = crop
        if crop:
            self.crop()
        if copy:
            self.data = copying.deepcopy(self.data)

    def crop(self, indices: Any = None) -> None:
        """Keep the data of some items only."""
        indices = self._indices if indices is None else indices
        if _is_frame(self.data):
            self.data = self.data.loc[indices]
        elif self.components is not None:
            self.data = {name: self._get(name, indices, cropped=False) for name in self.components}

    @property
    def indices(self) -> Any:
        """Which items it is about; None if it has the data of these only."""
        return None if self._crop else self._indices

    def as_list(self, components: Any = None) -> Any:
        """Give the data in a list; that of one component by itself if it is named by a str."""
        if isinstance(components, str):
            return getattr(self, components)
        return [getattr(self, name) for name in tuple(components or self.components)]

    def as_tuple(self, components: Any = None) -> tuple[Any, ...]:
        """Give the data in a tuple."""
        return tuple(self.as_list(components))

    def as_dict(self, components: Any = None) -> dict[str, Any]:
        """Give the data by name."""
        names = (components,) if isinstance(components, str) else components or self.components
        return {name: getattr(self, name) for name in names}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: Any) -> BaseComponents:
        if isinstance(item, slice):
            item = list(range(item.start, item.stop, item.step))
        if self._indices is not None and not np.isin(item, self._indices).all():
            raise KeyError(item)
        return type(self)(self.components, self, item)

    def find_in_index(self, item: Any) -> int:
        """Give the position of an id."""
        if isinstance(self._indices, list):
            return self._indices.index(item)
        return int(np.flatnonzero(np.asarray(self._indices) == item)[0])

    def get_pos(self, component: str, indices: Any) -> Any:
        """Give positions of ids in the data of a component."""
        if self._indices is None or not isinstance(self.data[component], np.ndarray):
            return indices
        if isinstance(indices, Iterable) and not isinstance(indices, str):
            return [self.find_in_index(one) for one in indices]
        return self.find_in_index(indices)

    def _get(self, component: str, indices: Any = None, cropped: bool = True) -> Any:
        indices = self._indices if indices is None else indices
        if self.data is None:
            return None
        if isinstance(self.data, BaseComponents):
            return self.data.get(component, indices)
        data = self.data.get(component)
        if data is None or indices is None:
            return data
        if hasattr(type(data), "loc"):
            return data.loc[indices]
        if isinstance(data, dict):
            return AdvancedDict(data)[indices]
        return data[self.get_pos(component, indices) if cropped else indices]

    def get(self, component: str, indices: Any = None) -> Any:
        """Give the data of a component, of some items or of all."""
        data = self._get(component, indices)
        if self.cast_to_array:
            if hasattr(type(data), "loc") and not _is_frame(data):
                return data.values
            if isinstance(data, AdvancedDict):
                return data.as_array(self.indices)
        return data

    def set(self, component: str, indices: Any, value: Any) -> None:
        """Assign the data of a component, of some items or of all."""
        if self.data is None:
            self.data = {}
        if isinstance(self.data, BaseComponents):
            self.data.set(component, self._indices if indices is None else indices, value)
        elif indices is not None:
            self.data[component][self.get_pos(component, indices)] = value
        else:
            self.data[component] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("components", "_indices", "data"):
            raise AttributeError(name)
        # BatchFlow gives None for names that are no components.
        return self.get(name, self.indices) if name in (self.components or ()) else None

    def __setattr__(self, name: str, value: Any) -> None:
        known = self.__dict__.get("components")
        if name not in ("data", "components") and known is not None and name in known:
            self.set(name, self.indices, value)
        else:
            super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __str__(self) -> str:
        lines = [f"{name}: {getattr(self, name)}" for name in self.components or ()]
        return "\n  ".join([f"{type(self)}:", *lines])


def _is_frame(data: Any) -> bool:
    # Of the class: an instance of BaseComponents has an answer to every name.
    return hasattr(type(data), "loc") and hasattr(type(data), "columns")


def get_from_source(
    components: Any,
    source: Any,
    indices: Any = None,
    crop: Any = False,
    copy: bool = False,
    cast_to_array: bool = True,
) -> Any:
    """Give data without components, of some items or of all."""

    def cropped(part: Any) -> Any:
        return None if part is None else part[indices]

    data = source
    if indices is not None:
        if isinstance(source, list | tuple):
            data = type(source)([cropped(part) for part in source])
        elif isinstance(source, Mapping):
            data = {name: cropped(part) for name, part in source.items()}
        else:
            data = cropped(source.loc if _is_frame(source) else source)
    return copying.deepcopy(data) if copy and data is not None else data


def create_item_class(
    components: Sequence[str] | None,
    source: Any = None,
    indices: Any = None,
    crop: Any = None,
    copy: bool = False,
    cast_to_array: bool = True,
) -> Any:
    """Make `BaseComponents` of data, or give the data itself where there are no components."""
    if components is None:
        return get_from_source(None, source, indices, crop, copy, cast_to_array)
    if isinstance(source, list | tuple):
        source = dict(zip(components, source, strict=False))
    return BaseComponents(components, source, indices, bool(crop), copy, cast_to_array)
