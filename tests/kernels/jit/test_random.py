"""Functions that draw from the stream of each item."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import Dataset

from .conftest import NUMBA, Signals, despike, noise, signals

pytestmark = NUMBA


def test_random_numbers_are_those_of_numpy_at_the_item():
    @ironbatch.kernel(shape=(8,), dtype="float64")
    def draws(x, out, rng):
        out[0] = rng.random()
        out[1] = rng.normal(1.0, 2.0)
        out[2] = rng.integers(0, 10)
        out[3] = rng.uniform(-1.0, 1.0)
        out[4] = rng.integers(0, 2**40)
        out[5] = rng.exponential(2.0)
        out[6] = rng.standard_normal()
        out[7] = rng.integers(0, 5)

    def reference(rng):
        return [
            rng.random(),
            rng.normal(1.0, 2.0),
            rng.integers(0, 10),
            rng.uniform(-1.0, 1.0),
            rng.integers(0, 2**40),
            rng.exponential(2.0),
            rng.standard_normal(),
            rng.integers(0, 5),
        ]

    for seed in range(20):
        made = draws(np.zeros(1), rng=np.random.Generator(np.random.Philox(seed)))
        assert made.tolist() == reference(np.random.Generator(np.random.Philox(seed)))
    assert draws.draws
    with pytest.raises(TypeError, match="draws no random numbers and takes no rng"):
        despike(np.ones(3), rng=1)


def test_the_same_seed_gives_the_same_numbers_at_any_batch_size():
    dataset = Dataset(40, Signals, preloaded={"signals": signals(40)})
    made = []
    for size, workers in ((7, 1), (40, 2)):
        pipeline = dataset.p.apply_parallel(noise.bind(std=2.0), src="signals", n_workers=workers)
        batches = pipeline.gen_batch(size, seed=5, shuffle=False, n_epochs=1)
        made.append(np.concatenate([batch.signals for batch in batches]))
    assert_array_equal(made[0], made[1])
    assert (made[0] != signals(40)).all()
    assert len({item[0] - row[0] for item, row in zip(made[0], signals(40), strict=True)}) == 40
