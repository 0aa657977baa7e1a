"""A kernel as a Python callable."""

from __future__ import annotations

import inspect
from contextlib import suppress
from importlib import import_module
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from ironbatch._core import NativeKernel
    from ironbatch.kernels.bound import BoundKernel

__all__ = ["Kernel"]


class Kernel:
    """A compiled function of one item.

    Kernels are not made but found: as attributes of `ironbatch.kernels`, or of what `load_kernels`
    returns. They pickle as the module they are found in and their name.

    Parameters
    ----------
    native : NativeKernel
        Handle of the compiled kernel.
    module : str
        The module that has it as an attribute of its name.

    Examples
    --------
    >>> from ironbatch import kernels
    >>> kernels.clip
    <kernel ironbatch.kernels.clip(x, *, low: float | None = None, high: float | None = None)>
    >>> kernels.clip([1, 5, 9.0], low=2, high=6)
    array([2., 5., 6.])
    """

    runs_natively = True
    """Tells whoever takes a function of one item that this runs over all of them at once."""

    def __init__(self, native: NativeKernel, module: str) -> None:
        self._native = native
        self.__module__ = module
        self.__name__ = self.__qualname__ = native.name
        self.__doc__ = native.doc
        self.__signature__ = _signature(native)

    def __call__(self, *inputs: ArrayLike, rng: Any = None, **params: Any) -> Any:
        """Run once, on one item.

        Parameters
        ----------
        *inputs : array-like
            The item: one array for each input of the kernel; behind it, where the kernel takes one,
            may be a bound distribution.
        rng : Generator, int or SeedSequence, optional
            For kernels that draw: what to draw from; see `BoundKernel.__call__`.
        **params
            Parameters of the kernel.

        Returns
        -------
        ndarray, or a tuple of them if the kernel has several outputs
            A NumPy scalar stands for an array without axes.

        Raises
        ------
        TypeError
            For inputs of a dtype or rank that the kernel does not take, and missing, unknown or
            mistyped parameters; the message has the signature.
        ValueError
            For values that the kernel refuses.
        RuntimeError
            If the kernel panics.
        """
        from ironbatch.kernels.distributions import BoundDistribution

        last: Any = inputs[-1] if inputs else None
        unnamed: tuple[Any, ...] = ()
        if isinstance(last, BoundDistribution):
            inputs, unnamed = inputs[:-1], (last,)
        n_inputs = len(self._native.inputs)
        if len(inputs) != n_inputs:
            raise TypeError(
                f"{self.__name__} takes {n_inputs} array(s), got {len(inputs)}; parameters are "
                f"given by name: its signature is {self._native.signature}"
            )
        return self.bind(*unnamed, **params)(*inputs, rng=rng)

    def bind(self, *unnamed: Any, **params: Any) -> BoundKernel:
        """Fix the parameters.

        Parameters
        ----------
        *unnamed
            A bound distribution, if the kernel takes one; other parameters are given by name.
        **params
            Parameters of the kernel: scalars, strings, sequences of numbers, dtypes, bound
            distributions, named expressions that are evaluated for each batch (``C('size')``), or
            ones that give a value for each item (``P(...)``).

        Returns
        -------
        BoundKernel
            A function of one item that also runs over whole components.

        Raises
        ------
        TypeError
            For missing, unknown or mistyped parameters; the message has the signature.
        ValueError
            For values that the kernel refuses.
        """
        from ironbatch.kernels.bound import BoundKernel

        return BoundKernel(self, self._named(unnamed, params))

    def _named(self, unnamed: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        """Give the parameters by name, with a distribution that was given without one."""
        from ironbatch.kernels.distributions import BoundDistribution
        from ironbatch.kernels.parameters import distribution_of

        name = distribution_of(self._native)
        if name is None or len(unnamed) != 1 or not isinstance(unnamed[0], BoundDistribution):
            self._refuse_unnamed(unnamed)
            return params
        if name in params:
            raise TypeError(
                f"{self.__name__}: {name} is given twice; its signature is {self.native.signature}"
            )
        return {name: unnamed[0], **params}

    def _refuse_unnamed(self, given: tuple[Any, ...]) -> None:
        if given:
            raise TypeError(
                f"{self.__name__}: bind takes parameters by name, got {given[0]!r} without one; "
                f"its signature is {self.native.signature}"
            )

    @property
    def draws(self) -> bool:
        """Whether the kernel draws random numbers."""
        return self._native.random

    @property
    def native(self) -> NativeKernel:
        """Handle of the compiled kernel."""
        return self._native

    def __repr__(self) -> str:
        return f"<kernel {self.__module__}.{self._native.signature}>"

    def _repr_html_(self) -> str:
        from ironbatch.display.kernel import kernel_html

        return kernel_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        found = None
        with suppress(ImportError):
            found = getattr(import_module(self.__module__), self.__name__, None)
        if found is not self:
            raise PicklingError(
                f"kernel {self.__name__!r} is pickled as an attribute of module "
                f"{self.__module__!r}, which has no such kernel; assign it there, or tell "
                "load_kernels the module that it is in"
            )
        return find, (self.__module__, self.__name__)


def find(module: str, name: str) -> Any:
    """Return a kernel by where it is found; what unpickling calls."""
    return getattr(import_module(module), name)


def _signature(native: NativeKernel) -> inspect.Signature:
    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in native.inputs
    ]
    for name, kind, _, has_default, default in native.params:
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default if has_default else inspect.Parameter.empty,
                annotation=kind,
            )
        )
    if native.random:
        parameters.append(inspect.Parameter("rng", inspect.Parameter.KEYWORD_ONLY, default=None))
    return inspect.Signature(parameters)
