import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import DatasetIndex


@pytest.mark.parametrize(
    ("n", "shares", "counts"),
    [
        (10, 0.8, (8, 2, 0)),
        (10, (0.8,), (8, 2, 0)),
        (10, (0.8, 0.2), (8, 2, 0)),
        (10, [0.8, 0.2], (8, 2, 0)),
        (10, np.array([0.5, 0.3]), (5, 3, 2)),
        (10, (0.5, 0.3, 0.2), (5, 3, 2)),
        (10, (0.7, 0.2, 0.1), (7, 2, 1)),
        (10, (0.1, 0.2), (1, 2, 7)),
        (3, [0.5, 0.5, 0], (1, 2, 0)),
        (100, (0.7, 0.3), (70, 30, 0)),
        (2, 0.999, (1, 1, 0)),
        (5, 1.0, (5, 0, 0)),
        (5, 1, (5, 0, 0)),
        (3, (0, 0), (1, 1, 1)),
    ],
)
def test_calc_split(n, shares, counts) -> None:
    assert DatasetIndex(n).calc_split(shares) == counts


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0.1, 0.2, 0.3, 0.4), "three"),
        ((), "three"),
        (1.5, "at most 1"),
        ((0.8, 0.3), "at most 1"),
        (-0.5, "negative"),
        (float("nan"), "NaN"),
    ],
)
def test_shares_that_do_not_fit(shares, words) -> None:
    with pytest.raises(ValueError, match=words):
        DatasetIndex(10).calc_split(shares)


def test_too_few_items() -> None:
    with pytest.raises(ValueError, match="2 items cannot be split into 3"):
        DatasetIndex(2).split((0.4, 0.3))


@given(st.integers(3, 200), st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_every_item_goes_somewhere(n, shares) -> None:
    total = math.fsum(shares) or 1.0
    shares = [share / total / 1.001 for share in shares]
    train, test, validation = DatasetIndex(n).calc_split(shares)
    assert train + test + validation == n
    assert min(train, test) >= 0 <= validation


def test_split_in_order() -> None:
    index = DatasetIndex(10)
    assert not index.is_split
    index.split((0.5, 0.3, 0.2))
    assert index.validation.indices.tolist() == [0, 1]
    assert index.test.indices.tolist() == [2, 3, 4]
    assert index.train.indices.tolist() == [5, 6, 7, 8, 9]
    assert index.is_split


@pytest.mark.parametrize("order", ["native", "numpy"])
def test_split_shuffled(order) -> None:
    index = DatasetIndex(10)
    index.split((0.5, 0.3), shuffle=5, order=order)
    dealt = index.shuffle(5, order=order).tolist()
    parts = index.validation, index.test, index.train
    assert [id_ for part in parts for id_ in part.indices.tolist()] == dealt
    assert index.train.root is index
    assert index.train.occurrences is None


def test_splitting_again_forgets() -> None:
    index = DatasetIndex(10)
    index.split((0.5, 0.3, 0.2))
    index.split(0.5)
    assert index.validation is None


def test_a_billion_items_split_without_memory() -> None:
    index = DatasetIndex(10**9)
    index.split((0.7, 0.2))
    assert len(index.train) == 7 * 10**8
    assert index.train.root_slice == slice(3 * 10**8, 10**9)
    batch = next(index.train.gen_batch(4, shuffle=1))
    assert (batch.indices >= 3 * 10**8).all()
    assert index.train.get_pos(10**9 - 1) == 7 * 10**8 - 1


def test_subsets_split_and_iterate() -> None:
    index = DatasetIndex(list("abcdefghij"))
    index.split(0.6, shuffle=1)
    index.train.split(0.5)
    inner = index.train.train
    assert set(inner.indices) < set(index.train.indices)
    assert inner.root is index
    seen = [id_ for batch in inner.gen_batch(2, shuffle=3, n_epochs=1) for id_ in batch.indices]
    assert sorted(seen) == sorted(inner.indices)
    assert index.take([0]).is_split is False
