"""The kernel `despike`: beside its reference in NumPy, and in a batch."""

import pickle

import numpy as np
import pytest
from my_kernels import despike, reference
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset


class Signals(Batch):
    """A batch of signals."""

    components = "signals"


@pytest.mark.parametrize("length", [2, 3, 17, 1000])
@pytest.mark.parametrize("threshold", [0.5, 3.0])
def test_it_computes_what_the_reference_computes(length, threshold):
    x = np.random.default_rng(length).normal(0, 2, length).astype(np.float32)
    assert_array_equal(despike(x, threshold=threshold), reference.despike(x, threshold))


@pytest.mark.parametrize("length", [0, 1])
def test_a_signal_without_neighbours_stays(length):
    x = np.ones(length, np.float32)
    assert_array_equal(despike(x), x)


def test_nan_and_infinity_are_as_in_the_reference():
    x = np.float32([0, np.nan, 0, 9, 0, np.inf, 0, 0])
    with np.errstate(invalid="ignore"):
        assert_array_equal(despike(x), reference.despike(x))


def test_it_runs_in_a_pipeline():
    signals = np.random.default_rng(0).normal(0, 2, (10, 100)).astype(np.float32)
    dataset = Dataset(10, Signals, preloaded=signals)
    pipeline = dataset.p.apply_parallel(despike.bind(threshold=1.0), src="signals")
    batch = pipeline.next_batch(10)
    for result, signal in zip(batch.signals, signals, strict=True):
        assert_array_equal(result, reference.despike(signal, 1.0))


def test_it_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(despike)) is despike
