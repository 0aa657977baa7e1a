"""`P` and `PP`: arguments of which each item gets a value of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

from ironbatch.namedexpr.base import NamedExpression, evaluate
from ironbatch.namedexpr.random_value import EachItem, OneItem, places
from ironbatch.namedexpr.scope import Scope
from ironbatch.namedexpr.written import name_expression

__all__ = ["PP", "P", "PerItem"]


class PerItem(Sequence[Any]):
    """Values for the items of a batch, in order: what a parallel action unpacks.

    Parameters
    ----------
    values : sequence, optional
        One value for each item.
    compute : callable, optional
        Gives the value at a position instead, anew each time.
    n : int
        Number of items.
    index : DatasetIndex, optional
        The items. With it, values follow items when others leave the batch.
    """

    __slots__ = ("_compute", "_index", "_n", "_values")

    def __init__(
        self,
        values: Any = None,
        *,
        n: int,
        compute: Callable[[int], Any] | None = None,
        index: Any = None,
    ) -> None:
        self._index = index
        self._values = values
        self._compute = compute
        self._n = n

    def __getitem__(self, position: Any) -> Any:
        if self._compute is not None:
            if not 0 <= position < self._n:
                raise IndexError(f"there are {self._n} items, got position {position}")
            return self._compute(position)
        return self._values[position]

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Any]:
        if self._compute is None:
            return iter(self._values)
        return (self[position] for position in range(self._n))

    def item_values(self, batch: Any, n: int) -> PerItem:
        """Give the values to a parallel action, which unpacks them."""
        if n == self._n:
            return self
        if self._compute is not None:
            return PerItem(n=n, compute=self._compute)
        left = None if self._index is None else positions_left(self._index, batch.index)
        if left is None:
            raise ValueError(f"there are {self._n} values for the {n} items of the batch")
        return PerItem([self._values[position] for position in left], n=n, index=batch.index)

    def __repr__(self) -> str:
        return f"<values of {self._n} items>"


def positions_left(before: Any, now: Any) -> list[int] | None:
    """Find the items of a batch among those that it was made of.

    Items are told apart by what their random streams are: id, epoch and occurrence.

    Parameters
    ----------
    before, now : DatasetIndex
        The items at first and the items that are left.

    Returns
    -------
    list of int or None
        Where each item was; None if one was not there.
    """
    places = {key: place for place, key in enumerate(_keys(before))}
    if len(places) < len(before):
        return None
    found = [places.get(key, -1) for key in _keys(now)]
    return None if -1 in found else found


def _keys(index: Any) -> Iterator[tuple[int, int, int]]:
    n = len(index)
    epochs, occurrences = index.epochs, index.occurrences
    zeros = [0] * n
    return zip(
        index.origins.tolist(),
        zeros if epochs is None else epochs.tolist(),
        zeros if occurrences is None else occurrences.tolist(),
        strict=True,
    )


class P(NamedExpression):
    """A value for each item, in a parallel action.

    There is one for each item of the batch as it is then, or as it was made: when items have left
    it, by ``on_error='skip'`` or an action that gives a smaller batch, the values of the others
    stay with them.

    Parameters
    ----------
    name : R, NamedExpression or sequence
        An expression is evaluated once and gives a sequence as long as the batch. Any `R` in it
        is drawn for each item, from the item's own stream.

    Raises
    ------
    ValueError
        When it is evaluated, if the length is neither that of the batch nor that of the batch when
        it was made.
    """

    def item_values(self, batch: Any, n: int) -> Any:
        """Give the values to a parallel action that is called outside of a pipeline."""
        return self.get(batch=batch)

    def _value(self, batch: Any, scope: Scope) -> Any:
        n = len(self._batch(batch))
        values = evaluate(self._name, batch, scope.inside(EachItem()))
        # Sets and dictionaries have no order that is about items.
        if isinstance(values, str | bytes | Set | Mapping) or not hasattr(values, "__getitem__"):
            raise TypeError(f"{self!r} needs a sequence of {n} values, got {type(values).__name__}")
        if getattr(values, "ndim", 1) == 0 or not hasattr(values, "__len__"):
            raise TypeError(f"{self!r} needs a sequence of {n} values, got a single one")
        if len(values) != n:
            values = self._of_those_left(values, batch, scope)
        elif hasattr(values, "iloc"):
            # The labels of a table are no positions, and it iterates over its columns.
            values = [values.iloc[position] for position in range(n)]
        return PerItem(values, n=n, index=batch.index)

    def _of_those_left(self, values: Any, batch: Any, scope: Scope) -> list[Any]:
        """Give the values of the items that have not left the batch since it was made."""
        n, first = len(batch), scope.index
        left = None
        if first is not None and len(values) == len(first):
            left = positions_left(first, batch.index)
        if left is None:
            made = "" if first is None or len(first) == n else f", which was made of {len(first)}"
            raise ValueError(
                f"{self!r} has {len(values)} values for the {n} items of the batch{made}"
            )
        rows = values.iloc if hasattr(values, "iloc") else values
        return [rows[position] for position in left]

    def _batch(self, batch: Any) -> Any:
        if batch is None:
            raise ValueError(f"{self!r} needs a batch, and there is none here")
        return batch


class PP(P):
    """An expression that is evaluated anew for each item of a parallel action.

    Any `R` in it is drawn from the item's own stream.
    """

    def _value(self, batch: Any, scope: Scope) -> Any:
        from ironbatch.random import ItemStreams

        n = len(self._batch(batch))
        inner = self._name
        streams = ItemStreams(batch.stream_key, batch.next_operation())
        items = list(places(batch))

        def compute(position: int) -> Any:
            place = items[position]
            item = OneItem(streams.at(*place), place)
            try:
                return evaluate(inner, batch, scope.inside(item))
            except Exception as error:
                name_expression(error, self)
                raise

        return PerItem(n=n, compute=compute)
