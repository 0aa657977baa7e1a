"""Target ``threads``: sharing of work, retirement of workers."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ironbatch.targets import Calls, run
from ironbatch.targets.crew import Crew, crew, default_workers


def test_workers_are_kept() -> None:
    run("threads", time.sleep, Calls(16, ([0.001] * 16,)))
    before = threading.active_count()
    for _ in range(50):
        run("threads", time.sleep, Calls(16, ([0.0] * 16,)))
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_n_workers_is_how_many_run_at_once(n_workers: int) -> None:
    lock = threading.Lock()
    barrier = threading.Barrier(n_workers)
    running, most = 0, 0

    def item(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(20)
        with lock:
            running -= 1
        barrier.wait(20)

    run("threads", item, Calls(20, (list(range(20)),)), n_workers=n_workers)
    assert most == n_workers


def test_by_default_four_times_the_cores_run_at_once() -> None:
    barrier = threading.Barrier(default_workers())
    run("threads", lambda _: barrier.wait(10) and None, Calls(barrier.parties, ([0] * 64,)))
    assert not barrier.broken


def test_sleeping_items_share_the_time() -> None:
    n, seconds = 64, 0.1
    began = time.perf_counter()
    run("threads", time.sleep, Calls(n, ([seconds] * n,)), n_workers=8)
    # An eighth would be perfect, and benchmarks ask for it; here the machine may be busy.
    assert time.perf_counter() - began < n * seconds / 2


def test_a_single_call_runs_in_the_caller() -> None:
    assert run("threads", lambda _: threading.get_ident(), Calls(1, ([0],))) == [
        threading.get_ident()
    ]


def test_a_single_call_with_a_timeout_does_not() -> None:
    assert run("threads", lambda _: threading.get_ident(), Calls(1, ([0],)), timeout=60) != [
        threading.get_ident()
    ]


def test_a_late_result_is_discarded() -> None:
    release = threading.Event()
    finished = threading.Event()

    def item(x: int) -> int:
        if x:
            release.wait(10)
            finished.set()
        return x

    results = run("threads", item, Calls(2, ([0, 1],)), timeout=0.1)
    copy = list(results)
    release.set()
    assert finished.wait(10)
    time.sleep(0.05)
    assert results == copy
    assert isinstance(results[1], TimeoutError)


def test_an_overdue_worker_is_replaced_and_goes() -> None:
    run("threads", abs, Calls(2, ([1, 2],)))
    release = threading.Event()
    size = crew().size
    run("threads", lambda _: release.wait(10), Calls(2, ([1, 2],)), timeout=0.05)
    assert crew().size <= size
    assert run("threads", abs, Calls(20, ([-1] * 20,)), timeout=60) == [1] * 20
    before = threading.active_count()
    release.set()
    deadline = time.monotonic() + 5
    while threading.active_count() > before - 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before - 2


def test_results_before_the_deadline_are_kept() -> None:
    release = threading.Event()

    def item(x: int) -> int:
        if x == 1:
            release.wait(20)
        return x

    results = run("threads", item, Calls(3, ([1, 0, 2],)), timeout=2)
    release.set()
    assert results[1:] == [0, 2]
    assert isinstance(results[0], TimeoutError)


def test_a_crew_at_its_limit_runs_in_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ironbatch.targets.crew._crew", Crew(limit=0))
    assert run("threads", abs, Calls(3, ([-1, -2, -3],))) == [1, 2, 3]
    results = run("threads", time.sleep, Calls(2, ([0.1, 0.1],)), timeout=0.01)
    assert all(isinstance(result, TimeoutError) for result in results)


def test_a_parked_worker_keeps_nothing_alive() -> None:
    import gc
    import weakref

    class Big:
        pass

    big = Big()
    alive = weakref.ref(big)

    def item(x: int, big: Big) -> int:
        return x

    from ironbatch.targets import Constant

    run("threads", item, Calls(20, (list(range(20)), Constant(big))), timeout=60)
    del big
    deadline = time.monotonic() + 5
    while alive() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
        gc.collect()
    assert alive() is None


def test_stress() -> None:
    errors: list[Any] = []

    def caller(seed: int) -> None:
        for round_ in range(30):
            n = (seed * 7 + round_ * 13) % 90 + 1
            results = run("threads", lambda x: x if x % 7 else 1 // 0, Calls(n, (list(range(n)),)))
            for position, result in enumerate(results):
                if position % 7 == 0:
                    if not isinstance(result, ZeroDivisionError):
                        errors.append(result)
                elif result != position:
                    errors.append(result)

    threads = [threading.Thread(target=caller, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
