"""The same seed gives the same bytes, however the batches are made."""

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, P, Pipeline, R, action, inbatch_parallel


class Noisy(ironbatch.Batch):
    components = ("values",)

    @inbatch_parallel(init="indices", post="_collect", target="threads")
    def add(self, item, shift):
        return item + shift

    def _collect(self, results, *args):
        self.values = np.array(results, dtype=float)
        return self

    @action
    def shake(self):
        self.values = self.values + self.random.normal()
        return self


def jitter(value, rng):
    return value + rng.normal()


@pytest.fixture
def dataset():
    return Dataset(24, Noisy)


def by_item(pipeline, **kwargs):
    """Give what each item got, by id and number of times it was seen."""
    seen: dict = {}
    for batch in pipeline.gen_batch(seed=5, **kwargs):
        for item, value in zip(batch.indices.tolist(), batch.values.tolist(), strict=True):
            seen.setdefault(item, []).append(value)
    return seen


@pytest.fixture
def pipeline():
    template = Pipeline().add(P(R("normal")))
    template = template.apply_parallel(jitter, src="values", requires_rng=True)
    return template.apply_parallel(lambda x: -x, src="values", p=0.5)


@pytest.mark.parametrize("batch_size", [1, 5, 24])
@pytest.mark.parametrize("target", ["for", "threads", "async"])
@pytest.mark.parametrize("prefetch", [0, 4])
def test_draws_by_item_depend_on_nothing_else(dataset, pipeline, batch_size, target, prefetch):
    template = Pipeline().add(P(R("normal")), target=target)
    template = template.apply_parallel(jitter, src="values", requires_rng=True)
    template = template.apply_parallel(lambda x: -x, src="values", p=0.5)
    expected = by_item(dataset >> pipeline, batch_size=7)
    got = by_item(dataset >> template, batch_size=batch_size, prefetch=prefetch)
    assert got == expected


def test_an_item_gets_other_values_in_another_epoch(dataset, pipeline):
    seen = by_item(dataset >> pipeline, batch_size=5, n_epochs=2)
    assert all(len(values) == 2 and values[0] != values[1] for values in seen.values())


def test_an_item_gets_the_same_values_when_shuffled(dataset, pipeline):
    def shuffled(order):
        batches = (dataset >> pipeline).gen_batch(5, shuffle=order, seed=5)
        return {
            item: value
            for batch in batches
            for item, value in zip(batch.indices.tolist(), batch.values.tolist(), strict=True)
        }

    assert shuffled(1) == shuffled(2)


def test_the_same_action_twice_draws_other_values(dataset):
    twice = Pipeline().add(0).apply_parallel(jitter, src="values", requires_rng=True)
    twice = twice.update(B.first, B.values - B.indices)
    twice = twice.apply_parallel(jitter, src="values", requires_rng=True)
    batch = next((dataset >> twice).gen_batch(24, seed=5))
    second = batch.values - batch.indices - batch.first
    assert not np.allclose(batch.first, second)


@pytest.mark.parametrize("prefetch", [0, 1, 2, 8])
def test_draws_by_batch_depend_on_its_place(dataset, prefetch):
    shaken = dataset >> Pipeline().add(0).shake().shake()
    expected = by_item(shaken, batch_size=5, n_epochs=2)
    assert by_item(shaken, batch_size=5, n_epochs=2, prefetch=prefetch) == expected
