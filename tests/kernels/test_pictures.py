"""Kernels that decode and encode pictures, against Pillow."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, Dataset, P, kernels
from ironbatch.components import Bytes, Ragged, as_objects
from ironbatch.kernels.failure import KernelFailure

image = pytest.importorskip("PIL.Image")


class Pictures(Batch):
    components = "files", "images"


def photo(height, width, channels=3, dtype=np.uint8, seed=0):
    """A picture with slopes, edges and some noise, over the whole range."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x * a + y * b) / 9 + a) for a, b in [(1, 0.3), (0.2, 1), (0.7, -0.5), (1, 1)]]
    made = np.stack(waves[:channels], axis=-1) * 0.5 + 0.5
    made[(x - width / 2) ** 2 + (y - height / 3) ** 2 < (height / 4) ** 2] = 0.95
    made = np.clip(made + rng.normal(0, 0.02, made.shape), 0, 1) * np.iinfo(dtype).max
    return made.astype(dtype)[..., 0] if channels == 1 else made.astype(dtype)


def saved(picture, kind="PNG", **options):
    """The file that Pillow makes of an array or a picture of its own."""
    if isinstance(picture, np.ndarray):
        picture = image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(file, mode=None):
    """What Pillow reads; palettes as colours, without transparency if there is none."""
    picture = image.open(io.BytesIO(file))
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode == "1":
        picture = picture.convert("L")
    return np.asarray(picture if mode is None else picture.convert(mode))


def assert_alike(made, expected):
    """Pixel by pixel, of one dtype."""
    assert made.dtype == expected.dtype
    assert_array_equal(made, expected)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, kind, rows, *chunks, interlaced=0):
    """A PNG written by hand, of rows of packed pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    body = chunk(b"IHDR", head) + b"".join(chunks)
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def packed(width, height, depth, seed=0):
    """Rows of `depth` bits a pixel, all values among them."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, (width * depth + 7) // 8), dtype=np.uint8)


# --- PNG ---


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (13, 1), (31, 47), (120, 90)])
def test_png(channels, shape):
    picture = photo(*shape, channels)
    file = saved(picture)
    made = kernels.decode_image(file)
    assert made.dtype == np.uint8
    assert_array_equal(made, picture)
    assert_array_equal(made, opened(file))


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("width", [*range(1, 20), 61])
def test_png_of_few_bits(depth, width):
    file = png(width, 5, depth, 0, packed(width, 5, depth))
    assert_array_equal(kernels.decode_image(file), opened(file))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("width", [1, 7, 33])
