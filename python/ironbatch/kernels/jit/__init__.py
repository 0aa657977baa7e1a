"""Kernels from Python functions, and from compiled functions that one has already.

A kernel in Python is a function of one item that writes into its outputs. numba compiles it when it
first meets items of a type, and from then on it is a kernel like any other: it runs on all cores
without the GIL, in pipelines, batches and chains.

    @ironbatch.kernel
    def despike(x, out, threshold=3.0):
        last = x[0]
        for i in range(len(x)):
            if abs(x[i] - last) <= threshold:
                last = x[i]
            out[i] = last

    despike(signal, threshold=2)                                    # once, on one item
    batch.apply_parallel(despike.bind(threshold=2), src='signals')  # on all items
    pipeline.apply_parallel(despike, src='signals', threshold=C('threshold'))

What an argument is, its place and name tell. Those before the outputs are inputs; outputs are
called ``out`` or begin with ``out_``, or are named in ``outputs=``; those behind them are
parameters, which may have defaults; ``rng`` is the item's own random stream. Without further words
an output has the dtype and shape of the first input; ``dtype=`` and ``shape=`` say otherwise.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, overload

from ironbatch.kernels.jit.compiling import Options
from ironbatch.kernels.jit.declaration import parameter_names
from ironbatch.kernels.jit.function import FunctionKernel
from ironbatch.kernels.kernel import Kernel
from ironbatch.kernels.pointers import kernel_of
from ironbatch.targets.native import is_pointer

__all__ = ["FunctionKernel", "kernel"]


@overload
def kernel(function: Any, /) -> Kernel: ...
@overload
def kernel(
    *,
    outputs: str | Sequence[str] | None = None,
    dtype: Any = None,
    shape: tuple[int, ...] | Callable[..., Any] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], FunctionKernel]: ...
def kernel(
    function: Any = None,
    /,
    *,
    outputs: str | Sequence[str] | None = None,
    dtype: Any = None,
    shape: tuple[int, ...] | Callable[..., Any] | None = None,
    **options: Any,
) -> Any:
    """Make a kernel of a Python function of one item, or of a compiled one.

    The function is compiled by numba, in its nopython mode, when the kernel meets items of a dtype
    and number of axes for the first time; each such type is compiled once in a process. Inputs are
    arrays that cannot be written to; outputs are arrays to be filled, which hold anything before;
    parameters are numbers, arrays of numbers, strings or None. Numbers and rows of numbers may
    differ from item to item (``P(...)``).

    Parameters
    ----------
    function : function, numba ``CFunc`` or scipy.LowLevelCallable
        A Python function: its arguments are inputs, outputs and then parameters. It returns
        nothing, and may be one that `numba.njit` has decorated. Or a function that is compiled
        already, of one of these signatures (an intptr_t may be called npy_intp, Py_ssize_t, long or
        int64_t):

        - ``double (double)`` or ``double (double, void *)``, also with float: for each element of
          an item, as `scipy.integrate.quad` takes it;
        - ``int (double *in, intptr_t n, double *out, intptr_t n_out, void *)``: from an item of one
          axis to one of the same length, as `scipy.ndimage.generic_filter1d` takes it;
        - ``int (double *in, intptr_t n, double *out, void *)``: from the elements of an item to one
          number, as `scipy.ndimage.generic_filter` takes it.

        Those with int return 0 if they fail. The elements that they get are a copy.
    outputs : str or sequence of str, optional
        Which arguments are outputs; by default ``out`` and those that begin with ``out_``.
    dtype : dtype, sequence of them, or callable, optional
        Dtypes of the outputs: one for all, one for each, or a function that gives these from the
        dtypes of the inputs. By default that of the first input.
    shape : tuple of int or callable, optional
        Shape of the outputs. A function is compiled too; its arguments are inputs and parameters by
        name, of inputs it sees ``shape``, ``ndim``, ``size`` and ``len()``, and it gives a tuple of
        lengths, or one tuple for each output. It is asked for each item where items or parameters
        differ. By default that of the first input.
    **options
        Options of `numba.njit`: ``boundscheck=True`` makes an index outside of an array an error
        (numba does not look without it, and such a write ruins memory), ``cache=True`` keeps what
        was compiled on disk where numba can, further ``fastmath``, ``error_model``, ``inline``.

    Returns
    -------
    Kernel
        Without a function: a decorator that gives one.

    Raises
    ------
    TypeError
        If the signature is none of a kernel, or the function draws from `numpy.random` or `random`,
        whose numbers follow no seed: it takes ``rng`` instead. When items are met: if numba cannot
        compile it for them, with what numba says.
    ValueError
        For ``parallel=True``: items are what runs in parallel.
    MissingPackageError
        When items are met, if numba is not installed; with the pip command.

    Notes
    -----
    An exception that the function raises becomes that of the item, of the same class, with the name
    of the kernel before its text. ``rng`` is a `numpy.random.Generator` over the item's own stream:
    numba draws from it what NumPy draws, so the same seed gives the same bytes at any number of
    threads.

    Examples
    --------
    >>> import ironbatch
    >>> @ironbatch.kernel
    ... def clipped(x, out, low=0.0, high=1.0):
    ...     for i in range(x.size):
    ...         out[i] = min(max(x[i], low), high)
    >>> clipped
    <kernel ironbatch.kernels.jit.clipped(x, *, low: float = 0.0, high: float = 1.0)>
    >>> clipped([0.5, 1.5], high=1.25)  # doctest: +SKIP
    array([0.5 , 1.25])
    """
    if options.get("parallel"):
        raise ValueError("parallel=True: a kernel is for one item, and items run in parallel")
    if shape is not None and not callable(shape):
        shape = tuple(int(length) for length in shape)
    settings = Options(dtype, shape, options)
    if is_pointer(function):
        module = sys._getframe(1).f_globals.get("__name__", "__main__")
        if outputs is not None or dtype is not None or shape is not None or options:
            raise TypeError(f"{function!r} is compiled already and takes no options")
        return kernel_of(function, module)

    def decorate(function: Callable[..., Any]) -> FunctionKernel:
        made = FunctionKernel(function, outputs, settings)
        if callable(shape):
            _check_shape(made, shape)
        return made

    return decorate if function is None else decorate(function)


def _check_shape(made: FunctionKernel, shape: Callable[..., Any]) -> None:
    declared = made.native
    known = {*declared.inputs, *(name for name, *_ in declared.params)}
    for name in parameter_names(shape):
        if name not in known:
            raise TypeError(
                f"kernel {made.__name__}: its shape depends on {name!r}, which is no input and no "
                f"parameter; the signature is {declared.signature}"
            )
    if any(
        one.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
        for one in inspect.signature(shape).parameters.values()
    ):
        raise TypeError(f"kernel {made.__name__}: the function of its shape names its arguments")
