import concurrent.futures
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import ironbatch
from ironbatch import Dataset, V

pytestmark = pytest.mark.timeout(60)


def run_script(code, timeout=30):
    """Run code in a new interpreter; give its exit code, output, and how long it took."""
    prelude = """
    import os, signal, sys, threading, time
    import numpy as np
    from ironbatch import Batch, Dataset, V, action

    class Numbers(Batch):
        components = 'values',

        @action
        def wait(self, seconds):
            time.sleep(seconds)
            return self

        @action
        def spin(self):
            while True:
                pass

    dataset = Dataset(100, Numbers, preloaded=np.arange(100))
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(code)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done, time.perf_counter() - began


@pytest.mark.parametrize("prefetch", [1, 2, 3, 8, True])
def test_batches_do_not_depend_on_prefetch(dataset, values, prefetch):
    pipeline = dataset.p.wait_longer_first().add_noise()
    kwargs = {"batch_size": 3, "shuffle": 7, "n_epochs": 3}
    assert values(pipeline, **kwargs) == values(pipeline, prefetch=prefetch, **kwargs)


def test_prefetch_works_while_the_consumer_is_busy(dataset):
    made = []
    ready = threading.Semaphore(0)

    class Counted(ironbatch.Batch):
        @ironbatch.action
        def note(self):
            made.append(self.indices[0])
            ready.release()
            return self

    batches = Dataset(10, Counted).p.note().gen_batch(1, prefetch=3)
    next(batches)
    # Without being asked: the one taken and the three after it.
    for _ in range(4):
        assert ready.acquire(timeout=20)
    batches.close()
    assert sorted(made) == [0, 1, 2, 3]


def test_prefetch_runs_batches_side_by_side(dataset):
    barrier = threading.Barrier(5)

    class Meeting(ironbatch.Batch):
        @ironbatch.action
        def meet(self):
            barrier.wait(20)
            return self

    Dataset(10, Meeting).p.meet().run(1, prefetch=5)
    assert not barrier.broken


def test_no_more_batches_than_asked_for_are_under_way():
    made = []

    class Counted(ironbatch.Batch):
        def __init__(self, index, *args, **kwargs):
            super().__init__(index, *args, **kwargs)
            made.append(self.indices[0])

    batches = Dataset(100, Counted).p.gen_batch(1, prefetch=3)
    next(batches)
    deadline = time.monotonic() + 20
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(made) == 4
    batches.close()


def test_prefetch_of_zero_stays_in_the_thread(dataset):
    names: set[str] = set()
    dataset.p.note_thread(names).run(4, prefetch=0)
    assert names == {threading.current_thread().name}
    dataset.p.note_thread(names).run(4, prefetch=2)
    assert len(names) > 1


@pytest.mark.parametrize(("prefetch", "error"), [(-1, ValueError), ("2", TypeError)])
def test_a_wrong_prefetch_is_refused_at_the_call(dataset, prefetch, error):
    with pytest.raises(error, match="prefetch"):
        dataset.p.gen_batch(4, prefetch=prefetch)


def test_an_unknown_target_is_refused_at_the_call(dataset):
    assert len(list(dataset.p.gen_batch(4, prefetch=1, target="t"))) == 3
    with pytest.raises(ValueError, match="target 'moon'"):
        dataset.p.gen_batch(4, prefetch=1, target="moon")


def test_a_batch_class_that_does_not_take_what_the_dataset_passes_is_named(dataset):
    class Narrow(ironbatch.Batch):
        def __init__(self, index, dataset=None):
            super().__init__(index, dataset)

    with pytest.raises(TypeError, match="Narrow"):
        Dataset(4, Narrow).p.run(2, prefetch=2)


def test_threads_are_used_again(dataset):
    for _ in range(50):
        dataset.p.run(2, prefetch=3)
    # A thread that is still on its way back to the crew is not waited for, so a few more may start.
    assert threading.active_count() < 50


def test_a_lock_is_taken_in_the_order_of_the_batches(dataset):
    pipeline = dataset.p.init_variable("seen", []).wait_longer_first().acquire_lock("file")
    # A later batch with the lock, waiting for its turn, would wait for ever.
    pipeline = pipeline.update(V("seen", mode="a"), 1).release_lock("file")
    pipeline.run(1, prefetch=4)
    assert len(pipeline.v("seen")) == len(dataset)


def test_a_thread_that_comes_late_finds_the_work_done(dataset, monkeypatch):
    from ironbatch.targets.crew import Crew

    crew = Crew(limit=0)
    monkeypatch.setattr("ironbatch.targets.crew._crew", crew)
    made = []

    class Counted(ironbatch.Batch):
        @ironbatch.action
        def note(self):
            made.append(self.indices[0])
            return self

    batches = Dataset(30, Counted).p.note().gen_batch(1, prefetch=3)
    for _ in range(5):
        next(batches)
    crew.limit = 8
    assert len(list(batches)) == 25
    assert sorted(made) == list(range(30))


def test_an_abandoned_generator_leaves_only_idle_threads(dataset):
    from ironbatch.targets.crew import crew

    def settled():
        gc.collect()
        deadline = time.monotonic() + 10
        while crew().idle < crew().size and time.monotonic() < deadline:
            time.sleep(0.01)
        return crew().size, crew().idle

    settled()
    for _ in range(30):
        batches = dataset.p.wait(0.001).gen_batch(1, prefetch=3)
        next(batches)
        del batches
    size, idle = settled()
    assert size == idle <= 60


def test_an_abandoned_generator_is_not_waited_for(dataset):
    batches = dataset.p.wait(4).gen_batch(1, prefetch=3)
    next(batches)
    began = time.perf_counter()
    del batches
    gc.collect()
    assert time.perf_counter() - began < 2


def test_batches_after_the_consumer_has_left_are_not_started():
    started = []

    class Counted(ironbatch.Batch):
        @ironbatch.action
        def work(self):
            started.append(self.indices[0])
            time.sleep(0.02)
            return self

    batches = Dataset(100, Counted).p.work().gen_batch(1, prefetch=2)
    next(batches)
    batches.close()
    time.sleep(0.15)
    assert len(started) <= 3


def test_batches_are_let_go_of(dataset):
    import weakref

    alive = [weakref.ref(batch) for batch in dataset.p.gen_batch(1, prefetch=3)]
    gc.collect()
    time.sleep(0.05)
    assert not any(one() is not None for one in alive)


def test_prefetch_inside_prefetch(dataset, values):
    class Outer(ironbatch.Batch):
        components = ("values",)

        @ironbatch.action
        def fill(self):
            inner = dataset.p.scale(2).gen_batch(5, prefetch=3)
            total = sum(batch.values.sum() for batch in inner)
            self.values = np.full(len(self), total)
            return self

    outer = Dataset(20, Outer).p.fill()
    assert values(outer, batch_size=1, prefetch=6) == [[90.0]] * 20


def test_consumers_in_several_threads(dataset, values):
    pipeline = dataset.p.scale(2).add_noise()
    expected = values(pipeline, shuffle=3)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(values, pipeline, shuffle=3, prefetch=3) for _ in range(12)]
        assert all(run.result() == expected for run in runs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_process_goes_on_with_a_generator(dataset):
    batches = dataset.p.scale(2).gen_batch(2, prefetch=3, shuffle=5)
    expected = [b.values.tolist() for b in dataset.p.scale(2).gen_batch(2, shuffle=5)]
    first = next(batches).values.tolist()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rest = [first, *(batch.values.tolist() for batch in batches)]
            again = [b.values.tolist() for b in dataset.p.scale(2).gen_batch(2, True, prefetch=2)]
            os.write(writer, b"1" if rest == expected and len(again) == 5 else b"0")
        finally:
            os._exit(0)
    os.close(writer)
    answer = os.read(reader, 1)
    os.close(reader)
    os.waitpid(child, 0)
    assert answer == b"1"
    assert [first, *(batch.values.tolist() for batch in batches)] == expected


def test_the_interpreter_ends_while_workers_run():
    done, seconds = run_script(
        """
        batches = dataset.p.wait(30).gen_batch(1, prefetch=4)
        threading.Thread(target=lambda: next(batches), daemon=True).start()
        time.sleep(0.3)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 10


