"""Merging batches whose preloaded data nobody has used yet: nothing is copied before it is used."""

import numpy as np
import pytest

import ironbatch
from ironbatch import Dataset


class Two(ironbatch.Batch):
    components = "a", "b"


@pytest.fixture
def batches():
    data = Dataset(10, Two, preloaded=(np.arange(10), np.arange(10) * 10.0))
    return list(data.gen_batch(4, shuffle=3, n_epochs=1))


def test_the_data_is_that_of_the_items(batches):
    merged, _ = Two.merge(batches)
    assert merged.a.tolist() == merged.indices.tolist()
    assert merged.b.tolist() == [10.0 * one for one in merged.indices.tolist()]


def test_what_was_changed_in_one_batch_is_there(batches):
    batches[1].a[:] = -1
    merged, _ = Two.merge(batches)
    assert merged.a.tolist()[4:8] == [-1] * 4
    assert merged.a.tolist()[:4] == merged.indices.tolist()[:4]
    assert merged.b.tolist() == [10.0 * one for one in merged.indices.tolist()]


def test_what_was_dropped_is_not_loaded_again(batches):
    for batch in batches:
        batch.a = None
    merged, _ = Two.merge(batches)
    assert merged.a is None
    assert merged.b.tolist() == [10.0 * one for one in merged.indices.tolist()]


def test_components_alone(batches):
    merged, _ = Two.merge(batches, components="b")
    assert merged.a is None
    assert merged.b is not None


def test_writes_stay_in_the_merged_batch(batches):
    merged, rest = Two.merge(batches, batch_size=6)
    merged.a[:] = -1
    assert batches[0].a.tolist() == batches[0].indices.tolist()
    assert rest.a.tolist() == rest.indices.tolist()


def test_items_of_two_epochs():
    data = Dataset(3, Two, preloaded=(np.arange(3), np.arange(3)))
    merged, _ = Two.merge(list(data.gen_batch(2, n_epochs=2)))
    assert merged.indices.tolist() == [0, 1, 2, 3, 4, 5]
    assert merged.a.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_merge_component_of_ones_own_gets_its_data():
    class Own(Two):
        @classmethod
        def merge_component(cls, component, data):
            return -np.concatenate(data)

    data = Dataset(4, Own, preloaded=(np.arange(4), np.arange(4)))
    merged, _ = Own.merge(list(data.gen_batch(2, n_epochs=1)))
    assert merged.a.tolist() == [0, -1, -2, -3]


def test_a_load_of_ones_own_is_asked():
    class Own(Two):
        def load(self, src=None, **kwargs):
            self.a = np.full(len(self), 7)
            return self

    data = Dataset(4, Own, preloaded=(np.arange(4), np.arange(4)))
    merged, _ = Own.merge(list(data.gen_batch(2, n_epochs=1)))
    assert merged.a.tolist() == [7] * 4
