"""Folds of a dataset for cross-validation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch.index import Baseset
from ironbatch.random import make_rng
from ironbatch.type_variables import BatchT

if TYPE_CHECKING:
    from ironbatch.dataset import Dataset
    from ironbatch.namedexpr import NamedExpression

__all__ = ["CrossValidated"]


class CrossValidated(Baseset[BatchT]):
    """What a dataset has for cross-validation.

    Attributes
    ----------
    cv_splits : int
        Number of folds.
    """

    cv_splits: int = 0

    if TYPE_CHECKING:
        from_dataset: Any

    def cv_split(self, method: str = "kfold", n_splits: int = 5, shuffle: Any = False) -> None:
        """Split the dataset into folds for cross-validation.

        Fold ``k`` is at ``dataset.cvK``, with the fold as ``test`` and the others as ``train``; the
        same parts are at ``dataset.train.cvK`` and ``dataset.test.cvK``. The first ``len %
        n_splits`` folds are one item longer.

        Parameters
        ----------
        method : {'kfold'}
            How to split.
        n_splits : int
            Number of folds, at least 2.
        shuffle : bool, int, SeedSequence, Generator
            Whether, and with which seed, the items are permuted first.

        Raises
        ------
        ValueError
            If the method is unknown, or there are fewer items than folds.
        """
        if method != "kfold":
            raise ValueError(f"the methods of cross-validation are 'kfold', got {method!r}")
        if n_splits < 2 or n_splits > len(self):
            raise ValueError(f"n_splits must be from 2 to the {len(self)} items, got {n_splits}")
        for number in range(self.cv_splits):
            self.__dict__.pop(f"cv{number}", None)
        self.cv_splits = n_splits
        rng = make_rng(shuffle)
        order = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        folds = np.array_split(order, n_splits)
        for number in range(n_splits):
            others = [fold for place, fold in enumerate(folds) if place != number]
            part = type(self).from_dataset(self, self.index, copy=True)
            part.train = self.create_subset(self.index.take(np.concatenate(others)))
            part.test = self.create_subset(self.index.take(folds[number]))
            setattr(self, f"cv{number}", part)
        for name in ("train", "test"):
            holder = getattr(self, name)
            if holder is None:
                holder = SimpleNamespace()
                setattr(self, name, holder)
            for number in range(n_splits):
                setattr(holder, f"cv{number}", getattr(self.cv(number), name))

    def cv(self, number: int) -> Dataset:
        """Give fold `number` of the cross-validation, counted from 0.

        Raises
        ------
        IndexError
            If there is no such fold.
        """
        if not 0 <= number < self.cv_splits:
            raise IndexError(f"there are {self.cv_splits} folds, got {number}")
        part: Dataset = getattr(self, f"cv{number}")
        return part

    def CV(self, expr: Any) -> NamedExpression:
        """Give an expression for a fold of the cross-validation.

        Parameters
        ----------
        expr : NamedExpression
            Number of the fold.

        Returns
        -------
        NamedExpression
            Stands for the fold, as in ``pipeline << dataset.CV(C('fold')).train``.
        """
        from ironbatch.namedexpr import F

        fold: NamedExpression = F(self.cv)(expr)
        return fold
