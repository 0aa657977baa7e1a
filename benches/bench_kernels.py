"""Kernels: what a call costs, and speed beside NumPy and beside a thread that holds the GIL."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.row import Measured, Row, compare, seconds
from ironbatch import kernels
from ironbatch.kernels import Kernel, load_kernels

ROOT = Path(__file__).parents[1]
_NAMES = {"win32": "fixture_kernels.dll", "darwin": "libfixture_kernels.dylib"}


@lru_cache(maxsize=1)
def empty_kernel() -> Kernel:
    """Build the tests' library in release mode: one of its kernels does nothing."""
    folder = Path(tempfile.mkdtemp(prefix="ironbatch-bench-"))
    try:
        crate = folder / "crate"
        shutil.copytree(ROOT / "tests" / "fixtures" / "kernels", crate)
        manifest = crate / "Cargo.toml"
        sdk = (ROOT / "rust" / "kernel").as_posix()
        manifest.write_text(manifest.read_text().replace("../../../rust/kernel", sdk))
        shutil.copy(ROOT / "Cargo.lock", crate / "Cargo.lock")
        target = folder / "target"
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", "--manifest-path", str(manifest)],
            env={**os.environ, "CARGO_TARGET_DIR": str(target)},
            check=True,
        )
        library = target / "release" / _NAMES.get(sys.platform, "libfixture_kernels.so")
        return load_kernels(library).nothing
    finally:
        # The loaded library stays mapped without its file.
        shutil.rmtree(folder, ignore_errors=True)


def per_item() -> Measured:
    """Time 1,000 items of an empty kernel, the call itself included."""
    bound = empty_kernel().bind()
    x = np.zeros((1000, 1), np.uint8)
    return seconds(lambda: bound.run_batch(x), scale=1e9 / 1000)


def one_call() -> Measured:
    """Time a batch of one."""
    bound = empty_kernel().bind()
    x = np.zeros((1, 1), np.uint8)
    return seconds(lambda: bound.run_batch(x), scale=1e6)


def beside_a_spinning_thread() -> Measured:
    """Speed while another thread holds the GIL, over that of one thread alone."""
    x = np.random.default_rng(0).integers(0, 256, (512, 224, 224, 3), dtype=np.uint8)
    bound = kernels.standardize.bind(mean=[0.5] * 3, std=[0.2] * 3, scale=1 / 255)
    bound.run_batch(x)

    def timed(**options: Any) -> float:
        start = time.perf_counter()
        bound.run_batch(x, **options)
        return time.perf_counter() - start

    ratios = []
    for _ in range(7):
        alone = timed(n_workers=1)
        ends = threading.Event()

        def spin(ends: threading.Event = ends) -> None:
            while not ends.is_set():
                pass

        spinner = threading.Thread(target=spin)
        spinner.start()
        try:
            beside = timed()
        finally:
            ends.set()
            spinner.join()
        ratios.append(alone / beside)
    low, median, high = statistics.quantiles(ratios, n=4)
    return Measured(median, low, high)


def beside_numpy(name: str, peer: Any, **params: Any) -> Measured:
    """Compare a kernel over a batch with NumPy's expression for it."""
    x = np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), dtype=np.uint8)
    bound = getattr(kernels, name).bind(**params)
    return compare(lambda: bound.run_batch(x), lambda: peer(x))


def pictures() -> Any:
    """Make 64 pictures of 256 x 256 pixels of three bytes."""
    return np.random.default_rng(0).integers(0, 256, (64, 256, 256, 3), dtype=np.uint8)


def beside_a_copy(name: str, **params: Any) -> Measured:
    """Compare a kernel that moves elements with a plain copy of what it makes."""
    x = pictures()
    bound = getattr(kernels, name).bind(**params)
    made = np.array(bound.run_batch(x))
    target = np.empty_like(made)
    return compare(lambda: bound.run_batch(x), lambda: np.copyto(target, made))


def in_two_threads(work: Callable[[Any], object], items: Any) -> Callable[[], object]:
    """Give a function that works on the items in two threads, of which each takes one half."""
    pool = ThreadPoolExecutor(2)

    def half(part: slice) -> None:
        for item in items[part]:
            work(item)

    middle = len(items) // 2
    return lambda: list(pool.map(half, (slice(0, middle), slice(middle, None))))


