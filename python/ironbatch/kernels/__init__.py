"""Native kernels: functions of one item that run on all cores without the GIL.

The built-in kernels are attributes of this module. Called with an array a kernel runs once, so it
can be tried out; bound to parameters it is given wherever a function of one item is taken:

    kernels.clip(image, low=0, high=1)
    batch.apply_parallel(kernels.clip.bind(low=0, high=1), src='images')

`distributions` are what kernels draw noise from.

`load_kernels` loads the kernels of a library that somebody else has compiled, and
``python -m ironbatch new-kernel NAME`` begins one of your own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ironbatch._core import built_in_kernels
from ironbatch.kernels import distributions
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
    "distributions",
    "get_sdk",
    "load_kernels",
    "names",
]

# What the compiled library has, declared so that type checkers and editors know each by its name.
additive_noise: Kernel
affine: Kernel
cast: Kernel
center_crop: Kernel
clip: Kernel
convolve: Kernel
crop: Kernel
cutout: Kernel
decode_image: Kernel
dequantize: Kernel
encode_image: Kernel
fir: Kernel
flip: Kernel
from_patches: Kernel
gamma: Kernel
gaussian_blur: Kernel
invert: Kernel
lookup: Kernel
minmax: Kernel
multiplicative_noise: Kernel
one_hot: Kernel
pad: Kernel
pad_to: Kernel
patches: Kernel
quantize: Kernel
random_crop: Kernel
random_segments: Kernel
resample: Kernel
resize: Kernel
rotate: Kernel
salt: Kernel
scale_shift: Kernel
sliding: Kernel
standardize: Kernel
threshold: Kernel
transpose: Kernel
zoom: Kernel


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


if not TYPE_CHECKING:  # to a checker a module with this function has attributes of any name

    def __getattr__(name: str) -> Kernel:
        kernel = _built_in().get(name)
        if kernel is None:
            raise AttributeError(
                f"there is no kernel {name!r}; the built-in kernels are {', '.join(names())}"
            )
        globals()[name] = kernel
        return kernel


def __dir__() -> list[str]:
    return sorted({*__all__, *_built_in()})
