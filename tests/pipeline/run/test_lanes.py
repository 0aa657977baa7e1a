"""Processes that make the batches of one run together: each has its lane."""

from itertools import islice, zip_longest

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ironbatch import Batch, Dataset, I, P, R, action


class Numbers(Batch):
    components = "noise", "numbers"

    @action
    def put(self, noise, current, largest):
        self.noise = np.asarray(noise, float)
        self.numbers = np.array([[current, largest or 0]] * len(self))
        return self

    @action
    def fail(self, places):
        if self.indices[0] in places:
            raise ValueError("no")
        return self


def make(n):
    return Dataset(n, Numbers).p.put(P(R("normal", 0, 1)), I(), I("max"))


def seen(batches):
    return [
        (batch.indices.tolist(), batch.noise.tolist(), batch.numbers.tolist()) for batch in batches
    ]


def in_turn(lanes):
    return [one for turn in zip_longest(*lanes) for one in turn if one is not None]


runs = st.fixed_dictionaries(
    {
        "n": st.integers(1, 40),
        "batch_size": st.integers(1, 6),
        "epoch": st.integers(0, 2),
        "lanes": st.integers(1, 6),
        "world": st.integers(1, 3),
        "shuffle": st.sampled_from([False, 3]),
        "drop_last": st.booleans(),
    }
)


@settings(max_examples=150, deadline=None)
@given(runs, st.integers(0, 4))
def test_lanes_in_turn_are_the_whole_run_and_go_on_from_any_batch(run, done):
    size, epoch, lanes, world = (run[name] for name in ("batch_size", "epoch", "lanes", "world"))
    how = {name: run[name] for name in ("batch_size", "shuffle", "drop_last")} | {"seed": 1}
    assume(size <= run["n"])

    def start(lane, lanes, state=None):
        pipeline = make(run["n"]).shard(world - 1, world)
        if state is not None:
            pipeline.load_state_dict(state)
        return pipeline, pipeline.epoch_run(epoch, lane, lanes, **how)

    try:
        whole = seen(start(0, 1)[1].batches())
    except ValueError:
        assume(False)
    parts = []
    for lane in range(lanes):
        pipeline, own = start(lane, lanes)
        batches = own.batches()
        before = seen(islice(batches, done))
        state = pipeline.state_dict()
        rest = seen(batches)
        assert seen(start(0, lanes, state)[1].batches()) == rest
        parts.append(before + rest)
    assert in_turn(parts) == whole
    if not run["drop_last"] and world == 1:
        assert sorted(id_ for ids, _, _ in whole for id_ in ids) == list(range(run["n"]))


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_epoch_is_that_of_a_run_of_several(epoch):
    whole = list(make(12).gen_batch(4, shuffle=3, n_epochs=3))[epoch * 3 :][:3]
    one = list(make(12).epoch_run(epoch, 0, 1, batch_size=4, shuffle=3).batches())
    for batch, expected in zip(one, whole, strict=True):
        assert batch.indices.tolist() == expected.indices.tolist()
        assert batch.noise.tolist() == expected.noise.tolist()


@pytest.mark.parametrize("prefetch", [0, 3])
def test_prefetch_in_a_lane(prefetch):
    def lane(number):
        run = make(30).epoch_run(1, number, 3, batch_size=4, shuffle=3, prefetch=prefetch)
        return seen(run.batches())

    assert in_turn([lane(0), lane(1), lane(2)]) == seen(
        make(30).epoch_run(1, 0, 1, batch_size=4, shuffle=3).batches()
    )


def test_lanes_of_joined_batches_share_the_items_out():
    ids = [
        id_
        for lane in range(3)
        for batch in make(30).rebatch(5).epoch_run(0, lane, 3, batch_size=2).batches()
        for id_ in batch.indices.tolist()
    ]
    assert sorted(ids) == list(range(30))


def test_a_lane_without_batches_is_no_cause_to_warn():
    assert list(make(4).epoch_run(0, 3, 4, batch_size=2).batches()) == []


def test_failures_are_shares_of_what_a_lane_has_seen():
    places = range(0, 40, 4)
    pipeline = Dataset(40, Numbers).p.fail(places)
    run = pipeline.epoch_run(0, 1, 2, batch_size=2, ignore_exceptions=True)
    assert [batch.indices[0] for batch in run.batches()] == list(range(2, 40, 4))


def test_a_progress_bar_counts_the_batches_of_its_lane():
    totals = []

    class Bar:
        def start(self, total=None):
            totals.append(total)

        def update(self, pipeline=None, batch=None):
            pass

        def close(self, *args, **kwargs):
            pass

    for lane in range(3):
        list(make(20).epoch_run(0, lane, 3, batch_size=4, notifier=Bar()).batches())
    assert totals == [2, 2, 1]
