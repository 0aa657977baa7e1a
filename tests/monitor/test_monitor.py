import os
import pickle
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

import ironbatch
from ironbatch import MONITOR_ALIASES, Monitor, ResourceMonitor, RSSMonitor
from ironbatch.monitor import make_monitor

GPU = {"gpu", "gpu_memory", "gpu_memory_utilization"}


def threads():
    return [one for one in threading.enumerate() if one.name.endswith("Monitor")]


@pytest.mark.parametrize("name", sorted(set(MONITOR_ALIASES) - GPU))
def test_every_name_gives_numbers_over_time(name):
    before = time.time()
    with Monitor(name, frequency=0.005) as (monitor,):
        while len(monitor.data) < 3:
            time.sleep(0.001)
    assert len(monitor.data) == len(monitor.ticks)
    assert all(isinstance(one, float) and one >= 0 for one in monitor.data)
    assert before - 1 <= monitor.ticks[0] <= monitor.ticks[-1] <= time.time() + 1
    assert monitor.unit in ("%", "GiB", "MiB")
    assert threads() == []


def test_memory_is_that_of_the_process():
    with Monitor("memory") as (monitor,):
        held = b"x" * 200_000_000
    assert monitor.data[-1] - monitor.data[0] == pytest.approx(len(held) / 2**30, rel=0.3)
    assert isinstance(monitor, RSSMonitor)


def test_load_of_a_busy_process_shows():
    with Monitor("cpu", frequency=0.02) as (monitor,):
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
    assert max(monitor.data) > 10


def test_reading_and_writing_shows(tmp_path):
    with Monitor("disk") as (monitor,), (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 2**20)
        file.flush()
        os.fsync(file.fileno())
    assert monitor.data[0] >= 0


def test_the_size_of_a_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(bytes(2**19))
    (monitor,) = Monitor("dir_disk", dir_path=tmp_path)
    assert monitor.sample() == 0.5


def test_another_process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (monitor,) = Monitor("rss", pid=child.pid)
        assert 0 < monitor.sample() < 1
    finally:
        child.communicate(b"\n")


def test_several_start_and_stop_together():
    with Monitor(["cpu", RSSMonitor, ResourceMonitor(lambda: 3)], frequency=0.004) as monitor:
        assert [one.running for one in monitor] == [True] * 3
        assert len(threads()) == 3
        time.sleep(0.02)
    assert threads() == []
    assert [one.frequency for one in monitor] == [0.004, 0.004, 0.1]
    assert set(monitor[2].data) == {3}


def test_by_hand_and_twice():
    monitor = ResourceMonitor(lambda: 1, frequency=5)
    assert monitor.start().start() is monitor
    assert monitor.stop().stop() is monitor
    assert monitor.data == [1, 1]
    monitor.start().stop()
    assert monitor.data == [1, 1, 1, 1]


def test_an_own_class():
    class Answers(ResourceMonitor):
        unit = "answers"

        def get_usage(self):
            return 42

    with Monitor(Answers) as monitor:
        pass
    assert monitor[0].data == [42, 42]


def test_an_error_inside_of_the_block_stops_the_threads():
    with pytest.raises(KeyError), Monitor(["cpu", "memory"]):
        raise KeyError
    assert threads() == []


def test_an_error_at_the_start_leaves_no_thread():
    with pytest.raises(ZeroDivisionError), Monitor(["cpu", ResourceMonitor(lambda: 1 // 0)]):
        pass
    assert threads() == []


def test_an_error_in_the_thread_is_raised_by_stop():
    values = iter([1])
    monitor = ResourceMonitor(lambda: next(values), frequency=0.001).start()
    while threads():
        time.sleep(0.001)
    with pytest.raises(StopIteration):
        monitor.stop()
    assert not monitor.running


def test_a_monitor_that_is_forgotten_ends_its_thread():
    ResourceMonitor(lambda: 1, frequency=0.001).start()
    end = time.monotonic() + 20
    while threads() and time.monotonic() < end:
        time.sleep(0.001)
    assert threads() == []


def test_one_that_runs_does_not_delay_the_end_of_the_program():
    code = "from ironbatch import Monitor\nm = Monitor(['cpu', 'memory'], frequency=100).start()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, timeout=60, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_in_a_forked_child_it_starts_anew():
    with Monitor("memory", frequency=0.002) as (monitor,):
        pid = os.fork()
        if pid == 0:
            try:
                there = monitor.running
                monitor.stop()
                before = len(monitor.data)
                monitor.start()
                while len(monitor.data) < before + 3:
                    time.sleep(0.001)
                monitor.stop()
                os._exit(3 if there else 0)
            except BaseException:
                os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert monitor.running


def test_a_monitor_pickles():
    with Monitor(["cpu", "memory"]) as monitor:
        again = pickle.loads(pickle.dumps(monitor))
    assert [one.running for one in again] == [False, False]
    with again:
        pass
    assert len(again[1].data) >= 3


def test_a_figure(tmp_path):
    with Monitor(["cpu", "memory"], frequency=0.002) as monitor:
        time.sleep(0.01)
    figure = monitor.plot(tmp_path / "figure.svg", color="red")
    assert [axes.get_title() for axes in figure.axes] == ["CPU, %", "RSS, GiB"]
    assert figure.axes[0].lines[0].get_color() == "red"
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    assert len(monitor[0].plot().axes) == 1


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("memroy", ValueError, "'memroy'.*near names: memory"),
        (5, TypeError, "got 5"),
        ([int], TypeError, "got <class 'int'>"),
    ],
)
def test_what_is_no_monitor_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        Monitor(given)


@pytest.mark.parametrize("frequency", [0, -1, "often", float("nan")])
def test_a_wrong_frequency_is_refused(frequency):
    with pytest.raises(ValueError, match="above 0"):
        ResourceMonitor(lambda: 1, frequency=frequency)


def test_without_a_function_there_is_nothing_to_sample():
    with pytest.raises(TypeError, match="needs a function"):
        ResourceMonitor().start()


@pytest.mark.parametrize("name", ["cpu", "total_cpu"])
def test_without_psutil_the_command_is_said(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ironbatch.MissingPackageError, match=r"ironbatch\[monitor\]"):
        Monitor(name).start()


@pytest.mark.parametrize("name", sorted(GPU))
def test_without_the_library_of_the_cards_the_command_is_said(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(ironbatch.MissingPackageError, match=r"ironbatch\[gpu\]"):
        Monitor(name)


@pytest.fixture
def cards(monkeypatch):
    """Stand in for NVIDIA's library."""
    calls = []
    library = SimpleNamespace(
        nvmlInit=lambda: calls.append("init"),
        nvmlShutdown=lambda: calls.append("shutdown"),
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda card: SimpleNamespace(gpu=card + 10, memory=card + 20),
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(used=card, total=4),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return calls


@pytest.mark.parametrize(
    ("name", "data"),
    [("gpu", [11, 13]), ("gpu_memory_utilization", [21, 23]), ("gpu_memory", [25, 75])],
)
def test_cards(cards, name, data, monkeypatch):
    assert make_monitor(name, gpu_list=[1, 3]).sample() == data
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    assert make_monitor(name).sample() == data
    assert cards.count("shutdown") == 2
