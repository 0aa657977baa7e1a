"""The functions of the kernel interface around a function that numba has compiled.

They are written in LLVM's language rather than in Python, as numba does for its own universal
functions: so they compile in a moment, an exception is a status and not a message on the terminal,
and nothing in them needs the interpreter. Addresses are 64-bit numbers; offsets are those of
`rust/kernel/src/abi.rs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.np.arrayobj import make_array, populate_array

from ironbatch._core import kernel_entries
from ironbatch.kernels.raised import MARK

__all__ = ["Argument", "Wrapped", "wrap"]

_BYTE, _INT, _WORD, _REAL = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()
_OK, _FAILED, _CANCELLED = (ir.Constant(_INT, code) for code in range(3))
_RAGGED = 2
_MAX_RANK = 8
_ENTRIES, _RANDOM_BYTES = kernel_entries()
_ADDRESSES = dict(_ENTRIES)
_numbers = itertools.count()


@dataclass(frozen=True)
class Argument:
    """An argument of the function.

    Attributes
    ----------
    role : str
        ``'input'``, ``'output'``, ``'param'``, ``'constant'`` or ``'rng'``.
    number : int
        Which of its role.
    type : numba type
        Its type.
    how : str
        For parameters: ``'bool'``, ``'int'``, ``'float'``, ``'array'`` or ``'row'`` (an array for
        each item).
    value : object
        For constants.
    """

    role: str
    number: int
    type: Any
    how: str = ""
    value: Any = None


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


@dataclass(frozen=True)
class Shape:
    """How the shape of outputs is found.

    Attributes
    ----------
    compiled : object or None
        A compiled function of the shapes of inputs and of parameters; None if all outputs have the
        shape of the first input, or `constant`.
    arguments : sequence of Argument
        What it takes.
    constant : tuple of int or None
        The shape of all outputs.
    """

    compiled: Any = None
    arguments: Sequence[Argument] = ()
    constant: tuple[int, ...] | None = None


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
    pointer = _BYTE.as_pointer()
    names = {}
    for name, count, write in (
        ("infer", 4, _infer),
        ("infer_items", 3, _infer_items),
        ("run", 1, _run),
    ):
        names[name] = f"ironbatch_{name}_{number}"
        function = ir.Function(module, ir.FunctionType(_INT, [pointer] * count), names[name])
        code = _Code(context, module, function)
        write(code, compiled, arguments, shape, outputs)
    library.add_ir_module(module)
    library.finalize()
    addresses = {name: library.get_pointer_to_function(symbol) for name, symbol in names.items()}
    for name in ("prepare", "drop_plan"):
        addresses[name] = _ADDRESSES[name]
    return Wrapped(addresses, library)


class _Code:
    """Writes one function."""

    def __init__(self, context: Any, module: Any, function: Any) -> None:
        self.context = context
        self.module = module
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.arguments = [self.builder.ptrtoint(one, _WORD) for one in function.args]

    def constant(self, number: int) -> Any:
        return ir.Constant(_WORD, number)

    def load(self, address: Any, offset: int = 0, kind: Any = _WORD) -> Any:
        return self.builder.load(self.pointer(address, offset, kind))

    def store(self, value: Any, address: Any, offset: int = 0) -> None:
        self.builder.store(value, self.pointer(address, offset, value.type))

    def pointer(self, address: Any, offset: int = 0, kind: Any = _BYTE) -> Any:
        place = self.builder.add(address, self.constant(offset)) if offset else address
        return self.builder.inttoptr(place, kind.as_pointer())

    def at(self, address: Any, index: Any, size: int = 8) -> Any:
        """Give the address of an element."""
        return self.builder.add(address, self.builder.mul(index, self.constant(size)))

    def is_set(self, address: Any) -> Any:
        """Whether the flag at an address is set, which may change at any time."""
        flag = self.builder.load_atomic(self.pointer(address), "monotonic", 1)
        return self.builder.icmp_unsigned("!=", flag, ir.Constant(_BYTE, 0))

    def is_null(self, address: Any) -> Any:
        return self.builder.icmp_unsigned("==", address, self.constant(0))

    # ---- arrays

    def axes(self, operand: Any, item: Any, array: Any) -> tuple[Any, list[Any], list[Any]]:
        """Give the address, shape and strides of an item of an operand."""
        builder = self.builder
        size = self.context.get_abi_sizeof(self.context.get_data_type(array.dtype))
        slots = [cgutils.alloca_once(builder, _WORD) for _ in range(1 + 2 * array.ndim)]
        place, lengths, strides = slots[0], slots[1 : 1 + array.ndim], slots[1 + array.ndim :]
        is_ragged = builder.icmp_unsigned(
            "==", self.load(operand, 8, _INT), ir.Constant(_INT, _RAGGED)
        )
        with builder.if_else(is_ragged, likely=False) as (ragged, dense):
            with ragged:
                first = self.load(self.at(self.load(operand, 168), item))
                builder.store(self.at(self.load(operand, 24), first, size), place)
                shape = self.at(self.load(operand, 176), item, 8 * array.ndim)
                loaded = [self.load(shape, 8 * axis) for axis in range(array.ndim)]
                self._spread(loaded, lengths, strides, size)
            with dense:
                start = builder.mul(self.load(operand, 32), item)
                builder.store(builder.add(self.load(operand, 24), start), place)
                loaded = [self.load(operand, 40 + 8 * axis) for axis in range(array.ndim)]
                self._spread(loaded, lengths, strides, size)
                if array.layout != "C":
                    for axis, slot in enumerate(strides):
                        builder.store(self.load(operand, 104 + 8 * axis), slot)
        return (
            builder.load(place),
            [builder.load(slot) for slot in lengths],
            [builder.load(slot) for slot in strides],
        )

    def _spread(self, shape: Sequence[Any], lengths: Any, strides: Any, size: int) -> None:
        step = self.constant(size)
        for length, slot, stride in reversed(list(zip(shape, lengths, strides, strict=True))):
            self.builder.store(length, slot)
            self.builder.store(step, stride)
            step = self.builder.mul(step, length)

    def array(self, operand: Any, item: Any, array: Any) -> Any:
        """Give an item of an operand as an array of numba."""
        place, shape, strides = self.axes(operand, item, array)
        made = make_array(array)(self.context, self.builder)
        kind = self.context.get_data_type(array.dtype)
        populate_array(
            made,
            data=self.builder.inttoptr(place, kind.as_pointer()),
            shape=shape,
            strides=strides,
            itemsize=self.constant(self.context.get_abi_sizeof(kind)),
            meminfo=None,
        )
        return made._getvalue()

    def empty(self, array: Any) -> Any:
        """Give an array without elements."""
        made = make_array(array)(self.context, self.builder)
        kind = self.context.get_data_type(array.dtype)
        size = self.constant(self.context.get_abi_sizeof(kind))
        populate_array(
            made,
            data=cgutils.get_null_value(kind.as_pointer()),
            shape=[self.constant(0)] * array.ndim,
            strides=[size] * array.ndim,
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    def lies_in_order(self, operand: Any, array: Any) -> Any:
        """Whether items of an operand are what a type in C order says."""
        builder = self.builder
        fits = builder.icmp_unsigned("==", self.load(operand, 8, _INT), ir.Constant(_INT, _RAGGED))
        step = self.constant(self.context.get_abi_sizeof(self.context.get_data_type(array.dtype)))
        in_order: Any = ir.Constant(ir.IntType(1), 1)
        for axis in reversed(range(array.ndim)):
            length, stride = self.load(operand, 40 + 8 * axis), self.load(operand, 104 + 8 * axis)
            one = builder.icmp_signed("==", length, self.constant(1))
            none = builder.icmp_signed("==", length, self.constant(0))
            good = builder.or_(one, builder.icmp_signed("==", stride, step))
            in_order = builder.and_(in_order, good)
            fits = builder.or_(fits, none)
            step = builder.mul(step, length)
        return builder.or_(fits, in_order)

    # ---- what a function takes

    def param(self, argument: Argument, words: Any, given: Any, item: Any) -> Any:
        """Give the value of a parameter: of an item, or the constant one."""
        builder = self.builder
        word = self.load(words, 8 * argument.number)
        if argument.how == "array":
            return self.array(word, self.constant(0), argument.type)
        if given is None:
            if argument.how == "row":
                return self.empty(argument.type)
            return self._scalar(word, argument.how)
        operand = self.load(given, 8 * argument.number)
        if argument.how == "row":
            return self.array(operand, item, argument.type)
        slot = cgutils.alloca_once_value(builder, word)
        with builder.if_then(builder.not_(self.is_null(operand))):
            start = builder.mul(self.load(operand, 32), item)
            place = builder.add(self.load(operand, 24), start)
            if argument.how == "bool":
                value = builder.zext(self.load(place, 0, _BYTE), _WORD)
            else:
                value = self.load(place)
            builder.store(value, slot)
        return self._scalar(builder.load(slot), argument.how)

    def _scalar(self, word: Any, how: str) -> Any:
        if how == "float":
            return self.builder.bitcast(word, _REAL)
        if how == "bool":
            return self.builder.icmp_unsigned("!=", word, self.constant(0))
        return word

    def fixed(self, argument: Argument) -> Any:
        """Give the value of a constant."""
        if argument.type == types.none:
            return self.context.get_dummy_value()
        return self.context.get_constant_generic(self.builder, argument.type, argument.value)

    def generator(self, kind: Any, state: Any, random: Any, item: Any) -> Any:
        """Begin the stream of an item, and give numba's generator over it."""
        builder = self.builder
        begin = ir.FunctionType(ir.VoidType(), [_WORD, _WORD, _WORD])
        function = self.pointer(self.constant(_ADDRESSES["start_random"]), 0, begin)
        builder.call(function, [state, random, item])
        made = cgutils.create_struct_proxy(kind)(self.context, builder)
        model = self.context.data_model_manager[kind]
        bits = cgutils.create_struct_proxy(model.get_type(0))(self.context, builder)
        bits.state_address = bits.state = state
        bits.fnptr_next_uint64 = self.constant(_ADDRESSES["next_u64"])
        bits.fnptr_next_uint32 = self.constant(_ADDRESSES["next_u32"])
        bits.fnptr_next_double = self.constant(_ADDRESSES["next_double"])
        made.bit_generator = bits._getvalue()
        return made._getvalue()

    # ---- calls

    def call(self, compiled: Any, arguments: Sequence[Any], fail: Callable[[Any], None]) -> Any:
        """Call a compiled function; `fail` writes what to do with an exception."""
        builder = self.builder
        status, result = self.context.call_internal_no_propagate(
            builder, compiled.fndesc, compiled.signature, arguments
        )
        with builder.if_then(status.is_error, likely=False):
            info = builder.ptrtoint(status.excinfoptr, _WORD)
            fail(builder.select(status.is_user_exc, info, self.constant(0)))
        return result

    def fail(self, message: Any, item: Any, info: Any) -> None:
        """Say which exception an item has raised, in letters for the bits of its address."""
        builder = self.builder
        length = len(MARK) + 16
        has_room = builder.icmp_unsigned(">=", self.load(message, 24), self.constant(length))
        with builder.if_then(has_room):
            text = self.load(message, 16)
            for at, byte in enumerate(MARK.encode()):
                self.store(ir.Constant(_BYTE, byte), text, at)
            for place in range(16):
                nibble = builder.lshr(info, self.constant(4 * place))
                nibble = builder.and_(builder.trunc(nibble, _BYTE), ir.Constant(_BYTE, 15))
                letter = builder.add(nibble, ir.Constant(_BYTE, ord("a")))
                self.store(letter, text, len(MARK) + place)
            self.store(self.constant(length), message, 32)
        self.store(item, message, 8)
        builder.ret(_FAILED)

    def say(self, message: Any, item: Any, said: str) -> None:
        """Fail with a text."""
        text = self.load(message, 16)
        for at, byte in enumerate(said.encode()):
            self.store(ir.Constant(_BYTE, byte), text, at)
        self.store(self.constant(len(said.encode())), message, 32)
        self.store(item, message, 8)
        self.builder.ret(_FAILED)

    def shapes(
        self,
        shape: Shape,
        outputs: Sequence[tuple[int, int]],
        inputs: Sequence[Sequence[Any]],
        param: Callable[[Argument], Any],
        fail: Callable[[Any], None],
    ) -> list[list[Any]]:
        """Give the shape of each output, from those of the inputs."""
        if shape.constant is not None:
            return [[self.constant(length) for length in shape.constant] for _ in outputs]
        if shape.compiled is None:
            return [list(inputs[0]) for _ in outputs]
        given = []
        for argument in shape.arguments:
            if argument.role == "input":
                made = cgutils.create_struct_proxy(argument.type)(self.context, self.builder)
                tuple_type = types.UniTuple(types.intp, argument.type.ndim)
                lengths = inputs[argument.number]
                made.shape = self.context.make_tuple(self.builder, tuple_type, lengths)
                given.append(made._getvalue())
            else:
                given.append(param(argument))
        result = self.call(shape.compiled, given, fail)
        return self._lengths(result, shape.compiled.signature.return_type, outputs)

    def _lengths(self, result: Any, kind: Any, outputs: Sequence[Any]) -> list[list[Any]]:
        if isinstance(kind, types.Integer):
            parts = [[(result, kind)]] * len(outputs)
        else:
            elements = self._elements(result, kind)
            if elements and not isinstance(elements[0][1], types.Integer):
                parts = [self._elements(*one) for one in elements]
            else:
                parts = [elements] * len(outputs)
        cast = self.context.cast
        return [
            [cast(self.builder, value, one, types.intp) for value, one in part] for part in parts
        ]

    def _elements(self, value: Any, kind: Any) -> list[tuple[Any, Any]]:
        return list(zip(cgutils.unpack_tuple(self.builder, value), kind, strict=True))


