"""Target ``async``: tasks, limits, cancelling."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from ironbatch.targets import Calls, run


@pytest.mark.parametrize("target", ["for", "threads", "mpc", "async"])
def test_coroutine_functions_run_as_async_whatever_the_target(target: str) -> None:
    async def item(x: int) -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert set(run(target, item, Calls(5, ([1] * 5,)))) == {"ironbatch-loop"}


def test_wrapped_coroutine_functions_are_recognised() -> None:
    async def item(x: int, y: int) -> int:
        return x + y

    class Callable:
        async def __call__(self, x: int) -> int:
            return x

    assert run("for", partial(item, y=1), Calls(2, ([1, 2],))) == [2, 3]
    assert run("for", Callable(), Calls(2, ([1, 2],))) == [1, 2]


def test_each_item_is_a_task_of_its_own() -> None:
    async def item(x: int) -> Any:
        await asyncio.sleep(0)
        return asyncio.current_task()

    tasks = run("async", item, Calls(100, ([1] * 100,)))
    assert len(set(tasks)) == 100
    assert all(isinstance(task, asyncio.Task) for task in tasks)


def test_asyncio_timeout_works_inside() -> None:
    async def item(x: float) -> str:
        try:
            async with asyncio.timeout(0.05):
                await asyncio.sleep(x)
        except TimeoutError:
            return "late"
        return "in time"

    assert run("async", item, Calls(2, ([0.0, 5.0],))) == ["in time", "late"]


@pytest.mark.parametrize(("n_workers", "expected"), [(None, 64), (1, 1), (5, 5), (200, 150)])
def test_at_most_so_many_run_at_once(n_workers: int | None, expected: int) -> None:
    running, most = 0, 0

    async def item(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1

    run("async", item, Calls(150, ([0] * 150,)), n_workers=n_workers)
    assert most == expected


def test_works_inside_a_running_loop() -> None:
    async def item(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def main() -> Any:
        return run("async", item, Calls(3, ([1, 2, 3],)))

    assert asyncio.run(main()) == [1, 2, 3]


def test_a_call_from_the_private_loop_raises() -> None:
    async def inner(x: int) -> int:
        return x

    async def item(x: int) -> Any:
        return run("async", inner, Calls(1, ([1],)))

    (result,) = run("async", item, Calls(1, ([1],)))
    assert isinstance(result, RuntimeError)
    assert "would wait for itself" in str(result)


def test_a_plain_function_may_return_an_awaitable() -> None:
    async def later(x: int) -> int:
        return x + 1

    assert run("async", lambda x: later(x), Calls(2, ([1, 2],))) == [2, 3]


def test_a_cancelled_item_fails_by_itself() -> None:
    async def item(x: int) -> int:
        if x:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)
        return x

    first, second = run("async", item, Calls(2, ([0, 1],)))
    assert first == 0
    assert isinstance(second, RuntimeError)
    assert "cancelled" in str(second)


def test_timeout_cancels_what_runs() -> None:
    cancelled = threading.Event()

    async def item(x: float) -> None:
        try:
            await asyncio.sleep(x)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    (result,) = run("async", item, Calls(1, ([30.0],)), timeout=0.05)
    assert isinstance(result, TimeoutError)
    assert cancelled.wait(5)


def test_a_blocked_loop_is_replaced() -> None:
    release = threading.Event()

    async def block(_: int) -> None:
        release.wait(20)

    async def quick(x: int) -> int:
        return x

    (result,) = run("async", block, Calls(1, ([0],)), timeout=0.05)
    assert isinstance(result, TimeoutError)
    assert run("async", quick, Calls(1, ([1],)), timeout=15) == [1]
    release.set()


def test_more_items_than_the_limit_all_run() -> None:
    async def item(x: int) -> int:
        await asyncio.sleep(0)
        return x

    assert run("async", item, Calls(1000, (list(range(1000)),)), n_workers=3) == list(range(1000))
