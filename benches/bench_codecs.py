"""Pictures in memory and in files: speed beside OpenCV and Pillow, and counts of instructions."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.row import Measured, Row, compare
from ironbatch import FilesIndex, ImagesBatch, kernels
from ironbatch.components import Bytes

SHAPE = (375, 500)
N_FILES = 32


@lru_cache(maxsize=1)
def photo() -> NDArray[np.uint8]:
    """Give a photograph of 500 x 375: scikit-learn's, or something with as much detail."""
    from PIL import Image

    try:
        from sklearn.datasets import load_sample_image
    except ImportError:
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 40
        waves = np.stack([np.sin(x * y), np.cos(x + y * y / 5), np.sin(x * 2)], axis=-1)
        noise = np.random.default_rng(0).normal(0, 0.06, waves.shape)
        return (np.clip(waves / 2 + 0.5 + noise, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(load_sample_image("china.jpg"))
    return np.asarray(picture.resize(SHAPE[::-1], Image.Resampling.LANCZOS))


def file_of(kind: str, **options: Any) -> bytes:
    """Give the file that Pillow writes of the photograph."""
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(photo()).save(target, kind, **options)
    return target.getvalue()


def decoding_beside_opencv(kind: str, **options: Any) -> Measured:
    """Compare one thread of each: a batch of files, and one call after another."""
    import cv2

    cv2.setNumThreads(1)
    file = file_of(kind, **options)
    files = Bytes.from_items([file] * N_FILES)
    encoded = np.frombuffer(file, np.uint8)
    decode = kernels.decode_image.bind(mode="RGB")

    def peer() -> None:
        for _ in range(N_FILES):
            cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)

    return compare(lambda: decode.run_batch(files, n_workers=1), peer, budget=0.2)


def encoding_beside_opencv() -> Measured:
    """Compare one thread of each, to JPEG of quality 90."""
    import cv2

    cv2.setNumThreads(1)
    picture = photo()
    batch = np.stack([picture] * N_FILES)
    encode = kernels.encode_image.bind(format="jpeg", quality=90)
    options = [cv2.IMWRITE_JPEG_QUALITY, 90]

    def peer() -> None:
        for _ in range(N_FILES):
            cv2.imencode(".jpg", picture, options)

    return compare(lambda: encode.run_batch(batch, n_workers=1), peer, budget=0.2)


_RUN = """
import sys
import numpy as np
file, calls = open(sys.argv[2], "rb").read(), int(sys.argv[3])
if sys.argv[1] == "cv2":
    import cv2
    encoded = np.frombuffer(file, np.uint8)
    for _ in range(calls):
        cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
else:
    from ironbatch import kernels
    decode = kernels.decode_image.bind()
    for _ in range(calls):
        decode(file)
"""
# Threads that wait spin as long as it takes, and the order of sets is a matter of hashes.
_STEADY = {"IRONBATCH_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def instructions_beside_opencv() -> Measured:
    """Count the instructions of a JPEG, by callgrind: those of many less those of few."""
    with tempfile.TemporaryDirectory(prefix="ironbatch-bench-") as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(file_of("JPEG", quality=90))
        counts = {}
        for who in ("cv2", "ironbatch"):
            few, many = (_count(who, path, calls) for calls in (4, 24))
            counts[who] = (many - few) / 20
            print(f"{who}: {counts[who]:,.0f} instructions a JPEG", file=sys.stderr)
    ratio = counts["cv2"] / counts["ironbatch"]
    return Measured(ratio, ratio, ratio)


def _count(who: str, path: Path, calls: int) -> int:
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-c",
         _RUN, who, str(path), str(calls)],
        env={**os.environ, **_STEADY},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"callgrind failed:\n{done.stderr}")
    return int(found[1])


def folder_beside_pillow() -> Measured:
    """Compare a folder of JPEG files that becomes a batch with Pillow in as many threads."""
    from PIL import Image

    with tempfile.TemporaryDirectory(prefix="ironbatch-bench-") as folder:
        file = file_of("JPEG", quality=90)
        paths = [Path(folder) / f"{number:03}.jpg" for number in range(64)]
        for path in paths:
            path.write_bytes(file)
        index = FilesIndex(path=f"{folder}/*.jpg", sort=True)
        n_threads = len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(n_threads) as pool:

            def read(path: Path) -> NDArray[np.uint8]:
                return np.asarray(Image.open(path))

            return compare(
                lambda: ImagesBatch(index).load(fmt="image"),
                lambda: np.stack(list(pool.map(read, paths))),
                budget=0.2,
            )


def _beside_opencv() -> list[Row]:
    if importlib.util.find_spec("cv2") is None:
        return []
    decoding: list[tuple[str, float, str, dict[str, Any]]] = [
        ("JPEG 500 x 375", 0.9, "JPEG", {"quality": 90}),
        ("JPEG 500 x 375, colours as fine as brightness", 0.9, "JPEG", {"subsampling": 0}),
        ("progressive JPEG 500 x 375", 0.7, "JPEG", {"progressive": True}),
        ("PNG 500 x 375", 0.9, "PNG", {}),
    ]
    rows = [
        Row(
            "codecs",
            f"decode_image, {what}, one thread",
            bar,
            "higher",
            "x",
            "OpenCV's imdecode",
            partial(decoding_beside_opencv, kind, **options),
        )
        for what, bar, kind, options in decoding
    ]
    encoding = Row(
        "codecs",
        "encode_image to JPEG, 500 x 375, one thread",
        0.5,
        "higher",
        "x",
        "OpenCV's imencode",
        encoding_beside_opencv,
    )
    counted = Row(
        "codecs",
        "decode_image, JPEG 500 x 375, instructions (callgrind)",
        0.8,
        "higher",
        "x",
        "OpenCV's imdecode",
        instructions_beside_opencv,
    )
    return [*rows, encoding, *([counted] if shutil.which("valgrind") else [])]


ROWS = [
    *_beside_opencv(),
    Row(
        "codecs",
        "load 64 JPEG files of 500 x 375 with fmt='image'",
        0.9,
        "higher",
        "x",
        "Pillow in as many threads",
        folder_beside_pillow,
    ),
]
