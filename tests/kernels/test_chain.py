"""Kernels that run in one pass over the items."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, P, kernels
from ironbatch.components import Ragged

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)


class Images(Batch):
    components = "images", "made"


def images(n=50, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 255, (n, 8, 6, 3)).astype(dtype)


def one_after_another(bound, component):
    for kernel in bound:
        component = kernel.run_batch(component)
    return component


BOUND = (
    kernels.crop.bind(origin=(1, 2), size=(5, 4)),
    kernels.flip.bind(),
    kernels.standardize.bind(mean=[128.0] * 3, std=[64.0] * 3, channels="first"),
    kernels.clip.bind(low=-1),
)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_same_bytes_as_one_after_another(length):
    x = images()
    made = kernels.chain(*BOUND[:length]).run_batch(x, name="x")
    expected = one_after_another(BOUND[:length], x)
    assert made.dtype == expected.dtype
    assert made.name == "x"
    assert_array_equal(made, expected)


def test_a_chain_takes_no_parameters():
    both = kernels.chain(kernels.flip, kernels.clip.bind(high=3), kernels.clip)
    assert both.bind() is both
    where = (
        r"a chain takes no parameters, got low: .* as in chain\(flip, clip.bind\(low=...\), clip\)"
    )
    batch = Images(2)
    batch.images = images(2)
    for call in (
        lambda: both.bind(low=1),
        lambda: both(np.zeros(3), low=1),
        lambda: batch.apply_parallel(both, src="images", low=1),
    ):
        with pytest.raises(TypeError, match=where):
            call()
    with pytest.raises(TypeError, match="got 3 without a name"):
        both.bind(3)
    with pytest.raises(TypeError, match=r"got scale: .* as in chain\(flip, clip, clip\)"):
        both.bind(scale=3)


def test_items_of_differing_shapes():
    items = [np.arange(k % 7 * 3, dtype=np.float32).reshape(-1, 3) for k in range(80)]
    component = Ragged.from_items(items)
    bound = kernels.scale_shift.bind(scale=3), kernels.flip.bind(axis=0), kernels.invert.bind()
    made = kernels.chain(*bound).run_batch(component)
    for left, right in zip(made, one_after_another(bound, component), strict=True):
        assert_array_equal(left, right)


def test_shapes_that_vary_in_between(fixture_kernels):
    x = np.tile(np.arange(12, dtype=np.uint8), (3, 1))
    batch = Images(3)
    batch.images = x
    every = fixture_kernels.every
    batch.apply_parallel(
        kernels.chain(every.bind(step=P([1, 2, 3])), every.bind(step=P([3, 2, 1]))), src="images"
    )
    assert [list(item) for item in batch.images] == [[0, 3, 6, 9], [0, 4, 8], [0, 3, 6, 9]]


def test_one_item():
    x = images()[0]
    expected = x
    for kernel in BOUND:
        expected = kernel(expected)
    assert_array_equal(kernels.chain(*BOUND)(x), expected)


def test_objects_run_one_kernel_after_another():
    items = np.empty(3, object)
    items[:] = [np.zeros((2, 2)), np.zeros(5, np.float32), np.zeros((2, 3))]
    made = kernels.chain(kernels.invert, kernels.clip.bind(high=0.5)).run_batch(items)
    assert [item.shape for item in made] == [(2, 2), (5,), (2, 3)]
    assert all((item == 0.5).all() for item in made)


def test_in_a_batch_with_parameters_per_item_and_p():
    batch = Images(np.arange(50))
    batch.images = images(dtype=np.float64)
    bound = kernels.chain(kernels.scale_shift.bind(scale=P(np.arange(50))), kernels.invert)
    expected = 1 - batch.images[::2] * np.arange(0, 50, 2)[:, None, None, None]
    before = batch.images[1::2].copy()
    batch.apply_parallel(bound, src="images", p=[True, False] * 25)
    assert_array_equal(batch.images[::2], expected)
    assert_array_equal(batch.images[1::2], before)


def test_each_kernel_that_draws_has_numbers_of_its_own(fixture_kernels):
    draw = fixture_kernels.draw.bind()
    batch = Images(np.arange(20))
    batch.random_seed = 3
    batch.images = np.zeros((20, 5))
    batch.begin_action("here")
    batch.apply_parallel(draw, src="images", dst="made")
    batch.apply_parallel(draw, src="made")
    batch.begin_action("here")
    batch.apply_parallel(kernels.chain(draw, draw), src="images")
    assert_array_equal(batch.images, batch.made)
    made = kernels.chain(draw, draw)(np.zeros(5), rng=1)
    assert_array_equal(made, kernels.chain(draw, draw)(np.zeros(5), rng=1))


def test_a_failing_item_is_named_with_its_kernel(fixture_kernels):
    batch = Images(np.arange(100, 200))
    x = np.zeros((100, 3), np.int64)
    x[[60, 70], 0] = 1
    batch.images = x
    chain = kernels.chain(fixture_kernels.fragile, fixture_kernels.fragile)
    with pytest.raises(ActionError, match=r"item 160 \(position 60\).*fragile: the first"):
        batch.apply_parallel(chain, src="images")
    assert_array_equal(batch.images, x)


def test_what_comes_between_kernels_is_no_column():
    from ironbatch.components import pool_stats, trim_pool

    x = np.zeros((64, 100_000), np.float32)
    bound = [kernels.scale_shift.bind(scale=2)] * 4
    trim_pool()
    before = pool_stats()
    made = kernels.chain(*bound).run_batch(x)
    after = pool_stats()
    taken = [stats["hits"] + stats["misses"] for stats in (before, after)]
    assert taken[1] - taken[0] == 1
    assert after["in_use_bytes"] + after["pooled_bytes"] < 2 * made.nbytes


@pytest.mark.parametrize("n", [0, 1, 7, 20_000])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_elementwise_kernels_in_parts_give_the_same_bytes(n, dtype):
    x = np.random.default_rng(1).integers(0, 255, (3, n)).astype(dtype)
    bound = (
        kernels.scale_shift.bind(scale=0.3, dtype="float64"),
        kernels.clip.bind(low=2, high=60),
        kernels.cast.bind(dtype="uint8"),
        kernels.invert.bind(),
    )
    made = kernels.chain(*bound).run_batch(x)
    expected = one_after_another(bound, x)
    assert made.dtype == expected.dtype
    assert_array_equal(made, expected)


def test_elementwise_kernels_with_parameters_per_item():
    batch = Images(np.arange(50))
    batch.images = np.ones((50, 5000), np.float32)
    scale = kernels.scale_shift.bind(scale=P(np.arange(50)))
    batch.apply_parallel(kernels.chain(kernels.invert, scale, kernels.invert), src="images")
    assert (batch.images == 1).all()
    batch.apply_parallel(kernels.chain(scale, kernels.scale_shift.bind(shift=1)), src="images")
    assert_array_equal(batch.images[:, 4999], np.arange(50) + 1)


@pytest.mark.parametrize("n", [1, 1023, 20_000])
def test_elementwise_kernels_of_ones_own_in_parts(fixture_kernels, n):
    doubled = fixture_kernels.doubled
    batch = Images(np.arange(20))
    batch.images = x = np.random.default_rng(0).normal(size=(20, n))
    chain = kernels.chain(doubled.bind(limit=P(np.arange(20) + 10.0)), kernels.invert, doubled)
    batch.apply_parallel(chain, src="images", dst="made")
    assert_array_equal(batch.made, (1 - 2 * x) * 2)


@pytest.mark.parametrize(
    ("bad", "message"),
    [(9.0, "doubled: 9 is above 7"), (np.nan, "kernel doubled panicked: an element is no number")],
)
@pytest.mark.parametrize("place", [0, 1023, 1024, 19_999])
def test_a_failing_part_is_one_of_a_failing_item(fixture_kernels, bad, message, place):
    doubled = fixture_kernels.doubled
    batch = Images(np.arange(100, 120))
    x = np.zeros((20, 20_000))
    batch.images = x
    limits = np.full(20, 7.0)
    chain = kernels.chain(kernels.invert, kernels.invert, doubled.bind(limit=P(limits)))
    x[[6, 11], place] = bad
    batch.images = x
    with pytest.raises(ActionError, match=rf"item 106 \(position 6\).*{message}"):
        batch.apply_parallel(chain, src="images")
    assert_array_equal(batch.images, x)
    batch.images = np.ones((20, 20_000))
    assert (batch.apply_parallel(chain, src="images").images == 2).all()


def test_items_that_do_not_lie_end_to_end():
    x = images().transpose(0, 2, 1, 3)
    bound = kernels.scale_shift.bind(scale=2), kernels.invert.bind()
    assert_array_equal(kernels.chain(*bound).run_batch(x), one_after_another(bound, x))


@pytest.mark.parametrize("step", [1, -1, 2])
def test_picked_items_for_some_of_which_each_kernel_is(step):
    x = images(30)[::step]
    rows = np.array([3, 9, 9, 0, 7, 11])
    bound = kernels.flip.bind(), kernels.invert.bind(), kernels.clip.bind(high=99)
    first, last = np.array([1, 0, 1, 0, 0, 1], bool), np.array([1, 1, 0, 0, 1, 0], bool)
    made = kernels.chain(*bound).run_batch(x, rows=rows, applied=[first, None, last])
    expected = x[rows].copy()
    expected[first] = expected[first][:, :, ::-1]
    expected = 255 - expected
    expected[last] = expected[last].clip(max=99)
    assert_array_equal(made, expected)
    nothing = [np.zeros(6, bool)] * 3
    assert_array_equal(kernels.chain(*bound).run_batch(x, rows=rows, applied=nothing), x[rows])


def test_one_kernel_over_picked_items():
    x = images(30)
    made = kernels.chain(kernels.flip).run_batch(x, rows=np.array([3, 29]))
    assert_array_equal(made, x[[3, 29]][:, :, ::-1])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": np.array([0, 30])}, IndexError, "row 30 is outside of the 30 items"),
        ({"rows": np.array([0, -1])}, IndexError, "below 0"),
        ({"applied": [np.ones(3, bool), None]}, ValueError, "as many choices"),
        ({"applied": [None, np.ones(30, bool)]}, TypeError, "standardize changes items"),
    ],
)
def test_what_cannot_be_picked(options, error, message):
    chain = kernels.chain(kernels.flip, kernels.standardize)
    with pytest.raises(error, match=message):
        chain.run_batch(images(30), **options)


def test_repr_and_pickle():
    chain = kernels.chain(*BOUND)
    assert "crop" in repr(chain)
    assert_array_equal(
        pickle.loads(pickle.dumps(chain)).run_batch(images()), chain.run_batch(images())
    )
    nested = kernels.chain(kernels.chain(*BOUND[:2]), *BOUND[2:])
    assert_array_equal(nested.run_batch(images()), chain.run_batch(images()))


@pytest.mark.parametrize(
    ("parts", "message"),
    [((), "at least one kernel"), ((abs,), "made of kernels, not")],
)
def test_what_is_no_chain(parts, message):
    with pytest.raises(TypeError, match=message):
        kernels.chain(*parts)


def test_kernels_that_do_not_fit(fixture_kernels):
    with pytest.raises(TypeError, match="totals gives 2 array"):
        kernels.chain(fixture_kernels.totals, kernels.invert)
    with pytest.raises(TypeError, match=r"invert gives 1 array.*add takes 2"):
        kernels.chain(kernels.invert, fixture_kernels.add)
    chain = kernels.chain(kernels.invert, fixture_kernels.despike)
    with pytest.raises(TypeError, match=r"despike.*x has to be float32"):
        chain.run_batch(np.zeros((2, 3)))
    chain = kernels.chain(kernels.invert, fixture_kernels.nonzero)
    with pytest.raises(TypeError, match="nonzero looks into items"):
        chain.run_batch(np.zeros((2, 3), np.uint8))
