"""Copies and pickles of pipelines, and several runs at once."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

from ironbatch import B, C, Pipeline, V

COPIES = [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]


def counting(dataset):
    pipeline = (dataset >> Pipeline(config={"factor": 2})).init_variable("seen", [])
    return pipeline.update(V("seen", mode="a"), B.values.sum() * C("factor"))


@pytest.mark.parametrize("duplicate", COPIES)
def test_runs_of_a_copy_leave_the_variables_alone(duplicate, dataset):
    pipeline = counting(dataset)
    twin = duplicate(pipeline)
    twin.run(4)
    assert twin.v("seen") == [12, 44, 34]
    assert pipeline.v("seen") == []
    pipeline.run(5)
    assert (len(pipeline.v("seen")), len(twin.v("seen"))) == (2, 3)


@pytest.mark.parametrize("duplicate", COPIES)
def test_a_copy_has_a_config_of_its_own(duplicate, dataset):
    pipeline = counting(dataset)
    duplicate(pipeline).set_config({"factor": 5})
    assert pipeline.config["factor"] == 2


def test_a_copy_has_first_values_and_a_pickle_those_of_the_moment(dataset):
    pipeline = counting(dataset).run(4)
    assert copy.copy(pipeline).v("seen") == []
    assert pipeline.do_nothing().v("seen") == []
    assert (pipeline + Pipeline()).v("seen") == []
    assert pickle.loads(pickle.dumps(pipeline)).v("seen") == [12, 44, 34]
    assert copy.deepcopy(pipeline).v("seen") == [12, 44, 34]


@pytest.mark.parametrize("default", [[], {}, set(), np.zeros(2)])
def test_changes_of_a_value_are_none_of_the_default(default):
    pipeline = Pipeline().init_variable("x", default)
    twin = copy.copy(pipeline)
    assert twin.v("x") is not default
    assert twin.v("x") is not pipeline.v("x")


def test_a_template_serves_several_datasets(dataset):
    template = counting(dataset)
    first, second = template << dataset, template << dataset
    first.run(10)
    second.run(5)
    assert (first.v("seen"), second.v("seen")) == ([90], [20, 70])


@pytest.mark.parametrize("how", [{}, {"prefetch": 2}, {"prefetch": 2, "target": "mpc"}])
def test_two_runs_of_one_pipeline_in_turn(dataset, how):
    pipeline = counting(dataset)
    first = pipeline.gen_batch(4, shuffle=1, **how)
    second = pipeline.gen_batch(3, shuffle=2, **how)
    got: tuple[list, list] = ([], [])
    for _ in range(3):
        got[0].append(next(first).values.tolist())
        got[1].append(next(second).values.tolist())
    alone = [batch.values.tolist() for batch in pipeline.gen_batch(4, shuffle=1)]
    assert got[0] == alone
    alone = [batch.values.tolist() for batch in pipeline.gen_batch(3, shuffle=2)]
    assert got[1] == alone[:3]
    first.close()
    second.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_two_runs_of_one_pipeline_in_two_threads(dataset, prefetch):
    pipeline = dataset.p.init_variable("n", 0).init_variable("all", [])
    pipeline = pipeline.acquire_lock().update(V("n"), V("n") + 1).release_lock()
    pipeline = pipeline.update(V("all", mode="a"), B.size)
    got = {}

    def run(seed):
        batches = pipeline.gen_batch(2, shuffle=seed, n_epochs=20, prefetch=prefetch)
        got[seed] = [batch.values.tolist() for batch in batches]

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for seed in (1, 2):
        batches = dataset.p.gen_batch(2, shuffle=seed, n_epochs=20)
        assert got[seed] == [batch.values.tolist() for batch in batches]
    # The variables are those of the pipeline, whichever run changes them.
    assert (pipeline.v("n"), len(pipeline.v("all"))) == (200, 200)


def test_a_pickle_goes_on_without_the_run_under_way(dataset):
    pipeline = dataset.p
    pipeline.next_batch(4)
    again = pickle.loads(pickle.dumps(pipeline))
    assert again.next_batch(4).indices.tolist() == [0, 1, 2, 3]
    assert pipeline.next_batch(4).indices.tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize("duplicate", COPIES)
def test_pipelines_of_pipelines_are_copied(duplicate, dataset):
    inner = dataset.p.do_nothing()
    pipeline = counting(dataset).rebatch(4).merge(inner).join(inner)
    pipeline = duplicate(pipeline.call(lambda_free, save_to=B.size_of_other).rebatch(6))
    pipeline = pipeline + Pipeline().do_nothing() * 2
    with pytest.raises(ValueError, match="numbered anew"):
        pipeline.run(5)
    merged = duplicate(dataset.p.rebatch(4).merge(inner))
    assert [len(batch) for batch in merged.gen_batch(5)] == [9, 9, 7]


def lambda_free(batch):
    return len(batch)


def test_a_run_without_end_warns_where_it_is_asked_for(dataset):
    text = "the run never ends: it has neither n_iters nor n_epochs"
    with pytest.warns(UserWarning, match=text) as caught:
        dataset.p.gen_batch(4, n_epochs=None)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=text):
        dataset.p.run_later(4, n_epochs=None, n_iters=None).gen_batch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset.p.gen_batch(4, n_iters=2)
        dataset.p.next_batch(4)
