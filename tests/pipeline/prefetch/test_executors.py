"""Prefetch on executors of the user's."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import traceback
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, V, action, apply_parallel

pytestmark = pytest.mark.timeout(120)


class Numbers(ironbatch.Batch):
    """Numbers whose actions draw, fail, wait and look around."""

    components = ("values",)

    @action
    def add_noise(self):
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @action
    def note_process(self):
        self.values = np.full(len(self), os.getpid())
        return self

    @action
    def note_thread(self):
        self.name = threading.current_thread().name
        return self

    @action
    def pause(self, seconds):
        time.sleep(seconds)
        return self

    @apply_parallel(src="values", dst="values", target="for")
    def fail_on(self, value, bad):
        if value == bad:
            raise ValueError(f"bad value {bad}")
        return value

    @action
    def die_at(self, item):
        if item in self.indices:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    @action
    def skip_at(self, item):
        if item in self.indices:
            raise ironbatch.SkipBatchException
        return self


class Pickling(ThreadPoolExecutor):
    """Threads that know of each other as little as processes do."""

    def submit(self, function, /, *args, **kwargs):
        sent = pickle.dumps((function, args, kwargs))

        def work():
            function, args, kwargs = pickle.loads(sent)
            return pickle.loads(pickle.dumps(function(*args, **kwargs)))

        return super().submit(work)


class Inline(Executor):
    """Carries tasks out where they are submitted."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Latest(Executor):
    """Carries out the task that was submitted last."""

    def __init__(self):
        self.tasks = []
        self.most = 0
        self.changed = threading.Condition()
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        with self.changed:
            self.tasks.append((future, function, args, kwargs))
            self.most = max(self.most, len(self.tasks))
            self.changed.notify()
        return future

    def _work(self):
        while True:
            with self.changed:
                while not self.tasks:
                    self.changed.wait()
            time.sleep(0.01)
            with self.changed:
                future, function, args, kwargs = self.tasks.pop()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)


@pytest.fixture
def dataset():
    return Dataset(20, Numbers, preloaded=np.arange(20.0))


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.fixture(params=["threads", "processes", Pickling, Inline, Latest])
def executor(request):
    if request.param == "processes":
        yield request.getfixturevalue("processes")
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as executor:
            yield executor
    elif request.param is Pickling:
        with Pickling(2) as executor:
            yield executor
    else:
        yield request.param()


def test_the_bytes_do_not_depend_on_the_executor(dataset, executor):
    pipeline = dataset.p.add_noise().rebatch(5)
    kwargs = {"batch_size": 3, "shuffle": 7, "n_epochs": 2}
    expected = [b.values.tolist() for b in pipeline.gen_batch(**kwargs)]
    for depth in (1, 4):
        batches = pipeline.gen_batch(prefetch=depth, target=executor, **kwargs)
        assert [b.values.tolist() for b in batches] == expected


def test_batches_are_made_where_the_executor_works(dataset, processes):
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as threads:
        batches = list(dataset.p.note_thread().gen_batch(5, prefetch=2, target=threads))
        assert all(batch.name.startswith("mine") for batch in batches)
    batches = dataset.p.note_process().gen_batch(5, prefetch=2, target=processes)
    assert os.getpid() not in {pid for batch in batches for pid in batch.values}


def test_a_large_dataset_travels_to_each_worker_only(processes):
    data = np.ones((20, 1 << 15))
    batches = Dataset(20, Numbers, preloaded=data).p.gen_batch(1, prefetch=4, target=processes)
    assert sum(batch.values.sum() for batch in batches) == data.size


def test_variables_change_here_in_order(dataset, executor):
    pipeline = (
        dataset.p.init_variable("seen", []).pause(0.001).update(V("seen", mode="a"), B.indices[0])
    )
    pipeline.run(2, prefetch=4, target=executor)
    assert pipeline.v("seen") == [*range(0, 20, 2)]


