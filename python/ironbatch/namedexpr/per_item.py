"""`P` and `PP`: arguments of which each item gets a value of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ironbatch.namedexpr.base import NamedExpression, evaluate
from ironbatch.namedexpr.scope import Scope

__all__ = ["PP", "P", "PerItem"]


class PerItem(Sequence[Any]):
    """Values for the items of a batch, in order: what a parallel action unpacks.

    Parameters
    ----------
    values : sequence, optional
        One value for each item.
    compute : callable, optional
        Gives the value at a position instead, anew for each item.
    n : int
        Number of items.
    """

    __slots__ = ("_compute", "_n", "_values")

    def __init__(
        self, values: Any = None, *, n: int, compute: Callable[[], Any] | None = None
    ) -> None:
        self._values = values
        self._compute = compute
        self._n = n

    def __getitem__(self, position: Any) -> Any:
        if self._compute is not None:
            if not 0 <= position < self._n:
                raise IndexError(f"there are {self._n} items, got position {position}")
            return self._compute()
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
        n = len(batch)
        outer, scope.per_item = scope.per_item, True
        try:
            values = evaluate(self._name, batch, scope)
        finally:
            scope.per_item = outer
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise TypeError(f"{self!r} needs a sequence of {n} values, got {type(values).__name__}")
        if len(values) != n:
            raise ValueError(f"{self!r} has {len(values)} values for the {n} items of the batch")
        return PerItem(values, n=n)


class PP(P):
    """An expression that is evaluated anew for each item of a parallel action."""

    def _value(self, batch: Any, scope: Scope) -> Any:
        inner = self._name
        return PerItem(n=len(batch), compute=lambda: evaluate(inner, batch, scope))
