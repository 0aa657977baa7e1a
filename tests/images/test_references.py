"""What actions do to one image, beside Pillow and NumPy."""

from functools import partial

import numpy as np
import pytest

from ironbatch import ImagesBatch, P

from .conftest import RAGGED

IMAGE = np.random.default_rng(3).integers(0, 256, (9, 13, 3), dtype=np.uint8)


def one(image=IMAGE):
    batch = ImagesBatch(1)
    batch.random_seed = 5
    batch.images = image[np.newaxis]
    return batch


def pillow():
    return pytest.importorskip("PIL.Image")


def test_crop_takes_rows_and_columns():
    assert np.array_equal(one().crop((1, 2), (3, 5)).images[0], IMAGE[1:4, 2:7])


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("center", (3, 4)),
        ("top_left", (0, 0)),
        ("top_right", (0, 8)),
        ("bottom_left", (6, 0)),
        ("bottom_right", (6, 8)),
        ((2, 3), (2, 3)),
        ((0.5, 0.99), (3, 8)),
        ((0.0, 0.0), (0, 0)),
    ],
)
@pytest.mark.parametrize("target", [None, "for"])
def test_origins(origin, place, target):
    options = {} if target is None else {"target": target}
    row, column = place
    made = one().crop(origin, (3, 5), **options).images[0]
    assert np.array_equal(made, IMAGE[row : row + 3, column : column + 5])


def test_a_random_place_reaches_every_place():
    batch = ImagesBatch(200)
    batch.images = np.tile(np.arange(3, dtype=np.uint8)[:, np.newaxis], (200, 1, 1))
    assert set(batch.crop("random", (2, 1)).images[:, 0, 0].tolist()) == {0, 1}


def test_crop_boundaries_cut_the_box():
    made = one().crop((7, -2), (5, 5), crop_boundaries=True).images[0]
    assert np.array_equal(made, IMAGE[7:, :3])


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_resize_is_that_of_pillow(interpolation):
    image = pillow()
    number = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}[interpolation]
    expected = np.asarray(image.fromarray(IMAGE).resize((6, 20), number))
    made = one().resize((20, 6), interpolation).images[0]
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_antialias_can_be_off():
    off, on = one().resize((3, 4), antialias=False), one().resize((3, 4))
    assert not np.array_equal(off.images, on.images)


@pytest.mark.parametrize(
    ("size", "made"), [((18, None), (18, 26)), ((None, 6), (4, 6)), (5, (5, 5))]
)
def test_none_in_size_keeps_the_ratio(size, made):
    assert one().resize(size).images.shape[1:3] == made


def test_none_in_size_keeps_the_ratio_of_each(make):
    batch = make("u1", RAGGED).resize((10, None))
    assert [item.shape[:2] for item in batch.images] == [(10, 8), (10, 18), (10, 6), (10, 10)]


def test_scale_rounds_up():
    assert one().scale(0.3).images.shape[1:3] == (3, 4)
    assert one().scale((2, 1)).images.shape[1:3] == (18, 13)


def test_scale_can_preserve_the_shape():
    larger = one().scale(2, True, "bottom_right", "nearest").images[0]
    assert np.array_equal(larger, np.repeat(np.repeat(IMAGE, 2, 0), 2, 1)[9:, 13:])
    smaller = one().scale((1 / 3, 1), True, (4, 0), "nearest").images[0]
    assert not smaller[:4].any()
    assert not smaller[7:].any()
    assert np.array_equal(smaller[4:7], IMAGE[1::3])
    both = one().scale((2, 0.5), True, "top_left").images[0]
    assert both.shape == IMAGE.shape
    assert both[:, :7].any()
    assert not both[:, 7:].any()


@pytest.mark.parametrize("angle", [0, 90, 180, 270, -90, 360, 17, 200.5])
@pytest.mark.parametrize("expand", [False, True])
def test_rotation_is_that_of_pillow(angle, expand):
    image = pillow()
    square = IMAGE[:, :9]
    expected = np.asarray(image.fromarray(square).rotate(angle, 0, expand))
    made = one(square).rotate(angle, "nearest", expand).images[0]
    assert made.shape == expected.shape or (expand and angle in (17, 200.5))
    if made.shape == expected.shape:
        assert (made != expected).any(axis=2).mean() < 0.05


