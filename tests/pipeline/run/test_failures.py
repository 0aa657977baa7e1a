"""What runs do with items and batches that fail."""

import gc
import pickle
import traceback
import weakref

import numpy as np
import pytest

import ironbatch
from ironbatch import P, R, V, action, apply_parallel, inbatch_parallel

BAD = (2, 5, 7)

prefetched = pytest.mark.parametrize(
    ("prefetch", "target"), [(0, "threads"), (1, "threads"), (4, "threads"), (3, "mpc")]
)


class Numbers(ironbatch.Batch):
    components = "values", "out"

    @apply_parallel(src="values", dst="out", target="for")
    def invert(self, value, bad=BAD):
        if value in bad:
            raise ValueError(f"cannot do {value:g}")
        return -value

    @apply_parallel(src="out", target="for", requires_rng=True)
    def add_noise(self, value, rng):
        return value + rng.random()

    @inbatch_parallel(init="values", post="_put", target="for")
    def add(self, value, more):
        return value + more

    def _put(self, results):
        self.out = np.array(results, dtype=float)
        return self

    @action
    def fail_at(self, item):
        if item in self.indices:
            raise KeyError(item)
        return self

    @inbatch_parallel(init="values", target="for")
    def raise_at(self, value, item, error):
        if value == item:
            raise error("stop here")

    @inbatch_parallel(init="nothing_of_that_name", target="for")
    def without_init(self, value):
        return value

    @action
    def forget_to_return(self):
        self.out = self.values

    @action
    def odd_ones(self):
        return self[self.indices[self.indices % 2 == 1]]

    @action
    def others(self):
        return Others.from_data(self.index.take([0, 2]), (self.values[[0, 2]],))

    @action
    def add_twice(self, more):
        self.add(more)
        self.invert()
        self.add(more)
        return self


class Others(ironbatch.Batch):
    components = ("values",)

    @inbatch_parallel(init="values", post="_put", target="for")
    def add(self, value, more):
        return value + more

    def _put(self, results):
        self.values = np.array(results, dtype=float)
        return self


@pytest.fixture
def dataset():
    return ironbatch.Dataset(10, Numbers, preloaded=(np.arange(10.0), None))


def consumed(into, pipeline, **kwargs):
    """Note what the batches of a run hold, as they come."""
    for batch in pipeline.gen_batch(**kwargs):
        into.append(batch.out.tolist())


def outs(pipeline, **kwargs):
    return [batch.out.tolist() for batch in pipeline.gen_batch(4, **kwargs)]


def records(pipeline):
    return [(record.item_id, record.position, record.batch) for record in pipeline.failures]


# Skip, collect, replace


@prefetched
@pytest.mark.timeout(60)
def test_skipped_items_leave_their_batches(dataset, prefetch, target):
    pipeline = dataset.p.invert()
    made = outs(pipeline, on_error="skip", prefetch=prefetch, target=target)
    assert made == [[0, -1, -3], [-4, -6], [-8, -9]]
    assert records(pipeline) == [(2, 2, 1), (5, 1, 2), (7, 3, 2)]
    assert {record.outcome for record in pipeline.failures} == {"skipped"}


@prefetched
@pytest.mark.timeout(60)
def test_a_batch_without_items_left_is_dropped(dataset, prefetch, target):
    pipeline = dataset.p.invert(bad=(4, 5, 6, 7))
    made = outs(pipeline, on_error="skip", prefetch=prefetch, target=target)
    assert made == [[0, -1, -2, -3], [-8, -9]]
    assert [record.item_id for record in pipeline.failures] == [4, 5, 6, 7]


@prefetched
@pytest.mark.timeout(60)
def test_collected_failures_are_raised_at_the_end(dataset, prefetch, target):
    pipeline = dataset.p.invert()
    made = []
    with pytest.raises(ExceptionGroup, match="3 items failed") as caught:
        consumed(made, pipeline, batch_size=4, on_error="collect", prefetch=prefetch, target=target)
    assert made == [[0, -1, -3], [-4, -6], [-8, -9]]
    assert [str(one) for one in caught.value.exceptions] == [f"cannot do {bad}" for bad in BAD]
    assert "in invert" in "".join(traceback.format_exception(caught.value))
    assert len(pipeline.failures) == 3


