import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, Dataset, P, Pipeline, R, V, action

pytestmark = pytest.mark.timeout(120)

EVERYWHERE = [{}, {"prefetch": 3}, {"prefetch": 2, "target": "mpc"}]


class Pairs(ironbatch.Batch):
    components = ("values",)

    @action
    def scale(self, factor):
        self.values = self.values * factor
        return self

    @action
    def add(self, *others, times=1):
        for other in others:
            self.values = self.values + times * other.values
        return self

    @action
    def shift(self, by):
        self.values = self.values + np.asarray(by)
        return self

    @action
    def add_noise(self):
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @action
    def fail_at(self, item, error=ValueError):
        if item in self.indices:
            raise error(f"cannot do item {item}")
        return self

    @action
    def note(self, other, log):
        log.append((self.indices.tolist(), other.indices.tolist()))
        return self


def make(factor=1.0, ids=10):
    n = ids if isinstance(ids, int) else len(ids)
    return Dataset(ids, Pairs, preloaded=np.arange(n) * factor)


@pytest.fixture
def ones():
    return make()


@pytest.fixture
def hundreds():
    return make(100.0)


@pytest.mark.parametrize("how", EVERYWHERE)
def test_the_next_action_gets_batches_of_the_same_items(ones, hundreds, values, how):
    pipeline = ones.p.join(hundreds.p.scale(2)).add(times=3).scale(10)
    got = values(pipeline, shuffle=3, **how)
    items = values(ones.p, shuffle=3)
    assert got == [[6010 * one for one in batch] for batch in items]


def test_several_pipelines_in_the_order_of_writing(ones, hundreds):
    seen = []
    pipeline = ones.p.join(hundreds.p, ones.p.scale(0)).join(make(-1.0).p)
    pipeline = pipeline.call(lambda *args: seen.append(args), "last")
    pipeline.run(4, n_iters=1)
    ((first, second, third, last),) = seen
    assert first.values.tolist() == [0, 100, 200, 300]
    assert second.values.tolist() == [0, 0, 0, 0]
    assert third.values.tolist() == [0, -1, -2, -3]
    assert last == "last"


def test_items_are_found_by_id_in_another_order_and_a_larger_dataset(values):
    ours = make(1.0, ["a", "b", "c"])
    theirs = make(10.0, ["z", "c", "b", "a"])
    assert values(ours.p.join(theirs.p).add(), batch_size=2) == [[30, 21], [12]]


def test_an_item_that_the_other_dataset_lacks_is_named(ones):
    pipeline = ones.p.join(make(ids=5).p).add()
    with pytest.raises(KeyError, match="5") as caught:
        pipeline.run(4)
    assert any("join" in note for note in caught.value.__notes__)


def test_a_pipeline_without_dataset_takes_the_same_one(ones, values):
    template = Pipeline().join(Pipeline().scale(10)).add()
    assert values(ones >> template)[2] == [88, 99]


@pytest.mark.parametrize("how", EVERYWHERE)
def test_expressions_are_those_of_the_joined_pipeline(ones, hundreds, values, how):
    inner = (hundreds >> Pipeline(config={"factor": 3})).init_variable("x", 2)
    inner = inner.scale(C("factor")).scale(V("x")).scale(B.values.size)
    outer = (ones >> Pipeline(config={"factor": 1})).join(inner).add(times=C("factor"))
    assert values(outer, batch_size=5, **how)[1] == [3001 * one for one in (5, 6, 7, 8, 9)]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_variables_of_the_joined_pipeline_are_its_own(ones, hundreds, prefetch):
    inner = hundreds.p.init_variable("seen", []).update(V("seen", mode="a"), B.values[0])
    outer = ones.p.join(inner).add()
    outer.run(4, prefetch=prefetch)
    assert inner.v("seen") == [0, 400, 800]
    assert not outer.has_variable("seen")


def test_a_pipeline_that_stores_goes_home_with_its_action(ones, hundreds):
    inner = hundreds.p.init_variable("n", 0).update(V("n"), V("n") + 1)
    outer = ones.p.scale(2).join(inner).add()
    with pytest.raises(ValueError, match="joins a pipeline that stores") as caught:
        outer.join(hundreds.p).add().scale(2).run(4, prefetch=2, target="mpc")
    assert "target='threads'" in str(caught.value)
    log = []
    outer = ones.p.scale(2).join(inner).call(lambda *batches: log.append(len(batches)))
    outer.run(4, prefetch=2, target="mpc")
    assert (inner.v("n"), log) == (3, [1, 1, 1])


@pytest.mark.parametrize("how", EVERYWHERE)
def test_random_numbers_follow_the_seed_of_the_run(ones, hundreds, values, how):
    inner = hundreds.p.add_noise().shift(P(R("normal")))
    outer = ones.p.join(inner).add().add_noise()
    assert values(outer, shuffle=5, **how) == values(outer, shuffle=5)
    assert values(outer, shuffle=5) != values(outer, shuffle=6)


