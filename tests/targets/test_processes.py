"""Target ``mpc``: what travels, dead workers, limits."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, Dataset, DatasetIndex, inbatch_parallel
from ironbatch.errors import WorkerDiedError
from ironbatch.targets import Calls, Constant, Context, run
from ironbatch.targets.processes.pool import pool


def identity(x: Any) -> Any:
    return x


def test_calls_run_in_other_processes() -> None:
    pids = set(run("mpc", lambda _: os.getpid(), Calls(20, (list(range(20)),))))
    assert os.getpid() not in pids


def test_workers_are_kept() -> None:
    run("mpc", identity, Calls(4, ([1, 2, 3, 4],)))
    before = set(pool().pids)
    run("mpc", identity, Calls(100, (list(range(100)),)))
    assert set(pool().pids) == before


def test_n_workers_is_how_many_processes_are_used() -> None:
    def item(_: int) -> int:
        time.sleep(0.01)
        return os.getpid()

    assert len(set(run("mpc", item, Calls(10, ([0] * 10,)), n_workers=1))) == 1
    assert len(set(run("mpc", item, Calls(60, ([0] * 60,)), n_workers=3))) == 3


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.random.default_rng(0).random((300, 40)),
        np.zeros((0, 5)),
        np.asfortranarray(np.arange(5000.0).reshape(50, 100)),
        np.arange(20000)[::2],
        "text",
        b"x" * 100_000,
        None,
        {"a": [1, np.arange(3000)]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_arrive_and_return_unchanged(value: Any) -> None:
    for result in run("mpc", identity, Calls(3, ([value] * 3,))):
        np.testing.assert_equal(result, value)


def test_an_array_is_a_column() -> None:
    images = np.random.default_rng(0).random((50, 30, 30))
    results = run("mpc", np.sum, Calls(50, (images,)))
    np.testing.assert_allclose(results, images.sum((1, 2)))


def test_arrays_in_a_worker_are_writable_and_its_own() -> None:
    def item(image: Any) -> Any:
        image += 1
        return image

    images = np.zeros((4, 1000))
    results = run("mpc", item, Calls(4, (images,)))
    assert all((result == 1).all() for result in results)
    assert not images.any()


def test_results_are_writable() -> None:
    (result,) = run("mpc", identity, Calls(1, ([np.zeros(5000)],)))
    result += 1
    assert result[0] == 1


def test_a_result_stays_when_the_next_message_comes() -> None:
    first = run("mpc", identity, Calls(4, ([np.full(5000, 1.0)] * 4,)))
    run("mpc", identity, Calls(4, ([np.full(5000, 2.0)] * 4,)))
    assert all((result == 1).all() for result in first)


def test_constants_are_sent_whatever_they_are() -> None:
    big = np.arange(100_000)
    calls = Calls(3, ([1, 2, 3], Constant(big)), {"z": np.ones(10_000)})
    results = run("mpc", lambda x, y, z: x + y[-1] + z[0], calls)
    assert results == [100_001.0, 100_002.0, 100_003.0]


def test_changed_constants_are_sent_again() -> None:
    for value in range(3):
        assert run("mpc", lambda x, y: x + y, Calls(1, ([1], Constant(value)))) == [1 + value]
        big = np.full(50_000, value)
        assert run("mpc", lambda x, y: x + y[0], Calls(1, ([1], Constant(big)))) == [1 + value]


def test_many_functions_are_told_apart() -> None:
    def make(k: int) -> Any:
        return lambda x: x + k

    for _ in range(2):
        for k in range(70):
            assert run("mpc", make(k), Calls(2, ([0, 1],))) == [k, k + 1]


def test_an_exception_keeps_its_class_and_shows_the_remote_traceback() -> None:
    class LocalError(Exception):
        def __init__(self, code: int, *, why: str) -> None:
            super().__init__(code)
            self.why = why

    def item(x: int) -> None:
        raise LocalError(x, why="because")  # this line

    (error,) = run("mpc", item, Calls(1, ([4],)))
    assert type(error).__name__ == "LocalError"
    assert error.args == (4,)
    assert error.why == "because"
    assert "this line" in str(error.__cause__)
    assert "worker.py" not in str(error.__cause__)


def test_a_killed_workers_item_is_named_and_the_others_are_done() -> None:
    def item(x: int) -> int:
        if x == 70:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    context = Context("go", ids=[f"id{at}" for at in range(100)])
    results = run("mpc", item, Calls(100, (list(range(100)),)), context=context)
    assert isinstance(results[70], WorkerDiedError)
    assert "item 'id70' (position 70) (killed by signal 9)" in str(results[70])
    assert [x for at, x in enumerate(results) if at != 70] == [x for x in range(100) if x != 70]
    assert run("mpc", identity, Calls(5, ([1] * 5,))) == [1] * 5


def test_a_worker_that_exits_is_named_with_its_code() -> None:
    (result,) = run("mpc", os._exit, Calls(1, ([7],)))
    assert isinstance(result, WorkerDiedError)
    assert "exit code 7" in str(result)


def test_an_idle_worker_that_was_killed_is_replaced() -> None:
    run("mpc", identity, Calls(2, ([1, 2],)))
    for pid in pool().pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert run("mpc", identity, Calls(20, (list(range(20)),))) == list(range(20))


def test_a_module_that_workers_cannot_import_travels_by_value(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    path = tmp_path / "somewhere.py"
    path.write_text(
        "import math\n"
        "from ironbatch import Batch, inbatch_parallel\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def root(x): return math.sqrt(x)\n"
        "def move(point): return Point(point.x + 1)\n"
        "class Own(Batch):\n"
        "    components = 'x'\n"
        "    @inbatch_parallel(init='indices', post='_keep', target='mpc')\n"
        "    def go(self, item): return root(item * item), len(self.dataset)\n"
        "    def _keep(self, results):\n"
        "        self.x = [sum(result) for result in results]\n"
        "        return self\n"
    )
    spec = importlib.util.spec_from_file_location("module_by_path_only", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    try:
        assert run("mpc", module.root, Calls(3, ([1, 4, 9],))) == [1, 2, 3]
        points = run("mpc", module.move, Calls(2, ([module.Point(1), module.Point(2)],)))
        assert [point.x for point in points] == [2, 3]
        assert all(type(point) is module.Point for point in points)
        assert Dataset(3, module.Own).next_batch(3).go().x.tolist() == [3, 4, 5]
    finally:
        del sys.modules[spec.name]


def test_arguments_of_a_module_that_workers_cannot_import(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cloudpickle")
    module = types.ModuleType("made_at_run_time")
    exec("class Point:\n    x = 3\n", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert run("mpc", lambda point: point.x, Calls(3, ([module.Point()] * 3,))) == [3] * 3


def test_ctrl_c_while_arguments_are_pickled_loses_no_worker() -> None:
    class Interrupting:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    for _ in range(2 * len(os.sched_getaffinity(0))):
        with pytest.raises(KeyboardInterrupt):
            run("mpc", identity, Calls(2, ([Interrupting()] * 2,)))
    assert run("mpc", identity, Calls(2, ([1, 2],)), timeout=30) == [1, 2]


def test_the_timeout_holds_while_others_have_all_workers() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        n = max(len(pool().pids), len(os.sched_getaffinity(0)))
        sleeping = Calls(n, ([60.0] * n,))
        other = executor.submit(run, "mpc", time.sleep, sleeping, n_workers=n, timeout=4)
        time.sleep(1)
        results = run("mpc", identity, Calls(2, ([1, 2],)), timeout=0.2)
        assert not other.done()
    assert all(isinstance(result, TimeoutError) for result in results)


def test_a_function_that_cannot_be_sent_is_refused() -> None:
    lock = __import__("threading").Lock()
    with pytest.raises(TypeError, match=r"cannot be sent to a worker process.*target 'threads'"):
        run("mpc", lambda x: lock, Calls(1, ([1],)))


def test_an_argument_that_cannot_be_sent_fails_its_item() -> None:
    lock = __import__("threading").Lock()
    results = run("mpc", identity, Calls(5, ([1, 2, lock, 4, 5],)))
    assert isinstance(results[2], TypeError)
    assert "type 'lock' cannot be sent to a worker process" in str(results[2])
    assert results[:2] == [1, 2]
    assert results[3:] == [4, 5]


def test_a_result_that_cannot_be_sent_fails_its_item() -> None:
    def item(x: int) -> Any:
        import threading

        return threading.Lock() if x == 2 else x

    results = run("mpc", item, Calls(4, ([1, 2, 3, 4],)))
    assert isinstance(results[1], TypeError)
    assert "cannot be sent back" in str(results[1])
    assert [results[0], *results[2:]] == [1, 3, 4]


class Unloadable:
    def __reduce__(self) -> Any:
        return int, ("not a number",)


def test_a_result_that_cannot_be_loaded_fails_its_item() -> None:
    results = run("mpc", lambda x: Unloadable() if x == 2 else x, Calls(4, ([1, 2, 3, 4],)))
    assert isinstance(results[1], TypeError)
    assert [results[0], *results[2:]] == [1, 3, 4]


def test_an_argument_that_cannot_be_loaded_fails_its_item() -> None:
    results = run("mpc", identity, Calls(3, ([1, Unloadable(), 3],)))
    assert isinstance(results[1], TypeError)
    assert [results[0], results[2]] == [1, 3]


def test_a_function_that_cannot_be_loaded_is_refused() -> None:
    unloadable = Unloadable()
    with pytest.raises(TypeError, match="the worker cannot load it"):
        run("mpc", lambda x: unloadable, Calls(1, ([1],)))
    assert run("mpc", identity, Calls(1, ([1],))) == [1]


def test_timeout_kills_the_busy_worker() -> None:
    run("mpc", identity, Calls(1, ([1],)))

    def item(x: float) -> int:
        Path(f"/proc/{os.getpid()}/comm").read_text()
        time.sleep(x)
        return os.getpid()

    began = time.perf_counter()
    (result,) = run("mpc", item, Calls(1, ([30.0],)), timeout=0.3)
    assert isinstance(result, TimeoutError)
    assert time.perf_counter() - began < 5
    assert run("mpc", identity, Calls(3, ([1, 2, 3],)), timeout=60) == [1, 2, 3]


def test_the_working_directory_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("mpc", lambda _: str(Path.cwd()), Calls(1, ([0],))) == [str(tmp_path)]


def test_without_cloudpickle_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cloudpickle", None)
    with pytest.raises(TypeError, match=r"pip install 'ironbatch\[processes\]'"):
        run("mpc", lambda x: x, Calls(1, ([1],)))
    assert run("mpc", abs, Calls(2, ([-1, 2],))) == [1, 2]


def test_nothing_is_left_in_shared_memory() -> None:
    shm = Path("/dev/shm")
    before = set(shm.iterdir()) if shm.exists() else set()
    run("mpc", identity, Calls(8, ([np.zeros(100_000)] * 8,)))
    assert (set(shm.iterdir()) if shm.exists() else set()) <= before


def test_large_messages_do_not_keep_their_memory() -> None:
    big = np.zeros(16 << 20)
    (result,) = run("mpc", identity, Calls(1, ([big],)), n_workers=1)
    assert result.nbytes == big.nbytes
    (small,) = run("mpc", identity, Calls(1, ([np.ones(1000)],)), n_workers=1)
    assert small.sum() == 1000


def test_no_descriptors_are_lost_by_dead_workers() -> None:
    run("mpc", identity, Calls(4, ([1] * 4,)))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(4):
        run("mpc", os._exit, Calls(2, ([1, 1],)))
    run("mpc", identity, Calls(4, ([1] * 4,)))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 8


class Travelling(Batch):
    components = "values"

    @inbatch_parallel(init="indices", post="_gather", target="mpc")
    def look(self, item: int) -> Any:
        return self.dataset.greeting, len(self.dataset), self.pipeline is not None, os.getpid()

    @inbatch_parallel(init="indices", post="_gather", target="mpc")
    def draw(self, item: int) -> float:
        return float(self.random.random())

    @inbatch_parallel(init="indices", post="_gather", target="for")
    def variable(self, item: int) -> Any:
        assert self.pipeline is not None
        return self.pipeline.get_variable("name")

    def _gather(self, results: list[Any]) -> list[Any]:
        return results


def test_dataset_and_pipeline_are_there_in_workers() -> None:
    dataset = Dataset(10, Travelling, preloaded=np.arange(10), greeting="hello")
    batch = next(dataset.gen_batch(4))
    batch.pipeline = dataset.pipeline().init_variable("name", "value")
    for _ in range(3):
        for greeting, size, has_pipeline, pid in batch.look():
            assert (greeting, size, has_pipeline) == ("hello", 10, True)
            assert pid != os.getpid()
    assert batch.variable(target="mpc") == ["value"] * 4


def test_a_batch_without_dataset_and_pipeline_travels_too() -> None:
    batch = Travelling(DatasetIndex(3))
    (error, *_) = batch.look()
    assert isinstance(error, AttributeError)


def test_a_pipeline_that_cannot_be_pickled_stays_behind() -> None:
    dataset = Dataset(10, Travelling, greeting="hello")
    batch = next(dataset.gen_batch(4))
    batch.pipeline = dataset.pipeline()
    batch.pipeline.lock = __import__("threading").Lock()
    assert [result[:3] for result in batch.look()] == [("hello", 10, False)] * 4


def test_more_datasets_than_a_worker_keeps() -> None:
    datasets = [Dataset(5, Travelling, greeting=str(at)) for at in range(7)]
    for _ in range(2):
        for dataset in datasets:
            batch = next(dataset.gen_batch(5))
            assert {result[0] for result in batch.look()} == {dataset.greeting}


def test_workers_draw_from_the_batchs_stream() -> None:
    batch = Travelling(DatasetIndex(1))
    (drawn,) = batch.draw()
    assert drawn == batch.random.random()
