"""The index of a dataset: ids, views of them, and their order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ironbatch.errors import DuplicateIdWarning
from ironbatch.index import positions as places_in
from ironbatch.index.id_view import IdView
from ironbatch.index.ids import IdColumn, id_column, raw_ids
from ironbatch.index.iteration import IterState, batches, join_parts, make_plan, refuse_unknown
from ironbatch.index.order import OrderName, make_order
from ironbatch.index.progress import report_progress

__all__ = ["DatasetIndex"]


class DatasetIndex(IdView):
    """The ids of a set of items, in order.

    An index that a user makes is a *root*: it holds the ids and a table of their positions.
    Subsets and batches are *views*, positions in the root, which hash nothing and never warn.

    Parameters
    ----------
    index : int, array-like, callable or DatasetIndex
        A number of items (their ids are ``0..n - 1`` and take no memory), the ids, something
        that returns either, or another index. Integers and strings are kept natively; other ids
        (floats, dates, tuples, mixed objects) by a dictionary, at most ten million of them.

    Raises
    ------
    ValueError
        If there are no ids, if one is NaN, or if there are too many.
    TypeError
        If the ids are not one-dimensional, or cannot be hashed.

    Warns
    -----
    DuplicateIdWarning
        If ids repeat. Look-ups give the first item.

    Notes
    -----
    Subclasses may override `build_index`, `create_subset` and `create_batch`. All operations give
    an index of the same type, with the same attributes; they do not call the constructor.

    Examples
    --------
    >>> index = DatasetIndex(['cat', 'dog', 'cow', 'pig'])
    >>> index.get_pos('cow')
    2
    >>> index.split(0.5)
    >>> index.train.indices, index.test.indices
    (array(['cow', 'pig'], dtype='<U3'), array(['cat', 'dog'], dtype='<U3'))
    >>> [batch.indices.tolist() for batch in index.gen_batch(3, n_epochs=1)]
    [['cat', 'dog', 'cow'], ['pig']]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        built = self.build_index(*args, **kwargs)
        source = args[0] if args else kwargs.get("index")
        if isinstance(source, DatasetIndex) and len(built) == len(source):
            self._origins = source._origins
            self._epochs = source._epochs
        self._ids = self._column(built)
        self._warn_of_duplicates()

    @staticmethod
    def _column(built: Any) -> IdColumn:
        if isinstance(built, DatasetIndex) and built._root is None:
            return built._ids
        return id_column(raw_ids(built))

    def _warn_of_duplicates(self) -> None:
        repeated = self._ids.duplicates()
        if len(repeated):
            some = ", ".join(
                map(repr, places_in.ids_at(self._ids, repeated[:5].astype(np.int64)).tolist())
            )
            more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
            warnings.warn(
                f"the index holds some ids more than once: {some}{more}; "
                "looking one up gives its first item",
                DuplicateIdWarning,
                stacklevel=_stack_level(),
            )

    def build_index(self, index: Any) -> Any:
        """Turn what the constructor was given into ids.

        Returns
        -------
        range or ndarray, shape (n,)
        """
        return raw_ids(index)

    @classmethod
    def from_index(cls, *args: Any, **kwargs: Any) -> Self:
        """Make an index as the constructor does."""
        return cls(*args, **kwargs)

    def create_subset(self, index: Any) -> Self:
        """Make an index of some of the ids.

        Parameters
        ----------
        index : DatasetIndex, or ids as `get_pos` takes them

        Returns
        -------
        DatasetIndex
            A view of the same type.

        Raises
        ------
        UnknownIdError
            If an id is not here.
        """
        if isinstance(index, DatasetIndex) and index.root is self.root and self._root is None:
            return index if type(index) is type(self) else self._take(index.root_positions)
        found = self.get_pos(index.indices if isinstance(index, DatasetIndex) else index)
        return self.take([found] if isinstance(found, int) else found)

    def create_batch(
        self, index: Any, pos: bool = True, as_array: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        """Make the index of a batch.

        Parameters
        ----------
        index : positions or ids
            Positions if `pos` is true, otherwise ids or an index.
        pos : bool
            What `index` is.
        as_array : bool
            Whether to return ids instead of an index.

        Returns
        -------
        DatasetIndex or ndarray
        """
        if pos:
            batch = self.take(np.atleast_1d(index) if not isinstance(index, slice) else index)
        else:
            batch = self.create_subset(index)
        return batch.indices if as_array else batch

    # ---------------------------------------------------------------- joining and splitting

    @classmethod
    def concat(cls, *index_list: DatasetIndex) -> DatasetIndex:
        """Put indexes end to end.

        Parameters
        ----------
        *index_list : DatasetIndex

        Returns
        -------
        DatasetIndex
            Of the type of the first and with its attributes. Views of one index give a view of
            it; otherwise the result is a new root.

        Raises
        ------
        ValueError
            If there are none.

        Warns
        -----
        DuplicateIdWarning
            If a new root holds an id more than once.

        Examples
        --------
        >>> DatasetIndex.concat(DatasetIndex(['a', 'b']), DatasetIndex(['c'])).indices
        array(['a', 'b', 'c'], dtype='<U1')
        """
        from ironbatch.index.joining import concat

        return concat(index_list)

    def __add__(self, other: Any) -> DatasetIndex:
        if not isinstance(other, DatasetIndex):
            other = DatasetIndex(other)
        return self.concat(self, other)

    def shuffle(
        self,
        shuffle: Any = True,
        iter_params: IterState | None = None,
        *,
        order: OrderName = "native",
    ) -> NDArray[np.int64]:
        """Give the order in which an epoch takes the items.

        Parameters
        ----------
        shuffle : None, bool, int, SeedSequence, Generator, BitGenerator or RandomState
            ``False`` and negative ints: that of the index. ``None``, ``True``: shuffled by a
            fresh seed; anything else: shuffled by that seed. A generator is asked once. `Blocks`,
            ``'blocks'``: shuffled such that items which are stored together stay near each other.
        iter_params : IterState, optional
            An iteration whose order and epoch to use instead of epoch 0.
        order : {'native', 'numpy'}
            Which algorithm shuffles: the one that takes no memory, or NumPy's permutation.

        Returns
        -------
        ndarray of int64, shape (n,)
            Positions in this index.

        Examples
        --------
        >>> DatasetIndex(5).shuffle(42)
        array([3, 0, 4, 2, 1])
        """
        n = len(self)
        if iter_params is not None:
            places, epoch = iter_params.bind(shuffle, n, order, self._rows), iter_params.epoch
        else:
            places, epoch = make_order(shuffle, n, order, self._rows), 0
        return places_in.as_array(places.positions(epoch, 0, n), n)

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
            In which order items are dealt out, see `shuffle`. The first ones go to validation,
            the next to test and the rest to train.

        Raises
        ------
        ValueError
            As `calc_split` does.

        Examples
        --------
        >>> index = DatasetIndex(10)
        >>> index.split((0.5, 0.3))
        >>> index.train.indices, index.test.indices, index.validation.indices
        (array([5, 6, 7, 8, 9]), array([2, 3, 4]), array([0, 1]))
        """
        n_train, n_test, n_validation = self.calc_split(shares)
        n = len(self)
        places = make_order(shuffle, n, order, self._rows)
        start = 0
        for name, count in (("validation", n_validation), ("test", n_test), ("train", n_train)):
            part = None
            if count:
                local = places.positions(0, start, count)
                if type(self).create_subset is DatasetIndex.create_subset:
                    part = self._take(local, unique=True)
                else:
                    part = self.create_subset(self.subset_by_pos(local))
            setattr(self, name, part)
            start += count

    # ---------------------------------------------------------------- batches

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
        order: OrderName = "native",
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Generate the indexes of batches, from the start.

        Parameters
        ----------
        batch_size : int
            Number of items of a batch, from 1 to the size of the index.
        shuffle, order
            Order of the items in each epoch, see `shuffle`.
        n_iters, n_epochs : int, optional
            After how many batches or epochs to end; only one of them. Without end by default.
        drop_last : bool
            If false, a batch takes what an epoch lacks from the next one (so an item may occur
            in it twice) and only the last batch of all may be short. If true, the items at the
            end of each epoch that do not fill a batch are left out.
        notifier : bool, str, callable, dict, Notifier, or object with `update` and `close`
            A progress bar, see `ironbatch.Notifier`; a dictionary holds its arguments.
        iter_params : IterState, optional
            Where to go on from; it is kept up to date.

        Returns
        -------
        iterator of DatasetIndex
            Views of the same type; each knows the epochs of its items.

        Raises
        ------
        ValueError
            At the call: if the batch size is out of range, or both ends are given.
        TypeError
            At the call: if a number is not an integer, or `shuffle` cannot be a seed.

        Examples
        --------
        >>> [batch.indices.tolist() for batch in DatasetIndex(4).gen_batch(3, n_epochs=2)]
        [[0, 1, 2], [3, 0, 1], [2, 3]]
        >>> batches = DatasetIndex(4).gen_batch(3, n_epochs=2, drop_last=True)
        >>> [batch.indices.tolist() for batch in batches]
        [[0, 1, 2], [0, 1, 2]]
        """
        refuse_unknown(args, kwargs)
        plan = make_plan(len(self), batch_size, n_iters, n_epochs, drop_last)
        state = IterState() if iter_params is None else iter_params
        places = state.bind(shuffle, plan.n, order, self._rows)
        state.total = plan.total
        make, of = self._batch_maker()
        made = batches(state, plan, places, of, make)
        return report_progress(made, notifier, state.total) if notifier else made

    def next_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        iter_params: IterState | None = None,
        *args: Any,
        order: OrderName = "native",
        **kwargs: Any,
    ) -> Any:
        """Make the index of the next batch.

        Parameters
        ----------
        batch_size, shuffle, n_iters, n_epochs, drop_last, order
            See `gen_batch`. `shuffle` and `order` stay the same until ``reset('iter')``.
        iter_params : IterState, optional
            Where to go on from instead of `iter_state`.

        Returns
        -------
        DatasetIndex

        Raises
        ------
        StopIteration
            If there are no batches left.
        ValueError, TypeError
            As `gen_batch` does.
        """
        refuse_unknown(args, kwargs)
        plan = make_plan(len(self), batch_size, n_iters, n_epochs, drop_last)
        state = self.iter_state if iter_params is None else iter_params
        places = state.bind(shuffle, plan.n, order, self._rows)
        state.total = plan.total
        parts = state.advance(plan)
        if parts is None:
            raise StopIteration("there are no batches left")
        make, of = self._batch_maker()
        return make(*join_parts(places, parts, of))

    def _rows(self) -> NDArray[np.int64] | None:
        """Give the row of each item for an order that keeps to blocks: its position in the root."""
        within = self.root_slice
        return None if within is not None and within.start == 0 else self.root_positions

    def _batch_maker(self) -> tuple[Any, NDArray[np.int64] | None]:
        """Give what makes a view of (positions, epochs), and what to look these positions up in."""
        if type(self).create_batch is not DatasetIndex.create_batch:
            return self._make_own_batch, None
        if (
            self._origins is not None
            or not isinstance(self._epochs, int)
            or self._epochs
            or self.occurrences is not None
        ):
            return self._make_batch, None
        new, cls, root, ids = object.__new__, type(self), self.root, self._ids
        carried = self._carried()
        offset = self._positions.start if isinstance(self._positions, slice) else 0

        def make(positions: Any, epochs: Any) -> Any:
            if offset:
                positions = places_in.shift(positions, offset)
            out = new(cls)
            own = out.__dict__
            if carried:
                own.update(carried)
            own["_ids"] = ids
            own["_root"] = root
            own["_positions"] = positions
            own["_epochs"] = epochs
            own["_ranked"] = True
            return out

        of = self._positions if isinstance(self._positions, np.ndarray) else None
        return make, of

    def _make_batch(self, positions: Any, epochs: Any) -> Self:
        out = self._take(positions, unique=True)
        out._epochs = _sum(out._epochs, epochs)
        return out

    def _make_own_batch(self, positions: Any, epochs: Any) -> Any:
        out = self.create_batch(positions, pos=True)
        if isinstance(out, DatasetIndex) and len(out) == places_in.count(positions, self._ids):
            out._epochs = _sum(out._epochs, epochs)
            out._ranked = True
        return out


def _sum(a: int | NDArray[np.int64], b: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    return a + b


def _stack_level() -> int:
    """Point warnings at the first caller outside of this package."""
    import sys

    level = 1
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("ironbatch."):
        frame = frame.f_back  # type: ignore[assignment]
        level += 1
    return level
