"""Kernels in the place of a function of one item: whole components in, whole components out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.arguments import has_item_values
from ironbatch.actions.failure import failure
from ironbatch.actions.on_error import Settled, settle
from ironbatch.actions.policy import DEFAULT, Policy
from ironbatch.errors import ComponentError
from ironbatch.namedexpr.per_item import PerItem
from ironbatch.targets.calls import Context
from ironbatch.targets.native import bound_kernel, run_kernel

if TYPE_CHECKING:
    from ironbatch.components import Component
    from ironbatch.kernels import BoundKernel

__all__ = [
    "apply_kernel",
    "call_kernel_method",
    "component_of",
    "fixed_kernel",
    "fixed_values",
    "streams_of_batch",
]


def streams_of_batch(kernel: Any, batch: Any, operations: Any) -> Any:
    """Give the random streams of a batch's items for a kernel."""
    index = batch.index
    places = index.origins, index.epochs, index.occurrences
    return kernel.streams_at(batch.stream_key, operations, *places)


def apply_kernel(
    batch: Any,
    kernel: BoundKernel,
    src: Any,
    dst: Any,
    *,
    applied: Sequence[bool] | None,
    streams: Any = None,
    n_workers: int | None,
    timeout: float | None,
    policy: Policy = DEFAULT,
) -> Settled | None:
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
    streams : Streams, list of them, or None
        Random streams of the items, for a kernel that draws.
    n_workers, timeout
        As in `ironbatch.targets.run`.
    policy : Policy, optional
        What becomes of items that fail.

    Returns
    -------
    Settled or None
        What has become of them, if some failed and that has not raised.

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
    n_outputs = kernel.n_outputs
    if len(names) != n_outputs:
        raise ComponentError(
            f"{kernel!r} gives {n_outputs} component(s), but dst has "
            f"{len(names)}: {', '.join(names)}"
        )
    sources = [component_of(batch, part) for part in (src if isinstance(src, tuple) else (src,))]
    positions = None
    if applied is not None:
        positions = np.flatnonzero(np.asarray(applied, dtype=bool))
        if not len(positions):
            # Not even asked for the shapes of its results: parameters for no item have none.
            for number, name in enumerate(names):
                batch.store(name, columns.copy(sources[min(number, len(sources) - 1)]))
            return None
    chosen = sources if positions is None else [columns.take(one, positions) for one in sources]
    options = {
        "name": names[0] if len(names) == 1 else None,
        "batch": batch,
        "streams": streams,
        "n_workers": n_workers,
        "timeout": timeout,
    }
    made: Any
    made, failed = run_kernel(kernel, chosen, positions=positions, **options)
    settled = None
    if failed is not None:
        whole: list[Any] = [None] * len(batch)
        at_all = range(len(batch)) if positions is None else positions.tolist()
        if policy.kind != "raise":
            failed = _all_failures(kernel, chosen, failed, positions, options)
        for position, result in zip(at_all, failed, strict=True):
            whole[position] = result
        context = Context(kernel.__name__, batch.indices, src if isinstance(src, str) else None)
        if policy.kind == "raise":
            error = failure(whole, context)
            raise error if error is not None else RuntimeError("a kernel failed without an error")
        sound = [at for at, result in enumerate(failed) if result is None]
        made = None
        if sound:
            made = kernel.run_batch(
                *(columns.take(one, sound) for one in chosen),
                positions=np.asarray(at_all, dtype=np.int64)[sound],
                **options,
            )
        if policy.shrinks:
            settled = settle(batch, whole, context, policy)
            keeps = set(settled.alive or ())
            sources = [columns.take(one, settled.alive) for one in sources]
            if positions is not None:
                kept = [at for at in positions.tolist() if at in keeps]
                positions = np.searchsorted(np.asarray(settled.alive), kept)
        else:
            settled = settle(batch, whole, context, policy)
            parts = () if made is None else made if isinstance(made, tuple) else (made,)
            made = _filled(parts, n_outputs, failed, policy.value, names, batch)
    parts = made if isinstance(made, tuple) else (made,)
    for number, (name, part) in enumerate(zip(names, parts, strict=True)):
        if part is None:
            part = columns.assemble([], name=name)
        if positions is not None:
            part = _merged(sources[min(number, len(sources) - 1)], positions, part, name)
        batch.store(name, part)
    return settled


