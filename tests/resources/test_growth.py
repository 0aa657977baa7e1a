"""Nothing grows over many batches: memory, file descriptors, threads."""

import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ironbatch import Batch, Dataset, apply_parallel

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")


class Scans(Batch):
    components = "images", "labels"

    @apply_parallel(src="labels", target="threads")
    def fail_on_seven(self, label):
        if label % 10 == 7:
            raise ValueError("seven")
        return label


def usage():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - what pathlib opens would count
        threading.active_count(),
    )


def assert_no_growth(work, warm_up):
    for _ in range(warm_up):
        work()
    memory, files, threads = usage()
    for _ in range(4 * warm_up):
        work()
    later_memory, later_files, later_threads = usage()
    assert later_memory - memory < 8 << 20
    assert later_files <= files
    assert later_threads <= threads + 16  # persistent pools fill up on demand, to a limit


@pytest.fixture
def dataset():
    images = np.zeros((2000, 64), np.uint8)
    return Dataset(2000, Scans, preloaded={"images": images, "labels": np.arange(2000)})


def test_many_batches(dataset):
    def epoch():
        for batch in dataset.gen_batch(20, shuffle=True, n_epochs=1):
            _ = batch.images, batch.labels

    assert_no_growth(epoch, warm_up=50)


def test_failed_actions(dataset):
    def fail():
        for batch in dataset.gen_batch(20, n_epochs=1):
            with pytest.raises(ValueError, match="seven"):
                batch.fail_on_seven()

    assert_no_growth(fail, warm_up=3)


def test_abandoned_generators(dataset):
    pipeline = dataset.p.do_nothing()

    def abandon():
        batches = pipeline.gen_batch(20, n_epochs=1, prefetch=3)
        next(batches)
        del batches

    assert_no_growth(abandon, warm_up=50)


def test_batches_with_reference_cycles(dataset):
    def cycle():
        batch = dataset.next_batch(20)
        batch.itself = batch
        _ = batch.images

    assert_no_growth(cycle, warm_up=200)
