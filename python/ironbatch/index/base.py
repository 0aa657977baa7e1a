"""What indexes and datasets have in common: an index, its split, and iteration over batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from ironbatch.index.iteration import IterState
from ironbatch.index.order import OrderName
from ironbatch.type_variables import MadeT

__all__ = ["Baseset"]


class Baseset(Generic[MadeT]):
    """A set of items with an index.

    Subclasses override `build_index`, `create_subset` and `create_batch`.

    Parameters
    ----------
    *args, **kwargs
        Whatever `build_index` takes.

    Attributes
    ----------
    train, test, validation : same type or None
        Subsets made by `split`.
    """

    train: Any = None
    test: Any = None
    validation: Any = None
    _iter_params: IterState | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._index: Any = self.build_index(*args, **kwargs)

    def build_index(self, index: Any, *args: Any, **kwargs: Any) -> Any:
        """Make the index of the arguments of the constructor."""
        return index

    def create_subset(self, index: Any) -> Any:
        """Make a set of some of the items."""
        raise NotImplementedError(f"{type(self).__name__} does not define create_subset")

    def create_batch(self, index: Any, *args: Any, **kwargs: Any) -> MadeT:
        """Make a batch of some of the items."""
        raise NotImplementedError(f"{type(self).__name__} does not define create_batch")

    @property
    def index(self) -> Any:
        """The index: an instance of `DatasetIndex`, or the ids if this is an index itself."""
        return self._index

    @property
    def indices(self) -> NDArray[Any]:
        """The ids, shape (n,), read-only."""
        index = self.index
        ids: NDArray[Any] = index.indices if isinstance(index, Baseset) else np.asarray(index)
        return ids

    def __len__(self) -> int:
        return 0 if self.index is None else len(self.index)

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self)

    @property
    def is_split(self) -> bool:
        """Whether the set has been split into train, test and validation subsets."""
        return not (self.train is None and self.test is None and self.validation is None)

    def calc_split(self, shares: float | Sequence[float] = 0.8) -> tuple[int, int, int]:
        """Calculate how many items a split puts into each subset.

        Parameters
        ----------
        shares : float or sequence of 1 to 3 floats
            Shares of train, test and validation. With one share the rest is for test; with two
            the rest, if there is any, is for validation, and so it is with three: the last share
            is always what the others leave.

        Returns
        -------
        (int, int, int)
            Numbers of items for train, test and validation. A subset that is present has at
            least one item; what rounding leaves over goes to train.

        Raises
        ------
        ValueError
            If there are no or more than three shares, if one is negative, if they sum to more
            than 1, or if there are fewer items than subsets.

        Examples
        --------
        >>> from ironbatch import DatasetIndex
        >>> DatasetIndex(10).calc_split(), DatasetIndex(10).calc_split((0.5, 0.3))
        ((8, 2, 0), (5, 3, 2))
        """
        given = np.atleast_1d(np.asarray(shares, dtype=float)).ravel()
        if not 1 <= len(given) <= 3:
            raise ValueError(f"a split has one to three shares, got {len(given)}: {shares}")
        if not (given >= 0).all():
            raise ValueError(f"shares cannot be negative or NaN, got {shares}")
        if given.sum() > 1 + 1e-9:
            raise ValueError(f"shares sum to at most 1, got {shares}")
        parts = given if len(given) == 3 else np.append(given, 0.0)
        # Shares such as 0.7, 0.2, 0.1 do not sum to 1 exactly: a rest of rounding errors is none.
        rest = round(1 - parts[:-1].sum(), 9)
        if rest > 0:
            parts[-1] = rest
        else:
            parts = parts[:-1]
        n = len(self)
        if n < len(parts):
            raise ValueError(f"a set of {n} items cannot be split into {len(parts)} subsets")
        rounded = [max(1, int(count)) for count in np.round(parts * n)]
        _, test, validation = rounded + [0] * (3 - len(rounded))
        # What must be there for the others is taken from the largest.
        while test + validation > n - 1:
            if test >= validation:
                test -= 1
            else:
                validation -= 1
        return n - test - validation, test, validation

    def split(
        self,
        shares: float | Sequence[float] = 0.8,
        shuffle: Any = False,
        *,
        order: OrderName = "native",
    ) -> None:
        """Split into subsets `train`, `test` and `validation`.

        Parameters
        ----------
        shares : float or sequence of floats
            See `calc_split`.
        shuffle, order
            In which order the items are dealt out, see `DatasetIndex.shuffle`. The first go to
            validation, the next to test and the rest to train.

        Raises
        ------
        ValueError
            As `calc_split` does.
        """
        self.index.split(shares, shuffle, order=order)
        for name in ("train", "test", "validation"):
            part = getattr(self.index, name)
            setattr(self, name, None if part is None else self.create_subset(part))

    def reset(self, what: str = "iter") -> None:
        """Start `next_batch` from scratch.

        Raises
        ------
        ValueError
            If `what` is not ``'iter'``.
        """
        if what != "iter":
            raise ValueError(f"a set can reset 'iter', not {what!r}")
        self._iter_params = None
        index = self.__dict__.get("_index")
        if isinstance(index, Baseset):
            index.reset("iter")

    @property
    def iter_state(self) -> IterState:
        """Where `next_batch` stands."""
        index = self.__dict__.get("_index")
        if isinstance(index, Baseset):
            return index.iter_state
        if self._iter_params is None:
            self._iter_params = IterState()
        return self._iter_params

    def gen_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        notifier: Any = False,
        *args: Any,
        **kwargs: Any,
    ) -> Iterator[MadeT]:
        """Generate batches.

        Parameters
        ----------
        batch_size, shuffle, n_iters, n_epochs, drop_last, notifier
            See `DatasetIndex.gen_batch`, which also describes `order` and `iter_params`.
        *args, **kwargs
            For `create_batch`.

        Returns
        -------
        iterator
            Of what `create_batch` returns.

        Raises
        ------
        ValueError, TypeError
            At the call, as `DatasetIndex.gen_batch` does.
        """
        own = {name: kwargs.pop(name) for name in ("iter_params", "order") if name in kwargs}
        views = self.index.gen_batch(
            batch_size, shuffle, n_iters, n_epochs, drop_last, notifier, **own
        )
        create = self.create_batch
        if args or kwargs:
            return (create(view, *args, **kwargs) for view in views)
        return map(create, views)

    def next_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        iter_params: IterState | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> MadeT:
        """Make the next batch.

        Parameters
        ----------
        batch_size, shuffle, n_iters, n_epochs, drop_last, iter_params
            See `DatasetIndex.next_batch`, which also describes `order`.
        *args, **kwargs
            For `create_batch`.

        Returns
        -------
        What `create_batch` returns.

        Raises
        ------
        StopIteration
            If there are no batches left.
        """
        own = {"order": kwargs.pop("order")} if "order" in kwargs else {}
        view = self.index.next_batch(
            batch_size, shuffle, n_iters, n_epochs, drop_last, iter_params, **own
        )
        return self.create_batch(view, *args, **kwargs)
