"""The table of one compiled kernel, as the kernel interface has it (`rust/kernel/src/abi.rs`)."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["DTYPES", "FLAGS", "PARAM_KINDS", "OperandOf", "ParamOf", "Table"]

_MAGIC = int.from_bytes(b"IRONBTCH", "little")
_VERSION = (0, 2)
_CAPSULE = b"ironbatch.kernel_table.v1"

_NAMES = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64"
DTYPES: Mapping[np.dtype[Any], int] = {
    np.dtype(name): code for code, name in enumerate(_NAMES.split(), start=1)
}
"""Codes of dtypes."""
PARAM_KINDS: Mapping[str, int] = {"bool": 1, "int": 2, "float": 3, "row": 6, "array": 9}
"""Codes of the types of parameters."""
FLAGS: Mapping[str, int] = {"random": 2}
"""Flags of kernels."""
_PER_ITEM = 4
_DENSE_OR_RAGGED = 3


class _Text(ctypes.Structure):
    _fields_ = (("data", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Operand(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("name", _Text),
        ("dtypes", ctypes.c_uint64),
        ("type_variable", ctypes.c_uint32),
        ("kinds", ctypes.c_uint32),
        ("min_rank", ctypes.c_uint32),
        ("max_rank", ctypes.c_uint32),
    )


class _Value(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("kind", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("integer", ctypes.c_int64),
        ("real", ctypes.c_double),
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
    )


class _Param(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("name", _Text),
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("default", _Value),
    )


class _Kernel(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("name", _Text),
        ("doc", _Text),
        ("flags", ctypes.c_uint64),
        ("inputs", ctypes.c_void_p),
        ("n_inputs", ctypes.c_size_t),
        ("outputs", ctypes.c_void_p),
        ("n_outputs", ctypes.c_size_t),
        ("params", ctypes.c_void_p),
        ("n_params", ctypes.c_size_t),
        ("prepare", ctypes.c_void_p),
        ("drop_plan", ctypes.c_void_p),
        ("infer", ctypes.c_void_p),
        ("infer_items", ctypes.c_void_p),
        ("new_state", ctypes.c_void_p),
        ("drop_state", ctypes.c_void_p),
        ("run", ctypes.c_void_p),
    )


class _Table(ctypes.Structure):
    _fields_ = (
        ("magic", ctypes.c_uint64),
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("struct_size", ctypes.c_size_t),
        ("name", _Text),
        ("version", _Text),
        ("kernels", ctypes.c_void_p),
        ("n_kernels", ctypes.c_size_t),
    )


class OperandOf(NamedTuple):
    """An input or output: its name, dtype and number of axes."""

    name: str
    dtype: np.dtype[Any]
    ndim: int


class ParamOf(NamedTuple):
    """A parameter: its name, one of `PARAM_KINDS`, and whether it may come per item."""

    name: str
    kind: str
    per_item: bool


class Table:
    """A table in memory that lives as long as this, with what its functions need.

    Parameters
    ----------
    name, doc : str
        Of the kernel.
    random : bool
        Whether it draws random numbers.
    inputs, outputs : sequence of OperandOf
        What goes in and comes out; items may be of differing shapes.
    params : sequence of ParamOf
        Its parameters.
    functions : mapping of str to int
        Addresses of ``prepare``, ``drop_plan``, ``infer``, ``infer_items`` and ``run``.
    keeps : object
        What the functions lie in.
    """

    def __init__(
        self,
        *,
        name: str,
        doc: str,
        random: bool,
        inputs: Sequence[OperandOf],
        outputs: Sequence[OperandOf],
        params: Sequence[ParamOf],
        functions: Mapping[str, int],
        keeps: object,
    ) -> None:
        self._kept: list[object] = [keeps]
        kernel = _Kernel(
            ctypes.sizeof(_Kernel),
            self._text(name),
            self._text(doc),
            FLAGS["random"] if random else 0,
            *self._list([self._operand(one) for one in inputs]),
            *self._list([self._operand(one) for one in outputs]),
            *self._list([self._param(one) for one in params]),
            **functions,
        )
        self._table = _Table(
            _MAGIC,
            *_VERSION,
            ctypes.sizeof(_Table),
            self._text(name),
            self._text(""),
            *self._list([kernel]),
        )

    def __kernel_table__(self) -> object:
        """Give the table in a capsule."""
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        return make(ctypes.addressof(self._table), _CAPSULE, None)

    def _text(self, text: str) -> _Text:
        data = text.encode()
        self._kept.append(data)
        return _Text(data, len(data))

    def _list(self, structs: Sequence[ctypes.Structure]) -> tuple[int | None, int]:
        if not structs:
            return None, 0
        pointers = (ctypes.c_void_p * len(structs))(*map(ctypes.addressof, structs))
        self._kept.extend((*structs, pointers))
        return ctypes.addressof(pointers), len(structs)

    def _operand(self, operand: OperandOf) -> _Operand:
        return _Operand(
            ctypes.sizeof(_Operand),
            self._text(operand.name),
            1 << DTYPES[operand.dtype],
            0,
            _DENSE_OR_RAGGED,
            operand.ndim,
            operand.ndim,
        )

    def _param(self, param: ParamOf) -> _Param:
        flags = _PER_ITEM if param.per_item else 0
        empty = _Value(ctypes.sizeof(_Value))
        return _Param(
            ctypes.sizeof(_Param), self._text(param.name), PARAM_KINDS[param.kind], flags, empty
        )
