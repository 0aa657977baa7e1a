"""Samplers of NumPy's distributions, and the constant one."""

import numpy as np
import pytest

from ironbatch import ConstantSampler, NumpySampler
from ironbatch.sampler import ALIASES
from ironbatch.sampler.names import LEGACY_NAMES, NUMPY_NAMES

PARAMS = {
    "beta": {"a": 2, "b": 3},
    "binomial": {"n": 5, "p": 0.3},
    "chisquare": {"df": 3},
    "choice": {"a": [1, 5, 9]},
    "dirichlet": {"alpha": [1, 2, 3]},
    "f": {"dfnum": 3, "dfden": 4},
    "gamma": {"shape": 2},
    "geometric": {"p": 0.3},
    "hypergeometric": {"ngood": 5, "nbad": 5, "nsample": 3},
    "integers": {"low": 0, "high": 9},
    "logseries": {"p": 0.5},
    "multinomial": {"n": 4, "pvals": [0.2, 0.8]},
    "multivariate_hypergeometric": {"colors": [3, 4], "nsample": 2},
    "multivariate_normal": {"mean": [0, 5], "cov": [[1, 0], [0, 1]]},
    "negative_binomial": {"n": 3, "p": 0.5},
    "noncentral_chisquare": {"df": 3, "nonc": 1},
    "noncentral_f": {"dfnum": 3, "dfden": 4, "nonc": 1},
    "pareto": {"a": 3},
    "power": {"a": 3},
    "standard_gamma": {"shape": 2},
    "standard_t": {"df": 4},
    "triangular": {"left": 0, "mode": 1, "right": 2},
    "vonmises": {"mu": 0, "kappa": 1},
    "wald": {"mean": 1, "scale": 1},
    "weibull": {"a": 2},
    "zipf": {"a": 3},
}


@pytest.mark.parametrize("name", sorted(NUMPY_NAMES))
def test_every_distribution_gives_numpys_numbers(name):
    sampler = NumpySampler(name, seed=4, **PARAMS.get(name, {}))
    rng = np.random.Generator(np.random.SFC64(4))
    expected = getattr(rng, name)(size=6, **PARAMS.get(name, {})).reshape(6, -1)
    points = sampler.sample(6)
    assert np.array_equal(points, expected)
    assert points.dtype == expected.dtype
    assert sampler.dim == expected.shape[1]
    assert sampler.sample(0).shape == (0, sampler.dim)


def test_no_method_of_a_generator_is_left_out():
    others = {"bit_generator", "bytes", "permutation", "permuted", "shuffle", "spawn"}
    methods = {name for name in dir(np.random.Generator) if not name.startswith("_")}
    assert methods - others == NUMPY_NAMES


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_stand_for_full_names(alias):
    full = ALIASES[alias]["np"]
    sampler = NumpySampler(alias, seed=1, **PARAMS.get(full, {}))
    assert sampler.name == full
    assert np.array_equal(
        sampler.sample(3), NumpySampler(full, seed=1, **PARAMS.get(full, {})).sample(3)
    )


def test_dim_joins_independent_draws():
    points = NumpySampler("n", seed=1, dim=3).sample(2000)
    x = NumpySampler("n", seed=1)
    assert np.array_equal(points, (x & x & x).sample(2000))
    assert np.abs(np.corrcoef(points.T) - np.eye(3)).max() < 0.08


def test_dim_of_a_distribution_with_coordinates():
    sampler = NumpySampler("mvn", seed=1, dim=2, **PARAMS["multivariate_normal"])
    assert sampler.dim == 4
    assert np.abs(sampler.sample(1000).mean(axis=0) - [0, 5, 0, 5]).max() < 0.15


def test_draws_without_replacement_are_so_within_each_coordinate():
    points = NumpySampler("choice", a=4, replace=False, dim=2, seed=1).sample(4)
    assert np.sort(points, axis=0).tolist() == [[i, i] for i in range(4)]


@pytest.mark.parametrize(
    ("name", "nearest"), [("norml", "normal"), ("Uniform", "uniform"), ("expon", "exponential")]
)
def test_an_unknown_name_gets_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"no distribution '{name}'; the nearest: .*'{nearest}'"):
        NumpySampler(name)


@pytest.mark.parametrize("name", LEGACY_NAMES)
def test_a_name_of_old_numpy_gets_its_successor(name):
    with pytest.raises(ValueError, match=f"the nearest: '{LEGACY_NAMES[name]}'$"):
        NumpySampler(name)


def test_a_random_state_has_its_own_names():
    points = NumpySampler("randint", seed=np.random.RandomState(1), low=0, high=9).sample(3)
    assert np.array_equal(points.ravel(), np.random.RandomState(1).randint(0, 9, size=3))
    with pytest.raises(ValueError, match="no distribution 'integers'"):
        NumpySampler("integers", seed=np.random.RandomState(1), low=0, high=9)


@pytest.mark.parametrize("name", ["shuffle", "bytes", "spawn", "__class__", "bit_generator"])
def test_other_attributes_of_a_generator_are_no_distributions(name):
    with pytest.raises(ValueError, match="no distribution"):
        NumpySampler(name)


def test_a_name_is_a_string():
    with pytest.raises(TypeError, match="given by its name, not int"):
        NumpySampler(5)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"scal": 1}, TypeError, r"NumpySampler\('normal', scal=1\): .*'scal'"),
        ({"scale": -1}, ValueError, r"NumpySampler\('normal', scale=-1\): scale < 0"),
        ({"loc": [0, 1]}, ValueError, "not compatible"),
    ],
)
def test_bad_parameters_fail_when_the_sampler_is_made(kwargs, error, message):
    with pytest.raises(error, match=message):
        NumpySampler("n", **kwargs)


def test_checking_parameters_draws_nothing_from_the_generator():
    rng = np.random.default_rng(0)
    NumpySampler("n", seed=rng)
    assert rng.normal() == np.random.default_rng(0).normal()


@pytest.mark.parametrize(
    ("constant", "row"),
    [(3, [3]), ([1, 2], [1, 2]), (np.ones((2, 2)), [1, 1, 1, 1]), ("a", ["a"]), (0.5, [0.5])],
)
def test_a_constant_is_repeated(constant, row):
    sampler = ConstantSampler(constant)
    assert sampler.sample(3).tolist() == [row] * 3
    assert sampler.dim == len(row)


def test_a_constant_is_copied():
    constant = np.array([1, 2])
    sampler = ConstantSampler(constant)
    constant[:] = 5
    sampler.sample(1)[:] = 6
    assert sampler.sample(1).tolist() == [[1, 2]]


def test_dim_of_a_constant():
    assert ConstantSampler([1, 2], dim=2).sample(1).tolist() == [[1, 2, 1, 2]]


def test_a_constant_has_coordinates():
    with pytest.raises(ValueError, match="at least one coordinate"):
        ConstantSampler([])
