"""Functions over items of any kind: ragged, out of order, objects, none."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import ActionError, P
from ironbatch.components import Ragged

from .conftest import NUMBA, Signals, despike, every, expected_despike, picky, scale, signals

pytestmark = NUMBA


def test_methods_return_it(batch):
    batch.despiked(2.0)
    assert_array_equal(batch.others[3], expected_despike(batch.signals[3], 2.0))


def test_ragged_items():
    items = [np.arange(float(n)) for n in range(1, 60)]
    made = every.bind(step=3).run_batch(Ragged.from_items(items), name="x")
    assert isinstance(made, Ragged)
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, item[::3])
    same = despike.bind().run_batch(Ragged.from_items(items))
    for item, result in zip(items, same, strict=True):
        assert_array_equal(result, expected_despike(item))


def test_items_that_do_not_lie_in_order():
    x = signals(20, 60).reshape(20, 6, 10)
    for view in (x.transpose(0, 2, 1), x[:, ::-1, ::2], np.broadcast_to(x[0, :, ::2], (4, 6, 5))):
        assert_array_equal(scale.bind(factor=3).run_batch(view), view * 3)
    assert_array_equal(scale(x[0].T), x[0].T * 2)


def test_objects_are_run_by_type():
    items = np.empty(4, object)
    items[:] = [np.ones(3), np.ones((2, 2), np.float32), np.arange(3.0), np.ones(2, np.float32)]
    made = scale.bind(factor=P([1, 2, 3, 4])).run_batch(items, batch=Signals(4))
    assert [one.dtype for one in made] == ["float64", "float32", "float64", "float32"]
    assert made[1].tolist() == [[2, 2], [2, 2]]
    assert made[2].tolist() == [0, 3, 6]
    items[:] = [np.ones(3, np.float32), np.full(3, 9.0), np.full(3, 8.0), np.full(2, 7, np.int32)]
    batch = Signals(np.arange(10, 14))
    batch.signals = items
    with pytest.raises(OverflowError, match=r"11.*position 1\).*picky: too much"):
        batch.apply_parallel(picky, src="signals")


def test_no_items():
    assert despike.bind().run_batch(np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert len(despike.bind().run_batch(np.empty(0, object))) == 0


def test_n_workers_and_timeout_are_obeyed():
    @ironbatch.kernel
    def slow(x, out):
        total = 0.0
        for i in range(30_000_000):
            total += np.sin(x[0] + i)
        out[0] = total

    slow(np.ones(1))
    batch = Signals(30)
    batch.signals = np.ones((30, 1))
    with pytest.raises(ActionError) as caught:
        batch.apply_parallel(slow, src="signals", timeout=0.2, n_workers=1)
    assert isinstance(caught.value, TimeoutError)
