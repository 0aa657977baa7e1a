"""What is wrong with parameters is said when they are bound, with the kernel's signature."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, P, kernels
from ironbatch.components import Ragged

NAN = float("nan")


class Items(Batch):
    components = "items"


def batch_of(items):
    return Dataset(len(items), Items, preloaded=items).next_batch(len(items))


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("clip", {"low": NAN}, "low is NaN"),
        ("clip", {"high": NAN}, "high is NaN"),
        ("clip", {"low": 2, "high": 1}, "low=2 is above high=1"),
        ("gamma", {"gamma": NAN}, "gamma has to be at least 0, not NaN"),
        ("minmax", {"low": NAN}, "low=NaN has to be below high=1"),
        ("rotate", {"angle": NAN}, "angle has to be finite, not NaN"),
        ("rotate", {"angle": float("inf")}, "angle has to be finite, not inf"),
        ("salt", {"share": NAN}, "share has to lie between 0 and 1, not NaN"),
        ("additive_noise", {"std": NAN}, "std has to be at least 0 and finite, not NaN"),
        ("gaussian_blur", {"sigma": 1, "truncate": NAN}, "truncate has to be a number from 0 on"),
        ("gaussian_blur", {"sigma": []}, "sigma is empty"),
        ("sliding", {"size": []}, "size is empty"),
        ("resize", {"size": []}, "size is empty"),
        ("random_crop", {"size": []}, "size is empty"),
        ("center_crop", {"size": []}, "size is empty"),
        ("crop", {"size": []}, "size is empty"),
        ("crop", {"size": [1], "origin": [-1]}, "origin has to be at least 0, not -1"),
        ("cutout", {"size": []}, "size is empty"),
        ("patches", {"size": []}, "size is empty"),
        ("from_patches", {"shape": [0]}, "shape has to be at least 1, not 0"),
        ("pad", {"before": []}, "before is empty"),
        ("pad_to", {"length": []}, "length is empty"),
        ("zoom", {"factor": []}, "factor is empty"),
        ("fir", {"taps": []}, "taps is empty"),
        ("fir", {"taps": [NAN]}, "taps has NaN"),
        ("affine", {"matrix": []}, "matrix has to have 2 x 3 numbers"),
        ("lookup", {"table": []}, "table is empty"),
        ("quantize", {"ranges": [0]}, "ranges has to be two numbers, not 1"),
        ("dequantize", {"ranges": [1, 0]}, "ranges has to be two finite numbers"),
        ("one_hot", {"classes": 0}, "classes has to be above 0, not 0"),
        ("random_segments", {"length": 0}, "length has to be at least 1, not 0"),
        ("random_segments", {"length": 1, "count": 0}, "count has to be at least 1, not 0"),
        ("resample", {}, "rate or length has to be given"),
        ("transpose", {"axes": [0, 0]}, r"axes \(0, 0\) are not the 2 axes"),
        ("flip", {"axis": 0.5}, "axis has to be 'horizontal', 'vertical' or an int, not 0.5"),
    ],
)
def test_values_are_refused_when_they_are_bound(kernel, params, message):
    kernel = getattr(kernels, kernel)
    with pytest.raises(ValueError, match=rf"^{kernel.__name__}: {message}") as caught:
        kernel.bind(**params)
    assert str(caught.value).endswith(f"; its signature is {kernel.native.signature}")


LISTS = {
    "quantize": ("float64", {"ranges": [[0.0, 1.0], [0.2, 0.7], [0.0, 5.0]]}),
    "dequantize": ("uint8", {"ranges": [[0.0, 1.0], [0.2, 0.7], [0.0, 5.0]]}),
    "lookup": ("uint8", {"table": [list(range(256)), list(range(256))[::-1], [7] * 256]}),
    "one_hot": ("uint8", {"classes": [256, 256, 256]}),
    "transpose": ("uint8", {"axes": [[0, 1], [1, 0], [0, 1]]}),
    "pad": ("uint8", {"before": [[1, 2], [0, 1], [3, 3]], "after": [[0, 0], [1, 2], [2, 2]]}),
    "patches": ("uint8", {"size": [[2, 3], [4, 1], [5, 6]], "stride": [[1, 1], [2, 2], [3, 1]]}),
    "pad_to": ("uint8", {"length": [[9, 9], [12, 8], [8, 8]]}),
    "fir": ("float64", {"taps": [[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]]}),
    "gaussian_blur": ("float64", {"sigma": [[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]]}),
    "sliding": ("float64", {"size": [[1, 2], [3, 4], [5, 1]]}),
    "standardize": ("float64", {"mean": [[1.0], [2.0], [0.5]], "std": [[1.0], [2.0], [3.0]]}),
}


@pytest.mark.parametrize("kernel", LISTS)
def test_lists_for_each_item(kernel):
    dtype, given = LISTS[kernel]
    rng = np.random.default_rng(0)
    shape = (3, 8, 8)
    items = rng.random(shape) if dtype == "float64" else rng.integers(0, 256, shape, dtype)
    batch = batch_of(items)
    kernel = getattr(kernels, kernel)
    params = {name: P(values) for name, values in given.items()}
    batch.apply_parallel(kernel.bind(**params), src="items")
    for number, made in enumerate(batch.items):
        own = {name: values[number] for name, values in given.items()}
        assert_array_equal(made, kernel(items[number], **own))


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("quantize", {"ranges": P([[0, 1], [1, 0]])}, "ranges has to be two finite numbers"),
        ("one_hot", {"classes": P([3, 0])}, "classes has to be above 0, not 0"),
        ("pad", {"before": P([[0, 1], [0, -1]])}, "before has to be at least 0, not -1"),
        ("patches", {"size": P([[1, 1], [1, 0]])}, "size has to be at least 1, not 0"),
        ("patches", {"size": [1, 1], "stride": P([[1, 1], [1, 0]])}, "stride has to be at least 1"),
        ("clip", {"low": P([0, NAN])}, "low is NaN"),
        ("rotate", {"angle": P([0, NAN])}, "angle has to be finite"),
        ("fir", {"taps": P([[1.0], [NAN]])}, "taps has NaN"),
    ],
)
def test_a_bad_one_of_an_item_names_it(kernel, params, message):
    batch = Items(["a", "b"])
    batch.items = np.zeros((2, 3, 3), "uint8")
    with pytest.raises(ValueError, match=rf"item 'b'.*{message}"):
        batch.apply_parallel(getattr(kernels, kernel).bind(**params), src="items")


def test_what_is_the_same_for_all_items_says_so():
    message = "parameter weights is the same for all items; its signature is convolve"
    with pytest.raises(TypeError, match=message):
        kernels.convolve.bind(weights=P([[1, 2], [3, 4]]))


@pytest.mark.parametrize("of", ["items alike", "ragged items", "objects", "a chain"])
def test_an_impossible_shape_names_the_kernel(of):
    huge = kernels.resize.bind(size=[2**40, 2**40])
    items = {
        "ragged items": Ragged.from_items([np.zeros((2, 3)), np.zeros((4, 3))]),
        "objects": np.array([np.zeros((2, 3)), np.zeros((4, 3), "uint8")], object),
    }.get(of, np.zeros((2, 4, 4)))
    bound = kernels.chain(kernels.invert, huge) if of == "a chain" else huge
    batch = batch_of(items)
    with pytest.raises(ValueError, match=r"resize: no array can have the shape"):
        batch.apply_parallel(bound, src="items")
    with pytest.raises(ValueError, match=r"^resize: no array can have the shape"):
        huge(np.zeros((4, 4)))


def test_one_and_zero_are_truth_values():
    x = np.arange(64.0).reshape(8, 8)
    for flag in (0, 1):
        expected = kernels.resize(x, size=3, antialias=bool(flag))
        assert_array_equal(kernels.resize(x, size=3, antialias=flag), expected)
        assert_array_equal(kernels.resize(x, size=3, antialias=np.int64(flag)), expected)
    batch = batch_of(np.stack([x, x]))
    batch.apply_parallel(kernels.resize.bind(size=3, antialias=P([0, 1])), src="items")
    assert_array_equal(batch.items[0], kernels.resize(x, size=3, antialias=False))
    assert_array_equal(batch.items[1], kernels.resize(x, size=3, antialias=True))
    with pytest.raises(TypeError, match="antialias=2: expected bool; its signature is"):
        kernels.resize.bind(size=3, antialias=2)
    with pytest.raises(TypeError, match="antialias has values of int64, it takes bool"):
        batch.apply_parallel(kernels.resize.bind(size=3, antialias=P([0, 2])), src="items")


def test_the_signature_of_flip_has_the_type_of_its_axis():
    assert "flip(x, *, axis: str | int = 'horizontal')" in repr(kernels.flip)
    assert inspect.signature(kernels.flip).parameters["axis"].annotation == "str | int"
    with pytest.raises(ValueError, match="not None; its signature is flip"):
        kernels.flip.bind(axis=None)