@prefetched
@pytest.mark.timeout(60)
def test_a_replacement_is_recorded(dataset, prefetch, target):
    pipeline = dataset.p.invert()
    made = outs(pipeline, on_error=50.0, prefetch=prefetch, target=target)
    assert made == [[0, -1, 50, -3], [-4, 50, -6, 50], [-8, -9]]
    assert {record.outcome for record in pipeline.failures} == {"replaced"}


def test_an_array_may_be_a_replacement_of_the_run(dataset):
    assert outs(dataset.p.invert(), on_error=np.float64(3))[0] == [0, -1, 3, -3]


@prefetched
@pytest.mark.timeout(60)
def test_a_failure_as_a_whole_drops_the_batch(dataset, prefetch, target):
    pipeline = dataset.p.invert(bad=()).fail_at(5)
    made = outs(pipeline, on_error="skip", prefetch=prefetch, target=target)
    assert made == [[0, -1, -2, -3], [-8, -9]]
    assert [record.item_id for record in pipeline.failures] == [4, 5, 6, 7]
    assert {record.action for record in pipeline.failures} == {"fail_at"}
    assert {record.outcome for record in pipeline.failures} == {"dropped"}
    assert {type(record.exception) for record in pipeline.failures} == {KeyError}


@prefetched
@pytest.mark.timeout(60)
def test_a_dropped_batch_records_the_items_that_it_had_left(dataset, prefetch, target):
    pipeline = dataset.p.invert().fail_at(6)
    assert outs(pipeline, on_error="skip", prefetch=prefetch, target=target)[1:] == [[-8, -9]]
    assert [(record.item_id, record.outcome) for record in pipeline.failures] == [
        (2, "skipped"),
        (5, "skipped"),
        (7, "skipped"),
        (4, "dropped"),
        (6, "dropped"),
    ]


def test_a_post_that_fails_drops_the_batch(dataset):
    pipeline = dataset.p.add("no number").invert()
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(4, on_error="skip")
    assert len(pipeline.failures) == 10


@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.timeout(60)
def test_a_dropped_batch_releases_its_locks(dataset, prefetch):
    pipeline = dataset.p.acquire_lock("l").invert(bad=()).fail_at(5).release_lock("l")
    made = outs(pipeline, on_error="skip", prefetch=prefetch)
    assert made == [[0, -1, -2, -3], [-8, -9]]


@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.timeout(60)
def test_an_action_that_returns_no_batch_drops_it(dataset, prefetch):
    pipeline = dataset.p.forget_to_return()
    with pytest.warns(ironbatch.EmptyBatchSequence, match=r"10 items have failed.*nothing"):
        pipeline.run(4, on_error="skip", prefetch=prefetch)
    assert {type(record.exception) for record in pipeline.failures} == {TypeError}


# Who wins


@prefetched
@pytest.mark.timeout(60)
def test_the_action_wins_with_skip(dataset, prefetch, target):
    made = outs(dataset.p.invert(on_error="skip"), prefetch=prefetch, target=target)
    assert made == [[0, -1, -3], [-4, -6], [-8, -9]]


@prefetched
@pytest.mark.timeout(60)
def test_the_action_wins_with_raise(dataset, prefetch, target):
    pipeline = dataset.p.invert(on_error="raise")
    with pytest.raises(ValueError, match="cannot do 2"):
        pipeline.run(4, on_error="skip", prefetch=prefetch, target=target)


def test_the_action_wins_with_a_replacement(dataset):
    assert outs(dataset.p.invert(on_error=0.0), on_error="skip")[0] == [0, -1, 0, -3]


@prefetched
@pytest.mark.timeout(60)
def test_the_action_collects_in_a_run_that_does_not(dataset, prefetch, target):
    pipeline = dataset.p.invert(on_error="collect")
    with pytest.raises(ExceptionGroup, match="3 items failed in the run"):
        pipeline.run(4, prefetch=prefetch, target=target)


def test_the_action_skips_what_fails_as_a_whole(dataset):
    pipeline = dataset.p.invert(bad=()).add(P([1, 2]), on_error="skip")
    with pytest.raises(ValueError, match="2 values for the 4 items"):
        pipeline.run(4)
    pipeline = dataset.p.without_init(on_error="skip")
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(4)
    assert len(pipeline.failures) == 10


