"""What becomes of items that fail, on batches outside of pipelines."""

import asyncio
import threading
import time

import numpy as np
import pytest

import ironbatch
from ironbatch import P, Replacement, apply_parallel, inbatch_parallel, kernels, parallel

every_target = pytest.mark.parametrize("target", ["for", "threads", "async", "mpc"])


def parsed(item):
    return int(item)


class Texts(ironbatch.Batch):
    components = "text", "number", "other"

    @inbatch_parallel(init="text", post="_store", target="for")
    def parse(self, item, add=0):
        return int(item) + add

    def _store(self, results, add=0):
        self.number = np.array(results)
        self.added = add
        return self

    @inbatch_parallel(init="text", target="for")
    def check(self, item):
        int(item)

    @inbatch_parallel(init="text", post="_store", target="for", on_error=-7)
    def parse_or_seven(self, item):
        return int(item)

    @apply_parallel(src="text", dst="number", target="for", on_error="skip")
    def parse_or_skip(self, item):
        return int(item)

    @inbatch_parallel(init="text", post="_store", target="for")
    def own_keyword(self, item, retries=0):
        return retries

    @inbatch_parallel(init="run_once", target="for")
    def whole(self):
        raise ValueError("as a whole")


@pytest.fixture
def batch():
    items = np.array(["0", "one", "2", "three", "4"], dtype=object)
    made = Texts(["a", "b", "c", "d", "e"])
    made.text = items
    made.other = np.arange(5)
    return made


class Flaky:
    """Fails a number of times for each item before it gives something."""

    def __init__(self, times, error=OSError):
        self.times = times
        self.error = error
        self.calls = {}

    def __call__(self, item, **kwargs):
        self.calls[item] = self.calls.get(item, 0) + 1
        if self.calls[item] <= self.times:
            raise self.error(f"call {self.calls[item]} for {item}")
        return kwargs["rng"].random() if "rng" in kwargs else item


def test_by_default_the_lowest_item_raises(batch):
    with pytest.raises(ValueError, match="'b'"):
        batch.check()
    assert len(batch) == 5


@every_target
def test_skipped_items_leave_the_batch(batch, target):
    result = batch.apply_parallel(parsed, src="text", dst="number", target=target, on_error="skip")
    assert result is batch
    assert batch.indices.tolist() == ["a", "c", "e"]
    assert batch.number.tolist() == [0, 2, 4]
    assert batch.other.tolist() == [0, 2, 4]
    assert batch["e"].other == 4


def test_skip_without_post_shrinks_too(batch):
    assert batch.check(on_error="skip").indices.tolist() == ["a", "c", "e"]


def test_post_gets_what_is_left_of_values_for_each_item(batch):
    batch.parse(P([10, 20, 30, 40, 50]), on_error="skip")
    assert batch.number.tolist() == [10, 32, 54]
    assert batch.added == [10, 30, 50]


def test_post_gets_named_values_that_are_left(batch):
    batch.parse(add=P([10, 20, 30, 40, 50]), on_error="skip")
    assert batch.added == [10, 30, 50]


def test_a_batch_without_components_shrinks():
    class Plain(ironbatch.Batch):
        @inbatch_parallel(init="indices", target="for")
        def check(self, item):
            if item == 1:
                raise ValueError

    batch = Plain.from_data(3, np.arange(3))
    assert batch.check(on_error="skip").data.tolist() == [0, 2]


def test_preloaded_components_are_read_for_those_left():
    batch = Texts(3, preloaded=(["0", "x", "2"], [5, 6, 7], None))
    batch.check(on_error="skip")
    assert batch.number.tolist() == [5, 7]


def test_a_batch_of_which_every_item_fails_is_skipped(batch):
    batch.text = ["x"] * 5
    with pytest.raises(ironbatch.SkipBatchException, match="all 5 items") as caught:
        batch.parse(on_error="skip")
    assert isinstance(caught.value.__cause__, ironbatch.ActionError)


def test_collect_raises_all_when_the_action_ends(batch):
    with pytest.raises(ExceptionGroup) as caught:
        batch.parse(on_error="collect")
    assert [type(one) for one in caught.value.exceptions] == [ValueError, ValueError]
    assert "'one'" in str(caught.value.exceptions[0])
    assert any("in parse" in note for note in caught.value.exceptions[0].__notes__)
    assert batch.number.tolist() == [0, 2, 4]


