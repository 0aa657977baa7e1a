"""The arguments of many calls, as columns: the common cases run at the speed of `map`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any

__all__ = ["Calls", "Constant", "Context", "run_range"]


class Constant:
    """An argument that is the same in every call.

    Parameters
    ----------
    value : object
        The argument.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Constant({self.value!r})"


class Calls:
    """Positional arguments as columns, and keyword arguments that are the same in every call.

    Parameters
    ----------
    n : int
        How many calls there are.
    columns : tuple
        One entry for each positional argument: a `Constant`, or a sequence of `n` values (list,
        tuple or ndarray).
    kwargs : mapping, optional
        Keyword arguments of every call.

    Examples
    --------
    >>> calls = Calls(2, ([1.5, 2.5], Constant(1)))
    >>> list(map(round, *calls.streams(0, 2)))
    [1.5, 2.5]
    """

    __slots__ = ("columns", "counted", "kwargs", "n")

    def __init__(
        self,
        n: int,
        columns: tuple[Constant | Sequence[Any], ...],
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.n = n
        self.columns = columns
        self.kwargs = kwargs or {}
        # Whether some column holds one value per call; otherwise `streams` adds a counter.
        self.counted = not all(type(column) is Constant for column in columns)

    def bind(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func` with the keyword arguments of every call filled in."""
        return partial(func, **self.kwargs) if self.kwargs else func

    def streams(self, start: int, stop: int) -> list[Iterable[Any]]:
        """Return one iterable for each positional argument of the calls ``start:stop``."""
        whole = start == 0 and stop == self.n
        streams: list[Iterable[Any]] = [
            repeat(column.value)
            if isinstance(column, Constant)
            else (column if whole else column[start:stop])
            for column in self.columns
        ]
        if not self.counted:
            # No column says how many calls there are: without this `map` would not end.
            streams.append(repeat(None, stop - start))
        return streams

    def take(self, positions: Sequence[int]) -> Calls:
        """Return some of the calls."""
        return Calls(
            len(positions),
            tuple(
                column
                if isinstance(column, Constant)
                else [column[position] for position in positions]
                for column in self.columns
            ),
            self.kwargs,
        )

    def arguments(self, position: int) -> list[Any]:
        """Return the positional arguments of one call."""
        return [
            column.value if isinstance(column, Constant) else column[position]
            for column in self.columns
        ]


class Context:
    """What error messages call the action and its items.

    Parameters
    ----------
    action : str, optional
        Name of the action.
    ids : sequence, optional
        One id for each call; positions are named instead when there are none.
    component : str, optional
        The component that the action reads.
    positions : sequence of int, optional
        Positions in the batch, if calls are made for some of its items only; `ids` are of the whole
        batch.
    """

    __slots__ = ("action", "component", "ids", "positions")

    def __init__(
        self,
        action: str = "",
        ids: Sequence[Hashable] | None = None,
        component: str | None = None,
        positions: Sequence[int] | None = None,
    ) -> None:
        self.action = action
        self.ids = ids
        self.component = component
        self.positions = positions

    def position(self, call: int) -> int:
        """Return the position in the batch of the item of a call."""
        return call if self.positions is None else self.positions[call]

    def item_id(self, call: int) -> Hashable:
        """Return the id of the item of a call."""
        position = self.position(call)
        if self.ids is None or position >= len(self.ids):
            return position
        item_id = self.ids[position]
        # An id read from an index is a NumPy scalar, whose repr would be `np.int64(3)`.
        tolist = getattr(item_id, "tolist", None)
        return tolist() if callable(tolist) else item_id

    def name(self, call: int) -> str:
        """Return the words that name an item: ``item 'a' (position 0)``."""
        return f"item {self.item_id(call)!r} (position {self.position(call)})"

    def late(self, call: int, timeout: float) -> TimeoutError:
        """Return the error of an item that was not finished in time."""
        return TimeoutError(f"{self.name(call)} was not finished within {timeout:g} s")


def _without_counter(func: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: func(*args[:-1])


def run_range(
    func: Callable[..., Any], calls: Calls, start: int, stop: int, results: list[Any]
) -> None:
    """Make the calls ``start:stop`` one after another, appending each result or exception.

    `results` grows as the calls finish, so another thread can see how far they are.

    Parameters
    ----------
    func : callable
        What to call, keyword arguments already bound.
    calls : Calls
        The positional arguments.
    start, stop : int
        Which calls to make.
    results : list
        Where results go.
    """
    if not calls.counted:
        func = _without_counter(func)
    while start < stop:
        before = len(results)
        try:
            # On an exception `extend` keeps what it has, so the length tells which call failed.
            results.extend(map(func, *calls.streams(start, stop)))
        except Exception as error:
            # This frame would keep `results`, hence the exception itself, alive in a cycle.
            tb = error.__traceback__
            error.__traceback__ = tb.tb_next if tb is not None else None
            del tb
            results.append(error)
        else:
            if len(results) - before < stop - start:
                results.append(
                    RuntimeError(
                        "the item function raised StopIteration, which cannot leave a function "
                        "that is called for each item"
                    )
                )
        start += len(results) - before
