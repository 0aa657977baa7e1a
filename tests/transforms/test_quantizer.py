"""Quantization and its inverse."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import Quantizer

DTYPES = ["int8", "int16", "uint8", "uint16"]


def codes_of(quantizer: Quantizer) -> np.ndarray:
    limits = np.iinfo(quantizer.dtype)
    return np.arange(limits.min, limits.max + 1).astype(quantizer.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_number_the_bins(dtype):
    quantizer = Quantizer((-3, 5), dtype=dtype)
    lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
    width = 8 / (highest - lowest - 1)
    values = np.array([-9, -3, -3 + 0.5 * width, -3 + 1.5 * width, 5 - 0.5 * width, 5, 9])
    expected = [1, 1, 1, 2, highest - lowest - 1, highest - lowest, highest - lowest]
    codes = quantizer.quantize(values)
    assert codes.dtype == dtype
    assert (codes.astype(int) - lowest).tolist() == expected


def test_bins_are_the_edges():
    quantizer = Quantizer((0, 254), dtype="uint8")
    assert quantizer.bins.tolist() == list(range(255))


@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_are_those_of_digitize(dtype):
    quantizer = Quantizer((-3, 5), dtype=dtype)
    values = np.random.default_rng(0).uniform(-3, 5, 10_000)
    expected = np.digitize(values, quantizer.bins) + np.iinfo(dtype).min
    assert np.array_equal(quantizer.quantize(values), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip": False},
        {"center": True, "mean": 0.37},
        {"clip": False, "center": True, "mean": -7},
    ],
)
@pytest.mark.parametrize("ranges", [(-3, 5), (0.1, 0.7), (-1e-6, 3e-6), (-1e9, 1e7)])
def test_every_code_survives_the_round_trip(dtype, settings, ranges):
    if "mean" in settings:
        settings = {**settings, "mean": settings["mean"] * (ranges[1] - ranges[0])}
    quantizer = Quantizer(ranges, dtype=dtype, **settings)
    codes = codes_of(quantizer)
    if quantizer.clip:
        codes = codes[1:]
    assert np.array_equal(quantizer.quantize(quantizer.dequantize(codes)), codes)


@given(
    st.floats(-1e3, 1e3),
    st.floats(0.1, 1e3),
    st.sampled_from(DTYPES),
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
)
def test_the_error_is_at_most_the_estimate(low, width, dtype, shares):
    quantizer = Quantizer((low, low + width), dtype=dtype)
    values = low + width * np.array(shares)
    error = np.abs(quantizer.dequantize(quantizer.quantize(values)) - values).max()
    assert error <= quantizer.estimated_absolute_error + 1e-6 * (abs(low) + width)


def test_the_estimate_is_half_a_bin():
    assert Quantizer((0, 254), dtype="uint8").estimated_absolute_error == 0.5
    assert Quantizer((0, 65534), dtype="int16").estimated_absolute_error == 0.5


def test_the_error_has_no_bias():
    values = np.random.default_rng(0).uniform(-1, 1, 100_000)
    quantizer = Quantizer((-1, 1))
    error = quantizer.dequantize(quantizer.quantize(values)) - values
    width = 2 * quantizer.estimated_absolute_error
    assert abs(error.mean()) < 0.01 * width
    assert abs(error.std() - width / np.sqrt(12)) < 0.01 * width


def test_clip_counts_low_values_to_the_first_bin():
    assert Quantizer((0, 1)).quantize([-5, 0]).tolist() == [-127, -127]
    assert Quantizer((0, 1), clip=False).quantize([-5, 0]).tolist() == [-128, -127]


@pytest.mark.parametrize("clip", [True, False])
def test_infinite_values_are_beyond_the_range(clip):
    codes = Quantizer((0, 1), clip=clip).quantize([-np.inf, np.inf])
    assert codes.tolist() == [-127 if clip else -128, 127]


def test_center_subtracts_the_mean_and_adds_it_again():
    centered = Quantizer((-1, 1), center=True, mean=100.0)
    plain = Quantizer((-1, 1), mean=100.0)
    assert np.array_equal(centered.quantize([99.5, 100.5]), plain.quantize([-0.5, 0.5]))
    assert np.allclose(
        centered.dequantize(centered.quantize([99.5, 100.5])), [99.5, 100.5], atol=0.01
    )
    assert abs(plain.dequantize(np.int8([0]))) <= plain.estimated_absolute_error


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8", "bool"])
def test_values_of_any_real_dtype(dtype):
    values = np.array([0, 1, 1], dtype)
    assert Quantizer((0, 254), dtype="uint8").quantize(values).tolist() == [1, 2, 2]
    assert values.tolist() == [0, 1, 1]


def test_copy_false_uses_the_memory_of_the_array():
    values = np.array([[0.0, 0.5], [1.0, 2.0]])
    quantizer = Quantizer((0, 1))
    expected = quantizer.quantize(values)
    assert values.tolist() == [[0, 0.5], [1, 2]]
    assert np.array_equal(quantizer.quantize(values, copy=False), expected)
    assert values.tolist() != [[0, 0.5], [1, 2]]


def test_calling_is_quantizing():
    values = np.array([0.2])
    quantizer = Quantizer((0, 1))
    assert quantizer(values) == quantizer.quantize([0.2])
    quantizer(values, copy=False)
    assert values[0] != 0.2


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (0, 4)])
def test_shapes_are_kept(shape):
    quantizer = Quantizer((0, 1))
    codes = quantizer.quantize(np.zeros(shape))
    assert codes.shape == shape
    assert quantizer.dequantize(codes).shape == shape


def test_dequantized_values_are_float32():
    assert Quantizer((0, 1)).dequantize(np.int8([5])).dtype == np.float32


def test_codes_of_other_integers_are_taken_if_they_fit():
    quantizer = Quantizer((0, 1))
    codes = [-128, 0, 127]
    assert np.array_equal(quantizer.dequantize(codes), quantizer.dequantize(np.int8(codes)))
    with pytest.raises(ValueError, match="within -128 and 127, but these reach from 0 to 200"):
        quantizer.dequantize([0, 200])


@pytest.mark.parametrize("codes", [[0.5], ["a"], [True]])
def test_codes_are_integers(codes):
    with pytest.raises(TypeError, match="codes are integers of int8"):
        Quantizer((0, 1)).dequantize(codes)


def test_nan_has_no_code():
    with pytest.raises(ValueError, match="NaN cannot be quantized"):
        Quantizer((0, 1)).quantize([0.5, np.nan])


@pytest.mark.parametrize("values", [["a"], [1j], [None]])
def test_values_are_real_numbers(values):
    with pytest.raises(TypeError, match="real numbers"):
        Quantizer((0, 1)).quantize(values)


def test_the_mean_error_is_relative_to_the_deviation():
    data = np.array([0.25, 1.5, 3.0, 9.75])
    quantizer = Quantizer((0, 254), dtype="uint8")
    expected = np.mean([0.25, 0, 0.5, 0.25]) / data.std()
    assert np.isclose(quantizer.compute_mean_error(data), expected)
    assert data.tolist() == [0.25, 1.5, 3.0, 9.75]


@pytest.mark.parametrize("data", [[], [2.0, 2.0]])
def test_the_mean_error_needs_data_that_vary(data):
    with pytest.raises(ValueError, match="data that vary"):
        Quantizer((0, 1)).compute_mean_error(data)


@pytest.mark.parametrize("dtype", ["int32", "float32", "uint64", bool])
def test_other_dtypes(dtype):
    with pytest.raises(TypeError, match="codes are of int8, int16, uint8, uint16, not of"):
        Quantizer((0, 1), dtype=dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.dtype("int16"), "int16"])
def test_dtypes_by_any_name(dtype):
    assert Quantizer((0, 1), dtype=dtype).dtype == np.int16


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"ranges": (1, 1)}, "the lower one first"),
        ({"ranges": (2, 1)}, "the lower one first"),
        ({"ranges": (0, np.inf)}, "finite"),
        ({"ranges": (np.nan, 1)}, "finite"),
        ({"ranges": 3}, "a pair of numbers"),
        ({"ranges": (1, 2, 3)}, "a pair of numbers"),
        ({"ranges": (0, 1), "center": True}, "center=True needs the mean"),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Quantizer(**kwargs)


def test_pickle_and_repr():
    quantizer = Quantizer((0, 1), clip=False, center=True, mean=3.0, dtype=np.uint8)
    clone = pickle.loads(pickle.dumps(quantizer))
    assert np.array_equal(clone.quantize([2, 3.5]), quantizer.quantize([2, 3.5]))
    assert repr(clone) == (
        "Quantizer((0.0, 1.0), clip=False, center=True, mean=3.0, dtype='uint8')"
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.parametrize("ranges", [(-1, 1), (0, 1e-30), (1e6, 1e6 + 1), (-1e30, 5)])
@pytest.mark.parametrize("mean", [None, 2.0])
def test_values_of_codes_have_these_codes(dtype, ranges, mean):
    if mean is not None:
        ranges = (-1, 5)
    quantizer = Quantizer(ranges, center=mean is not None, mean=mean, dtype=dtype)
    limits = np.iinfo(dtype)
    codes = np.arange(limits.min + 1, limits.max + 1).astype(dtype)
    values = quantizer.dequantize(codes)
    assert np.array_equal(quantizer.quantize(values), codes)


def test_values_are_of_float32_where_that_tells_them_apart():
    codes = np.arange(-127, 128, dtype=np.int8)
    assert Quantizer((-1, 1)).dequantize(codes).dtype == np.float32
    assert Quantizer((1e6, 1e6 + 1)).dequantize(codes).dtype == np.float64