def test_png_with_a_palette(depth, transparent, width):
    colours = np.random.default_rng(1).integers(0, 256, (2**depth, 3), dtype=np.uint8)
    chunks = [chunk(b"PLTE", colours.tobytes())]
    if transparent:
        chunks.append(chunk(b"tRNS", bytes(range(2**depth // 2))))
    file = png(width, 6, depth, 3, packed(width, 6, depth), *chunks)
    made = kernels.decode_image(file)
    assert made.shape == (6, width, 4 if transparent else 3)
    assert_array_equal(made, opened(file))


@pytest.mark.parametrize(("kind", "depth", "key"), [(0, 8, 2), (0, 4, 2), (2, 8, 6), (0, 16, 2)])
def test_a_colour_that_is_see_through_is_a_colour(kind, depth, key):
    rows = packed(9, 4, depth * (3 if kind == 2 else 1))
    file = png(9, 4, depth, kind, rows, chunk(b"tRNS", bytes(key)))
    assert_array_equal(kernels.decode_image(file), opened(file))


def test_png_of_16_bits():
    grey = photo(21, 17, 1, np.uint16)
    made = kernels.decode_image(saved(grey))
    assert made.dtype == np.uint16
    assert_array_equal(made, grey)
    for kind, channels in [(2, 3), (4, 2), (6, 4)]:
        pixels = photo(21, 17, channels, np.uint16)
        file = png(17, 21, 16, kind, pixels.astype(">u2").view(np.uint8).reshape(21, -1))
        assert_array_equal(kernels.decode_image(file), pixels)
        # Pillow keeps the upper bytes, and makes colours of grey with opacity.
        expected = opened(file)
        mode = "RGB" if channels == 3 else "RGBA"
        assert_array_equal(kernels.decode_image(file, mode=mode), expected)
    assert_array_equal(kernels.decode_image(saved(grey), mode="L"), grey >> 8)
    assert_array_equal(kernels.decode_image(saved(grey), mode="RGB")[..., 1], grey >> 8)


def adam7(picture):
    """Rows of an interlaced PNG of 8 bits a channel, in the order of its seven passes."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)]  # fmt: skip
    for top, left, down, right in passes:
        part = picture[top::down, left::right]
        if part.size:
            yield from part.reshape(len(part), -1)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (17, 30)])
@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (6, 4)])
def test_interlaced_png(shape, kind, channels):
    picture = photo(*shape, channels)
    height, width = shape
    file = png(width, height, 8, kind, adam7(picture), interlaced=1)
    assert_array_equal(opened(file), picture)
    assert_array_equal(kernels.decode_image(file), picture)


# --- JPEG ---


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 16), (17, 33), (40, 31), (129, 250)])
def test_jpeg(subsampling, progressive, shape):
    file = saved(
        photo(*shape), "JPEG", quality=92, subsampling=subsampling, progressive=progressive
    )
    assert_alike(kernels.decode_image(file), opened(file))


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
def test_jpeg_of_any_quality(quality):
    file = saved(photo(90, 110), "JPEG", quality=quality)
    assert_alike(kernels.decode_image(file), opened(file))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (9, 17), (64, 50)])
def test_grey_jpeg(progressive, shape):
    file = saved(photo(*shape, 1), "JPEG", quality=90, progressive=progressive)
    assert_alike(kernels.decode_image(file), opened(file))


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_of_inks(progressive):
    picture = image.frombytes("CMYK", (50, 40), photo(40, 50, 4).tobytes())
    file = saved(picture, "JPEG", quality=95, progressive=progressive)
    assert_alike(kernels.decode_image(file), opened(file))
    for mode in ("RGB", "L", "RGBA"):
        assert_alike(kernels.decode_image(file, mode=mode), opened(file, mode))


def test_coarse_inks_are_left_to_others():
    picture = image.frombytes("CMYK", (50, 40), photo(40, 50, 4).tobytes())
    with pytest.raises(ValueError, match="inks that are stored coarser than pixels"):
        kernels.decode_image(saved(picture, "JPEG", subsampling=2))


def test_jpeg_of_inks_as_colour_differences():
    # What Pillow writes, with the mark of Adobe's programs that its pixels are YCCK.
    picture = image.frombytes("CMYK", (40, 24), photo(24, 40, 4).tobytes())
    file = bytearray(saved(picture, "JPEG", quality=95, subsampling=0))
    at = file.index(b"Adobe")
    file[at + 11] = 2
    assert_alike(kernels.decode_image(bytes(file)), opened(bytes(file)))


def test_jpeg_of_plain_rgb():
    file = saved(photo(30, 44), "JPEG", quality=95, keep_rgb=True)
    assert_alike(kernels.decode_image(file), opened(file))


@pytest.mark.parametrize("blocks", [1, 3, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_with_restarts(blocks, progressive):
    file = saved(
        photo(75, 90), "JPEG", quality=85, restart_marker_blocks=blocks, progressive=progressive
    )
    assert_alike(kernels.decode_image(file), opened(file))


def test_the_orientation_of_exif_is_left_alone():
    picture = image.fromarray(photo(20, 30))
    exif = picture.getexif()
    exif[274] = 6
    for kind in ("JPEG", "PNG"):
        file = saved(picture, kind, exif=exif)
        assert kernels.decode_image(file).shape == (20, 30, 3)
        assert_alike(kernels.decode_image(file), opened(file))


def test_a_thumbnail_is_not_the_picture():
    thumbnail = saved(photo(8, 8), "JPEG")
    file = saved(photo(40, 30), "JPEG")
    segment = b"Exif\0\0" + thumbnail
    file = file[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + file[2:]
    assert_alike(kernels.decode_image(file), opened(file))
    with pytest.raises(ValueError, match="truncated"):
        kernels.decode_image(file[:-40])


# --- modes ---


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_modes_of_png(mode, channels):
    file = saved(photo(14, 21, channels))
    assert_array_equal(kernels.decode_image(file, mode=mode), opened(file, mode))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_modes_of_jpeg(mode, channels):
    file = saved(photo(33, 21, channels), "JPEG", quality=90)
    assert_alike(kernels.decode_image(file, mode=mode), opened(file, mode))


def test_modes_that_there_are_not():
    with pytest.raises(ValueError, match=r"mode has to be None, 'L'.*not 'HSV'"):
        kernels.decode_image.bind(mode="HSV")
    with pytest.raises(ValueError, match="an image of RGB is not converted to CMYK"):
        kernels.decode_image(saved(photo(3, 3)), mode="CMYK")


# --- components ---


def test_components_of_files():
    pictures = [photo(20 + at % 3, 30, seed=at) for at in range(40)]
    files = [saved(picture) for picture in pictures]
    arrays = [np.frombuffer(file, np.uint8) for file in files]
    decode = kernels.decode_image.bind()
    for component in (Bytes.from_items(files), Ragged.from_items(arrays), as_objects(files)):
        made = decode.run_batch(component)
        assert isinstance(made, Ragged)
        for one, picture in zip(made, pictures, strict=True):
            assert_array_equal(one, picture)
    same = decode.run_batch(Bytes.from_items(files[::3]))
    assert same.shape == (14, 20, 30, 3)
    dense = np.stack([arrays[0]] * 3)
    assert_array_equal(decode.run_batch(dense), [pictures[0]] * 3)
    apart = np.repeat(dense, 2, axis=1)[:, ::2]
    assert_array_equal(decode.run_batch(apart), [pictures[0]] * 3)


def test_images_of_several_modes_need_one():
    files = Bytes.from_items([saved(photo(5, 5)), saved(photo(5, 5, 1))])
    with pytest.raises(KernelFailure, match="differs from that of other items in dtype or number"):
        kernels.decode_image.bind().run_batch(files)
    assert kernels.decode_image.bind(mode="RGB").run_batch(files).shape == (2, 5, 5, 3)


def test_files_become_crops_in_one_pass():
    files = Bytes.from_items([saved(photo(30 + at, 40, seed=at), "JPEG") for at in range(20)])
    steps = [kernels.decode_image.bind(mode="RGB"), kernels.center_crop.bind(size=[24, 24])]
    made = kernels.chain(*steps, kernels.flip).run_batch(files)
    apart = steps[1].run_batch(steps[0].run_batch(files))
    assert_array_equal(made, np.asarray(apart)[:, :, ::-1])


# --- files that are hostile ---


def jpeg_of(height, width):
    """A JPEG of one block that declares other sizes."""
    file = bytearray(saved(photo(8, 8), "JPEG", subsampling=0))
    at = file.index(b"\xff\xc0")
    file[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(file)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (png(100_000, 100_000, 8, 2, [b""]), "100000 x 100000 pixels takes 30000000000 bytes"),
        (png(2**32 - 1, 2**32 - 1, 16, 6, [b""]), "4294967295 x 4294967295 .*max_bytes=1073741824"),
        (png(15_000, 15_000, 8, 2, [b""]), "truncated: an image of 15000 x 15000 .*in a file"),
        (png(30_000, 30_000, 1, 0, [b""]), "truncated: an image of 30000 x 30000"),
        (jpeg_of(65_535, 65_535), "65535 x 65535 pixels takes 12884508675 bytes.*max_bytes"),
        (jpeg_of(15_000, 15_000), "truncated: an image of 15000 x 15000"),
        (jpeg_of(64, 64), "damaged or truncated"),
        (jpeg_of(0, 8), "0 x 8"),
        (png(0, 8, 8, 2, []), "8 x 0"),
        (png(8, 8, 3, 0, []), "colour type 0 with 3 bits"),
        (png(8, 8, 8, 5, []), "colour type 5"),
        (png(4, 4, 8, 3, packed(4, 4, 8)), "damaged or truncated"),
        (b"", "there are no bytes"),
        (b"text of somebody", "16 bytes that are neither PNG nor JPEG"),
        (b"GIF89a" + bytes(50), "56 bytes that are neither PNG nor JPEG"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\xff\xd8\xff\xd9", "a JPEG without an image"),
        (b"\xff\xd8\xff\xe0\x00\x00", "truncated"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:20],
)  # fmt: skip
def test_hostile_files(file, message):
    with pytest.raises(ValueError, match=f"decode_image: .*{message}"):
        kernels.decode_image(file)


@pytest.mark.parametrize("declared", [png(100_000, 100_000, 8, 2, [b""]), jpeg_of(60_000, 60_000)])
def test_no_memory_is_taken_for_what_is_only_declared(declared):
    tracemalloc = pytest.importorskip("tracemalloc")
    resource = pytest.importorskip("resource")
    kernels.decode_image(saved(photo(8, 8)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        for _ in range(20):
            with pytest.raises(ValueError, match="max_bytes"):
                kernels.decode_image(declared)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_a_limit_on_memory():
    file = saved(photo(8, 6))
    with pytest.raises(ValueError, match="takes 144 bytes, which is more than max_bytes=143"):
        kernels.decode_image(file, max_bytes=143)
    assert kernels.decode_image(file, max_bytes=144).shape == (8, 6, 3)
    with pytest.raises(ValueError, match="takes 192 bytes"):
        kernels.decode_image(file, max_bytes=144, mode="RGBA")
    # What is decoded on the way counts too.
    with pytest.raises(ValueError, match="takes 144 bytes"):
        kernels.decode_image(file, max_bytes=48, mode="L")
    with pytest.raises(ValueError, match="max_bytes has to be at least 0, not -1"):
        kernels.decode_image.bind(max_bytes=-1)


@pytest.mark.parametrize(
    "file",
    [
        saved(photo(50, 60)),
        saved(photo(50, 60, 1, np.uint16)),
        saved(photo(50, 60), "JPEG", quality=90),
        saved(photo(50, 60), "JPEG", quality=90, progressive=True),
        saved(photo(50, 60, 1), "JPEG", quality=90),
    ],
    ids=["png", "deep", "jpeg", "progressive", "grey"],
)
def test_a_file_cut_anywhere_is_refused(file):
    for length in [*range(0, len(file) - 12, 7), len(file) - 13]:
        with pytest.raises(ValueError, match="decode_image: "):
            kernels.decode_image(file[:length])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("progressive", [False, True])
def test_damaged_files_never_end_the_process(kind, progressive):
    options = {"progressive": progressive} if kind == "JPEG" else {}
    file = saved(photo(40, 50), kind, **options)
    rng = np.random.default_rng(0)
    for _ in range(300):
        spoilt = np.frombuffer(file, np.uint8).copy()
        for at in rng.integers(8, len(file), rng.integers(1, 6)):
            spoilt[at] = rng.integers(256)
        with suppress(ValueError):
            made = kernels.decode_image(spoilt, max_bytes=1 << 24)
            assert made.dtype in (np.uint8, np.uint16)


def test_the_item_is_named():
    files = [saved(photo(9, 9, seed=at), "JPEG") for at in range(30)]
    files[11] = files[11][:200]
    files[4] = b"nothing"
    batch = Pictures([f"cat{at}.jpg" for at in range(30)])
    batch.files = files
    with pytest.raises(ActionError, match=r"item 'cat4.jpg' \(position 4\).*neither PNG nor JPEG"):
        batch.apply_parallel(kernels.decode_image, src="files", dst="images")
    batch.apply_parallel(kernels.decode_image, src="files", dst="images", on_error="skip")
    assert len(batch) == 28
    assert batch.images.shape == (28, 9, 9, 3)


# --- encoding ---


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_comes_back(dtype, channels):
    picture = photo(23, 31, channels, dtype)
    file = kernels.encode_image(picture, format="png")
    assert isinstance(file, bytes)
    assert_array_equal(kernels.decode_image(file), picture)
    deep_grey = channels == 2 and dtype == np.uint16
    expected = opened(file, "LA" if deep_grey else None)
    assert_array_equal(expected, picture >> 8 if channels > 1 and dtype == np.uint16 else picture)
    turned = np.asfortranarray(picture)[::-1]
    assert_array_equal(kernels.decode_image(kernels.encode_image(turned, format="png")), turned)


def test_one_channel_is_grey():
    picture = photo(5, 6, 1)
    file = kernels.encode_image(picture[..., np.newaxis], format="png")
    assert_array_equal(kernels.decode_image(file), picture)


@pytest.mark.parametrize("quality", [20, 75, 95])
@pytest.mark.parametrize(("subsampling", "number"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg_has_the_pixels_of_pillows(quality, subsampling, number):
    picture = photo(120, 163)
    file = kernels.encode_image(picture, format="jpeg", quality=quality, subsampling=subsampling)
    peer = saved(picture, "JPEG", quality=quality, subsampling=number)
    assert_array_equal(opened(file), opened(peer))
    assert image.open(io.BytesIO(file)).quantization == image.open(io.BytesIO(peer)).quantization


def test_defaults_are_those_of_pillow():
    picture = photo(64, 64)
    file = kernels.encode_image(picture, format="jpeg")
    assert file == kernels.encode_image(picture, format="jpeg", quality=75, subsampling="4:2:0")
    assert_array_equal(opened(file), opened(saved(picture, "JPEG")))
    grey = photo(64, 64, 1)
    file = kernels.encode_image(grey, format="jpeg")
    assert_array_equal(opened(file), opened(saved(grey, "JPEG")))


def test_encoded_batches():
    pictures = [photo(20, 30 + at % 4, seed=at) for at in range(24)]
    batch = Pictures(24)
    batch.images = pictures
    quality = P([10 + 3 * at for at in range(24)])
    encode = kernels.encode_image.bind(format="jpeg", quality=quality)
    batch.apply_parallel(encode, src="images", dst="files")
    assert isinstance(batch.files, Bytes)
    for at in (0, 13, 23):
        expected = kernels.encode_image(pictures[at], format="jpeg", quality=10 + 3 * at)
        assert batch.files[at] == expected
    dataset = Dataset(24, Pictures, preloaded={"files": batch.files, "images": None})
    again = dataset.p.apply_parallel(kernels.decode_image, src="files", dst="images").next_batch(8)
    assert again.images[3].shape == (20, 33, 3)


@pytest.mark.parametrize("name", ["JPEG", "jpg", "Jpg"])
def test_names_of_formats(name):
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert kernels.encode_image(picture, format=name) == kernels.encode_image(
        picture, format="jpeg"
    )


@pytest.mark.parametrize(
    ("x", "params", "message"),
    [
        ((4, 4), {"format": "gif"}, "format has to be 'png' or 'jpeg', not 'gif'"),
        ((4, 4), {"format": "jpeg", "quality": 0}, "quality has to be from 1 to 100, not 0"),
        ((4, 4), {"format": "jpeg", "quality": 101}, "quality has to be from 1 to 100, not 101"),
        ((4, 4), {"format": "jpeg", "subsampling": "4"}, "subsampling has to be .* not '4'"),
        ((4, 4), {"format": "png", "quality": 5}, "a PNG loses nothing"),
        ((4, 4, 4), {"format": "jpeg"}, "a JPEG holds grey or RGB, not RGBA; 'png' does"),
        ((4, 4, 5), {"format": "png"}, "1 to 4 channels; this has 5"),
        ((4,), {"format": "png"}, r"this has shape \[4\]"),
        ((0, 4), {"format": "png"}, "0 x 4 pixels has nothing"),
        ((1, 70_000), {"format": "jpeg"}, "1 x 70000 pixels is more than a JPEG holds"),
    ],
)
def test_what_is_not_encoded(x, params, message):
    with pytest.raises(ValueError, match=message):
        kernels.encode_image(np.zeros(x, np.uint8), **params)


def test_dtypes_that_are_not_encoded():
    with pytest.raises(ValueError, match="a JPEG holds uint8, not uint16; 'png' does"):
        kernels.encode_image(np.zeros((4, 4), np.uint16), format="jpeg")
    with pytest.raises(TypeError, match="uint8 or uint16"):
        kernels.encode_image(np.zeros((4, 4)), format="png")
