"""`inbatch_parallel`: how init, the item function and post are called."""

from __future__ import annotations

import asyncio
import operator
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, kernels
from ironbatch.actions.failure import any_action_failed
from ironbatch.actions.inbatch_parallel import inbatch_parallel
from ironbatch.errors import ActionError, SkipBatchException, StopPipeline


class Base:
    """What the decorator needs of a batch."""

    components = None

    def __init__(self, indices: Any) -> None:
        self.indices = np.asarray(indices)
        self.pipeline = None

    def __len__(self) -> int:
        return len(self.indices)

    def _gather(self, results: list[Any]) -> list[Any]:
        return results


def make(target: str = "for", **options: Any) -> Any:
    """A batch class with one action, ``go``, that returns what its item function got."""

    def decorate(init: Any, post: Any = "_gather", **more: Any) -> Any:
        class Made(Base):
            @inbatch_parallel(init=init, post=post, target=target, **options, **more)
            def go(self, *args: Any, **kwargs: Any) -> Any:
                assert isinstance(self, Made)
                return args, kwargs

        return Made(["a", "b"])

    return decorate


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (5, ((5,), {})),
        ("word", (("word",), {})),
        ([1, 2], ((1, 2), {})),
        ((1, 2), ((1, 2), {})),
        ({"x": 1}, ((), {"x": 1})),
        (((1,), {"x": 2}), ((1,), {"x": 2})),
        (((1,), {}), ((1,), {})),
        ((1, {"x": 2}), ((1, {"x": 2}), {})),
        ([], ((), {})),
    ],
)
def test_an_element_of_init_spreads_into_arguments(element: Any, expected: Any) -> None:
    assert make()([element, element]).go() == [expected, expected]


def test_elements_of_different_forms_may_be_mixed() -> None:
    batch = make()([1, [2, 3], {"x": 4}, ((5,), {"y": 6})])
    assert batch.go("u", k=0) == [
        ((1, "u"), {"k": 0}),
        ((2, 3, "u"), {"k": 0}),
        (("u",), {"x": 4, "k": 0}),
        ((5, "u"), {"y": 6, "k": 0}),
    ]


def test_user_arguments_follow_those_of_init() -> None:
    assert make()([[1, 2], [3, 4]]).go("u", k=7) == [
        ((1, 2, "u"), {"k": 7}),
        ((3, 4, "u"), {"k": 7}),
    ]


def test_an_array_gives_one_row_for_each_item() -> None:
    (first, _), (second, _) = make()(np.arange(4).reshape(2, 2)).go()
    assert first[0].tolist() == [0, 1]
    assert second[0].tolist() == [2, 3]


def test_a_generator_is_taken_as_elements() -> None:
    assert make()(lambda: (x for x in (1, 2))).go() == [((1,), {}), ((2,), {})]


@pytest.mark.parametrize("init", ["indices", "_init", "prop"])
def test_init_names_an_attribute_a_method_or_a_property(init: str) -> None:
    class Made(Base):
        @inbatch_parallel(init=init, post="_gather", target="for")
        def go(self, item: str) -> str:
            return item + "!"

        def _init(self) -> Any:
            return self.indices

        @property
        def prop(self) -> Any:
            return self.indices

    assert Made(["a", "b"]).go() == ["a!", "b!"]


def test_init_gets_what_its_signature_takes() -> None:
    class Made(Base):
        @inbatch_parallel(init="_init", post="_gather", target="for", folder="/data")
        def go(self, name: str, ext: str, *, upper: bool) -> tuple[str, str, bool]:
            return name, ext, upper

        def _init(self, ext: str, folder: str = "") -> list[str]:
            return [f"{folder}/{item}.{ext}" for item in self.indices]

    assert Made(["a"]).go("png", upper=True) == [("/data/a.png", "png", True)]


def test_post_gets_what_its_signature_takes() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_post", target="for", dst="labels")
        def go(self, item: str, *, suffix: str, other: int) -> str:
            return item + suffix

        def _post(self, results: list[str], suffix: str, *, dst: str) -> Any:
            return results, suffix, dst

    assert Made(["a"]).go(suffix="x", other=1) == (["ax"], "x", "labels")


def test_a_call_overrides_the_decorators_arguments_for_post() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_post", target="for", dst="labels")
        def go(self, item: str, dst: str = "") -> str:
            return item

        def _post(self, results: list[str], dst: str) -> Any:
            return dst

    assert Made(["a"]).go() == "labels"
    assert Made(["a"]).go(dst="masks") == "masks"


def test_decorator_arguments_do_not_reach_the_item_function() -> None:
    assert make(extra=1)([1]).go() == [((1,), {})]


