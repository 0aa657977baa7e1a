"""Parallel actions: what the machinery costs for each item, on every target."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.row import Measured, Row, compare, seconds
from ironbatch import Batch, DatasetIndex, inbatch_parallel
from ironbatch.targets.crew import default_workers

__all__ = ["ROWS"]

N = 1000


class Items(Batch):
    """A batch with actions that do nothing."""

    components = "images", "made"

    @inbatch_parallel(init="indices", target="for")
    def trivial(self, item: Any) -> Any:
        """Return the item."""
        return item

    @inbatch_parallel(init="indices", target="async")
    async def trivial_later(self, item: Any) -> Any:
        """Return the item from a coroutine."""
        return item

    @inbatch_parallel(init="indices", target="threads")
    def sleep(self, item: Any) -> None:
        """Sleep for 10 ms."""
        time.sleep(0.01)


def _for() -> Measured:
    batch = Items(DatasetIndex(N))
    ids = batch.indices
    trivial = Items.trivial.parallel["method"].__get__(batch)  # type: ignore[attr-defined]
    return compare(batch.trivial, lambda: [trivial(item) for item in ids])


def _each(target: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        batch = Items(DatasetIndex(N))
        action = batch.trivial_later if target == "async" else batch.trivial
        return seconds(lambda: action(target=target), scale=1e6 / N)

    return measure


def _one() -> Measured:
    batch = Items(DatasetIndex(1))
    return seconds(lambda: batch.trivial(target="threads"), scale=1e6)


def _sleep() -> Measured:
    batch = Items(DatasetIndex(64))
    floor = math.ceil(64 / default_workers()) * 0.01
    return seconds(batch.sleep, scale=1 / floor, rounds=9)


def _rng() -> Measured:
    batch = Items(DatasetIndex(N))

    def plain(item: Any) -> Any:
        return item

    def drawing(item: Any, rng: Any) -> Any:
        return item

    def apply(function: Any, requires_rng: bool) -> float:
        start = time.perf_counter()
        for _ in range(20):
            batch.apply_parallel(
                function, init="indices", post=_nothing, target="for", requires_rng=requires_rng
            )
        return (time.perf_counter() - start) / (20 * N) * 1e6

    apply(drawing, True)
    extra = [apply(drawing, True) - apply(plain, False) for _ in range(15)]
    low, median, high = statistics.quantiles(extra, n=4)
    return Measured(median, low, high)


def _nothing(results: Any) -> None:
    pass


def _assembled() -> Measured:
    batch = Items(DatasetIndex(N))
    batch.images = np.random.default_rng(0).random((N, 3, 512))
    images = np.asarray(batch.images)
    out = np.empty_like(images)

    def item(image: Any) -> Any:
        return image * 2

    return compare(
        lambda: batch.apply_parallel(item, src="images", dst="made", target="for"),
        lambda: np.stack([item(image) for image in images], out=out),
    )


ROWS = [
    Row(
        "targets",
        "trivial action, batch 1,000, for",
        1 / 3,
        "higher",
        "x",
        "[f(x) for x in ids]",
        _for,
    ),
    *(
        Row(
            "targets",
            f"trivial action, batch 1,000, {target}",
            bar,
            "lower",
            "us/item",
            "-",
            _each(target),
        )
        for target, bar in (("threads", 0.6), ("async", 4.0), ("mpc", 15.0))
    ),
    Row("targets", "trivial action, batch of 1, threads", 15.0, "lower", "us", "-", _one),
    Row(
        "targets",
        "64 items that sleep 10 ms, threads",
        1.15,
        "lower",
        "x",
        "ceil(64/n_workers) x 10 ms",
        _sleep,
    ),
    Row("targets", "requires_rng, on top", 1.5, "lower", "us/item", "-", _rng),
    Row(
        "targets",
        "12 KB array from each item, assembled",
        0.7,
        "higher",
        "x",
        "loop + np.stack(out=)",
        _assembled,
    ),
]
