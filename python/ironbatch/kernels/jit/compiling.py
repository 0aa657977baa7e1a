"""From a Python function and the types of its arguments to a native kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ironbatch._core import read_kernel_capsule
from ironbatch.extras import need
from ironbatch.kernels.jit.declaration import Declaration, parameter_names
from ironbatch.kernels.jit.table import DTYPES, OperandOf, ParamOf, Table

if TYPE_CHECKING:
    from types import ModuleType

    from ironbatch._core import NativeKernel
    from ironbatch.kernels.jit.code import Argument, Shape

__all__ = ["ArrayKind", "Compiler", "Options", "ParamKind", "need_numba"]


class ArrayKind(NamedTuple):
    """What the items of an input have in common.

    Attributes
    ----------
    dtype : dtype
        Of their elements.
    ndim : int
        Their number of axes.
    in_order : bool
        Whether elements of an item lie end to end in C order.
    """

    dtype: np.dtype[Any]
    ndim: int
    in_order: bool


class ParamKind(NamedTuple):
    """The type of a parameter.

    Attributes
    ----------
    how : str
        ``'bool'``, ``'int'``, ``'float'``, ``'array'``, ``'row'`` (an array for each item), or
        ``'constant'``.
    per_item : bool
        Whether it has a value for each item.
    dtype, ndim
        Of an array.
    value : object
        Of a constant, which is compiled in.
    """

    how: str
    per_item: bool = False
    dtype: np.dtype[Any] | None = None
    ndim: int = 0
    value: Any = None


class Options(NamedTuple):
    """What was said about a kernel beside its function.

    Attributes
    ----------
    dtype : object
        Dtypes of outputs, None, or a function that gives them from those of inputs.
    shape : tuple of int, callable or None
        Shape of outputs.
    numba : dict
        Options of `numba.njit`.
    """

    dtype: Any
    shape: tuple[int, ...] | Callable[..., Any] | None
    numba: dict[str, Any]


def need_numba(name: str) -> ModuleType:
    """Import numba, which kernel `name` is compiled with."""
    return need("numba", extra="jit", what=f"kernel {name}, a Python function,")


class Compiler:
    """Compiles a function for types of arguments.

    Parameters
    ----------
    function : function
        It may be one that numba has decorated.
    declaration : Declaration
        What its signature says.
    options : Options
        What else was said.
    """

    def __init__(
        self, function: Callable[..., Any], declaration: Declaration, options: Options
    ) -> None:
        self.declaration = declaration
        self.options = options
        numba = need_numba(declaration.name)
        self._function = _dispatcher(numba, function, options.numba)
        self._shape: Any = None
        if callable(options.shape):
            self._shape = _dispatcher(numba, options.shape, {})

    def compile(self, inputs: Sequence[ArrayKind], params: Sequence[ParamKind]) -> NativeKernel:
        """Compile for types of inputs and of parameters.

        Raises
        ------
        TypeError
            If numba cannot; the message has what it says.
        """
        from ironbatch.kernels.jit.wrapper import wrap

        declared = self.declaration
        for name, kind in zip(declared.inputs, inputs, strict=True):
            if kind.dtype not in DTYPES:
                raise TypeError(
                    f"{declared.name}: {name} is of {kind.dtype}, but kernels take numbers; its "
                    f"signature is {declared.signature}"
                )
        shape, ndims = self._shape_of(inputs, params)
        dtypes = self._dtypes(inputs)
        arguments = self._arguments(inputs, params, dtypes, ndims)
        compiled = self._compiled(self._function, arguments, inputs)
        result = compiled.signature.return_type
        if str(result) != "none":
            raise TypeError(
                f"{declared.name} returns {result}: a kernel writes into its outputs and returns "
                "nothing"
            )
        codes = [(DTYPES[dtype], ndim) for dtype, ndim in zip(dtypes, ndims, strict=True)]
        wrapped = wrap(compiled, arguments, shape, codes)
        table = Table(
            name=declared.name,
            doc=declared.doc,
            random=declared.random,
            inputs=[
                OperandOf(name, kind.dtype, kind.ndim)
                for name, kind in zip(declared.inputs, inputs, strict=True)
            ],
            outputs=list(map(OperandOf, declared.outputs, dtypes, ndims)),
            params=[
                ParamOf(name, kind.how, kind.how in ("bool", "int", "float", "row"))
                for (name, *_), kind in zip(declared.params, params, strict=True)
                if kind.how != "constant"
            ],
            functions=wrapped.addresses,
            keeps=(wrapped, self),
        )
        _, _, (native,) = read_kernel_capsule(
            table.__kernel_table__(), f"kernel {declared.name}", table
        )
        return native

    def _arguments(
        self,
        inputs: Sequence[ArrayKind],
        params: Sequence[ParamKind],
        dtypes: Sequence[np.dtype[Any]],
        ndims: Sequence[int],
    ) -> list[Argument]:
        """Give the arguments of the function in its order."""
        from numba import from_dtype, typeof, types

        from ironbatch.kernels.jit.code import Argument

        declared = self.declaration
        made = {
            name: Argument(
                "input",
                number,
                types.Array(
                    from_dtype(kind.dtype), kind.ndim, "C" if kind.in_order else "A", readonly=True
                ),
            )
            for number, (name, kind) in enumerate(zip(declared.inputs, inputs, strict=True))
        }
        for number, name in enumerate(declared.outputs):
            array = types.Array(from_dtype(dtypes[number]), ndims[number], "C")
            made[name] = Argument("output", number, array)
        made.update(self._param_arguments(params))
        if declared.random:
            generator = typeof(np.random.Generator(np.random.Philox(0)))
            made["rng"] = Argument("rng", 0, generator)
        return [made[name] for name in declared.order]

    def _param_arguments(self, params: Sequence[ParamKind]) -> dict[str, Argument]:
        from numba import from_dtype, typeof, types

        from ironbatch.kernels.jit.code import Argument

        scalars = {"bool": types.boolean, "int": types.int64, "float": types.float64}
        made = {}
        number = 0
        for (name, *_), kind in zip(self.declaration.params, params, strict=True):
            if kind.how == "constant":
                made[name] = Argument("constant", 0, typeof(kind.value), value=kind.value)
                continue
            one = scalars.get(kind.how)
            if one is None:
                one = types.Array(from_dtype(kind.dtype), kind.ndim, "C", readonly=True)
            made[name] = Argument("param", number, one, kind.how)
            number += 1
        return made

    def _dtypes(self, inputs: Sequence[ArrayKind]) -> list[np.dtype[Any]]:
        """Give the dtypes of the outputs."""
        given, n = self.options.dtype, len(self.declaration.outputs)
        if given is None:
            return [inputs[0].dtype] * n
        if callable(given) and not isinstance(given, type):
            given = given(*(kind.dtype for kind in inputs))
        each = list(given) if isinstance(given, list | tuple) else [given] * n
        dtypes = [np.dtype(one) for one in each]
        if len(dtypes) != n or any(dtype not in DTYPES for dtype in dtypes):
            raise TypeError(
                f"{self.declaration.name}: dtype= gives {', '.join(map(str, each))} for the "
                f"outputs {', '.join(self.declaration.outputs)}; it takes a dtype of numbers for "
                "each"
            )
        return dtypes

    def _shape_of(
        self, inputs: Sequence[ArrayKind], params: Sequence[ParamKind]
    ) -> tuple[Shape, list[int]]:
        """Give how shapes of outputs are found, and how many axes they have."""
        from numba import types

        from ironbatch.kernels.jit.code import Argument, Shape
        from ironbatch.kernels.jit.shaped import Shaped

        declared, n = self.declaration, len(self.declaration.outputs)
        given = self.options.shape
        if given is None:
            return Shape(), [inputs[0].ndim] * n
        if not callable(given):
            return Shape(constant=given), [len(given)] * n
        known = self._param_arguments(params)
        for number, (name, kind) in enumerate(zip(declared.inputs, inputs, strict=True)):
            known[name] = Argument("input", number, Shaped(kind.ndim))
        arguments = [known[name] for name in parameter_names(given)]
        compiled = self._compiled(self._shape, arguments, inputs, "the function of its shape")
        result = compiled.signature.return_type

        def is_shape(kind: Any) -> bool:
            return isinstance(kind, types.BaseTuple) and all(
                isinstance(one, types.Integer) for one in kind
            )

        if isinstance(result, types.Integer):
            return Shape(compiled, arguments), [1] * n
        if is_shape(result):
            return Shape(compiled, arguments), [len(result)] * n
        if isinstance(result, types.BaseTuple) and len(result) == n and all(map(is_shape, result)):
            return Shape(compiled, arguments), [len(one) for one in result]
        raise TypeError(
            f"{declared.name}: the function of its shape gives {result}; it has to give a tuple of "
            f"whole numbers{', or one for each output' if n > 1 else ''}"
        )

    def _compiled(
        self,
        dispatcher: Any,
        arguments: Sequence[Argument],
        inputs: Sequence[ArrayKind],
        what: str = "",
    ) -> Any:
        from numba.core.errors import NumbaError

        signature = tuple(one.type for one in arguments)
        try:
            dispatcher.compile(signature)
        except (NumbaError, NotImplementedError) as error:
            items = ", ".join(
                f"{name} of {kind.dtype} with {kind.ndim} axes"
                for name, kind in zip(self.declaration.inputs, inputs, strict=True)
            )
            what = f"{what} of {self.declaration.name}" if what else self.declaration.name
            raise TypeError(f"{what} cannot be compiled for {items}: {_plain(error)}") from error
        return dispatcher.overloads[signature]


def _plain(error: Exception) -> str:
    """Give the text of an error without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error))


def _dispatcher(numba: Any, function: Any, options: dict[str, Any]) -> Any:
    if hasattr(function, "py_func"):
        return function
    try:
        return numba.njit(nogil=True, **options)(function)
    except RuntimeError:
        if not options.get("cache"):
            raise
        # numba knows no place for what is not in a file.
        return numba.njit(nogil=True, **{**options, "cache": False})(function)
