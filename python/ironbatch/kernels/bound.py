"""A kernel with its parameters: run on one item, or on all items of components."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ironbatch.actions.arguments import has_item_values
from ironbatch.kernels.columns import (
    Spec,
    allocating,
    as_columns,
    as_components,
    as_input,
    error_of,
    gathered,
    lay_out,
    room,
    usable,
)
from ironbatch.kernels.failure import KernelFailure
from ironbatch.kernels.kernel import Kernel
from ironbatch.kernels.parameters import (
    check_names,
    is_expression,
    of_parameter,
    per_item_values,
    plain_values,
)
from ironbatch.kernels.raised import raised
from ironbatch.kernels.streams import Streams, streams_of, streams_of_batch, streams_of_places

if TYPE_CHECKING:
    from ironbatch._core import NativePlan
    from ironbatch.components import Component

__all__ = ["BoundKernel"]

# Shapes that vary without end must not fill the memory.
_MOST_SPECS = 256


class BoundKernel:
    """A kernel with its parameters.

    Made by `Kernel.bind`. Called with an array it runs once; given where a function of one item is
    taken it runs over whole components, on all cores and without the GIL.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    params : dict
        Its parameters.

    Examples
    --------
    >>> from ironbatch import kernels
    >>> brighter = kernels.scale_shift.bind(scale=1.5)
    >>> brighter
    <kernel ironbatch.kernels.scale_shift bound to scale=1.5>
    >>> brighter(np.uint8([10, 100, 200]))
    array([ 15, 150, 255], dtype=uint8)
    >>> brighter.bind(shift=1)
    <kernel ironbatch.kernels.scale_shift bound to scale=1.5, shift=1>
    """

    runs_natively = True

    needs_types = False
    """Whether `typed` has to be told what the kernel runs on."""

    def __init__(self, kernel: Kernel, params: dict[str, Any]) -> None:
        self.kernel = kernel
        self.params = dict(params)
        self.__name__ = kernel.__name__
        self.__doc__ = kernel.__doc__
        self._per_item = {name: value for name, value in params.items() if has_item_values(value)}
        self._expressions = any(
            is_expression(value) for name, value in params.items() if name not in self._per_item
        )
        if self._expressions:
            check_names(kernel.native, params)
            return
        # Bound at once, so that a wrong parameter is found where it is written.
        self._bind()

    def _bind(self) -> None:
        native = self.kernel.native
        fixed = {name: one for name, one in self.params.items() if name not in self._per_item}
        self._plan: NativePlan = native.bind(plain_values(native, fixed), list(self._per_item))
        self._inferred: dict[tuple[Spec, ...], list[Spec]] = {}

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        name = f"{self.kernel.__module__}.{self.kernel.__name__}"
        return f"<kernel {name} bound to {params}>" if params else f"<kernel {name} bound>"

    def _repr_html_(self) -> str:
        from ironbatch.display.kernel import bound_html

        return bound_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kernel, self.params)

    @cached_property
    def __signature__(self) -> Any:
        import inspect

        parameters = inspect.signature(self.kernel).parameters.values()
        return inspect.Signature(
            [
                one.replace(default=self.params[one.name]) if one.name in self.params else one
                for one in parameters
            ]
        )

    def bind(self, *unnamed: Any, **params: Any) -> BoundKernel:
        """Fix further parameters, or other values of those that are fixed.

        Parameters
        ----------
        *unnamed
            Nothing: parameters are given by name.
        **params
            Parameters of the kernel, as `Kernel.bind` takes them.

        Returns
        -------
        BoundKernel
            A new one, with all other parameters as they are here.

        Raises
        ------
        TypeError, ValueError
            As `Kernel.bind` does.
        """
        return self.kernel.bind(*unnamed, **{**self.params, **params})

    @property
    def draws(self) -> bool:
        """Whether the kernel draws random numbers."""
        return self.kernel.draws

    @property
    def n_outputs(self) -> int:
        """How many components are made."""
        return len(self.kernel.native.outputs)

    @property
    def plan(self) -> NativePlan:
        """Handle of the compiled kernel with its parameters."""
        return self._plan

    @property
    def chains(self) -> bool:
        """Whether the kernel can take part in one pass over the items."""
        return self.kernel.native.takes_ragged and not self.grows

    @property
    def grows(self) -> bool:
        """Whether the length of a result is known only after the work."""
        return any(kind is not None for kind in self.kernel.native.growing)

    def typed(self, kinds: Any) -> BoundKernel:
        """Give the kernel for types of inputs: itself, where one is for all types it takes."""
        return self

    def operations(self, batch: Any) -> Any:
        """Give the operation of the next draws of a batch; None if nothing is drawn."""
        return batch.next_operation() if self.draws else None

    def streams_at(self, key: tuple[int, int], operations: Any, *places: Any) -> Any:
        """Give random streams for origins, epochs and occurrences of items."""
        return streams_of_places(key, operations, *places)

    def resolve(self, batch: Any) -> BoundKernel:
        """Evaluate parameters that are named expressions.

        Parameters
        ----------
        batch : Batch
            What they are evaluated for.

        Returns
        -------
        BoundKernel
            With values in their place, drawn once; itself if there are none.
        """
        if not self._expressions and not self._per_item:
            return self
        from ironbatch.namedexpr.base import evaluate, scope_of

        scope = scope_of(batch, None, None)
        values = {}
        for name, value in self.params.items():
            with of_parameter(self.kernel.native, name):
                values[name] = evaluate(value, batch, scope)
        return type(self)(self.kernel, values)

    def __call__(self, *inputs: ArrayLike, rng: Any = None, **params: Any) -> Any:
        """Run once, on one item.

        Parameters
        ----------
        *inputs : array-like
            The item: one array for each input of the kernel.
        rng : Generator, int or SeedSequence, optional
            For kernels that draw: what to draw from. A generator over `numpy.random.Philox` gives
            the kernel the very words that it would give next, and moves on by 2**32 blocks;
            anything else seeds a stream. Fresh numbers by default.
        **params
            Parameters for this call, which `bind` adds to those that are fixed.

        Returns
        -------
        ndarray or bytes, or a tuple of them if the kernel has several outputs
            A NumPy scalar stands for an array without axes.

        Raises
        ------
        TypeError
            For inputs of a dtype or rank that the kernel does not take, for `rng` if the kernel
            draws nothing, for parameters that it does not take, or if one is an expression, which
            takes a batch.
        ValueError
            For values that the kernel refuses.
        RuntimeError
            If the kernel panics.
        """
        if params:
            return self.bind(**params)(*inputs, rng=rng)
        self.check_call(rng)
        random = streams_of(rng, 1) if self.draws else None
        arrays = [as_input(value) for value in inputs]
        items = [array[np.newaxis] for array in arrays]
        native = self.kernel.native
        if native.varying or self.grows:
            failure, made = self._plan.run_columns(
                1, items, [], allocating(self.__name__), random=random
            )
            if failure is not None:
                raise error_of(failure)
            outputs: Sequence[Component] = as_components(made, None, native.growing)
        else:
            allocated = self._allocate([(array.dtype, array.shape) for array in arrays], 1)
            failure = self._plan.run(1, items, allocated, [], random=random)
            outputs = allocated
        if failure is not None:
            raise error_of(failure)
        results = tuple(
            output.view(np.ndarray)[0] if isinstance(output, np.ndarray) else output[0]
            for output in outputs
        )
        return results if len(results) > 1 else results[0]

    def check_call(self, rng: Any) -> None:
        """Check that the kernel can be called on one item; see `__call__`."""
        if self._per_item or self._expressions:
            raise TypeError(
                f"{self!r} has parameters that differ from item to item: it runs on a batch"
                if self._per_item
                else f"{self!r} has named expressions as parameters: it runs on a batch"
            )
        if rng is not None and not self.draws:
            raise TypeError(
                f"{self.__name__} draws no random numbers and takes no rng; "
                f"its signature is {self.kernel.native.signature}"
            )

    def run_batch(
        self,
        *components: Component,
        name: str | None = None,
        batch: Any = None,
        positions: NDArray[np.int64] | None = None,
        streams: Streams | None = None,
        n_workers: int | None = None,
        timeout: float | None = None,
    ) -> Component | tuple[Component, ...]:
        """Run on all items of components.

        Parameters
        ----------
        *components : component
            One for each input of the kernel, all of one length.
        name : str, optional
            Name of the component that is made.
        batch : Batch, optional
            What parameters given per item are evaluated for.
        positions : ndarray of int64, optional
            Positions in the batch of the items, if they are not all of it.
        streams : Streams, optional
            Random streams of all items of the batch, for kernels that draw; by default those of
            the batch's next operation, or fresh ones if there is no batch.
        n_workers : int, optional
            How many threads may work on it; by default one for each core.
        timeout : float, optional
            Seconds after which items that have not begun fail with `TimeoutError`.

        Returns
        -------
        component, or a tuple of them if the kernel has several outputs
            `Dense` if all items of the result have one shape, else `Ragged`; an array of objects if
            their dtypes or numbers of axes differ.

        Raises
        ------
        KernelFailure
            If the kernel fails on an item: with its position and the error.
        TypeError
            For inputs of a dtype or rank that the kernel does not take.
        ValueError
            If components differ in length, or parameters do not have one value an item.
        """
        if self._expressions:
            return self.resolve(batch).run_batch(
                *components,
                name=name,
                batch=batch,
                positions=positions,
                streams=streams,
                n_workers=n_workers,
                timeout=timeout,
            )
        n = self.check_components(components)
        return self.run_with(
            components,
            self.item_params(batch, positions, n),
            self.streams_for(streams, batch, positions, n) if self.draws else None,
            name=name,
            n_workers=n_workers,
            timeout=timeout,
        )

    def check_components(self, components: Sequence[Component]) -> int:
        """Check that there is one for each input, of one length, which is returned."""
        n_inputs = len(self.kernel.native.inputs)
        if len(components) != n_inputs:
            raise TypeError(
                f"{self.__name__} takes {n_inputs} component(s), got {len(components)}; "
                f"its signature is {self.kernel.native.signature}"
            )
        n = len(components[0])
        if any(len(component) != n for component in components):
            lengths = ", ".join(str(len(component)) for component in components)
            raise ValueError(f"{self.__name__}: components of different lengths: {lengths}")
        return n

    def item_params(
        self, batch: Any, positions: NDArray[np.int64] | None, n: int
    ) -> list[NDArray[Any]]:
        """Evaluate parameters given per item for the items that the kernel runs on."""
        if not self._per_item:
            return []
        n_values = n if positions is None else len(batch)
        params = per_item_values(self.kernel.native, self._per_item, batch, n_values)
        return params if positions is None else [values[positions] for values in params]

    def run_with(
        self,
        components: Sequence[Component],
        params: list[NDArray[Any]],
        random: Streams | None,
        *,
        name: str | None,
        n_workers: int | None,
        timeout: float | None,
    ) -> Component | tuple[Component, ...]:
        """Run on components, with everything else worked out."""
        from ironbatch.components import Dense

        n = len(components[0])
        options: dict[str, Any] = {"n_workers": n_workers, "timeout": timeout}
        if random is not None:
            options["random"] = random
        made: list[Component]
        columns = self._columns(components) if n else None
        if columns is not None:
            failure, found = self._plan.run_columns(
                n, columns, params, allocating(self.__name__), **options
            )
            made = as_components(found, name, self.kernel.native.growing)
        elif not self.grows and all(
            isinstance(one, np.ndarray) and one.dtype.kind != "O" for one in components
        ):
            arrays = [usable(one.view(np.ndarray)) for one in components]  # type: ignore[union-attr]
            try:
                outputs = self._allocate([(array.dtype, array.shape[1:]) for array in arrays], n)
            except ValueError as error:
                # All items are of one shape, so the first one is the lowest that is refused.
                if not n:
                    raise
                raise KernelFailure(0, raised(str(error)) or error) from None
            failure = self._plan.run(n, arrays, outputs, params, **options) if n else None
            made = [Dense.of(output, name) for output in outputs]
        else:
            made, failure = self._run_each(components, params, name, options)
        if failure is not None:
            raise KernelFailure(failure[0], error_of(failure))
        return tuple(made) if len(made) > 1 else made[0]

    def streams_for(
        self,
        streams: Streams | None,
        batch: Any,
        positions: NDArray[np.int64] | None,
        n: int,
    ) -> Streams:
        """Give the random streams of the items that the kernel runs on."""
        if streams is None:
            if batch is None:
                return streams_of(None, n)
            streams = streams_of_batch(batch, batch.next_operation())
        if positions is not None:
            streams = streams.take(positions)
        if len(streams.origins) != n:
            raise ValueError(
                f"{self.__name__} draws from the stream of each item: there are {n} elements for "
                f"{len(streams.origins)} items"
            )
        return streams

    def _infer(self, specs: tuple[Spec, ...]) -> list[Spec]:
        found = self._inferred.get(specs)
        if found is None:
            found = [
                (np.dtype(dtype), tuple(shape)) for dtype, shape in self._plan.infer(list(specs))
            ]
            if len(self._inferred) >= _MOST_SPECS:
                self._inferred.clear()
            self._inferred[specs] = found
        return found

    def _allocate(self, specs: Sequence[Spec], n: int) -> list[NDArray[Any]]:
        found = self._infer(tuple(specs))
        try:
            return [room(self.__name__, (n, *shape), dtype) for dtype, shape in found]
        except MemoryError as error:
            raise MemoryError(f"{self.__name__}, {n} item(s): {error}") from None

    def _columns(self, components: Sequence[Component]) -> list[Any] | None:
        """Give components as columns if shapes of results have to be worked out item by item.

        None if they are the same for all items, or items have to be handed over one by one.
        """
        native = self.kernel.native
        looks_at_items = (
            bool(self._per_item)
            or native.varying
            or self.grows
            or not all(isinstance(one, np.ndarray) for one in components)
        )
        if not looks_at_items or not native.takes_ragged:
            return None
        if native.varying:
            # Handed over one by one, items would not be looked into.
            components = [gathered(one) for one in components]
        return as_columns(components)

    def _run_each(
        self,
        components: Sequence[Component],
        params: list[NDArray[Any]],
        name: str | None,
        options: dict[str, Any],
    ) -> tuple[list[Component], tuple[int, str, str] | None]:
        """Run on items of which each may have a shape of its own."""
        from ironbatch.components import assemble, items_of

        growing = self.kernel.native.growing
        columns = [[as_input(item) for item in items_of(one)] for one in components]
        rows = list(map(list, zip(*columns, strict=True)))
        specs = []
        for position, row in enumerate(rows):
            try:
                specs.append(self._infer(tuple((array.dtype, array.shape) for array in row)))
            except (TypeError, ValueError) as error:
                raise KernelFailure(position, raised(str(error)) or error) from None
        if not rows:
            return [assemble([], name=name) for _ in growing], None
        layouts = [
            lay_out(self.__name__, output, name)
            for output, kind in zip(zip(*specs, strict=True), growing, strict=True)
            if kind is None
        ]
        fixed = [views for views, _ in layouts]
        views = [[of_output[item] for of_output in fixed] for item in range(len(rows))]
        failure, found = self._plan.run_each(
            rows, views, params, allocating(self.__name__), **options
        )
        if failure is not None:
            return [], failure
        grown = iter(as_components(found, name, [kind for kind in growing if kind is not None]))
        laid_out = iter([component for _, component in layouts])
        return [next(laid_out if kind is None else grown) for kind in growing], None