def test_collect_raises_when_nothing_is_left(batch):
    batch.text = ["x"] * 5
    with pytest.raises(ExceptionGroup, match="5 items"):
        batch.parse(on_error="collect")


@every_target
def test_a_replacement_takes_the_place_of_results(batch, target):
    batch.apply_parallel(parsed, src="text", dst="number", target=target, on_error=-1)
    assert batch.number.tolist() == [0, -1, 2, -1, 4]


def test_an_array_may_replace(batch):
    batch.apply_parallel(
        lambda item: np.full(3, int(item)),
        src="text",
        dst="number",
        target="for",
        on_error=np.zeros(3, int),
    )
    assert batch.number.shape == (5, 3)
    assert batch.number[1].tolist() == [0, 0, 0]


def test_none_may_replace(batch):
    batch.apply_parallel(
        lambda item: {"n": int(item)}, src="text", dst="number", target="for", on_error=None
    )
    assert batch.number.tolist() == [{"n": 0}, None, {"n": 2}, None, {"n": 4}]


def test_a_word_replaces_when_it_is_wrapped(batch):
    batch.apply_parallel(
        lambda item: str(int(item)),
        src="text",
        dst="number",
        target="for",
        on_error=Replacement("skip"),
    )
    assert list(batch.number) == ["0", "skip", "2", "skip", "4"]


def test_a_misspelt_word_is_found_out(batch):
    with pytest.raises(ValueError, match=r"got 'skpi'.*Replacement\('skpi'\)"):
        batch.parse(on_error="skpi")


def test_a_decorator_gives_the_default(batch):
    assert batch.parse_or_seven().number.tolist() == [0, -7, 2, -7, 4]


def test_a_call_wins_over_the_decorator(batch):
    assert batch.parse_or_seven(on_error="skip").number.tolist() == [0, 2, 4]


def test_apply_parallel_decorator_gives_the_default(batch):
    assert batch.parse_or_skip().number.tolist() == [0, 2, 4]


def test_decorators_check_what_they_are_given():
    with pytest.raises(ValueError, match="retries"):
        inbatch_parallel(init="indices", retries=-1)


def test_a_keyword_of_the_method_goes_to_the_method(batch):
    assert batch.own_keyword(retries=3).number.tolist() == [3] * 5


def test_a_keyword_of_the_function_goes_to_the_function(batch):
    def give(item, backoff):
        return backoff

    batch.apply_parallel(give, src="other", target="for", backoff=5)
    assert batch.other.tolist() == [5] * 5


def test_lists_of_sources_go_on_with_those_left(batch):
    def parse(item, add):
        return int(item) + add

    batch.number = np.array(["10", "11", "twelve", "13", "14"], dtype=object)
    batch.apply_parallel(
        parse,
        P([100, 200, 300, 400, 500]),
        src=["text", "number"],
        dst=["other", "number"],
        target="for",
        on_error="skip",
    )
    assert batch.indices.tolist() == ["a", "e"]
    assert batch.number.tolist() == [110, 514]
    assert batch.other.tolist() == [100, 504]


def test_items_that_are_not_applied_stay(batch):
    batch.apply_parallel(
        parsed, src="text", dst="number", p=[1, 1, 1, 0, 1], target="for", on_error="skip"
    )
    assert batch.number.tolist() == [0, 2, "three", 4]


def test_p_is_narrowed_for_later_sources(batch):
    batch.number = np.arange(5)
    batch.apply_parallel(
        lambda item: -int(item),
        src=["text", "other"],
        dst=["number", "other"],
        p=[1, 1, 1, 1, 0],
        target="for",
        on_error="skip",
    )
    assert batch.other.tolist() == [0, -2, 4]


def test_seeds_are_narrowed_for_later_sources(batch):
    def draw(item, rng):
        int(item)
        return rng.random()

    whole = [np.random.Generator(np.random.SFC64(seed)).random() for seed in range(5)]
    batch.apply_parallel(
        draw,
        src=["text", "other"],
        dst=["number", "other"],
        rng_seeds=range(5),
        target="for",
        on_error="skip",
    )
    assert batch.other.tolist() == [whole[0], whole[2], whole[4]]


