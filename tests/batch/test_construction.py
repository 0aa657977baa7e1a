"""Constructors, attributes and preloaded data."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from ironbatch import Batch, Dataset, DatasetIndex, inbatch_parallel
from ironbatch.errors import ComponentError


class Scans(Batch):
    components = "images", "labels"


IMAGES = np.arange(40).reshape(10, 4)
LABELS = np.arange(10) * 10


def test_keywords_become_attributes():
    batch = Batch(3, rate=500)
    assert batch.rate == 500


def test_a_constructor_as_the_description_writes_it():
    class Mine(Scans):
        def __init__(self, index, first, second, *args, **kwargs):
            super().__init__(index, *args, **kwargs)
            self.first, self.second = first, second

    batch = Mine(3, 1, second=2)
    assert (len(batch), batch.first, batch.second) == (3, 1, 2)


def test_a_constructor_that_forgets_super():
    class Mine(Scans):
        def __init__(self, index, first, *args, **kwargs):
            self.first = first

    batch = Mine(DatasetIndex([5, 6]), 3)
    batch.labels = [1, 2]
    assert batch[6].labels == 2
    assert batch.first == 3
    assert batch.components == ("images", "labels")
    assert batch.dataset is None


def test_a_constructor_that_forgets_super_gets_preloaded_data():
    class Mine(Scans):
        def __init__(self, index, *args, **kwargs):
            self.seen = True

    dataset = Dataset(10, Mine, preloaded=(IMAGES, LABELS))
    batch = dataset.next_batch(3)
    assert batch.labels.tolist() == [0, 10, 20]
    assert batch.dataset is dataset
    assert batch.seen


def test_a_constructor_that_assigns_a_component_before_super():
    class Mine(Scans):
        def __init__(self, index, *args, **kwargs):
            self.labels = [1, 2]
            super().__init__(index, *args, **kwargs)

    assert Mine(2).labels.tolist() == [1, 2]


def test_a_batch_without_any_index_says_so():
    class Mine(Batch):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match="index"):
        _ = Mine().indices


@pytest.mark.parametrize("data", [3, "text"])
def test_data_of_a_batch_without_components_is_anything(data):
    batch = Batch(2)
    batch._data = data
    assert batch.data == data


def test_data_can_be_assigned_by_its_public_name():
    batch = Scans(2)
    batch.data = {"labels": [1, 2]}
    assert batch.labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        (IMAGES, LABELS),
        [IMAGES, LABELS],
        {"images": IMAGES, "labels": LABELS},
        pd.DataFrame({"images": IMAGES[:, 0], "labels": LABELS, "more": LABELS}),
    ],
    ids=["tuple", "list", "dict", "frame"],
)
def test_assigned_data_fills_the_components(data):
    batch = Scans(10)
    batch._data = data
    assert batch.labels.tolist() == LABELS.tolist()
    assert batch.images[2].reshape(-1)[0] == 8


def test_a_single_array_is_the_only_component():
    class One(Batch):
        components = "signals"

    batch = One(10)
    batch._data = IMAGES
    assert batch.signals.shape == (10, 4)


def test_data_that_does_not_fit_the_components_is_refused():
    with pytest.raises(ComponentError, match="3 parts"):
        Scans(10)._data = (IMAGES, LABELS, LABELS)
    with pytest.raises(ComponentError, match="other"):
        Scans(10)._data = {"other": LABELS}
    with pytest.raises(ComponentError, match="2 components"):
        Scans(10)._data = IMAGES


def test_items_of_data_without_components():
    batch = Batch(["a", "b"])
    batch._data = np.array([[1, 2], [3, 4]])
    assert batch["b"].tolist() == [3, 4]
    batch._data = pd.DataFrame({"x": [1, 2]})
    assert batch["b"]["x"] == 2
    batch._data = {"x": [5, 6]}
    assert batch["b"] == {"x": 6}
    batch._data = ([1, 2], [3, 4], [5, 6])
    assert batch["b"] == (2, 4, 6)
    batch._data = [7, 8]
    assert batch["b"] == 8
    assert [*batch] == [7, 8]


class Indexed:
    """An object with advanced indexing only."""

    def __init__(self, data):
        self.inner = data

    def __getitem__(self, key):
        return self.inner[key]


@pytest.mark.parametrize(
    "wrap", [lambda a: a, Indexed, list], ids=["array", "advanced indexing", "list"]
)
def test_preloaded_data_is_addressed_by_id_when_ids_are_positions(wrap):
    batch = Scans([7, 2], preloaded=(wrap(IMAGES), wrap(LABELS)))
    assert batch.labels.tolist() == [70, 20]
    assert np.asarray(batch.images).tolist() == IMAGES[[7, 2]].tolist()


def test_preloaded_data_is_addressed_by_position_otherwise():
    dataset = Dataset(list("abcdefghij"), Scans, preloaded=(IMAGES, LABELS))
    dataset.split(0.5, shuffle=3)
    for part in (dataset.train, dataset.test):
        for batch in part.gen_batch(2, shuffle=1, n_epochs=1):
            for item in batch.indices:
                assert batch[item].labels == 10 * "abcdefghij".index(item)


def test_ids_beyond_the_data_are_addressed_by_position():
    dataset = Dataset(np.arange(100, 110), Scans, preloaded=(IMAGES, LABELS))
    assert dataset.create_subset([103, 101]).next_batch(2).labels.tolist() == [30, 10]


def test_addressing_can_be_said():
    ids = [1, 0]
    assert Scans(ids, preloaded=(None, LABELS[:2])).labels.tolist() == [10, 0]
    by_position = Scans(ids, preloaded=(None, LABELS[:2]), addressing="position")
    assert by_position.labels.tolist() == [0, 10]
    dataset = Dataset(ids, Scans, preloaded=(None, LABELS[:2]), addressing="position")
    assert dataset.next_batch(2).labels.tolist() == [0, 10]
    with pytest.raises(ValueError, match="addressing"):
        Dataset(ids, Scans, preloaded=(None, LABELS[:2]), addressing="other")


def test_a_table_is_addressed_by_its_labels():
    frame = pd.DataFrame({"labels": [1, 2, 3]}, index=["c", "b", "a"])
    assert Dataset(["a", "c"], Scans, preloaded=frame).next_batch(2).labels.tolist() == [3, 1]


def test_rows_and_items_that_do_not_match_are_refused():
    with pytest.raises(ComponentError, match=r"10 rows.*2 items"):
        _ = Scans(["a", "b"], preloaded=(None, LABELS)).labels


def test_preloaded_data_without_components():
    assert Batch([3, 1], preloaded=LABELS).data.tolist() == [30, 10]
    assert Batch([3, 1], preloaded=(LABELS, IMAGES)).data[0].tolist() == [30, 10]


def test_writes_to_preloaded_components_stay_in_the_batch():
    labels = LABELS.copy()
    dataset = Dataset(10, Scans, preloaded=(None, labels))
    batch = dataset.next_batch(5)
    batch.labels[0] = 99
    assert batch.labels[0] == 99
    assert labels[0] == 0


def test_copy_keeps_preloaded_objects_apart():
    objects = np.empty(2, dtype=object)
    objects[:] = [[1], [2]]
    shared = Dataset(2, Scans, preloaded={"labels": objects}).next_batch(2)
    own = Dataset(2, Scans, preloaded={"labels": objects}, copy=True).next_batch(2)
    shared.labels[0].append(5)
    own.labels[1].append(6)
    assert objects[0] == [1, 5]
    assert objects[1] == [2]


def test_an_emptied_preloaded_component_stays_empty():
    batch = Scans(10, preloaded=(IMAGES, LABELS))
    batch.labels = None
    assert batch.labels is None
    assert batch.images is not None


def test_preloaded_data_goes_through_an_overridden_load():
    class Mine(Scans):
        def load(self, src=None, fmt=None, **kwargs):
            self._data = (src[0][self.indices] + 1, src[1][self.indices])
            return self

    batch = Dataset(10, Mine, preloaded=(IMAGES, LABELS)).next_batch(2)
    assert batch.images[0, 0] == 1
    assert batch.labels.tolist() == [0, 10]


def test_from_data():
    batch = Scans.from_data(None, (IMAGES, LABELS))
    assert len(batch) == 10
    assert Scans.from_data(["a"], {"labels": [5]})["a"].labels == 5
    assert Batch.from_data(None, LABELS).data is not None
    with pytest.raises(ValueError, match="from_data"):
        Scans.from_data()


def test_threads_that_load_at_once_share_one_component():
    images = np.zeros((50, 1000))
    for _ in range(20):
        batch = Scans(50, preloaded={"images": images})
        barrier = threading.Barrier(4)

        def first_use(_, batch=batch, barrier=barrier):
            barrier.wait(10)
            return batch.images

        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(first_use, range(4)))
        assert all(one is seen[0] for one in seen)
        assert batch.images is seen[0]


def test_an_overridden_load_may_use_threads():
    class Mine(Scans):
        def load(self, src=None, fmt=None, **kwargs):
            return self._one(src[1])

        @inbatch_parallel(init="indices", post="_keep", target="threads")
        def _one(self, item, labels):
            return labels[item], self.images

        def _keep(self, results):
            self.labels = [label for label, _ in results]
            return self

    batch = Dataset(10, Mine, preloaded=(None, LABELS)).next_batch(4)
    assert batch.labels.tolist() == [0, 10, 20, 30]


def test_a_table_without_a_column_for_any_component_is_refused():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"pictures": [1, 2], "names": [3, 4]})
    with pytest.raises(ComponentError, match=r"columns are pictures, names.*images, labels"):
        _ = Scans(2, preloaded=table).images


def test_records_without_a_field_for_any_component_are_refused():
    records = np.zeros(2, [("pictures", "u1"), ("names", "u1")])
    with pytest.raises(ComponentError, match=r"columns are pictures, names.*images, labels"):
        _ = Scans(2, preloaded=records).images


def test_rows_by_id_need_ids_that_are_integers():
    with pytest.raises(ValueError, match=r"addressing='id' needs integer ids.*'a'"):
        _ = Scans(["a", "b"], preloaded=(IMAGES,), addressing="id").images


def test_ids_that_are_no_positions_are_asked_for():
    with pytest.raises(ComponentError, match=r"ids \(such as 'a'\) are not positions.*index_col="):
        Scans(["a", "b"]).load(src=(np.zeros((3, 4)), np.arange(3)))