def test_a_batch_that_has_left_the_run_raises(dataset):
    batch = next(dataset.p.gen_batch(4, on_error="skip"))
    with pytest.raises(ValueError, match="cannot do 2"):
        batch.invert()


# Records


def test_records_say_what_happened(dataset):
    pipeline = dataset.p.add(0).invert()
    pipeline.run(4, on_error="skip")
    first = pipeline.failures[0]
    assert (first.item_id, first.position, first.batch) == (2, 2, 1)
    assert (first.action, first.step, first.component) == ("invert", "1.invert", "values")
    assert str(first.exception) == "cannot do 2"
    assert first.exception.__traceback__ is None
    assert "in invert" in first.traceback


@pytest.mark.parametrize("target", ["for", "threads", "async"])
def test_records_keep_no_data_alive(dataset, target):
    seen = []

    def fail(value):
        large = np.zeros(100)
        seen.append(weakref.ref(large))
        raise ValueError

    pipeline = dataset.p.apply_parallel(fail, src="values", target=target, on_error=0.0)
    gc.disable()
    try:
        pipeline.run(5)
        assert [large() for large in seen] == [None] * 10
    finally:
        gc.enable()
    assert len(pipeline.failures) == 10


@pytest.mark.parametrize("on_error", ["skip", np.zeros(())])
def test_a_run_that_skips_can_be_gone_on_with(dataset, on_error):
    whole = outs(dataset.p.invert(), shuffle=5, on_error=on_error)
    pipeline = dataset.p.invert()
    for _ in zip(range(1), pipeline.gen_batch(4, shuffle=5, on_error=on_error), strict=False):
        state = pipeline.state_dict()
    again = dataset.p.invert()
    again.load_state_dict(state)
    rest = [batch.out.tolist() for batch in again.gen_batch(on_error=on_error)]
    assert rest == whole[1:]


def test_failures_can_be_read(dataset):
    pipeline = dataset.p.invert()
    assert repr(pipeline.failures) == "<no failures>"
    pipeline.run(4, on_error="skip")
    shown = repr(pipeline.failures)
    assert "3 failed items" in shown
    assert "item 2 (action 'invert', batch 1, skipped): ValueError: cannot do 2" in shown


def test_many_failures_are_not_all_shown(dataset):
    pipeline = dataset.p.add("x")
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(1, n_epochs=3, on_error="skip")
    assert len(pipeline.failures) == 30
    assert "and 20 more" in repr(pipeline.failures)


def test_each_run_begins_anew(dataset):
    pipeline = dataset.p.invert()
    pipeline.run(4, on_error="skip")
    first = pipeline.failures
    pipeline.run(4, on_error="skip")
    assert len(pipeline.failures) == len(first) == 3


def test_next_batch_goes_on_with_the_list(dataset):
    pipeline = dataset.p.invert()
    pipeline.next_batch(4, on_error="skip")
    assert len(pipeline.failures) == 1
    pipeline.next_batch()
    assert len(pipeline.failures) == 3


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
        self.lock = pickle  # modules do not pickle


def test_failures_pickle_whatever_was_raised(dataset):
    def fail(value):
        raise OddError(value, 1)

    pipeline = dataset.p.apply_parallel(fail, src="values", target="for")
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(4, on_error="skip")
    again = pickle.loads(pickle.dumps(list(pipeline.failures)))
    assert [record.item_id for record in again] == list(range(10))
    assert type(again[0].exception) is OddError
    assert again[0].traceback == pipeline.failures[0].traceback


def test_execute_for_records_too(dataset):
    pipeline = dataset.p.invert(on_error="skip")
    assert pipeline.execute_for(dataset.create_batch([1, 2, 3])).out.tolist() == [-1, -3]
    assert [record.item_id for record in pipeline.failures] == [2]


