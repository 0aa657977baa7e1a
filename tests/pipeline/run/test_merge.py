import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, Dataset, I, P, Pipeline, R, V, action

pytestmark = pytest.mark.timeout(120)

EVERYWHERE = [{}, {"prefetch": 3}, {"prefetch": 2, "target": "mpc"}]


class Parts(ironbatch.Batch):
    components = ("values",)

    @action
    def scale(self, factor):
        self.values = self.values * factor
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


def make(factor=1.0, ids=10):
    n = ids if isinstance(ids, int) else len(ids)
    return Dataset(ids, Parts, preloaded=np.arange(n) * factor)


@pytest.fixture
def ones():
    return make()


@pytest.fixture
def others():
    return make(100.0, ids=[f"b{n}" for n in range(6)])


@pytest.mark.parametrize("how", EVERYWHERE)
def test_batches_are_merged_with_the_next_ones(ones, others, values, how):
    merged = ones.p.scale(2).merge(others.p.scale(5)).scale(10)
    assert values(merged, **how) == [
        [0, 20, 40, 60, 0, 5000, 10000, 15000],
        [80, 100, 120, 140, 20000, 25000, 0, 5000],
        [160, 180, 10000, 15000, 20000, 25000],
    ]


@pytest.mark.parametrize("how", EVERYWHERE)
def test_several_pipelines_in_the_order_of_writing(ones, others, values, how):
    merged = ones.p.merge(others.p.run_later(1), make(-1.0, 3).p.run_later(2))
    assert values(merged, **how)[0] == [0, 1, 2, 3, 0, 0, -1]


@pytest.mark.parametrize("how", EVERYWHERE)
def test_the_same_seed_gives_the_same_bytes(values, how):
    def noisy():
        return make(0.0).p.add_noise().shift(P(R("normal")))

    merged = noisy().merge(noisy(), noisy()).add_noise().shift(P(R("normal")))
    plain = values(merged, shuffle=5)
    assert values(merged, shuffle=5, **how) == plain
    assert values(merged, shuffle=6, **how) != plain
    assert len({one for batch in plain for one in batch}) == 34


@pytest.mark.parametrize("shuffle", [7, np.random.SeedSequence(7)])
def test_orders_of_equal_datasets_differ(values, shuffle):
    (together,) = values(make(ids=10).p.merge(make(ids=10).p), batch_size=10, shuffle=shuffle)
    assert sorted(together[:10]) == sorted(together[10:])
    assert together[:10] != together[10:]


def test_a_negative_seed_leaves_all_orders_alone(values):
    assert values(make().p.merge(make().p), shuffle=-7)[0] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_a_seed_without_shuffling_reaches_all(values):
    merged = make().p.merge(make().p.add_noise())
    assert values(merged, seed=3) == values(merged, seed=3)
    assert values(merged, seed=3) != values(merged, seed=4)


def test_arguments_that_were_kept_win(ones, others, values):
    later = others.p.run_later(3, shuffle=2)
    first = values(ones.p.merge(later), shuffle=9)
    assert [batch[4:] for batch in first[:1]] == values(later, n_iters=1, batch_size=3, shuffle=2)


def test_kept_arguments_may_be_expressions(ones, others, values):
    later = (others >> Pipeline(config={"size": 2})).run_later(C("size"))
    assert [len(batch) for batch in values(ones.p.merge(later))] == [6, 6, 4]


@pytest.mark.parametrize("how", EVERYWHERE)
def test_one_that_ends_before_adds_nothing_more(ones, others, values, how):
    merged = ones.p.merge(others.p.run_later(4, n_iters=1))
    assert [len(batch) for batch in values(merged, **how)] == [8, 4, 2]


def test_the_run_ends_with_the_first_pipeline(ones, others, values):
    merged = ones.p.merge(others.p.run_later(2, n_epochs=100))
    assert len(values(merged)) == 3
    assert len(values(merged, n_iters=7)) == 7


def test_every_run_begins_the_others_anew(ones, others, values):
    merged = ones.p.merge(others.p)
    assert values(merged) == values(merged)
    first, second = merged.gen_batch(4), merged.gen_batch(4)
    pairs = zip(first, second, strict=True)
    assert all(one.values.tolist() == other.values.tolist() for one, other in pairs)


def test_next_batch_goes_on_in_all(ones, others):
    merged = ones.p.merge(others.p)
    assert merged.next_batch(2).values.tolist() == [0, 1, 0, 100]
    assert merged.next_batch(2).values.tolist() == [2, 3, 200, 300]


def test_ids_are_kept_while_unique_and_numbered_anew_otherwise(ones, others):
    batch = next(ones.p.merge(others.p).gen_batch(2))
    assert batch.indices.tolist() == [0, 1, "b0", "b1"]
    batch = next(ones.p.merge(make().p).gen_batch(2))
    assert batch.indices.tolist() == [0, 1, 2, 3]


def test_rebatch_after_merge_and_merge_after_rebatch(ones, others, values):
    merged = ones.p.merge(others.p).rebatch(5)
    assert [len(batch) for batch in values(merged)] == [5, 5, 5, 5, 2]
    merged = ones.p.rebatch(3).merge(others.p.rebatch(2))
    assert [len(batch) for batch in values(merged)] == [5, 5, 5, 3]


