"""Filters, against scipy.ndimage, at the extreme values of each dtype."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import Batch, Dataset, P, kernels
from ironbatch.components import Ragged

from .test_references import DTYPES, INTEGERS, saturated

ndimage = pytest.importorskip("scipy.ndimage")

MODES = {"reflect": "mirror", "constant": "constant", "edge": "nearest", "wrap": "wrap"}
SHAPES = [(40,), (1,), (9, 12), (9, 12, 3), (5, 6, 7)]
STATISTICS = {
    "mean": ndimage.uniform_filter,
    "min": ndimage.minimum_filter,
    "max": ndimage.maximum_filter,
}


class Signals(Batch):
    components = ("signals",)


def item(*shape, dtype="float64"):
    """Random elements, the ends of the dtype among them."""
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind == "f":
        x = rng.normal(size=shape).astype(dtype)
        # Ends of the dtype would hide all others in a sum; they have a test of their own.
        x.flat[0], x.flat[-1] = -6e4 if dtype == "float16" else -1e30, np.finfo(dtype).tiny
        return x
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max + 1, shape, dtype)
    x.flat[0], x.flat[-1] = info.min, info.max
    return x


def layouts(x):
    return [x, np.asfortranarray(x), np.repeat(x, 2, axis=-1)[..., ::2], x[::-1].copy()[::-1]]


def whole(numbers, x, rest):
    """Numbers for all axes, of which the first ones are filtered."""
    return [*numbers, *[rest] * (x.ndim - len(numbers))]


def check(result, expected, dtype):
    """Integers as the rounded double, floats to some roundings of the greatest element."""
    assert result.dtype == dtype
    if dtype in INTEGERS:
        assert_array_equal(result, saturated(expected, dtype))
        return
    if dtype == "float16":
        assert_allclose(result, saturated(expected, dtype), rtol=1e-3, atol=6e-8)
        return
    rounding = 2e-7 if dtype == "float32" else 1e-14
    assert_allclose(result, expected, rtol=rounding, atol=1e-14 * np.abs(expected).max())


def each_layout(kernel, x, expected, n_axes, **params):
    """A kernel in all layouts of memory, and with the channels first."""
    for one in layouts(x):
        check(getattr(kernels, kernel)(one, **params), expected, x.dtype)
    axes = range(n_axes, x.ndim)
    turned = np.moveaxis(x, axes, range(x.ndim - n_axes))
    result = getattr(kernels, kernel)(turned, channels="first", **params)
    check(np.moveaxis(result, range(x.ndim - n_axes), axes), expected, x.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_convolve(shape, border, dtype):
    x = item(*shape, dtype=dtype)
    for size in [(3,), (4, 3), (1, 2, 5), (20,), (2, 1)]:
        if len(size) > len(shape):
            continue
        weights = np.random.default_rng(1).normal(size=size)
        full = weights.reshape(whole(size, x, 1))
        expected = ndimage.convolve(x.astype(float), full, mode=MODES[border], cval=3)
        each_layout("convolve", x, expected, len(size), weights=weights, border=border, fill=3)


def test_convolve_takes_nested_lists_and_leaves_elements_without_weight_out():
    x = np.array([[1.0, np.nan, 3.0, 4.0]])
    assert kernels.convolve(x, weights=[[1, 0, 0]]).tolist()[0][1:] == [3, 4, 3]
    assert np.isnan(kernels.convolve(x, weights=[[1, 2, 1]])).tolist() == [[1, 1, 1, 0]]


def test_convolve_saturates_where_scipy_wraps_around():
    x = np.array([0, 200, 255, 3], "uint8")
    assert kernels.convolve(x, weights=[2.5]).tolist() == [0, 255, 255, 8]
    assert kernels.convolve(x, weights=[-1.0]).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_blur(shape, border, dtype):
    x = item(*shape, dtype=dtype)
    for sigma in [(0.3,), (2.0,), (1.5, 0.0), (0.7, 12.0), (1.0, 2.0, 0.5)]:
        if len(sigma) > len(shape):
            continue
        expected = ndimage.gaussian_filter(
            x.astype(float), whole(sigma, x, 0), mode=MODES[border], cval=3
        )
        each_layout("gaussian_blur", x, expected, len(sigma), sigma=sigma, border=border, fill=3)


def test_gaussian_blur_reaches_as_far_as_truncate_says():
    x = np.zeros(101)
    x[50] = 1
    for truncate in (0.0, 1.0, 2.5, 4.0):
        result = kernels.gaussian_blur(x, sigma=3, truncate=truncate)
        assert_allclose(result, ndimage.gaussian_filter(x, 3, truncate=truncate), atol=1e-16)
    assert_array_equal(
        kernels.gaussian_blur(x, sigma=3), kernels.gaussian_blur(x, sigma=3, truncate=4)
    )


@pytest.mark.parametrize("of", ["alone", "beside another"])
def test_gaussian_blur_of_each_item_by_its_own(of):
    x = np.random.default_rng(0).random((4, 30))
    sigma = [[1.0], [3.0], [0.0], [1.0]]
    batch = Dataset(4, Signals, preloaded=(x,)).next_batch(4)
    more = {"truncate": P([4.0, 2.0, 1.0, 3.0])} if of == "beside another" else {}
    batch.apply_parallel(kernels.gaussian_blur.bind(sigma=P(sigma), **more), src="signals")
    for number, result in enumerate(batch.signals):
        truncate = [4, 2, 1, 3][number] if more else 4
        expected = ndimage.gaussian_filter(
            x[number], sigma[number], mode="mirror", truncate=truncate
        )
        assert_allclose(result, expected, rtol=1e-13)


@pytest.mark.parametrize("kernel", ["gaussian_blur", "sliding", "convolve"])
def test_ragged_items(kernel):
    params = {
        "gaussian_blur": {"sigma": 2.0},
        "sliding": {"size": 5},
        "convolve": {"weights": [1.0, 2.0, 3.0]},
    }[kernel]
    items = [np.random.default_rng(n).random(n).astype(np.float32) for n in (5, 0, 100, 1, 33)]
    bound = getattr(kernels, kernel).bind(**params)
    made = bound.run_batch(Ragged.from_items(items))
    for x, result in zip(items, made, strict=True):
        assert_array_equal(result, bound(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_sliding(shape, border, dtype):
    x = item(*shape, dtype=dtype)
    for size in [(3,), (4,), (1, 6), (5, 2), (2, 3, 4), (100,)]:
        if len(size) > len(shape):
            continue
        for statistic, peer in STATISTICS.items():
            expected = peer(x.astype(float), whole(size, x, 1), mode=MODES[border], cval=3)
            params = {"size": size, "statistic": statistic, "border": border, "fill": 3}
            if statistic == "mean" and dtype in INTEGERS:
                # A half may be rounded either way after the roundings of the division.
                result = kernels.sliding(x, **params)
                assert_allclose(result, expected, rtol=0, atol=0.5 + 1e-9)
            elif statistic == "mean" and dtype not in INTEGERS:
                # SciPy's running sum keeps the rounding of an element that has left the window.
                rows = np.abs(x.astype(float)).max()
                result = kernels.sliding(x, **params)
                rtol, atol = (1e-3, 6e-8) if dtype == "float16" else (2e-7, 0)
                assert_allclose(result, expected, rtol=rtol, atol=atol + 1e-14 * rows)
            else:
                each_layout("sliding", x, expected, len(size), **params)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", ["last", "first"])
def test_sliding_mean_and_rms_are_those_of_each_window(channels, dtype):
    x = item(30, 3, dtype=dtype)
    padded = np.pad(x.astype(float), [(3, 2), (0, 0)], "reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 6, axis=0)
    turn = np.transpose if channels == "first" else np.asarray
    for statistic, expected in [
        ("mean", windows.sum(axis=-1) / 6),
        ("rms", np.sqrt((windows**2).sum(axis=-1) / 6)),
    ]:
        result = kernels.sliding(turn(x), size=[6], statistic=statistic, channels=channels)
        assert_allclose(
            turn(result).astype(float),
            saturated(expected, dtype).astype(float),
            rtol=1e-6,
            atol=0 if dtype in INTEGERS else 1e-12,
        )


def test_sliding_is_a_mean_of_the_element_itself_by_default():
    assert kernels.sliding(np.array([1.0, 2.0, 6.0]), size=3).tolist() == [5 / 3, 3, 10 / 3]


@pytest.mark.parametrize("statistic", ["mean", "rms"])
def test_long_signals_do_not_drift(statistic):
    x = np.full(1_000_000, 0.1)
    x[:1000] = 1e12
    result = kernels.sliding(x, size=101, statistic=statistic)
    assert_allclose(result[2000:], 0.1, rtol=1e-13)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_leaves_with_its_window(value, n_channels):
    x = np.ones((50, n_channels))
    x[20] = value
    near = np.zeros(50, bool)
    near[18:23] = True
    for result, window in [
        (kernels.sliding(x, size=5), near),
        (kernels.sliding(x, size=5, statistic="rms"), near),
        (kernels.gaussian_blur(x, sigma=1, truncate=2), near),
        (kernels.convolve(x, weights=[1, 2, 3, 2, 1]), near),
    ]:
        assert_array_equal(np.isfinite(result), np.repeat(~window[:, np.newaxis], n_channels, 1))
    for statistic, function in [("min", np.minimum), ("max", np.maximum)]:
        result = kernels.sliding(x, size=5, statistic=statistic)
        assert_array_equal(result[18:23], np.full((5, n_channels), function(1, value)))
        assert (result[~near] == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", ["reflect", "edge", "wrap"])
def test_a_plane_of_the_ends_of_a_dtype_stays_one(border, dtype):
    info = np.iinfo(dtype) if dtype in INTEGERS else np.finfo(dtype)
    # Sums of the greatest doubles have no double; squares need half of the exponents.
    ends = [info.min, info.max] if dtype != "float64" else [info.tiny, -1e307, 1e150]
    ends += [info.smallest_subnormal] if dtype == "float16" else []
    for value in ends:
        x = np.full((9, 9), value, dtype)
        for result in (
            kernels.gaussian_blur(x, sigma=(1.5, 3), border=border),
            kernels.sliding(x, size=(4, 5), border=border),
            kernels.sliding(x, size=(4, 5), border=border, statistic="min"),
            kernels.sliding(x, size=(4, 5), border=border, statistic="max"),
            kernels.convolve(x, weights=np.full((2, 4), 1 / 8), border=border),
        ):
            assert_allclose(result, x, rtol=1e-6)
        if abs(float(value)) > 1e-200 and abs(float(value)) < 1e200:
            result = kernels.sliding(x, size=(4, 5), border=border, statistic="rms")
            assert_allclose(result, saturated(np.abs(x.astype(float)), dtype), rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("gaussian_blur", {"sigma": -1}, "sigma has to be a number from 0 on, not -1"),
        ("gaussian_blur", {"sigma": [1, float("nan")]}, "sigma has to be .*, not NaN"),
        ("gaussian_blur", {"sigma": float("inf")}, "sigma has to be .*, not inf"),
        ("gaussian_blur", {"sigma": 1, "truncate": -2}, "truncate has to be .*, not -2"),
        ("gaussian_blur", {"sigma": 1, "border": "mirror"}, "border has to be 'constant'"),
        ("gaussian_blur", {"sigma": 1, "channels": "no"}, "channels has to be"),
        ("sliding", {"size": 0}, "size has to be at least 1, not 0"),
        ("sliding", {"size": [3, -1]}, "size has to be at least 1, not -1"),
        ("sliding", {"size": 3, "statistic": "median"}, "statistic has to be 'mean', 'rms'"),
        ("sliding", {"size": 3, "border": "mirror"}, "border has to be 'constant'"),
        ("sliding", {"size": 3, "channels": "no"}, "channels has to be"),
        ("convolve", {"weights": []}, r"weights has to be .* not of shape \(0,\)"),
        ("convolve", {"weights": np.zeros((0, 3))}, r"not of shape \(0, 3\)"),
        ("convolve", {"weights": 2.0}, r"weights has to be .* not of shape \(\)"),
        ("convolve", {"weights": [1, float("nan")]}, "weights has NaN"),
        ("convolve", {"weights": [1], "border": "mirror"}, "border has to be 'constant'"),
        ("convolve", {"weights": [1], "channels": "no"}, "channels has to be"),
    ],
)
def test_bad_parameters_are_refused_at_once(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel).bind(**params)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("gaussian_blur", {"sigma": P([[1.0], [-1.0]])}, "sigma has to be .*, not -1"),
        ("gaussian_blur", {"sigma": 1, "truncate": P([1, float("nan")])}, "truncate .* not NaN"),
        ("sliding", {"size": P([[1], [0]])}, "size has to be at least 1, not 0"),
    ],
)
def test_bad_parameters_of_an_item_name_it(kernel, params, message):
    batch = Dataset(["good", "bad"], Signals, preloaded=(np.ones((2, 5)),)).next_batch(2)
    with pytest.raises(ValueError, match=rf"'bad'.*{message}"):
        batch.apply_parallel(getattr(kernels, kernel).bind(**params), src="signals")


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("gaussian_blur", {"sigma": [1, 1]}, "sigma has 2 numbers for an item with 1 axes"),
        ("gaussian_blur", {"sigma": []}, "sigma is empty"),
        ("gaussian_blur", {"sigma": 1e300}, "reaches too far"),
        ("gaussian_blur", {"sigma": 1e9}, "reaches too far"),
        ("sliding", {"size": [1, 1]}, "size has 2 numbers for an item with 1 axes"),
        ("sliding", {"size": []}, "size is empty"),
        ("sliding", {"size": 2**62}, "reaches too far"),
        ("convolve", {"weights": [[1]]}, "weights: the shape has 2 numbers"),
    ],
)
def test_what_does_not_go_with_the_item(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel)(np.ones(5), **params)
