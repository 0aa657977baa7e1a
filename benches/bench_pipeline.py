"""Pipelines: what a batch and an action cost, with and without prefetch."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import ironbatch
from benches.row import Measured, Row, compare, seconds

BATCHES = 1000
SIZE = 16
COUNT = 10


def chain(module: Any, actions: int, *, expression: bool = False, keyword: bool = False) -> Any:
    """Make a pipeline of actions that do nothing."""
    pipeline = module.Pipeline()
    for _ in range(actions):
        if expression:
            pipeline = pipeline.do_nothing(a=module.B.size)
        elif keyword:
            pipeline = pipeline.do_nothing(a=1, b="two")
        else:
            pipeline = pipeline.do_nothing()
    return pipeline


def source(module: Any) -> Any:
    """Make a dataset without data, for either library."""
    if module is ironbatch:
        return ironbatch.Dataset(BATCHES * SIZE, ironbatch.Batch)

    class Quiet(module.Batch):  # type: ignore[misc]
        """BatchFlow's `do_nothing` takes no arguments."""

        @module.action  # type: ignore[untyped-decorator]
        def do_nothing(self, *args: Any, **kwargs: Any) -> Any:
            return self

    return module.Dataset(BATCHES * SIZE, Quiet)


def epoch(module: Any, pipeline: Any, **kwargs: Any) -> Callable[[], None]:
    """Give a function that runs one epoch."""
    full = source(module) >> pipeline

    def run() -> None:
        for _ in full.gen_batch(SIZE, n_epochs=1, **kwargs):
            pass

    return run


def per_batch(actions: int, **kwargs: Any) -> Measured:
    """Time a batch, in microseconds."""
    return seconds(epoch(ironbatch, chain(ironbatch, actions), **kwargs), scale=1e6 / BATCHES)


def per_action(**kwargs: Any) -> Measured:
    """Time an action on top of three others, in microseconds; both sides in turn."""
    few = epoch(ironbatch, chain(ironbatch, 3))
    many = epoch(ironbatch, chain(ironbatch, 3) + chain(ironbatch, COUNT, **kwargs))
    differences = []
    few(), many()
    for _ in range(25):
        times = []
        for work in (few, many):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        differences.append((times[1] - times[0]) / COUNT / BATCHES * 1e6)
    low, median, high = statistics.quantiles(differences, n=4)
    return Measured(median, low, high)