def resizing_beside(peer: str) -> Measured:
    """Compare resizing 256 to 224, bilinear, with a library's, each in two threads."""
    x = pictures()
    bound = kernels.resize.bind(size=[224, 224], antialias=peer == "PIL")
    if peer == "PIL":
        from PIL import Image

        images = [Image.fromarray(image) for image in x]
        other = in_two_threads(
            lambda image: np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR)), images
        )
    else:
        import cv2

        cv2.setNumThreads(1)
        targets = np.empty((len(x), 224, 224, 3), np.uint8)
        other = in_two_threads(
            lambda pair: cv2.resize(pair[0], (224, 224), dst=pair[1]),
            list(zip(x, targets, strict=True)),
        )
    return compare(lambda: bound.run_batch(x), other)


def rows_of_resizing() -> list[Row]:
    """Give a row for each library that is installed."""
    bars = {
        "PIL": (3.0, "Pillow in two threads", "antialiased, arrays out"),
        "cv2": (1.0, "OpenCV in two threads", "plain"),
    }
    return [
        Row(
            "kernels",
            f"resize 64 pictures from 256 to 224, bilinear, {how}",
            bar,
            "higher",
            "x",
            name,
            partial(resizing_beside, peer),
        )
        for peer, (bar, name, how) in bars.items()
        if importlib.util.find_spec(peer) is not None
    ]


def standardising_beside_numba() -> Measured:
    """Compare standardize with a loop of numba in two threads, both into memory used before."""
    import numba

    x = np.random.default_rng(0).normal(3, 2, (64, 3, 224, 224)).astype(np.float32)
    target = np.empty_like(x)

    def loop(x: Any, out: Any) -> None:
        for item in numba.prange(x.shape[0]):
            values, target = x[item].ravel(), out[item].ravel()
            total = 0.0
            for value in values:
                total += np.float64(value)
            mean = total / values.size
            total = 0.0
            for value in values:
                total += (np.float64(value) - mean) ** 2
            factor = 1.0 / np.sqrt(total / values.size)
            for number in range(values.size):
                target[number] = (np.float64(values[number]) - mean) * factor

    standardise = numba.njit(parallel=True, fastmath={"reassoc", "contract"})(loop)
    numba.set_num_threads(2)
    standardise(x, target)
    bound = kernels.standardize.bind()
    np.testing.assert_allclose(bound.run_batch(x), target, rtol=1e-6, atol=1e-6)
    return compare(lambda: bound.run_batch(x), lambda: standardise(x, target))


def python_kernel_beside_numba() -> Measured:
    """Compare a kernel in Python with a parallel loop of numba over the same function."""
    import numba

    from ironbatch import kernel

    def despike(x: Any, out: Any, threshold: float = 3.0) -> None:
        last = x[0]
        for i in range(len(x)):
            if abs(x[i] - last) <= threshold:
                last = x[i]
            out[i] = last

    one = numba.njit(despike)

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator]
    def loop(x: Any, out: Any) -> None:
        for item in numba.prange(x.shape[0]):
            one(x[item], out[item], 3.0)

    x = np.random.default_rng(0).normal(size=(256, 3072)).astype(np.float32)
    target = np.empty_like(x)
    numba.set_num_threads(2)
    loop(x, target)
    bound = kernel(despike).bind()
    np.testing.assert_array_equal(bound.run_batch(x), target)
    return compare(lambda: bound.run_batch(x), lambda: loop(x, target))


def rows_of_numba() -> list[Row]:
    """Give the rows beside numba, if that is installed."""
    if importlib.util.find_spec("numba") is None:
        return []
    return [
        Row(
            "kernels",
            "standardize 64 x 3 x 224 x 224 float32 by mean and deviation of each",
            1 / 1.15,
            "higher",
            "x",
            "numba prange in two threads",
            standardising_beside_numba,
        ),
        Row(
            "kernels",
            "a kernel in Python, 256 signals of 12 KB",
            0.9,
            "higher",
            "x",
            "the same function in numba prange, two threads",
            python_kernel_beside_numba,
        ),
    ]


def four_beside_one() -> Measured:
    """Time four elementwise kernels in one pass, over the time of one of them."""
    x = np.random.default_rng(0).normal(size=(64, 256, 256, 3)).astype(np.float32)
    one = kernels.scale_shift.bind(scale=1.5, shift=0.5)
    four = kernels.chain(
        one,
        kernels.clip.bind(low=-1, high=1),
        kernels.scale_shift.bind(scale=0.5, shift=-1.0),
        kernels.clip.bind(low=-1.2, high=0.2),
    )
    # `compare` gives the second one's time over the first one's.
    return compare(lambda: one.run_batch(x), lambda: four.run_batch(x))


