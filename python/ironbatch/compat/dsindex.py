"""Indexes with NumPy's order, and for subclasses that keep their ids in a form of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from ironbatch.compat.base import Baseset
from ironbatch.index.dataset_index import DatasetIndex as _DatasetIndex
from ironbatch.index.files_index import FilesIndex as _FilesIndex
from ironbatch.index.ids import id_column, raw_ids
from ironbatch.index.iteration import IterState
from ironbatch.index.order import OrderName

__all__ = ["DatasetIndex", "FilesIndex"]

_STEPS = ("create_batch", "create_subset", "subset_by_pos", "index")
"""What makes batches of positions; a class with one of its own is asked, not bypassed."""


class DatasetIndex(_DatasetIndex, Baseset):
    """The ids of a set of items, in order; see `ironbatch.DatasetIndex`.

    Shuffles as BatchFlow does unless ``order='native'`` is given. Subclasses may keep what
    `build_index` returns in any form that has a length and takes arrays of positions, such as a
    pandas index; `index` and `indices` give it back. They may also override `subset_by_pos` and
    `create_subset`, and need not call ``super().__init__()``.

    Parameters
    ----------
    *args, **kwargs
        What `build_index` takes.

    Examples
    --------
    >>> [batch.indices.tolist() for batch in DatasetIndex(5).gen_batch(3, shuffle=0, n_epochs=1)]
    [[4, 0, 1], [3, 2]]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        built = self.build_index(*args, **kwargs)
        source = args[0] if args else kwargs.get("index")
        if isinstance(source, _DatasetIndex) and built is not None and len(built) == len(source):
            own = source.__dict__
            self._origins, self._epochs = own.get("_origins"), own.get("_epochs", 0)
        self._index = built
        self.reset("iter")
        if built is not None:
            self._warn_of_duplicates()

    def build_index(self, index: Any) -> Any:
        """Turn what the constructor was given into ids."""
        return raw_ids(index)

    @property
    def _index(self) -> Any:
        own = self.__dict__
        return own["_given"] if "_given" in own else _DatasetIndex.indices.fget(self)  # type: ignore[attr-defined]

    @_index.setter
    def _index(self, built: Any) -> None:
        own = self.__dict__
        for name in ("_ids", "_given", "_root", "_positions", "_cache", "_table"):
            own.pop(name, None)
        if isinstance(built, range | np.ndarray):
            own["_ids"] = id_column(built)
        elif isinstance(built, _DatasetIndex):
            own["_ids"] = self._column(built)
        else:
            own["_given"] = built

    def __getattr__(self, name: str) -> Any:
        if name != "_ids":
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        # Ids in a form of their own are objects for the library; where there are none that it can
        # count, positions stand for them.
        ids = self.index
        try:
            column = id_column(raw_ids(ids))
            if len(column) != len(self):
                raise TypeError
        except (TypeError, ValueError):
            column = id_column(range(len(self)))
        self.__dict__["_ids"] = column
        return column

    @property
    def index(self) -> Any:
        """The ids, as `build_index` has given them."""
        return self._index

    @property
    def indices(self) -> Any:
        """The ids, as `build_index` has given them."""
        return self.index

    def __len__(self) -> int:
        own = self.__dict__
        if "_given" in own:
            return 0 if own["_given"] is None else len(own["_given"])
        if "_ids" in own or "_root" in own:
            return super().__len__()
        return len(self.index)

    def _carried(self) -> dict[str, Any]:
        carried = super()._carried()
        carried.pop("_given", None)
        return carried

    def _take(self, local: Any, *, unique: bool = False) -> Self:
        out = super()._take(local, unique=unique)
        if "_given" in self.__dict__:
            out.__dict__["_given"] = self.__dict__["_given"][local]
        return out

    @property
    def _pos(self) -> dict[Any, int]:
        """Positions by id."""
        return {id_: place for place, id_ in enumerate(self.indices)}

    @classmethod
    def _has_steps(cls) -> bool:
        return any(getattr(cls, name) is not getattr(DatasetIndex, name) for name in _STEPS)

    def create_subset(self, index: Any) -> Any:
        """Make an index of some of the ids; see `ironbatch.DatasetIndex.create_subset`."""
        return super().create_subset(index)

    def create_batch(
        self, index: Any, pos: bool = True, as_array: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        """Make the index of a batch; see `ironbatch.DatasetIndex.create_batch`."""
        if not self._has_steps():
            return super().create_batch(index, pos, as_array)
        if isinstance(index, slice):
            index = np.arange(len(self))[index]
        ids = self.subset_by_pos(index) if pos else index
        return ids if as_array else self.create_subset(ids)

    def subset_by_pos(self, pos: Any) -> Any:
        """Give the ids at some positions."""
        own = self.__dict__
        return own["_given"][pos] if "_given" in own else super().subset_by_pos(pos)

    def _batch_maker(self) -> tuple[Any, Any]:
        if self._has_steps() or "_given" in self.__dict__:
            return self._make_own_batch, None
        return super()._batch_maker()

    def shuffle(
        self, shuffle: Any = True, iter_params: IterState | None = None, *, order: Any = "numpy"
    ) -> Any:
        """Give the order of an epoch; see `ironbatch.DatasetIndex.shuffle`."""
        return super().shuffle(shuffle, iter_params, order=order)

    def split(self, shares: Any = 0.8, shuffle: Any = False, *, order: Any = "numpy") -> None:
        """Split into `train`, `test` and `validation`; see `ironbatch.DatasetIndex.split`."""
        if not self._has_steps():
            super().split(shares, shuffle, order=order)
            return
        n_train, n_test, n_validation = self.calc_split(shares)
        places = self.shuffle(shuffle, order=order)
        start = 0
        for name, count in (("validation", n_validation), ("test", n_test), ("train", n_train)):
            taken = places[start : start + count]
            part = self.create_subset(self.subset_by_pos(taken)) if count else None
            setattr(self, name, part)
            start += count

    def gen_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        notifier: Any = False,
        iter_params: IterState | None = None,
        *args: Any,
        order: OrderName = "numpy",
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Generate the indexes of batches; see `ironbatch.DatasetIndex.gen_batch`."""
        return super().gen_batch(
            batch_size,
            shuffle,
            n_iters,
            n_epochs,
            drop_last,
            notifier,
            iter_params,
            *args,
            order=order,
            **kwargs,
        )

    def next_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        iter_params: IterState | None = None,
        *args: Any,
        order: OrderName = "numpy",
        **kwargs: Any,
    ) -> Any:
        """Make the index of the next batch; see `ironbatch.DatasetIndex.next_batch`."""
        return super().next_batch(
            batch_size, shuffle, n_iters, n_epochs, drop_last, iter_params, *args, order=order,
            **kwargs,
        )  # fmt: skip


class FilesIndex(_FilesIndex, DatasetIndex):
    """An index of files or directories; see `ironbatch.FilesIndex`.

    Examples
    --------
    >>> FilesIndex(index=['a', 'b'], paths={'a': '/data/a.npy', 'b': '/data/b.npy'})._paths['b']
    '/data/b.npy'
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _Paths(value, self) if name == "_paths" else value)


class _Paths(list[str]):
    """Paths of an index in its order, which are also found by id."""

    def __init__(self, paths: Iterable[str] = (), index: Any = None) -> None:
        super().__init__(paths)
        self.of = index

    def __getitem__(self, key: Any) -> Any:
        if self.of is not None and not isinstance(key, int | np.integer | slice):
            key = self.of.get_pos(key)
        return super().__getitem__(key)
