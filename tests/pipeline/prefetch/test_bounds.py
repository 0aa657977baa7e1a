"""Prefetch bounded by bytes, threads and processes; and nothing that hangs or stays."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ironbatch
from ironbatch import Dataset, I, action, inbatch_parallel

pytestmark = pytest.mark.timeout(120)

ITEM = 8 * 1000


class Arrays(ironbatch.Batch):
    """Arrays whose batches are counted while they live."""

    components = ("values",)
    alive: weakref.WeakSet = weakref.WeakSet()

    @action
    def make(self, length=1000):
        self.values = np.zeros((len(self), length))
        Arrays.alive.add(self)
        return self

    @action
    def make_but_first(self, iteration, notes):
        """Skip the first batch; leave a file for each other one, wherever that is made."""
        if iteration == 1:
            raise ironbatch.SkipBatchException
        (notes / str(iteration)).touch()
        return self.make()

    @action
    def grow(self):
        self.values = np.zeros((len(self), 1000 * (10 if self.indices[0] == 3 else 1)))
        return self

    @action
    def where(self):
        self.values = np.array([[os.getpid(), threading.get_ident()]] * len(self))
        return self

    @action
    def pause(self, seconds):
        time.sleep(seconds)
        return self

    @inbatch_parallel(init="indices", post="_gather", target="threads")
    def in_threads(self, item):
        return float(item)

    def _gather(self, results, *args, **kwargs):
        self.values = np.array(results)
        return self

    @action
    def die_once(self, flag):
        if self.indices[0] == 2 and not os.path.exists(flag):  # noqa: PTH110
            os.kill(os.getpid(), signal.SIGKILL)
        return self


@pytest.fixture
def dataset():
    return Dataset(20, Arrays)


@pytest.fixture(params=["threads", "mpc", "executor"])
def target(request):
    if request.param == "executor":
        with ThreadPoolExecutor(4) as executor:
            yield executor
    else:
        yield request.param


@pytest.mark.parametrize("allowed", [1, 3])
def test_no_more_bytes_wait_than_allowed(dataset, allowed):
    Arrays.alive.clear()
    batches = dataset.p.make().gen_batch(1, prefetch=8, prefetch_bytes=allowed * ITEM)
    most = 0
    for batch in batches:
        time.sleep(0.02)
        gc.collect()
        most = max(most, len(Arrays.alive))
        del batch
    assert most == 1 + allowed


def test_without_a_bound_as_many_wait_as_asked_for(dataset):
    Arrays.alive.clear()
    batches = dataset.p.make().gen_batch(1, prefetch=5)
    batch = next(batches)
    deadline = time.monotonic() + 10
    while len(Arrays.alive) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(Arrays.alive) == 6
    batches.close()
    del batch


def test_a_bound_keeps_the_order(dataset, target):
    kwargs = {"prefetch": 8, "target": target, "prefetch_bytes": 3 * ITEM}
    assert [b.indices[0] for b in dataset.p.make().gen_batch(1, **kwargs)] == [*range(20)]


def test_a_batch_larger_than_the_bound_gets_on(dataset, target):
    kwargs = {"prefetch": 8, "target": target, "prefetch_bytes": 100}
    assert [b.indices[0] for b in dataset.p.grow().gen_batch(1, **kwargs)] == [*range(20)]


def test_a_first_batch_that_is_skipped_does_not_lift_the_bound(dataset, target, tmp_path):
    kwargs = {"prefetch": 8, "target": target, "prefetch_bytes": 3 * ITEM}
    batches = dataset.p.make_but_first(I(), tmp_path).gen_batch(1, **kwargs)
    next(batches)
    time.sleep(0.3)
    batches.close()
    assert len(list(tmp_path.iterdir())) <= 4


def test_the_bound_counts_batches_with_a_component_of_any_name(tmp_path):
    class WithOutcome(Arrays):
        components = ("values", "outcome")

    batches = Dataset(20, WithOutcome).p.make_but_first(I(), tmp_path)
    batches = batches.gen_batch(1, prefetch=8, prefetch_bytes=3 * ITEM)
    next(batches)
    time.sleep(0.3)
    batches.close()
    assert len(list(tmp_path.iterdir())) <= 4


def test_batches_that_are_discarded_go_on_together_under_a_bound(dataset):
    together = threading.Barrier(4, timeout=30)

    def meet(iteration):
        if iteration > 4:
            together.wait()

    discarded = dataset.p.call(meet, I()).discard_batch()
    kwargs = {"n_iters": 8, "prefetch": 4, "prefetch_bytes": 1}
    assert [*discarded.gen_batch(1, **kwargs)] == [None] * 8


def test_a_bound_with_rebatch(dataset, target):
    pipeline = dataset.p.make().rebatch(3)
    kwargs = {"prefetch": 4, "target": target, "prefetch_bytes": 4 * ITEM}
    assert [len(batch) for batch in pipeline.gen_batch(2, **kwargs)] == [3] * 6 + [2]


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-5, ValueError), ("2GB", TypeError), (True, TypeError)]
)
def test_a_wrong_bound_is_refused_at_the_call(dataset, value, error):
    with pytest.raises(error, match="prefetch_bytes is a"):
        dataset.p.gen_batch(1, prefetch=2, prefetch_bytes=value)


def places(dataset, seconds=0.05, **kwargs):
    batches = dataset.p.where().pause(seconds).gen_batch(1, **kwargs)
    found = {tuple(batch.values[0].tolist()) for batch in batches}
    return len({pid for pid, _ in found}), len(found)


def test_threads_are_bounded(dataset):
    assert places(dataset, prefetch=6, n_workers=2) == (1, 2)


def test_processes_are_bounded(dataset):
    assert places(dataset, prefetch=4, target="mpc", n_workers=1) == (1, 1)
    assert places(dataset, prefetch=6, target="mpc", n_workers=3)[0] == 3


def test_one_process_with_threads_inside(dataset):
    kwargs = {"prefetch": 6, "target": "mpc", "n_workers": 1, "n_threads": 3}
    assert places(dataset, **kwargs) == (1, 3)
    batches = list(dataset.p.in_threads().gen_batch(4, **kwargs))
    assert np.concatenate([b.values for b in batches]).tolist() == [*map(float, range(20))]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_workers": 0}, ValueError),
        ({"n_workers": 1.5}, TypeError),
        ({"n_threads": 0, "target": "mpc"}, ValueError),
        ({"n_threads": 2}, ValueError),
    ],
)
def test_wrong_numbers_of_workers_are_refused_at_the_call(dataset, options, error):
    with pytest.raises(error, match=next(iter(options))):
        dataset.p.gen_batch(1, prefetch=2, **options)


@pytest.mark.parametrize("where", [{}, {"target": "mpc"}])
def test_rebatch_makes_batches_ahead(where):
    pipeline = Dataset(64, Arrays).p.pause(0.02).make(2).rebatch(4)
    batches = pipeline.gen_batch(1, prefetch=1, n_workers=4, **where)
    next(batches)
    time.sleep(1)
    began = time.perf_counter()
    next(batches)
    # Four times 0.02 s, unless they were made meanwhile.
    assert time.perf_counter() - began < 0.07
    batches.close()


# Nothing hangs


class Broken(Dataset):
    def create_batch(self, index, *args, **kwargs):
        if index.indices[0] == 2:
            raise OSError("the disk is gone")
        return super().create_batch(index, *args, **kwargs)


def test_a_dataset_that_fails_to_make_a_batch(target):
    batches = Broken(6, Arrays).p.pause(0).gen_batch(1, prefetch=3, target=target)
    assert [next(batches).indices[0] for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


@pytest.mark.parametrize("way", ["break", "raise", "del", "exit"])
def test_a_consumer_that_leaves(dataset, target, way):
    def consume():
        for batch in dataset.p.pause(0.01).gen_batch(1, prefetch=4, target=target, n_epochs=50):
            if way == "raise":
                raise KeyError(batch.indices[0])
            if way == "exit":
                sys.exit(3)
            if way == "break":
                break
            return

    for _ in range(5):
        began = time.perf_counter()
        if way in ("raise", "exit"):
            with pytest.raises(KeyError if way == "raise" else SystemExit):
                consume()
        else:
            consume()
        gc.collect()
        assert time.perf_counter() - began < 10
    assert len(list(dataset.p.pause(0).gen_batch(1, prefetch=4, target=target))) == 20


def test_inside_a_running_event_loop(dataset, target):
    async def main():
        got = []
        for batch in dataset.p.pause(0).gen_batch(1, prefetch=4, target=target):
            got.append(batch.indices[0])
            await asyncio.sleep(0)
        return got

    assert asyncio.run(main()) == [*range(20)]


def test_runs_within_runs(dataset, target):
    for outer in dataset.p.pause(0).rebatch(3).gen_batch(2, prefetch=2, target=target, n_iters=3):
        inner = dataset.p.pause(0).rebatch(4).gen_batch(3, prefetch=2, target=target)
        assert sum(map(len, inner)) == 20
        del outer


def test_a_killed_worker_is_replaced(dataset, tmp_path):
    flag = tmp_path / "flag"
    pipeline = dataset.p.die_once(str(flag))
    # Of two threads the other may be at any batch before the one that kills: the first is named.
    for threads, item in ((1, "2"), (2, "[012]")):
        kwargs = {"prefetch": 4, "target": "mpc", "n_workers": 1, "n_threads": threads}
        with pytest.raises(ironbatch.errors.WorkerDiedError, match=f"begins with item {item}"):
            list(pipeline.gen_batch(1, **kwargs))
    flag.write_text("")
    assert len(list(pipeline.gen_batch(1, prefetch=4, target="mpc", n_workers=1))) == 20


def test_no_worker_is_lost_over_many_runs(dataset):
    from ironbatch.targets.processes.pool import pool

    for _ in range(10):
        list(dataset.p.pause(0).gen_batch(5, prefetch=2, target="mpc"))
    before = set(pool().pids)
    for number in range(10):
        batches = dataset.p.pause(0.001).gen_batch(1, prefetch=3, target="mpc")
        next(batches)
        if number % 2:
            batches.close()
        del batches
    assert len(set(pool().pids) | before) <= len(before) + len(os.sched_getaffinity(0))


def test_exit_with_busy_workers_and_a_class_of_main():
    code = """
    import time, numpy as np
    from ironbatch import Batch, Dataset, action

    class Own(Batch):
        @action
        def pause(self):
            time.sleep(30 if self.indices[0] else 0)
            return self

    batches = Dataset(9, Own).p.pause().gen_batch(1, prefetch=4, target="mpc", n_threads=2)
    print(next(batches).indices[0])
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-"],
        input=textwrap.dedent(code),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    assert time.perf_counter() - began < 25