def test_execute_for_raises_what_is_collected(dataset):
    with pytest.raises(ExceptionGroup):
        dataset.p.invert(on_error="collect").execute_for(dataset.create_batch([1, 2]))


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.timeout(60)
def test_failures_of_rebatched_batches_come_in_order(dataset, prefetch):
    pipeline = dataset.p.invert().rebatch(3).raise_at(6, RuntimeError)
    made = outs(pipeline, on_error="skip", prefetch=prefetch)
    assert made == [[0, -1, -3], [-4, -8], [-9]]
    assert [record.item_id for record in pipeline.failures] == [2, 5, 7, 6]


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.timeout(60)
def test_failures_before_rebatch_are_collected_and_counted(dataset, prefetch):
    pipeline = dataset.p.invert().rebatch(3)
    with pytest.raises(ExceptionGroup, match="3 items"):
        pipeline.run(4, on_error="collect", prefetch=prefetch)
    with pytest.raises(ironbatch.TooManyFailuresError):
        pipeline.run(4, on_error="skip", max_failures=2, prefetch=prefetch)


def test_failures_of_a_source_without_a_batch_left_count(dataset):
    pipeline = dataset.p.invert(bad=range(10)).rebatch(3)
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(4, on_error="skip")
    assert len(pipeline.failures) == 10


# Too many


@prefetched
@pytest.mark.timeout(60)
def test_too_many_failures_end_the_run(dataset, prefetch, target):
    pipeline = dataset.p.invert()
    made = []
    with pytest.raises(ironbatch.TooManyFailuresError, match=r"3 of 8 items.*item 2.*item 7"):
        consumed(
            made,
            pipeline,
            batch_size=4,
            on_error="skip",
            max_failures=1,
            prefetch=prefetch,
            target=target,
        )
    assert made == [[0, -1, -3]]
    assert len(pipeline.failures) == 3


def test_as_many_as_allowed_do_not(dataset):
    assert len(outs(dataset.p.invert(), on_error="skip", max_failures=3)) == 3


def test_replacements_count(dataset):
    with pytest.raises(ironbatch.TooManyFailuresError):
        outs(dataset.p.invert(), on_error=0.0, max_failures=2)


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.timeout(60)
def test_a_share_is_looked_at_when_the_run_ends(dataset, prefetch):
    made = []
    with pytest.raises(ironbatch.TooManyFailuresError, match="3 of 10 items"):
        consumed(
            made,
            dataset.p.invert(),
            batch_size=4,
            on_error="skip",
            max_failures=0.29,
            prefetch=prefetch,
        )
    assert [len(each) for each in made] == [3, 2, 2]
    assert len(outs(dataset.p.invert(), on_error="skip", max_failures=0.31)) == 3


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.timeout(60)
def test_a_share_of_at_least_a_hundred_ends_the_run_before(prefetch):
    dataset = ironbatch.Dataset(200, Numbers, preloaded=(np.arange(200.0), None))
    pipeline = dataset.p.invert(bad=range(30, 200))
    made = []
    with pytest.raises(ironbatch.TooManyFailuresError, match="15 of 45 items"):
        consumed(made, pipeline, batch_size=5, on_error="skip", max_failures=0.1, prefetch=prefetch)
    assert len(made) == 6


@prefetched
@pytest.mark.timeout(60)
def test_an_action_has_a_limit_of_its_own(dataset, prefetch, target):
    pipeline = dataset.p.invert(bad=(0, 1)).invert(on_error="skip", max_failures=2)
    with pytest.raises(ironbatch.TooManyFailuresError, match=r"3 of 8 items .* in action 'invert'"):
        pipeline.run(4, on_error="skip", prefetch=prefetch, target=target)
    pipeline = dataset.p.invert(bad=(0, 1)).invert(on_error="skip", max_failures=3)
    pipeline.run(4, on_error="skip", prefetch=prefetch, target=target)
    assert len(pipeline.failures) == 5


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("on_error", "skp"),
        ("max_failures", 1.5),
        ("retries", -1),
        ("backoff", -1.0),
        ("retry_on", 5),
    ],
)
def test_wrong_options_are_refused_when_the_run_is_made(dataset, keyword, value):
    with pytest.raises((ValueError, TypeError), match=f"{keyword} is"):
        dataset.p.invert().gen_batch(4, **{keyword: value})


# Trying again


class Flaky:
    def __init__(self, error=OSError):
        self.seen = {}
        self.error = error

    def __call__(self, value):
        self.seen[value] = self.seen.get(value, 0) + 1
        if self.seen[value] == 1:
            raise self.error
        return value


