"""An order that keeps to blocks."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import Batch, Blocks, Dataset, DatasetIndex
from ironbatch.index import IterState


class Plain(Batch):
    components = "x"


def epochs(blocks, n=100, batch_size=8, n_epochs=2, index=None):
    batches = (index or DatasetIndex(n)).gen_batch(batch_size, shuffle=blocks, n_epochs=n_epochs)
    return np.concatenate([batch.indices for batch in batches]).reshape(n_epochs, -1)


@given(
    n=st.integers(1, 200),
    size=st.integers(1, 50),
    window=st.integers(1, 12),
    seed=st.integers(0, 2**40),
    batch_size=st.integers(1, 200),
)
def test_every_epoch_has_each_item_once(n, size, window, seed, batch_size):
    order = epochs(Blocks(seed, size, window), n, min(batch_size, n))
    assert (np.sort(order, axis=1) == np.arange(n)).all()


def test_blocks_of_a_window_are_used_up_before_the_next():
    order = epochs(Blocks(7, size=10, window=3))
    for epoch in order:
        used = [set(part // 10) for part in np.split(epoch, [30, 60, 90])]
        assert [len(part) for part in used] == [3, 3, 3, 1]
        assert set.union(*used) == set(range(10))


def test_items_are_mixed_within_a_window_and_windows_differ_between_epochs():
    order = epochs(Blocks(7, size=10, window=3))
    first = order[0][:30]
    assert len(set(first[:10] // 10)) > 1
    assert set(order[0][:30] // 10) != set(order[1][:30] // 10)


def test_the_order_is_pinned():
    """Seeds of users mean what they meant: a change needs another version of the order."""
    order = DatasetIndex(20).shuffle(Blocks(42, size=4, window=2))
    assert order.tolist() == PINNED


PINNED = [7, 2, 0, 3, 1, 4, 6, 5, 9, 8, 16, 19, 17, 11, 18, 10, 15, 14, 12, 13]


def test_the_same_whatever_the_batch_size_and_another_for_another_seed():
    whole = epochs(Blocks(7, 10, 3), batch_size=100)
    for batch_size in (1, 7, 64):
        assert (epochs(Blocks(7, 10, 3), batch_size=batch_size) == whole).all()
    assert (epochs(Blocks(8, 10, 3)) != whole).any()
    assert (epochs(Blocks(np.random.SeedSequence(7), 10, 3)) == whole).all()
    assert (epochs(Blocks(None, 10, 3)) != whole).any()


def test_subsets_keep_to_the_blocks_of_the_root():
    index = DatasetIndex(100)
    index.split(0.5, shuffle=3)
    order = epochs(Blocks(7, 10, window=2), n=50, index=index.train)
    assert sorted(order[0]) == sorted(index.train.indices)
    windows = [set(part // 10) for part in np.split(order[0], np.cumsum(_counts(order[0])))[:-1]]
    assert all(len(part) <= 2 for part in windows)
    assert sorted(block for part in windows for block in part) == list(range(10))


def _counts(order):
    """How long each window of two blocks lasts."""
    blocks = order // 10
    counts, seen = [], set()
    for block in blocks:
        if block not in seen and len(seen) % 2 == 0:
            counts.append(0)
        seen.add(block)
        counts[-1] += 1
    return counts


def test_an_iteration_goes_on_from_its_state():
    index = DatasetIndex(100)
    state = IterState()
    batches = index.gen_batch(8, shuffle=Blocks(7, 10, 3), n_epochs=2, iter_params=state)
    for _ in range(5):
        next(batches)
    copied = pickle.loads(pickle.dumps(state))
    assert copied.order["order"] == "blocks"
    assert copied.order["version"] == 1
    rest = [batch.indices.tolist() for batch in batches]
    again = index.gen_batch(8, shuffle=Blocks(7, 10, 3), n_epochs=2, iter_params=copied)
    assert [batch.indices.tolist() for batch in again] == rest


def test_an_iteration_over_a_subset_goes_on_from_its_state():
    index = DatasetIndex(100)
    index.split(0.5, shuffle=3)
    state = IterState()
    batches = index.train.gen_batch(8, shuffle=Blocks(7, 10, 3), n_epochs=2, iter_params=state)
    next(batches)
    again = index.train.gen_batch(8, n_epochs=2, iter_params=state.copy())
    assert [each.indices.tolist() for each in again] == [each.indices.tolist() for each in batches]


@pytest.mark.parametrize("steps", [1, 5, 13])
def test_a_run_of_a_pipeline_goes_on_from_its_state(steps):
    dataset = Dataset(100, Plain, preloaded=np.arange(100))
    dataset.split(0.5, shuffle=3)
    options = {"batch_size": 8, "shuffle": Blocks(7, 10, 3), "n_epochs": 3}
    pipeline = dataset.train.p.apply_parallel(
        lambda x, rng: x + rng.random(), src="x", requires_rng=True
    )
    whole = [batch.x.tolist() for batch in pipeline.gen_batch(**options)]
    run = pipeline.gen_batch(**options)
    for _ in range(steps):
        next(run)
    state = copy.deepcopy(pipeline.state_dict())
    run.close()
    other = dataset.train.p.apply_parallel(
        lambda x, rng: x + rng.random(), src="x", requires_rng=True
    )
    other.load_state_dict(state)
    assert [batch.x.tolist() for batch in other.gen_batch(**options)] == whole[steps:]


def test_the_seed_of_a_run_seeds_the_order():
    dataset = Dataset(100, Plain, preloaded=np.arange(100))

    def order(seed):
        batches = dataset.p.gen_batch(8, shuffle=Blocks(seed, size=10), n_epochs=1)
        return [batch.x.tolist() for batch in batches]

    assert order(3) == order(3)
    assert order(3) != order(4)


def test_shards_share_the_items_out():
    dataset = Dataset(96, Plain, preloaded=np.arange(96))
    seen = []
    for rank in range(2):
        part = dataset.p.shard(rank, 2)
        seen += [
            item
            for batch in part.gen_batch(8, shuffle=Blocks(3, size=10), n_epochs=1)
            for item in batch.x.tolist()
        ]
    assert sorted(seen) == list(range(96))
    with pytest.raises(ValueError, match="each of the 2 ranks another order"):
        next(dataset.p.shard(0, 2).gen_batch(8, shuffle=Blocks(size=10), n_epochs=1))


def test_next_batch_goes_on_and_refuses_another_order():
    index = DatasetIndex(20)
    expected = epochs(Blocks(7, 5), 20, 4, 1)[0]
    found = [index.next_batch(4, shuffle=Blocks(7, 5)).indices for _ in range(5)]
    assert (np.concatenate(found) == expected).all()
    with pytest.raises(ValueError, match="has changed"):
        index.next_batch(4, shuffle=Blocks(8, 5))
    with pytest.raises(ValueError, match="has changed"):
        index.next_batch(4, shuffle=False)


def test_equal_are_those_that_give_one_order():
    assert Blocks(7, 10, 3) == Blocks(np.random.SeedSequence(7), 10, 3)
    assert hash(Blocks(7, 10)) == hash(Blocks(7, 10))
    assert Blocks(7, 10) != Blocks(7, 11)
    assert Blocks(7, 10, 2) != Blocks(7, 10, 3)
    assert pickle.loads(pickle.dumps(Blocks(7, 10))) == Blocks(7, 10)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 0}, ValueError, "size is at least 1, got 0"),
        ({"window": -1}, ValueError, "window is at least 1, got -1"),
        ({"size": 1.5}, TypeError, "size is an integer, not float"),
        ({"size": True}, TypeError, "not a bool"),
        ({"seed": False}, ValueError, "seed=False"),
        ({"seed": -3}, ValueError, "seed=-3"),
        ({"seed": "x"}, TypeError, "str"),
    ],
)
def test_what_cannot_be_blocks(arguments, error, message):
    with pytest.raises(error, match=message):
        Blocks(**arguments)


@pytest.mark.parametrize("shuffle", ["blocks", Blocks(3)])
def test_without_chunks_a_size_must_be_said(shuffle):
    for holder in (DatasetIndex(10), Dataset(10, Plain, preloaded=np.arange(10))):
        with pytest.raises(ValueError, match=r"Blocks\(seed, size=1000\)"):
            holder.gen_batch(2, shuffle=shuffle, n_epochs=1)


def test_another_word_is_no_order():
    with pytest.raises(TypeError, match="str"):
        DatasetIndex(10).gen_batch(2, shuffle="chunks", n_epochs=1)
