import traceback

import pytest

import ironbatch
from ironbatch import B, Pipeline, V

prefetched = pytest.mark.parametrize("prefetch", [0, 1, 4])


@prefetched
@pytest.mark.timeout(20)
def test_an_error_is_raised_where_the_consumer_is(dataset, prefetch):
    batches = dataset.p.scale(2).fail_at(5).gen_batch(4, prefetch=prefetch)
    assert next(batches).values[1] == 2
    with pytest.raises(ValueError, match="cannot do item 5") as caught:
        next(batches)
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "fail_at"
    assert "in action 'fail_at' (step 1.fail_at) of batch 2" in caught.value.__notes__


@prefetched
@pytest.mark.timeout(20)
def test_a_skipped_batch_is_dropped(dataset, values, prefetch):
    assert values(dataset.p.skip_at(5), prefetch=prefetch) == [[0, 1, 2, 3], [8, 9]]


@prefetched
@pytest.mark.timeout(20)
def test_the_first_batch_may_be_skipped(dataset, values, prefetch):
    assert values(dataset.p.skip_at(0), prefetch=prefetch) == [[4, 5, 6, 7], [8, 9]]


@prefetched
@pytest.mark.timeout(20)
def test_all_batches_may_be_skipped(dataset, values, prefetch):
    with pytest.warns(ironbatch.EmptyBatchSequence):
        assert values(dataset.p.skip_at(0, 5, 9), prefetch=prefetch) == []


@prefetched
@pytest.mark.timeout(20)
def test_stopping_ends_the_run_after_the_batches_made(dataset, values, prefetch):
    assert values(dataset.p.stop_at(5), prefetch=prefetch) == [[0, 1, 2, 3]]


@prefetched
def test_an_action_that_returns_nothing_is_named(dataset, prefetch):
    with pytest.raises(TypeError, match=r"'forget_to_return' returned nothing.*return self"):
        dataset.p.forget_to_return().run(4, prefetch=prefetch)


def test_an_action_that_returns_something_else_is_named(dataset):
    with pytest.raises(TypeError, match="'return_a_number' returned an object of type int"):
        dataset.p.return_a_number().run(4)


def test_an_expression_that_fails_is_named_as_written(dataset):
    with pytest.raises(ZeroDivisionError) as caught:
        dataset.p.scale(1 / (B.size - 4)).run(4)
    assert "while evaluating 1 / (B.size - 4)" in caught.value.__notes__
    assert any("in action 'scale'" in note for note in caught.value.__notes__)


def test_an_unknown_variable_is_named_in_a_strict_pipeline(dataset):
    pipeline = dataset >> Pipeline(strict=True).init_variable("total", 0).scale(V("totla"))
    with pytest.raises(KeyError, match=r"totla.*near names: total"):
        pipeline.run(4)


def test_an_unknown_variable_warns_otherwise(dataset):
    with pytest.warns(UserWarning, match="'x' was not initialised"):
        (dataset >> Pipeline().update(V("x"), 1)).run(10)


@prefetched
@pytest.mark.timeout(20)
def test_a_lock_is_released_when_an_action_fails(dataset, prefetch):
    pipeline = dataset.p.init_lock().acquire_lock().fail_at(0).release_lock()
    with pytest.raises(ValueError, match="item 0"):
        pipeline.run(4, prefetch=prefetch)
    assert pipeline.lock().acquire(timeout=5)
    pipeline.lock().release()


@pytest.mark.timeout(20)
def test_the_next_batch_runs_after_one_that_failed_with_a_lock(dataset, values):
    pipeline = dataset.p.acquire_lock("a").fail_at(0).release_lock("a")
    kwargs = {"ignore_exceptions": True, "prefetch": 2}
    assert values(pipeline, **kwargs) == [[4, 5, 6, 7], [8, 9]]


def test_releasing_a_lock_that_is_not_held_is_an_error(dataset):
    with pytest.raises(RuntimeError, match="acquire_lock"):
        dataset.p.release_lock().run(4)


def test_save_to_must_match_the_output(dataset):
    two = dataset.p.init_variables("a", "b").call(lambda: (1, 2, 3), save_to=[V("a"), V("b")])
    with pytest.raises(ValueError, match="2 places for 3 outputs"):
        two.run(4)


def test_the_same_exception_of_several_batches_comes_once_each(dataset):
    batches = dataset.p.fail_at(0).gen_batch(4, prefetch=2)
    with pytest.raises(ValueError, match="item 0"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)