def test_merging_twice(ones, others, values):
    merged = ones.p.merge(others.p).scale(2).merge(make(-1.0, 4).p)
    assert values(merged)[0] == [0, 2, 4, 6, 0, 200, 400, 600, 0, -1, -2, -3]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_variables_belong_to_each_pipeline(ones, others, prefetch):
    def counting(pipeline):
        return pipeline.init_variable("n", 0).update(V("n"), V("n") + B.size)

    inner = counting(others.p)
    outer = counting(ones.p).merge(inner)
    outer.run(4, prefetch=prefetch)
    assert outer.v("n") == 10
    assert inner.v("n") >= 12


def test_before_and_after_of_the_others_are_carried_out(ones, others):
    log = []
    inner = others.p.do_nothing().run_later(6, n_epochs=1)
    inner.before.call(log.append, "before")
    inner.after.call(log.append, "after")
    ones.p.merge(inner).run(5)
    assert log == ["before", "after"]


def test_variables_of_each_run_start_anew(ones, others):
    inner = others.p.init_variable("n", init_on_each_run=list)
    inner = inner.update(V("n", mode="a"), I())
    merged = ones.p.merge(inner)
    merged.run(5).run(5)
    assert inner.v("n") == [1, 2]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_names_pipeline_action_and_item(ones, others, prefetch):
    merged = ones.p.merge(make().p, others.p.fail_at("b5")).scale(2)
    batches = merged.gen_batch(4, prefetch=prefetch)
    assert len(next(batches)) == 12
    with pytest.raises(ValueError, match="item b5") as caught:
        next(batches)
    notes = "\n".join(caught.value.__notes__)
    assert "'fail_at'" in notes
    assert "merged pipeline 1" in notes


@pytest.mark.parametrize("prefetch", [0, 2])
def test_skipped_and_failed_batches_of_the_others_are_passed_over(ones, others, values, prefetch):
    skips = others.p.fail_at("b1", ironbatch.SkipBatchException)
    got = values(ones.p.merge(skips.run_later(2)), prefetch=prefetch)
    assert got[0] == [0, 1, 2, 3, 200, 300]
    fails = others.p.fail_at("b1").run_later(2)
    got = values(ones.p.merge(fails), prefetch=prefetch, ignore_exceptions=True)
    assert got[0] == [0, 1, 2, 3, 200, 300]


def test_a_stop_in_another_ends_that_one_alone(ones, others, values):
    stops = others.p.fail_at("b3", ironbatch.StopPipeline).run_later(2)
    assert [len(batch) for batch in values(ones.p.merge(stops))] == [6, 4, 2]


def test_discarded_batches_add_nothing(ones, others, values):
    assert values(ones.p.merge(others.p.discard_batch())) == values(ones.p)
    assert values(ones.p.discard_batch().merge(others.p))[0] == [0, 100, 200, 300]


def test_a_merge_of_ones_own(ones, others):
    asked = []

    def merge(batches, batch_size=None, components=None, batch_class=None):
        asked.append((len(batches), batch_size, components, batch_class))
        return batches[-1], None

    merged = ones.p.merge(others.p, merge=merge, components="values", batch_class=Parts)
    assert next(merged.gen_batch(2)).indices.tolist() == ["b0", "b1"]
    assert asked == [(2, None, "values", Parts)]


@pytest.mark.parametrize("result", [None, 3, (1, None), "ab"])
def test_a_merge_that_returns_something_else_is_named(ones, others, result):
    def merge_badly(batches, **kwargs):
        return result

    with pytest.raises(TypeError, match="merge_badly"):
        next(ones.p.merge(others.p, merge=merge_badly).gen_batch(2))


def test_a_merge_that_leaves_a_rest_is_refused(ones, others):
    def merge(batches, **kwargs):
        return batches[0], batches[1]

    with pytest.raises(ValueError, match="gave back 2 items"):
        next(ones.p.merge(others.p, merge=merge).gen_batch(2))


def test_components_and_class():
    class Two(ironbatch.Batch):
        components = "a", "b"

    class One(ironbatch.Batch):
        components = ("a",)

    both = Dataset(4, Two, preloaded=(np.arange(4), np.arange(4)))
    only = Dataset(4, One, preloaded=np.arange(4))
    batch = next(both.p.merge(only.p, components="a", batch_class=One).gen_batch(2))
    assert type(batch) is One
    assert batch.a.tolist() == [0, 1, 0, 1]
    with pytest.raises(ironbatch.errors.ComponentError, match="components="):
        next(both.p.merge(only.p).gen_batch(2))


def test_ragged_components():
    class Ragged(ironbatch.Batch):
        components = ("rows",)

    def dataset(*lengths):
        rows = np.empty(len(lengths), object)
        rows[:] = [np.full(n, n, float) for n in lengths]
        return Dataset(len(lengths), Ragged, preloaded=rows)

    batch = dataset(1, 4).p.merge(dataset(3, 2).p).next_batch(2)
    assert [len(row) for row in batch.rows] == [1, 4, 3, 2]
    assert batch.rows[2].tolist() == [3, 3, 3]


