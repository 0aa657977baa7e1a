"""Formats: files of items, against loops over them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import ironbatch
from benches.row import Measured, Row, compare

N_ITEMS = 1000
SHAPE = (112, 112)


class Scans(ironbatch.Batch):
    """One image an item."""

    components = "images"


def images() -> np.ndarray[Any, Any]:
    """Make smooth images with a little noise: float32, 49 KB each."""
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 200, (N_ITEMS, 16, 16)), np.ones((1, 7, 7)))
    return (coarse + rng.random((N_ITEMS, *SHAPE)) * 0.01).astype(np.float32)


@contextmanager
def filled() -> Iterator[tuple[Scans, Path, list[str]]]:
    """Give a batch, a folder and names of files; memory holds what the disk would."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        batch = Scans([f"item{number:05d}" for number in range(N_ITEMS)])
        batch.images = images()
        yield batch, Path(folder), batch.indices.tolist()


def load_raw() -> Measured:
    """Compare loading raw files with a loop of `readinto`."""
    with filled() as (batch, folder, names):
        batch.dump(folder, "raw")
        out = np.empty((N_ITEMS, *SHAPE), np.float32)

        def ours() -> None:
            Scans(batch.index).load(folder, "raw", dtype=np.float32, shape=SHAPE)

        def peer() -> None:
            for name, place in zip(names, out, strict=True):
                with open(f"{folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
                    file.readinto(place.data)

        return compare(ours, peer)


def blosc_files(load: bool) -> Measured:
    """Compare loading or dumping blosc files with a loop of python-blosc, same codec and level."""
    import blosc

    blosc.set_nthreads(1)
    with filled() as (batch, folder, names):
        source = np.asarray(batch.images)
        out = np.empty_like(source)
        (folder / "peer").mkdir()
        paths = [f"{folder}/peer/{name}" for name in names]

        def peer_dump() -> None:
            for path, item in zip(paths, source, strict=True):
                packed = blosc.compress_ptr(item.ctypes.data, item.size, 4, 5, blosc.SHUFFLE, "lz4")
                with open(path, "wb") as file:  # noqa: PTH123
                    file.write(packed)

        def peer_load() -> None:
            for path, place in zip(paths, out, strict=True):
                with open(path, "rb") as file:  # noqa: PTH123
                    packed = file.read()
                blosc.decompress_ptr(packed, place.ctypes.data)

        def ours_dump() -> None:
            batch.dump(folder / "ours", "blosc", codec="lz4", level=5, shuffle="byte")

        def ours_load() -> None:
            Scans(batch.index).load(folder / "ours", "blosc")

        peer_dump()
        ours_dump()
        return compare(ours_load, peer_load) if load else compare(ours_dump, peer_dump)


ROWS = [
    Row("formats", "raw load, 1,000 x 49 KB", 0.9, "higher", "x", "readinto", load_raw),
    Row(
        "formats",
        "blosc load, 1,000 x 49 KB",
        1.5,
        "higher",
        "x",
        "python-blosc",
        lambda: blosc_files(True),
    ),
    Row(
        "formats",
        "blosc dump, 1,000 x 49 KB",
        1.5,
        "higher",
        "x",
        "python-blosc",
        lambda: blosc_files(False),
    ),
]