def test_random_numbers_differ_from_those_of_the_other_pipelines(values):
    zeros = make(0.0)
    pipeline = zeros.p.shift(P(R("normal"))).join(
        zeros.p.shift(P(R("normal"))), zeros.p.shift(P(R("normal")))
    )
    both = pipeline.call(lambda *batches: [one.values for one in batches], B(), save_to=B.all)
    parts = next(both.gen_batch(4, shuffle=-1)).all
    assert len({part[0] for part in parts}) == 3


def test_draws_differ_from_epoch_to_epoch(values):
    zeros, others = make(0.0), make(0.0)
    pipeline = zeros.p.join(others.p.shift(P(R("normal")))).add()
    first, second, third, *_ = (
        batch.values.tolist() for batch in pipeline.gen_batch(4, seed=1, n_epochs=2)
    )
    # Two epochs of ten items in fours: the third batch is [8, 9, 0, 1].
    assert third[2:] != first[:2]
    assert len({*first, *second, *third}) == 12


@pytest.mark.parametrize("how", EVERYWHERE)
def test_an_error_names_the_action_within(ones, hundreds, how):
    pipeline = ones.p.join(hundreds.p.scale(1).fail_at(5)).add()
    batches = pipeline.gen_batch(4, **how)
    next(batches)
    with pytest.raises(ValueError, match="item 5") as caught:
        next(batches)
    notes = "\n".join(caught.value.__notes__)
    assert "1.add/join0/1.fail_at" in notes
    assert "batch 2" in notes


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_skip_within_skips_the_batch_and_a_stop_ends_the_run(ones, hundreds, values, prefetch):
    skips = hundreds.p.fail_at(5, ironbatch.SkipBatchException)
    assert values(ones.p.join(skips).add(times=0), prefetch=prefetch) == [[0, 1, 2, 3], [8, 9]]
    stops = hundreds.p.fail_at(5, ironbatch.StopPipeline)
    assert values(ones.p.join(stops).add(times=0), prefetch=prefetch) == [[0, 1, 2, 3]]


def test_a_lock_within_is_released(ones, hundreds):
    inner = hundreds.p.acquire_lock("one")
    ones.p.join(inner).add().run(4, prefetch=3)
    assert inner.lock("one").acquire(blocking=False)


def test_the_action_may_be_repeated_left_to_chance_or_nested(ones, hundreds, values):
    again = ones.p.join(hundreds.p) + Pipeline().add() * 2
    assert values(again)[2] == [8 * 201, 9 * 201]
    never = ones.p.join(hundreds.p) + Pipeline().add() @ 0
    assert values(never)[2] == [8, 9]
    nested = ones.p.join(hundreds.p) + Pipeline().add().scale(2) * 1
    assert values(nested)[2] == [8 * 202, 9 * 202]


def test_an_action_with_a_lock_and_a_function_of_a_namespace(ones, hundreds):
    class Names:
        @staticmethod
        def total(batch, *, of):
            return float(batch.values.sum() + of.values.sum())

    pipeline = ones.p.add_namespace(Names).init_variable("sums", [])
    pipeline = pipeline.join(hundreds.p).total(of=B(), save_to=V("sums", mode="a"))
    assert pipeline.run(5, prefetch=2).v("sums") == [1010.0, 3535.0]


def test_a_model_is_trained_on_joined_batches(ones, hundreds):
    class Sum:
        def __init__(self, config):
            self.total = 0.0

        def train(self, other, values):
            self.total += float(other.values.sum() + values.sum())

    pipeline = ones.p.init_model("sum", Sum).join(hundreds.p).train_model("sum", B.values)
    assert pipeline.run(4).m("sum").total == 45 * 101


def test_joins_within_joins(ones, hundreds, values):
    pipeline = ones.p.join(hundreds.p.join(make(10000.0).p).add()).add()
    for how in EVERYWHERE:
        assert values(pipeline, **how)[2] == [8 * 10101, 9 * 10101]


def test_a_rebatched_pipeline_handles_the_items_in_all_its_parts(ones, hundreds, values):
    pipeline = ones.p.join(hundreds.p.scale(2).rebatch(3).scale(5)).add()
    for how in EVERYWHERE:
        assert values(pipeline, **how)[2] == [8 * 1001, 9 * 1001]


def test_join_before_and_after_rebatch(ones, hundreds, values):
    pipeline = ones.p.join(hundreds.p).add().rebatch(6).join(hundreds.p).add()
    assert values(pipeline)[1] == [201 * one for one in (6, 7, 8, 9)]


def test_items_that_were_numbered_anew_are_not_taken_for_others(ones, hundreds):
    pipeline = ones.p.merge(make(5.0).p).join(hundreds.p).add()
    with pytest.raises(ValueError, match="numbered anew"):
        pipeline.run(4)


