"""`mjit` and `make_function`."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

import pytest

from ironbatch import Batch, action, inbatch_parallel, make_function, mjit
from ironbatch.errors import MissingPackageError


def passing(method: Any) -> Any:
    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the decorator is left out")

    return wrapped


class Numbers(Batch):
    @passing
    def add(self, x: float, y: float = 1.0, *, z: float = 0.0) -> float:
        return x + y + z


def test_make_function_leaves_decorators_out_and_keeps_defaults() -> None:
    function = make_function(Numbers.add)
    assert function(None, 1) == 2
    assert function(None, 1, 2, z=3) == 6


def test_make_function_takes_bound_methods_and_closures() -> None:
    k = 5

    class Local:
        def add(self, x: int) -> int:
            return x + k

    assert make_function(Local().add)(None, 1) == 6


def test_a_global_function_can_be_found_again() -> None:
    import pickle

    function = make_function(Numbers.add, is_global=True)
    try:
        assert pickle.loads(pickle.dumps(function)) is function
        assert "Numbers_add" in function.__name__
    finally:
        delattr(sys.modules[__name__], function.__name__)


def test_make_function_refuses_builtins() -> None:
    with pytest.raises(TypeError, match="not a function written in Python"):
        make_function(len)


def test_without_numba_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)

    class Made:
        @mjit
        def add(self, x: float) -> float:
            return x

    with pytest.raises(MissingPackageError, match=r"pip install 'ironbatch\[jit\]'"):
        Made().add(1.0)


@pytest.mark.full("numba")
@pytest.mark.filterwarnings("default")
def test_methods_are_compiled() -> None:
    import numpy as np

    class Made(Batch):
        components = "values"

        @action
        @inbatch_parallel(init="values", post="_assemble", target="threads", dst="sums")
        @mjit
        def total(self, row: Any, k: float) -> float:
            out = 0.0
            for value in row:
                out += k * value
            return out

        @mjit(nogil=False, fastmath=True)
        def plus(self, x: float) -> float:
            return x + 1

    batch = Made.from_data(data=np.ones((3, 5)))
    batch.total(2.0)
    assert batch.sums.tolist() == [10.0] * 3
    assert batch.plus(1.0) == 2.0
