"""The same seed gives the same draws, whatever the expression."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from ironbatch import ConstantSampler, HistoSampler, NumpySampler, Sampler, ScipySampler
from ironbatch.sampler import AndSampler

HISTO = np.histogramdd(np.random.default_rng(0).normal(size=(100, 1)), bins=5)


class Coin(Sampler):
    """A class of the user, with a generator in `state`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.state = np.random.default_rng(seed)

    def draw(self, size: int) -> np.ndarray:
        return self.state.integers(2, size=(size, 1))


EXPRESSIONS = {
    "numpy": lambda: NumpySampler("n", seed=1),
    "numpy dim": lambda: NumpySampler("n", seed=1, dim=3),
    "scipy": lambda: ScipySampler("n", seed=1, dim=2),
    "histo": lambda: HistoSampler(HISTO, seed=1, dim=2),
    "mixture": lambda: NumpySampler("n", seed=1) | NumpySampler("u", seed=2) | Coin(3),
    "weighted": lambda: 0.2 & NumpySampler("n", seed=1) | 0.8 & ConstantSampler(7),
    "constant first": lambda: ConstantSampler(7) | NumpySampler("n", seed=2),
    "joined": lambda: NumpySampler("n", seed=1) & Coin(2) & ConstantSampler(3),
    "arithmetic": lambda: (2 * NumpySampler("n", seed=1) + Coin(2)) ** 2,
    "apply": lambda: (NumpySampler("n", seed=1) | Coin(1)).apply(np.abs),
    "truncate": lambda: (NumpySampler("n", seed=1) | Coin(1)).truncate(low=1, expr=np.abs),
}


@pytest.fixture(params=EXPRESSIONS)
def make(request):
    return EXPRESSIONS[request.param]


def test_the_same_seeds_give_the_same_draws(make):
    first, second = make(), make()
    for size in (5, 0, 50):
        assert np.array_equal(first.sample(size), second.sample(size))


def test_draws_differ_from_those_before(make):
    sampler = make()
    assert not np.array_equal(sampler.sample(50), sampler.sample(50))


def test_global_randomness_plays_no_part(make):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = make().sample(50)
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(1)
    assert np.array_equal(make().sample(50), first)


def test_a_pickle_goes_on_where_the_sampler_was(make):
    sampler = make()
    sampler.sample(3)
    clone = pickle.loads(pickle.dumps(sampler))
    assert repr(clone) == repr(sampler)
    assert np.array_equal(clone.sample(20), sampler.sample(20))


def test_seeded_copies_are_equal_and_independent_of_the_original(make):
    sampler, other = make(), make()
    first = sampler.seeded(5).sample(30)
    other.sample(4)
    assert np.array_equal(other.seeded(5).sample(30), first)
    assert not np.array_equal(sampler.seeded(6).sample(30), first)
    assert np.array_equal(sampler.sample(30), make().sample(30))


def test_seeded_leaves_the_sequence_it_is_given():
    seed = np.random.SeedSequence(5)
    a, b = (NumpySampler("n").seeded(seed).sample(5) for _ in range(2))
    assert np.array_equal(a, b)
    assert seed.n_children_spawned == 0


def test_seeded_takes_no_floats():
    with pytest.raises(TypeError):
        NumpySampler("n").seeded(0.5)


def test_seeded_gives_the_parts_different_streams():
    points = (NumpySampler("n", seed=1) & NumpySampler("n", seed=1)).seeded(2).sample(100)
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.4


def test_a_mixture_of_constants_is_seeded_by_seeded():
    first, second = (ConstantSampler(0) | ConstantSampler(1) for _ in range(2))
    assert np.array_equal(first.seeded(1).sample(64), second.seeded(1).sample(64))
    assert not np.array_equal(first.seeded(1).sample(64), first.seeded(2).sample(64))


def test_a_mixture_of_constants_has_entropy_of_its_own():
    a, b = ((ConstantSampler(0) | ConstantSampler(1)).sample(200) for _ in range(2))
    assert not np.array_equal(a, b)


def test_a_sampler_that_occurs_twice_stays_one_when_seeded():
    x = NumpySampler("n", seed=1)
    clone = (x & x).seeded(4)
    assert isinstance(clone, AndSampler)
    assert clone.bases[0] is clone.bases[1]
    points = clone.sample(100)
    assert not np.isclose(points[:, 0], points[:, 1]).any()


def test_generators_are_shared_not_copied():
    rng = np.random.default_rng(0)
    points = (NumpySampler("n", seed=rng) & NumpySampler("n", seed=rng)).sample(4)
    again = np.random.default_rng(0)
    assert np.array_equal(points, np.stack([again.normal(size=4), again.normal(size=4)], axis=1))


@pytest.mark.parametrize("make_seed", [int, np.int64, np.random.SeedSequence, np.random.SFC64])
@pytest.mark.parametrize("cls", [NumpySampler, ScipySampler])
def test_seeds_of_every_kind(cls, make_seed):
    expected = np.random.Generator(np.random.SFC64(5)).normal(size=(4, 1))
    assert np.allclose(cls("n", seed=make_seed(5)).sample(4), expected)


@pytest.mark.parametrize("cls", [NumpySampler, ScipySampler])
def test_random_state_is_used_as_it_is(cls):
    points = cls("n", seed=np.random.RandomState(5)).sample(4)
    assert np.allclose(points, np.random.RandomState(5).normal(size=(4, 1)))


@pytest.mark.parametrize("seed", [None, True])
def test_without_a_seed_draws_differ(seed):
    a, b = (NumpySampler("n", seed=seed).sample(5) for _ in range(2))
    assert not np.array_equal(a, b)


def test_false_is_no_seed():
    with pytest.raises(ValueError, match="a sampler needs a generator"):
        NumpySampler("n", seed=False)


@pytest.mark.parametrize("seed", ["5", 1.5, [1]])
def test_other_seeds_are_refused(seed):
    with pytest.raises(TypeError, match="a seed is"):
        NumpySampler("n", seed=seed)


def test_the_seed_shows_in_the_repr_as_far_as_it_can():
    assert "seed=5" in repr(NumpySampler("n", seed=np.int64(5)))
    assert "seed=<Generator>" in repr(NumpySampler("n", seed=np.random.default_rng()))
    assert "seed" not in repr(NumpySampler("n"))


def test_importing_the_package_imports_neither_samplers_nor_scipy():
    code = (
        "import sys, ironbatch; "
        "assert not {'scipy', 'ironbatch.sampler', 'ironbatch.transforms'} & set(sys.modules); "
        "ironbatch.NumpySampler('n'); assert 'scipy' not in sys.modules; "
        "assert 'NumpySampler' in dir(ironbatch)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
