"""Resizing, against Pillow, and against OpenCV where it is installed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import Batch, Dataset, P, kernels

Image = pytest.importorskip("PIL.Image")

DTYPES = ["uint8", "int16", "uint16", "float16", "float32", "float64"]
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
SIZES = [(17, 40), (70, 23), (31, 37), (9, 9), (1, 5), (64, 90)]


def picture(*shape, dtype="uint8"):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max + 1, shape, dtype)
    return rng.random(shape).astype(dtype)


def pillow(x, size, interpolation):
    """One channel as Pillow resizes it: in single precision, integers rounded after each axis."""
    for step in ((len(x), size[1]), size):
        image = Image.fromarray(x.astype(np.float32))
        resized = np.asarray(image.resize(step[::-1], FILTERS[interpolation]))
        x = saturated(resized, x.dtype).astype(x.dtype)
    return x


def saturated(values, dtype):
    if np.dtype(dtype).kind == "f":
        return values
    info = np.iinfo(dtype)
    return np.clip(np.rint(values), info.min, info.max)


def tolerance(dtype):
    """Two steps for integers, one for each axis, some roundings of their precision for floats."""
    if dtype == "float16":
        return 2e-3
    return 2.0 if np.dtype(dtype).kind in "iu" else 2e-6


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", FILTERS)
def test_bytes_are_those_of_pillow(interpolation, size):
    x = picture(31, 37, 3)
    # In two steps: which axis Pillow takes first, and so what it cuts off, depends on its version.
    wide = Image.fromarray(x).resize((size[1], 31), FILTERS[interpolation])
    expected = np.asarray(wide.resize(size[::-1], FILTERS[interpolation]))
    result = kernels.resize(x, size=size, interpolation=interpolation)
    assert result.dtype == "uint8"
    assert_allclose(result.astype(int), expected.astype(int), rtol=0, atol=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 5])
def test_every_dtype_and_number_of_channels(dtype, interpolation, n_channels):
    x = picture(31, 37, n_channels, dtype=dtype)
    result = kernels.resize(x, size=(17, 40), interpolation=interpolation)
    assert (result.dtype, result.shape) == (dtype, (17, 40, n_channels))
    planes = [pillow(x[..., channel], (17, 40), interpolation) for channel in range(n_channels)]
    expected = np.stack(planes, axis=-1)
    assert_allclose(result.astype(float), expected.astype(float), rtol=2e-6, atol=tolerance(dtype))
    first = kernels.resize(
        np.moveaxis(x, -1, 0), size=(17, 40), interpolation=interpolation, channels="first"
    )
    expected = np.moveaxis(expected, -1, 0).astype(float)
    assert_allclose(first.astype(float), expected, rtol=2e-6, atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", FILTERS)
def test_signals(dtype, interpolation):
    x = picture(50, dtype=dtype)
    result = kernels.resize(x, size=(20,), interpolation=interpolation)
    expected = pillow(x[np.newaxis], (1, 20), interpolation)[0]
    assert_allclose(result.astype(float), expected.astype(float), rtol=2e-6, atol=tolerance(dtype))


@pytest.mark.parametrize("interpolation", FILTERS)
def test_volumes_are_resized_axis_by_axis(interpolation):
    x = picture(9, 11, 13, dtype="float64")
    result = kernels.resize(x, size=(5, 20, 6), interpolation=interpolation)
    expected = x
    for axis, length in enumerate((5, 20, 6)):
        lines = np.moveaxis(expected, axis, -1)
        rows = lines.reshape(-1, lines.shape[-1])
        made = [kernels.resize(row, size=(length,), interpolation=interpolation) for row in rows]
        expected = np.moveaxis(np.reshape(made, (*lines.shape[:-1], length)), -1, axis)
    assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("interpolation", FILTERS)
def test_the_same_size_changes_nothing(dtype, antialias, interpolation):
    x = picture(6, 7, 3, dtype=dtype)
    params = {"size": (6, 7), "interpolation": interpolation, "antialias": antialias}
    assert_array_equal(kernels.resize(x, **params), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("antialias", [True, False])
def test_a_plane_of_the_ends_of_a_dtype_stays_one(dtype, interpolation, antialias):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    floats = {"float16": (-65504, 65504), "float32": (-1e30, 1e30), "float64": (-1e30, 1e30)}
    for value in (info.min, info.max) if info else floats[dtype]:
        x = np.full((9, 9), value, dtype)
        result = kernels.resize(x, size=(4, 13), interpolation=interpolation, antialias=antialias)
        assert_allclose(result, np.full((4, 13), value, dtype), rtol=1e-6)


def test_layouts_of_memory():
    x = picture(12, 10, 3)
    expected = kernels.resize(x, size=(5, 7))
    for one in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1].copy()[::-1]):
        assert_array_equal(kernels.resize(one, size=(5, 7)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_antialias_elements_are_skipped(dtype):
    x = np.zeros((1, 40), dtype)
    x[0, 7] = 200
    sharp = kernels.resize(x, size=(1, 4), antialias=False)
    assert not sharp.any()
    assert kernels.resize(x, size=(1, 4)).any()


@pytest.mark.full("cv2")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "area"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_opencv(dtype, interpolation, size):
    import cv2

    x = picture(31, 37, 3, dtype=dtype)
    if interpolation == "area" and (size[0] > 31 or size[1] > 37):
        pytest.skip("OpenCV interpolates where an area grows")
    flag = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    expected = cv2.resize(x, size[::-1], interpolation=flag[interpolation])
    result = kernels.resize(x, size=size, interpolation=interpolation, antialias=False)
    atol = 1 if np.dtype(dtype).kind in "iu" else 2e-5
    assert_allclose(result.astype(float), expected.astype(float), rtol=2e-5, atol=atol)


def test_area_without_antialias_weighs_parts_of_elements():
    x = np.array([3.0, 6.0, 9.0])
    result = kernels.resize(x, size=(2,), interpolation="area", antialias=False)
    assert_allclose(result, [(3 + 6 * 0.5) / 1.5, (6 * 0.5 + 9) / 1.5])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_spreads_as_far_as_the_filter(bad, dtype):
    x = np.zeros(20, dtype)
    x[10] = bad
    found = kernels.resize(x, size=(10,))
    assert np.flatnonzero(~np.isfinite(found)).tolist() == [4, 5]


def test_zoom():
    x = picture(10, 21, 3)
    for factor, size in [((0.5, 2.0), (5, 42)), ((0.25, 0.1), (2, 2)), ((0.01, 1), (1, 21))]:
        for interpolation in FILTERS:
            params = {"interpolation": interpolation, "antialias": False}
            assert_array_equal(
                kernels.zoom(x, factor=factor, **params), kernels.resize(x, size=size, **params)
            )
    assert_array_equal(kernels.zoom(x, factor=[0.5]), kernels.resize(x, size=[5]))
    planes = np.moveaxis(x, -1, 0)
    assert kernels.zoom(planes, factor=(2, 2), channels="first").shape == (3, 20, 42)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("resize", {"size": [0, 5]}, "size has to be at least 1, not 0"),
        ("resize", {"size": [5], "interpolation": "cubic"}, "interpolation has to be 'nearest'"),
        ("resize", {"size": [5], "channels": "none"}, "channels has to be"),
        ("zoom", {"factor": [0.0]}, "factor has to be a number above 0, not 0"),
        ("zoom", {"factor": [-1.0]}, "factor has to be a number above 0, not -1"),
        ("zoom", {"factor": [float("nan")]}, "factor has to be a number above 0, not NaN"),
    ],
)
def test_bad_parameters_are_refused_at_once(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel).bind(**params)


@pytest.mark.parametrize(("kernel", "name"), [("resize", "size"), ("zoom", "factor")])
def test_no_lengths_at_all(kernel, name):
    with pytest.raises(ValueError, match=f"{name} is empty"):
        getattr(kernels, kernel)(np.zeros((4, 4)), **{name: []})


@pytest.mark.parametrize(
    ("kernel", "params"),
    [
        ("resize", {"size": [(3, 4), (5, 2), (1, 9)]}),
        ("zoom", {"factor": [(0.5, 1.0), (2.0, 0.25), (1.0, 3.0)]}),
        ("crop", {"size": [(3, 4), (5, 2), (1, 7)]}),
        ("crop", {"size": [(3, 4), (5, 2), (1, 5)], "origin": [(0, 1), (2, 3), (6, 0)]}),
        ("center_crop", {"size": [(3, 4), (5, 2), (1, 7)]}),
    ],
)
def test_lengths_of_each_item(kernel, params):
    class Images(Batch):
        components = ("images",)

    kernel, x = getattr(kernels, kernel), np.random.default_rng(0).normal(size=(3, 8, 7, 2))
    batch = Images(3)
    batch.images = x
    batch.apply_parallel(kernel.bind(**{k: P(v) for k, v in params.items()}), src="images")
    for number, made in enumerate(batch.images):
        alone = {name: values[number] for name, values in params.items()}
        assert_array_equal(made, kernel(x[number], **alone))


def test_an_impossible_length_of_an_item_names_it():
    class Images(Batch):
        components = ("images",)

    batch = Images(["a", "b"])
    batch.images = np.zeros((2, 8, 7))
    for bound, message in (
        (kernels.resize.bind(size=P([(1, 1), (0, 1)])), "size has to be at least 1, not 0"),
        (kernels.crop.bind(size=P([(1, 1), (9, 1)])), "does not lie within"),
        (kernels.zoom.bind(factor=P([(1.0, 1.0), (-1.0, 1.0)])), "factor has to be a number above"),
    ):
        with pytest.raises(ValueError, match=rf"item 'b'.*{message}"):
            batch.apply_parallel(bound, src="images")


def test_an_item_without_elements_is_named():
    class Signals(Batch):
        components = ("signals",)

    signals = np.array([np.ones(4), np.ones(0)], dtype=object)
    batch = Dataset(["full", "empty"], Signals, preloaded=(signals,)).next_batch(2)
    with pytest.raises(ValueError, match=r"'empty'.*without elements"):
        batch.apply_parallel(kernels.resize.bind(size=[3]), src="signals")
