"""Native kernels: functions of one item that run on all cores without the GIL.

The built-in kernels are attributes of this module. Called with an array a kernel runs once, so it
can be tried out; bound to parameters it is given wherever a function of one item is taken:

    kernels.clip(image, low=0, high=1)
    batch.apply_parallel(kernels.clip.bind(low=0, high=1), src='images')

`load_kernels` loads the kernels of a library that somebody else has compiled, and
``python -m ironbatch new-kernel NAME`` begins one of your own.
"""

from __future__ import annotations

from functools import lru_cache

from ironbatch._core import built_in_kernels
from ironbatch.kernels.bound import BoundKernel
from ironbatch.kernels.chained import KernelChain, chain
from ironbatch.kernels.kernel import Kernel
from ironbatch.kernels.library import KernelLibrary, load_kernels
from ironbatch.kernels.sdk import cargo_arguments, get_sdk

__all__ = [
    "BoundKernel",
    "Kernel",
    "KernelChain",
    "KernelLibrary",
    "cargo_arguments",
    "chain",
    "get_sdk",
    "load_kernels",
    "names",
]


@lru_cache(maxsize=1)
def _built_in() -> dict[str, Kernel]:
    return {native.name: Kernel(native, __name__) for native in built_in_kernels()}


def names() -> tuple[str, ...]:
    """Return the names of the built-in kernels.

    Examples
    --------
    >>> 'clip' in names()
    True
    """
    return tuple(sorted(_built_in()))


def __getattr__(name: str) -> Kernel:
    kernel = _built_in().get(name)
    if kernel is None:
        raise AttributeError(
            f"there is no kernel {name!r}; the built-in kernels are {', '.join(names())}"
        )
    globals()[name] = kernel
    return kernel


def __dir__() -> list[str]:
    return sorted({*globals(), *_built_in()})