def rotation_beside(peer: str) -> Measured:
    """Compare a rotation by 15 degrees, bilinear, with a library's."""
    x = pictures()
    bound = kernels.rotate.bind(angle=15)
    turn = np.deg2rad(15)
    cos, sin, center = np.cos(turn), np.sin(turn), 127.5
    matrix = np.array(
        [
            [cos, sin, center - cos * center - sin * center],
            [-sin, cos, center + sin * center - cos * center],
        ]
    )
    if peer == "cv2":
        import cv2

        cv2.setNumThreads(len(os.sched_getaffinity(0)))
        target = np.empty_like(x)

        def other() -> None:
            for image, place in zip(x, target, strict=True):
                cv2.warpAffine(image, matrix, (256, 256), dst=place)

    else:
        from kornia_rs.imgproc import warp_affine

        numbers = tuple(matrix.ravel().tolist())

        def other() -> None:
            for image in x:
                warp_affine(image, numbers, (256, 256), "bilinear")

    return compare(lambda: bound.run_batch(x), other)


def rows_of_rotation() -> list[Row]:
    """Give a row for each library that is installed."""
    bars = {"cv2": (2.0, "OpenCV's warpAffine"), "kornia_rs": (1.0, "kornia-rs")}
    return [
        Row(
            "kernels",
            f"rotate by 15 degrees, 64 pictures, beside {peer}",
            bar,
            "higher",
            "x",
            name,
            partial(rotation_beside, peer),
        )
        for peer, (bar, name) in bars.items()
        if importlib.util.find_spec(peer) is not None
    ]


def ragged_gaussian() -> Measured:
    """Compare a Gaussian filter over 1,000 signals of differing lengths with SciPy in threads."""
    from scipy.ndimage import gaussian_filter1d

    from ironbatch.components import Ragged

    rng = np.random.default_rng(0)
    lengths = rng.integers(1000, 10001, 1000)
    signals = [rng.normal(size=length).astype(np.float32) for length in lengths]
    component = Ragged.from_items(signals)
    bound = kernels.gaussian_blur.bind(sigma=2)

    def peer(signal: NDArray[Any]) -> Any:
        return gaussian_filter1d(signal, 2, mode="mirror")

    with ThreadPoolExecutor(2) as pool:
        return compare(
            lambda: bound.run_batch(component, n_workers=2), lambda: list(pool.map(peer, signals))
        )


ROWS = [
    Row("kernels", "empty kernel, batch of 1,000, per item", 30, "lower", "ns/item", "-", per_item),
    Row("kernels", "empty kernel, batch of 1", 5, "lower", "us", "-", one_call),
    Row(
        "kernels",
        "standardize while a thread spins holding the GIL",
        0.9,
        "higher",
        "x",
        "the same kernel alone on one core",
        beside_a_spinning_thread,
    ),
    Row(
        "kernels",
        "flip of 256 images of 12 KB",
        1.0,
        "higher",
        "x",
        "np.flip, copied",
        lambda: beside_numpy("flip", lambda x: np.ascontiguousarray(x[:, :, ::-1])),
    ),
    Row(
        "kernels",
        "invert of 256 images of 12 KB",
        1.0,
        "higher",
        "x",
        "np.invert",
        lambda: beside_numpy("invert", np.invert),
    ),
    Row(
        "kernels",
        "scale_shift to float32 of 256 images of 12 KB",
        1.0,
        "higher",
        "x",
        "NumPy",
        lambda: beside_numpy(
            "scale_shift",
            lambda x: x * np.float32(1 / 255) - np.float32(0.5),
            scale=1 / 255,
            shift=-0.5,
            dtype="float32",
        ),
    ),
    *(
        Row(
            "kernels",
            f"{what} of 64 pictures of 192 KB",
            0.75,
            "higher",
            "x",
            "a plain copy of the output by one thread",
            partial(beside_a_copy, name, **params),
        )
        for what, name, params in [
            ("flip", "flip", {}),
            ("crop to 224 x 224", "crop", {"size": [224, 224], "origin": [11, 13]}),
            ("transpose to planes", "transpose", {"axes": [2, 0, 1]}),
        ]
    ),
    *rows_of_rotation(),
    *rows_of_resizing(),
    *rows_of_numba(),
    Row(
        "kernels",
        "four elementwise kernels in one pass over 50 MB of float32",
        1.3,
        "lower",
        "x the time of one",
        "-",
        four_beside_one,
    ),
    Row(
        "kernels",
        "Gaussian filter of 1,000 signals of 1,000 to 10,000 samples",
        3.0,
        "higher",
        "x",
        "SciPy in two threads",
        ragged_gaussian,
    ),
]