def _all_failures(
    kernel: BoundKernel,
    sources: Sequence[Component],
    failed: Sequence[Any],
    positions: Any,
    options: Mapping[str, Any],
) -> list[Any]:
    """Find all items that fail, where a run over all has told the first one.

    Items after it run one by one: what a kernel does with an item does not depend on others.
    """
    results = list(failed)
    first = next(at for at, result in enumerate(results) if result is not None)
    if isinstance(results[first], TimeoutError):
        # There is no time left for the others.
        return results[:first] + [results[first]] * (len(results) - first)
    for at in range(first + 1, len(results)):
        alone = np.array([at if positions is None else positions[at]], dtype=np.int64)
        _, error = run_kernel(
            kernel,
            [columns.take(one, slice(at, at + 1)) for one in sources],
            positions=alone,
            **options,
        )
        results[at] = None if error is None else error[0]
    return results


def _filled(
    parts: Sequence[Component],
    n_outputs: int,
    failed: Sequence[Any],
    value: Any,
    names: Sequence[str],
    batch: Any,
) -> tuple[Component, ...]:
    """Put a replacement between the results of the items that have not failed."""
    if n_outputs == 1:
        value = (value,)
    elif not isinstance(value, tuple | list) or len(value) != n_outputs:
        raise ComponentError(
            f"the replacement for failed items needs a value for each of {', '.join(names)}, "
            f"got {value!r}"
        )
    filled = []
    for number, name in enumerate(names):
        made = iter(columns.items_of(parts[number]) if parts else ())
        items = [next(made) if error is None else value[number] for error in failed]
        filled.append(columns.assemble(items, name=name))
    return tuple(filled)


def fixed_values(
    args: Sequence[Any], kwargs: Mapping[str, Any], batch: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Evaluate now what has a value for each item, for several calls of which each uses it.

    The values follow the items when others leave the batch.
    """
    n = len(batch)

    def fix(value: Any) -> Any:
        if not has_item_values(value):
            return value
        return PerItem(list(value.item_values(batch, n)), n=n, index=batch.index)

    return [fix(value) for value in args], {name: fix(value) for name, value in kwargs.items()}


def fixed_kernel(kernel: Any, batch: Any) -> Any:
    """Give a kernel whose parameters for each item are evaluated now."""
    links = getattr(kernel, "kernels", None)
    if links is not None:
        return type(kernel)([fixed_kernel(link, batch) for link in links])
    if not any(map(has_item_values, kernel.params.values())):
        return kernel
    return type(kernel)(kernel.kernel, fixed_values((), kernel.params, batch)[1])


def component_of(batch: Any, source: Any) -> Component:
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
    find_all: bool = False,
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
    find_all : bool
        Whether all items that fail are looked for, and the others have their results.

    Returns
    -------
    list
        For each item its result; if one failed, its exception in its place, and None elsewhere
        unless all are looked for.

    Raises
    ------
    TypeError
        If the method returns something else than a kernel, or takes other arguments, such as the
        item.
    """
    owner = () if batch is None else (batch,)
    name = getattr(method, "__name__", type(method).__name__)
    _check_arguments(method, name, (*owner, *args), kwargs)
    kernel = bound_kernel(
        method(*owner, *args, **kwargs), {}, f"target 'native' ({name} has to return a kernel)"
    )
    if find_all and batch is not None:
        kernel = fixed_kernel(kernel, batch)
    sources: list[Any]
    if isinstance(elements, list | tuple) and elements and isinstance(elements[0], tuple):
        sources = [columns.as_objects(list(column)) for column in zip(*elements, strict=True)]
    elif isinstance(elements, list | tuple):
        sources = [columns.as_objects(list(elements))]
    else:
        sources = [elements]
    options: dict[str, Any] = {"batch": batch, "n_workers": n_workers, "timeout": timeout}
    if find_all and batch is not None and kernel.draws:
        options["streams"] = streams_of_batch(kernel, batch, kernel.operations(batch))
    made, failed = run_kernel(kernel, sources, **options)
    if failed is not None and not find_all:
        return failed
    sound = None
    if failed is not None:
        failed = _all_failures(kernel, sources, failed, None, options)
        sound = np.array([at for at, error in enumerate(failed) if error is None], dtype=np.int64)
        if not len(sound):
            return failed
        chosen = [columns.take(one, sound) for one in sources]
        made = kernel.run_batch(*chosen, positions=sound, **options)
    items: list[Any]
    if isinstance(made, tuple):
        items = list(zip(*map(columns.items_of, made), strict=True))
    else:
        items = list(columns.items_of(made))  # type: ignore[arg-type]
    if failed is None:
        return items
    each = iter(items)
    return [next(each) if error is None else error for error in failed]


def _check_arguments(
    method: Callable[..., Any], name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"{name}: {error}; on target 'native' a method gets what the action is called with, "
            "not the items, and returns the kernel that runs on all of them"
        ) from None
