"""Format 'image' where PNG and JPEG are decoded natively: the pictures are those of Pillow."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import FilesIndex, FormatError, ImagesBatch
from ironbatch.components import Ragged, items_of

image = pytest.importorskip("PIL.Image")


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def pictures():
    """Pictures of Pillow of each of its modes, with the options to save them."""
    rgb = image.fromarray(noise(9, 7, 3))
    made = {
        "grey": (image.fromarray(noise(9, 7)), {}),
        "bits": (image.fromarray(noise(9, 7) > 99), {}),
        "deep": (image.fromarray(noise(9, 7, dtype=np.uint16)), {}),
        "grey-alpha": (image.fromarray(noise(9, 7, 2)), {}),
        "rgb": (rgb, {}),
        "rgba": (image.fromarray(noise(9, 7, 4)), {}),
        "palette": (rgb.quantize(40), {}),
        "few": (rgb.quantize(3), {}),
        "palette-alpha": (rgb.quantize(40), {"transparency": bytes(range(40))}),
        "palette-key": (rgb.quantize(40), {"transparency": 7}),
        "key": (image.new("RGB", (5, 4), (1, 2, 3)), {"transparency": (1, 2, 3)}),
        "grey-key": (image.new("L", (5, 4), 9), {"transparency": 9}),
    }
    for kind, mode in [("jpeg", "RGB"), ("grey-jpeg", "L"), ("ink-jpeg", "CMYK")]:
        made[f"{kind}.jpg"] = (rgb.convert(mode), {"quality": 90})
    made["progressive.JPEG"] = (rgb, {"progressive": True})
    made["fine.jpe"] = (rgb, {"subsampling": 0})
    return made


def by_pillow(path, mode):
    with image.open(path) as picture:
        if mode is None and picture.mode == "P":
            mode = "RGBA" if "transparency" in picture.info else "RGB"
        return np.asarray(picture if mode is None else picture.convert(mode))


@pytest.fixture
def folder(tmp_path):
    for name, (picture, options) in pictures().items():
        kind = "JPEG" if "." in name else "PNG"
        picture.save(tmp_path / (name if "." in name else f"{name}.png"), kind, **options)
    return tmp_path


@pytest.mark.parametrize("mode", [None, "L", "LA", "RGB", "RGBA", "CMYK", "F", "1"])
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_each_picture_is_that_of_pillow(folder, mode):
    for path in sorted(folder.iterdir()):
        try:
            expected = by_pillow(path, mode)
        except ValueError:
            continue
        made = ImagesBatch([path.name]).load(folder, "image", mode=mode).images[0]
        assert made.dtype == expected.dtype, path
        assert_array_equal(made, expected, err_msg=str(path))


@pytest.mark.parametrize("mode", [None, "RGB", "L"])
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_all_of_a_folder_at_once(folder, mode):
    names = sorted(path.name for path in folder.iterdir())
    loaded = ImagesBatch(names).load(folder, "image", mode=mode)
    for name, made in zip(names, items_of(loaded.images), strict=True):
        assert_array_equal(made, by_pillow(folder / name, mode), err_msg=name)


def save(folder, shapes, ext="jpg"):
    folder.mkdir(exist_ok=True)
    for at, shape in enumerate(shapes):
        image.fromarray(noise(*shape)).save(folder / f"{at:02}.{ext}")
    return FilesIndex(path=str(folder / f"*.{ext}"), sort=True)


@pytest.fixture
def without_pillow(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(image, "open", refuse)


@pytest.mark.parametrize("ext", ["png", "jpg"])
def test_pillow_is_not_asked(tmp_path, ext, without_pillow):
    same = ImagesBatch(save(tmp_path, [(8, 6, 3)] * 5, ext)).load(fmt="image").images
    assert same.shape == (5, 8, 6, 3)
    other = ImagesBatch(save(tmp_path, [(8, 6 + at, 3) for at in range(5)], ext))
    assert isinstance(other.load(fmt="image").images, Ragged)
    # Grey ones among them have fewer axes: one by one.
    mixed = (
        ImagesBatch(save(tmp_path / "mixed", [(8, 6, 3), (8, 6)] * 2, ext)).load(fmt="image").images
    )
    assert [item.ndim for item in items_of(mixed)] == [3, 2, 3, 2]


def test_no_images(tmp_path):
    index = save(tmp_path, [(4, 4)])
    assert len(ImagesBatch(index.create_subset([])).load(fmt="image").images) == 0


def test_a_jpeg_that_is_more_than_its_first_picture(tmp_path):
    parts = [image.fromarray(noise(8, 8, 3)), image.fromarray(noise(6, 6, 3))]
    parts[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=parts[1:])
    loaded = ImagesBatch(["a.jpg"]).load(tmp_path, "image").images[0]
    assert_array_equal(loaded, by_pillow(tmp_path / "a.jpg", None))


def test_an_animation_is_its_first_picture(tmp_path):
    parts = [image.fromarray(noise(8, 8, 3)), image.new("RGB", (8, 8))]
    parts[0].save(tmp_path / "a.png", save_all=True, append_images=parts[1:])
    loaded = ImagesBatch(["a.png"]).load(tmp_path, "image").images[0]
    assert_array_equal(loaded, np.asarray(parts[0]))


@pytest.mark.parametrize("spoilt", [b"", b"nothing", b"\xff\xd8\xff", None])
def test_the_file_that_fails_is_named_and_others_are_kept(tmp_path, spoilt):
    index = save(tmp_path, [(16, 16, 3)] * 6)
    path = tmp_path / "03.jpg"
    path.write_bytes(path.read_bytes()[:150] if spoilt is None else spoilt)
    with pytest.raises(FormatError, match=str(path)) as caught:
        ImagesBatch(index).load(fmt="image")
    assert "item '03.jpg'" in caught.value.__notes__[0]
    batch = ImagesBatch(index).load(fmt="image", on_error="skip")
    assert batch.images.shape == (5, 16, 16, 3)


def test_limits_hold_for_the_native_part(tmp_path, without_pillow):
    index = save(tmp_path, [(16, 16, 3)] * 2)
    assert ImagesBatch(index).load(fmt="image", max_bytes=768).images.shape == (2, 16, 16, 3)
    with pytest.raises(FormatError, match="Pillow was asked"):
        ImagesBatch(index).load(fmt="image", max_bytes=767)


def test_names_say_the_kind(tmp_path):
    save(tmp_path, [(8, 8, 3)], "png")
    (tmp_path / "00.png").rename(tmp_path / "00.jpg")
    with pytest.raises(FormatError, match="its name says JPEG, but it holds PNG"):
        ImagesBatch(["00.jpg"]).load(tmp_path, "image")
    loaded = ImagesBatch(["00.jpg"]).load(tmp_path, "image", strict=False).images[0]
    assert_array_equal(loaded, noise(8, 8, 3))
