"""Kernels that hand on a view of what they are given, instead of writing what they give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, Dataset, kernels

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)

DTYPES = ["bool", "uint8", "int16", "uint16", "float16", "float32", "float64"]


def one_after_another(bound, x):
    for kernel in bound:
        x = kernel.run_batch(x)
    return x


def check(bound, x):
    made = kernels.chain(*bound).run_batch(x)
    expected = one_after_another(bound, x)
    assert made.dtype == expected.dtype
    assert_array_equal(made, expected)


def crop(shape, rows, columns, **origin):
    return kernels.crop.bind(size=[max(1, shape[0] - rows), max(1, shape[1] - columns)], **origin)


MOVES = [
    lambda shape: kernels.flip.bind(),
    lambda shape: kernels.flip.bind(axis="vertical"),
    lambda shape: kernels.flip.bind(axis=-1),
    lambda shape: crop(shape, 1, 2, origin=[min(1, shape[0] - 1), min(1, shape[1] - 1)]),
    lambda shape: kernels.center_crop.bind(size=[max(1, shape[0] - 2), shape[1]]),
    lambda shape: kernels.crop.bind(size=[1, shape[1]], origin=[shape[0] - 1, 0]),
    lambda shape: kernels.transpose.bind(axes=[1, 0, 2]),
]

ENDS = [
    [],
    [kernels.standardize.bind()],
    [kernels.standardize.bind(channels="first")],
    [kernels.standardize.bind(mean=2.0, std=3.0, scale=0.5)],
    [kernels.scale_shift.bind(scale=2.0, shift=1.0), kernels.clip.bind(low=3.0)],
    [kernels.clip.bind(high=90)],
    [kernels.resize.bind(size=[3, 4])],
    [kernels.convolve.bind(weights=[[0.5, 0.5]])],
]


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25, deadline=None)
@given(
    moves=st.lists(st.sampled_from(range(len(MOVES))), min_size=1, max_size=4),
    end=st.sampled_from(range(len(ENDS))),
    n_channels=st.integers(1, 5),
    side=st.sampled_from([9, 40]),
)
def test_the_same_bytes_whatever_follows(dtype, moves, end, n_channels, side):
    x = np.random.default_rng(0).integers(0, 200, (3, side, side + 3, n_channels)).astype(dtype)
    if dtype == "bool":
        end = 0
    bound, shape = [], x.shape[1:]
    for move in moves:
        bound.append(MOVES[move](shape))
        shape = one_after_another(bound, x[:1]).shape[1:]
    check([*bound, *ENDS[end]], x)


@pytest.mark.parametrize("channels", ["last", "first"])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_large_results(dtype, n_channels, channels):
    x = np.random.default_rng(0).integers(0, 256, (6, 260, 250, n_channels)).astype(dtype)
    standardize = kernels.standardize.bind(
        mean=[10.0] * n_channels, std=np.arange(1.0, n_channels + 1), channels=channels
    )
    for moves in (
        [kernels.crop.bind(size=[241, 239], origin=[3, 5])],
        [kernels.flip.bind()],
        [kernels.crop.bind(size=[241, 239], origin=[3, 5]), kernels.flip.bind()],
    ):
        bound = [*moves, standardize]
        expected = one_after_another(bound, x)
        times = (16 << 20) // expected.nbytes + 1
        large = kernels.chain(*bound).run_batch(np.concatenate([x] * times))
        assert large.nbytes > 16 << 20
        assert_array_equal(large[:6], expected)
        assert_array_equal(large[-6:], expected)


def test_own_mean_and_deviation_are_those_of_the_item():
    x = np.random.default_rng(0).normal(size=(5, 61, 67, 3))
    check([kernels.crop.bind(size=[50, 50]), kernels.standardize.bind(dtype="float64")], x)
    # Whether an array has gaps makes no difference either.
    sparse = np.zeros((5, 122, 67, 6))
    sparse[:, ::2, :, ::2] = x
    assert_array_equal(
        kernels.standardize.bind(dtype="float64").run_batch(sparse[:, ::2, :, ::2]),
        kernels.standardize.bind(dtype="float64").run_batch(x),
    )


def test_items_that_are_left_out():
    x = np.random.default_rng(0).integers(0, 255, (200, 12, 12, 3), dtype=np.uint8)

    class Images(Batch):
        components = ("images",)

    pipeline = (
        Dataset(200, Images, preloaded=x)
        .p.apply_parallel(kernels.random_crop.bind(size=[8, 8]), src="images")
        .apply_parallel(kernels.flip, src="images", p=0.5)
        .apply_parallel(kernels.flip.bind(axis=0), src="images", p=0.5)
        .apply_parallel(kernels.standardize.bind(channels="first"), src="images")
    )
    fused, apart = (
        next(iter(pipeline.gen_batch(200, seed=3, fuse=fuse))).images for fuse in (True, False)
    )
    assert_array_equal(fused, apart)
    assert len(np.unique(fused[:, 0, 0, 0])) > 10


def test_a_users_kernel_hands_on_a_view(fixture_kernels):
    x = np.random.default_rng(0).normal(size=(10, 3000)).astype(np.float32)
    backwards = fixture_kernels.backwards.bind()
    assert_array_equal(backwards.run_batch(x), x[:, ::-1])
    double = kernels.scale_shift.bind(scale=2)
    assert_array_equal(kernels.chain(backwards, double).run_batch(x), 2 * x[:, ::-1])
    twice = kernels.chain(backwards, backwards, backwards, backwards, double)
    assert_array_equal(twice.run_batch(x), 2 * x)


def test_only_a_strided_kernel_is_given_views(fixture_kernels):
    x = np.zeros((2, 9), np.float32)
    backwards = fixture_kernels.backwards.bind()
    steps = kernels.chain(backwards, fixture_kernels.steps.bind()).run_batch(x)
    assert (steps == 1).all()
    steps = kernels.chain(backwards, fixture_kernels.strided_steps.bind()).run_batch(x)
    assert (steps == -1).all()
    steps = kernels.chain(
        kernels.flip.bind(axis=0), kernels.flip.bind(axis=0), fixture_kernels.strided_steps.bind()
    ).run_batch(x)
    assert (steps == 1).all()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("elsewhere", "hands on a view of what is not its input"),
        ("longer", "hands on a view of what is not its input"),
        ("short", "hands on a view of another shape than its output"),
        ("square", "hands on a view of another dtype or number of axes than its input and output"),
        ("doubles", "hands on a view of another dtype or number of axes than its input and output"),
    ],
)
def test_a_view_of_something_else_is_refused(fixture_kernels, what, message):
    class Signals(Batch):
        components = ("signals",)

    batch = Signals(["a", "b"])
    batch.signals = np.ones((2, 8), np.float32)
    bound = kernels.chain(fixture_kernels.astray.bind(what=what), kernels.clip.bind(low=0))
    with pytest.raises(ActionError, match=message) as raised:
        batch.apply_parallel(bound, src="signals")
    assert "astray" in str(raised.value)
    assert "'a'" in str(raised.value)
    assert_array_equal(batch.signals, np.ones((2, 8)))
    # Where nobody could read a view, it is not asked for one.
    alone = fixture_kernels.astray.bind(what=what).run_batch(batch.signals)
    assert (alone == 5).all()
