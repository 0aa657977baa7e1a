"""Normalization and its inverse."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ironbatch import Normalizer

DATA = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 15.0]])
STATS = {"mean": 2.0, "std": 4.0, "min": 1.0, "max": 11.0, "quantiles": (2.0, 6.0)}
MODES = ["mean", "std", "meanstd", "minmax"]
FORMULAS = {
    "mean": lambda x: x - x.mean(),
    "std": lambda x: x / x.std(),
    "meanstd": lambda x: (x - x.mean()) / x.std(),
    "minmax": lambda x: (x - x.min()) / (x.max() - x.min()),
}
floats = hnp.arrays(
    np.float64,
    hnp.array_shapes(max_dims=3, max_side=6),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False),
)


@pytest.mark.parametrize("mode", MODES)
def test_modes_follow_their_formulas(mode):
    assert np.allclose(Normalizer(mode).normalize(DATA), FORMULAS[mode](DATA))


def test_the_default_mode_is_meanstd():
    assert np.allclose(Normalizer()(DATA), FORMULAS["meanstd"](DATA))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("mean", [-1, 9]), ("std", [0.25, 2.75]), ("meanstd", [-0.25, 2.25]), ("minmax", [0, 1])],
)
def test_given_statistics_are_used(mode, expected):
    data = np.array([1.0, 11.0])
    assert np.allclose(Normalizer(mode, normalization_stats=STATS)(data), expected)
    assert np.allclose(Normalizer(mode)(data, normalization_stats=STATS), expected)


def test_statistics_of_the_call_win():
    normalizer = Normalizer("mean", normalization_stats=STATS)
    assert normalizer.normalize(np.zeros(1), {"mean": 5}).tolist() == [-5]
    assert normalizer.denormalize(np.zeros(1), {"mean": 5}).tolist() == [5]
    assert normalizer.denormalize(np.zeros(1)).tolist() == [2]


def test_the_mode_of_the_call_wins():
    normalizer = Normalizer("mean", normalization_stats=STATS)
    assert normalizer.normalize(np.ones(1), mode="std").tolist() == [0.25]
    assert normalizer.denormalize(np.ones(1), mode="std").tolist() == [4]


@given(floats, st.sampled_from(MODES))
def test_denormalize_is_the_inverse(data, mode):
    normalizer = Normalizer(mode)
    values, stats = normalizer.normalize(data, return_stats=True)
    span = np.abs(data).max() + 1e-300
    assert np.allclose(normalizer.denormalize(values, stats), data, rtol=0, atol=1e-13 * span)


@pytest.mark.parametrize("scale", [1e-9, 1, 1e9])
@pytest.mark.parametrize("mode", ["std", "meanstd", "minmax"])
def test_small_values_are_normalized_as_large_ones_are(mode, scale):
    assert np.allclose(Normalizer(mode)(DATA * scale), Normalizer(mode)(DATA))


@pytest.mark.parametrize("mode", MODES)
def test_constant_values_come_back(mode):
    data = np.full(5, 3.0)
    values, stats = Normalizer(mode).normalize(data, return_stats=True)
    assert np.isfinite(values).all()
    assert Normalizer(mode).denormalize(values, stats).tolist() == data.tolist()


def test_statistics_by_channel():
    stats = {"mean": np.array([1, 2, 3]), "std": np.array([2, 0, 4])}
    normalizer = Normalizer(normalization_stats=stats)
    values = normalizer(DATA.astype("float32"))
    assert values.dtype == np.float32
    assert values.tolist() == [[0, 0, 0], [1.5, 3, 3]]
    assert normalizer.denormalize(values).tolist() == DATA.tolist()


def test_return_stats_gives_what_was_used():
    _, stats = Normalizer("meanstd").normalize(DATA, return_stats=True)
    assert stats == {"mean": DATA.mean(), "std": DATA.std()}
    _, stats = Normalizer("minmax", normalization_stats=STATS).normalize(DATA, return_stats=True)
    assert stats == STATS


def test_without_return_stats_there_is_only_the_array():
    assert isinstance(Normalizer().normalize(DATA), np.ndarray)


def test_the_input_stays_as_it_is():
    data = DATA.copy()
    normalizer = Normalizer("minmax", clip_to_quantiles=True, normalization_stats=STATS)
    normalizer.denormalize(normalizer.normalize(data))
    normalizer.denormalize(data)
    assert np.array_equal(data, DATA)


@pytest.mark.parametrize("mode", [*MODES, lambda x, stats: x * 2])
def test_inplace_writes_to_the_array(mode):
    data = DATA.copy()
    normalizer = Normalizer(mode, normalization_stats=STATS)
    assert normalizer.normalize(data, inplace=True) is data
    assert np.array_equal(data, normalizer.normalize(DATA))
    back = DATA.copy()
    assert normalizer.denormalize(back, mode=mode, inplace=True) is back
    assert np.array_equal(back, normalizer.denormalize(DATA, mode=mode))


def test_inplace_with_float16():
    data = np.array([-60000, 60000], np.float16)
    Normalizer("minmax").normalize(data, inplace=True)
    assert data.tolist() == [0, 1]
    Normalizer("minmax", normalization_stats={"min": -60000, "max": 60000}).denormalize(
        data, inplace=True
    )
    assert data.tolist() == [-60000, 60000]


@pytest.mark.parametrize("array", [np.arange(3), [1.0, 2.0], np.ones(2, bool)])
def test_inplace_needs_an_array_of_floats(array):
    with pytest.raises(TypeError, match="inplace=True writes to an ndarray of floats, not to"):
        Normalizer().normalize(array, inplace=True)


@pytest.mark.parametrize(
    ("given_dtype", "result"),
    [
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("uint8", "float32"),
        ("int16", "float32"),
        ("bool", "float32"),
        ("int64", "float64"),
    ],
)
def test_dtypes(given_dtype, result):
    values, stats = Normalizer().normalize(np.array([0, 1, 1], given_dtype), return_stats=True)
    assert values.dtype == result
    assert Normalizer().denormalize(values, stats).dtype == result


def test_lists_are_taken():
    assert Normalizer("minmax")([0, 5, 10]).tolist() == [0, 0.5, 1]


def test_statistics_of_float32_are_accurate():
    data = np.full(2_000_000, 1e6, np.float32) + np.tile(np.float32([-1, 1]), 1_000_000)
    _, stats = Normalizer().normalize(data, return_stats=True)
    assert stats == {"mean": 1e6, "std": 1.0}


def test_clipping_to_own_quantiles():
    data = np.arange(101.0)
    values, stats = Normalizer("minmax", clip_to_quantiles=True, q=(0.1, 0.8)).normalize(
        data, return_stats=True
    )
    assert stats["quantiles"] == (10, 80)
    assert np.allclose(values, (np.clip(data, 10, 80) - 10) / 70)


def test_the_default_quantiles():
    _, stats = Normalizer("mean", True).normalize(np.arange(101.0), return_stats=True)
    assert stats["quantiles"] == (1, 99)
    assert stats["mean"] == 50


@pytest.mark.parametrize("mode", ["mean", "std", "meanstd"])
def test_own_statistics_are_those_of_the_clipped_values(mode):
    data = np.append(np.arange(100.0), 1e6)
    clipped = np.clip(data, *np.quantile(data, (0.01, 0.99)))
    assert np.allclose(Normalizer(mode, clip_to_quantiles=True)(data), FORMULAS[mode](clipped))


def test_clipping_to_given_quantiles():
    normalizer = Normalizer("minmax", clip_to_quantiles=True, normalization_stats=STATS)
    values = normalizer(np.array([0.0, 3.0, 9.0]))
    assert values.tolist() == [0, 0.25, 1]
    assert normalizer.denormalize(values).tolist() == [2, 3, 6]


def test_clipping_of_the_call_wins():
    normalizer = Normalizer("minmax", normalization_stats=STATS)
    values = normalizer.normalize(np.array([3.0]), clip_to_quantiles=True)
    assert values.tolist() == [0.25]
    assert normalizer.denormalize(values, clip_to_quantiles=True).tolist() == [3]
    assert normalizer.denormalize(values).tolist() == [3.5]


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_expect_nan_leaves_nan_out(mode, clip):
    data = np.array([1.0, np.nan, 2.0, 6.0])
    values = Normalizer(mode, clip_to_quantiles=clip, expect_nan=True)(data)
    expected = Normalizer(mode, clip_to_quantiles=clip)(data[[0, 2, 3]])
    assert np.allclose(values[[0, 2, 3]], expected)
    assert np.isnan(values[1])


def test_without_expect_nan_one_nan_is_enough():
    assert np.isnan(Normalizer()(np.array([1.0, np.nan]))).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("data", [np.full(3, np.nan), np.empty((0, 2))])
def test_nothing_to_measure(mode, clip, data):
    values = Normalizer(mode, clip_to_quantiles=clip, expect_nan=True)(data)
    assert values.shape == data.shape
    assert np.isnan(values).all()


def test_a_callable_gets_values_and_statistics():
    def shift(values, stats):
        return values - stats["shift"]

    normalizer = Normalizer(shift, normalization_stats={"shift": 3})
    values = normalizer(np.array([1, 2]))
    assert values.tolist() == [-2, -1]
    assert normalizer.denormalize(values, mode=lambda x, stats: x + stats["shift"]).tolist() == [
        1,
        2,
    ]


def test_a_callable_gets_the_quantiles():
    seen = {}

    def note(values, stats):
        seen.update(stats, top=values.max())
        return values

    Normalizer(note, clip_to_quantiles=True)(np.arange(101.0))
    assert seen == {"quantiles": (1, 99), "top": 99}


def test_a_callable_has_no_known_inverse():
    with pytest.raises(ValueError, match="give the inverse as mode"):
        Normalizer(lambda x, stats: x).denormalize(DATA, {})


def test_a_callable_keeps_the_shape():
    with pytest.raises(ValueError, match=r"changed the shape from \(2, 3\) to \(\)"):
        Normalizer(lambda x, stats: x.sum())(DATA)


def test_reset_stats():
    normalizer = Normalizer("mean", normalization_stats=STATS)
    normalizer.reset_stats({"mean": 7})
    assert normalizer(np.array([8.0])).tolist() == [1]
    normalizer.reset_stats()
    assert normalizer(np.array([8.0])).tolist() == [0]


def test_given_statistics_are_not_changed():
    stats = dict(STATS)
    Normalizer(lambda x, s: s.clear() or x, normalization_stats=stats)(DATA)
    assert stats == STATS


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("clip", [False, True])
def test_missing_statistics_are_named(mode, clip):
    with pytest.raises(ValueError, match=r"needs the statistic '.*'; there are 'other'"):
        Normalizer(mode, clip_to_quantiles=clip).normalize(DATA, {"other": 1})


def test_denormalize_without_statistics():
    with pytest.raises(ValueError, match="return_stats=True"):
        Normalizer().denormalize(DATA)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"mode": "minmx"}, ValueError, "did you mean 'minmax'"),
        ({"mode": "zzz"}, ValueError, "mode is one of mean, std, meanstd, minmax"),
        ({"mode": 3}, TypeError, "mode is a name or a callable, not int"),
        ({"q": (0.9, 0.1)}, ValueError, "q is two growing shares"),
        ({"q": (1, 99)}, ValueError, "q is two growing shares"),
        ({"q": 0.5}, ValueError, "q is a pair of numbers"),
        ({"q": (0.1, 0.5, 0.9)}, ValueError, "q is a pair of numbers"),
    ],
)
def test_bad_settings(kwargs, error, message):
    with pytest.raises(error, match=message):
        Normalizer(**kwargs)


def test_a_bad_mode_of_a_call():
    with pytest.raises(ValueError, match="not 'min'"):
        Normalizer().normalize(DATA, mode="min")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([None])])
@pytest.mark.parametrize("method", ["normalize", "denormalize"])
def test_values_are_real_numbers(array, method):
    with pytest.raises(TypeError, match="real numbers, not of dtype"):
        getattr(Normalizer(), method)(array, STATS)


def test_pickle_and_repr():
    normalizer = Normalizer("minmax", True, (0.1, 0.9), STATS, True)
    clone = pickle.loads(pickle.dumps(normalizer))
    assert np.array_equal(clone(DATA), normalizer(DATA))
    assert repr(clone) == (
        "Normalizer('minmax', clip_to_quantiles=True, q=(0.1, 0.9), "
        f"normalization_stats={STATS}, expect_nan=True)"
    )
    assert repr(Normalizer(np.subtract)) == "Normalizer(subtract)"


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-30, 1e30, 3, 0.7])
@pytest.mark.parametrize("n", [1, 3, 1000])
@pytest.mark.parametrize("mode", ["mean", "std", "meanstd", "minmax"])
def test_equal_values_whose_mean_is_rounded_are_only_shifted(value, n, mode):
    values = np.full(n, value)
    normalizer = Normalizer(mode)
    found, stats = normalizer.normalize(values, return_stats=True)
    assert np.array_equal(found, values if mode == "std" else np.zeros(n))
    assert np.array_equal(normalizer.denormalize(found, stats), values)


def test_values_that_differ_little_are_scaled_all_the_same():
    values = 1 + np.array([0, 1, 2, 3]) * 1e-12
    assert np.allclose(Normalizer().normalize(values).std(), 1, rtol=1e-3)
