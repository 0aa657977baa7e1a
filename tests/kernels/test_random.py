"""Kernels that draw: the item's own stream, the same whatever runs it, and what NumPy gives."""

import inspect
import pickle
import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, P, R
from ironbatch.components import Ragged
from ironbatch.random import ItemStreams

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)
ZEROS = np.zeros(1000)
GOLDEN = {
    "random": ["0x1.d1290dbc93ddcp-3", "0x1.5f8ffe328f332p-1", "0x1.beca8cb7483ecp-3"],
    "normal": ["-0x1.9723bf518ffe0p+6", "0x1.0ae4c3e940985p+7", "-0x1.f96d61deabe5ap+6"],
    "integers": ["0x1.c800000000000p+5", "0x1.6000000000000p+4", "0x1.b000000000000p+4"],
}


class Signals(Batch):
    components = "signals", "others"


def generator(place=7):
    return ItemStreams((1, 2), 3).at(place, 4, 5)


@pytest.fixture
def draw(fixture_kernels):
    return fixture_kernels.draw


@pytest.fixture
def batch():
    batch = Signals(np.arange(100, 150))
    batch.random_seed = 12
    batch.signals = np.zeros((50, 6))
    return batch


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"what": "raw"}, lambda rng: rng.bit_generator.random_raw(1000).astype(float)),
        ({"what": "random"}, lambda rng: rng.random(1000)),
        ({"what": "random_f32"}, lambda rng: rng.random(1000, dtype=np.float32)),
        ({"what": "uniform", "low": -3, "high": 8}, lambda rng: rng.uniform(-3, 8, 1000)),
        ({"what": "normal", "low": 2, "high": 5}, lambda rng: rng.normal(2, 5, 1000)),
        ({"what": "integers"}, lambda rng: rng.integers(0, 10, 1000)),
        ({"what": "integers", "high": 1}, lambda rng: rng.integers(0, 1, 1000)),
        ({"what": "integers", "high": 2**32}, lambda rng: rng.integers(0, 2**32, 1000)),
        ({"what": "integers", "low": -5, "high": 2**50}, lambda rng: rng.integers(-5, 2**50, 1000)),
    ],
)
def test_numbers_are_those_of_numpy(draw, params, expected):
    assert_array_equal(draw(ZEROS, rng=generator(), **params), expected(generator()))


def test_a_million_normals_are_those_of_numpy(draw):
    drawn = draw(np.zeros(1_000_000), what="normal", high=1, rng=generator())
    assert_array_equal(drawn, generator().normal(size=1_000_000))


def test_a_generator_moves_on(draw):
    rng = np.random.Generator(np.random.Philox(5))
    rng.random(6)
    expected = np.random.Generator(np.random.Philox(5))
    expected.random(8)  # a kernel begins with the next block of four
    first = draw(ZEROS, rng=rng)
    assert_array_equal(first, expected.random(1000))
    assert not np.isin(draw(ZEROS, rng=rng), first).any()


@pytest.mark.parametrize("seed", [3, np.random.SeedSequence(3)])
def test_a_seed_gives_the_same_numbers(draw, seed):
    assert_array_equal(draw(ZEROS, rng=seed), draw(ZEROS, rng=3))
    assert not np.isin(draw(ZEROS, rng=4), draw(ZEROS, rng=3)).any()
    assert_array_equal(draw.bind()(ZEROS, rng=seed), draw(ZEROS, rng=3))


def test_another_generator_is_asked_for_a_seed(draw):
    rng = np.random.default_rng(0)
    first = draw(ZEROS, rng=rng)
    assert not np.isin(draw(ZEROS, rng=rng), first).any()
    assert_array_equal(draw(ZEROS, rng=np.random.default_rng(0)), first)


def test_without_a_seed_numbers_are_fresh(draw):
    assert not np.isin(draw(ZEROS), draw(ZEROS)).any()
    bound = draw.bind()
    made = bound.run_batch(np.zeros((2, 9)))
    assert len(np.unique(made)) == 18


def test_a_kernel_that_draws_nothing_takes_no_rng(fixture_kernels, draw):
    with pytest.raises(TypeError, match=r"despike draws no random numbers.*despike\(x, \*"):
        fixture_kernels.despike(np.float32([1]), rng=1)
    assert "rng" in inspect.signature(draw).parameters
    assert "rng" not in inspect.signature(fixture_kernels.despike).parameters


def test_each_item_draws_from_its_own_stream(draw, batch):
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals")
    batch.begin_action("here")
    streams = ItemStreams(batch.stream_key, batch.next_operation())
    for item, values in zip(batch.indices, batch.signals, strict=True):
        assert_array_equal(values, streams.at(int(item)).random(6))


