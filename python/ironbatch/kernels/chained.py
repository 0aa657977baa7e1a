"""Kernels that follow one another, carried out item by item."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ironbatch._core import kernel_chain_result, run_kernel_chain
from ironbatch.kernels.bound import BoundKernel
from ironbatch.kernels.columns import allocating, as_columns, as_components, error_of
from ironbatch.kernels.failure import KernelFailure
from ironbatch.kernels.kernel import Kernel
from ironbatch.kernels.raised import raising
from ironbatch.kernels.streams import Streams, streams_of_places
from ironbatch.targets.native import as_kernel

if TYPE_CHECKING:
    from ironbatch.components import Component

__all__ = ["KernelChain", "chain"]


class KernelChain:
    """Kernels of which each takes what the one before it gives.

    Made by `chain`. It goes wherever a bound kernel goes. All kernels are carried out for an item
    before the next one begins, through the scratch memory of a worker, so nothing but the last
    result is ever a column. The result is that of the kernels one after another, bit by bit.

    Parameters
    ----------
    kernels : sequence of BoundKernel
        The kernels, at least one.
    """

    runs_natively = True

    def __init__(self, kernels: Sequence[BoundKernel]) -> None:
        self.kernels = tuple(kernels)
        self.__name__ = ", ".join(kernel.__name__ for kernel in self.kernels)
        self.__doc__ = f"{self.__name__}, one after another."

    @property
    def draws(self) -> bool:
        """Whether one of the kernels draws random numbers."""
        return any(kernel.draws for kernel in self.kernels)

    @property
    def n_outputs(self) -> int:
        """How many components are made."""
        return self.kernels[-1].n_outputs

    def resolve(self, batch: Any) -> KernelChain:
        """Evaluate parameters that are named expressions; see `BoundKernel.resolve`."""
        return KernelChain([kernel.resolve(batch) for kernel in self.kernels])

    def __repr__(self) -> str:
        return f"<chain of {', '.join(map(repr, self.kernels))}>"

    def _repr_html_(self) -> str:
        from ironbatch.display.kernel import chain_html

        return chain_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return KernelChain, (self.kernels,)

    def bind(self, *unnamed: Any, **params: Any) -> KernelChain:
        """Refuse parameters: those of a chain are fixed in its kernels, before they are joined.

        Several kernels of a chain may have parameters of one name.

        Returns
        -------
        KernelChain
            Itself, if there are none.

        Raises
        ------
        TypeError
            For any parameter; the message says where it goes.
        """
        if unnamed or params:
            name = next(iter(params), None)
            raise TypeError(
                f"a chain takes no parameters, got {unnamed[0]!r} without a name"
                if name is None
                else f"a chain takes no parameters, got {name}: bind it to one of its kernels "
                f"before they are joined, as in {self._with(name)}"
            )
        return self

    def _with(self, name: str) -> str:
        """Write the chain with a parameter at the first kernel that has it."""
        links = [kernel.__name__ for kernel in self.kernels]
        for number, kernel in enumerate(self.kernels):
            if name in (param[0] for param in kernel.kernel.native.params):
                links[number] += f".bind({name}=...)"
                break
        return f"chain({', '.join(links)})"

    def __call__(self, *inputs: ArrayLike, rng: Any = None, **params: Any) -> Any:
        """Run once, on one item; see `BoundKernel.__call__`.

        Kernels that draw take their numbers from `rng` one after another. Parameters are refused,
        see `bind`.
        """
        if params:
            self.bind(**params)
        if isinstance(rng, int | np.integer | np.random.SeedSequence):
            rng = np.random.Generator(np.random.Philox(rng))
        made: Any = inputs
        for kernel in self.kernels:
            made = (kernel(*made, rng=rng if kernel.draws else None),)
        return made[0]

    def run_batch(
        self,
        *components: Component,
        name: str | None = None,
        batch: Any = None,
        positions: NDArray[np.int64] | None = None,
        streams: Sequence[Streams] | None = None,
        n_workers: int | None = None,
        timeout: float | None = None,
        rows: NDArray[np.int64] | None = None,
        applied: Sequence[NDArray[np.bool_] | None] | None = None,
    ) -> Component | tuple[Component, ...]:
        """Run on all items of components; see `BoundKernel.run_batch`.

        `streams` has those of each kernel; by default each that draws has an operation of its own.
        `rows` says at which places of the components the items are, if these hold others too.
        `applied` has for each kernel which items it is for, or None for all; the others pass it.
        """
        kernels = [kernel.resolve(batch) for kernel in self.kernels]
        n = len(components[0]) if components else 0
        if rows is not None:
            n = len(rows)
        columns = as_columns(components) if n else None
        links: list[Any] = []
        for number, kernel in enumerate(kernels):
            given = None if streams is None else streams[number]
            random = kernel.streams_for(given, batch, positions, n) if kernel.draws else None
            links.append((kernel, kernel.item_params(batch, positions, n), random))
        if columns is None or not all(kernel.chains for kernel in kernels):
            if rows is not None or applied is not None:
                raise TypeError(f"{self.__name__}: no pass over picked items or for some of them")
            return self._one_by_one(
                kernels, components, links, name, batch, positions, n_workers, timeout
            )
        kernels[0].check_components(components)
        if any(kernel.needs_types for kernel in kernels):
            links = _typed(links, n, columns, rows)
        chosen = [None] * len(links) if applied is None else applied
        with raising():
            failure, outputs = run_kernel_chain(
                [
                    (kernel.plan, params, random, some)
                    for (kernel, params, random), some in zip(links, chosen, strict=True)
                ],
                n,
                columns,
                allocating(kernels[-1].__name__),
                rows=rows,
                n_workers=n_workers,
                timeout=timeout,
            )
        if failure is not None:
            raise KernelFailure(failure[0], error_of(failure))
        return as_components(outputs, name)[0]

    def _one_by_one(
        self,
        kernels: Sequence[BoundKernel],
        components: Sequence[Component],
        links: list[Any],
        name: str | None,
        batch: Any,
        positions: NDArray[np.int64] | None,
        n_workers: int | None,
        timeout: float | None,
    ) -> Component | tuple[Component, ...]:
        """Run one kernel after another, where items are objects or kernels do not chain."""
        made: Any = tuple(components)
        for kernel, (_, params, random) in zip(kernels, links, strict=True):
            result = kernel.run_with(
                made, params, random, name=name, n_workers=n_workers, timeout=timeout
            )
            made = result if isinstance(result, tuple) else (result,)
        return made if len(made) > 1 else made[0]  # type: ignore[no-any-return]

    def operations(self, batch: Any) -> Any:
        """Give the operations of the next draws of a batch, one for each kernel that draws."""
        return [kernel.operations(batch) for kernel in self.kernels]

    def streams_at(self, key: tuple[int, int], operations: Any, *places: Any) -> Any:
        """Give random streams of each kernel; see `BoundKernel.streams_at`."""
        return [
            None if operation is None else streams_of_places(key, operation, *places)
            for operation in operations
        ]


def _typed(
    links: Sequence[Any], n: int, columns: list[Any], rows: NDArray[np.int64] | None
) -> list[Any]:
    """Give the links with kernels for the types that they meet."""
    from ironbatch.kernels.jit.compiling import ArrayKind
    from ironbatch.kernels.jit.function import kinds_of

    made: list[Any] = []
    for number, (kernel, params, random) in enumerate(links):
        kinds = None
        if kernel.needs_types and number == 0:
            kinds = kinds_of(columns)
        elif kernel.needs_types:
            before = [(one.plan, values, streams, None) for one, values, streams in made]
            with raising():
                failure, result = kernel_chain_result(before, n, columns, rows=rows)
            if failure is not None:
                raise KernelFailure(failure[0], error_of(failure))
            if result is not None:
                kinds = (ArrayKind(np.dtype(result[0]), result[1], True),)
        made.append((kernel.typed(kinds), params, random))
    return made


def chain(*kernels: Kernel | BoundKernel | KernelChain) -> KernelChain:
    """Join kernels that follow one another, so that they run in one pass over the items.

    Parameters
    ----------
    *kernels : Kernel, BoundKernel or KernelChain
        Each takes what the one before it gives. A kernel that is not bound has its defaults.

    Returns
    -------
    KernelChain
        It goes wherever a bound kernel goes.

    Raises
    ------
    TypeError
        If there are none, one is no kernel, or one behind the first takes several arrays.

    Examples
    --------
    >>> from ironbatch import kernels
    >>> both = kernels.chain(kernels.clip.bind(high=2), kernels.invert)
    >>> both(np.array([0.0, 1, 5]))
    array([ 1.,  0., -1.])
    """
    bound: list[BoundKernel] = []
    for given in kernels:
        kernel: Any = as_kernel(given)
        if isinstance(kernel, KernelChain):
            bound.extend(kernel.kernels)
        elif isinstance(kernel, Kernel | BoundKernel):
            bound.append(kernel.bind() if isinstance(kernel, Kernel) else kernel)
        else:
            raise TypeError(f"a chain is made of kernels, not {kernel!r}")
    if not bound:
        raise TypeError("a chain has at least one kernel")
    for before, after in pairwise(bound):
        if before.n_outputs != 1 or len(after.kernel.native.inputs) != 1:
            raise TypeError(
                f"{before.__name__} gives {before.n_outputs} array(s), {after.__name__} takes "
                f"{len(after.kernel.native.inputs)}: kernels of a chain hand on one"
            )
    return KernelChain(bound)