def test_functions_of_no_batch_leave_failures_out():
    @parallel(init=lambda items: items, target="for", on_error="skip")
    def convert(item, items):
        return int(item)

    assert convert(["1", "x", "3"]) == [1, 3]


def test_a_failure_as_a_whole_is_raised(batch):
    with pytest.raises(ValueError, match="as a whole"):
        batch.whole(on_error="skip")


@pytest.mark.parametrize("mark", [ironbatch.SkipBatchException, ironbatch.StopPipeline])
@pytest.mark.parametrize("on_error", ["raise", "skip", "collect", 0])
def test_marks_mean_what_they_say(batch, mark, on_error):
    def stop(item):
        if item == 3:
            raise mark
        return 1 // int(item)

    with pytest.raises(mark if on_error != "raise" else ZeroDivisionError):
        batch.apply_parallel(stop, src="other", target="for", on_error=on_error)


def test_too_many_failures_raise(batch):
    with pytest.raises(ironbatch.TooManyFailuresError, match=r"2 of 5 items.*'b'") as caught:
        batch.parse(on_error="skip", max_failures=1)
    assert [record.item_id for record in caught.value.failures] == ["b", "d"]


def test_as_many_failures_as_allowed_do_not_raise(batch):
    assert len(batch.parse(on_error="skip", max_failures=2)) == 3


def test_a_share_of_failures_is_of_the_batch(batch):
    with pytest.raises(ironbatch.TooManyFailuresError, match=r"max_failures=0\.3"):
        batch.parse(on_error=0, max_failures=0.3)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("max_failures", -1),
        ("max_failures", 1.5),
        ("max_failures", True),
        ("retries", -1),
        ("retries", 1.5),
        ("backoff", -1),
        ("backoff", float("nan")),
        ("retry_on", int),
        ("retry_on", ()),
    ],
)
def test_wrong_settings_are_refused(batch, keyword, value):
    with pytest.raises((ValueError, TypeError), match=f"{keyword} is"):
        batch.parse(**{keyword: value})


# Trying again


@pytest.mark.parametrize("target", ["for", "threads", "async"])
def test_items_are_tried_again(batch, target):
    flaky = Flaky(2)
    batch.apply_parallel(flaky, src="other", dst="number", target=target, retries=2, backoff=0)
    assert batch.number.tolist() == [0, 1, 2, 3, 4]
    assert set(flaky.calls.values()) == {3}


def test_items_are_tried_again_in_processes(batch, tmp_path):
    def touch(item):
        path = tmp_path / str(item)
        if not path.exists():
            path.touch()
            raise OSError("not yet")
        return item

    batch.apply_parallel(touch, src="other", dst="number", target="mpc", retries=1, backoff=0)
    assert batch.number.tolist() == [0, 1, 2, 3, 4]


def test_not_more_often_than_said(batch):
    flaky = Flaky(3)
    with pytest.raises(OSError, match="call 3"):
        batch.apply_parallel(flaky, src="other", target="for", retries=2, backoff=0)


def test_what_is_left_after_retries_is_skipped(batch):
    def fail(item):
        if item == 2:
            raise OSError
        return item

    batch.apply_parallel(fail, src="other", target="for", retries=1, backoff=0, on_error="skip")
    assert batch.other.tolist() == [0, 1, 3, 4]


def test_other_errors_are_not_tried_again(batch):
    flaky = Flaky(1, ValueError)
    with pytest.raises(ValueError, match="call 1"):
        batch.apply_parallel(flaky, src="other", target="for", retries=5, backoff=0)


def test_retry_on_says_which_errors(batch):
    flaky = Flaky(1, ValueError)
    batch.apply_parallel(
        flaky, src="other", target="for", retries=1, backoff=0, retry_on=(KeyError, ValueError)
    )
    assert set(flaky.calls.values()) == {2}


