"""Type checkers know the built-in kernels by their names, and no others."""

from contextlib import suppress
from typing import assert_type

import numpy as np

import ironbatch
from ironbatch import kernels, models
from ironbatch.kernels import BoundKernel, Kernel, KernelChain, resize

assert_type(kernels.clip, Kernel)
assert_type(resize, Kernel)
assert_type(kernels.clip.bind(low=1), BoundKernel)
assert_type(kernels.clip.bind(low=1).bind(high=2), BoundKernel)
assert_type(kernels.chain(kernels.flip, kernels.clip.bind(low=1)), KernelChain)
assert kernels.clip.bind(low=1)(np.zeros(3), high=2).tolist() == [1, 1, 1]

# Names that are misspelt are reported.
with suppress(AttributeError):
    print(kernels.resiz)  # type: ignore[attr-defined]
with suppress(AttributeError):
    print(ironbatch.Batcj)  # type: ignore[attr-defined]
with suppress(AttributeError):
    print(models.TorchModl)  # type: ignore[attr-defined]
