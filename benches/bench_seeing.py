"""What notebooks show: how long it takes to draw a batch that is large."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import ironbatch
from benches.row import Measured, Row, seconds


class Scans(ironbatch.Batch):
    """Images, masks, signals, texts and labels."""

    components = "images", "masks", "signals", "names", "labels"


@lru_cache(maxsize=1)
def gigabyte() -> Scans:
    """Make a batch with 1 GB of components."""
    n = 4500
    rng = np.random.default_rng(0)
    batch = Scans(n)
    batch.images = rng.integers(0, 256, (n, 224, 224, 4), dtype=np.uint8)
    batch.masks = np.zeros((n, 160, 160), bool)
    signals = rng.normal(size=(n, 2048)).astype(np.float32)
    batch.signals = [signal[: 1024 + number % 1024] for number, signal in enumerate(signals)]
    batch.names = [f"scan {number}" * 100 for number in range(n)]
    batch.labels = np.arange(n)
    return batch


def html() -> Measured:
    """Time the HTML of the batch."""
    batch = gigabyte()
    return seconds(batch._repr_html_, scale=1e3)


def text() -> Measured:
    """Time what a prompt shows of the batch."""
    batch = gigabyte()
    return seconds(lambda: repr(batch), scale=1e3)


ROWS = [
    Row("seeing", "HTML of a batch with 1 GB of components", 50, "lower", "ms", "-", html),
    Row("seeing", "repr of a batch with 1 GB of components", 50, "lower", "ms", "-", text),
]
