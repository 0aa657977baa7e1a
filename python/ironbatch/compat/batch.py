"""Batches whose components hold what is assigned to them, with the names that projects lean on."""

from __future__ import annotations

import copy as copying
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import run
from ironbatch.actions.arguments import accepted
from ironbatch.actions.failure import raise_failures
from ironbatch.actions.inbatch_parallel import context_of
from ironbatch.batch import Batch as _Batch
from ironbatch.batch.preloaded import Preloaded
from ironbatch.batch.raw import raw_take
from ironbatch.batch.view import ComponentsView
from ironbatch.compat.placed import iterate, placed_item
from ironbatch.compat.plain import assembled, copied, joined, plain, selected
from ironbatch.compat.sources import known_parts, of_items, parts_of
from ironbatch.compat.tables import TABLES, dump_table, load_table
from ironbatch.compat.transforming import MethodsTransformingMeta
from ironbatch.errors import ComponentError

__all__ = ["Batch", "BatchData", "MethodsTransformingMeta"]

_ATTRIBUTES_KEPT = ("_dataset", "_pipeline", "_preloaded", "_raw", "_load_lock", "_scope")


class BatchData(ComponentsView):
    """The data of a batch: components by name, items by id."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key in self.components:
            return getattr(self._batch, key)
        return self._batch[key]

    def get(self, component: str, indices: Any = None) -> Any:
        """Give a component, of some items or of all."""
        data = getattr(self._batch, component)
        return data if indices is None else data[self._batch.index.get_pos(indices)]


class Batch(_Batch, metaclass=MethodsTransformingMeta):
    """An index of item ids plus named data components; see `ironbatch.Batch`.

    Here a component holds the very object that was assigned to it, whatever that is: an array
    without checked writes, a list, a number, an array with another number of rows than items.

    Parameters
    ----------
    index, dataset, pipeline, preloaded, copy, *args, **kwargs
        See `ironbatch.Batch`.

    Examples
    --------
    >>> class Crops(Batch):
    ...     components = 'crops',
    >>> batch = Crops(2)
    >>> buffer = np.zeros((2, 3), np.float32)
    >>> batch.crops = buffer
    >>> batch.crops is buffer
    True
    """

    overridable: ClassVar[frozenset[str]] = frozenset(
        {"_assemble", "_assemble_component", "_get_file_name"}
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "get_pos" in own:
            # Older projects say where an item's part of a component is.
            for name, method in (("__getitem__", placed_item), ("__iter__", iterate)):
                if name not in own:
                    setattr(cls, name, method)

    @classmethod
    def _install(cls, name: str, method: Callable[..., Any], marked: Any) -> None:
        """Do nothing: the metaclass makes the actions."""

    @classmethod
    def use_apply_parallel(  # type: ignore[override]
        cls, method: Callable[..., Any], **kwargs: Any
    ) -> Callable[..., Any]:
        """Make an action of a method for one item; it is not put into the class."""
        made: Callable[..., Any] = type(cls).use_apply_parallel(method, **kwargs)
        return made

    # Attributes

    def create_attrs(self, **kwargs: Any) -> None:
        """Set attributes, which `get_attrs` then gives."""
        self.__dict__["_attrs"] = list(kwargs)
        for name, value in kwargs.items():
            setattr(self, name, value)

    def get_attrs(self) -> dict[str, Any]:
        """Give the attributes that `create_attrs` has set."""
        return {name: getattr(self, name, None) for name in self.__dict__.get("_attrs", ())}

    @property
    def iteration(self) -> int | None:
        """Number of the batch in the run, from 1; None outside of one."""
        own = self.__dict__
        if "_iteration" in own:
            return own["_iteration"]  # type: ignore[no-any-return]
        scope = own.get("_scope")
        return None if scope is None else scope.iteration

    @iteration.setter
    def iteration(self, iteration: int | None) -> None:
        self.__dict__["_iteration"] = iteration

    # Components

    @property
    def data(self) -> Any:
        """The data: by component or by id, or whatever a batch without components holds."""
        return _Batch.data.fget(self) if self.components is None else BatchData(self)  # type: ignore[attr-defined]

    @data.setter
    def data(self, data: Any) -> None:
        self._data = data

    @property
    def _data(self) -> Any:
        names = self.components
        if names is None:
            return self.__dict__.get("_raw")
        if all(self._slot_get(name) is None for name in names):
            return None
        return BatchData(self)

    @_data.setter
    def _data(self, data: Any) -> None:
        _Batch._data.fset(self, data)  # type: ignore[attr-defined]

    def _loads_itself(self) -> bool:
        return type(self).load is not Batch.load

    def _fill_component(self, name: str) -> Any:
        own = self.__dict__
        if own.get("_preloaded") is None:
            return None
        if self._loads_itself():
            self._load_whole()
            return self._slot_get(name)
        source = self._source()
        part = source.parts.get(name)
        if name in own.get("_dropped", ()) or part is None:
            return None
        if isinstance(part, Mapping):
            return self._slot_fill(name, of_items(part, self.indices))
        rows = source.take(self.index, name, copy=own["_copy"])
        return self._slot_fill(name, plain(rows))

    def _source(self) -> Any:
        own = self.__dict__
        if not isinstance(own["_preloaded"], Preloaded):
            own["_preloaded"] = known_parts(own["_preloaded"], self.components)
        return super()._source()

    def _assign_component(self, name: str, value: Any) -> None:
        if value is None:
            super()._assign_component(name, None)
        else:
            self._slot_set(name, plain(value))

    def _assign_item(self, name: str, position: int, value: Any) -> None:
        getattr(self, name)[position] = value

    def _taken_at(self, positions: Any) -> Self:
        n = len(self)
        places = positions if isinstance(positions, slice) else np.asarray(positions, np.int64)
        subset = self._sibling(self.index.take(places))
        if self.components is None:
            subset.__dict__["_raw"] = raw_take(self.data, positions, n)
        for name in self.components or ():
            value = getattr(self, name)
            if value is not None:
                subset._slot_set(name, selected(value, places, n))
        return subset

    def _keep_only(self, positions: Sequence[int]) -> None:
        n, places = len(self), np.asarray(positions, np.int64)
        index = self.index.take(places)
        if self.components is None:
            self._data = raw_take(self.data, places, n)
        for name in self.components or ():
            value = self._slot_get(name)
            if value is not None:
                self._slot_set(name, selected(value, places, n))
        self.index = index

    def get_pos(self, data: Any, component: str | None, index: Any) -> Any:
        """Give the position of an item in the data of a component.

        Subclasses override it where a component has not one row for each item.
        """
        return self.index.get_pos(index)

    def get(self, item: Any = None, component: str | None = None) -> Any:
        """Read a component, an item, or one component of an item; see `ironbatch.Batch.get`."""
        if item is None or component is None:
            return super().get(item, component)
        data = getattr(self, component)
        return None if data is None else data[self.get_pos(None, component, item)]

    def run_once(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """As an `init`, have the decorated method run once, with the call's arguments only."""
        return [[]]

    # Parallel actions

    @action
    def apply_parallel(
        self,
        func: Callable[..., Any] | str,
        init: Any = None,
        post: Any = None,
        src: Any = None,
        dst: Any = None,
        *args: Any,
        p: Any = None,
        target: str | None = "for",
        **kwargs: Any,
    ) -> Any:
        """Apply a function to each item; see `ironbatch.Batch.apply_parallel`.

        Parameters
        ----------
        func, init, post, src, dst, *args, p, target, **kwargs
            See `ironbatch.Batch.apply_parallel`. `post` gets `func` and `p` too, if it takes them.
        """
        if post is None:
            post = self.apply_defaults.get("post") or "_assemble"
        receiver = getattr(self, post) if isinstance(post, str) else post
        if callable(receiver):
            takes = accepted(receiver)
            extra = {k: v for k, v in (("func", func), ("p", p)) if takes.takes(k)}
            if extra:
                post = _with(receiver, extra)
        return run(
            self, func, *args, init=init, post=post, src=src, dst=dst, p=p, target=target, **kwargs
        )

    def _assemble(
        self,
        all_results: Sequence[Any],
        *args: Any,
        src: Any = None,
        dst: Any = None,
        **kwargs: Any,
    ) -> Any:
        raise_failures(all_results, context_of(self, "assemble", None, len(all_results)))
        if dst is None:
            default = kwargs.get("dst_default", "src")
            dst = src if default == "src" else self.components if default == "components" else None
        names = list(dst) if isinstance(dst, list | tuple | np.ndarray) else [dst]
        columns = [all_results] if len(names) == 1 else list(zip(*all_results, strict=True))
        if len(columns) != len(names):
            raise ComponentError(
                f"the function must return one value for each of {', '.join(map(str, names))}, "
                f"and it has returned {len(columns)}"
            )
        for name, column in zip(names, columns, strict=True):
            self._assemble_component(column, component=name, **kwargs)
        return self

    def _assemble_component(
        self, result: Sequence[Any], *args: Any, component: str, **kwargs: Any
    ) -> None:
        """Put the results for one component into it; projects override it."""
        self.store(component, assembled(result))

    # Files

    @action
    def load(
        self,
        src: Any = None,
        fmt: str | None = None,
        dst: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Read components from memory or files; see `ironbatch.Batch.load`.

        Tables (``'csv'``, ``'hdf5'``, ``'feather'``) are read by pandas, with its options, and
        rows are taken by the labels of the table.
        """
        if fmt in TABLES:
            load_table(self, src, str(fmt), dst, **kwargs)
            return self
        wanted = dst if dst is not None else kwargs.get("components", self.components)
        several = wanted is not None and not isinstance(wanted, str | Mapping)
        if fmt is None and src is not None and several:
            src, taken, absent = parts_of(src, tuple(wanted), self)
            for name, value in (*taken.items(), *dict.fromkeys(absent).items()):
                self._add_or_assign(name, value)
            if src is None:
                return self
            kwargs.pop("components", None)
            dst = tuple(name for name in wanted if name not in taken and name not in absent)
        return super().load(src, fmt, dst, **kwargs)

    def _add_or_assign(self, name: str, value: Any) -> None:
        if name not in (self.components or ()):
            self._declare((name,))
        self._assign_component(name, value)

    @action
    def dump(
        self, dst: Any = None, fmt: str | None = None, components: Any = None, **kwargs: Any
    ) -> Self:
        """Write components to memory or files; see `ironbatch.Batch.dump`."""
        if fmt in TABLES:
            dump_table(self, dst, str(fmt), components, **kwargs)
            return self
        return super().dump(dst, fmt, components, **kwargs)

    def _get_file_name(self, ix: Any, src: Any) -> str:
        """Give the path of an item: that of the index, below a folder, or of another index."""
        from pathlib import Path

        own: Any = self.index
        if not hasattr(own, "get_fullpath"):
            raise ValueError(
                "the index of the batch knows no files; make it with FilesIndex, or override "
                "_get_file_name"
            )
        if src is None:
            return str(own.get_fullpath(ix))
        if hasattr(src, "get_fullpath"):
            return str(src.get_fullpath(ix))
        path = Path(own.get_fullpath(ix))
        return str(path / src if own.dirs else Path(src).absolute() / path.name)

    # Copies

    @classmethod
    def merge_component(cls, component: str | None = None, data: Any = None) -> Any:
        """Join the data of one component; see `ironbatch.Batch.merge_component`."""
        return joined(component, data)

    def as_dataset(self, dataset: Any = None, copy: bool = False) -> Any:
        """Make a dataset of the data of this batch; see `ironbatch.Batch.as_dataset`."""
        from ironbatch.compat.dataset import Dataset

        own = self.dataset
        return super().as_dataset(dataset or (Dataset if own is None else own), copy)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self._sibling(self.index)
        memo[id(self)] = twin
        if self.components is None:
            twin.__dict__["_raw"] = copying.deepcopy(self.data, memo)
        for name, value in self.__dict__.items():
            if name != "index" and name not in _ATTRIBUTES_KEPT:
                twin.__dict__[name] = copying.deepcopy(value, memo)
        for name in self.components or ():
            value = getattr(self, name)
            if value is not None:
                twin._slot_set(name, copied(value, memo))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        names = self.components
        data = self.data if names is None else {name: getattr(self, name) for name in names}
        state = {k: v for k, v in self.__dict__.items() if k not in _ATTRIBUTES_KEPT}
        if self.index.root is not self.index:
            # A view would take the ids of the whole dataset along.
            state["index"] = self.index.detach()
        return {**state, "components": names, "_data": data, "_dataset": None, "_preloaded": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._take_pending()
        own = {k: v for k, v in state.items() if k not in _NOT_ATTRIBUTES}
        self.__dict__.update({"_dataset": None, "_pipeline": None, "_preloaded": None, **own})
        names = state.get("components", type(self).components)
        self._set_components(names)
        data = state.get("_data")
        if names is None:
            self.__dict__["_raw"] = data
        elif data is not None:
            parts = data if isinstance(data, dict) else dict(zip(names, data, strict=False))
            for name, value in parts.items():
                self._assign_component(name, value)

    def __repr__(self) -> str:
        count = len(self)
        head = f"{type(self).__name__} of {count} item{'' if count == 1 else 's'}"
        parts = [f"{name}: {_described(self._slot_get(name))}" for name in self.components or ()]
        return f"<{head}: {', '.join(parts)}>" if parts else f"<{head}>"


_NOT_ATTRIBUTES = frozenset(
    {"components", "_data", "_data_named", "_local", "_preloaded_lock", "_attrs", "iteration"}
)
"""Keys of a pickled batch, of this package or of BatchFlow, that are no attributes here."""


def _with(post: Callable[..., Any], extra: dict[str, Any]) -> Callable[..., Any]:
    def receive(*args: Any, **kwargs: Any) -> Any:
        return post(*args, **{**extra, **kwargs})

    return receive


def _described(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__
