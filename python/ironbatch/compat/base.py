"""What indexes and datasets have in common, with the defaults and names of BatchFlow."""

from __future__ import annotations

from typing import Any

from ironbatch.compat.decorators import deprecated
from ironbatch.compat.iter_params import IterParams
from ironbatch.index.base import Baseset as _Baseset
from ironbatch.index.iteration import IterState

__all__ = ["Baseset"]


class Baseset(_Baseset):
    """A set of items with an index; see `ironbatch.Baseset`.

    ``split`` deals items out in NumPy's order unless ``order='native'`` is given.
    """

    @staticmethod
    def get_default_iter_params() -> IterParams:
        """Give the state of an iteration at its start."""
        return IterParams()

    def reset(self, what: str = "iter") -> None:
        """Start `next_batch` from scratch; BatchFlow ignores other words than ``'iter'``."""
        if what != "iter":
            return
        self._iter_params = self.get_default_iter_params()
        index = self.__dict__.get("_index")
        if isinstance(index, _Baseset):
            index.reset("iter")

    @deprecated("`reset_iter()` is deprecated, use `reset('iter')` instead")
    def reset_iter(self) -> None:
        """Start `next_batch` from scratch."""
        self.reset("iter")

    @property
    def iter_state(self) -> IterState:
        """Where `next_batch` stands."""
        index = self.__dict__.get("_index")
        if isinstance(index, _Baseset):
            return index.iter_state
        if self._iter_params is None:
            self._iter_params = self.get_default_iter_params()
        return self._iter_params

    def split(self, shares: Any = 0.8, shuffle: Any = False, *, order: Any = "numpy") -> None:
        """Split into subsets `train`, `test` and `validation`; see `ironbatch.Baseset.split`."""
        super().split(shares, shuffle, order=order)
