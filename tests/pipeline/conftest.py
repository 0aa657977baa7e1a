"""A dataset of numbers whose batches have a handful of actions."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import numpy as np
import pytest

import ironbatch
from ironbatch import action


class Numbers(ironbatch.Batch):
    components = ("values",)

    @action
    def scale(self, factor: float = 2) -> Self:
        self.values = self.values * factor
        return self

    @action
    def add_noise(self) -> Self:
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @action
    def wait(self, seconds: float = 0.01) -> Self:
        time.sleep(seconds)
        return self

    @action
    def wait_longer_first(self) -> Self:
        time.sleep(0.03 if self.indices[0] == 0 else 0.001)
        return self

    @action
    def fail_at(self, item: int, error: type[Exception] = ValueError) -> Self:
        if item in self.indices:
            raise error(f"cannot do item {item}")
        return self

    @action
    def skip_at(self, *items: int) -> Self:
        if set(items) & set(self.indices.tolist()):
            raise ironbatch.SkipBatchException
        return self

    @action
    def stop_at(self, item: int) -> Self:
        if item in self.indices:
            raise ironbatch.StopPipeline
        return self

    @action
    def forget_to_return(self) -> None:
        self.values = self.values + 1

    @action
    def return_a_number(self) -> int:
        return 7

    @action
    def to_others(self) -> Others:
        return Others.from_data(self.index, (self.values,))

    @action(no_eval="dst")
    def fill(self, dst: Any = None) -> Self:
        dst.set(self.values.sum())
        return self

    @action(use_lock=True)
    def guarded(self, log: list[int]) -> Self:
        log.append(int(self.indices[0]))
        return self

    @action
    def note_thread(self, into: set[str]) -> Self:
        into.add(threading.current_thread().name)
        return self


class Others(ironbatch.Batch):
    components = ("values",)

    @action
    def only_here(self) -> Self:
        self.values = self.values * 100
        return self


@pytest.fixture
def dataset() -> ironbatch.Dataset:
    return ironbatch.Dataset(10, Numbers, preloaded=np.arange(10.0))


@pytest.fixture
def values() -> Any:
    """Give the values of all batches of a run."""

    def collect(pipeline: Any, **kwargs: Any) -> list[list[float]]:
        kwargs.setdefault("batch_size", 4)
        return [batch.values.tolist() for batch in pipeline.gen_batch(**kwargs)]

    return collect
