"""A dataset whose batches draw, fail and die, and engines that lose what they are given."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

import ironbatch
from ironbatch import action, apply_parallel


class Numbers(ironbatch.Batch):
    components = ("values",)

    @action
    def add_noise(self):
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @apply_parallel(src="values", dst="values", target="for", requires_rng=True)
    def jitter(self, value, rng):
        return value + rng.normal()

    @apply_parallel(src="values", dst="values", target="for")
    def fail_on(self, value, bad, error=ValueError):
        if value == bad:
            raise error(f"bad value {bad}")
        return value

    @apply_parallel(src="values", dst="values", target="for")
    def fail_once_on(self, value, bad, folder):
        mark = Path(folder) / "failed"
        if value == bad and not mark.exists():
            mark.touch()
            raise OSError("not now")
        return value

    @action
    def fail_as_a_whole(self, item):
        if item in self.indices:
            raise ValueError(f"cannot do item {item}")
        return self

    @action
    def skip_at(self, item):
        if item in self.indices:
            raise ironbatch.SkipBatchException
        return self

    @action
    def stop_at(self, item):
        if item in self.indices:
            raise ironbatch.StopPipeline
        return self

    @action
    def add_batch(self, other):
        self.values = self.values + other.values
        return self

    @action
    def note_process(self):
        self.values = np.full(len(self), os.getpid())
        return self

    @action
    def pause(self, seconds):
        time.sleep(seconds)
        return self

    @action
    def die_at(self, item):
        if item in self.indices:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    @action
    def die_once_at(self, item, folder):
        mark = Path(folder) / "died"
        if item in self.indices and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    @action
    def note_file(self, folder):
        (Path(folder) / uuid4().hex).touch()
        return self

    @action
    def keep_a_lock(self):
        import threading

        self.guard = threading.Lock()
        return self

    @action
    def store_variable(self, name):
        self.pipeline.set_variable(name, 1)
        return self


class Mean:
    """A model that notes what it is trained with."""

    def __init__(self, config):
        self.seen = []

    def train(self, values):
        self.seen.append(float(np.sum(values)))


@pytest.fixture
def model():
    return Mean


@pytest.fixture
def dataset():
    return ironbatch.Dataset(50, Numbers, preloaded=np.arange(50.0))


@pytest.fixture
def collect():
    """Give what a run has made, as bytes."""

    def made(pipeline, **kwargs):
        kwargs = {"batch_size": 4, "shuffle": 7, **kwargs}
        return [
            (batch.indices.tolist(), batch.values.tobytes())
            for batch in pipeline.gen_batch(**kwargs)
        ]

    return made
