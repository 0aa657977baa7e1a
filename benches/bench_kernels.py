"""Kernels: what a call costs, and speed beside NumPy and beside a thread that holds the GIL."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

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
]
