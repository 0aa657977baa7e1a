"""Functions of one item that numba compiles, and batches for them."""

import numpy as np
import pytest

import ironbatch
from ironbatch import Batch, inbatch_parallel

# A kernel is compiled in a second, but on a busy machine in many.
NUMBA = [
    pytest.mark.full("numba"),
    pytest.mark.filterwarnings("default"),
    pytest.mark.timeout(600),
]


@ironbatch.kernel
def despike(x, out, threshold=3.0):
    """Replace samples that jump from the one before."""
    last = x[0]
    for i in range(len(x)):
        if abs(x[i] - last) <= threshold:
            last = x[i]
        out[i] = last


def expected_despike(x, threshold=3.0):
    out = np.empty_like(x)
    despike.function(x, out, threshold)
    return out


@ironbatch.kernel
def scale(x, out, factor=2.0):
    for i in range(x.size):
        out.flat[i] = x.flat[i] * factor


@ironbatch.kernel(dtype=("float64", "int32"), shape=lambda x: ((), x.shape[:1]))
def statistics(x, out_mean, out_order):
    out_mean[()] = x.mean()
    out_order[:] = np.argsort(x)


@ironbatch.kernel(shape=lambda x, step: ((x.shape[0] + step - 1) // step,) + x.shape[1:])
def every(x, out, step=2):
    for i in range(out.shape[0]):
        out[i] = x[i * step]


@ironbatch.kernel(dtype="float64")
def noise(x, out, rng, std=1.0):
    for i in range(len(x)):
        out[i] = x[i] + rng.normal(0.0, std)


@ironbatch.kernel
def picky(x, out, limit=5.0):
    for i in range(len(x)):
        if x[i] > limit:
            raise OverflowError("too much")
        out[i] = x[i]


class Signals(Batch):
    components = "signals", "others"

    @inbatch_parallel(init="signals", post="_assemble", target="native", dst="others")
    def despiked(self, threshold):
        return despike.bind(threshold=threshold)


def signals(n=50, length=40, dtype=np.float64):
    return (np.random.default_rng(0).random((n, length)) * 10).astype(dtype)


@pytest.fixture
def batch():
    batch = Signals(np.arange(100, 150))
    batch.signals = signals()
    return batch
