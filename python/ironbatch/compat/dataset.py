"""Datasets with BatchFlow's order, attributes and splits."""

from __future__ import annotations

import copy as copying
from types import SimpleNamespace
from typing import Any

from ironbatch.batch.preloaded import Preloaded
from ironbatch.compat.base import Baseset
from ironbatch.compat.batch import Batch
from ironbatch.compat.components import create_item_class
from ironbatch.compat.dsindex import DatasetIndex
from ironbatch.compat.sources import known_parts
from ironbatch.dataset import Dataset as _Dataset
from ironbatch.index.dataset_index import DatasetIndex as _DatasetIndex

__all__ = ["Dataset"]


class Dataset(_Dataset, Baseset):
    """All items of a data set, and how batches of them are made; see `ironbatch.Dataset`.

    Parameters
    ----------
    index, batch_class, *args, **kwargs
        See `ironbatch.Dataset`.

    Examples
    --------
    >>> dataset = Dataset(5)
    >>> dataset.split([0.6, 0.4], shuffle=1)
    >>> dataset.train.indices, dataset.test.indices
    (array([4, 2, 0]), array([1, 3]))
    """

    def __init__(self, index: Any, batch_class: Any = Batch, *args: Any, **kwargs: Any) -> None:
        if "preloaded" in kwargs:
            components = getattr(batch_class, "components", None)
            kwargs["preloaded"] = known_parts(kwargs["preloaded"], components)
        super().__init__(index, batch_class, *args, **kwargs)
        self.reset("iter")

    @staticmethod
    def build_index(index: Any, *args: Any, **kwargs: Any) -> Any:
        """Give the index as it is, or make a `DatasetIndex` of it."""
        if isinstance(index, _DatasetIndex):
            return index
        return DatasetIndex(index, *args, **kwargs)

    @property
    def data(self) -> Any:
        """The preloaded data by component; as it was given where there are no components."""
        source: Preloaded | None = self.preloaded
        if source is None or self.batch_class.components is None:
            return None if source is None else source.data
        return create_item_class(self.batch_class.components, source.parts)

    @property
    def n_splits(self) -> int | None:
        """Number of folds that `cv_split` has made."""
        return self.cv_splits or None

    def create_attrs(self, **kwargs: Any) -> None:
        """Set attributes, which subsets get too."""
        self._attrs = (*self._attrs, *(name for name in kwargs if name not in self._attrs))
        for name, value in kwargs.items():
            setattr(self, name, value)

    def get_attrs(self) -> dict[str, Any]:
        """Give the attributes that subsets get too."""
        return {name: getattr(self, name, None) for name in self._attrs}

    @classmethod
    def from_dataset(
        cls, dataset: Any, index: Any, batch_class: Any = None, copy: bool = False, **kwargs: Any
    ) -> Any:
        """Make a dataset of other items; see `ironbatch.Dataset.from_dataset`.

        Parameters
        ----------
        dataset, index, batch_class, copy
            See `ironbatch.Dataset.from_dataset`.
        **kwargs
            Further attributes.
        """
        made: Any = super().from_dataset(dataset, index, batch_class, copy or bool(kwargs))
        if copy:
            made._index = _iterated_anew(made.index)
        if kwargs:
            made.create_attrs(**kwargs)
        return made

    def __copy__(self) -> Any:
        return self.from_dataset(self, self.index, copy=True)

    def copy(self) -> Any:
        """Make a shallow copy."""
        return self.__copy__()

    def create_subset(self, index: Any) -> Any:
        """Make a dataset of some of the items; see `ironbatch.Dataset.create_subset`."""
        if self._has_own_steps():
            if not (isinstance(index, _DatasetIndex) and index.root is not self.index.root):
                index = self.index.create_subset(index)
            return type(self).from_dataset(self, index)
        return super().create_subset(index)

    def create_batch(self, index: Any, pos: bool = False, *args: Any, **kwargs: Any) -> Any:
        """Make a batch of some items; see `ironbatch.Dataset.create_batch`."""
        if not isinstance(index, _DatasetIndex) and not pos and self._has_own_steps():
            index = self.index.create_batch(index, pos)
        return super().create_batch(index, pos, *args, **kwargs)

    def _has_own_steps(self) -> bool:
        return isinstance(self.index, DatasetIndex) and self.index._has_steps()

    def pipeline(self, *args: Any, **kwargs: Any) -> Any:
        """Start a new pipeline over this dataset."""
        from ironbatch.compat.pipeline import Pipeline

        return Pipeline(self, *args, **kwargs)

    def cv_split(self, method: str = "kfold", n_splits: int = 5, shuffle: Any = False) -> None:
        """Split the dataset into folds; see `ironbatch.Dataset.cv_split`.

        Afterwards `train` and `test` are copies of the dataset, with the parts of the folds.
        """
        for name in ("train", "test"):
            holder = getattr(self, name)
            for number in range(self.cv_splits if holder is not None else 0):
                holder.__dict__.pop(f"cv{number}", None)
        super().cv_split(method, n_splits, shuffle)
        for name in ("train", "test"):
            holder = getattr(self, name)
            if isinstance(holder, SimpleNamespace):
                whole = self.copy()
                whole.__dict__.update(vars(holder), cv_splits=n_splits)
                setattr(self, name, whole)
            else:
                holder.cv_splits = n_splits

    def cv(self, number: int) -> Any:
        """Give fold `number` of the cross-validation, counted from 0.

        Raises
        ------
        ValueError
            If there is no such fold.
        """
        if not 0 <= number < self.cv_splits:
            raise ValueError(f"the dataset has {self.cv_splits} folds, got {number}")
        return getattr(self, f"cv{number}")


def _iterated_anew(index: Any) -> Any:
    """Give the same items in an index of its own, which `next_batch` begins from the start."""
    if isinstance(index, DatasetIndex) and index._has_steps():
        again = copying.copy(index)
        again.reset("iter")
        return again
    return index.take(slice(0, len(index)))
