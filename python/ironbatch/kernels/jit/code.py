"""What functions of the kernel interface are written with: their arguments, arrays and calls.

It is LLVM's language rather than Python, as numba has it for its own universal functions. Addresses
are 64-bit numbers; offsets are those of `rust/kernel/src/abi.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.np.arrayobj import make_array, populate_array

from ironbatch._core import kernel_entries
from ironbatch.kernels.raised import MARK

__all__ = [
    "ADDRESSES",
    "BYTE",
    "CANCELLED",
    "INT",
    "MAX_RANK",
    "OK",
    "RANDOM_BYTES",
    "WORD",
    "Argument",
    "Code",
    "Shape",
]

BYTE, INT, WORD, _REAL = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()
OK, _FAILED, CANCELLED = (ir.Constant(INT, code) for code in range(3))
_RAGGED = 2
MAX_RANK = 8
"""Places for lengths that the interface has for each shape."""
_ENTRIES, RANDOM_BYTES = kernel_entries()
ADDRESSES = dict(_ENTRIES)
"""Functions of the compiled library that may be called."""


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


class Code:
    """Writes one function.

    Parameters
    ----------
    context : object
        What numba compiles for.
    module : object
        What the function is in.
    function : object
        The function, of which each argument is an address.
    """

    def __init__(self, context: Any, module: Any, function: Any) -> None:
        self.context = context
        self.module = module
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.arguments = [self.builder.ptrtoint(one, WORD) for one in function.args]

    def constant(self, number: int) -> Any:
        """Give a number of 64 bits."""
        return ir.Constant(WORD, number)

    def load(self, address: Any, offset: int = 0, kind: Any = WORD) -> Any:
        """Read what lies at an address, some bytes on."""
        return self.builder.load(self.pointer(address, offset, kind))

    def store(self, value: Any, address: Any, offset: int = 0) -> None:
        """Write a value to an address, some bytes on."""
        self.builder.store(value, self.pointer(address, offset, value.type))

    def pointer(self, address: Any, offset: int = 0, kind: Any = BYTE) -> Any:
        """Make a pointer of an address, some bytes on."""
        place = self.builder.add(address, self.constant(offset)) if offset else address
        return self.builder.inttoptr(place, kind.as_pointer())

    def at(self, address: Any, index: Any, size: int = 8) -> Any:
        """Give the address of an element."""
        return self.builder.add(address, self.builder.mul(index, self.constant(size)))

    def is_set(self, address: Any) -> Any:
        """Whether the flag at an address is set, which may change at any time."""
        flag = self.builder.load_atomic(self.pointer(address), "monotonic", 1)
        return self.builder.icmp_unsigned("!=", flag, ir.Constant(BYTE, 0))

    def is_null(self, address: Any) -> Any:
        """Whether an address is 0."""
        return self.builder.icmp_unsigned("==", address, self.constant(0))

    # ---- arrays

    def axes(self, operand: Any, item: Any, array: Any) -> tuple[Any, list[Any], list[Any]]:
        """Give the address, shape and strides of an item of an operand."""
        builder = self.builder
        size = self.context.get_abi_sizeof(self.context.get_data_type(array.dtype))
        slots = [cgutils.alloca_once(builder, WORD) for _ in range(1 + 2 * array.ndim)]
        place, lengths, strides = slots[0], slots[1 : 1 + array.ndim], slots[1 + array.ndim :]
        is_ragged = builder.icmp_unsigned(
            "==", self.load(operand, 8, INT), ir.Constant(INT, _RAGGED)
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
        fits = builder.icmp_unsigned("==", self.load(operand, 8, INT), ir.Constant(INT, _RAGGED))
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
                value = builder.zext(self.load(place, 0, BYTE), WORD)
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
        begin = ir.FunctionType(ir.VoidType(), [WORD, WORD, WORD])
        function = self.pointer(self.constant(ADDRESSES["start_random"]), 0, begin)
        builder.call(function, [state, random, item])
        made = cgutils.create_struct_proxy(kind)(self.context, builder)
        model = self.context.data_model_manager[kind]
        bits = cgutils.create_struct_proxy(model.get_type(0))(self.context, builder)
        bits.state_address = bits.state = state
        bits.fnptr_next_uint64 = self.constant(ADDRESSES["next_u64"])
        bits.fnptr_next_uint32 = self.constant(ADDRESSES["next_u32"])
        bits.fnptr_next_double = self.constant(ADDRESSES["next_double"])
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
            info = builder.ptrtoint(status.excinfoptr, WORD)
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
                self.store(ir.Constant(BYTE, byte), text, at)
            for place in range(16):
                nibble = builder.lshr(info, self.constant(4 * place))
                nibble = builder.and_(builder.trunc(nibble, BYTE), ir.Constant(BYTE, 15))
                letter = builder.add(nibble, ir.Constant(BYTE, ord("a")))
                self.store(letter, text, len(MARK) + place)
            self.store(self.constant(length), message, 32)
        self.store(item, message, 8)
        builder.ret(_FAILED)

    def say(self, message: Any, item: Any, said: str) -> None:
        """Fail with a text."""
        text = self.load(message, 16)
        for at, byte in enumerate(said.encode()):
            self.store(ir.Constant(BYTE, byte), text, at)
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
