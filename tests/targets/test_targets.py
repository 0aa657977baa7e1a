"""What every target promises."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

import pytest

from ironbatch import targets
from ironbatch.targets import Calls, Constant, Context, Target, get, register, run

EVERY = ["for", "threads", "async", "mpc"]
variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


@pytest.fixture(params=EVERY)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("alias", "name"), [("f", "for"), ("t", "threads"), ("a", "async"), ("m", "mpc")]
)
def test_aliases(alias: str, name: str) -> None:
    assert get(alias) is get(name)


def test_names_lists_targets_once() -> None:
    assert set(EVERY) <= set(targets.names())


def test_an_unknown_target_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown target 'x'; known targets are .*'async'"):
        run("x", abs, Calls(1, ([1],)))
    with pytest.raises(ValueError, match="unknown target None"):
        run(None, abs, Calls(1, ([1],)))  # type: ignore[arg-type]


def test_a_target_is_added_by_registering_a_class() -> None:
    class Backwards(Target):
        name = "backwards"
        aliases = ("b",)

        def run(self, func: Any, calls: Calls, **limits: Any) -> list[Any]:
            done = [func(*calls.arguments(at)) for at in reversed(range(calls.n))]
            return done[::-1]

    register(Backwards)
    try:
        assert run("b", abs, Calls(2, ([-1, -2],))) == [1, 2]
        with pytest.raises(ValueError, match="is taken by"):

            @register
            class Other(Backwards):
                name = "threads"
    finally:
        targets._registry.pop("backwards")
        targets._registry.pop("b")


def test_results_are_in_order(target: str) -> None:
    assert run(target, abs, Calls(500, ([-at for at in range(500)],))) == list(range(500))


def test_columns_and_constants_make_up_the_arguments(target: str) -> None:
    def item(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    calls = Calls(2, ([1, 2], Constant("c"), ["x", "y"]), {"k": 3})
    assert run(target, item, calls) == [((1, "c", "x"), {"k": 3}), ((2, "c", "y"), {"k": 3})]


def test_calls_may_have_constants_only(target: str) -> None:
    assert run(target, lambda *args: args, Calls(3, (Constant(1),))) == [(1,)] * 3
    assert run(target, lambda *args: args, Calls(2, ())) == [()] * 2


def test_no_calls_give_no_results(target: str) -> None:
    assert run(target, abs, Calls(0, ([],))) == []


def test_failures_keep_their_places(target: str) -> None:
    results = run(target, lambda x: 1 // x, Calls(5, ([1, 0, 2, 0, 1],)))
    assert [type(result) for result in results] == [
        int,
        ZeroDivisionError,
        int,
        ZeroDivisionError,
        int,
    ]


def test_stop_iteration_is_a_failure_and_does_not_end_the_rest(target: str) -> None:
    def item(x: int) -> int:
        if x == 1:
            raise StopIteration
        return x

    results = run(target, item, Calls(3, ([0, 1, 2],)))
    assert isinstance(results[1], Exception)
    assert [results[0], results[2]] == [0, 2]


def test_returned_exceptions_and_none_are_results(target: str) -> None:
    assert run(target, lambda _: None, Calls(2, ([1, 2],))) == [None, None]


@pytest.mark.parametrize("target", ["threads", "async", "mpc"])
def test_timeout_names_the_unfinished_items(target: str) -> None:
    run(target, abs, Calls(3, ([1, 2, 3],)))  # processes take a while to start
    results = run(
        target,
        _sleep_async if target == "async" else _sleep,
        Calls(3, ([0.0, 30.0, 0.0],)),
        timeout=1.5,
        context=Context("go", ids=["a", "b", "c"]),
    )
    assert isinstance(results[1], TimeoutError)
    assert str(results[1]) == "item 'b' (position 1) was not finished within 1.5 s"
    assert [results[0], results[2]] == [0.0, 0.0]


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


async def _sleep_async(seconds: float) -> float:
    import asyncio

    await asyncio.sleep(seconds)
    return seconds


def test_for_begins_no_item_after_the_deadline() -> None:
    begun = []

    def item(x: int) -> int:
        begun.append(x)
        time.sleep(0.05)
        return x

    results = run("for", item, Calls(3, ([1, 2, 3],)), timeout=0.01)
    assert begun == [1]
    assert all(isinstance(result, TimeoutError) for result in results)


@pytest.mark.parametrize("target", ["threads", "async", "mpc"])
def test_a_generous_timeout_changes_nothing(target: str) -> None:
    assert run(target, abs, Calls(3, ([-1, -2, -3],)), timeout=60) == [1, 2, 3]


@pytest.mark.parametrize("target", ["for", "threads", "async"])
def test_context_variables_of_the_caller_are_visible(target: str) -> None:
    token = variable.set(7)
    try:
        assert run(target, lambda _: variable.get(), Calls(20, (list(range(20)),))) == [7] * 20
    finally:
        variable.reset(token)


@pytest.mark.parametrize("target", ["threads", "async"])
def test_context_variables_set_by_an_item_do_not_leak(target: str) -> None:
    run(target, lambda x: variable.set(x) and None, Calls(1, ([5],)))
    assert variable.get() == 0


def test_system_exit_of_an_item_reaches_the_caller(target: str) -> None:
    def item(x: int) -> None:
        raise SystemExit(x)

    with pytest.raises(SystemExit) as caught:
        run(target, item, Calls(2, ([3, 3],)))
    assert caught.value.code == 3
    assert run(target, abs, Calls(2, ([-3, 3],))) == [3, 3]


def test_several_threads_may_call_at_once(target: str) -> None:
    errors: list[BaseException] = []

    def caller(offset: int) -> None:
        try:
            for _ in range(5):
                ids = list(range(offset, offset + 50))
                assert run(target, abs, Calls(50, (ids,))) == ids
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=caller, args=(100 * at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("inner", EVERY)
@pytest.mark.parametrize("outer", ["for", "threads", "mpc"])
def test_nested_calls_do_not_deadlock(outer: str, inner: str) -> None:
    def item(x: int) -> int:
        import ironbatch.targets

        return sum(ironbatch.targets.run(inner, abs, Calls(20, ([x] * 20,))))

    assert run(outer, item, Calls(20, (list(range(20)),))) == [20 * x for x in range(20)]


def test_deeply_nested_threads_do_not_deadlock() -> None:
    def item(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(run("threads", item, Calls(4, ([depth - 1] * 4,))))

    assert item(5) == 4**5
