"""The parts of a run: together they are the whole, and each has as many batches as the others."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ironbatch
from ironbatch import Dataset, I, P, R, action


class Numbers(ironbatch.Batch):
    components = "values", "noise"

    @action
    def keep_first(self, number):
        return self[self.indices[:number]]

    @action
    def put(self, values):
        self.values = np.asarray(values, float)
        return self

    @action
    def put_number(self, current, largest):
        self.noise = np.array([[current, largest or 0]] * len(self))
        return self


def make(n):
    return Dataset(n, Numbers).p


def parts(build, world, **arguments):
    """Give the ids of the batches of each rank."""
    return [
        [batch.indices.tolist() for batch in build().shard(rank, world).gen_batch(**arguments)]
        for rank in range(world)
    ]


def items(ranks):
    return Counter(id_ for batches in ranks for batch in batches for id_ in batch)


def check_equal(ranks, batch_size):
    assert len({len(batches) for batches in ranks}) == 1
    for step in zip(*ranks, strict=True):
        sizes = [len(batch) for batch in step]
        assert 1 <= min(sizes) <= max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1


runs = st.fixed_dictionaries(
    {
        "n": st.integers(1, 30),
        "batch_size": st.integers(1, 6),
        "world": st.integers(1, 5),
        "epochs": st.integers(1, 3),
        "shuffle": st.sampled_from([False, 3]),
    }
)


def dealt(n, batch_size, world):
    """Whether so many places can be dealt out to equally many batches."""
    full, rest = divmod(n, batch_size * world)
    return not 0 < rest < world or (full > 0 and batch_size > 1)


@settings(max_examples=150, deadline=None)
@given(runs)
def test_parts_are_disjoint_whole_and_equally_long(run):
    n, size, world, epochs = run["n"], run["batch_size"], run["world"], run["epochs"]
    assume(size <= n)
    given = {"batch_size": size, "n_epochs": epochs, "shuffle": run["shuffle"]}
    if not dealt(n * epochs, size, world):
        with pytest.raises(ValueError, match=f"{n * epochs} items cannot be dealt out to {world}"):
            parts(lambda: make(n), world, **given)
        return
    ranks = parts(lambda: make(n), world, **given)
    check_equal(ranks, size)
    assert items(ranks) == dict.fromkeys(range(n), epochs)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_full_steps_take_the_items_of_the_whole_run_in_its_order(run):
    n, size, world = run["n"], run["batch_size"], run["world"]
    assume(size <= n)
    given = {"batch_size": size, "shuffle": run["shuffle"], "seed": 1}
    ranks = parts(lambda: make(n), world, **given, n_iters=4)
    whole = [batch.indices.tolist() for batch in make(n).gen_batch(**given, n_iters=4 * world)]
    assert [ranks[i % world][i // world] for i in range(4 * world)] == whole


@settings(max_examples=100, deadline=None)
@given(runs)
def test_with_drop_last_all_batches_are_full(run):
    n, size, world, epochs = run["n"], run["batch_size"], run["world"], run["epochs"]
    assume(size <= n)
    given = {"batch_size": size, "n_epochs": epochs, "shuffle": run["shuffle"], "drop_last": True}
    if size * world > n:
        with pytest.raises(ValueError, match=f"take {size * world} items at a time, and .* {n}"):
            parts(lambda: make(n), world, **given)
        return
    ranks = parts(lambda: make(n), world, **given)
    steps = n // (size * world)
    assert [[len(batch) for batch in one] for one in ranks] == [[size] * steps * epochs] * world
    for epoch in range(epochs):
        of_epoch = items(one[epoch * steps : (epoch + 1) * steps] for one in ranks)
        assert set(of_epoch.values()) == {1}


@settings(max_examples=200, deadline=None)
@given(runs, st.integers(0, 8), st.integers(1, 5), st.sampled_from(["n_epochs", "n_iters"]))
def test_a_run_goes_on_at_another_number_of_ranks(run, done, new_world, end):
    n, size, world = run["n"], run["batch_size"], run["world"]
    assume(size <= n)
    given = {"batch_size": size, end: run["epochs"] + 2, "shuffle": run["shuffle"], "seed": 1}
    try:
        whole = parts(lambda: make(n), world, **given)
    except ValueError:
        assume(False)
    assume(done <= len(whole[0]))
    states, before = [], []
    for rank in range(world):
        pipeline = make(n).shard(rank, world)
        batches = pipeline.gen_batch(**given)
        before.append([next(batches).indices.tolist() for _ in range(done)])
        states.append(json.loads(json.dumps(pipeline.state_dict())))
    assert all(state == states[0] for state in states)

    def build():
        return make(n)

    left = sum(items(one[done:] for one in whole).values())
    if not dealt(left, size, new_world):
        with pytest.raises(ValueError, match=f"{left} items cannot be dealt out"):
            build().shard(0, new_world).load_state_dict(states[-1]).gen_batch()
        return
    rest = [
        [
            batch.indices.tolist()
            for batch in build().shard(rank, new_world).load_state_dict(states[-1]).gen_batch()
        ]
        for rank in range(new_world)
    ]
    check_equal(rest, size)
    assert items(before) + items(rest) == items(whole)


@settings(max_examples=100, deadline=None)
@given(runs, st.integers(0, 8), st.integers(1, 5))
def test_with_drop_last_no_item_of_an_epoch_comes_twice(run, done, new_world):
    n, size, world = run["n"], run["batch_size"], run["world"]
    assume(size * max(world, new_world) <= n)
    given = {"batch_size": size, "n_epochs": 1, "shuffle": 3, "drop_last": True}
    whole = parts(lambda: make(n), world, **given)
    assume(done <= len(whole[0]))
    pipeline = make(n).shard(0, world)
    batches = pipeline.gen_batch(**given)
    for _ in range(done):
        next(batches)
    state = pipeline.state_dict()
    rest = [
        [
            batch.indices.tolist()
            for batch in make(n).shard(rank, new_world).load_state_dict(state).gen_batch()
        ]
        for rank in range(new_world)
    ]
    seen = items([one[:done] for one in whole]) + items(rest)
    assert set(seen.values()) <= {1}
    assert n - sum(seen.values()) < size * max(world, new_world)


@pytest.mark.parametrize("changes", [(2, 3), (3, 1, 2), (1, 4, 2), (4, 2, 1, 3)])
@pytest.mark.parametrize("given", [{"n_epochs": 3}, {"n_iters": 12}], ids=str)
def test_a_run_goes_on_again_and_again(changes, given):
    state, seen = None, Counter()
    for world in changes:
        states = []
        for rank in range(world):
            pipeline = make(40).shard(rank, world)
            if state is not None:
                pipeline.load_state_dict(state)
            batches = pipeline.gen_batch(3, shuffle=5, **given)
            for number, batch in enumerate(batches, 1):
                seen.update(batch.indices.tolist())
                if number == 2 and world != changes[-1]:
                    break
            states.append(pipeline.state_dict())
        assert all(one == states[0] for one in states)
        state = states[0]
    expected = 3 * 40 if "n_epochs" in given else 12 * 3 * changes[0]
    assert sum(seen.values()) == expected
    assert max(seen.values()) - min(seen.values()) <= 1


def test_draws_of_items_do_not_depend_on_the_number_of_ranks():
    def drawn(world):
        found = {}
        for rank in range(world):
            pipeline = make(12).put(P(R("normal", 0, 1))).shard(rank, world)
            for batch in pipeline.gen_batch(2, shuffle=4):
                found.update(zip(batch.indices.tolist(), batch.values.tolist(), strict=True))
        return found

    assert drawn(1) == drawn(2) == drawn(3)


def test_draws_of_batches_are_those_of_their_first_place():
    def drawn(pipeline, **given):
        pipeline = pipeline.put(R("normal", 0, 1, size=2))
        return [batch.values.tolist() for batch in pipeline.gen_batch(2, shuffle=4, **given)]

    whole = drawn(make(12))
    assert drawn(make(12).shard(0, 3)) == whole[::3]
    assert drawn(make(12).shard(2, 3)) == whole[2::3]
    assert drawn(make(12).shard(1, 2), drop_last=True) == whole[1::2]


def test_joined_batches_of_ranks_draw_different_numbers():
    drawn = [
        next(make(24).rebatch(4).put(R("normal", 0, 1, size=4)).shard(rank, 2).gen_batch(2, seed=1))
        for rank in range(2)
    ]
    assert not set(drawn[0].values) & set(drawn[1].values)


def test_each_rank_joins_its_own_batches():
    ranks = parts(lambda: make(24).rebatch(4), 2, batch_size=2)
    assert items(ranks) == dict.fromkeys(range(24), 1)
    assert [[len(batch) for batch in one] for one in ranks] == [[4, 4, 4]] * 2
    before = parts(lambda: make(24).shard(0, 1).rebatch(4), 2, batch_size=2)
    assert before == ranks


def test_a_state_after_rebatch_fits_its_own_rank_only():
    def build(rank, world=2):
        return make(24).rebatch(5).shard(rank, world)

    run = build(1)
    batches = run.gen_batch(2)
    next(batches)
    state = run.state_dict()
    rest = [batch.indices.tolist() for batch in batches]
    again = build(1).load_state_dict(state)
    assert [batch.indices.tolist() for batch in again.gen_batch()] == rest
    for rank, world in ((0, 2), (1, 3)):
        with pytest.raises(ValueError, match=rf"rank 1 of 2, and the pipeline is rank {rank} of"):
            build(rank, world).load_state_dict(state)


def test_merged_pipelines_are_dealt_out_too():
    whole = make(12).put(range(3)).merge(_numbered(24)).rebatch(6)
    got = [
        value
        for rank in range(2)
        for batch in whole.shard(rank, 2).gen_batch(3)
        for value in batch.values[3:].tolist()
    ]
    assert sorted(got) == [100.0 + i for i in range(12)]
    assert len(list(whole.gen_batch(3))) == 4


def _numbered(n):
    return Dataset(n, Numbers, preloaded=(np.arange(100.0, 100.0 + n), None)).p


def test_iterations_count_steps():
    pipeline = make(20).put_number(I(), I("max")).shard(1, 2)
    assert [batch.noise[0].tolist() for batch in pipeline.gen_batch(3)] == [
        [1, 4],
        [2, 4],
        [3, 4],
        [4, 4],
    ]
    batches = pipeline.gen_batch(3)
    next(batches)
    more = make(20).put_number(I(), I("max")).shard(0, 1).load_state_dict(pipeline.state_dict())
    assert [batch.noise[0].tolist() for batch in more.gen_batch()] == [[n, 6] for n in range(2, 7)]


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("target", ["threads", "mpc"])
def test_prefetch(prefetch, target):
    if target == "mpc" and not prefetch:
        pytest.skip("the same as in threads")
    ranks = parts(lambda: make(20), 2, batch_size=3, shuffle=2)
    again = parts(lambda: make(20), 2, batch_size=3, shuffle=2, prefetch=prefetch, target=target)
    assert ranks == again


@pytest.mark.parametrize("shuffle", [True, None, np.True_])
def test_a_shuffle_without_a_seed_is_refused(shuffle):
    pipeline = make(20).shard(0, 2)
    with pytest.raises(ValueError, match=r"another order.*give the same int to all"):
        pipeline.gen_batch(3, shuffle=shuffle)
    assert len(list(make(20).shard(0, 1).gen_batch(3, shuffle=shuffle))) == 7


def test_an_order_that_was_drawn_can_be_shared_by_its_state():
    run = make(20)
    batches = run.gen_batch(3, shuffle=True)
    first = next(batches).indices.tolist()
    state = run.state_dict()
    rest = [
        batch.indices.tolist()
        for rank in range(2)
        for batch in make(20).shard(rank, 2).load_state_dict(state).gen_batch()
    ]
    assert sorted(sum(rest, first)) == list(range(20))


def test_what_ranks_are_refused():
    with pytest.raises(ValueError, match="the ranks of world_size 2 are 0 to 1, got 2"):
        make(10).shard(2, 2)
    with pytest.raises(ValueError, match="got -1"):
        make(10).shard(-1, 2)
    with pytest.raises(ValueError, match="world_size is at least 1, got 0"):
        make(10).shard(0, 0)
    with pytest.raises(TypeError, match="rank is an integer, not float"):
        make(10).shard(0.0, 2)
    with pytest.raises(TypeError, match="world_size is an integer, not bool"):
        make(10).shard(0, True)
    with pytest.raises(ValueError, match="part 1 of 2 already"):
        make(10).shard(1, 2).shard(0, 2)


def test_fewer_items_than_ranks():
    with pytest.raises(ValueError, match="3 items cannot be dealt out to 4 ranks"):
        make(3).shard(0, 4).gen_batch(2)


def test_the_pipeline_itself_stays_whole():
    pipeline = make(10)
    pipeline.shard(0, 2)
    assert len(list(pipeline.gen_batch(5))) == 2
