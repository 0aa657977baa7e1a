import time
from functools import partial

import numpy as np
import pytest

from ironbatch import B, Batch, Dataset, F, Pipeline, V, action


class Seen:
    """Metrics that tell what they got, in which order."""

    def __init__(self, start=0):
        self.values = []
        self.start = start

    def update(self, values, weight=1):
        self.values.extend((values * weight).tolist())

    def compute(self):
        return self.start + sum(self.values)


class Numbers(Batch):
    components = "values", "guesses"

    @action
    def wait_at_first(self):
        time.sleep(0.02 if self.indices[0] == 0 else 0)
        return self


@pytest.fixture
def dataset():
    return Dataset(6, Numbers, preloaded=(np.arange(6), np.array([0, 1, 2, 3, 4, 4])))


@pytest.fixture
def pipeline(dataset):
    return dataset.p.init_variable("metrics").wait_at_first()


@pytest.mark.parametrize("options", [{}, {"prefetch": 4}, {"prefetch": 2, "target": "mpc"}])
def test_batches_are_gathered_in_order(pipeline, options):
    pipeline = pipeline.gather_metrics(Seen, B.values, weight=2, save_to=V("metrics"))
    pipeline.run(2, **options)
    assert pipeline.v("metrics").values == [0, 2, 4, 6, 8, 10]
    assert pipeline.v("metrics").compute() == 30


@pytest.mark.parametrize("metrics", [Seen, partial(Seen, 10), F(lambda: Seen)])
def test_each_run_begins_anew(pipeline, metrics):
    pipeline = pipeline.gather_metrics(metrics, B.values, save_to=V("metrics"))
    first = pipeline.run(2).v("metrics")
    second = pipeline.run(3).v("metrics")
    assert first is not second
    assert first.values == second.values == [0, 1, 2, 3, 4, 5]


def test_an_object_goes_on_from_run_to_run(dataset):
    seen = Seen()
    dataset.p.gather_metrics(seen, B.values).run(2).run(3)
    assert len(seen.values) == 12
    stored = dataset.p.init_variable("m").gather_metrics(seen, B.values, save_to=V("m")).run(6)
    assert stored.v("m") is seen


def test_mode_u_goes_on_with_what_is_there(pipeline):
    pipeline = pipeline.gather_metrics(Seen, B.values, save_to=V("metrics", mode="u"))
    first = pipeline.run(2).v("metrics")
    assert pipeline.run(2).v("metrics") is first
    assert len(first.values) == 12
    pipeline.set_variable("metrics", 5)
    with pytest.raises(TypeError, match="int has no update"):
        pipeline.run(2)


def test_mode_a_appends_metrics_of_each_batch(pipeline):
    pipeline.set_variable("metrics", [])
    pipeline = pipeline.init_variable("each", []).gather_metrics(
        Seen, B.values, save_to=V("each", mode="a")
    )
    assert [one.values for one in pipeline.run(2).v("each")] == [[0, 1], [2, 3], [4, 5]]


def test_metrics_by_name(pipeline):
    pipeline = pipeline.gather_metrics("class", B.values, B.guesses, save_to=V("metrics"))
    assert pipeline.run(2).v("metrics").compute()["accuracy"] == pytest.approx(5 / 6)


def test_after_a_run_the_values_may_be_computed(pipeline):
    pipeline = pipeline.gather_metrics(Seen, B.values, save_to=V("metrics"))
    pipeline.after.update(V("metrics"), V("metrics").compute())
    assert pipeline.run(2).run(2).v("metrics") == 15


def test_what_cannot_gather_is_refused_when_the_chain_is_written():
    chain = Pipeline()
    with pytest.raises(ValueError, match=r"'classification', 'segmentation'.*got 'klass'"):
        chain.gather_metrics("klass", save_to=V("m"))
    with pytest.raises(TypeError, match="dict has no compute"):
        chain.gather_metrics({}, save_to=V("m"))
    with pytest.raises(ValueError, match=r"say where they go: save_to=V\('metrics'\)"):
        chain.gather_metrics(Seen, B.values)
    with pytest.raises(ValueError, match="'w', 'u' or 'a', not with 'e'"):
        chain.gather_metrics(Seen, B.values, save_to=V("m", mode="e"))


def test_what_cannot_gather_is_refused_in_the_run(pipeline):
    for wrong, match in ((lambda: 5, "int has no update"), (F(lambda: 5), "got 5")):
        with pytest.raises(TypeError, match=match):
            pipeline.gather_metrics(wrong, B.values, save_to=V("metrics")).run(2)


def test_an_error_in_update_names_the_step(pipeline):
    pipeline = pipeline.gather_metrics("class", B.values, [0], save_to=V("metrics"))
    with pytest.raises(ValueError, match="shapes differ") as e:
        pipeline.run(2)
    assert any("'gather_metrics'" in note for note in e.value.__notes__)


def test_metrics_of_interrupted_runs_do_not_mix(pipeline):
    pipeline = pipeline.gather_metrics(Seen, B.values, save_to=V("metrics"))
    one, other = pipeline.gen_batch(2), pipeline.gen_batch(3)
    next(one)
    next(other)
    assert pipeline.v("metrics").values == [0, 1, 2]
    assert len([*one]) == 2
    assert pipeline.v("metrics").values == [0, 1, 2, 3, 4, 5]