def test_backoff_doubles(batch, monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    one = Texts(1)
    one.other = [5]
    one.apply_parallel(Flaky(3), src="other", target="for", retries=3, backoff=20)
    assert pauses == [20, 30, 30]
    pauses.clear()
    one.apply_parallel(Flaky(3), src="other", target="for", retries=3)
    assert pauses == [0.1, 0.2, 0.4]


def test_retries_draw_what_the_first_call_would_have(batch):
    batch.random_seed = 5
    twin = batch.deepcopy()
    batch.apply_parallel(Flaky(0), src="other", dst="number", target="for", requires_rng=True)
    twin.apply_parallel(
        Flaky(2), src="other", dst="number", target="threads", requires_rng=True, retries=2,
        backoff=0,
    )  # fmt: skip
    assert twin.number.tolist() == batch.number.tolist()


@pytest.mark.timeout(20)
def test_coroutines_wait_without_stopping_others():
    class Pages(ironbatch.Batch):
        components = ("body",)
        order: list = []

        @inbatch_parallel(init="indices", post="_store", target="async", retries=1, backoff=0.2)
        async def fetch(self, item):
            await asyncio.sleep(0)
            self.order.append(item)
            if item == 0 and self.order.count(0) == 1:
                raise ConnectionError
            return item

        def _store(self, results):
            self.body = results
            return self

    batch = Pages(3).fetch()
    assert batch.body.tolist() == [0, 1, 2]
    assert Pages.order == [0, 1, 2, 0]


@pytest.mark.timeout(20)
def test_the_timeout_counts_while_items_wait(batch):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        batch.apply_parallel(
            Flaky(1), src="other", target="threads", retries=1, backoff=5, timeout=0.2
        )
    assert time.monotonic() - began < 4
    assert threading.active_count() < 200


# Kernels


low = P([0.5, np.nan, 0.5, np.nan, 0.5])


class Scans(ironbatch.Batch):
    components = "images", "masks", "labels"

    @inbatch_parallel(init="images", post="_gather", target="native", on_error="skip")
    def clipped(self, low):
        return kernels.clip.bind(low=low)

    def _gather(self, results):
        return results


@pytest.fixture
def scans():
    batch = Scans(5)
    batch.images = np.zeros((5, 2))
    batch.masks = np.arange(10).reshape(5, 2) / 10
    batch.labels = np.arange(5)
    return batch


def test_every_item_that_a_kernel_fails_on_is_skipped(scans):
    scans.apply_parallel(kernels.clip.bind(low=low), src="images", on_error="skip")
    assert scans.labels.tolist() == [0, 2, 4]
    assert scans.images.tolist() == [[0.5, 0.5]] * 3


def test_every_item_that_a_kernel_fails_on_is_collected(scans):
    with pytest.raises(ExceptionGroup) as caught:
        scans.apply_parallel(kernels.clip.bind(low=low), src="images", on_error="collect")
    assert len(caught.value.exceptions) == 2
    assert scans.images.tolist() == [[0.5, 0.5]] * 3


def test_results_of_a_kernel_are_replaced(scans):
    scans.apply_parallel(
        kernels.clip.bind(low=low), src="images", dst="masks", on_error=np.full(2, 7.0)
    )
    assert scans.masks[:, 0].tolist() == [0.5, 7, 0.5, 7, 0.5]
    assert scans.labels.tolist() == [0, 1, 2, 3, 4]


def test_a_kernel_that_fails_on_every_item_can_be_replaced(scans):
    scans.apply_parallel(kernels.clip.bind(low=P([np.nan] * 5)), src="images", on_error=np.zeros(2))
    assert scans.images.tolist() == [[0, 0]] * 5


def test_kernels_on_some_items_skip_those_that_fail(scans):
    scans.apply_parallel(
        kernels.clip.bind(low=low), src="images", p=[0, 1, 1, 0, 1], on_error="skip"
    )
    assert scans.labels.tolist() == [0, 2, 3, 4]
    assert scans.images[:, 0].tolist() == [0, 0.5, 0, 0.5]


def test_kernels_on_several_sources_skip_in_all(scans):
    scans.apply_parallel(kernels.clip.bind(low=low), src=["images", "masks"], on_error="skip")
    assert scans.labels.tolist() == [0, 2, 4]
    assert scans.masks.tolist() == [[0.5, 0.5], [0.5, 0.5], [0.8, 0.9]]


def test_methods_that_give_a_kernel_skip(scans):
    results = scans.clipped(low)
    assert [result.tolist() for result in results] == [[0.5, 0.5]] * 3
    assert scans.labels.tolist() == [0, 2, 4]


def test_methods_that_give_a_kernel_replace(scans):
    results = scans.clipped(low, on_error=None)
    assert [result is None for result in results] == [False, True, False, True, False]
