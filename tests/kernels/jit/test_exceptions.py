"""Exceptions of functions, with the kernel and the item that they come from."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import ActionError

from .conftest import NUMBA, despike, picky

pytestmark = NUMBA


def test_an_exception_names_kernel_and_item(batch):
    batch.signals[7, 3] = 99
    batch.signals[30, 0] = 99
    before = batch.signals.copy()
    with pytest.raises(ActionError, match=r"107.*position 7.*picky: too much") as caught:
        batch.apply_parallel(picky.bind(limit=10.0), src="signals")
    assert isinstance(caught.value, OverflowError)
    assert caught.value.item_id == 107
    assert_array_equal(batch.signals, before)
    # The pool lives, and the next batch is right.
    assert despike.bind().run_batch(batch.signals).shape == (50, 40)
    with pytest.raises(OverflowError, match="picky: too much"):
        picky(np.full(3, 9.0))


def test_exceptions_of_any_kind_come_back():
    @ironbatch.kernel
    def fails(x, out, how=0):
        if how == 0:
            raise ValueError("bad value", 3)
        if how == 1:
            raise ValueError(f"bad value {len(x)}")
        if how == 2:
            raise KeyError
        out[0] = 1 // (how - 3)

    with pytest.raises(ValueError, match="bad value") as caught:
        fails(np.ones(3))
    assert caught.value.args == ("bad value", 3)
    assert any("in kernel fails" in note for note in caught.value.__notes__)
    assert any("test_exceptions.py:" in note for note in caught.value.__notes__)
    for length in (3, 4):
        with pytest.raises(ValueError, match=rf"^fails: bad value {length}\n"):
            fails(np.ones(length), how=1)
    with pytest.raises(KeyError):
        fails(np.ones(3), how=2)
    with pytest.raises(ZeroDivisionError, match=r"fails: .*division"):
        fails(np.ones(3), how=3)


def test_items_that_fail_are_left_out(batch):
    batch.signals[[3, 8]] = 99
    left = batch.apply_parallel(picky.bind(limit=10.0), src="signals", on_error="skip")
    assert left.indices.tolist() == [i for i in range(100, 150) if i not in (103, 108)]


def test_boundscheck_makes_a_bad_index_an_error():
    @ironbatch.kernel(boundscheck=True)
    def beyond(x, out):
        out[len(x)] = x[0]

    with pytest.raises(IndexError, match="beyond: "):
        beyond(np.ones(3))