def test_an_error_names_item_action_and_line(dataset, executor):
    batches = dataset.p.fail_on(5).gen_batch(4, prefetch=3, target=executor)
    next(batches)
    with pytest.raises(ValueError, match="bad value 5") as caught:
        next(batches)
    error = caught.value
    assert (error.item_id, error.action) == (5, "fail_on")
    text = "".join(traceback.format_exception(error))
    assert 'raise ValueError(f"bad value {bad}")' in text
    assert "in action 'fail_on' (step 0.fail_on) of batch 2" in text


def test_the_first_batch_may_be_skipped(dataset, executor):
    batches = dataset.p.skip_at(0).gen_batch(4, prefetch=3, target=executor)
    assert [batch.indices[0] for batch in batches] == [4, 8, 12, 16]


def test_failing_batches_are_dropped_on_request(dataset, executor):
    kwargs = {"prefetch": 3, "target": executor, "ignore_exceptions": True}
    batches = dataset.p.fail_on(5).gen_batch(4, **kwargs)
    assert [batch.indices[0] for batch in batches] == [0, 8, 12, 16]


def test_no_more_than_prefetch_tasks_are_submitted(dataset):
    executor = Latest()
    assert len(list(dataset.p.gen_batch(1, prefetch=3, target=executor))) == 20
    assert executor.most <= 3


def test_the_executor_stays_open(dataset):
    with ThreadPoolExecutor(1) as executor:
        list(dataset.p.gen_batch(4, prefetch=3, target=executor))
        assert executor.submit(int, "7").result(20) == 7


def test_what_has_not_begun_is_cancelled_when_the_consumer_leaves():
    begun = []

    class Counted(ironbatch.Batch):
        @action
        def note(self):
            begun.append(self.indices[0])
            time.sleep(0.05)
            return self

    with ThreadPoolExecutor(1) as executor:
        batches = Dataset(100, Counted).p.note().gen_batch(1, prefetch=20, target=executor)
        next(batches)
        batches.close()
        executor.submit(int).result(20)
    assert len(begun) <= 3


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_that_is_shut_down_is_an_error(dataset, kind):
    executor = kind(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match=r"takes no batches.*stay open"):
        list(dataset.p.gen_batch(4, prefetch=3, target=executor))


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Pickling])
def test_an_executor_that_is_shut_down_on_the_way_is_an_error(dataset, kind):
    executor = kind(1)
    batches = dataset.p.pause(0.05).gen_batch(1, prefetch=8, target=executor)
    next(batches)
    executor.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(RuntimeError, match=r"cancelled|takes no batches"):
        list(batches)


def test_a_worker_that_is_killed_is_an_error(dataset):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        batches = dataset.p.die_at(9).gen_batch(4, prefetch=2, target=executor)
        with pytest.raises(ironbatch.errors.WorkerDiedError, match="executor broke"):
            list(batches)


def test_an_executor_may_be_used_inside_its_own_task(dataset):
    with ThreadPoolExecutor(1) as executor:

        def inside():
            return len(list(dataset.p.gen_batch(10, prefetch=2, target=executor)))

        assert executor.submit(inside).result(60) == 2


def test_shared_steps_before_others_are_refused_at_the_call(dataset, processes):
    pipeline = dataset.p.init_variable("x", 0).update(V("x"), B.size).add_noise()
    with pytest.raises(ValueError, match=r"step 0\.update .*prefetch in threads"):
        pipeline.gen_batch(4, prefetch=2, target=processes)


def test_what_cannot_be_pickled_is_named(dataset, processes):
    with pytest.raises(TypeError, match="cannot be sent to a worker process"):
        dataset.p.pause(n for n in range(3)).run(4, prefetch=2, target=processes)


@pytest.mark.parametrize("target", [None, 3, ThreadPoolExecutor])
def test_other_targets_are_refused(dataset, target):
    with pytest.raises(ValueError, match="'threads', 'mpc' or an Executor"):
        dataset.p.gen_batch(4, prefetch=2, target=target)


def test_an_executor_has_workers_of_its_own(dataset):
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(ValueError, match=r"n_workers does not go with target.*its? own"),
    ):
        dataset.p.gen_batch(4, prefetch=2, target=executor, n_workers=2)