def against_batchflow(actions: int, **kwargs: Any) -> Measured:
    """Compare an epoch with BatchFlow's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import batchflow

        return compare(
            epoch(ironbatch, chain(ironbatch, actions), **kwargs),
            epoch(batchflow, chain(batchflow, actions), **kwargs),
        )


def hidden_producer() -> Measured:
    """Give the rate of a consumer of 20 ms over a producer of 15 ms, as a share of its own."""

    class Slow(ironbatch.Batch):
        @ironbatch.action
        def produce(self) -> Any:
            time.sleep(0.015)
            return self

    pipeline = ironbatch.Dataset(40, Slow).p.produce()

    def run() -> float:
        began = time.perf_counter()
        for _ in pipeline.gen_batch(1, prefetch=2):
            time.sleep(0.02)
        return 40 * 0.02 / (time.perf_counter() - began)

    shares = [run() for _ in range(5)]
    low, median, high = statistics.quantiles(shares, n=4)
    return Measured(median, low, high)


def from_processes() -> Measured:
    """Give the rate at which batches of 1 MB come back from worker processes, in GB/s."""
    import numpy as np

    class Images(ironbatch.Batch):
        components = ("images",)

    count, size = 512, 64
    items = np.zeros((4096, 64, 64, 4), np.uint8)
    pipeline = ironbatch.Dataset(len(items), Images, preloaded=items).p.do_nothing()
    volume = float(count * size * items[0].nbytes) / 1e9

    def run() -> float:
        began = time.perf_counter()
        for _ in pipeline.gen_batch(size, n_iters=count, prefetch=4, target="mpc"):
            pass
        return volume / (time.perf_counter() - began)

    run()
    low, median, high = statistics.quantiles([run() for _ in range(7)], n=4)
    return Measured(median, low, high)


def rebatched(size: int, to: int, *, read: bool = False) -> Measured:
    """Compare batches of 12 KB items that change their size with the gathering of the new ones.

    The floor is NumPy's gather into memory that is used again and again. Images that nobody has
    asked for before batches are joined are gathered once, for the joined batch; what an action has
    `read` before that is copied once more.
    """
    import numpy as np

    class Images(ironbatch.Batch):
        components = ("images",)

        @ironbatch.action
        def look(self) -> Any:
            _ = self.images
            return self

    count = 4096
    items = np.random.default_rng(0).integers(0, 255, (count, 64, 64, 3), dtype=np.uint8)
    inner = ironbatch.Dataset(count, Images, preloaded=items).p
    pipeline = (inner.look() if read else inner).rebatch(to)
    order = np.random.default_rng(1).permutation(count)
    places = [order[start : start + to] for start in range(0, count, to)]
    out = np.empty((to, *items.shape[1:]), items.dtype)

    def ours() -> None:
        for batch in pipeline.gen_batch(size, shuffle=7, n_epochs=1):
            _ = batch.images

    def floor() -> None:
        for ix in places:
            np.take(items, ix, axis=0, mode="clip", out=out)

    return compare(ours, floor)


def spin(count: int) -> int:
    """Keep the interpreter busy."""
    total = 0
    for number in range(count):
        total += number * number
    return total


def beside_a_process() -> Measured:
    """Compare a consumer that computes in Python over ready batches with one over a process."""
    import numpy as np

    class Images(ironbatch.Batch):
        components = ("images",)

        @ironbatch.action
        def produce(self) -> Any:
            spin(100_000)
            return self

    items, size, count = np.zeros((1024, 128, 128), np.uint8), 16, 40
    pipeline = ironbatch.Dataset(len(items), Images, preloaded=items).p.produce()
    ready = [ironbatch.Dataset(size, Images, preloaded=items[:size]).next_batch(size)] * count

    def consume(batches: Any) -> float:
        began = time.perf_counter()
        for _ in batches:
            spin(250_000)
        return time.perf_counter() - began

    def produced() -> Any:
        batches = pipeline.gen_batch(size, n_iters=count + 1, prefetch=4, target="mpc", n_workers=1)
        next(batches)
        return batches

    consume(produced())
    ratios = []
    for _ in range(15):
        alone = consume(ready)
        ratios.append(2 * consume(produced()) / (alone + consume(ready)))
    low, median, high = statistics.quantiles(ratios, n=4)
    return Measured(median, low, high)


def row(
    work: str, bar: float, measure: Callable[[], Measured], better: Any = "lower", **kw: str
) -> Row:
    """Make a row of this area."""
    return Row("pipeline", work, bar, better, kw.get("unit", "us"), kw.get("peer", "-"), measure)


ROWS = [
    row("a batch through 3 do_nothing", 8, lambda: per_batch(3)),
    row("each further action", 0.6, per_action),
    row("a batch through 3 do_nothing, prefetch 4", 30, lambda: per_batch(3, prefetch=4)),
    row("an action with constant keywords", 1, lambda: per_action(keyword=True)),
    row("an action with B.size", 2.5, lambda: per_action(expression=True)),
    row(
        "3 do_nothing",
        6,
        lambda: against_batchflow(3),
        "higher",
        unit="x",
        peer="BatchFlow",
    ),
    row(
        "3 do_nothing, prefetch 4",
        4,
        lambda: against_batchflow(3, prefetch=4),
        "higher",
        unit="x",
        peer="BatchFlow",
    ),
    row(
        "producer of 15 ms hidden behind a consumer of 20 ms",
        0.95,
        hidden_producer,
        "higher",
        unit="of its rate",
    ),
    row(
        "consumer busy in Python beside one producer process",
        1.08,
        beside_a_process,
        unit="of its time alone",
    ),
    row(
        "prefetch 4 in processes, batches of 1 MB",
        1,
        from_processes,
        "higher",
        unit="GB/s",
    ),
    row(
        "rebatch 64 to 256, items of 12 KB that no action has read",
        0.6,
        lambda: rebatched(64, 256),
        "higher",
        unit="x",
        peer="gather floor",
    ),
    row(
        "rebatch 256 to 64, items of 12 KB that no action has read",
        0.6,
        lambda: rebatched(256, 64),
        "higher",
        unit="x",
        peer="gather floor",
    ),
    row(
        "rebatch 64 to 256, items of 12 KB that an action has read",
        0.6,
        lambda: rebatched(64, 256, read=True),
        "higher",
        unit="x",
        peer="gather floor",
    ),
    row(
        "rebatch 256 to 64, items of 12 KB that an action has read",
        0.6,
        lambda: rebatched(256, 64, read=True),
        "higher",
        unit="x",
        peer="gather floor",
    ),
]
