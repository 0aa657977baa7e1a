"""The pool under threads, forks and many cycles."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ironbatch import components as c


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("nbytes", [0, 1, 100, 5_000, 1 << 20, 3 << 20])
def test_arrays_are_aligned_and_writable(nbytes: int) -> None:
    array = c.empty(nbytes, "uint8")
    assert array.ctypes.data % (2 << 20 if nbytes >= 2 << 20 else 64) == 0
    assert array.flags.c_contiguous
    array[...] = 1
    assert array.sum() == nbytes


@pytest.mark.parametrize("dtype", ["f4", ">i2", "M8[s]", "U7", "V3", [("a", "u1")], "(2,)f4", "O"])
def test_empty_is_numpys_empty_in_shape_and_dtype(dtype) -> None:
    expected = np.empty((2, 3), dtype)
    made = c.empty((2, 3), dtype)
    assert (made.shape, made.dtype) == (expected.shape, expected.dtype)


def test_an_array_of_objects_holds_none() -> None:
    assert c.empty(2, object).tolist() == [None, None]


@pytest.mark.parametrize("shape", [-1, (2, -1), (2**40, 2**40), (1,) * 65])
def test_impossible_shapes_are_refused(shape) -> None:
    with pytest.raises(ValueError, match="no array"):
        c.empty(shape, "f8")


def test_too_much_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        c.empty(2**60, "uint8")


def test_freed_memory_is_used_again() -> None:
    before = c.pool_stats()["hits"]
    for _ in range(10):
        c.empty(3 << 20, "uint8")
    assert c.pool_stats()["hits"] >= before + 8


def test_the_limit_is_kept() -> None:
    limit = c.pool_stats()["limit_bytes"]
    try:
        c.set_pool_limit(4 << 20)
        arrays = [c.empty(3 << 20, "uint8") for _ in range(5)]
        del arrays
        assert c.pool_stats()["pooled_bytes"] <= 4 << 20
        c.trim_pool()
        assert c.pool_stats()["pooled_bytes"] == 0
    finally:
        c.set_pool_limit(limit)


def test_the_environment_sets_the_limit() -> None:
    code = "from ironbatch import components as c; print(c.pool_stats()['limit_bytes'])"
    environment = {**os.environ, "IRONBATCH_POOL_BYTES": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "12345"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_over_many_cycles() -> None:
    source, positions = np.zeros((100, 40_000), "uint8"), np.arange(100)

    def cycle(n: int) -> None:
        for i in range(n):
            kept = [c.empty((i % 7 + 1) * 30_000, "uint8") for _ in range(3)]
            kept.append(c.take(source, positions[: i % 50]))

    cycle(1_000)
    gc.collect()
    before = rss()
    cycle(10_000)
    gc.collect()
    assert rss() - before < 16 << 20


def test_threads_never_see_each_others_memory() -> None:
    failures: list[int] = []

    def work(number: int) -> None:
        for i in range(300):
            array = c.empty((i % 9 + 1) * 20_000, "uint8")
            array[...] = number
            if not (array == number).all():
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_allocates_gathers_and_frees() -> None:
    source = c.take(np.arange(400_000).reshape(100, 4_000), np.arange(100))
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            c.take(source, np.arange(64))

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                try:
                    for _ in range(20):
                        taken = c.take(source, np.arange(99, -1, -1))
                        assert taken[0, 0] == source[99, 0]
                        del taken
                    del source
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            assert status == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_array_outlives_everything_but_its_views() -> None:
    view = c.take(np.arange(1_000_000), np.arange(1_000_000))[10:12]
    for _ in range(5):
        c.empty(8_000_000, "uint8")[...] = 255
    assert view.tolist() == [10, 11]
