"""Built-in kernels against NumPy, at the extreme values of each dtype."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import kernels

DTYPES = ["uint8", "int16", "uint16", "float16", "float32", "float64"]
FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["uint8", "int16", "uint16"]


def extremes(dtype):
    """Every end of a dtype and what lies beside it."""
    if dtype == "bool":
        return np.array([False, True])
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        middle = [0, 1, 2, 127, 128, info.max // 2]
        return np.array([info.min, info.min + 1, *middle, info.max - 1, info.max], dtype)
    info = np.finfo(dtype)
    values = [0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 254.6, 255.5, 300, -300, 32767.5, 65535.5, 1e9]
    values += [info.max, info.min, info.tiny, info.eps, np.inf, -np.inf, np.nan]
    values += [info.smallest_subnormal, -info.tiny / 2, info.max / 2, 2049, 65519, 65520]
    with np.errstate(over="ignore"):
        return np.array(values, dtype)


def saturated(values, dtype):
    """Doubles to `dtype`: halves to even, ends for what is beyond, 0 for NaN."""
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(values).astype(dtype)
    info = np.iinfo(dtype)
    return np.clip(
        np.rint(np.nan_to_num(values, posinf=1e300, neginf=-1e300)), info.min, info.max
    ).astype(dtype)


@pytest.mark.parametrize("to", ["bool", *DTYPES])
@pytest.mark.parametrize("of", ["bool", *DTYPES])
def test_cast(of, to):
    x = extremes(of)
    if np.dtype(of).kind == "f" and np.dtype(to).kind in "iu":
        info = np.iinfo(to)
        cut = np.trunc(np.nan_to_num(x.astype(float), posinf=1e300, neginf=-1e300))
        expected = np.clip(cut, info.min, info.max).astype(to)
    else:
        with np.errstate(over="ignore"):
            expected = x.astype(to)
    result = kernels.cast(x, dtype=to)
    assert result.dtype == to
    assert_array_equal(result, expected)


def test_cast_of_every_half_and_of_what_lies_between():
    bits = np.arange(65536, dtype="uint16")
    halves = bits.view("float16")
    assert_array_equal(kernels.cast(halves, dtype="float64"), halves.astype("float64"))
    finite = np.sort(halves[np.isfinite(halves)].astype("float64"))
    middles = (finite[:-1] + finite[1:]) / 2
    for values in (middles, np.nextafter(middles, -np.inf), np.nextafter(middles, np.inf)):
        assert_array_equal(kernels.cast(values, dtype="float16"), values.astype("float16"))
    numbers = ~np.isnan(halves)
    again = kernels.cast(kernels.cast(halves, dtype="float32"), dtype="float16")
    assert_array_equal(again.view("uint16")[numbers], bits[numbers])


@pytest.mark.parametrize(
    ("name", "dtype"), [("f4", "float32"), (">u2", "uint16"), ("half", "float16"), ("?", "bool")]
)
def test_cast_to_any_name_that_numpy_has_for_a_dtype(name, dtype):
    assert kernels.cast(np.arange(3.0), dtype=name).dtype == dtype


def test_cast_takes_any_byte_for_true():
    x = np.arange(256, dtype="uint8").view("bool")
    assert kernels.cast(x, dtype="uint8").tolist() == [0] + [1] * 255
    assert kernels.invert(x).tolist() == [True] + [False] * 255


@pytest.mark.parametrize("to", [None, *DTYPES])
@pytest.mark.parametrize("of", DTYPES)
def test_scale_shift(of, to):
    x = extremes(of)
    with np.errstate(over="ignore"):
        expected = saturated(x.astype(float) * 1.75 + -3.25, to or of)
    result = kernels.scale_shift(x, scale=1.75, shift=-3.25, dtype=to)
    assert result.dtype == expected.dtype
    assert_array_equal(result, expected)


def test_scale_shift_in_single_precision_is_rounded_once():
    rng = np.random.default_rng(0)
    x = np.float32(rng.normal(size=3000))
    # Sums that cancel, and such that lie between two numbers of single precision.
    shifts = np.float32(np.concatenate([-x[:1000] * np.float32(1.1), rng.normal(size=20)]))
    for scale, shift in zip(np.resize(np.float32([1.1, 3, 0.3]), len(shifts)), shifts, strict=True):
        made = kernels.scale_shift(x, scale=scale, shift=shift)
        place = int(rng.integers(len(x)))
        exact = Fraction(float(x[place])) * Fraction(float(scale)) + Fraction(float(shift))
        error = abs(Fraction(float(made[place])) - exact)
        beside = [np.nextafter(made[place], np.float32(end)) for end in (-np.inf, np.inf)]
        assert all(error <= abs(Fraction(float(other)) - exact) for other in beside)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("low", "high"), [(10, 200), (None, 100), (3, None), (None, None), (-5, 1e6)]
)
def test_clip(dtype, low, high):
    x = extremes(dtype)
    expected = x
    if low is not None or high is not None:
        expected = saturated(np.clip(x.astype(float), low, high), dtype)
        if dtype in INTEGERS:
            expected = np.clip(x.astype(float), low, high).astype(dtype)
    assert_array_equal(kernels.clip(x, low=low, high=high), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_clip_moves_bounds_inwards_for_integers(dtype):
    result = kernels.clip(np.arange(10, dtype=dtype), low=2.5, high=6.5)
    assert_array_equal(result, [3, 3, 3, 3, 4, 5, 6, 6, 6, 6])


def test_clip_without_a_value_between_the_bounds():
    with pytest.raises(ValueError, match="no uint8 lies between low and high"):
        kernels.clip(np.uint8([1]), low=2.2, high=2.8)


@pytest.mark.parametrize("dtype", ["bool", *DTYPES])
def test_invert(dtype):
    x = extremes(dtype)
    expected = 1 - x if dtype in FLOATS else np.invert(x)
    assert_array_equal(kernels.invert(x), expected)


@pytest.mark.parametrize("dtype", ["bool", *DTYPES])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (4, 6, 2, 5), (3, 1, 4)])
def test_flip(dtype, shape):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    if dtype == "bool":
        x = np.random.default_rng(0).random(shape) < 0.5
    assert_array_equal(kernels.flip(x), np.fliplr(x))
    assert_array_equal(kernels.flip(x, axis="vertical"), np.flipud(x))
    for axis in range(-len(shape), len(shape)):
        assert_array_equal(kernels.flip(x, axis=axis), np.flip(x, axis))
        assert_array_equal(kernels.flip(x.T, axis=axis), np.flip(x.T, axis))


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("diagonal", "'horizontal', 'vertical' or an int"),
        (1.5, "'horizontal', 'vertical' or an int"),
    ],
)
def test_flip_refuses_other_axes(axis, message):
    with pytest.raises(ValueError, match=message):
        kernels.flip.bind(axis=axis)


def test_flip_of_an_axis_that_is_not_there():
    with pytest.raises(ValueError, match="axis 1 of an item with 1 axes"):
        kernels.flip(np.arange(3.0))


@pytest.mark.parametrize("to", FLOATS)
@pytest.mark.parametrize("of", DTYPES)
def test_standardize_of_the_item(of, to):
    x = extremes(of)
    x = x[np.isfinite(x)].astype(of)
    if np.dtype(of).kind == "f":
        x = x[np.abs(x.astype(float)) < 1e10]
    scaled = x.astype(float) / 255
    expected = (scaled - scaled.mean()) / scaled.std()
    result = kernels.standardize(x, scale=1 / 255, dtype=to)
    assert result.dtype == to
    rtol = {"float16": 5e-4, "float32": 3e-7, "float64": 1e-12}[to]
    assert_allclose(result, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("channels", ["last", "first"])
@pytest.mark.parametrize("contiguous", [True, False])
def test_standardize_with_given_values(channels, contiguous):
    x = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    if not contiguous:
        x = x[::-1, ::2]
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.6, 0.7])
    expected = (x / 255 - mean) / std
    if channels == "first":
        expected = expected.transpose(2, 0, 1)
    result = kernels.standardize(
        x, mean=mean, std=std, scale=1 / 255, channels=channels, dtype="float64"
    )
    assert_allclose(result, expected, rtol=1e-12, atol=1e-14)


def test_standardize_with_one_of_both_given():
    x = np.arange(12.0).reshape(3, 4)
    assert_allclose(kernels.standardize(x, mean=1, dtype="float64"), (x - 1) / x.std(), rtol=1e-12)
    assert_allclose(
        kernels.standardize(x, std=[2.0], dtype="float64"), (x - x.mean()) / 2, rtol=1e-12
    )


def test_standardize_of_a_constant_item_gives_zeros():
    assert_array_equal(kernels.standardize(np.full((3, 3), 7, np.uint8)), np.zeros((3, 3)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_standardize_passes_on_what_is_no_number(bad, dtype):
    x = np.array([1.0, bad, 2.0], dtype)
    assert np.isnan(kernels.standardize(x)).all()
    assert_array_equal(kernels.standardize(x, mean=1, std=0.5), [0, bad, 2])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"std": 0}, "std has to be above 0"),
        ({"std": [1.0, -1.0]}, "std has to be above 0"),
        ({"std": float("nan")}, "std has to be above 0"),
        ({"mean": []}, "mean is empty"),
        ({"channels": "middle"}, "channels has to be 'last' or 'first'"),
        ({"dtype": "uint8"}, "dtype has to be float16, float32 or float64"),
    ],
)
def test_standardize_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        kernels.standardize.bind(**params)


def test_standardize_needs_a_value_for_each_channel():
    with pytest.raises(ValueError, match="mean has 2 values for items of shape"):
        kernels.standardize(np.zeros((4, 4, 3)), mean=[1.0, 2.0], std=1)


@pytest.mark.parametrize("channels", ["last", "first"])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", [3, 40])
@pytest.mark.parametrize("dtype", FLOATS)
def test_standardize_looks_bytes_up_where_there_are_many(dtype, side, n_channels, channels):
    x = np.random.default_rng(0).integers(0, 256, (side, side, n_channels), np.uint8)
    mean, std = np.arange(n_channels) + 0.25, np.arange(n_channels) + 1.5
    expected = ((x * 0.5 - mean) * (1 / std)).astype(dtype)
    if channels == "first":
        expected = np.moveaxis(expected, -1, 0)
    params = {"mean": mean, "std": std, "scale": 0.5, "channels": channels, "dtype": dtype}
    assert_array_equal(kernels.standardize(x, **params), expected)
    assert_array_equal(kernels.standardize(x.astype("int16"), **params), expected)
    assert_array_equal(kernels.standardize(x[::-1].copy()[::-1], **params), expected)


@pytest.mark.parametrize("to", [None, *DTYPES])
def test_scale_shift_looks_bytes_up_where_there_are_many(to):
    x = np.arange(1024, dtype=np.uint8)
    expected = saturated(x.astype(float) * 1.75 - 3.25, to or "uint8")
    assert_array_equal(kernels.scale_shift(x, scale=1.75, shift=-3.25, dtype=to), expected)
