"""Target ``native``: kernels over all items at once, on the core's own threads, without Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ironbatch.targets import Target, register
from ironbatch.targets.calls import Calls, Constant, Context

if TYPE_CHECKING:
    from ironbatch.components import Component
    from ironbatch.kernels import BoundKernel

__all__ = [
    "Drawing",
    "Native",
    "as_kernel",
    "bound_kernel",
    "is_native",
    "is_pointer",
    "run_kernel",
]


def is_pointer(function: Any) -> bool:
    """Whether something is a compiled function that a kernel can be made of."""
    scipy, numba = sys.modules.get("scipy"), sys.modules.get("numba.core.ccallback")
    # Neither is imported for this: whoever has such a function has imported its package.
    if numba is not None and isinstance(function, numba.CFunc):
        return True
    if scipy is None or not isinstance(function, tuple):
        return False
    return isinstance(function, scipy.LowLevelCallable)


def as_kernel(function: Any) -> Any:
    """Return a kernel for a function that is compiled already, and anything else as it is."""
    if not is_pointer(function):
        return function
    from ironbatch.kernels.pointers import same_kernel

    return same_kernel(function)


def is_native(func: Any) -> bool:
    """Whether a function of one item is a kernel, bound or not, or one that is compiled already."""
    return getattr(type(func), "runs_natively", False) is True or is_pointer(func)


def bound_kernel(func: Any, params: Mapping[str, Any], what: str = "target 'native'") -> Any:
    """Return a kernel with its parameters.

    Parameters
    ----------
    func : Kernel, BoundKernel or object
        What was given as the function of one item.
    params : mapping
        Parameters that are bound to it, beside those that it has.
    what : str
        What needs a kernel, for the message.

    Raises
    ------
    TypeError
        If `func` is no kernel, or a chain and there are parameters.
    """
    from ironbatch.kernels import BoundKernel, Kernel, KernelChain

    if isinstance(func, Drawing):
        func = func.kernel
    func = as_kernel(func)
    if not isinstance(func, Kernel | BoundKernel | KernelChain):
        raise TypeError(
            f"{what} runs kernels, such as ironbatch.kernels.clip.bind(low=0), and not {func!r}; "
            "a Python function runs on target 'threads', 'mpc' or 'for'"
        )
    return func.bind(**params) if params or isinstance(func, Kernel) else func


def run_kernel(
    kernel: BoundKernel, components: Sequence[Component], **options: Any
) -> tuple[Component | tuple[Component, ...] | None, list[Any] | None]:
    """Run a kernel over components, with a failure as the results of all items.

    Parameters
    ----------
    kernel : BoundKernel
        The kernel.
    components : sequence of component
        One for each input.
    **options
        Further arguments of `BoundKernel.run_batch`.

    Returns
    -------
    made : component, tuple of components, or None
        What the kernel gives; None if an item failed.
    results : list or None
        If an item failed, its exception in its place and None in all others.
    """
    from ironbatch.kernels.failure import KernelFailure

    try:
        return kernel.run_batch(*components, **options), None
    except KernelFailure as failed:
        results: list[Any] = [None] * len(components[0])
        results[failed.position] = failed.error
        return None, results
    except MemoryError as error:
        name = kernel.__name__
        if name in str(error):
            raise
        raise MemoryError(f"{name}, {len(components[0])} item(s): {error}") from None


class Drawing:
    """A kernel that draws, with the streams of items that are given one by one.

    Calls have origin, epoch and occurrence of the item before its arguments.

    Parameters
    ----------
    kernel : BoundKernel
        The kernel.
    key : (int, int)
        Key of the run.
    operation : int, or list of them for a chain
        Which draw of the run this is.
    """

    runs_natively = True

    def __init__(self, kernel: BoundKernel, key: tuple[int, int], operation: Any) -> None:
        self.kernel = kernel
        self.key = key
        self.operation = operation
        self.__name__ = kernel.__name__

    def streams(self, columns: Sequence[Any]) -> Any:
        """Turn columns of origins, epochs and occurrences into streams."""
        return self.kernel.streams_at(self.key, self.operation, *map(list, columns))


@register
class Native(Target):
    """Runs kernels on the native pool.

    ``n_workers`` is the number of threads, by default one for each core (``IRONBATCH_THREADS``).
    Items that are not begun when ``timeout`` is over fail.
    """

    name = "native"
    aliases = ("n",)

    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Run a kernel on items given one by one; see `Target.run`."""
        from ironbatch.components import as_objects, items_of

        kernel = bound_kernel(func, calls.kwargs)
        given = calls.columns
        streams = None
        drawing: Any = func
        if isinstance(drawing, Drawing):
            streams, given = drawing.streams(given[:3]), given[3:]
        columns = [
            as_objects([column.value] * calls.n if isinstance(column, Constant) else list(column))
            for column in given
        ]
        made, failed = run_kernel(
            kernel, columns, streams=streams, n_workers=n_workers, timeout=timeout
        )
        if failed is not None:
            return failed
        if isinstance(made, tuple):
            return list(zip(*map(items_of, made), strict=True))
        return list(items_of(made))  # type: ignore[arg-type]
