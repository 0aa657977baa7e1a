"""Where an iteration stands, under the names that BatchFlow's dictionary has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ironbatch.index.iteration import IterState

__all__ = ["IterParams"]

_NAMES = ("_stop_iter", "_start_index", "_order", "_n_iters", "_n_epochs", "_total")


class IterParams(IterState):
    """The state of an iteration, which is read like the dictionary it is in BatchFlow.

    Examples
    --------
    >>> from ironbatch.compat.dsindex import DatasetIndex
    >>> index = DatasetIndex(10)
    >>> _ = index.next_batch(4)
    >>> index._iter_params['_start_index'], index._iter_params['_n_iters']
    (4, 1)
    """

    __slots__ = ("n",)

    def reset(self) -> None:
        """Go back to the start and forget the order."""
        super().reset()
        self.n: int | None = None

    def bind(self, shuffle: Any, n: int, order: Any, rows: Any = None) -> Any:
        """Give the order of this iteration; see `IterState.bind`."""
        self.n = n
        return super().bind(shuffle, n, order, rows)

    def __getitem__(self, name: str) -> Any:
        match name:
            case "_start_index":
                return self.position
            case "_n_iters":
                return self.n_iters
            case "_n_epochs":
                return self.epoch
            case "_total":
                return self.total
            case "_stop_iter":
                # The last batch of all may be short; then nothing is left of its epoch.
                return self.total is not None and self.n_iters >= self.total
            case "_order":
                if self._places is None or self.n is None:
                    return None
                places = self._places.positions(self.epoch, 0, self.n)
                return np.arange(self.n)[places] if isinstance(places, slice) else places
            case _:
                raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Give a value, or `default` for a name that there is not."""
        return self[name] if name in _NAMES else default

    def keys(self) -> tuple[str, ...]:
        """Names of the values."""
        return _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __contains__(self, name: object) -> bool:
        return name in _NAMES
