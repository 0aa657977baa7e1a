"""Rows about indexes, orders and item streams."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benches.row import Measured, Row, compare, seconds
from ironbatch import Dataset, DatasetIndex
from ironbatch.random import ItemStreams

__all__ = ["ROWS"]


def _peer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import batchflow

    return batchflow


def _built(index: Any, some: Any) -> None:
    index.get_pos(some)


def _in_turn(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> Measured:
    """As `compare`, without the runs that `compare` makes first: these take many seconds."""
    ratios = []
    for _ in range(rounds):
        times = []
        for work in (ours, peer):
            gc.collect()
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        ratios.append(times[1] / times[0])
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    return Measured(median, low, high)


def build_integers() -> Measured:
    """Ten million random integers and a look-up; each side once a round, it takes long."""
    ids = np.random.default_rng(0).integers(-(2**62), 2**62, 10**7)
    peer = _peer()
    return _in_turn(
        lambda: _built(DatasetIndex(ids), int(ids[5])),
        lambda: _built(peer.DatasetIndex(ids), ids[5]),
        rounds=2,
    )


def bytes_of_integers() -> Measured:
    """Bytes that an index of ten million integers holds for each."""
    index = DatasetIndex(np.random.default_rng(0).integers(-(2**62), 2**62, 10**7))
    held = index.nbytes / len(index)
    return Measured(held, held, held)


def build_strings() -> Measured:
    """A million strings and a look-up."""
    numbers = np.random.default_rng(0).permutation(10**6)
    ids = [f"item_{number:08d}" for number in numbers]
    peer = _peer()
    return _in_turn(
        lambda: _built(DatasetIndex(ids), ids[5]),
        lambda: _built(peer.DatasetIndex(ids), ids[5]),
        rounds=5,
    )


def build_range() -> Measured:
    """A billion consecutive ids."""
    return seconds(lambda: _built(DatasetIndex(10**9), 5), scale=1e3)


def look_up(as_list: bool) -> Measured:
    """A thousand ids of a million, others each time."""
    rng = np.random.default_rng(0)
    ids = rng.permutation(10**6) * 7
    index = DatasetIndex(ids)
    values = []
    for _ in range(15):
        calls = [rng.choice(ids, 1000) for _ in range(20)]
        given: list[Any] = [call.tolist() for call in calls] if as_list else calls
        gc.collect()
        start = time.perf_counter()
        for call in given:
            index.get_pos(call)
        values.append((time.perf_counter() - start) / (20 * 1000) * 1e9)
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return Measured(median, low, high)


def _run(batches: Any, count: int) -> None:
    for _ in range(count):
        next(batches)


def batches(make: Callable[[Any], Any]) -> Measured:
    """Batches of 64 out of a shuffled million, created one after another."""
    ours = make(None).gen_batch(64, shuffle=True)
    theirs = make(_peer()).gen_batch(64, shuffle=True)
    return compare(partial(_run, ours, 1000), partial(_run, theirs, 1000))


def _dataset(peer: Any) -> Any:
    return Dataset(10**6) if peer is None else peer.Dataset(10**6)


def _index(peer: Any) -> Any:
    return DatasetIndex(10**6) if peer is None else peer.DatasetIndex(10**6)


def next_index() -> Measured:
    """What the index of one batch costs."""
    made = DatasetIndex(10**6).gen_batch(64, shuffle=True)
    return seconds(lambda: _run(made, 100), scale=1e6 / 100)


def streams() -> Measured:
    """What moving a generator to the next item costs."""
    at = ItemStreams((1, 2), 3).at

    def run() -> None:
        for origin in range(1000):
            at(origin, 1, 0)

    return seconds(run, scale=1e6 / 1000)


ROWS = [
    Row("index", "10^7 random int64 and a look-up", 15, "higher", "x", "BatchFlow", build_integers),
    Row("index", "bytes held by 10^7 int64", 32, "lower", "bytes/id", "-", bytes_of_integers),
    Row("index", "10^6 strings and a look-up", 5, "higher", "x", "BatchFlow", build_strings),
    Row("index", "a range of 10^9", 1, "lower", "ms", "-", build_range),
    Row(
        "index", "get_pos of an array of 1,000 of 10^6", 100, "lower", "ns/id", "-",
        partial(look_up, False),
    ),
    Row(
        "index", "get_pos of a list of 1,000 of 10^6", 100, "lower", "ns/id", "-",
        partial(look_up, True),
    ),
    Row(
        "index", "Dataset(10^6).gen_batch(64, shuffle=True)", 6, "higher", "x", "BatchFlow",
        partial(batches, _dataset),
    ),
    Row(
        "index", "DatasetIndex(10^6).gen_batch(64, shuffle=True)", 6, "higher", "x", "BatchFlow",
        partial(batches, _index),
    ),
    Row("index", "index of a batch of 64, shuffled", 4, "lower", "us/batch", "-", next_index),
    Row("index", "an item's random generator", 1.5, "lower", "us/item", "-", streams),
]  # fmt: skip
