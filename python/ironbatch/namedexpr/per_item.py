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
    """

    __slots__ = ("_compute", "_n", "_values")

    def __init__(
        self, values: Any = None, *, n: int, compute: Callable[[int], Any] | None = None
    ) -> None:
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
        return self

    def __repr__(self) -> str:
        return f"<values of {self._n} items>"


class P(NamedExpression):
    """A value for each item, in a parallel action.

    Parameters
    ----------
    name : R, NamedExpression or sequence
        An expression is evaluated once and gives a sequence as long as the batch. Any `R` in it
        is drawn for each item, from the item's own stream.

    Raises
    ------
    ValueError
        When it is evaluated, if the length is not that of the batch.
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
            raise ValueError(f"{self!r} has {len(values)} values for the {n} items of the batch")
        if hasattr(values, "iloc"):
            # The labels of a table are no positions, and it iterates over its columns.
            values = [values.iloc[position] for position in range(n)]
        return PerItem(values, n=n)

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
