"""Outputs of functions: several, with shapes and dtypes of their own."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch.components import Ragged

from .conftest import NUMBA, Signals, every, signals, statistics

pytestmark = NUMBA


def test_several_outputs_with_shapes_and_dtypes_of_their_own(batch):
    batch.apply_parallel(statistics, src="signals", dst=("others", "signals"))
    x = signals()
    assert batch.others.shape == (50,)
    assert batch.signals.dtype == np.int32
    np.testing.assert_allclose(batch.others, x.mean(axis=1))
    assert_array_equal(batch.signals, x.argsort(axis=1))


def test_outputs_by_name_and_several_inputs():
    @ironbatch.kernel(outputs=["low", "high"], dtype=np.result_type)
    def order(x, y, low, high):
        for i in range(len(x)):
            low[i], high[i] = min(x[i], y[i]), max(x[i], y[i])

    x, y = signals(dtype="float32"), signals()[::-1].copy()
    low, high = order.bind().run_batch(x, y)
    assert low.dtype == high.dtype == np.float64
    assert_array_equal(low, np.minimum(x, y))
    assert_array_equal(high, np.maximum(x, y))


def test_a_constant_shape():
    @ironbatch.kernel(shape=(2, 2), dtype=int)
    def corners(x, out):
        out[:] = len(x)

    assert corners.bind().run_batch(signals(3)).tolist() == [[[40, 40], [40, 40]]] * 3


def test_a_shape_that_is_no_shape():
    @ironbatch.kernel(shape=lambda x: x.size * 0.5)
    def half(x, out):
        pass

    with pytest.raises(TypeError, match="half: the function of its shape gives float64"):
        half(np.ones(3))

    @ironbatch.kernel(shape=lambda x: x[0])
    def peeks(x, out):
        pass

    with pytest.raises(TypeError, match="the function of its shape of peeks cannot be compiled"):
        peeks(np.ones(3))

    @ironbatch.kernel(shape=lambda x: (x.ndim - 5,))
    def negative(x, out):
        pass

    with pytest.raises(ValueError, match="negative inferred an impossible output"):
        negative(np.ones(3))


def test_an_exception_of_the_function_of_shapes(batch):
    for items in (batch.signals, Ragged.from_items([np.ones(3), np.ones(2)])):
        batch = Signals(len(items))
        batch.signals = items
        with pytest.raises(ZeroDivisionError, match=r"every: .*division"):
            batch.apply_parallel(every, src="signals", step=0)
