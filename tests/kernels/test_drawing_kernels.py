"""Built-in kernels that draw: against NumPy's generator at the item's place, and golden bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, P, kernels

from .test_references import extremes, saturated
from .test_shapes import DTYPES, MOVED, item, layouts

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "drawing_kernels_v1.json").read_text())
KERNELS = {
    "random_crop": {"size": [4, 5]},
    "salt": {"share": 0.2, "color": [250, 1, 2], "size": [1, 2]},
    "cutout": {"size": [3, 4], "color": 9},
    "additive_noise": {"std": 20},
    "multiplicative_noise": {"std": 0.3},
}


class Images(Batch):
    components = "images", "masks"


def generator():
    return np.random.Generator(np.random.Philox(key=[1, 2], counter=[0, 3, 4, 5]))


def picture():
    return (np.arange(6 * 7 * 3) * 37 % 256).astype("uint8").reshape(6, 7, 3)


@pytest.mark.parametrize("name", KERNELS)
def test_golden_bytes(name):
    """What a seed gives never changes."""
    result = getattr(kernels, name)(picture(), rng=generator(), **KERNELS[name])
    assert result.tolist() == GOLDEN[name]


@pytest.mark.parametrize("dtype", MOVED)
def test_random_crop(dtype):
    x = item(20, 30, 3, dtype=dtype)
    rng = generator()
    top, left = rng.integers(0, 13), rng.integers(0, 22)
    for one in layouts(x):
        result = kernels.random_crop(one, size=[8, 9], rng=generator())
        assert_array_equal(result, x[top : top + 8, left : left + 9])
    planes = np.moveaxis(x, -1, 0)
    result = kernels.random_crop(planes, size=[8, 9], channels="first", rng=generator())
    assert_array_equal(result, planes[:, top : top + 8, left : left + 9])


def test_random_crop_reaches_every_place():
    x = np.arange(4)
    found = {int(kernels.random_crop(x.astype("int16"), size=[2], rng=n)[0]) for n in range(60)}
    assert found == {0, 1, 2}
    assert_array_equal(kernels.random_crop(x.astype("int16"), size=[4], rng=1), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_salt(dtype):
    x = item(20, 30, 3, dtype=dtype)
    chosen = generator().random((20, 30)) < 0.1
    white = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    for one in layouts(x):
        result = kernels.salt(one, share=0.1, rng=generator())
        assert_array_equal(result, np.where(chosen[..., np.newaxis], np.array(white, dtype), x))


@pytest.mark.parametrize("channels", ["last", "first"])
def test_salt_of_boxes_in_a_color(channels):
    x = item(9, 12, 3)
    expected = x.copy()
    for row, column in np.argwhere(generator().random((9, 12)) < 0.1):
        expected[row : row + 2, column : column + 3] = [1, 2, 3]
    planes = x if channels == "last" else np.moveaxis(x, -1, 0)
    params = {"share": 0.1, "color": [1, 2, 3], "size": [2, 3], "channels": channels}
    result = kernels.salt(planes, rng=generator(), **params)
    assert_array_equal(result if channels == "last" else np.moveaxis(result, 0, -1), expected)


def test_salt_everywhere_and_nowhere():
    x = item(5, 6)
    assert (kernels.salt(x, share=1, color=7) == 7).all()
    assert_array_equal(kernels.salt(x, share=0), x)
    assert kernels.salt(np.zeros((0, 4)), share=1).shape == (0, 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cutout_draws_a_box_within_the_item(dtype):
    x = item(20, 30, 3, dtype=dtype)
    rng = generator()
    top, left = rng.integers(0, 13), rng.integers(0, 22)
    expected = x.copy()
    expected[top : top + 8, left : left + 9] = saturated(np.array([2.5, 300.0, -1.0]), dtype)
    for one in layouts(x):
        result = kernels.cutout(one, size=[8, 9], color=[2.5, 300, -1], rng=generator())
        assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("origin", "box"),
    [
        ([1, 2], np.s_[1:4, 2:6]),
        ([-1, -2], np.s_[:2, :2]),
        ([4, 5], np.s_[4:, 5:]),
        ([9, 9], np.s_[:0]),
        ([-9, 2**62], np.s_[:0]),
    ],
)
def test_cutout_at_a_place(origin, box):
    x = item(6, 7, 3) + np.uint8(1)
    expected = x.copy()
    expected[box] = 0
    assert_array_equal(kernels.cutout(x, size=[3, 4], origin=origin), expected)
    planes = kernels.cutout(np.moveaxis(x, -1, 0), size=[3, 4], origin=origin, channels="first")
    assert_array_equal(planes, np.moveaxis(expected, -1, 0))


def test_boxes_for_each_item():
    images = np.ones((2, 6, 7), "uint8")
    batch = Dataset(2, Images, preloaded=(images, images)).next_batch(2)
    cutout = kernels.cutout.bind(
        size=P([[1, 2], [3, 4]]), origin=P([[0, 0], [2, 1]]), color=P([[5], [6]])
    )
    batch.apply_parallel(cutout, src="images")
    expected = images.copy()
    expected[0, :1, :2], expected[1, 2:5, 1:5] = 5, 6
    assert_array_equal(batch.images, expected)
    batch.apply_parallel(kernels.salt.bind(share=P([0.0, 1.0]), color=7), src="masks")
    assert (batch.masks[0] == 1).all()
    assert (batch.masks[1] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("std", [0, 0.7, 1000])
def test_noise_is_that_of_numpy(dtype, std):
    x = extremes(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        added = saturated(x + generator().normal(0, std, x.shape), dtype)
        scaled = saturated(x * generator().normal(1, std, x.shape), dtype)
    for kernel, expected in [("additive_noise", added), ("multiplicative_noise", scaled)]:
        result = getattr(kernels, kernel)(x, std=std, rng=generator())
        assert result.dtype == dtype
        assert_array_equal(result, expected)


@pytest.mark.parametrize("kernel", ["additive_noise", "multiplicative_noise"])
def test_noise_goes_over_elements_in_their_order(kernel):
    x = item(5, 6, dtype="float64")
    expected = getattr(kernels, kernel)(x, std=2, rng=generator())
    for one in layouts(x):
        assert_array_equal(getattr(kernels, kernel)(one, std=2, rng=generator()), expected)


def test_noise_for_each_item():
    images = np.full((2, 3, 4), 10.0)
    batch = Dataset(2, Images, preloaded=(images, images)).next_batch(2)
    batch.apply_parallel(kernels.additive_noise.bind(std=P([0.0, 1.0])), src="images")
    assert (batch.images[0] == 10).all()
    assert len(np.unique(batch.images[1])) == 12


def rows(name, batch_size, **options):
    """Bytes by id of one epoch."""
    images = np.stack([picture()] * 30)
    run = {"n_epochs": 1, "shuffle": 4, "drop_last": False}
    run |= {key: options.pop(key) for key in ("prefetch",) if key in options}
    pipeline = Dataset(30, Images).p.load(src=(images, images))
    kernel = getattr(kernels, name).bind(**KERNELS[name])
    pipeline = pipeline.apply_parallel(kernel, src="images", **options)
    found = {}
    for batch in pipeline.gen_batch(batch_size, **run):
        made = np.asarray(batch.images)
        found.update(zip(batch.indices.tolist(), made.tolist(), strict=True))
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_the_same_bytes_however_it_runs(name):
    expected = rows(name, 8)
    assert len({str(row) for row in expected.values()}) > 5
    assert rows(name, 30) == expected
    assert rows(name, 7, n_workers=1) == expected
    assert rows(name, 8, prefetch=2) == expected


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("random_crop", {"size": [0]}, "size has to be at least 1, not 0"),
        ("random_crop", {"size": [1], "channels": "none"}, "channels has to be"),
        ("salt", {"share": -0.1}, "share has to lie between 0 and 1, not -0.1"),
        ("salt", {"share": 1.5}, "share has to lie between 0 and 1, not 1.5"),
        ("salt", {"size": [1, -1]}, "size has to be at least 1, not -1"),
        ("salt", {"channels": "none"}, "channels has to be"),
        ("cutout", {"size": [2, 0]}, "size has to be at least 1, not 0"),
        ("cutout", {"size": [2, 2], "origin": [1]}, "size has 2 numbers and origin 1"),
        ("cutout", {"size": [2], "channels": "none"}, "channels has to be"),
        ("additive_noise", {"std": -1}, "std has to be at least 0 and finite, not -1"),
        ("multiplicative_noise", {"std": float("inf")}, "std has to be at least 0 and finite"),
    ],
)
def test_bad_parameters_are_refused_at_once(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel).bind(**params)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("random_crop", {"size": []}, "size is empty"),
        ("random_crop", {"size": [7, 1]}, r"size \(7, 1\) is larger than an item of shape"),
        ("salt", {"share": float("nan")}, "share has to lie between 0 and 1, not NaN"),
        ("salt", {"color": [1, 2]}, "color has 2 values for an item with 3 channels"),
        ("salt", {"size": [1] * 4}, "size has 4 numbers for an item with 3 axes"),
        ("cutout", {"size": [2, 8]}, "8 along axis 1 is larger than an item of shape"),
        ("cutout", {"size": []}, "size is empty"),
        ("cutout", {"size": [1, 1], "color": []}, "color has 0 values"),
        ("additive_noise", {"std": float("nan")}, "std has to be at least 0 and finite, not NaN"),
    ],
)
def test_what_does_not_fit_the_item(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel)(picture(), **params)


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("random_crop", {"size": [5, 5]}, "larger than an item"),
        ("cutout", {"size": P([[1, 1], [0, 1]])}, "size has to be at least 1, not 0"),
        ("additive_noise", {"std": P([1.0, -1.0])}, "std has to be at least 0"),
    ],
)
def test_a_failing_item_is_named(kernel, params, message):
    images = np.array([np.zeros((8, 8)), np.zeros((4, 8))], dtype=object)
    batch = Dataset(["large", "small"], Images, preloaded=(images, images)).create_batch(
        ["large", "small"]
    )
    with pytest.raises(ValueError, match=rf"'small'.*{message}"):
        batch.apply_parallel(getattr(kernels, kernel).bind(**params), src="images")