def test_callables_of_the_class_body_get_the_batch() -> None:
    class Made(Base):
        def _init(self) -> Any:
            return self.indices

        def _post(self, results: list[str]) -> Any:
            return self, results

        @inbatch_parallel(init=_init, post=_post, target="for")
        def go(self, item: str) -> str:
            return item

    batch = Made(["a"])
    assert batch.go() == (batch, ["a"])


def test_without_post_the_batch_is_returned() -> None:
    batch = make()([1, 2], post=None)
    assert batch.go() is batch


@pytest.mark.parametrize("target", ["for", "f", "threads", "t"])
def test_every_target_gives_results_in_order(target: str) -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_gather", target="for")
        def go(self, item: int) -> int:
            return int(item) * 2

    assert Made(range(200)).go(target=target) == list(range(0, 400, 2))


def test_a_call_time_target_wins() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_gather", target="for")
        def go(self, item: int) -> str:
            return threading.current_thread().name

    assert set(Made(range(4)).go()) == {threading.current_thread().name}
    assert threading.current_thread().name not in Made(range(4)).go(target="threads")


def test_n_workers_of_a_call_limits_how_many_run_at_once() -> None:
    class Made(Base):
        running = 0
        most = 0
        lock = threading.Lock()

        @inbatch_parallel(init="indices", target="threads", n_workers=2)
        def go(self, item: int) -> None:
            with self.lock:
                Made.running += 1
                Made.most = max(Made.most, Made.running)
            pause.wait(0.01)
            with self.lock:
                Made.running -= 1

    pause = threading.Event()
    Made(range(12)).go()
    assert Made.most == 2
    Made.most = 0
    Made(range(12)).go(n_workers=3)
    assert Made.most == 3


def test_timeout_of_a_call_wins() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="threads", timeout=60)
        def go(self, item: int) -> None:
            release.wait(5)

    release = threading.Event()
    with pytest.raises(TimeoutError, match=r"item 7 \(position 0\)"):
        Made([7, 8]).go(timeout=0.05)
    release.set()


def test_debug_lets_the_exception_through() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="for")
        def go(self, item: int) -> None:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        Made([1]).go(debug=True)
    assert not isinstance(caught.value, ActionError)


def test_debug_needs_the_target_for() -> None:
    with pytest.raises(ValueError, match="debug"):
        inbatch_parallel(init="indices", target="threads", debug=True)
    with pytest.raises(ValueError, match="debug"):
        make()([1]).go(debug=True, target="threads")


def test_an_unknown_target_is_refused_at_the_decorator_and_at_the_call() -> None:
    with pytest.raises(ValueError, match=r"unknown target 'nogil'.*'for'"):
        inbatch_parallel(init="indices", target="nogil")
    with pytest.raises(ValueError, match="unknown target 'x'"):
        make()([1]).go(target="x")


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"n_workers": 0}, ValueError),
        ({"n_workers": -1}, ValueError),
        ({"n_workers": 1.5}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "1"}, TypeError),
    ],
)
def test_meaningless_limits_are_refused(limits: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(limits))):
        make()([1]).go(**limits)


def test_init_none_is_refused() -> None:
    with pytest.raises(ValueError, match="init cannot be None"):
        inbatch_parallel(init=None)


@pytest.mark.parametrize("init", [lambda: None, lambda: 5, lambda: "abc", lambda: {"a": 1}])
def test_an_init_without_elements_is_refused(init: Any) -> None:
    with pytest.raises(ValueError, match="init"):
        make()(init).go()


def test_unknown_names_are_refused_with_the_class() -> None:
    with pytest.raises(ValueError, match=r"init must name .* Made, which has no 'nothing'"):
        make()("nothing").go()
    with pytest.raises(ValueError, match=r"post must name .* Made, which has no 'nothing'"):
        make()([1], post="nothing").go()


def test_an_attribute_error_inside_init_is_not_hidden() -> None:
    class Made(Base):
        @inbatch_parallel(init="prop", target="for")
        def go(self, item: int) -> None: ...

        @property
        def prop(self) -> Any:
            return self.indices.absent

    with pytest.raises(AttributeError, match="absent"):
        Made([1]).go()


def test_a_failing_item_raises_both_families_with_the_item() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="threads")
        def go(self, item: str) -> None:
            if item != "a":
                raise KeyError("missing")

    with pytest.raises(KeyError) as caught:
        Made(["a", "b", "c"]).go()
    error = caught.value
    assert isinstance(error, ActionError)
    assert (error.item_id, error.position, error.action) == ("b", 1, "go")
    assert "item 'b' (position 1)" in str(error)
    assert error.failures is not None
    assert len(error.failures.exceptions) == 2
    assert type(error.__cause__) is KeyError


