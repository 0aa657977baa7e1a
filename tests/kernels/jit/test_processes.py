"""Functions that go to other processes."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import Dataset

from .conftest import NUMBA, Signals, despike, expected_despike, signals

pytestmark = NUMBA


def test_a_closure_and_a_lambda_pickle_with_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle")

    def make(factor):
        @ironbatch.kernel
        def times(x, out):
            out[:] = x * factor

        return times

    times = make(3.0)
    again = cloudpickle.loads(cloudpickle.dumps(times.bind()))
    assert again(np.ones(2)).tolist() == [3, 3]
    assert pickle.loads(pickle.dumps(times)) is pickle.loads(pickle.dumps(times))


def test_prefetch_in_worker_processes():
    pytest.importorskip("cloudpickle")
    pipeline = Dataset(40, Signals, preloaded={"signals": signals(40)}).p.apply_parallel(
        despike.bind(threshold=1.0), src="signals"
    )
    batches = pipeline.gen_batch(20, n_epochs=1, prefetch=1, target="mpc")
    made = np.concatenate([batch.signals for batch in batches])
    assert_array_equal(made[11], expected_despike(signals(40)[11], 1.0))
