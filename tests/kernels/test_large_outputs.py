"""Outputs that are too large for caches are written past them: the same bytes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, P, kernels
from ironbatch.components import Ragged

LARGE = 16 << 20


def pictures(n, shape, dtype="uint8"):
    numbers = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    return numbers.astype(dtype)


def check_in_parts(bound, shape, dtype):
    """A large output has the items of small ones."""
    one = bound.run_batch(pictures(1, shape, dtype)).nbytes
    x = pictures(LARGE // one + 2, shape, dtype)
    whole = bound.run_batch(x)
    assert whole.nbytes >= LARGE
    step = max(1, LARGE // 2 // one)
    for start in range(0, len(x), step):
        assert_array_equal(whole[start : start + step], bound.run_batch(x[start : start + step]))


STANDARDIZE = {"mean": [120.0, 110, 100], "std": [60.0, 50, 40]}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("flip", {}),
        ("flip", {"axis": "vertical"}),
        ("flip", {"axis": 2}),
        ("crop", {"size": [201, 199], "origin": [3, 5]}),
        ("center_crop", {"size": [201, 199]}),
        ("transpose", {"axes": [2, 0, 1]}),
        ("transpose", {"axes": [1, 0, 2]}),
        ("invert", {}),
        ("scale_shift", {"scale": 0.5, "shift": 3.0, "dtype": "float32"}),
        ("cast", {"dtype": "float64"}),
        ("clip", {"low": 20, "high": 100}),
        ("standardize", {}),
        ("standardize", STANDARDIZE),
        ("standardize", {**STANDARDIZE, "channels": "first"}),
        ("standardize", {**STANDARDIZE, "channels": "first", "dtype": "float64"}),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("side", [(224, 224), (211, 207)], ids=["even", "odd"])
def test_bytes_are_those_of_small_batches(name, params, dtype, side):
    check_in_parts(getattr(kernels, name).bind(**params), (*side, 3), dtype)


def test_one_value_for_each_item():
    n = 130
    x = pictures(n, (211, 207, 3))
    batch = Batch(n)
    batch.add_components("images", x)
    scales = np.linspace(0, 1, n)
    batch.apply_parallel(kernels.scale_shift.bind(scale=P(scales)), src="images")
    for at in (0, 1, 77, n - 1):
        assert_array_equal(batch.images[at], kernels.scale_shift(x[at], scale=scales[at]))


def test_a_chain_that_draws():
    class Pictures(Batch):
        components = ("images",)

    x = pictures(40, (224, 224, 3))
    pipeline = (
        Dataset(40, Pictures, preloaded=x)
        .p.apply_parallel(kernels.random_crop.bind(size=[200, 201]), src="images")
        .apply_parallel(kernels.flip, src="images", p=0.5)
        .apply_parallel(kernels.standardize.bind(**STANDARDIZE, channels="first"), src="images")
    )
    whole = next(pipeline.gen_batch(40, seed=3)).images
    assert whole.nbytes >= LARGE
    parts = [batch.images for batch in pipeline.gen_batch(8, seed=3, n_epochs=1)]
    assert_array_equal(whole, np.concatenate(parts))


def test_elementwise_kernels_in_one_pass():
    chain = kernels.chain(kernels.invert, kernels.clip.bind(low=9, high=99))
    check_in_parts(chain, (211, 207, 3), "uint8")


def test_items_of_differing_shapes():
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=n) for n in rng.integers(1, 100_000, 60)]
    bound = kernels.scale_shift.bind(scale=2.0, shift=1.0)
    made = bound.run_batch(Ragged.from_items(signals))
    assert sum(signal.nbytes for signal in signals) >= LARGE
    for signal, result in zip(signals, made, strict=True):
        assert_array_equal(result, signal * 2 + 1)


def test_an_item_that_fails_is_named():
    x = np.zeros((130, 211, 207, 3), np.int16)
    x[77, 5, 5, 1] = 300
    with pytest.raises(Exception, match=r"position 77.*300 is no place in a table of 256"):
        kernels.lookup.bind(table=np.arange(256)).run_batch(x)