def test_a_discarded_batch_comes_as_none(ones, hundreds):
    pipeline = ones.p.join(hundreds.p.discard_batch()).call(lambda other: other, save_to=B.other)
    assert pipeline.next_batch(4).other is None


def test_ragged_components(values):
    rows = np.empty(3, object)
    rows[:] = [np.arange(n, dtype=float) for n in (1, 3, 2)]

    class Ragged(ironbatch.Batch):
        components = ("rows",)

        @action
        def lengths_of(self, other):
            self.lengths = [len(row) for row in other.rows]
            return self

    data = Dataset(3, Ragged, preloaded=rows)
    batch = data.p.join(data.p).lengths_of().next_batch(3, shuffle=1)
    assert batch.lengths == [len(row) for row in batch.rows]


def test_one_batch_by_hand(ones, hundreds):
    pipeline = ones.p.join(hundreds.p).add()
    assert pipeline.create_batch([3, 4]).values.tolist() == [303, 404]


@pytest.mark.parametrize("others", [(), (3,), ("data",)])
def test_other_things_cannot_be_joined(ones, others):
    with pytest.raises(TypeError, match="pipeline"):
        ones.p.join(*others)


def test_a_dataset_is_no_pipeline(ones):
    with pytest.raises(TypeError, match="number 0 is a Dataset"):
        ones.p.join(ones)


def test_an_action_has_to_follow(ones, hundreds):
    with pytest.raises(ValueError, match="none follows"):
        ones.p.join(hundreds.p).gen_batch(4)
    with pytest.raises(ValueError, match="'update', which follows"):
        ones.p.join(hundreds.p).update(V("x"), 1).gen_batch(4)


def test_a_merged_pipeline_cannot_be_joined(ones, hundreds):
    with pytest.raises(ValueError, match="merge cannot be joined"):
        ones.p.join(hundreds.p.merge(ones.p)).add().gen_batch(4)


def test_more_datasets_than_a_worker_keeps(ones, values):
    others = [make(float(10**n)).p for n in range(1, 7)]
    pipeline = ones.p.join(*others).add()
    expected = values(pipeline)
    assert values(pipeline, prefetch=2, target="mpc") == expected


def flaky_once():
    """Give a function that fails the first time for every third number."""
    tried = set()

    def read(number):
        if int(number) % 300 == 0 and number not in tried:
            tried.add(number)
            raise OSError(f"no answer for {number}")
        return number

    return read


def broken(number):
    if int(number) % 400 == 300:
        raise ValueError(f"{number} is broken")
    return number


@pytest.mark.parametrize("on_error", ["raise", "skip", 0.0])
def test_what_the_run_tries_again_is_tried_again_in_a_joined_pipeline(
    ones, hundreds, values, on_error
):
    joined = hundreds.p.apply_parallel(flaky_once(), src="values", target="for")
    mixed = ones.p.join(joined).add()
    expected = [[101.0 * n for n in part] for part in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9])]
    assert values(mixed, on_error=on_error, retries=1, backoff=0) == expected
    assert not mixed.failures


@pytest.mark.parametrize("how", EVERYWHERE)
def test_failed_items_of_a_joined_pipeline_are_replaced_and_recorded(ones, hundreds, values, how):
    joined = hundreds.p.apply_parallel(broken, src="values", target="for")
    mixed = ones.p.scale(0).join(joined).add()
    assert values(mixed, on_error=-1.0, **how) == [
        [0, 100, 200, -1],
        [400, 500, 600, -1],
        [800, 900],
    ]
    assert [(one.item_id, one.outcome) for one in mixed.failures] == [
        (3, "replaced"),
        (7, "replaced"),
    ]


def test_items_that_a_joined_pipeline_skips_itself_are_recorded(ones, hundreds):
    joined = hundreds.p.apply_parallel(broken, src="values", target="for", on_error="skip")
    log = []
    mixed = ones.p.join(joined).call(lambda other: log.append(len(other))).run(4)
    assert log == [3, 3, 2]
    assert [one.item_id for one in mixed.failures] == [3, 7]


def test_what_a_joined_pipeline_collects_is_raised_at_the_end(ones, hundreds):
    joined = hundreds.p.apply_parallel(broken, src="values", target="for", on_error="collect")
    log = []
    with pytest.raises(ExceptionGroup, match="2 items failed in the run"):
        ones.p.join(joined).call(lambda other: log.append(len(other))).run(4)
    assert log == [3, 3, 2]


def test_a_joined_action_may_end_a_run_that_skips(ones, hundreds):
    joined = hundreds.p.apply_parallel(broken, src="values", target="for", on_error="raise")
    with pytest.raises(ValueError, match="item 3 "):
        ones.p.join(joined).add().run(4, on_error="skip")
