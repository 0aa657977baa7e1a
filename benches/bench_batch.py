"""Batches: access, preloaded data, iteration, merging."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

import ironbatch
from benches.row import Measured, Row, compare, seconds


class Scans(ironbatch.Batch):
    """Images, masks and labels."""

    components = "images", "masks", "labels"


def scans(n: int = 64) -> Scans:
    """Make a filled batch."""
    batch = Scans(n)
    batch.images = np.zeros((n, 3, 64, 64), np.uint8)
    batch.labels = np.arange(n)
    return batch


def access(expression: str) -> Measured:
    """Time an expression over a batch."""
    code = compile(f"for _ in range(1000): {expression}", "bench", "exec")
    names = {"batch": scans()}
    return seconds(lambda: exec(code, names), scale=1e9 / 1000, clock=time.process_time)


def iteration() -> Measured:
    """Time a shuffled epoch of batches of 64 out of a million items."""
    import batchflow

    ours = ironbatch.Dataset(10**6, Scans)
    theirs = batchflow.Dataset(10**6, batchflow.Batch)

    def run(dataset: Any) -> None:
        for _ in dataset.gen_batch(64, shuffle=7, n_iters=500):
            pass

    return compare(lambda: run(ours), lambda: run(theirs))


def preloaded(batch_size: int) -> Measured:
    """Time whole shuffled epochs of preloaded images and labels."""
    n = 20_000
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (n, 3, 64, 64), dtype=np.uint8)
    labels = np.arange(n)
    dataset = ironbatch.Dataset(n, Scans, preloaded={"images": images, "labels": labels})
    reused = np.empty((batch_size, 3, 64, 64), np.uint8)
    order = rng.permutation(n)
    starts = range(0, n - batch_size + 1, batch_size)
    epochs = iter(range(10**9))

    def ours() -> None:
        for batch in dataset.gen_batch(
            batch_size, shuffle=next(epochs), n_epochs=1, drop_last=True
        ):
            _ = batch.images, batch.labels

    def peer() -> None:
        for start in starts:
            places = order[start : start + batch_size]
            np.take(images, places, axis=0, mode="clip", out=reused)

    return compare(ours, peer)


def merging() -> Measured:
    """Time a merge of 8 batches of 256 items of 12 KB."""
    batches = [scans(256) for _ in range(8)]
    for number, batch in enumerate(batches):
        batch.index = ironbatch.DatasetIndex(np.arange(256) + 256 * number)
    arrays = [np.asarray(batch.images) for batch in batches]
    labels = [np.asarray(batch.labels) for batch in batches]

    def peer() -> None:
        np.concatenate(arrays)
        np.concatenate(labels)

    return compare(lambda: ironbatch.Batch.merge(batches), peer)


def importing() -> Measured:
    """Time the import in new interpreters that have imported numpy already."""
    code = (
        "import time, numpy; start = time.perf_counter(); import ironbatch; "
        "print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    times = [
        1e3 * float(subprocess.check_output([sys.executable, "-c", code], env=environment))
        for _ in range(12)
    ]
    low, median, high = statistics.quantiles(times[1:], n=4)  # the first may write the bytecode
    return Measured(median, low, high)


TAKE = "np.take(mode='clip', out=reused)"

ROWS = [
    Row("batch", "import, numpy imported before", 80, "lower", "ms", "-", importing),
    Row("batch", "batch.images", 120, "lower", "ns", "-", lambda: access("batch.images")),
    Row("batch", "batch.images[i]", 250, "lower", "ns", "-", lambda: access("batch.images[5]")),
    Row("batch", "batch[i].images", 600, "lower", "ns", "-", lambda: access("batch[5].images")),
    Row("batch", "gen_batch(64, shuffle) of 10^6", 6, "higher", "x", "BatchFlow", iteration),
    Row("batch", "preloaded, batches of 64", 0.7, "higher", "x", TAKE, lambda: preloaded(64)),
    Row("batch", "preloaded, batches of 256", 0.9, "higher", "x", TAKE, lambda: preloaded(256)),
    Row("batch", "preloaded, batches of 1,024", 0.9, "higher", "x", TAKE, lambda: preloaded(1024)),
    Row("batch", "merge 8x256 of 12 KB", 0.9, "higher", "x", "np.concatenate", merging),
]