def test_the_interpreter_ends_with_a_generator_left_open():
    done, seconds = run_script(
        """
        batches = dataset.p.wait(0.01).gen_batch(1, prefetch=4)
        next(batches)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 10


@pytest.mark.parametrize("pause", [0, 0.01, 0.02, 0.03])
def test_the_interpreter_ends_while_workers_are_in_the_core(pause):
    done, _ = run_script(
        f"""
        class Images(Batch):
            components = 'images',

            @action
            def touch(self):
                self.images = self.images + 1
                return self

        images = np.zeros((5000, 64, 64), np.uint8)
        batches = Dataset(5000, Images, preloaded=images).p.touch().touch().gen_batch(
            512, shuffle=True, prefetch=4, n_epochs=50)
        next(batches)
        time.sleep({pause})
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_that_the_interpreter_waits_for_gets_its_batches():
    done, _ = run_script(
        """
        def work():
            print(len(list(dataset.p.wait(0.05).gen_batch(5, prefetch=3))))

        threading.Thread(target=work).start()
        time.sleep(0.2)
        """
    )
    assert (done.stdout, done.stderr) == ("20\n", "")


INTERRUPT = """
    def interrupt():
        time.sleep(0.5)
        globals()['sent'] = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        for batch in {batches}:
            time.sleep({pause})
    except KeyboardInterrupt:
        took = time.perf_counter() - sent
        print(f'{{took:.3f}}')
"""


@pytest.mark.parametrize(
    ("batches", "pause"),
    [
        ("dataset.p.wait(5).gen_batch(1, prefetch=3)", 0),
        ("dataset.p.wait(0.01).gen_batch(1, prefetch=3, n_epochs=99)", 0),
        ("dataset.p.wait(0.01).gen_batch(1, prefetch=3)", 5),
        ("dataset.p.spin().gen_batch(1, prefetch=2)", 0),
    ],
)
def test_ctrl_c_reaches_the_consumer(batches, pause):
    done, seconds = run_script(INTERRUPT.format(batches=batches, pause=pause))
    assert done.stderr == ""
    # The bar is 0.2 s; a busy machine gets more.
    assert float(done.stdout) < 2
    assert done.returncode == 0
    assert seconds < 20


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs signals")
def test_a_pipeline_runs_again_after_an_interrupt():
    done, _ = run_script(
        """
        pipeline = dataset.p.wait(0.02)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            pipeline.run(1, prefetch=2, n_epochs=100)
        except KeyboardInterrupt:
            print(len(list(pipeline.gen_batch(50, prefetch=2))))
        """
    )
    assert done.stdout == "2\n", done.stderr


def test_a_source_that_fails_raises_after_the_batches_before(dataset):
    from ironbatch.pipeline.prefetch.threads import Prefetch

    def tasks():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    results = Prefetch(tasks(), lambda task: task * 10, depth=4)
    assert [next(results), next(results)] == [10, 20]
    with pytest.raises(OSError, match="disk"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_without_threads_the_consumer_does_the_work(dataset, values, monkeypatch):
    from ironbatch.pipeline.prefetch import threads as module

    class NoCrew:
        @staticmethod
        def reserve(wanted):
            return []

    monkeypatch.setattr(module, "crew", NoCrew)
    assert values(dataset.p.scale(2), prefetch=3)[2] == [16.0, 18.0]


def test_no_growth_over_many_runs(dataset):
    import resource

    pipeline = dataset.p.init_variable("n", 0).update(V("n"), V("n") + 1).fail_at(9)

    def some(count):
        for _ in range(count):
            with pytest.raises(ValueError, match="9"):
                pipeline.run(5, prefetch=2)
            next(pipeline.gen_batch(5, prefetch=2))

    some(100)
    gc.collect()
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    some(300)
    gc.collect()
    assert threading.active_count() <= threads + 4
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 4096
