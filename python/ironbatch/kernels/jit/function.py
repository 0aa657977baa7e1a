"""Kernels that are Python functions, compiled for the items that they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ironbatch.actions.arguments import has_item_values
from ironbatch.extras import need
from ironbatch.kernels.bound import BoundKernel
from ironbatch.kernels.columns import as_columns, usable
from ironbatch.kernels.failure import KernelFailure
from ironbatch.kernels.jit.compiling import ArrayKind, Compiler, Options, ParamKind, need_numba
from ironbatch.kernels.jit.declaration import declare
from ironbatch.kernels.kernel import Kernel, find
from ironbatch.kernels.parameters import check_names
from ironbatch.kernels.raised import raising
from ironbatch.kernels.streams import Streams

if TYPE_CHECKING:
    from ironbatch.components import Component

__all__ = ["BoundFunction", "FunctionKernel"]

_Key = tuple[tuple[ArrayKind, ...], tuple[ParamKind, ...]]
_NUMBERS = "bool", "int", "float"


class FunctionKernel(Kernel):
    """A kernel that is a Python function; made by `ironbatch.kernel`.

    It is compiled with numba when it meets items of a dtype and number of axes for the first time.

    Parameters
    ----------
    function : function
        Of one item: its arguments are inputs, outputs and parameters.
    outputs : sequence of str or None
        Names of the outputs.
    options : Options
        What else was said about it.
    """

    def __init__(
        self, function: Callable[..., Any], outputs: Sequence[str] | None, options: Options
    ) -> None:
        plain: Any = getattr(function, "py_func", function)
        if not isinstance(plain, FunctionType):
            raise TypeError(
                f"a kernel is made of a function written in Python, not of {function!r}"
            )
        declared = declare(plain, outputs)
        # A declaration says what a compiled kernel says; binding is this class's own.
        super().__init__(declared, plain.__module__)  # type: ignore[arg-type]
        self.__qualname__ = plain.__qualname__
        self.__wrapped__ = plain
        self._function = function
        self._outputs = outputs
        self._options = options
        self._compiler: Compiler | None = None
        self._compiled: dict[_Key, Kernel] = {}

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself, to be called without being compiled."""
        return self.__wrapped__

    @property
    def n_compiled(self) -> int:
        """For how many types of items and parameters it has been compiled."""
        return len(self._compiled)

    def bind(self, *unnamed: Any, **params: Any) -> BoundFunction:
        """Fix the parameters; see `Kernel.bind`.

        A string or None is compiled in: each value of it is another compilation.
        """
        self._refuse_unnamed(unnamed)
        return BoundFunction(self, params)

    def compiled(self, inputs: tuple[ArrayKind, ...], params: tuple[ParamKind, ...]) -> Kernel:
        """Give the kernel that is compiled for types of inputs and parameters."""
        key = inputs, params
        found = self._compiled.get(key)
        if found is not None:
            return found
        need_numba(self.__name__)
        from numba.core.compiler_lock import global_compiler_lock

        with global_compiler_lock:  # another thread may have been quicker
            if key not in self._compiled:
                if self._compiler is None:
                    self._compiler = Compiler(self._function, self._declared, self._options)
                native = self._compiler.compile(inputs, params)
                self._compiled[key] = Kernel(native, self.__module__)
        return self._compiled[key]

    @property
    def _declared(self) -> Any:
        return self._native

    def __reduce__(self) -> tuple[Any, ...]:
        if self.__module__ != "__main__" and self._is_found():
            return find, (self.__module__, self.__name__)
        # A worker process has another main module, and nobody finds what is made in a function.
        cloudpickle = need(
            "cloudpickle", extra="processes", what=f"a pickle of {self.__qualname__}, a kernel,"
        )
        place = self.__name__ if self._is_found() else None
        made = (self._function, self._outputs, self._options)
        return _found_or_made, (self.__module__, place, cloudpickle.dumps(made))

    def _is_found(self) -> bool:
        with suppress(ImportError):
            return getattr(import_module(self.__module__), self.__name__, None) is self
        return False


def _found_or_made(module: str, name: str | None, pickled: bytes) -> Any:
    """Give the kernel where it is, or make it again; what unpickling calls."""
    if name is not None:
        with suppress(ImportError):
            kernel = getattr(import_module(module), name, None)
            if isinstance(kernel, FunctionKernel):
                return kernel
    return _made(pickled)


@lru_cache(maxsize=64)
def _made(pickled: bytes) -> FunctionKernel:
    import pickle

    return FunctionKernel(*pickle.loads(pickled))


