"""`action`: marking, locks."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ironbatch import action, kernels


class Travelling:
    """What an action needs of a batch: a pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline


class Pipe:
    pass


def test_a_plain_action_is_the_method_itself() -> None:
    def method(self: Any) -> None: ...

    assert action(method) is method
    assert method.action == {"method": method, "use_lock": None, "no_eval": None}  # type: ignore[attr-defined]


def test_options_are_kept() -> None:
    @action(use_lock="file", no_eval=("dst", "src"))
    def method(self: Any) -> None:
        """Doc."""

    assert method.action["use_lock"] == "file"  # type: ignore[attr-defined]
    assert method.action["no_eval"] == ["dst", "src"]  # type: ignore[attr-defined]
    assert method.__doc__ == "Doc."


def test_one_name_in_no_eval() -> None:
    assert action(no_eval="dst")(lambda self: 1).action["no_eval"] == ["dst"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"use_lock": 5}, {"no_eval": [1]}])
def test_options_of_a_wrong_type_are_refused(options: Any) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        action(**options)


def test_what_is_not_callable_is_refused() -> None:
    with pytest.raises(TypeError, match="decorates a method"):
        action("dst")  # type: ignore[call-overload]


@pytest.mark.parametrize("decorate", [action, action(use_lock=True), action(no_eval="dst")])
@pytest.mark.parametrize(
    "kernel", [kernels.flip, kernels.flip.bind(), kernels.chain(kernels.flip, kernels.invert)]
)
def test_a_kernel_is_refused_where_it_is_decorated(decorate: Any, kernel: Any) -> None:
    with pytest.raises(TypeError, match=r"of one item; write name = apply_parallel\(src="):
        decorate(kernel)
    assert not hasattr(kernel, "action")


def test_a_function_that_takes_no_marks_is_refused() -> None:
    with pytest.raises(TypeError, match="written in Python, not <built-in function len>"):
        action(len)


def most_at_once(batches: list[Any], *names: str) -> int:
    threads = [threading.Thread(target=getattr(batch, name)) for batch in batches for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return Counting.most


class Counting(Travelling):
    running = most = 0
    guard = threading.Lock()

    def _count(self) -> None:
        with Counting.guard:
            Counting.running += 1
            Counting.most = max(Counting.most, Counting.running)
        time.sleep(0.02)
        with Counting.guard:
            Counting.running -= 1

    @action(use_lock=True)
    def own(self) -> None:
        self._count()

    @action(use_lock="shared")
    def one(self) -> None:
        self._count()

    @action(use_lock="shared")
    def two(self) -> None:
        self._count()

    @action(use_lock=False)
    def free(self) -> None:
        self._count()

    @action(use_lock=True)
    def broken(self) -> None:
        raise ValueError


@pytest.fixture(autouse=True)
def _reset() -> None:
    Counting.running = Counting.most = 0


def test_use_lock_lets_one_batch_of_a_pipeline_in() -> None:
    pipeline = Pipe()
    assert most_at_once([Counting(pipeline) for _ in range(4)], "own") == 1


def test_pipelines_have_locks_of_their_own() -> None:
    assert most_at_once([Counting(Pipe()) for _ in range(4)], "own") > 1


def test_actions_share_a_lock_by_name() -> None:
    pipeline = Pipe()
    assert most_at_once([Counting(pipeline) for _ in range(2)], "one", "two") == 1


def test_without_a_lock_all_run() -> None:
    assert most_at_once([Counting(Pipe())] * 4, "free") > 1


def test_without_a_pipeline_there_is_no_lock() -> None:
    assert most_at_once([Counting(None)] * 4, "own") > 1


def test_the_lock_is_released_when_the_action_fails() -> None:
    batch = Counting(Pipe())
    with pytest.raises(ValueError):  # noqa: PT011
        batch.broken()
    # From another thread, since the lock lets its own thread in again.
    ended = []

    def again() -> None:
        with pytest.raises(ValueError):  # noqa: PT011
            batch.broken()
        ended.append(True)

    thread = threading.Thread(target=again, daemon=True)
    thread.start()
    thread.join(5)
    assert ended
