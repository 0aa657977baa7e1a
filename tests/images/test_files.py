"""Pictures in files."""

import struct
import zlib

import numpy as np
import pytest

from ironbatch import Batch, Dataset, FilesIndex, FormatError, ImagesBatch
from ironbatch.components import items_of

from .conftest import RAGGED, pictures

image = pytest.importorskip("PIL.Image")

# dtype and channels
HELD = {
    "png": "u11 u12 u13 u14 u21 ?1",
    "tiff": "u11 u12 u13 u14 u21 ?1 i41 f41",
    "bmp": "u11 u13 ?1",
    "ppm": "u11 u13 ?1",
    "webp": "u13 u14",
    "jpg": "u11 u13",
    "gif": "",
}


@pytest.fixture
def folder(tmp_path):
    for name, pixels in zip("abcd", pictures("u1", RAGGED), strict=True):
        image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def files(folder, pattern="*.png", **options):
    return FilesIndex(path=str(folder / pattern), sort=True, **options)


def png(width, height):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_images_of_an_index_of_files(folder):
    batch = ImagesBatch(files(folder)).load(fmt="image")
    for made, expected in zip(items_of(batch.images), pictures("u1", RAGGED), strict=True):
        assert np.array_equal(made, expected)
    assert batch.masks is None


def test_a_pipeline_loads_changes_and_dumps(folder, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    dataset = Dataset(files(folder, no_ext=True), ImagesBatch)
    pipeline = dataset.p.load(fmt="image").crop("center", (4, 4)).dump(made, "image")
    pipeline.run(2, n_epochs=1, prefetch=1)
    again = ImagesBatch(files(made)).load(fmt="image")
    expected = ImagesBatch(files(folder)).load(fmt="image").crop("center", (4, 4))
    assert np.array_equal(again.images, expected.images)


@pytest.mark.parametrize("no_ext", [False, True])
def test_a_folder_says_where_files_are(folder, no_ext):
    batch = ImagesBatch(files(folder, no_ext=no_ext))
    whole = ImagesBatch(files(folder)).load(fmt="image")
    loaded = batch.load(folder, "image")
    for made, expected in zip(items_of(loaded.images), items_of(whole.images), strict=True):
        assert np.array_equal(made, expected)


@pytest.mark.parametrize(
    ("ids", "options", "names"),
    [
        ([1, 2], {}, ["1.png", "2.png"]),
        (["a", "b.bmp"], {}, ["a.png", "b.bmp"]),
        (["a", "b"], {"ext": "jpg", "quality": 90}, ["a.jpg", "b.jpg"]),
        (["a", "b"], {"ext": ".tiff"}, ["a.tiff", "b.tiff"]),
        (["a", "b"], {"suffix": "_small.png"}, ["a_small.png", "b_small.png"]),
    ],
)
def test_names_of_files(tmp_path, ids, options, names):
    batch = ImagesBatch(ids)
    batch.images = np.full((2, 5, 4, 3), 70, np.uint8)
    batch.dump(tmp_path, "image", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    options.pop("quality", None)
    again = ImagesBatch(ids).load(tmp_path, "image", **options)
    assert again.images.shape == (2, 5, 4, 3)
    assert np.abs(again.images.astype(int) - 70).max() <= 2


def test_quality_reaches_the_encoder(tmp_path):
    batch = ImagesBatch(["a"])
    batch.images = pictures("u1", [(40, 40, 3)])
    sizes = []
    for quality in (10, 95):
        batch.dump(tmp_path, "image", ext="jpg", quality=quality)
        sizes.append((tmp_path / "a.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


def test_images_and_masks(tmp_path):
    batch = ImagesBatch(3)
    batch.images = np.arange(3 * 60, dtype=np.uint8).reshape(3, 5, 4, 3)
    batch.masks = batch.images[..., 0] > 90
    where = {"images": tmp_path / "pictures", "masks": tmp_path / "masks"}
    batch.dump(where, "image")
    again = ImagesBatch(3).load(where, "image")
    assert np.array_equal(again.images, batch.images)
    assert again.masks.dtype == np.bool_
    assert np.array_equal(again.masks, batch.masks)
    batch.dump(tmp_path / "both", "image", ["images", "masks"])
    third = ImagesBatch(3).load(tmp_path / "both", "image", ["images", "masks"])
    assert np.array_equal(third.masks, batch.masks)


def test_folders_of_items(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        image.new("L", (4, 3), 9).save(tmp_path / name / "scan.png")
    index = files(tmp_path, "*", dirs=True)
    batch = ImagesBatch(index).load("scan.png", "image")
    assert batch.images.shape == (2, 3, 4)
    batch.dump(fmt="image")
    assert (tmp_path / "a" / "images.png").exists()


@pytest.mark.parametrize(("mode", "shape"), [("L", (8, 6)), ("RGBA", (8, 6, 4))])
def test_mode_converts(folder, mode, shape):
    assert ImagesBatch(["a"]).load(folder, "image", mode=mode).images.shape == (1, *shape)


@pytest.mark.parametrize(
    ("dtype", "channels"),
    [("u1", 1), ("u1", 2), ("u1", 3), ("u1", 4), ("u2", 1), ("?", 1), ("i4", 1), ("f4", 1)],
)
@pytest.mark.parametrize("ext", HELD)
def test_what_is_dumped_is_loaded_or_refused(tmp_path, dtype, channels, ext):
    batch = ImagesBatch(["a"])
    batch.images = pictures(dtype, [(40, 35, channels) if channels > 1 else (40, 35)])
    kind = f"{dtype}{channels}"
    options = {"lossless": True, "exact": True} if ext == "webp" else {}
    if kind not in HELD[ext].split():
        with pytest.raises(FormatError, match="cannot hold an image of"):
            batch.dump(tmp_path, "image", ext=ext, **options)
        return
    batch.dump(tmp_path, "image", ext=ext, **options)
    again = ImagesBatch(["a"]).load(tmp_path, "image", ext=ext)
    assert again.images.shape == batch.images.shape
    assert again.images.dtype == batch.images.dtype
    assert ext == "jpg" or np.array_equal(again.images, batch.images)


def test_any_batch_has_the_format(folder):
    class Scans(Batch):
        components = ("scans",)

    assert Scans(["a"]).load(folder, "image").scans.shape == (1, 8, 6, 3)


def test_items_that_cannot_be_read_are_skipped(folder):
    (folder / "b.png").write_bytes(b"no picture")
    batch = ImagesBatch(files(folder)).load(fmt="image", on_error="skip")
    assert batch.indices.tolist() == ["a.png", "c.png", "d.png"]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: b"", "cannot identify"),
        (lambda data: b"text of somebody", "cannot identify"),
        (lambda data: data[:50] + bytes(40) + data[90:], "broken|damaged|decod"),
        (lambda data: png(100_000, 100_000), "100000|exceeds limit"),
        (lambda data: png(20_000, 20_000), "takes 1200000000 bytes, which is more|exceeds limit"),
    ],
    ids=["truncated", "empty", "text", "corrupt", "huge", "larger"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_file_is_named(folder, spoilt, message):
    path = folder / "b.png"
    path.write_bytes(spoilt(path.read_bytes()))
    with pytest.raises(FormatError, match=message) as caught:
        ImagesBatch(files(folder)).load(fmt="image")
    assert str(path) in str(caught.value)
    assert "item 'b.png'" in caught.value.__notes__[0]


def test_a_wrong_extension_is_named(folder):
    (folder / "a.png").rename(folder / "a.jpg")
    with pytest.raises(FormatError, match=r"a\.jpg: its name says JPEG, but it holds PNG"):
        ImagesBatch(["a.jpg"]).load(folder, "image")
    batch = ImagesBatch(["a.jpg"]).load(folder, "image", strict=False)
    assert batch.images.shape == (1, 8, 6, 3)


def test_a_limit_on_memory(folder):
    with pytest.raises(FormatError, match="takes 144 bytes, which is more than max_bytes=143"):
        ImagesBatch(["a"]).load(folder, "image", max_bytes=143)
    assert len(ImagesBatch(["a"]).load(folder, "image", max_bytes=144).images) == 1
    with pytest.raises(FormatError, match="takes 192 bytes"):
        ImagesBatch(["a"]).load(folder, "image", max_bytes=144, mode="RGBA")


def test_a_missing_file_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        ImagesBatch(["none"]).load(folder, "image")


def test_what_a_file_cannot_hold_is_said(tmp_path):
    batch = ImagesBatch(["a"])
    batch.images = np.zeros((1, 4, 4, 3))
    with pytest.raises(ValueError, match=r"needs uint8 with 1 to 4 channels.*float64"):
        batch.dump(tmp_path, "image")
    batch.images = np.zeros((1, 4, 4, 4), np.uint8)
    with pytest.raises(FormatError, match=r"JPEG cannot hold .*; what can: PNG, TIFF, JPEG2000"):
        batch.dump(tmp_path, "image", ext="jpg")
    for ext in ("xyz", "pdf", "eps"):
        with pytest.raises(FormatError, match=f"no kind of picture has the extension '.{ext}'"):
            batch.dump(tmp_path, "image", ext=ext)
    assert not list(tmp_path.iterdir())


def test_programs_are_not_run_for_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EOF\n")
    with pytest.raises(FormatError, match="cannot identify"):
        ImagesBatch(["a"]).load(tmp_path, "image", strict=False)
