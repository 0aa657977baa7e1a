"""`parallel`: functions instead of methods."""

from __future__ import annotations

from typing import Any

import pytest

from ironbatch import parallel
from ironbatch.errors import ActionError


@parallel(init=lambda numbers: numbers, target="for")
def double(number: int, numbers: Any = None, k: int = 2) -> int:
    return k * number


def test_a_function_returns_its_results() -> None:
    assert double(numbers=[1, 2]) == [2, 4]
    assert double(numbers=[1, 2], k=3) == [3, 6]


@pytest.mark.parametrize("target", ["for", "threads", "async", "mpc"])
def test_every_target(target: str) -> None:
    assert double(numbers=[1, 2], target=target) == [2, 4]


def test_post_gets_the_results() -> None:
    @parallel(init=[1, 2, 3], post=sum, target="for")
    def item(x: int) -> int:
        return x * x

    assert item() == 14


def test_a_failure_names_the_position() -> None:
    @parallel(init=[1, 0], target="threads", n_workers=2, timeout=60)
    def item(x: int) -> float:
        return 1 / x

    with pytest.raises(ZeroDivisionError, match=r"item 1 \(position 1\)") as caught:
        item()
    assert isinstance(caught.value, ActionError)


def test_use_self_passes_an_object() -> None:
    class Holder:
        values = (1, 2)

    @parallel(init="values", target="for", use_self=True)
    def item(holder: Any, x: int) -> Any:
        return holder, x

    holder = Holder()
    assert item(holder) is holder


def test_methods_are_recognised_and_use_self_may_say_otherwise() -> None:
    class Holder:
        @parallel(init=[1, 2], post=lambda results: results, target="for")
        def method(self, x: int) -> Any:
            return self, x

        @staticmethod
        @parallel(init=[1, 2], target="for", use_self=False)
        def function(x: int) -> int:
            return x

    holder = Holder()
    assert holder.method() == [(holder, 1), (holder, 2)]
    assert holder.function() == [1, 2]


def test_debug() -> None:
    @parallel(init=[0], target="for", debug=True)
    def item(x: int) -> float:
        return 1 / x

    with pytest.raises(ZeroDivisionError) as caught:
        item()
    assert not isinstance(caught.value, ActionError)


def test_decorator_arguments_reach_init() -> None:
    @parallel(init=lambda n: range(n), target="for", n=3)
    def item(x: int) -> int:
        return x

    assert item() == [0, 1, 2]
