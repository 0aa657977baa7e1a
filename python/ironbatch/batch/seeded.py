"""Batches that know the key of their run's random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ironbatch.batch.batch import Batch
from ironbatch.index.iteration import IterState
from ironbatch.random import stream_key

__all__ = ["run_key", "seeded"]


def run_key(shuffle: Any, state: IterState) -> tuple[int, int] | None:
    """Give the key of a run's random streams; None when nothing seeds it."""
    if state.order is not None and "key" in state.order:
        first, second = state.order["key"]
        return first, second
    if isinstance(shuffle, int | np.integer | np.random.SeedSequence) and not isinstance(
        shuffle, bool
    ):
        return stream_key(shuffle)
    return None


def seeded(batches: Iterator[Any], key: tuple[int, int]) -> Iterator[Any]:
    """Tell each batch the key of the run and where in the run it begins."""
    position = 0
    for batch in batches:
        if isinstance(batch, Batch):
            batch.__dict__["_stream_key"] = key
            batch.__dict__["_first_position"] = position
            position += len(batch.index)
        yield batch
