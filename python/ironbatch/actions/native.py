"""Kernels in the place of a function of one item: whole components in, whole components out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.failure import failure
from ironbatch.errors import ComponentError
from ironbatch.targets.calls import Context
from ironbatch.targets.native import bound_kernel, run_kernel

if TYPE_CHECKING:
    from ironbatch.components import Component
    from ironbatch.kernels import BoundKernel
    from ironbatch.kernels.streams import Streams

__all__ = ["apply_kernel", "call_kernel_method", "streams_of_batch"]


def streams_of_batch(batch: Any, operation: int) -> Streams:
    """Give the random streams of a batch's items in an operation."""
    from ironbatch.kernels import streams

    return streams.streams_of_batch(batch, operation)


def apply_kernel(
    batch: Any,
    kernel: BoundKernel,
    src: Any,
    dst: Any,
    *,
    applied: Sequence[bool] | None,
    streams: Streams | None = None,
    n_workers: int | None,
    timeout: float | None,
) -> None:
    """Run a kernel on components of a batch and store what it gives.

    Parameters
    ----------
    batch : Batch
        The batch; it stays as it was if an item fails.
    kernel : BoundKernel
        The kernel.
    src : str, tuple of str, or sequence
        A component, one for each input of the kernel, or the items.
    dst : str, tuple of str, or None
        Where results go; None is `src`.
    applied : sequence of bool or None
        Which items the kernel runs on; others stay as they are.
    streams : Streams or None
        Random streams of the items, for a kernel that draws.
    n_workers, timeout
        As in `ironbatch.targets.run`.

    Raises
    ------
    ActionError
        If an item fails.
    ComponentError
        If there is no component to put results into, or not one for each output.
    """
    names = dst if dst is not None else (src if isinstance(src, str | tuple) else None)
    names = (names,) if isinstance(names, str) else names
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ComponentError(
            "there is no component to put the results into: give dst= the name of one "
            f"(src is {type(src).__name__}, dst is {dst!r})"
        )
    n_outputs = len(kernel.kernel.native.outputs)
    if len(names) != n_outputs:
        raise ComponentError(
            f"{kernel!r} gives {n_outputs} component(s), but dst has "
            f"{len(names)}: {', '.join(names)}"
        )
    sources = [_component(batch, part) for part in (src if isinstance(src, tuple) else (src,))]
    positions = None
    if applied is not None:
        positions = np.flatnonzero(np.asarray(applied, dtype=bool))
    made, failed = run_kernel(
        kernel,
        sources if positions is None else [columns.take(one, positions) for one in sources],
        name=names[0] if len(names) == 1 else None,
        batch=batch,
        positions=positions,
        streams=streams,
        n_workers=n_workers,
        timeout=timeout,
    )
    if failed is not None:
        if positions is not None:
            placed: list[Any] = [None] * len(batch)
            for position, result in zip(positions.tolist(), failed, strict=True):
                placed[position] = result
            failed = placed
        component = src if isinstance(src, str) else None
        error = failure(failed, Context(kernel.__name__, batch.indices, component))
        raise error if error is not None else RuntimeError("a kernel failed without an error")
    parts = made if isinstance(made, tuple) else (made,)
    for number, (name, part) in enumerate(zip(names, parts, strict=True)):
        if positions is not None:
            part = _merged(sources[min(number, len(sources) - 1)], positions, part, name)
        batch.store(name, part)


def _component(batch: Any, source: Any) -> Component:
    """Return a component by name, or items as one."""
    if not isinstance(source, str):
        return columns.as_component(source, len(batch), name="src")
    try:
        component: Any = getattr(batch, source)
    except AttributeError as error:
        known = ", ".join(map(repr, getattr(batch, "components", None) or ())) or "none"
        raise ComponentError(
            f"{type(batch).__name__} has no component {source!r}; its components are: {known}"
        ) from error
    if component is None:
        raise ComponentError(
            f"component {source!r} is not set yet: load or assign it before using it as src"
        )
    if isinstance(component, list | tuple):
        return columns.as_component(component, len(batch), name=source)
    return component  # type: ignore[no-any-return]


def _merged(source: Component, positions: Any, made: Any, name: str) -> Component:
    """Put what was made for some items between the others."""
    if (
        isinstance(source, np.ndarray)
        and isinstance(made, np.ndarray)
        and source.dtype == made.dtype
        and source.dtype.kind != "O"
        and source.shape[1:] == made.shape[1:]
    ):
        whole = np.asarray(columns.copy(source))
        whole[positions] = made
        return columns.Dense.of(whole, name)
    items = list(columns.items_of(source))
    for position, item in zip(positions.tolist(), columns.items_of(made), strict=True):
        items[position] = item
    return columns.assemble(items, name=name)


def call_kernel_method(
    method: Callable[..., Any],
    batch: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    elements: Any,
    *,
    n_workers: int | None,
    timeout: float | None,
) -> list[Any]:
    """Call a method that returns a kernel, once, and run the kernel on the elements of init.

    Parameters
    ----------
    method : callable
        It gets the batch, unless that is None, and what the action was called with.
    batch : object or None
        The batch.
    args, kwargs
        What the action was called with; expressions with a value for each item (``P(...)``) go
        into the kernel as they are.
    elements : component or sequence
        One element for each item; a tuple holds one array for each input of the kernel.
    n_workers, timeout
        As in `ironbatch.targets.run`.

    Returns
    -------
    list
        For each item its result; if one failed, its exception in its place and None elsewhere.

    Raises
    ------
    TypeError
        If the method returns something else than a kernel.
    """
    owner = () if batch is None else (batch,)
    name = getattr(method, "__name__", type(method).__name__)
    kernel = bound_kernel(
        method(*owner, *args, **kwargs), {}, f"target 'native' ({name} has to return a kernel)"
    )
    sources: list[Any]
    if isinstance(elements, list | tuple) and elements and isinstance(elements[0], tuple):
        sources = [columns.as_objects(list(column)) for column in zip(*elements, strict=True)]
    elif isinstance(elements, list | tuple):
        sources = [columns.as_objects(list(elements))]
    else:
        sources = [elements]
    made, failed = run_kernel(kernel, sources, batch=batch, n_workers=n_workers, timeout=timeout)
    if failed is not None:
        return failed
    if isinstance(made, tuple):
        return list(zip(*map(columns.items_of, made), strict=True))
    return list(columns.items_of(made))  # type: ignore[arg-type]
