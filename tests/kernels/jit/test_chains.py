"""Functions in one pass with other kernels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Dataset, kernels
from ironbatch.components import Ragged

from .conftest import NUMBA, Signals, despike, every, expected_despike, noise, picky, scale, signals

pytestmark = NUMBA


def test_chains_and_built_in_kernels():
    x = signals(30, 20)
    chain = kernels.chain(
        kernels.flip.bind(axis=0),
        every.bind(step=3),
        kernels.clip.bind(high=6.0),
        scale.bind(factor=0.5),
        despike.bind(threshold=1.0),
    )
    expected = np.clip(x[:, ::-1][:, ::3], None, 6.0) * 0.5
    expected = np.stack([expected_despike(item, 1.0) for item in expected])
    assert_array_equal(chain.run_batch(x), expected)
    assert_array_equal(chain(x[0]), expected[0])
    ragged = chain.run_batch(Ragged.from_items([item[:n] for n, item in enumerate(x[3:], 3)]))
    one_by_one = [chain(item[:n]) for n, item in enumerate(x[3:], 3)]
    for result, item in zip(ragged, one_by_one, strict=True):
        assert_array_equal(result, item)


def test_a_chain_that_changes_the_dtype():
    x = signals(dtype=np.uint8)
    chain = kernels.chain(kernels.cast.bind(dtype="float32"), scale.bind(factor=0.25))
    assert_array_equal(chain.run_batch(x), x.astype(np.float32) * np.float32(0.25))


def test_an_exception_in_a_chain(batch):
    chain = kernels.chain(kernels.clip.bind(low=0), picky.bind(limit=9.9), despike)
    batch.signals[:] = 1
    batch.signals[20:, 5] = 20
    with pytest.raises(ActionError, match=r"position 20.*picky: too much") as caught:
        batch.apply_parallel(chain, src="signals")
    assert isinstance(caught.value, OverflowError)


@pytest.mark.parametrize("fuse", [True, False])
def test_fused_steps_of_a_pipeline(fuse):
    x = signals(40, 30)
    pipeline = (
        Dataset(40, Signals, preloaded={"signals": x})
        .p.apply_parallel(kernels.clip.bind(high=8.0), src="signals")
        .apply_parallel(despike, src="signals", threshold=1.5)
        .apply_parallel(noise.bind(std=0.5), src="signals")
        .apply_parallel(scale.bind(factor=2.0), src="signals", p=0.5)
    )
    fused = "one pass" in repr(pipeline.explain()) or "together" in repr(pipeline.explain())
    assert fused
    batches = list(pipeline.gen_batch(16, seed=3, n_epochs=1, fuse=fuse, prefetch=0))
    made = np.concatenate([batch.signals for batch in batches])
    again = list(
        (pipeline << Dataset(40, Signals, preloaded={"signals": x})).gen_batch(
            40, seed=3, n_epochs=1, fuse=not fuse, prefetch=0
        )
    )
    assert_array_equal(made, np.concatenate([batch.signals for batch in again]))


def test_preloaded_rows_are_read_in_the_pass():
    x = signals(40, 30).reshape(40, 5, 6).transpose(0, 2, 1)
    pipeline = (
        Dataset(40, Signals, preloaded={"signals": x})
        .p.apply_parallel(scale.bind(factor=2.0), src="signals")
        .apply_parallel(kernels.flip, src="signals")
    )
    batch = pipeline.next_batch(10, shuffle=5)
    assert_array_equal(batch.signals, (x[batch.indices] * 2)[:, :, ::-1])
