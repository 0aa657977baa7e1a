import json
import math
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import DatasetIndex
from ironbatch.index import IterState
from ironbatch.index.order import MAX_NUMPY_ITEMS, make_order, order_from_state
from ironbatch.random import make_rng

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "order_v1.json").read_text())


def epoch_of(order, epoch: int, n: int) -> list[int]:
    return np.asarray(order.positions(epoch, 0, n)).tolist()


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda c: f"{c['seed']}-{c['n']}-{c['epoch']}"
)
def test_orders_never_change(case) -> None:
    order = make_order(case["seed"], case["n"])
    count = len(case["positions"])
    assert order.positions(case["epoch"], case["start"], count).tolist() == case["positions"]
    assert order.state["version"] == GOLDEN["version"]


@given(st.integers(1, 200_000), st.integers(0, 2**64), st.integers(0, 2**40))
def test_every_epoch_is_a_permutation(n, seed, epoch) -> None:
    order = make_order(seed, n).positions(epoch, 0, n)
    assert (np.bincount(order, minlength=n) == 1).all()


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_orders_of_a_small_set_are_equally_likely(n) -> None:
    orders = math.factorial(n)
    trials = orders * 60
    counts = Counter(tuple(make_order(s, n).positions(0, 0, n).tolist()) for s in range(trials))
    assert len(counts) == orders
    chi2 = sum((c - 60) ** 2 / 60 for c in counts.values())
    # The mean of chi-square is orders - 1, its deviation sqrt(2 (orders - 1)).
    assert chi2 < orders - 1 + 5 * math.sqrt(2 * orders)


def test_a_billion_items_are_shuffled_without_memory() -> None:
    index = DatasetIndex(10**9)
    batch = next(index.gen_batch(64, shuffle=1))
    assert len(set(batch.indices.tolist())) == 64
    assert batch.indices.max() > 10**8
    assert index.nbytes == 0


@pytest.mark.parametrize("order", ["native", "numpy"])
@pytest.mark.parametrize("shuffle", [False, np.False_, -1, -42, np.int64(-3)])
def test_what_does_not_shuffle(shuffle, order) -> None:
    assert DatasetIndex(50).shuffle(shuffle, order=order).tolist() == list(range(50))


@pytest.mark.parametrize("order", ["native", "numpy"])
@pytest.mark.parametrize("seed", [0, 1, np.int32(7), 2**80, np.random.SeedSequence(5)])
def test_seeds_shuffle_the_same_way_each_time(seed, order) -> None:
    index = DatasetIndex(50)
    first = index.shuffle(seed, order=order).tolist()
    assert sorted(first) == list(range(50)) != first
    assert index.shuffle(seed, order=order).tolist() == first


@pytest.mark.parametrize("order", ["native", "numpy"])
@pytest.mark.parametrize("shuffle", [True, None, np.True_])
def test_fresh_shuffles_differ(shuffle, order) -> None:
    index = DatasetIndex(50)
    assert index.shuffle(shuffle, order=order).tolist() != index.shuffle(shuffle).tolist()


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState, np.random.PCG64])
def test_generators_are_asked_once(make) -> None:
    index = DatasetIndex(40)
    rng, twin = make(3), make(3)
    first = index.shuffle(rng).tolist()
    assert index.shuffle(rng).tolist() != first
    assert index.shuffle(twin).tolist() == first


@pytest.mark.parametrize("shuffle", ["yes", 1.5, [1], lambda order: order])
def test_what_cannot_be_a_seed_is_refused_at_the_call(shuffle) -> None:
    index = DatasetIndex(5)
    with pytest.raises(TypeError, match=type(shuffle).__name__):
        index.gen_batch(2, shuffle=shuffle)
    with pytest.raises(TypeError):
        index.split(shuffle=shuffle)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ValueError, match="'native', 'numpy'"):
        DatasetIndex(5).gen_batch(2, order="random")


def test_numpy_order_of_an_int_starts_anew_in_each_epoch() -> None:
    order = make_order(7, 30, "numpy")
    expected = np.arange(30)
    for epoch in range(3):
        expected = make_rng(7).permutation(expected)
        assert epoch_of(order, epoch, 30) == expected.tolist()


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_numpy_order_of_a_generator_moves_on(make) -> None:
    order, twin = make_order(make(7), 30, "numpy"), make(7)
    expected = np.arange(30)
    for epoch in range(3):
        expected = twin.permutation(expected)
        assert epoch_of(order, epoch, 30) == expected.tolist()


def test_numpy_order_goes_back() -> None:
    for seed in (7, True, np.random.default_rng(3), np.random.RandomState(3)):
        order = make_order(seed, 30, "numpy")
        first, third = epoch_of(order, 0, 30), epoch_of(order, 2, 30)
        assert first != third
        assert epoch_of(order, 0, 30) == first
        assert epoch_of(order, 2, 30) == third


def test_numpy_order_has_a_limit() -> None:
    with pytest.raises(ValueError, match="order='native'"):
        make_order(1, MAX_NUMPY_ITEMS + 1, "numpy")


@pytest.mark.parametrize("name", ["native", "numpy"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: False,
        lambda: 5,
        lambda: True,
        lambda: np.random.SeedSequence(3),
        lambda: np.random.default_rng(3),
        lambda: np.random.RandomState(3),
    ],
)
def test_states_make_the_same_order_again(make, name) -> None:
    order = make_order(make(), 30, name)
    order.positions(0, 0, 10)
    state = pickle.loads(pickle.dumps(order.state))
    assert epoch_of(order_from_state(state, 30), 2, 30) == epoch_of(order, 2, 30)


def test_states_of_other_versions_are_refused() -> None:
    state = make_order(5, 10).state
    with pytest.raises(ValueError, match=r"native.*99"):
        order_from_state({**state, "version": 99}, 10)


def test_int_states_are_plain_values() -> None:
    state = IterState()
    next(DatasetIndex(10).gen_batch(3, shuffle=5, iter_params=state))
    assert json.loads(json.dumps(state.as_dict())) == state.as_dict()


def test_shuffle_of_an_iteration_is_that_of_its_epoch() -> None:
    index, state = DatasetIndex(10), IterState()
    batches = index.gen_batch(10, shuffle=5, n_epochs=2, iter_params=state)
    next(batches)
    coming = index.shuffle(5, state).tolist()
    assert next(batches).indices.tolist() == coming
