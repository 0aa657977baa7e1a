"""Distributions of noise: against NumPy's generator at the item's place, bit by bit."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, C, Dataset, ImagesBatch, P, R, kernels
from ironbatch.kernels import distributions

from .test_references import extremes, saturated
from .test_shapes import DTYPES

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "distributions_v1.json").read_text())
PARAMETERS = {
    "normal": {"loc": 3.5, "scale": 20},
    "uniform": {"low": -5, "high": 7.25},
    "laplace": {"loc": -1, "scale": 9},
    "logistic": {"loc": -3, "scale": 4},
    "gumbel": {"loc": 0.5, "scale": 6},
    "exponential": {"scale": 12},
    "integers": {"low": -30, "high": 31},
}
BOUND = {name: getattr(distributions, name).bind(**given) for name, given in PARAMETERS.items()}
NOISE = {"additive_noise": np.add, "multiplicative_noise": np.multiply}


class Scans(Batch):
    components = "images"


class Pictures(ImagesBatch):
    components = "images"


def generator():
    return np.random.Generator(np.random.Philox(key=[1, 2], counter=[0, 3, 4, 5]))


def drawn(name, shape, **given):
    return getattr(generator(), name)(**(PARAMETERS[name] | given), size=shape)


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize("kernel", NOISE)
def test_numbers_are_those_of_numpy(kernel, name):
    # So many that what one draw in a thousand does is among them.
    x = np.full(300_000, 1.0)
    result = getattr(kernels, kernel)(x, BOUND[name], rng=generator())
    expected = NOISE[kernel](x, drawn(name, x.shape).astype(float))
    assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUND)
def test_every_dtype(dtype, name):
    x = extremes(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = saturated(x + drawn(name, x.shape).astype(float), dtype)
    result = kernels.additive_noise(x, distribution=BOUND[name], rng=generator())
    assert result.dtype == dtype
    assert_array_equal(result, expected)


@pytest.mark.parametrize("name", BOUND)
def test_golden_numbers(name):
    """What a seed gives never changes."""
    result = kernels.additive_noise(np.zeros(8), BOUND[name], rng=generator())
    assert [number.hex() for number in result.tolist()] == GOLDEN[name]


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [(name, parameter, 2) for name, given in PARAMETERS.items() for parameter in given],
)
def test_each_parameter_counts(name, parameter, value):
    bound = getattr(distributions, name).bind(**PARAMETERS[name] | {parameter: value})
    result = kernels.additive_noise(np.zeros(20), bound, rng=generator())
    assert_array_equal(result, drawn(name, 20, **{parameter: value}))
    assert (result != drawn(name, 20)).any()


@pytest.mark.parametrize("name", [name for name in BOUND if name != "integers"])
def test_defaults_are_those_of_numpy(name):
    result = kernels.additive_noise(
        np.zeros(20), getattr(distributions, name).bind(), rng=generator()
    )
    assert_array_equal(result, getattr(generator(), name)(size=20))


@pytest.mark.parametrize("range_", [(0, 2**32), (-(2**40), 2**40), (5, 6), (0, 2**32 - 1)])
def test_integers_of_any_range(range_):
    low, high = range_
    bound = distributions.integers.bind(low=low, high=high)
    result = kernels.additive_noise(np.zeros(1000), bound, rng=generator())
    assert_array_equal(result, generator().integers(low, high, size=1000))


def test_a_bound_one_draws_like_the_generator():
    noise = distributions.uniform.bind(low=2, high=3)
    assert_array_equal(noise(rng=generator(), size=(2, 3)), generator().uniform(2, 3, (2, 3)))
    assert noise(rng=generator()) == generator().uniform(2, 3)


def test_a_bound_one_is_a_value():
    noise = distributions.uniform.bind(low=-5, high=5)
    assert repr(noise) == "distributions.uniform.bind(low=-5, high=5)"
    assert eval(repr(noise)) == noise
    assert noise == distributions.uniform.bind(high=5.0, low=-5.0)
    assert hash(noise) == hash(distributions.uniform.bind(high=5.0, low=-5.0))
    assert noise != distributions.uniform.bind(low=-5)
    assert distributions.normal.bind(scale=2) != distributions.laplace.bind(scale=2)
    assert noise != 5
    assert pickle.loads(pickle.dumps(noise)) == noise
    assert copy.deepcopy(noise) == noise
    assert pickle.loads(pickle.dumps(distributions.uniform)) is distributions.uniform


def test_how_they_show():
    assert (
        repr(distributions.uniform)
        == "<distribution ironbatch.kernels.distributions.uniform(*, low=0.0, high=1.0)>"
    )
    bound = kernels.additive_noise.bind(distributions.exponential.bind(scale=2))
    assert repr(bound) == (
        "<kernel ironbatch.kernels.additive_noise bound to "
        "distribution=distributions.exponential.bind(scale=2)>"
    )
    assert "distributions.exponential.bind(scale=2)" in bound._repr_html_()
    for kernel in NOISE:
        text = repr(getattr(kernels, kernel))
        assert "std: float | None = None, distribution: BoundDistribution | None = None" in text


def test_a_kernel_with_a_distribution_pickles():
    bound = kernels.additive_noise.bind(distributions.gumbel.bind(scale=2))
    again = pickle.loads(pickle.dumps(bound))
    assert_array_equal(again(np.zeros(9), rng=3), bound(np.zeros(9), rng=3))


@pytest.mark.parametrize(
    ("name", "params", "error", "message"),
    [
        ("uniform", {"lo": 1}, TypeError, "has no parameter lo"),
        ("integers", {"low": 1}, TypeError, "parameter high is missing"),
        ("uniform", {"low": "a"}, TypeError, "low='a' is no number"),
        ("uniform", {"low": [1, 2]}, TypeError, "no number"),
        ("uniform", {"low": True}, TypeError, "no number"),
        ("uniform", {"low": 2}, ValueError, "low=2 has to be at most high=1.0"),
        ("uniform", {"low": -1.7e308, "high": 1.7e308}, ValueError, "a finite distance apart"),
        ("uniform", {"low": float("nan")}, ValueError, "low=nan has to be finite"),
        ("uniform", {"high": 10**400}, ValueError, "has to be finite"),
        ("uniform", {"high": float("inf")}, ValueError, "high=inf has to be finite"),
        ("normal", {"scale": -1}, ValueError, "scale=-1 has to be at least 0"),
        ("normal", {"loc": float("nan")}, ValueError, "loc=nan has to be finite"),
        ("exponential", {"scale": -0.5}, ValueError, "scale=-0.5 has to be at least 0"),
        ("laplace", {"scale": float("inf")}, ValueError, "scale=inf has to be finite"),
        ("integers", {"low": 3, "high": 3}, ValueError, "low=3 has to be below high=3"),
        ("integers", {"low": 0.5, "high": 3}, ValueError, "low=0.5 has to be a whole number"),
        ("integers", {"low": 0, "high": 2**60}, ValueError, "a whole number, up to"),
    ],
)
def test_bad_parameters(name, params, error, message):
    distribution = getattr(distributions, name)
    with pytest.raises(error, match=message) as caught:
        distribution.bind(**params)
    assert str(caught.value).endswith(f"; its signature is {distribution.signature}")


def test_parameters_go_by_name():
    with pytest.raises(TypeError, match=r"by name, got 1; its signature is uniform\("):
        distributions.uniform.bind(1, 2)


@pytest.mark.parametrize("kernel", NOISE)
def test_either_std_or_a_distribution(kernel):
    bind = getattr(kernels, kernel).bind
    noise = distributions.normal.bind()
    with pytest.raises(ValueError, match=rf"neither given; its signature is {kernel}\(x, \*, std"):
        bind()
    with pytest.raises(ValueError, match=rf"both given; its signature is {kernel}\("):
        bind(noise, std=1)
    with pytest.raises(ValueError, match="both given"):
        bind(noise, std=P([1.0, 2.0]))
    with pytest.raises(TypeError, match="distribution is given twice; its signature is"):
        bind(noise, distribution=noise)
    with pytest.raises(TypeError, match="by name, got 10 without one"):
        bind(10)


@pytest.mark.parametrize("given", [R("uniform", -5, 5), 3, "uniform", [1, -5.0, 5.0], np.ones(3)])
def test_other_things_are_no_distribution(given):
    batch = Dataset(2, Scans, preloaded=np.zeros((2, 3))).next_batch(2)
    message = "distribution has to be a bound distribution of ironbatch.kernels.distributions"
    with pytest.raises(TypeError, match=message):
        batch.apply_parallel(kernels.additive_noise.bind(distribution=given), src="images")


def test_one_that_is_not_bound():
    with pytest.raises(TypeError, match=r"such as distributions.uniform.bind\(\.\.\.\), got"):
        kernels.additive_noise.bind(distribution=distributions.uniform)


def test_kernels_without_noise_take_none():
    with pytest.raises(TypeError, match="by name"):
        kernels.clip.bind(distributions.normal.bind())


def test_parameters_for_each_item():
    images = np.zeros((3, 50))
    batch = Dataset(3, Scans, preloaded=images).next_batch(3)
    noise = distributions.uniform.bind(low=P([0, 10, 20]), high=P([1, 11, 21]))
    assert repr(noise) == "distributions.uniform.bind(low=P([0, 10, 20]), high=P([1, 11, 21]))"
    batch.apply_parallel(kernels.additive_noise.bind(noise), src="images")
    assert_array_equal(np.floor(batch.images), np.zeros((3, 50)) + [[0], [10], [20]])


def test_a_distribution_for_each_item():
    batch = Dataset(2, Scans, preloaded=np.zeros((2, 500))).next_batch(2)
    noise = P([distributions.exponential.bind(), distributions.integers.bind(low=5, high=7)])
    batch.apply_parallel(kernels.additive_noise.bind(distribution=noise), src="images")
    assert (batch.images[0] > 0).all()
    assert set(batch.images[1].tolist()) == {5, 6}


def test_expressions_are_evaluated_for_each_batch():
    noise = distributions.uniform.bind(low=C("low"), high=P(R("uniform", 5, 6)))
    dataset = Dataset(4, Scans, preloaded=np.zeros((4, 50)))
    pipeline = dataset.p.apply_parallel(kernels.additive_noise.bind(noise), src="images")
    batch = (pipeline << dataset).set_config({"low": 4}).next_batch(4)
    assert batch.images.min() >= 4
    assert batch.images.max() < 6


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (distributions.uniform.bind(high=P([1, -1, 2])), "item 1.*low=0.0 has to be at most"),
        (distributions.normal.bind(scale=P([1, 2, -3])), "item 2.*scale=-3 has to be at least 0"),
        (P([distributions.normal.bind()] * 2), "2 values for the 3 items"),
    ],
)
def test_bad_parameters_of_an_item(noise, message):
    batch = Dataset(3, Scans, preloaded=np.zeros((3, 5))).next_batch(3)
    with pytest.raises(ValueError, match=message):
        batch.apply_parallel(kernels.additive_noise.bind(distribution=noise), src="images")


def test_one_item_knows_no_batch():
    noise = distributions.normal.bind(scale=P([1, 2]))
    with pytest.raises(TypeError, match="differ from item to item"):
        kernels.additive_noise(np.zeros(3), noise)
    with pytest.raises(TypeError, match="depend on the batch"):
        noise(rng=generator())


def rows(batch_size, **options):
    images = np.zeros((30, 6))
    run = {"n_epochs": 1, "shuffle": 4, "drop_last": False}
    run |= {key: options.pop(key) for key in ("prefetch",) if key in options}
    noise = kernels.multiplicative_noise.bind(distributions.gumbel.bind(loc=2))
    pipeline = Dataset(30, Scans).p.load(src=images + 1)
    pipeline = pipeline.apply_parallel(noise, src="images", **options)
    found = {}
    for batch in pipeline.gen_batch(batch_size, **run):
        found.update(zip(batch.indices.tolist(), np.asarray(batch.images).tolist(), strict=True))
    return found


def test_the_same_bytes_however_it_runs():
    expected = rows(8)
    assert len({str(row) for row in expected.values()}) == 30
    assert rows(30) == expected
    assert rows(7, n_workers=1) == expected
    assert rows(8, prefetch=2) == expected


@pytest.mark.parametrize("action", NOISE)
@pytest.mark.parametrize("name", BOUND)
def test_images_draw_natively_what_they_draw_in_python(action, name):
    images = np.arange(3 * 6 * 5 * 3, dtype="uint8").reshape(3, 6, 5, 3)

    def made(**options):
        batch = Dataset(3, Pictures, preloaded=images).next_batch(3)
        batch.random_seed = 5
        noise = BOUND[name]
        return np.asarray(getattr(batch, action)(noise, **options).images)

    native = made()
    assert (native != images).any()
    assert_array_equal(native, made(target="for"))


@pytest.mark.parametrize("scale", [9, P(R("uniform", 0, 9))])
def test_images_draw_the_same_in_one_pass(scale):
    images = np.arange(6 * 5 * 5, dtype="uint8").reshape(6, 5, 5)
    dataset = Dataset(6, Pictures, preloaded=images)
    pipeline = dataset.p.flip().additive_noise(distributions.laplace.bind(scale=scale)).invert()
    whole = next(pipeline.gen_batch(6, seed=3)).images
    assert_array_equal(whole, next(pipeline.gen_batch(6, seed=3, fuse=False)).images)
    assert_array_equal(whole[:2], next(pipeline.gen_batch(2, seed=3)).images)


def test_images_with_parameters_for_each_item():
    images = np.zeros((2, 4, 4), "uint8")

    def made(**options):
        noise = distributions.uniform.bind(low=P([10, 100]), high=P([20, 120]))
        batch = Dataset(2, Pictures, preloaded=images).next_batch(2)
        batch.random_seed = 5
        return np.asarray(batch.additive_noise(noise, **options).images)

    native = made()
    assert native[0].max() <= 20 < 100 <= native[1].min()
    assert_array_equal(native, made(target="for"))