def test_the_dataset_of_the_whole_is_given_later(ones, others, values):
    template = Pipeline().scale(2).merge(others.p).scale(2)
    assert values(ones >> template)[2] == [32, 36, 400, 600, 800, 1000]


def test_a_merge_on_the_right_of_a_sum(ones, others, values):
    total = ones.p.scale(2) + Pipeline().scale(5).merge(others.p).scale(2)
    assert values(total)[2] == [160, 180, 400, 600, 800, 1000]


def test_another_pipeline_without_dataset_is_refused_at_the_call(ones):
    with pytest.raises(ValueError, match="no dataset") as caught:
        ones.p.merge(Pipeline().scale(2)).gen_batch(4)
    assert any("merged pipeline 0" in note for note in caught.value.__notes__)


def test_a_batch_larger_than_another_dataset_is_refused_at_the_call(ones, others):
    with pytest.raises(ValueError, match="6 items"):
        ones.p.merge(others.p).gen_batch(8)


@pytest.mark.parametrize("things", [(), (3,), (None,)])
def test_other_things_cannot_be_merged(ones, things):
    with pytest.raises(TypeError, match="pipeline"):
        ones.p.merge(*things)


def test_items_by_hand_do_not_go_through_a_merge(ones, others):
    with pytest.raises(ValueError, match="gen_batch"):
        ones.p.merge(others.p).create_batch([1])


@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_consumer_that_leaves_ends_all_runs(ones, others, prefetch):
    batches = ones.p.merge(others.p).gen_batch(2, n_epochs=None, n_iters=100, prefetch=prefetch)
    next(batches)
    batches.close()
    with pytest.raises(StopIteration):
        next(batches)


def broken(number):
    if int(number) % 300 == 200:
        raise ValueError(f"{number} is broken")
    return number


@pytest.mark.parametrize("how", EVERYWHERE)
def test_the_failure_policy_of_the_run_holds_for_the_others(ones, others, values, how):
    other = others.p.apply_parallel(broken, src="values", target="for")
    merged = ones.p.merge(other)
    assert values(merged, on_error="skip", **how) == [
        [0, 1, 2, 3, 0, 100, 300],
        [4, 5, 6, 7, 400, 0, 100],
        [8, 9, 300, 400],
    ]
    assert {one.item_id for one in other.failures} == {"b2", "b5"}
    assert not merged.failures


def test_a_failure_policy_that_was_kept_wins(ones, others, values):
    other = others.p.apply_parallel(broken, src="values", target="for")
    merged = ones.p.merge(other.run_later(on_error=-1.0))
    assert values(merged, on_error="skip")[0] == [0, 1, 2, 3, 0, 100, -1, 300]


def test_the_others_try_again_as_the_run_does(ones, others, values):
    tried = set()

    def read(number):
        if number not in tried:
            tried.add(number)
            raise KeyError(number)
        return number

    merged = ones.p.merge(others.p.apply_parallel(read, src="values", target="for"))
    assert values(merged, retries=1, backoff=0, retry_on=KeyError)[0][4:] == [0, 100, 200, 300]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_what_the_others_collect_is_raised_when_the_run_ends(ones, others, prefetch):
    other = others.p.apply_parallel(broken, src="values", target="for")
    batches = []
    with pytest.raises(ExceptionGroup, match="items failed in the run") as caught:
        batches.extend(ones.p.merge(other).gen_batch(4, on_error="collect", prefetch=prefetch))
    assert len(batches) == 3
    assert "in merged pipeline 0" in caught.value.__notes__


def test_the_limit_of_failures_holds_for_each_of_the_others(ones, others):
    other = others.p.apply_parallel(broken, src="values", target="for")
    with pytest.raises(ironbatch.TooManyFailuresError, match="2 of 8 items"):
        ones.p.merge(other).run(4, on_error="skip", max_failures=1)


def test_the_bound_on_bytes_holds_for_the_others(ones):
    made = []
    others = make(ids=1000).p.call(lambda batch: made.append(len(batch)), B())
    batches = make(ids=1000).p.merge(others).gen_batch(10, prefetch=8, prefetch_bytes=1)
    next(batches)
    batches.close()
    assert len(made) <= 4


def test_a_target_of_ones_own_does_not_take_the_numbers_of_workers(ones, others, values):
    merged = ones.p.merge(others.p.run_later(prefetch=1, target="threads"))
    assert values(merged, prefetch=1, target="mpc", n_workers=1, n_threads=2)[0][4:] == [
        0,
        100,
        200,
        300,
    ]


def test_all_shuffle_by_the_same_algorithm():
    def ids(**kwargs):
        merged = Dataset(["a", "b", "c", "d"]).p.merge(Dataset(["w", "x", "y", "z"]).p)
        return [batch.indices.tolist() for batch in merged.gen_batch(2, shuffle=1, **kwargs)]

    native, numpys = ids(), ids(order="numpy")
    for part in (slice(0, 2), slice(2, 4)):
        assert [ids[part] for ids in native] != [ids[part] for ids in numpys]