class BoundFunction(BoundKernel):
    """A Python function with its parameters; made by `FunctionKernel.bind`."""

    kernel: FunctionKernel

    needs_types = True

    def _bind(self) -> None:
        check_names(self.kernel.native, self.params)
        self._values: dict[str, Any] = {}
        self._kinds = tuple(self._kind(*param) for param in self.kernel.native.params)
        self._typed: dict[tuple[ArrayKind, ...], _Typed] = {}

    def _kind(
        self, name: str, declared: str, per_item: Any, has_default: bool, default: Any
    ) -> ParamKind:
        """Give the type of a parameter, and keep its value."""
        value = self.params.get(name, default)
        if has_item_values(value):
            if per_item is None:
                raise TypeError(f"{self.__name__}: {name} is the same for all items")
            dtype, ndim = np.dtype(per_item[0]), per_item[1]
            if ndim:
                return ParamKind("row", True, dtype, ndim)
            return ParamKind({"b": "bool", "i": "int", "f": "float"}[dtype.kind], True)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, list | tuple | range):
            value = np.asarray(value)
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "biuf":
                raise self._refuse(name, value)
            value = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
            self._values[name] = value
            return ParamKind("array", False, value.dtype, value.ndim)
        if isinstance(value, bool | int | float):
            how = type(value).__name__
            if declared == "float" and how == "int":
                how, value = "float", float(value)
            self._values[name] = value
            return ParamKind(how)
        if value is None or isinstance(value, str):
            return ParamKind("constant", value=value)
        raise self._refuse(name, value)

    def _refuse(self, name: str, value: Any) -> TypeError:
        return TypeError(
            f"{self.__name__}: {name} has to be a number, an array of numbers, a string or None, "
            f"not {value!r}; the signature is {self.kernel.native.signature}"
        )

    @property
    def plan(self) -> Any:
        """A function has a plan for each type of items; see `typed`."""
        raise TypeError(f"{self.__name__} is compiled for the items that it meets")

    def typed(self, kinds: tuple[ArrayKind, ...]) -> BoundKernel:
        """Give the kernel compiled for types of inputs."""
        found = self._typed.get(kinds)
        if found is None:
            n_inputs = len(self.kernel.native.inputs)
            if len(kinds) != n_inputs:
                raise TypeError(
                    f"{self.__name__}: takes {n_inputs} array(s), got {len(kinds)}; "
                    f"its signature is {self.kernel.native.signature}"
                )
            kernel = self.kernel.compiled(kinds, self._kinds)
            found = _Typed(kernel, {**self._values, **self._per_item})
            self._typed[kinds] = found
        return found

    def __call__(self, *inputs: ArrayLike, rng: Any = None, **params: Any) -> Any:
        """Run once, on one item; see `BoundKernel.__call__`."""
        if params:
            return self.bind(**params)(*inputs, rng=rng)
        self.check_call(rng)
        arrays = [usable(np.asarray(value)) for value in inputs]
        kinds = tuple(
            ArrayKind(array.dtype, array.ndim, array.flags.c_contiguous) for array in arrays
        )
        with raising():
            return self.typed(kinds)(*arrays, rng=rng)

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
        options: dict[str, Any] = {"name": name, "n_workers": n_workers, "timeout": timeout}
        columns = as_columns(components)
        with raising():
            if columns is not None:
                typed = self.typed(kinds_of(columns))
                return typed.run_with(components, params, random, **options)
            return self._run_groups(components, params, random, options)

    def _run_groups(
        self,
        components: Sequence[Component],
        params: list[NDArray[Any]],
        random: Streams | None,
        options: dict[str, Any],
    ) -> Component | tuple[Component, ...]:
        """Run on items that are objects: those of one type together."""
        from ironbatch.components import as_objects, items_of

        columns = [[usable(np.asarray(item)) for item in items_of(one)] for one in components]
        groups: dict[tuple[ArrayKind, ...], list[int]] = {}
        for position, row in enumerate(zip(*columns, strict=True)):
            kinds = tuple(
                ArrayKind(array.dtype, array.ndim, array.flags.c_contiguous) for array in row
            )
            groups.setdefault(kinds, []).append(position)
        n_outputs = self.n_outputs
        results: list[list[Any]] = [[None] * len(components[0]) for _ in range(n_outputs)]
        failures: list[KernelFailure] = []
        for kinds, positions in groups.items():
            with _at(positions, failures):
                where = np.array(positions)
                made: Any = self.typed(kinds).run_with(
                    [as_objects([column[at] for at in positions]) for column in columns],
                    [values[where] for values in params],
                    None if random is None else random.take(where),
                    **options,
                )
                for result, one in zip(results, made if n_outputs > 1 else (made,), strict=True):
                    for position, item in zip(positions, items_of(one), strict=True):
                        result[position] = item
        if failures:
            raise min(failures, key=lambda failure: failure.position)
        found = [_joined(result, options["name"]) for result in results]
        return tuple(found) if n_outputs > 1 else found[0]


def _joined(items: list[Any], name: str | None) -> Component:
    """Give items as a component: of objects if their dtypes differ, which none is to lose."""
    from ironbatch.components import as_objects, assemble

    if len({np.asarray(item).dtype for item in items}) > 1:
        return as_objects(items)
    return assemble(items, name=name)


@contextmanager
def _at(positions: Sequence[int], failures: list[KernelFailure]) -> Iterator[None]:
    """Collect the failure of some items under its position among all."""
    try:
        yield
    except KernelFailure as failure:
        failures.append(KernelFailure(positions[failure.position], failure.error))


def kinds_of(columns: Sequence[Any]) -> tuple[ArrayKind, ...]:
    """Give the types of items of columns, as `as_columns` gives them."""
    return tuple(
        ArrayKind(one[0].dtype, one[2].shape[1], True)
        if isinstance(one, tuple)
        else ArrayKind(one.dtype, one.ndim - 1, _in_order(one))
        for one in columns
    )


def _in_order(array: NDArray[Any]) -> bool:
    """Whether the elements of each item lie end to end in C order."""
    if array.size == 0:
        return True
    step = array.itemsize
    for length, stride in zip(reversed(array.shape[1:]), reversed(array.strides[1:]), strict=True):
        if length != 1 and stride != step:
            return False
        step *= length
    return True


class _Typed(BoundKernel):
    """A compiled kernel with its parameters, of which those per item are handed over evaluated."""

    def _bind(self) -> None:
        constants = {
            name: value for name, value in self.params.items() if name not in self._per_item
        }
        self._plan = self.kernel.native.bind(constants, list(self._per_item))
        self._inferred = {}