def test_a_run_tries_again(dataset):
    flaky = Flaky()
    pipeline = dataset.p.apply_parallel(flaky, src="values", dst="out", target="for")
    assert outs(pipeline, retries=1, backoff=0)[0] == [0, 1, 2, 3]
    assert pipeline.failures == []
    assert set(flaky.seen.values()) == {2}


def test_a_run_says_what_is_tried_again(dataset):
    pipeline = dataset.p.apply_parallel(Flaky(KeyError), src="values", dst="out", target="for")
    assert len(outs(pipeline, retries=1, backoff=0, retry_on=KeyError)) == 3


def test_a_run_waits_between(dataset, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    outs(
        dataset.p.apply_parallel(Flaky(), src="values", dst="out", target="for"),
        retries=1,
        backoff=3,
    )
    assert pauses == [3.0] * 10


def test_the_retries_of_the_action_win(dataset):
    pipeline = dataset.p.apply_parallel(Flaky(), src="values", target="for", retries=0)
    with pytest.raises(OSError):  # noqa: PT011 - nothing else tells it
        pipeline.run(4, retries=3, backoff=0)


# Marks


@prefetched
@pytest.mark.parametrize("on_error", ["raise", "skip", "collect", 0.0])
@pytest.mark.timeout(60)
def test_an_item_may_skip_its_batch(dataset, prefetch, target, on_error):
    pipeline = dataset.p.raise_at(5, ironbatch.SkipBatchException).invert(bad=())
    made = outs(pipeline, on_error=on_error, prefetch=prefetch, target=target)
    assert made == [[0, -1, -2, -3], [-8, -9]]
    assert pipeline.failures == []


@prefetched
@pytest.mark.parametrize("on_error", ["raise", "skip", "collect", 0.0])
@pytest.mark.timeout(60)
def test_an_item_may_stop_the_run(dataset, prefetch, target, on_error):
    pipeline = dataset.p.raise_at(5, ironbatch.StopPipeline).invert(bad=())
    made = outs(pipeline, on_error=on_error, prefetch=prefetch, target=target)
    assert made == [[0, -1, -2, -3]]


# Ignored exceptions


@prefetched
@pytest.mark.timeout(60)
def test_batches_that_fail_are_dropped_when_ignored(dataset, prefetch, target):
    pipeline = dataset.p.invert(bad=(2,))
    made = outs(pipeline, ignore_exceptions=True, prefetch=prefetch, target=target)
    assert made == [[-4, -5, -6, -7], [-8, -9]]
    assert [record.item_id for record in pipeline.failures] == [0, 1, 2, 3]


@pytest.mark.parametrize("prefetch", [0, 2, 8])
@pytest.mark.timeout(60)
def test_all_batches_may_fail_when_ignored(dataset, prefetch):
    with pytest.warns(ironbatch.EmptyBatchSequence):
        assert (
            outs(dataset.p.invert(bad=range(10)), ignore_exceptions=True, prefetch=prefetch) == []
        )


# Values of P


@prefetched
@pytest.mark.timeout(60)
def test_values_of_p_shrink_with_skipped_items(dataset, prefetch, target):
    pipeline = dataset.p.invert(bad=(1, 5, 9)).add(P([10, 20, 30, 40]))
    made = outs(
        pipeline, on_error="skip", prefetch=prefetch, target=target, drop_last=True, n_epochs=1
    )
    assert made == [[10, 32, 43], [14, 36, 47]]


def test_values_of_p_shrink_with_a_smaller_batch(dataset):
    assert outs(dataset.p.odd_ones().add(P([10, 20, 30, 40])), drop_last=True) == [
        [21, 43],
        [25, 47],
    ]


def test_values_of_p_follow_into_another_class(dataset):
    pipeline = dataset.p.others().add(P([10, 20, 30, 40]))
    made = [batch.values.tolist() for batch in pipeline.gen_batch(4, drop_last=True)]
    assert made == [[10, 32], [14, 36]]


def test_values_of_p_shrink_within_an_action(dataset):
    pipeline = dataset.p.add_twice(P([10, 20, 30, 40]))
    assert outs(pipeline, on_error="skip", drop_last=True) == [[10, 21, 43], [14, 36]]


def test_values_of_p_for_what_is_left_are_used_as_they_are(dataset):
    assert outs(dataset.p.odd_ones().add(P([10, 20])), drop_last=True)[0] == [11, 23]


@pytest.mark.filterwarnings("ignore::ironbatch.DuplicateIdWarning")
def test_values_of_p_follow_repeated_ids():
    dataset = ironbatch.Dataset([7, 7, 8, 9], Numbers, preloaded=(np.arange(4.0), None))
    pipeline = dataset.p.raise_at(0, ValueError).add(P([10, 20, 30, 40]))
    assert outs(pipeline, on_error="skip") == [[21, 32, 43]]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_values_of_p_of_another_length_are_refused(dataset, prefetch):
    with pytest.raises(ValueError, match="3 values for the 4 items"):
        outs(dataset.p.add(P([1, 2, 3])), prefetch=prefetch)
    with pytest.raises(ValueError, match=r"3 values for the 2 items.*made of 4"):
        outs(dataset.p.odd_ones().add(P([1, 2, 3])), prefetch=prefetch)


def test_draws_in_p_belong_to_items(dataset):
    whole = outs(dataset.p.add(P(R("uniform"))), seed=3)
    left = outs(dataset.p.raise_at(2, ValueError).add(P(R("uniform"))), seed=3, on_error="skip")
    path_of_both = outs(
        dataset.p.raise_at(99, ValueError).add(P(R("uniform"))), seed=3, on_error="skip"
    )
    assert left[0] == [*path_of_both[0][:2], path_of_both[0][3]]
    assert len(whole[0]) == 4


# Determinism


@pytest.mark.timeout(60)
def test_skipping_gives_the_same_bytes_anywhere(dataset):
    pipeline = dataset.p.invert().add_noise()
    expected = None
    for where in ("for", "threads", "async", "mpc"):
        for prefetch, target in [(0, "threads"), (3, "threads"), (2, "mpc")]:
            pipeline = dataset.p.invert(target=where).add_noise()
            made = outs(
                pipeline, shuffle=7, n_epochs=2, on_error="skip", prefetch=prefetch, target=target
            )
            found = made, records(pipeline)
            expected = expected or found
            assert found == expected


def test_skipping_does_not_change_the_draws_of_others(dataset):
    kept = np.concatenate(outs(dataset.p.invert().add_noise(), seed=3, on_error="skip")).tolist()
    every = np.concatenate(outs(dataset.p.invert(bad=()).add_noise(), seed=3)).tolist()
    assert kept == [value for item, value in enumerate(every) if item not in BAD]


def test_variables_are_updated_by_batches_that_go_on(dataset):
    pipeline = dataset.p.init_variable("sizes", []).invert().update(V("sizes", mode="a"), 1)
    with pytest.raises(ironbatch.TooManyFailuresError):
        pipeline.run(4, on_error="skip", max_failures=0)
    assert pipeline.v("sizes") == [1]


def never(value):
    raise ValueError(f"{value} is never done")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("options", [{"on_error": "skip"}, {"ignore_exceptions": True}], ids=str)
@pytest.mark.parametrize("place", ["alone", "before rebatch", "after rebatch", "merged in"])
def test_an_endless_run_in_which_everything_fails_ends(dataset, prefetch, options, place):
    fails = dataset.p.apply_parallel(never, src="values", target="for")
    chain = {
        "alone": fails,
        "before rebatch": fails.rebatch(5),
        "after rebatch": dataset.p.rebatch(5).apply_parallel(never, src="values", target="for"),
        "merged in": dataset.p.merge(fails),
    }[place]
    with pytest.raises(ironbatch.TooManyFailuresError, match="without an end") as caught:
        chain.next_batch(4, prefetch=prefetch, **options)
    assert caught.value.failures


def test_an_endless_run_goes_on_over_a_few_failures():
    def not_all(value):
        if value % 150:
            raise ValueError(value)
        return value

    numbers = ironbatch.Dataset(450, Others, preloaded=(np.arange(450),))
    chain = numbers.p.apply_parallel(not_all, src="values", target="for")
    taken = [chain.next_batch(1, on_error="skip").indices[0] for _ in range(5)]
    assert taken == [0, 150, 300, 0, 150]