def _infer(
    code: _Code,
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
    code.builder.ret(_OK)


def _write_spec(code: _Code, spec: Any, dtype: int, ndim: int) -> None:
    for offset, number in ((8, 1), (12, dtype), (16, ndim)):
        code.store(ir.Constant(_INT, number), spec, offset)


def _infer_items(
    code: _Code,
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
                code.store(length, code.at(place, row, 8 * _MAX_RANK), 8 * axis)
    code.builder.ret(_OK)


def _run(
    code: _Code,
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
        memory = cgutils.alloca_once(builder, ir.ArrayType(_WORD, _RANDOM_BYTES // 8))
        memory.align = 16
        state = builder.ptrtoint(memory, _WORD)
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
    builder.ret(_OK)


class _items:  # noqa: N801 - a context manager
    """A loop over the items of a call, which ends early when the call is cancelled."""

    def __init__(self, code: _Code, call: Any, start: Any, end: Any) -> None:
        self._code = code
        self._cancel = code.load(call, 64)
        step = code.constant(1)
        self._loop = cgutils.for_range_slice(code.builder, start, end, step, _WORD)

    def __enter__(self) -> Any:
        item, _ = self._loop.__enter__()
        builder = self._code.builder
        with builder.if_then(self._code.is_set(self._cancel), likely=False):
            builder.ret(_CANCELLED)
        return item

    def __exit__(self, *error: Any) -> Any:
        return self._loop.__exit__(*error)
