"""The functions of the kernel interface around a function that numba has compiled.

They are written in LLVM's language rather than in Python, as numba does for its own universal
functions: so they compile in a moment, an exception is a status and not a message on the terminal,
and nothing in them needs the interpreter. Offsets are those of `rust/kernel/src/abi.rs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock

from ironbatch.kernels.jit.code import (
    ADDRESSES,
    BYTE,
    CANCELLED,
    INT,
    MAX_RANK,
    OK,
    RANDOM_BYTES,
    WORD,
    Argument,
    Code,
    Shape,
)

__all__ = ["Wrapped", "wrap"]

_numbers = itertools.count()


@dataclass(frozen=True)
class Wrapped:
    """Compiled functions of the interface.

    Attributes
    ----------
    addresses : dict of str to int
        Of ``prepare``, ``drop_plan``, ``infer``, ``infer_items`` and ``run``.
    library : object
        What they lie in.
    """

    addresses: dict[str, int]
    library: Any


@global_compiler_lock  # type: ignore[untyped-decorator]
def wrap(
    compiled: Any,
    arguments: Sequence[Argument],
    shape: Shape,
    outputs: Sequence[tuple[int, int]],
) -> Wrapped:
    """Write the functions of the interface.

    Parameters
    ----------
    compiled : object
        What numba has made of the function, its result left out.
    arguments : sequence of Argument
        What it takes, in its order.
    shape : Shape
        How the shapes of outputs are found.
    outputs : sequence of (int, int)
        For each output the code of its dtype, and its number of axes.
    """
    context = compiled.target_context
    number = next(_numbers)
    library = context.codegen().create_library(f"ironbatch_kernel_{number}")
    library.enable_object_caching = lambda: None
    library.add_linking_library(compiled.library)
    if shape.compiled is not None:
        library.add_linking_library(shape.compiled.library)
    module = library.create_ir_module(f"ironbatch_kernel_{number}")
    pointer = BYTE.as_pointer()
    names = {}
    for name, count, write in (
        ("infer", 4, _infer),
        ("infer_items", 3, _infer_items),
        ("run", 1, _run),
    ):
        names[name] = f"ironbatch_{name}_{number}"
        function = ir.Function(module, ir.FunctionType(INT, [pointer] * count), names[name])
        code = Code(context, module, function)
        write(code, compiled, arguments, shape, outputs)
    library.add_ir_module(module)
    library.finalize()
    addresses = {name: library.get_pointer_to_function(symbol) for name, symbol in names.items()}
    for name in ("prepare", "drop_plan"):
        addresses[name] = ADDRESSES[name]
    return Wrapped(addresses, library)


def _infer(
    code: Code,
    compiled: Any,
    arguments: Sequence[Argument],
    shape: Shape,
    outputs: Sequence[tuple[int, int]],
) -> None:
    plan, inputs, specs, message = code.arguments
    lengths = [
        [
            code.load(code.load(inputs, 8 * one.number), 24 + 8 * axis)
            for axis in range(one.type.ndim)
        ]
        for one in arguments
        if one.role == "input"
    ]
    words = code.load(plan)
    none = code.constant(-1)

    def param(argument: Argument) -> Any:
        if argument.role == "constant":
            return code.fixed(argument)
        return code.param(argument, words, None, none)

    found = code.shapes(shape, outputs, lengths, param, lambda info: code.fail(message, none, info))
    for number, ((dtype, ndim), one) in enumerate(zip(outputs, found, strict=True)):
        spec = code.load(specs, 8 * number)
        _write_spec(code, spec, dtype, ndim)
        for axis, length in enumerate(one):
            code.store(length, spec, 24 + 8 * axis)
    code.builder.ret(OK)


def _write_spec(code: Code, spec: Any, dtype: int, ndim: int) -> None:
    for offset, number in ((8, 1), (12, dtype), (16, ndim)):
        code.store(ir.Constant(INT, number), spec, offset)


def _infer_items(
    code: Code,
    compiled: Any,
    arguments: Sequence[Argument],
    shape: Shape,
    outputs: Sequence[tuple[int, int]],
) -> None:
    call, specs, shapes = code.arguments
    words, given = code.load(code.load(call, 8)), code.load(call, 56)
    start, end = code.load(call, 24), code.load(call, 32)
    message = code.load(call, 80)
    sources = [one for one in arguments if one.role == "input"]
    operands = [code.load(code.load(call, 40), 8 * one.number) for one in sources]
    for number, (dtype, ndim) in enumerate(outputs):
        _write_spec(code, code.load(specs, 8 * number), dtype, ndim)
    places = [code.load(shapes, 8 * number) for number in range(len(outputs))]
    with _items(code, call, start, end) as item:

        def param(argument: Argument) -> Any:
            if argument.role == "constant":
                return code.fixed(argument)
            return code.param(argument, words, given, item)

        lengths = [
            code.axes(operand, item, one.type)[1]
            for operand, one in zip(operands, sources, strict=True)
        ]
        found = code.shapes(
            shape, outputs, lengths, param, lambda info: code.fail(message, item, info)
        )
        row = code.builder.sub(item, start)
        for place, one in zip(places, found, strict=True):
            for axis, length in enumerate(one):
                code.store(length, code.at(place, row, 8 * MAX_RANK), 8 * axis)
    code.builder.ret(OK)


def _run(
    code: Code,
    compiled: Any,
    arguments: Sequence[Argument],
    shape: Shape,
    outputs: Sequence[tuple[int, int]],
) -> None:
    (call,) = code.arguments
    builder = code.builder
    words, given = code.load(code.load(call, 8)), code.load(call, 56)
    start, end = code.load(call, 24), code.load(call, 32)
    random, message = code.load(call, 72), code.load(call, 80)
    operands: Mapping[str, Any] = {"input": code.load(call, 40), "output": code.load(call, 48)}
    state = None
    if any(one.role == "rng" for one in arguments):
        memory = cgutils.alloca_once(builder, ir.ArrayType(WORD, RANDOM_BYTES // 8))
        memory.align = 16
        state = builder.ptrtoint(memory, WORD)
    for one in arguments:
        if one.role in operands and one.type.layout == "C":
            operand = code.load(operands[one.role], 8 * one.number)
            fits = code.lies_in_order(operand, one.type)
            with builder.if_then(builder.not_(fits), likely=False):
                code.say(message, start, "was compiled for items that lie in C order")
    with _items(code, call, start, end) as item:
        values = []
        for one in arguments:
            if one.role in operands:
                operand = code.load(operands[one.role], 8 * one.number)
                values.append(code.array(operand, item, one.type))
            elif one.role == "param":
                values.append(code.param(one, words, given, item))
            elif one.role == "constant":
                values.append(code.fixed(one))
            else:
                values.append(code.generator(one.type, state, random, item))
        code.call(compiled, values, lambda info: code.fail(message, item, info))
    builder.ret(OK)


class _items:  # noqa: N801 - a context manager
    """A loop over the items of a call, which ends early when the call is cancelled."""

    def __init__(self, code: Code, call: Any, start: Any, end: Any) -> None:
        self._code = code
        self._cancel = code.load(call, 64)
        step = code.constant(1)
        self._loop = cgutils.for_range_slice(code.builder, start, end, step, WORD)

    def __enter__(self) -> Any:
        item, _ = self._loop.__enter__()
        builder = self._code.builder
        with builder.if_then(self._code.is_set(self._cancel), likely=False):
            builder.ret(CANCELLED)
        return item

    def __exit__(self, *error: Any) -> Any:
        return self._loop.__exit__(*error)