def test_post_sees_exceptions_in_their_places() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_post", target="threads")
        def go(self, item: int) -> int:
            if item == 2:
                raise ValueError("two")
            return int(item)

        def _post(self, results: list[Any]) -> Any:
            assert any_action_failed(results)
            return [type(result).__name__ for result in results]

    assert Made([1, 2, 3]).go() == ["int", "ValueError", "int"]


def test_what_post_raises_is_chained_to_the_failure() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", post="_post", target="for")
        def go(self, item: int) -> int:
            raise ValueError("two")

        def _post(self, results: list[Any]) -> Any:
            raise OSError("Could not load data.")

    with pytest.raises(OSError, match="Could not load") as caught:
        Made([5]).go()
    assert isinstance(caught.value.__cause__, ActionError)
    assert caught.value.__cause__.item_id == 5


@pytest.mark.parametrize("signal", [SkipBatchException, StopPipeline])
@pytest.mark.parametrize("target", ["for", "threads"])
def test_signals_to_the_pipeline_pass_unchanged(signal: type[Exception], target: str) -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="for")
        def go(self, item: int) -> int:
            raise signal

    with pytest.raises(signal) as caught:
        Made([5, 6]).go(target=target)
    assert type(caught.value) is signal


def test_arguments_with_a_value_for_each_item_are_spread() -> None:
    class PerItem:
        def item_values(self, batch: Any, n: int) -> list[int]:
            return [10 * position for position in range(n)]

    assert make()(["a", "b"]).go(PerItem(), k=PerItem()) == [
        (("a", 0), {"k": 0}),
        (("b", 10), {"k": 10}),
    ]
    assert make()(["a", "b"]).go(1, PerItem()) == [(("a", 1, 0), {}), (("b", 1, 10), {})]


def test_a_value_for_each_item_needs_as_many_items() -> None:
    class PerItem:
        def item_values(self, batch: Any, n: int) -> list[int]:
            return list(range(n))

    with pytest.raises(ValueError, match="has 2 values for 3 items"):
        make()([1, 2, 3]).go(PerItem())


def test_run_once_calls_the_method_once() -> None:
    class Made(Base):
        count = 0

        @inbatch_parallel(init="run_once", target="threads")
        def go(self, src: str, fmt: str = "raw") -> None:
            Made.count += 1
            assert (src, fmt) == ("path", "blosc")

        def run_once(self) -> list[list[Any]]:
            return [[]]

    batch = Made(range(5))
    assert batch.go("path", fmt="blosc") is batch
    assert Made.count == 1


def test_name_and_docstring_stay() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="for")
        def go(self, item: int) -> None:
            """Go."""

    assert Made.go.__name__ == "go"
    assert Made.go.__doc__ == "Go."


def test_a_coroutine_function_cannot_be_debugged() -> None:
    class Made(Base):
        @inbatch_parallel(init="indices", target="for")
        async def go(self, item: int) -> None:
            await asyncio.sleep(0)

    with pytest.raises(ValueError, match="coroutine"):
        Made([1]).go(debug=True)


def _times_three(item: int) -> int:
    return 3 * item


def test_a_method_for_processes_may_return_the_item_function() -> None:
    class Made(Batch):
        @inbatch_parallel(init="indices", post="_keep", target="mpc")
        def triple(self):  # type: ignore[no-untyped-def]
            return _times_three

        @inbatch_parallel(init="indices", post="_keep", target="mpc")
        def scale(self, factor):  # type: ignore[no-untyped-def]
            return partial(operator.mul, factor)

        @inbatch_parallel(init="indices", target="mpc")
        def nothing(self):  # type: ignore[no-untyped-def]
            return 3

        def _keep(self, results):  # type: ignore[no-untyped-def]
            return results

    assert Made([1, 2]).triple() == [3, 6]
    assert Made([1, 2]).scale(5) == [5, 10]
    with pytest.raises(TypeError, match="takes no item"):
        Made([1, 2]).nothing()


def test_a_kernel_in_the_place_of_a_method_is_refused() -> None:
    decorate = inbatch_parallel(init="images", post="_assemble", target="native")
    with pytest.raises(TypeError, match=r"write name = apply_parallel\(src='images'\)\(kernel\)"):
        decorate(kernels.flip)
    over_items = inbatch_parallel(init=[np.uint8(3), np.uint8(5)], post=lambda results: results)
    assert over_items(kernels.invert)() == [252, 250]
