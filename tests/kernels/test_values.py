"""Kernels that compute values, against NumPy and `Quantizer`, at the extremes of each dtype."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import Batch, Dataset, P, Quantizer, kernels

from .test_references import DTYPES, FLOATS, INTEGERS, extremes, saturated

CODES = ["int8", "uint8", "int16", "uint16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0, 0.45, 1, 2.2])
def test_gamma(dtype, gamma):
    x = extremes(dtype)
    top = np.iinfo(dtype).max if dtype in INTEGERS else 1
    with np.errstate(invalid="ignore", over="ignore"):
        expected = saturated((x.astype(float) / top) ** gamma * top, dtype)
    result = kernels.gamma(x, gamma=gamma)
    assert result.dtype == dtype
    assert_allclose(result, expected, rtol=1e-6, atol=0)


def test_gamma_for_each_item():
    class Images(Batch):
        components = ("images",)

    images = np.full((2, 3), 64, "uint8")
    batch = Dataset(2, Images, preloaded=(images,)).create_batch([0, 1])
    batch.apply_parallel(kernels.gamma.bind(gamma=P([1.0, 0.5])), src="images")
    assert batch.images.tolist() == [[64] * 3, [128] * 3]


@pytest.mark.parametrize("gamma", [-0.5, float("-inf")])
def test_gamma_refuses_negative_exponents(gamma):
    with pytest.raises(ValueError, match="gamma has to be at least 0"):
        kernels.gamma.bind(gamma=gamma)


def test_gamma_refuses_nan():
    with pytest.raises(ValueError, match="gamma has to be at least 0, not NaN"):
        kernels.gamma(np.ones(2), gamma=float("nan"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", [0, 127.5, -1, 1e9, float("nan"), float("inf")])
def test_threshold(dtype, level):
    x = extremes(dtype)
    result = kernels.threshold(x, level=level)
    assert result.dtype == "uint8"
    assert_array_equal(result, (x.astype(float) > level).astype("uint8"))


@pytest.mark.parametrize("to", [None, *DTYPES])
@pytest.mark.parametrize("of", INTEGERS)
def test_lookup(of, to):
    table = [0.5, 1.5, -3.0, 300.0, 70000.0]
    x = np.array([[4, 0, 2], [3, 1, 1]], of)
    result = kernels.lookup(x, table=table, dtype=to)
    assert result.dtype == (to or of)
    assert_array_equal(result, saturated(np.array(table), to or of)[x])
    assert_array_equal(kernels.lookup(x.T, table=table, dtype=to), result.T)


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 3), ("int16", -1), ("uint16", 65535)])
def test_lookup_beyond_the_table(dtype, value):
    with pytest.raises(ValueError, match=f"{value} is no place in a table of 3 values"):
        kernels.lookup(np.array([0, value], dtype), table=[1, 2, 3])


def test_lookup_in_nothing():
    with pytest.raises(ValueError, match="table is empty"):
        kernels.lookup.bind(table=[])


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("of", DTYPES)
def test_minmax(of, to):
    x = np.array([3, 10, 4, 255, 0], of)
    expected = saturated(x.astype(float) / 255 * 150 + 50, to)
    result = kernels.minmax(x, low=50, high=200, dtype=to)
    assert result.dtype == to
    assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("bad", "expected"),
    [(np.nan, [np.nan] * 3), (np.inf, [5, np.nan, 5]), (-np.inf, [np.nan] * 3)],
)
def test_minmax_of_what_is_no_number(bad, expected, dtype):
    x = np.array([1.0, bad, 2.0], dtype)
    assert_array_equal(kernels.minmax(x, low=5, high=6, dtype=dtype), expected)
    assert not kernels.minmax(np.array([1.0, np.nan], dtype), dtype="uint8").any()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_minmax_over_all_of_a_dtype(dtype):
    result = kernels.minmax(extremes(dtype))
    assert result.dtype == "float32"
    assert (result.min(), result.max()) == (0, 1)


def test_minmax_of_equal_elements_and_of_nan():
    assert kernels.minmax(np.full(3, 7.0), low=2, high=3).tolist() == [2, 2, 2]
    assert np.isnan(kernels.minmax(np.array([1.0, np.nan, 2.0]))).all()
    assert kernels.minmax(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1)])
def test_minmax_refuses_an_empty_range(low, high):
    with pytest.raises(ValueError, match="has to be below"):
        kernels.minmax.bind(low=low, high=high)


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ranges", [(-1.0, 1.0), (0.1, 0.3), (-500, 40000)])
def test_quantize(dtype, codes, ranges):
    x = extremes(dtype)
    x = x[~np.isnan(x.astype(float))]
    result = kernels.quantize(x, ranges=ranges, dtype=codes)
    with np.errstate(over="ignore"):
        expected = Quantizer(ranges, dtype=codes).quantize(x)
    assert result.dtype == codes
    assert_array_equal(result, expected)


def test_quantize_refuses_nan_and_names_the_item():
    class Signals(Batch):
        components = ("signals",)

    signals = np.array([[1.0, 2.0], [np.nan, 0.0]])
    batch = Dataset(["a", "b"], Signals, preloaded=(signals,)).create_batch(["a", "b"])
    with pytest.raises(ValueError, match=r"'b'.*NaN cannot be quantized"):
        batch.apply_parallel(kernels.quantize.bind(ranges=(0, 3)), src="signals")


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("ranges", [(-1.0, 1.0), (0.1, 0.3), (-500, 40000)])
def test_dequantize(codes, ranges):
    info = np.iinfo(codes)
    x = np.arange(info.min, info.max + 1).astype(codes)
    result = kernels.dequantize(x, ranges=ranges)
    assert result.dtype == "float32"
    assert_allclose(result, Quantizer(ranges, dtype=codes).dequantize(x), rtol=3e-7, atol=1e-7)
    assert_array_equal(kernels.quantize(result[1:], ranges=ranges, dtype=codes), x[1:])


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ((1,), "ranges has to be two numbers, not 1"),
        ((2, 1), "the lower one first"),
        ((0, float("inf")), "finite"),
    ],
)
def test_quantize_refuses_ranges(ranges, message):
    for kernel in (kernels.quantize, kernels.dequantize):
        with pytest.raises(ValueError, match=message):
            kernel.bind(ranges=ranges)


def test_quantize_refuses_other_codes():
    with pytest.raises(ValueError, match="dtype has to be int8, uint8, int16 or uint16, not int32"):
        kernels.quantize.bind(ranges=(0, 1), dtype="int32")
