"""Kernels of compiled functions: numba's ``@cfunc`` and SciPy's `LowLevelCallable`."""

from __future__ import annotations

import ctypes
import re
from typing import Any, NamedTuple

from ironbatch._core import kernel_of_pointer
from ironbatch.kernels.kernel import Kernel

__all__ = ["kernel_of", "same_kernel"]

_ACCEPTED = (
    "double (double)",
    "double (double, void *)",
    "float (float)",
    "float (float, void *)",
    "int (double *, intptr_t, double *, intptr_t, void *)",
    "int (double *, intptr_t, double *, void *)",
)
_SIGNATURES = {re.sub(r"\s", "", signature) for signature in _ACCEPTED}
# What an intptr_t is called, by C programmers, Cython, ctypes and numba.
_WORD = re.compile(
    r"\b(npy_intp|Py_ssize_t|ssize_t|ptrdiff_t|int64_t|int64|long long|longlong|long)\b"
)


# Kernels of functions that were given as they are, by signature, address and data.
_known: dict[tuple[str, int, int], Kernel] = {}
_MOST = 64


def same_kernel(function: Any) -> Kernel:
    """Return a kernel for a compiled function: for the same function the same kernel.

    It learns how long an item takes.
    """
    parts = _parts(function)
    key = parts.signature, parts.address, parts.data
    kernel = _known.get(key)
    if kernel is None:
        if len(_known) >= _MOST:
            _known.clear()
        # It keeps the function, so nothing else can come to its address.
        kernel = _known[key] = _made(parts, function, "__main__")
    return kernel


def kernel_of(function: Any, module: str) -> Kernel:
    """Make a kernel of a compiled function.

    Parameters
    ----------
    function : numba ``CFunc`` or scipy.LowLevelCallable
        The function; it is kept as long as the kernel is used.
    module : str
        The module that has the kernel as an attribute, from which it is unpickled.

    Raises
    ------
    TypeError
        If its signature is none of those that kernels are made of; the message lists them.
    """
    return _made(_parts(function), function, module)


class _Parts(NamedTuple):
    """What is known about a compiled function."""

    signature: str
    name: str
    doc: str | None
    address: int
    data: int


def _parts(function: Any) -> _Parts:
    if not isinstance(function, tuple):
        doc = function._pyfunc.__doc__
        signature = _c_signature(function._sig)
        return _Parts(signature, function.__name__, doc, function.address, 0)
    callback: Any = function
    # A `LowLevelCallable` has a capsule with function, signature and data.
    capsule = tuple.__getitem__(function, 0)
    api = ctypes.pythonapi
    for call, arguments in (
        (api.PyCapsule_GetPointer, (ctypes.py_object, ctypes.c_char_p)),
        (api.PyCapsule_GetContext, (ctypes.py_object,)),
    ):
        call.restype, call.argtypes = ctypes.c_void_p, arguments
    signature = callback.signature
    address = api.PyCapsule_GetPointer(capsule, signature.encode())
    data = api.PyCapsule_GetContext(capsule) or 0
    name = getattr(callback.function, "__name__", "")
    return _Parts(signature, name, None, address, data)


def _made(parts: _Parts, owner: object, module: str) -> Kernel:
    signature = parts.signature
    name = parts.name if parts.name.isidentifier() else "c_function"
    known = re.sub(r"\s", "", _WORD.sub("intptr_t", signature))
    if known not in _SIGNATURES:
        raise TypeError(
            f"{name} has the signature {signature!r}; kernels are made of functions of one of "
            f"{', '.join(map(repr, _ACCEPTED))}"
        )
    doc = parts.doc or f"The C function ``{signature}``."
    native = kernel_of_pointer(known, name, doc, parts.address, parts.data, owner)
    return Kernel(native, module)


def _c_signature(signature: Any) -> str:
    """Write a signature of numba as C does."""
    from numba.core import types

    names = {
        types.float64: "double",
        types.float32: "float",
        types.int32: "int",
        types.intp: "intptr_t",
        types.voidptr: "void *",
    }

    def name(kind: Any) -> str:
        if isinstance(kind, types.CPointer):
            return f"{name(kind.dtype)} *"
        return names.get(kind, str(kind))

    return f"{name(signature.return_type)} ({', '.join(map(name, signature.args))})"
