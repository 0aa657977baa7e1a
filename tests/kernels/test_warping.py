"""Rotation and affine maps, against scipy.ndimage, and against OpenCV where it is installed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ironbatch import Batch, Dataset, P, R, kernels

from .test_shapes import DTYPES, layouts

BORDERS = {"constant": "grid-constant", "edge": "nearest", "reflect": "mirror", "wrap": "grid-wrap"}
IDENTITY = [1, 0, 0, 0, 1, 0]
MATRICES = [
    IDENTITY,
    [0.9, 0.3, 2.5, -0.2, 1.1, -3],
    [-1, 0, 30, 0, -1, 22],
    [0.2, 0, 3, 0, 0.2, 5],
    [3, 1, -20, 1, -4, 40],
    [1, 0, 1000, 0, 1, 0],
]
VOLUME = [[0.9, 0.1, 0.2, 1], [-0.2, 1.1, 0.1, -0.5], [0.05, -0.1, 0.95, 0.3]]


class Images(Batch):
    components = "images", "masks"


def picture(*shape, dtype="uint8"):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max + 1, shape, dtype)
    return rng.random(shape).astype(dtype)


def scipys(x, matrix, border, order, fill=0.0):
    """One channel by scipy, whose matrix has rows first and leads from the result to the item."""
    ndimage = pytest.importorskip("scipy.ndimage")
    n = x.ndim
    whole = np.linalg.inv([*np.reshape(matrix, (n, n + 1)), [0] * n + [1]])
    turned = whole[n - 1 :: -1][:n][:, [*range(n)][::-1] + [n]]
    return ndimage.affine_transform(
        x.astype(float), turned, order=order, mode=BORDERS[border], cval=fill
    )


def rounded(values, dtype):
    return values if np.dtype(dtype).kind == "f" else np.rint(values)


def in_steps(dtype):
    """How far results may be off: places have 32 digits, weights of bytes 14."""
    if dtype == "float16":
        return 4e-3
    return 1 if np.dtype(dtype).kind in "iu" else 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("shape", [(23, 31), (1, 9), (40, 1)])
def test_bilinear_is_that_of_scipy(dtype, border, matrix, shape):
    x = picture(*shape, dtype=dtype)
    expected = rounded(scipys(x, matrix, border, 1, fill=7), dtype)
    result = kernels.affine(x, matrix=matrix, border=border, fill=7)
    assert result.dtype == dtype
    assert_allclose(result.astype(float), expected, rtol=0, atol=in_steps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("matrix", MATRICES)
def test_nearest_is_that_of_scipy(dtype, border, matrix):
    x = picture(23, 31, dtype=dtype)
    result = kernels.affine(x, matrix=matrix, border=border, interpolation="nearest", fill=7)
    assert_array_equal(result, scipys(x, matrix, border, 0, fill=7).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("order", "interpolation"), [(0, "nearest"), (1, "bilinear")])
def test_volumes_are_those_of_scipy(dtype, border, order, interpolation):
    x = picture(7, 9, 11, dtype=dtype)
    expected = rounded(scipys(x, VOLUME, border, order, fill=3), dtype)
    params = {"matrix": VOLUME, "border": border, "interpolation": interpolation, "fill": 3}
    result = kernels.affine(x, **params)
    assert_allclose(result.astype(float), expected, rtol=0, atol=in_steps(dtype))
    both = np.stack([x, x[::-1]], axis=-1)
    assert_array_equal(kernels.affine(both, **params)[..., 0], result)
    planes = np.moveaxis(both, -1, 0)
    assert_array_equal(kernels.affine(planes, channels="first", **params)[0], result)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 5])
def test_each_channel_is_an_image(dtype, interpolation, n_channels):
    x = picture(31, 37, n_channels, dtype=dtype)
    params = {"angle": 25, "interpolation": interpolation, "fill": 3}
    result = kernels.rotate(x, **params)
    planes = [kernels.rotate(x[..., channel], **params) for channel in range(n_channels)]
    assert_array_equal(result, np.stack(planes, axis=-1))
    first = kernels.rotate(np.moveaxis(x, -1, 0), channels="first", **params)
    assert_array_equal(first, np.moveaxis(result, -1, 0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("quarters", range(-4, 9))
def test_right_angles_are_exact(dtype, interpolation, quarters):
    x = picture(8, 8, 3, dtype=dtype)
    result = kernels.rotate(x, angle=90 * quarters, interpolation=interpolation)
    assert_array_equal(result, np.rot90(x, quarters))


def test_a_rotation_is_an_affine_map_about_the_center():
    x = picture(20, 31, 3)
    angle = np.deg2rad(33)
    cos, sin, center_x, center_y = np.cos(angle), np.sin(angle), 15, 9.5
    matrix = [
        [cos, sin, center_x - cos * center_x - sin * center_y],
        [-sin, cos, center_y + sin * center_x - cos * center_y],
    ]
    assert_array_equal(kernels.rotate(x, angle=33), kernels.affine(x, matrix=matrix))


@pytest.mark.full("cv2")
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_opencv(dtype, interpolation, border):
    import cv2

    x = picture(33, 47, 3, dtype=dtype)
    flags = {"nearest": "NEAREST", "bilinear": "LINEAR", "bicubic": "CUBIC"}
    modes = {"constant": "CONSTANT", "edge": "REPLICATE", "reflect": "REFLECT_101", "wrap": "WRAP"}
    expected = cv2.warpAffine(
        x,
        cv2.getRotationMatrix2D((23, 16), 25, 1),
        (47, 33),
        flags=getattr(cv2, f"INTER_{flags[interpolation]}"),
        borderMode=getattr(cv2, f"BORDER_{modes[border]}"),
        borderValue=(3, 3, 3),
    )
    result = kernels.rotate(x, angle=25, interpolation=interpolation, border=border, fill=3)
    # Before version 5, OpenCV has 32 places between two elements.
    exact = int(cv2.__version__.split(".")[0]) >= 5
    span = 1 if dtype == "float32" else np.iinfo(dtype).max
    atol = max(in_steps(dtype), 1e-4 * span) if exact else span / 16
    off = np.abs(result.astype(float) - expected) > atol
    assert off.mean() <= (0.01 if interpolation == "nearest" and not exact else 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("border", ["edge", "reflect", "wrap"])
def test_a_plane_of_the_ends_of_a_dtype_stays_one(dtype, interpolation, border):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    for value in (info.min, info.max) if dtype != "float64" else (-1e300, 1e300):
        x = np.full((9, 12), value, dtype)
        result = kernels.rotate(x, angle=31, interpolation=interpolation, border=border)
        assert_allclose(result, x, rtol=4e-15 if dtype == "float64" else 0)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
def test_bicubic_is_kept_within_the_dtype(dtype):
    info = np.iinfo(dtype)
    x = np.full((9, 9), info.min, dtype)
    x[4:] = info.max
    result = kernels.affine(x, matrix=[1, 0, 0, 0, 1, 0.5], interpolation="bicubic", border="edge")
    assert (result.min(), result.max()) == (info.min, info.max)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_layouts_of_memory(interpolation):
    x = picture(12, 10, 3)
    expected = kernels.rotate(x, angle=12, interpolation=interpolation)
    for one in layouts(x):
        assert_array_equal(kernels.rotate(one, angle=12, interpolation=interpolation), expected)


def test_the_matrix_leads_from_the_item_to_the_result():
    x = np.zeros((5, 6), "uint8")
    x[1, 2] = 9
    moved = kernels.affine(x, matrix=[[1, 0, 3], [0, 1, 2]])
    assert np.argwhere(moved).tolist() == [[3, 5]]
    assert_array_equal(kernels.affine(x, matrix=[1, 0, 3, 0, 1, 2]), moved)


@pytest.mark.parametrize("channels", ["last", "first"])
def test_the_result_has_the_size_that_is_given(channels):
    x = picture(5, 6, 3)
    item = x if channels == "last" else np.moveaxis(x, -1, 0)
    result = kernels.affine(item, matrix=IDENTITY, size=[9, 4], channels=channels)
    expected = np.zeros((9, 4, 3), "uint8")
    expected[:5] = x[:, :4]
    assert_array_equal(result if channels == "last" else np.moveaxis(result, 0, -1), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_has_no_weight_does_not_count(bad, dtype):
    x = np.zeros((7, 7), dtype)
    x[3, 3] = bad
    for interpolation in ("nearest", "bilinear", "bicubic"):
        still = kernels.affine(x, matrix=IDENTITY, interpolation=interpolation, fill=np.nan)
        assert_array_equal(still, x)
    result = kernels.affine(x, matrix=[1, 0, 0.5, 0, 1, 0])
    assert np.argwhere(~np.isfinite(result)).tolist() == [[3, 3], [3, 4]]


def test_the_fill_is_converted_as_elements_are():
    x = np.zeros((2, 2), "uint8")
    away = [1, 0, 9, 0, 1, 9]
    for fill, expected in [(2.5, 2), (-3, 0), (400, 255), (float("nan"), 0)]:
        assert (kernels.affine(x, matrix=away, fill=fill) == expected).all()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_nothing_has_only_the_constant_around_it(interpolation):
    x = np.zeros((0, 4), "uint8")
    params = {"matrix": IDENTITY, "size": [2, 3], "interpolation": interpolation}
    assert_array_equal(kernels.affine(x, fill=5, **params), np.full((2, 3), 5))
    with pytest.raises(ValueError, match=r"an item of shape \(0, 4\) has nothing to continue"):
        kernels.affine(x, border="edge", **params)


def test_parameters_for_each_item():
    images = picture(3, 9, 11, 3)
    angles, fills = [0.0, 90.0, 17.5], [1.0, 2.0, 3.0]
    batch = Dataset(3, Images, preloaded=(images, images)).next_batch(3)
    batch.apply_parallel(kernels.rotate.bind(angle=P(angles), fill=P(fills)), src="images")
    for item, image, angle, fill in zip(batch.images, images, angles, fills, strict=True):
        assert_array_equal(item, kernels.rotate(image, angle=angle, fill=fill))
    matrices = [[1, 0, n, 0, 1, -n] for n in range(3)]
    batch.apply_parallel(kernels.affine.bind(matrix=P(matrices)), src="masks")
    for item, image, matrix in zip(batch.masks, images, matrices, strict=True):
        assert_array_equal(item, kernels.affine(image, matrix=matrix))


def test_a_matrix_for_each_item_may_have_rows():
    x = picture(2, 9, 8)
    matrices = np.array([IDENTITY, MATRICES[1]]).reshape(2, 2, 3)
    batch = Images(2)
    batch.images = x
    batch.apply_parallel(kernels.affine.bind(matrix=P(matrices)), src="images")
    for item, matrix, made in zip(x, matrices, batch.images, strict=True):
        assert_array_equal(made, kernels.affine(item, matrix=matrix))


def test_angles_are_drawn_alike_for_image_and_mask():
    images = picture(4, 9, 9)
    batch = Dataset(4, Images, preloaded=(images, images)).next_batch(4)
    batch.random_seed = 3
    batch.apply_parallel(
        kernels.rotate.bind(angle=P(R("uniform", -40, 40))), src=["images", "masks"]
    )
    assert_array_equal(batch.images, batch.masks)
    assert not np.array_equal(batch.images, images)


def test_a_bad_angle_is_named_with_its_item():
    with pytest.raises(ValueError, match="angle has to be finite, not NaN"):
        kernels.rotate(np.zeros((3, 3)), angle=float("nan"))
    images = np.zeros((2, 3, 3))
    batch = Dataset(["a", "b"], Images, preloaded=(images, images)).create_batch(["a", "b"])
    rotate = kernels.rotate.bind(angle=P([1.0, float("nan")]))
    with pytest.raises(ValueError, match=r"'b'.*angle has to be finite, not NaN"):
        batch.apply_parallel(rotate, src="images")


@pytest.mark.parametrize(
    ("kernel", "params", "message"),
    [
        ("affine", {"matrix": [1, 2]}, "matrix has to have 2 x 3 numbers, or 3 x 4.*not 2"),
        ("affine", {"matrix": [1, 2, 0, 2, 4, 0]}, "matrix cannot be inverted"),
        ("affine", {"matrix": [1, 2, 0, 2, np.nan, 0]}, "matrix has to be finite, but has a NaN"),
        ("affine", {"matrix": IDENTITY, "size": [0, 1]}, "size has to be at least 1, not 0"),
        ("affine", {"matrix": IDENTITY, "border": "mirror"}, "border has to be 'constant'"),
        ("affine", {"matrix": IDENTITY, "channels": "none"}, "channels has to be"),
        ("rotate", {"angle": 1, "interpolation": "area"}, "'nearest', 'bilinear' or 'bicubic'"),
        ("rotate", {"angle": 1, "border": "none"}, "border has to be 'constant'"),
        ("rotate", {"angle": 1, "channels": "none"}, "channels has to be"),
        ("rotate", {"angle": float("inf")}, "angle has to be finite, not inf"),
    ],
)
def test_bad_parameters_are_refused_at_once(kernel, params, message):
    with pytest.raises(ValueError, match=message):
        getattr(kernels, kernel).bind(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"matrix": [1e-12, 0, 0, 0, 1, 0]}, "matrix takes elements from .* elements away"),
        ({"matrix": IDENTITY, "size": [3]}, "size has 1 numbers, and matrix is one for 2 axes"),
        ({"matrix": VOLUME}, "3 numbers for an item with 2 axes"),
    ],
)
def test_what_does_not_fit_the_item(params, message):
    with pytest.raises(ValueError, match=message):
        kernels.affine(np.ones((4, 5)), **params)