@pytest.mark.parametrize(("name", "number"), [("bilinear", 2), ("bicubic", 3)])
def test_smooth_rotation_is_that_of_pillow_inside(name, number):
    image = pillow()
    y, x = np.ogrid[:40, :40]
    smooth = np.rint(120 + 60 * np.sin(x / 5) + 50 * np.cos(y / 7)).astype(np.uint8)
    expected = np.asarray(image.fromarray(smooth).rotate(25, number)).astype(int)
    made = one(smooth).rotate(25, name).images[0].astype(int)
    assert np.abs(made - expected)[12:28, 12:28].max() <= 2


def test_a_centre_stays_in_its_place():
    made = one().rotate(180, "nearest", center=(4, 2)).images[0]
    assert np.array_equal(made[:, :5], IMAGE[::-1, 4::-1])
    assert not made[:, 5:].any()


@pytest.mark.parametrize("border", ["constant", "edge", "reflect", "wrap"])
def test_borders_of_transforms(border):
    line = np.arange(1, 6, dtype=np.uint8)[np.newaxis]
    made = one(line).transform(
        "affine", (1, 0, -3, 0, 1, 0), (1, 11), "nearest", fill=9, border=border
    )
    expected = {
        "constant": [9, 9, 9, 1, 2, 3, 4, 5, 9, 9, 9],
        "edge": [1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5],
        "reflect": [4, 3, 2, 1, 2, 3, 4, 5, 4, 3, 2],
        "wrap": [3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3],
    }
    assert made.images[0, 0].tolist() == expected[border]


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("affine", (1, 0.2, -1, 0.1, 0.9, 0.5)),
        ("extent", (2, 1, 9, 8)),
        ("perspective", (1, 0.1, 0, 0, 1.1, 0, 0.01, 0.02)),
        ("quad", (0, 0, 1, 9, 13, 8, 12, 1)),
    ],
)
@pytest.mark.parametrize("by_number", [False, True])
def test_transforms_are_those_of_pillow(method, data, by_number):
    image = pillow()
    number = {"affine": 0, "extent": 1, "perspective": 2, "quad": 3}[method]
    expected = np.asarray(image.fromarray(IMAGE).transform((11, 7), number, data, 0))
    made = one().transform(number if by_number else method, data, (7, 11), "nearest").images[0]
    assert (made != expected).any(axis=2).mean() < 0.04


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8"])
@pytest.mark.parametrize("border", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_a_perspective_that_is_affine_is_what_kernels_do(dtype, interpolation, border):
    image = (
        IMAGE.astype(dtype) if dtype != "i2" else (IMAGE.astype("i4") * 257 - 32768).astype("i2")
    )
    numbers = (0.93, 0.21, -1.3, -0.14, 1.07, 0.6)
    options = ((10, 15), interpolation, 7, border)
    expected = one(image).transform("affine", numbers, *options).images[0]
    made = one(image).transform("perspective", (*numbers, 0, 0), *options).images[0]
    assert made.dtype == expected.dtype == dtype
    assert np.allclose(made.astype(float), expected.astype(float), rtol=0, atol=1)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic"])
def test_what_has_no_weight_does_not_count(name):
    pytest.importorskip("scipy")
    image = IMAGE.astype("f4")
    image[3, 4] = np.nan
    image[7, 1] = np.inf
    still = one(image).elastic_transform(0, 1, name).images[0]
    assert np.array_equal(still, image, equal_nan=True)
    seen = one(image).transform("perspective", (1, 0, 0, 0, 1, 0, 0, 0), None, name).images[0]
    assert np.array_equal(seen, image, equal_nan=True)


def test_a_line_is_seen_where_a_mapping_has_no_inverse():
    made = one().transform("affine", (1, 0, 0, 0, 0, 2.5), (4, 13), "nearest").images[0]
    assert np.array_equal(made, np.broadcast_to(IMAGE[2], (4, 13, 3)))


@pytest.mark.parametrize("dtype", ["i8", "?", "c8", "f2"])
def test_other_types_are_moved_whole(dtype):
    image = (IMAGE.astype("i8") * 10**16).astype(dtype) if dtype == "i8" else IMAGE.astype(dtype)
    assert np.array_equal(one(image).rotate(90, "nearest", True).images[0], np.rot90(image))
    twice = one(image).resize((18, 26), "nearest").images[0]
    assert np.array_equal(twice, image.repeat(2, 0).repeat(2, 1))
    moved = one(image).transform("affine", (1, 0, -3, 0, 1, 0), None, "nearest", fill=1).images[0]
    assert np.array_equal(moved[:, 3:], image[:, :-3])
    assert (moved[:, :3] == 1).all()


def test_what_is_between_pixels_needs_numbers():
    with pytest.raises(ValueError, match="there is nothing between pixels of complex64"):
        one(IMAGE.astype("c8")).rotate(30)


@pytest.mark.parametrize(
    "act",
    [
        lambda batch, fill: batch.rotate(30, fill=fill),
        lambda batch, fill: batch.rotate(30, expand=True, fill=fill),
        lambda batch, fill: batch.transform("affine", (1, 0.2, 3, 0, 1, 2), fill=fill),
        lambda batch, fill: batch.transform("quad", (9, 0, 0, 9, 9, 9, 9, 0), fill=fill),
    ],
)
def test_a_colour_fills_each_channel_by_itself(act):
    made = act(one(), (7, 80, 200)).images[0]
    for channel, number in enumerate((7, 80, 200)):
        assert np.array_equal(made[..., channel], act(one(), number).images[0][..., channel])


def test_a_colour_of_each_item_fills():
    batch = ImagesBatch(2)
    batch.images = np.full((2, 4, 4, 3), 9, np.uint8)
    batch.rotate(45, "nearest", fill=P([(1, 2, 3), (4, 5, 6)]))
    assert batch.images[:, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_shift_moves_pixels_and_fills():
    made = one().shift((2, -3), fill=(1, 2, 3)).images[0]
    assert np.array_equal(made[2:, :-3], IMAGE[:-2, 3:])
    assert (made[:2] == (1, 2, 3)).all()
    assert (made[:, -3:] == (1, 2, 3)).all()
    assert not one().shift((20, 0)).images.any()


def test_shift_can_wrap():
    assert np.array_equal(one().shift((1, 2), "wrap").images[0], np.roll(IMAGE, (1, 2), (0, 1)))


@pytest.mark.parametrize(
    ("border", "sides"),
    [(2, (2, 2, 2, 2)), ((1, 3), (3, 1, 3, 1)), ((1, 2, 3, 4), (1, 2, 3, 4))],
)
@pytest.mark.parametrize("fill", [7, (7, 8, 9)])
def test_pad_is_that_of_pillow(border, sides, fill):
    pillow()
    from PIL import Image, ImageOps

    colour = fill if isinstance(fill, tuple) else (fill,) * 3
    expected = np.asarray(ImageOps.expand(Image.fromarray(IMAGE), sides, colour))
    assert np.array_equal(one().pad(border, fill).images[0], expected)


@pytest.mark.parametrize("mode", ["edge", "reflect", "wrap"])
def test_pad_can_go_on(mode):
    expected = np.pad(IMAGE, ((2, 2), (3, 3), (0, 0)), mode=mode)
    assert np.array_equal(one().pad((2, 3), mode=mode).images[0], expected)


def test_flips():
    assert np.array_equal(one().flip().images[0], IMAGE[:, ::-1])
    assert np.array_equal(one().flip("ud").images[0], IMAGE[::-1])


def test_negatives_of_channels():
    expected = IMAGE.copy()
    expected[..., [0, 2]] = 255 - expected[..., [0, 2]]
    assert np.array_equal(one().invert((0, 2)).images[0], expected)
    assert np.array_equal(one().invert(1).images[0, ..., 1], 255 - IMAGE[..., 1])
    assert np.allclose(one(IMAGE / 255).invert().images[0], 1 - IMAGE / 255)


def test_clip_by_channel():
    made = one().clip((10, 20, 30), (100, 200, 250)).images[0]
    assert np.array_equal(made, np.clip(IMAGE, (10, 20, 30), (100, 200, 250)))
    assert np.array_equal(one().clip(50, 70).images[0], np.clip(IMAGE, 50, 70))


def test_products_and_sums_round_and_stay_within_the_dtype():
    wide = IMAGE.astype(float)
    assert np.array_equal(one().multiply(1.7).images[0], np.clip(np.rint(wide * 1.7), 0, 255))
    assert np.array_equal(one().add(-40).images[0], np.clip(wide - 40, 0, 255))
    by_channel = one().multiply((0.5, 1, 2)).images[0]
    assert np.array_equal(by_channel, np.clip(np.rint(wide * (0.5, 1, 2)), 0, 255))


def test_products_and_sums_can_become_floats():
    made = one().multiply(1.7, preserve_type=False).images
    assert made.dtype == np.float32
    assert np.allclose(made[0], IMAGE * 1.7)
    assert one().add(100, clip=True, preserve_type=False).images.max() == 255
    assert one().add((0, 1, 2), preserve_type=False).images.dtype == np.float32
    assert one(IMAGE / 255).add(0.5, clip=True).images.max() == 1


def test_noise_has_its_standard_deviation():
    flat = np.full((200, 200), 100.0)
    additive = one(flat).additive_noise(10).images
    assert abs(additive.mean() - 100) < 0.5
    assert abs(additive.std() - 10) < 0.2
    multiplicative = one(flat).multiplicative_noise(0.1).images
    assert abs(multiplicative.mean() - 100) < 0.5
    assert abs(multiplicative.std() - 10) < 0.2


def test_noise_of_a_distribution():
    flat = np.zeros((50, 50), np.float32)
    state = np.random.get_state()[1].copy()
    made = one(flat).additive_noise(partial(np.random.uniform, 3, 4)).images
    assert 3 <= made.min() < made.max() <= 4
    own = one(flat).additive_noise(lambda size, rng: rng.integers(5, 7, size)).images
    assert set(np.unique(own)) == {5, 6}
    wrapped = one(flat + 1).multiplicative_noise(partial(np.random.poisson, lam=3)).images
    assert abs(wrapped.mean() - 3) < 0.3
    assert np.array_equal(np.random.get_state()[1], state)


def test_noise_can_be_clipped_and_become_floats():
    assert one(IMAGE / 255).additive_noise(3, clip=True).images.max() == 1
    assert one().additive_noise(3, preserve_type=False).images.dtype == np.float32


def test_salt_has_its_share_and_colour():
    made = one(np.zeros((200, 200, 3), np.uint8)).salt(0.1, (1, 2, 3)).images[0]
    share = (made == (1, 2, 3)).all(axis=2).mean()
    assert abs(share - 0.1) < 0.01
    assert not made[~(made == (1, 2, 3)).all(axis=2)].any()


def test_grains_have_their_size():
    made = one(np.zeros((40, 40), np.uint8)).salt(0.002, 9, (3, 5)).images[0]
    assert made[(made == 9)].size % 15 == 0 or made[-3:].any() or made[:, -5:].any()
    assert made.any()


def test_grains_of_distributions():
    made = one(np.zeros((80, 80), np.uint8)).salt(
        0.01, partial(np.random.randint, 100, 103), lambda rng: rng.integers(1, 4)
    )
    assert set(np.unique(made.images)) == {0, 100, 101, 102}


def test_a_hole_is_filled():
    made = one().cutout((2, 3), (4, 5), (1, 2, 3)).images[0]
    assert (made[2:6, 3:8] == (1, 2, 3)).all()
    made[2:6, 3:8] = IMAGE[2:6, 3:8]
    assert np.array_equal(made, IMAGE)
    assert not one().cutout("center", 50).images.any()
    assert not one().cutout((-2, 7), (4, 50)).images[0, :2, 7:].any()


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_posterize_is_that_of_pillow(bits):
    pillow()
    from PIL import Image, ImageOps

    expected = np.asarray(ImageOps.posterize(Image.fromarray(IMAGE), bits))
    assert np.array_equal(one().posterize(bits).images[0], expected)


def test_enhance_is_that_of_pillow():
    pillow()
    from PIL import Image, ImageEnhance

    expected = ImageEnhance.Brightness(Image.fromarray(IMAGE)).enhance(0.5)
    expected = np.asarray(ImageEnhance.Color(expected).enhance(2))
    assert np.array_equal(one().enhance("bh", (0.5, 2)).images[0], expected)
    assert not np.array_equal(one().enhance("s", 3).images[0], IMAGE)
    assert np.array_equal(one().enhance().images[0], IMAGE)


def test_filters_are_those_of_pillow():
    pillow()
    from PIL import Image, ImageFilter

    expected = np.asarray(Image.fromarray(IMAGE).filter(ImageFilter.GaussianBlur(2)))
    assert np.array_equal(one().filter("GaussianBlur", 2).images[0], expected)
    assert np.array_equal(one().filter("GaussianBlur", radius=2).images[0], expected)
    grey = one(IMAGE[:, :, :1]).filter("SHARPEN").images
    assert grey.shape == (1, 9, 13, 1)


def test_modes_are_those_of_pillow():
    image = pillow()
    for mode in ("L", "HSV", "RGBA", "F"):
        expected = np.asarray(image.fromarray(IMAGE).convert(mode))
        made = one().pil_convert(mode).images[0]
        assert made.dtype == expected.dtype
        assert np.array_equal(made, expected)


def test_to_pil_gives_images_of_pillow():
    pillow()
    assert one().to_pil().images[0].size == (13, 9)
    assert one().to_pil("L").images[0].mode == "L"
    assert one(IMAGE[:, :, :2]).to_pil().images[0].mode == "LA"
    assert one(IMAGE[:, :, 0] > 9).to_pil().images[0].mode == "1"
    with pytest.raises(ValueError, match="to_pil needs uint8 with 1 to 4 channels"):
        one(IMAGE / 255).to_pil()


def test_to_array_is_of_images_by_default():
    image = pillow()
    batch = one()
    batch.images = [image.fromarray(IMAGE)]
    batch.labels = ["a"]
    made = batch.to_array(dtype="f4", channels="first").images
    assert made.dtype == np.float32
    assert np.array_equal(made[0], IMAGE.transpose(2, 0, 1))
    assert one().to_array("images", "floats").floats.dtype == np.float32


def test_what_is_put_on_a_background():
    background = np.full((12, 20, 3), 7, np.uint8)
    made = one().put_on_background(background, (1, 2)).images[0]
    assert np.array_equal(made[1:10, 2:15], IMAGE)
    assert (made[0] == 7).all()
    assert (background == 7).all()
    beyond = one().put_on_background(background, (-2, 15)).images[0]
    assert np.array_equal(beyond[:7, 15:], IMAGE[2:, :5])


def test_a_background_shows_through_a_mask():
    image = pillow()
    background = np.full((9, 13, 3), 40, np.uint8)
    mask = np.random.default_rng(0).integers(0, 256, (9, 13), dtype=np.uint8)
    expected = image.fromarray(background)
    expected.paste(image.fromarray(IMAGE), (0, 0), image.fromarray(mask))
    made = one().put_on_background(image.fromarray(background), (0, 0), mask).images[0]
    assert np.abs(made.astype(int) - np.asarray(expected)).max() <= 1
    whole = one().put_on_background(background, (0, 0), mask > 127).images[0]
    assert np.array_equal(whole, np.where((mask > 127)[..., np.newaxis], IMAGE, background))


def test_a_background_has_to_fit():
    with pytest.raises(ValueError, match="dtype and channels have to be the same"):
        one().put_on_background(np.zeros((20, 20), np.uint8), (0, 0))
    with pytest.raises(ValueError, match=r"mask is of shape \(2, 2\)"):
        one().put_on_background(np.zeros((20, 20, 3), np.uint8), (0, 0), np.ones((2, 2)))


@pytest.mark.parametrize("drop_last", [False, True])
def test_boxes_of_an_image(drop_last):
    made = one().split_to_patches((4, 5), (3, 4), drop_last).images[0]
    rows = [0, 3] if drop_last else [0, 3, 5]
    columns = [0, 4, 8]
    expected = [IMAGE[r : r + 4, c : c + 5] for r in rows for c in columns]
    assert np.array_equal(made, expected)


def test_a_field_deforms_and_has_a_size():
    pytest.importorskip("scipy")
    ramp = (np.mgrid[:30, :30][1] * 4.0).astype(np.float32)
    still = one(ramp).elastic_transform(0, 3).images[0]
    assert np.allclose(still, ramp)
    small = np.abs(one(ramp).elastic_transform(5, 3).images[0] - ramp).mean()
    large = np.abs(one(ramp).elastic_transform(20, 3).images[0] - ramp).mean()
    assert 0 < small < large
    smooth = np.abs(
        np.diff(one(ramp).elastic_transform(20, 5, mode="wrap").images[0] - ramp, axis=0)
    )
    rough = np.abs(np.diff(one(ramp).elastic_transform(20, 1).images[0] - ramp, axis=0))
    assert smooth.mean() < rough.mean()
    assert not np.array_equal(
        one(ramp).elastic_transform(20, 3, mode="wrap").images,
        one(ramp).elastic_transform(20, 3).images,
    )


def test_a_field_is_smoothed_as_by_scipy():
    pytest.importorskip("scipy")
    plain = one(IMAGE / 255).elastic_transform(30, 1.5).images
    options = one(IMAGE / 255).elastic_transform(30, 1.5, mode="constant").images
    assert np.allclose(plain, options, rtol=0, atol=1e-9)


def test_a_field_has_an_interpolation_and_a_border():
    plain = one().elastic_transform(30, 1).images
    assert not np.array_equal(one().elastic_transform(30, 1, "nearest").images, plain)
    assert not np.array_equal(one().elastic_transform(30, 1, None, "constant", 9).images, plain)


def test_one_value_for_each_item_of_one():
    assert np.array_equal(one().rotate(P([90]), "nearest", True).images[0], np.rot90(IMAGE))
