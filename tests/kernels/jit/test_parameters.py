"""Parameters of functions: constants, values of each item, expressions."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import C, Dataset, P, R

from .conftest import NUMBA, Signals, despike, every, expected_despike, scale, signals

pytestmark = NUMBA


def test_parameters_of_each_item(batch):
    batch.apply_parallel(despike.bind(threshold=P(R("uniform", 0, 5))), src="signals", dst="others")
    assert batch.others.shape == (50, 40)
    factors = np.arange(50)
    batch.apply_parallel(scale.bind(factor=P(factors)), src="signals", dst="others")
    assert_array_equal(batch.others, batch.signals * factors[:, np.newaxis])
    batch.apply_parallel(every.bind(step=P([1 + i % 3 for i in range(50)])), src="signals")
    assert [len(item) for item in batch.signals[:3]] == [40, 20, 14]
    with pytest.raises(ValueError, match="has 3 values for the 50 items"):
        batch.apply_parallel(scale.bind(factor=P([1, 2, 3])), src="others")
    with pytest.raises(TypeError, match="step has values of float64, it takes int64"):
        batch.apply_parallel(every.bind(step=P([1.5] * 50)), src="others")


def test_named_expressions(batch):
    pipeline = (
        Dataset(50, Signals, preloaded={"signals": signals()})
        .p.apply_parallel(despike.bind(threshold=C("threshold")), src="signals")
        .set_config({"threshold": 1.5})
    )
    made = pipeline.next_batch(50)
    assert_array_equal(made.signals[7], expected_despike(signals()[7], 1.5))


def test_arrays_strings_none_and_flags_as_parameters():
    @ironbatch.kernel
    def weigh(x, out, weights, mode="plus", shift=None, negate: bool = False):
        for i in range(len(x)):
            value = x[i] * weights[i % len(weights)]
            if mode == "plus":
                value += 1
            if shift is not None:
                value += shift
            out[i] = -value if negate else value

    x = np.arange(4.0)
    assert weigh(x, weights=[1, 2]).tolist() == [1, 3, 3, 7]
    assert weigh(x, weights=np.float32([0.5, 1]), mode="no").tolist() == [0, 1, 1, 3]
    assert weigh(x, weights=(1,), mode="no", shift=10).tolist() == [10, 11, 12, 13]
    assert weigh(x, weights=[1.0], mode="no", negate=True).tolist() == [0, -1, -2, -3]
    batch = Signals(2)
    batch.signals = np.ones((2, 2))
    rows = P([[1.0, 2.0], [3.0, 4.0]])

    @ironbatch.kernel
    def times(x, out, weights=(1.0,), on=True):
        out[:] = x * weights if on else x

    batch.apply_parallel(times.bind(weights=rows, on=P([True, False])), src="signals")
    assert batch.signals.tolist() == [[1, 2], [1, 1]]
