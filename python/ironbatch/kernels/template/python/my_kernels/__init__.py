"""Native kernels for ironbatch: `batch.apply_parallel(my_kernels.despike, src="signals")`."""

from pathlib import Path

from ironbatch import load_kernels
from ironbatch.kernels import Kernel

__all__ = ["despike"]

_library = load_kernels(Path(__file__).with_name("_kernels"))

# Each kernel has an assignment of its own, by which it is pickled.
despike: Kernel = _library.despike
