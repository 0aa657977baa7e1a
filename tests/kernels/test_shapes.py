"""Kernels that move elements, against NumPy."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, kernels

DTYPES = ["uint8", "int16", "uint16", "float16", "float32", "float64"]
MOVED = ["bool", *DTYPES]


def item(*shape, dtype="uint8"):
    """An item whose elements tell their places, the ends of the dtype among them."""
    if dtype == "bool":
        return np.random.default_rng(0).random(shape) < 0.5
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    if np.dtype(dtype).kind in "iu" and x.size > 1:
        x.flat[0], x.flat[-1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    elif x.size > 1:
        x.flat[0], x.flat[-1] = np.finfo(dtype).smallest_subnormal, -np.inf
    return x


def layouts(x):
    """The same item in several layouts of memory."""
    return [x, np.asfortranarray(x), np.repeat(x, 2, axis=-1)[..., ::2], x[::-1].copy()[::-1]]


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize("shape", [(7,), (5, 7), (5, 7, 3), (4, 5, 6, 2)])
def test_crop(dtype, shape):
    x = item(*shape, dtype=dtype)
    size = [2, 3, 2][: min(len(shape), 3)]
    origin = [1, 2, 1][: len(size)]
    box = tuple(slice(o, o + s) for o, s in zip(origin, size, strict=True))
    for one in layouts(x):
        assert_array_equal(kernels.crop(one, size=size, origin=origin), x[box])
        assert_array_equal(kernels.crop(one, size=size), x[tuple(slice(s) for s in size)])


def test_crop_with_channels_first():
    x = item(3, 6, 7)
    assert_array_equal(
        kernels.crop(x, size=[2, 4], origin=[1, 3], channels="first"), x[:, 1:3, 3:7]
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": [0]}, "size has to be at least 1, not 0"),
        ({"size": [2], "origin": [-1]}, "origin has to be at least 0, not -1"),
        ({"size": [2], "origin": [1, 1]}, "size has 1 numbers and origin 2"),
        ({"size": [2], "channels": "middle"}, "channels has to be 'last' or 'first'"),
    ],
)
def test_crop_refuses_at_once(params, message):
    with pytest.raises(ValueError, match=message):
        kernels.crop.bind(**params)


def test_crop_beyond_an_item():
    with pytest.raises(ValueError, match="size is empty"):
        kernels.crop(np.zeros((2, 2)), size=[])
    with pytest.raises(ValueError, match=r"size \(4, 4\) from origin \(2, 0\).*\(5, 5, 3\)"):
        kernels.crop(item(5, 5, 3), size=[4, 4], origin=[2, 0])
    with pytest.raises(ValueError, match="3 numbers for an item with 2 axes"):
        kernels.crop(item(5, 5), size=[1, 1, 1])


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize(("shape", "size"), [((9,), [4]), ((6, 9, 3), [3, 4]), ((5, 5), [5, 2])])
def test_center_crop(dtype, shape, size):
    x = item(*shape, dtype=dtype)
    box = tuple(slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(shape, size, strict=False))
    for one in layouts(x):
        assert_array_equal(kernels.center_crop(one, size=size), x[box])


def test_center_crop_with_channels_first():
    x = item(3, 8, 8)
    assert_array_equal(kernels.center_crop(x, size=[4, 2], channels="first"), x[:, 2:6, 3:5])


def test_center_crop_larger_than_the_item():
    with pytest.raises(ValueError, match=r"size \(9, 2\) is larger than an item of shape \(8, 8\)"):
        kernels.center_crop(item(8, 8), size=[9, 2])


def test_an_item_that_is_too_small_is_named():
    class Images(Batch):
        components = ("images",)

    images = np.array([np.zeros((8, 8)), np.zeros((4, 8))], dtype=object)
    batch = Dataset(["large", "small"], Images, preloaded=(images,)).create_batch(
        ["large", "small"]
    )
    with pytest.raises(ValueError, match=r"'small'.*larger than an item"):
        batch.apply_parallel(kernels.center_crop.bind(size=[6, 6]), src="images")


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize(
    ("shape", "before", "after"),
    [
        ((5,), [2], [3]),
        ((5,), [13], [17]),
        ((1, 4), [2, 2], [1, 0]),
        ((4, 5, 3), [1, 0], [0, 2]),
        ((3, 4, 2), [1, 2, 3], None),
    ],
)
def test_pad(dtype, mode, shape, before, after):
    x = item(*shape, dtype=dtype)
    widths = list(zip(before, after or before, strict=True))
    widths += [(0, 0)] * (x.ndim - len(widths))
    more = {"constant_values": 7} if mode == "constant" else {}
    expected = np.pad(x, widths, mode, **more)
    for one in layouts(x):
        result = kernels.pad(one, before=before, after=after, mode=mode, value=7)
        assert result.dtype == dtype
        assert_array_equal(result, expected)


def test_pad_with_channels_first():
    x = item(2, 3, 4)
    expected = np.pad(x, [(0, 0), (1, 2), (0, 3)])
    assert_array_equal(kernels.pad(x, before=[1, 0], after=[2, 3], channels="first"), expected)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"before": [-1]}, "before has to be at least 0, not -1"),
        ({"before": [1], "after": [-2]}, "after has to be at least 0, not -2"),
        ({"before": [1], "after": [1, 2]}, "before has 1 numbers and after 2"),
        ({"before": [1], "mode": "mirror"}, "mode has to be 'constant'"),
    ],
)
def test_pad_refuses_at_once(params, message):
    with pytest.raises(ValueError, match=message):
        kernels.pad.bind(**params)


def test_pad_of_nothing():
    assert_array_equal(kernels.pad(np.zeros((0, 2)), before=[1]), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="nothing to continue with mode 'edge'"):
        kernels.pad(np.zeros((0, 2)), before=[1], mode="edge")


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5,), None),
        ((4, 5), None),
        ((40, 70), [1, 0]),
        ((6, 7, 3), [2, 0, 1]),
        ((3, 6, 7), [1, 2, 0]),
        ((6, 7, 2), [-1, 0, 1]),
        ((4, 6, 7), [-2, -1, 0]),
        ((6, 7, 5), [2, 0, 1]),
        ((3, 4, 5), [1, 0, 2]),
        ((3, 4, 5), None),
        ((2, 3, 4, 5), [2, 3, 0, 1]),
        ((3, 1, 2), [0, 1, 2]),
    ],
)
def test_transpose(dtype, shape, axes):
    x = item(*shape, dtype=dtype)
    for one in layouts(x):
        assert_array_equal(kernels.transpose(one, axes=axes), np.transpose(x, axes))


@pytest.mark.parametrize("axes", [[0, 0], [0], [0, 1, 2], [0, 2]])
def test_transpose_refuses_what_is_no_permutation(axes):
    with pytest.raises(ValueError, match="are not the 2 axes of an item, each of them once"):
        kernels.transpose(item(2, 3), axes=axes)


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize(
    ("shape", "size", "stride"),
    [
        ((10,), [3], [2]),
        ((8, 9), [4, 3], None),
        ((8, 9, 3), [4, 3], [1, 2]),
        ((7, 5), [7, 5], [3, 3]),
    ],
)
def test_patches(dtype, shape, size, stride):
    x = item(*shape, dtype=dtype)
    k = len(size)
    windows = sliding_window_view(x, size, axis=tuple(range(k)))
    windows = windows[tuple(slice(None, None, step) for step in stride or size)]
    # The other axes of the item go behind those of the windows.
    windows = (
        np.moveaxis(windows, range(k, x.ndim), range(-(x.ndim - k), 0)) if x.ndim > k else windows
    )
    expected = windows.reshape(-1, *size, *shape[k:])
    for one in layouts(x):
        assert_array_equal(kernels.patches(one, size=size, stride=stride), expected)


def test_patches_with_channels_first():
    x = item(3, 4, 6)
    result = kernels.patches(x, size=[2, 3], channels="first")
    assert_array_equal(result, [x[:, r : r + 2, c : c + 3] for r in (0, 2) for c in (0, 3)])


def test_patches_larger_than_the_item():
    with pytest.raises(ValueError, match=r"size \(5,\) is larger than an item of shape \(4,\)"):
        kernels.patches(item(4), size=[5])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": [2], "stride": [0]}, "stride has to be at least 1, not 0"),
        ({"size": [2], "stride": [1, 1]}, "size has 1 numbers and stride 2"),
        ({"size": [-2]}, "size has to be at least 1, not -2"),
    ],
)
def test_patches_refuses_at_once(params, message):
    with pytest.raises(ValueError, match=message):
        kernels.patches.bind(**params)


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize("channels", ["last", "first"])
@pytest.mark.parametrize(("size", "stride"), [([4, 3], None), ([4, 3], [2, 3]), ([8, 9], [1, 1])])
def test_from_patches_undoes_patches(dtype, channels, size, stride):
    x = item(*((8, 9, 2) if channels == "last" else (2, 8, 9)), dtype=dtype)
    cut = kernels.patches(x, size=size, stride=stride, channels=channels)
    for one in layouts(cut):
        again = kernels.from_patches(one, shape=[8, 9], stride=stride, channels=channels)
        assert again.dtype == dtype
        assert_array_equal(again, x)


def test_boxes_of_truths_that_disagree_go_by_the_majority():
    boxes = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1]], bool)
    again = kernels.from_patches(boxes, shape=[5], stride=[1])
    assert again.dtype == bool
    # Of the second, third and fourth place: two of two, one of three, none of two.
    assert again.tolist() == [True, True, False, False, True]


def test_the_bits_of_nan_are_moved_as_they_are():
    for dtype, bits in [("float16", "uint16"), ("float32", "uint32"), ("float64", "uint64")]:
        one = np.array(1, bits)
        signalling = (np.array(np.inf, dtype).view(bits) + one).view(dtype)
        x = np.array([[1, signalling, 3], [4, 5, -signalling]], dtype)
        for result, expected in [
            (kernels.flip(x), np.flip(x, 1)),
            (kernels.transpose(x), x.T),
            (kernels.crop(x, size=[2, 2], origin=[0, 1]), x[:, 1:]),
            (kernels.pad(x, before=[1]), np.pad(x, [(1, 1), (0, 0)])),
            (kernels.pad_to(x, length=[3]), np.pad(x, [(0, 1), (0, 0)])),
        ]:
            expected = np.ascontiguousarray(expected)
            assert_array_equal(result.view(bits), expected.view(bits))


def test_from_patches_averages():
    boxes = np.array([[0, 1, 2], [5, 6, 7]], "uint8")
    assert kernels.from_patches(boxes, shape=[4], stride=[1]).tolist() == [0, 3, 4, 7]
    assert kernels.from_patches(boxes.astype(float), shape=[4], stride=[1]).tolist() == [0, 3, 4, 7]


@pytest.mark.parametrize(
    ("shape", "stride", "message"),
    [
        ([8], None, r"leave some of an item of shape \(8,\) uncovered"),
        ([9], None, r"2 boxes of shape \(3,\) do not make an item of shape \(9,\), which has 3"),
        ([7], [4], "leave some of an item"),
        ([6, 2], None, "shape has 2 numbers for boxes with 1 axes"),
    ],
)
def test_from_patches_that_do_not_fit(shape, stride, message):
    with pytest.raises(ValueError, match=message):
        kernels.from_patches(np.zeros((2, 3)), shape=shape, stride=stride)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_one_hot(dtype):
    x = np.array([[0, 2], [1, 3]], dtype)
    result = kernels.one_hot(x, classes=4)
    assert result.dtype == "uint8"
    assert_array_equal(result, np.eye(4, dtype="uint8")[x])
    assert_array_equal(kernels.one_hot(x.T, classes=4), np.eye(4, dtype="uint8")[x.T])


def test_one_hot_of_labels():
    class Labelled(Batch):
        components = ("labels",)

    batch = Dataset(3, Labelled, preloaded=(np.array([2, 0, 1]),)).create_batch([0, 1, 2])
    batch.apply_parallel(kernels.one_hot.bind(classes=3), src="labels")
    assert batch.labels.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("value", [-1, 3, np.iinfo("int64").min])
def test_one_hot_of_no_class(value):
    with pytest.raises(ValueError, match=f"{value} is no number of 3 classes"):
        kernels.one_hot(np.array([0, value]), classes=3)


def test_one_hot_needs_classes():
    with pytest.raises(ValueError, match="classes has to be above 0, not 0"):
        kernels.one_hot.bind(classes=0)