def test_a_python_function_gets_the_same_numbers(draw, batch):
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals", dst="others")
    batch.begin_action("here")
    batch.apply_parallel(lambda x, rng: rng.random(6), src="signals", requires_rng=True)
    assert_array_equal(batch.signals, batch.others)


def test_actions_draw_different_numbers(draw, batch):
    batch.apply_parallel(draw, src="signals")
    batch.apply_parallel(draw, src="signals", dst="others")
    assert not np.isin(batch.signals, batch.others).any()


def test_components_of_one_action_draw_the_same(draw, batch):
    batch.others = batch.signals
    batch.apply_parallel(draw, src=["signals", "others"])
    assert_array_equal(batch.signals, batch.others)
    batch.apply_parallel(draw.bind(what="uniform", low=P(R([0, 100]))), src=["signals", "others"])
    assert_array_equal(batch.signals, batch.others)


def test_p_leaves_the_streams_of_the_others(draw, batch):
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals", dst="others")
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals", p=[True, False] * 25)
    assert_array_equal(batch.signals[::2], batch.others[::2])
    assert (batch.signals[1::2] == 0).all()


def test_the_way_through_init_and_post(draw, batch):
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals", dst="others")
    for p in (None, [True, False] * 25):
        batch.begin_action("here")
        made = batch.apply_parallel(draw, init=list(batch.signals), post=list, p=p)
        assert_array_equal(made[::2], batch.others[::2])


def test_ragged_components(draw, batch):
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals", dst="others")
    batch.store("signals", Ragged.from_items([np.zeros(n % 6 + 1) for n in range(50)]))
    batch.begin_action("here")
    batch.apply_parallel(draw, src="signals")
    for n in range(50):
        assert_array_equal(batch.signals[n], batch.others[n][: n % 6 + 1])


def test_the_streams_have_to_be_as_many_as_items(draw, batch):
    with pytest.raises(ValueError, match="3 elements for 50 items"):
        draw.bind().run_batch(np.zeros((3, 2)), batch=batch)


def test_requires_rng_is_allowed_and_seeds_are_not(draw, batch):
    batch.apply_parallel(draw, src="signals", requires_rng=True)
    with pytest.raises(TypeError, match="takes its parameters by keyword"):
        batch.apply_parallel(draw, src="signals", rng_seeds=range(50))


def rows(draw, batch_size, prefetch=0, n_workers=None, ids=60, **run):
    """Numbers by id of one epoch."""
    pipeline = Dataset(ids, Signals).p.load(src=(np.zeros((ids, 3)), np.zeros(ids)))
    pipeline = pipeline.apply_parallel(draw, src="signals", n_workers=n_workers)
    found = {}
    for batch in pipeline.gen_batch(
        batch_size, n_epochs=1, shuffle=9, drop_last=False, prefetch=prefetch, **run
    ):
        found.update(zip(batch.indices.tolist(), np.asarray(batch.signals).tolist(), strict=True))
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 60},
        {"batch_size": 7},
        {"batch_size": 16, "n_workers": 1},
        {"batch_size": 16, "prefetch": 3},
    ],
)
def test_the_same_bytes_however_it_runs(draw, options):
    assert rows(draw, **options) == rows(draw, 16)


def test_epochs_differ(draw):
    pipeline = Dataset(4, Signals).p.load(src=(np.zeros((4, 3)), np.zeros(4)))
    pipeline = pipeline.apply_parallel(draw, src="signals")
    first, second = pipeline.gen_batch(4, n_epochs=2, shuffle=False)
    assert not np.isin(first.signals, second.signals).any()


def test_repeated_ids_have_streams_of_their_own(draw):
    batch = Signals(np.arange(3))
    batch.random_seed = 5
    batch.signals = np.zeros((3, 4))
    merged, _ = Signals.merge([batch, batch])
    merged.random_seed = 5
    merged.apply_parallel(draw, src="signals")
    assert len(np.unique(merged.signals)) in (12, 24)


@pytest.mark.parametrize("what", ["random", "normal", "integers"])
def test_golden_numbers(draw, what):
    """Streams never change: these are part of what a seed promises."""
    rng = np.random.Generator(np.random.Philox(key=[1, 2], counter=[0, 3, 4, 5]))
    drawn = draw(np.zeros(3), what=what, low=0, high=100, rng=rng)
    assert [value.hex() for value in drawn.tolist()] == GOLDEN[what]


def test_a_bound_kernel_that_draws_pickles(fixture_kernels, draw, monkeypatch):
    module = types.ModuleType("fixture_kernels")
    module.draw = draw
    monkeypatch.setitem(sys.modules, "fixture_kernels", module)
    bound = pickle.loads(pickle.dumps(draw.bind(what="normal")))
    assert_array_equal(bound(ZEROS, rng=1), draw(ZEROS, what="normal", rng=1))
