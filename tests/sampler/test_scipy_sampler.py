"""Samplers of SciPy's distributions."""

import pickle
import sys

import numpy as np
import pytest

from ironbatch import ScipySampler
from ironbatch.errors import MissingPackageError
from ironbatch.sampler import ALIASES

stats = pytest.importorskip("scipy.stats")

PARAMS = {
    "multivariate_normal": {"mean": [0, 5]},
    "gamma": {"a": 2},
    "beta": {"a": 2, "b": 3},
    "multinomial": {"n": 4, "p": [0.2, 0.8]},
    "f": {"dfn": 3, "dfd": 4},
    "poisson": {"mu": 3},
    "dweibull": {"c": 2},
    "lognorm": {"s": 1},
    "binom": {"n": 5, "p": 0.3},
    "chi2": {"df": 3},
}


@pytest.mark.parametrize("alias", [alias for alias in ALIASES if "ss" in ALIASES[alias]])
def test_aliases_give_scipys_numbers(alias):
    full = ALIASES[alias]["ss"]
    params = PARAMS.get(full, {})
    sampler = ScipySampler(alias, seed=4, **params)
    rng = np.random.Generator(np.random.SFC64(4))
    expected = getattr(stats, full)(**params).rvs(size=6, random_state=rng).reshape(6, -1)
    assert sampler.name == full
    assert np.array_equal(sampler.sample(6), expected)
    assert sampler.dim == expected.shape[1]


@pytest.mark.parametrize("name", ["multivariate_normal", "multinomial", "gamma"])
@pytest.mark.parametrize("size", [0, 1, 2])
def test_few_points_keep_their_coordinates(name, size):
    sampler = ScipySampler(name, **PARAMS[name])
    assert sampler.sample(size).shape == (size, sampler.dim)


def test_matrices_come_as_rows():
    sampler = ScipySampler("wishart", df=3, scale=np.eye(2))
    assert sampler.sample(5).shape == (5, 4)


def test_dim_joins_independent_draws():
    points = ScipySampler("n", seed=1, dim=2, loc=3).sample(2000)
    x = ScipySampler("n", seed=1, loc=3)
    assert np.array_equal(points, (x & x).sample(2000))
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.08


def test_the_distribution_is_at_hand():
    assert ScipySampler("norm", loc=3).distr.mean() == 3


def test_a_distribution_made_of_a_histogram():
    histo = np.histogram([0.5, 2.5, 2.6], bins=[0, 1, 2, 3])
    points = ScipySampler("rv_histogram", seed=0, histogram=histo).sample(500)
    assert not ((points > 1) & (points < 2)).any()


@pytest.mark.parametrize("name", ["norm", "multinomial", "multivariate_normal", "binom"])
def test_distributions_pickle(name):
    sampler = ScipySampler(name, seed=1, **PARAMS.get(name, {}))
    clone = pickle.loads(pickle.dumps(sampler))
    assert np.array_equal(clone.sample(3), sampler.sample(3))


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match=r"scipy\.stats has no distribution 'norml'; .*'norm'"):
        ScipySampler("norml")


@pytest.mark.parametrize("name", ["rv_continuous", "MonteCarloMethod", "describe", "__doc__"])
def test_other_names_of_scipy_are_no_distributions(name):
    with pytest.raises(ValueError, match="no distribution"):
        ScipySampler(name)


def test_an_alias_of_numpy_alone():
    with pytest.raises(ValueError, match=r"alias 'c' stands for nothing in scipy\.stats"):
        ScipySampler("c")


@pytest.mark.parametrize(
    ("kwargs", "error"), [({"scal": 1}, TypeError), ({"scale": -1}, ValueError)]
)
def test_bad_parameters_fail_when_the_sampler_is_made(kwargs, error):
    with pytest.raises(error, match=r"ScipySampler\('norm', scal"):
        ScipySampler("norm", **kwargs)


def test_without_scipy_the_error_has_the_pip_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'ironbatch\[samplers\]'"):
        ScipySampler("norm")
