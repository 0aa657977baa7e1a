"""Kernels of signals, against scipy.signal and NumPy."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import Batch, Dataset, P, kernels
from ironbatch.components import Ragged
from ironbatch.random import ItemStreams

from .test_filters import item, layouts
from .test_references import DTYPES, INTEGERS, saturated

signal = pytest.importorskip("scipy.signal")

RATES = [(1, 2), (2, 1), (3, 2), (25, 36), (160, 147), (7, 1), (1, 10), (999, 1000)]
GOLDEN = [306, 576, 143, 102, 358, 681]


class Signals(Batch):
    components = "signals", "others"


def expected_resampled(x, up, down):
    return saturated(signal.resample_poly(x.astype(float), up, down, axis=0), x.dtype)


def assert_resampled(result, expected):
    """As SciPy in doubles: a step for integers, which may be rounded the other way at a half."""
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    scale = np.abs(expected.astype(float)).max(initial=0)
    atol = 1 if expected.dtype.kind in "iu" else 1e-13 * scale
    rtol = {"float16": 1e-3, "float32": 2e-7}.get(expected.dtype.name, 1e-12)
    atol = max(atol, 6e-8) if expected.dtype == "float16" else atol
    assert_allclose(result.astype(float), expected.astype(float), rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("up", "down"), RATES)
@pytest.mark.parametrize("shape", [(1,), (7,), (500,), (60, 3), (20, 2, 3)])
def test_resample_by_a_rate(shape, up, down, dtype):
    x = item(*shape, dtype=dtype)
    expected = expected_resampled(x, up, down)
    for one in layouts(x):
        assert_resampled(kernels.resample(one, rate=up / down), expected)
    turned = kernels.resample(np.moveaxis(x, 0, -1), rate=up / down, channels="first")
    assert_resampled(np.moveaxis(turned, -1, 0), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "length"), [(500, 200), (500, 501), (7, 50), (1, 3), (64, 1)])
def test_resample_to_a_length(n, length, dtype):
    x = item(n, 2, dtype=dtype)
    result = kernels.resample(x, length=length)
    assert len(result) == length
    assert_resampled(result, expected_resampled(x, length, n))


def test_resample_with_more_phases_than_are_kept():
    x = np.random.default_rng(0).normal(size=49_999)
    result = kernels.resample(x, length=50_001)
    assert_allclose(result, signal.resample_poly(x, 50_001, 49_999), atol=1e-11)


@pytest.mark.parametrize("rate", [np.pi, 1 / 3, 0.3333, 1.0004, 0.0011, 999.9995, 44.1 / 48])
def test_rates_are_the_nearest_fractions(rate):
    n = 5000 if rate < 100 else 3
    fraction = Fraction(rate).limit_denominator(1000)
    expected = -(-n * fraction.numerator // fraction.denominator)
    assert len(kernels.resample(np.zeros(n), rate=rate)) == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rate_of_one_changes_nothing(dtype):
    x = item(50, dtype=dtype)
    assert_array_equal(kernels.resample(x, rate=1), x)
    assert_array_equal(kernels.resample(x, length=50), x)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_resampled_integers_stay_within_the_dtype(dtype):
    info = np.iinfo(dtype)
    x = np.repeat(np.array([info.min, info.max] * 4, dtype), 30)
    assert_resampled(kernels.resample(x, rate=1.7), expected_resampled(x, 17, 10))


def test_nan_spreads_as_far_as_the_filter_of_a_rate():
    x = np.zeros(100)
    x[50] = np.nan
    for rate, reach in [(2.0, 10), (0.5, 20)]:
        found = np.flatnonzero(np.isnan(kernels.resample(x, rate=rate))) / rate
        assert found.min() >= 50 - reach
        assert found.max() <= 50 + reach
        assert len(found) >= reach * rate


def test_resample_of_items_that_differ():
    items = [np.random.default_rng(n).normal(size=n) for n in (30, 100, 0, 30, 7)]
    component = Ragged.from_items(items)
    made = kernels.resample.bind(rate=0.5).run_batch(component)
    for x, result in zip(items, made, strict=True):
        expected = signal.resample_poly(x, 1, 2) if len(x) else x
        assert_allclose(result, expected, atol=1e-14)
    made = kernels.resample.bind(length=12).run_batch(component[:2])
    assert isinstance(made, np.ndarray)
    assert made.shape == (2, 12)


def test_rates_for_each_item():
    x = np.random.default_rng(0).normal(size=(3, 40))
    batch = Dataset(3, Signals, preloaded=(x, x)).next_batch(3)
    batch.apply_parallel(
        kernels.resample.bind(rate=P([0.5, 2.0, 1.5])), src="signals", dst="others"
    )
    for x, rate, result in zip(batch.signals, [(1, 2), (2, 1), (3, 2)], batch.others, strict=True):
        assert_allclose(result, signal.resample_poly(x, *rate), atol=1e-14)
    batch.apply_parallel(kernels.resample.bind(length=P([5, 6, 7])), src="signals", dst="others")
    assert [len(result) for result in batch.others] == [5, 6, 7]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_taps", [1, 2, 9, 80])
@pytest.mark.parametrize("shape", [(50,), (40, 3), (1,)])
def test_fir(shape, n_taps, dtype):
    x = item(*shape, dtype=dtype)
    taps = np.random.default_rng(2).normal(size=n_taps)
    filtered = signal.lfilter(taps, 1, x.astype(float), axis=0)
    expected = saturated(filtered, dtype).astype(float)
    atol = 1e-13 * np.abs(filtered).max() if dtype not in INTEGERS else 0
    rtol, atol = (1e-3, 6e-8) if dtype == "float16" else (2e-7, atol)
    for one in layouts(x):
        result = kernels.fir(one, taps=taps)
        assert result.dtype == dtype
        assert_allclose(result.astype(float), expected, rtol=rtol, atol=atol)
    turned = kernels.fir(np.moveaxis(x, 0, -1), taps=taps, channels="first")
    assert_array_equal(np.moveaxis(turned, -1, 0), kernels.fir(x, taps=taps))


def test_fir_with_taps_of_zero_and_nan():
    x = np.array([1.0, np.nan, 3, 4, 5])
    assert_array_equal(kernels.fir(x, taps=[0, 0, 2]), [0, 0, 2, np.nan, 6])
    assert_array_equal(kernels.fir(x, taps=[1, 1]), [1, np.nan, np.nan, 7, 9])


def test_fir_at_the_ends_of_floats():
    for dtype in ("float16", "float32", "float64"):
        info = np.finfo(dtype)
        x = np.array([info.max, info.min, info.tiny], dtype)
        assert_array_equal(kernels.fir(x, taps=[1]), x)
        assert_array_equal(kernels.fir(x, taps=[2]), np.array([np.inf, -np.inf, 2 * info.tiny]))


def test_taps_for_each_item():
    batch = Dataset(2, Signals, preloaded=(np.ones((2, 3)), np.ones(2))).next_batch(2)
    batch.apply_parallel(kernels.fir.bind(taps=P([[1.0, 1.0], [0.0, 2.0]])), src="signals")
    assert batch.signals.tolist() == [[1, 2, 2], [0, 2, 2]]


def generator():
    return ItemStreams((1, 2), 3).at(7, 4, 5)


@pytest.mark.parametrize("dtype", ["bool", *DTYPES])
@pytest.mark.parametrize(("shape", "length"), [((50,), 8), ((50, 3), 49), ((8, 2, 2), 8)])
def test_random_segments(shape, length, dtype):
    x = item(*shape, dtype=dtype)
    rng = generator()
    starts = [rng.integers(0, shape[0] - length + 1) for _ in range(4)]
    expected = np.stack([x[start : start + length] for start in starts])
    for one in layouts(x):
        result = kernels.random_segments(one, length=length, count=4, rng=generator())
        assert result.dtype == dtype
        assert_array_equal(result, expected)
    turned = kernels.random_segments(
        np.moveaxis(x, 0, -1), length=length, count=4, channels="first", rng=generator()
    )
    assert_array_equal(np.moveaxis(turned, -1, 1), expected)
    assert kernels.random_segments(x, length=length, rng=1).shape == (1, length, *shape[1:])


def test_golden_places_of_segments():
    """Streams never change: these are part of what a seed promises."""
    drawn = kernels.random_segments(np.arange(1000.0), length=10, count=6, rng=generator())
    assert drawn[:, 0].tolist() == GOLDEN


def test_segments_are_the_same_however_the_batches_are_made():
    items = [np.arange(n, dtype=np.float32) for n in range(20, 60)]
    dataset = Dataset(40, Signals)
    kernel = kernels.random_segments.bind(length=16, count=3)
    pipeline = dataset.p.load(src=(Ragged.from_items(items), np.zeros(40)))
    pipeline = pipeline.apply_parallel(kernel, src="signals")

    def segments(batch_size, **options):
        batches = pipeline.gen_batch(batch_size, shuffle=False, seed=3, **options)
        return np.concatenate([batch.signals for batch in batches])

    whole = segments(40)
    assert whole.shape == (40, 3, 16)
    assert_array_equal(segments(7), whole)
    assert_array_equal(segments(10, prefetch=2), whole)
    assert len(np.unique(whole[:, :, 0], axis=0)) > 30


def test_every_place_of_a_segment_is_drawn():
    drawn = kernels.random_segments(np.arange(6.0), length=3, count=1000, rng=0)
    assert set(drawn[:, 0]) == {0, 1, 2, 3}
    assert drawn[:, -1].max() == 5


@pytest.mark.parametrize("dtype", ["bool", *DTYPES])
@pytest.mark.parametrize(
    ("shape", "length"),
    [((5,), [5]), ((5,), [9]), ((0,), [3]), ((4, 3), [7]), ((4, 3), [4, 6]), ((2, 3, 4), [5, 5])],
)
def test_pad_to(shape, length, dtype):
    x = item(*shape, dtype=dtype) if np.prod(shape) else np.empty(shape, dtype)
    widths = [(0, more - n) for n, more in zip(shape, length, strict=False)]
    widths += [(0, 0)] * (x.ndim - len(widths))
    expected = np.pad(x, widths, constant_values=7)
    for one in layouts(x):
        result = kernels.pad_to(one, length=length, value=7)
        assert result.dtype == dtype
        assert_array_equal(result, expected)


def test_pad_to_with_zeros_or_what_the_dtype_has():
    assert kernels.pad_to(np.uint8([1]), length=2).tolist() == [1, 0]
    assert kernels.pad_to(np.uint8([1]), length=2, value=300).tolist() == [1, 255]
    assert_array_equal(kernels.pad_to(np.ones(1), length=2, value=np.nan), [1, np.nan])


def test_pad_to_with_channels_first():
    assert kernels.pad_to(np.ones((2, 3)), length=5, channels="first").shape == (2, 5)


def test_pad_to_makes_ragged_items_dense():
    items = [np.arange(n, dtype=np.float32) for n in (3, 0, 5)]
    batch = Dataset(3, Signals, preloaded=(Ragged.from_items(items), np.zeros(3))).next_batch(3)
    batch.apply_parallel(kernels.pad_to.bind(length=5, value=P([-1, -2, -3])), src="signals")
    assert isinstance(batch.signals, np.ndarray)
    assert batch.signals.tolist() == [[0, 1, 2, -1, -1], [-2] * 5, [0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("resample", {"rate": 0}, r"rate has to be a number from 0.001 to 1000, not 0"),
        ("resample", {"rate": -1.0}, "rate has to be .*, not -1"),
        ("resample", {"rate": float("nan")}, "rate has to be .*, not NaN"),
        ("resample", {"rate": 1001}, "rate has to be .*, not 1001"),
        ("resample", {"length": 0}, "length has to be at least 1, not 0"),
        ("resample", {"length": 5, "rate": 2}, "rate and length cannot both be given"),
        ("resample", {"rate": 2, "channels": "no"}, "channels has to be"),
        ("fir", {"taps": [1, float("inf")]}, "taps has inf"),
        ("fir", {"taps": [1], "channels": "no"}, "channels has to be"),
        ("random_segments", {"length": -1}, "length has to be at least 1, not -1"),
        ("random_segments", {"length": 1, "count": -2}, "count has to be at least 1, not -2"),
        ("random_segments", {"length": 1, "channels": "no"}, "channels has to be"),
        ("pad_to", {"length": 0}, "length has to be at least 1, not 0"),
        ("pad_to", {"length": [3, -1]}, "length has to be at least 1, not -1"),
        ("pad_to", {"length": 3, "channels": "no"}, "channels has to be"),
    ],
)
def test_bad_parameters_are_refused_at_once(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel).bind(**params)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("resample", {}, "rate or length has to be given"),
        ("fir", {"taps": []}, "taps is empty"),
        ("random_segments", {"length": 0}, "length has to be at least 1, not 0"),
        ("random_segments", {"length": 1, "count": 0}, "count has to be at least 1, not 0"),
        ("pad_to", {"length": []}, "length is empty"),
        ("pad_to", {"length": [9, 9]}, "length has 2 numbers for an item with 1 axes"),
    ],
)
def test_what_does_not_go_with_the_item(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel)(np.ones(5), **params)


@pytest.mark.parametrize("kernel", ["resample", "fir", "random_segments"])
def test_a_number_is_no_signal(kernel):
    params = {"resample": {"rate": 2}, "fir": {"taps": [1]}, "random_segments": {"length": 1}}
    with pytest.raises(ValueError, match="an item without axes is no signal"):
        getattr(kernels, kernel)(np.array(1.0), **params[kernel])


@pytest.mark.parametrize(
    ("kernel", "params", "n", "message"),
    [
        ("resample", {"length": 3}, 0, r"shape \(0,\) has no samples to make others of"),
        ("resample", {"rate": P([1.0, 2.0, -1.0])}, 4, "rate has to be .*, not -1"),
        ("random_segments", {"length": 4}, 3, r"length 4 is more than an item of shape \(3,\)"),
        ("pad_to", {"length": 4}, 5, r"shape \(5,\) is longer than length \(4,\)"),
        ("fir", {"taps": P([[1.0], [1.0], [np.nan]])}, 4, "taps has NaN"),
    ],
)
def test_an_item_that_does_not_go_is_named(kernel, params, n, message):
    signals = Ragged.from_items([np.ones(4), np.ones(4), np.ones(n)])
    batch = Dataset(["a", "b", "c"], Signals, preloaded=(signals, np.ones(3))).next_batch(3)
    with pytest.raises(ValueError, match=rf"'c'.*{message}"):
        batch.apply_parallel(getattr(kernels, kernel).bind(**params), src="signals")
