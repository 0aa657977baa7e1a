"""Random generators for item functions: one stream for each item, whatever worker runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ironbatch.actions.arguments import has_item_values

__all__ = ["applied_items", "draw_applied", "kernel_with_streams", "seeded", "with_streams"]


def _places(batch: Any) -> tuple[list[int], list[int], list[int]]:
    """Return origin, epoch and occurrence of each item of a batch."""
    index = batch.index
    n = len(index)
    origins: list[int] = np.asarray(index.origins).tolist()
    epochs, occurrences = index.epochs, index.occurrences
    return (
        origins,
        [0] * n if epochs is None else np.asarray(epochs).tolist(),
        [0] * n if occurrences is None else np.asarray(occurrences).tolist(),
    )


class _Drawing:
    """Calls the item function with ``rng=`` set to the item's stream.

    A generator is in use by one item at a time and re-keyed for the next, so there are as many as
    items that run at once.
    """

    __slots__ = ("free", "func", "key", "operation")
    wraps_item_function = True

    def __init__(self, func: Callable[..., Any], key: tuple[int, int], operation: int) -> None:
        self.func = func
        self.key = key
        self.operation = operation
        self.free: list[Any] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.func, self.key, self.operation)

    def streams(self) -> Any:
        """Return streams that no other item uses now."""
        try:
            return self.free.pop()
        except IndexError:
            from ironbatch.random import ItemStreams

            return ItemStreams(self.key, self.operation)

    def __call__(self, origin: int, epoch: int, occurrence: int, *args: Any, **kwargs: Any) -> Any:
        streams = self.streams()
        try:
            return self.func(*args, rng=streams.at(origin, epoch, occurrence), **kwargs)
        finally:
            self.free.append(streams)


class _AwaitedDrawing(_Drawing):
    """The same for coroutines, which keep their generator until they end."""

    __slots__ = ()

    async def __call__(
        self, origin: int, epoch: int, occurrence: int, *args: Any, **kwargs: Any
    ) -> Any:
        streams = self.streams()
        try:
            result = self.func(*args, rng=streams.at(origin, epoch, occurrence), **kwargs)
            return await result if inspect.isawaitable(result) else result
        finally:
            self.free.append(streams)


def with_streams(
    func: Callable[..., Any], batch: Any, operation: int, *, awaited: bool
) -> tuple[Callable[..., Any], tuple[Sequence[Any], ...]]:
    """Wrap an item function so that it gets ``rng=``.

    Parameters
    ----------
    func : callable
        The item function.
    batch : Batch
        Whose items.
    operation : int
        Which draw of the run this is.
    awaited : bool
        Whether the function is a coroutine function.

    Returns
    -------
    func : callable
        The wrapped function.
    columns : tuple of sequences
        What it takes before the function's own arguments.
    """
    kind = _AwaitedDrawing if awaited else _Drawing
    return kind(func, batch.stream_key, operation), _places(batch)


def kernel_with_streams(
    kernel: Any, batch: Any, operation: Any, *, awaited: bool
) -> tuple[Callable[..., Any], tuple[Sequence[Any], ...]]:
    """Do for a kernel that draws what `with_streams` does for a function."""
    from ironbatch.targets.native import Drawing

    return Drawing(kernel, batch.stream_key, operation), _places(batch)  # type: ignore[return-value]


class _Seeding:
    """Calls the item function with ``rng=`` made from a seed of its own."""

    __slots__ = ("func",)
    wraps_item_function = True

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, seed: Any, *args: Any, **kwargs: Any) -> Any:
        rng = np.random.Generator(np.random.SFC64(seed))
        return self.func(*args, rng=rng, **kwargs)


def seeded(
    func: Callable[..., Any], seeds: Any, n: int
) -> tuple[Callable[..., Any], tuple[Sequence[Any], ...]]:
    """Wrap an item function so that it gets ``rng=`` from one seed for each item.

    Parameters
    ----------
    func : callable
        The item function.
    seeds : sequence
        One seed for each item.
    n : int
        How many items there are.

    Returns
    -------
    func : callable
        The wrapped function.
    columns : tuple of sequences
        What it takes before the function's own arguments.

    Raises
    ------
    ValueError
        If there are not `n` seeds.
    """
    values = list(seeds)
    if len(values) != n:
        raise ValueError(f"rng_seeds has {len(values)} seeds for {n} items")
    return _Seeding(func), (values,)


def draw_applied(batch: Any, operation: int, p: float) -> list[bool]:
    """Draw for each item whether a function is applied to it.

    Parameters
    ----------
    batch : Batch
        Whose items.
    operation : int
        Which draw of the run this is.
    p : float
        Probability.

    Returns
    -------
    list of bool
        One for each item; an item's depends on its id, not on its place in the batch.
    """
    from ironbatch.random import ItemStreams

    streams = ItemStreams(batch.stream_key, operation)
    return [
        streams.at(origin, epoch, occurrence).random() < p
        for origin, epoch, occurrence in zip(*_places(batch), strict=True)
    ]


def applied_items(batch: Any, p: Any) -> tuple[list[bool] | None, Any]:
    """Say which items a function is applied to.

    Parameters
    ----------
    batch : Batch
        Whose items.
    p : float, int, sequence, or an expression with a value for each item
        As in `Batch.apply_parallel`.

    Returns
    -------
    applied : list of bool or None
        One for each item; None for all of them.
    p : object
        What init may see as ``p``.
    """
    if p is None:
        return None, None
    if has_item_values(p):
        p = p.item_values(batch, len(batch))
    if isinstance(p, float | np.floating):
        if not 0 <= p <= 1:
            raise ValueError(f"p must be between 0 and 1, got {p}")
        return draw_applied(batch, batch.next_operation(), float(p)), p
    if isinstance(p, bool | int | np.integer | np.bool_):
        if p not in (0, 1):
            raise ValueError(f"p must be 0 or 1 when it is an int, got {p}")
        return (None if p else [False] * len(batch)), p
    try:
        values = list(p)
    except TypeError:
        raise TypeError(f"p must be a number or one value for each item, not {p!r}") from None
    if len(values) != len(batch):
        raise ValueError(f"p has {len(values)} values for {len(batch)} items")
    return [bool(value) for value in values], p
