"""Copies, pickles, merges and datasets made from batches."""

import copy
import pickle

import numpy as np
import pytest

from ironbatch import Batch, Dataset
from ironbatch.errors import ComponentError


class Scans(Batch):
    components = "images", "signals", "names", "boxes"


def scans(index=3):
    batch = Scans(index, note=[1])
    n = len(batch)
    batch.images = np.arange(n * 4).reshape(n, 2, 2)
    batch.signals = [np.arange(i + 1.0) for i in range(n)]
    batch.names = [f"name {i}" for i in range(n)]
    batch.boxes = [{"box": i} for i in range(n)]
    return batch


def same(left, right):
    assert left.indices.tolist() == right.indices.tolist()
    assert left.images.tolist() == right.images.tolist()
    for position in range(len(left)):
        assert left.signals[position].tolist() == right.signals[position].tolist()
        assert left.names[position] == right.names[position]
        assert left.boxes[position] == right.boxes[position]


@pytest.mark.parametrize(
    "copied", [Batch.deepcopy, Batch.copy, copy.copy, copy.deepcopy], ids=lambda f: f.__name__
)
def test_a_copy_shares_no_memory(copied):
    dataset = Dataset(3, Scans)
    batch = scans()
    batch.dataset = dataset
    twin = copied(batch)
    assert type(twin) is Scans
    same(batch, twin)
    twin.images[0] = 9
    twin.signals[0][0] = 9
    twin.boxes[0]["box"] = 9
    twin.note.append(2)
    assert batch.images[0, 0, 0] == 0
    assert batch.signals[0][0] == 0
    assert batch.boxes[0] == {"box": 0}
    assert batch.note == [1]
    assert twin.dataset is dataset


def test_a_copy_has_its_preloaded_data():
    batch = Scans(2, preloaded={"names": np.array([5, 6])})
    assert batch.copy().names.tolist() == [5, 6]


@pytest.mark.parametrize("index", [3, ["a", "b", "c"], [5, 3, 4]])
def test_pickling(index):
    batch = scans(index)
    twin = pickle.loads(pickle.dumps(batch))
    assert type(twin) is Scans
    same(batch, twin)
    assert twin.note == [1]
    assert twin[batch.indices[1]].names == "name 1"


def test_a_pickle_holds_the_batch_and_not_its_dataset():
    dataset = Dataset(np.arange(100_000) * 3, Scans, preloaded={"names": np.arange(100_000)})
    batch = dataset.create_subset([300, 30]).next_batch(2)
    pickled = pickle.dumps(batch)
    assert len(pickled) < 5000
    twin = pickle.loads(pickled)
    assert twin[30].names == 10
    assert twin.index.origins.tolist() == batch.index.origins.tolist()


def test_pickling_added_components():
    batch = Batch(2).add_components("extra", init=[1, 2])
    assert pickle.loads(pickle.dumps(batch)).extra.tolist() == [1, 2]


def test_merge_keeps_unique_ids():
    merged, rest = Batch.merge([scans(["a", "b"]), scans(["c"])])
    assert type(merged) is Scans
    assert rest is None
    assert merged.indices.tolist() == ["a", "b", "c"]
    assert merged["c"].names == "name 0"
    assert merged.signals[1].tolist() == [0, 1]
    assert merged.boxes[2] == {"box": 0}


def test_merge_renumbers_repeated_ids():
    merged, _ = Batch.merge([scans([4, 5]), scans([5, 6])])
    assert merged.indices.tolist() == [0, 1, 2, 3]


def test_merge_cuts_at_the_batch_size():
    merged, rest = Scans.merge([scans([1, 2]), scans([3, 4])], batch_size=3)
    assert merged.indices.tolist() == [1, 2, 3]
    assert rest.indices.tolist() == [4]
    assert rest.signals[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="batch_size"):
        Scans.merge([scans()], batch_size=0)


def test_merge_takes_components_and_class():
    class Names(Batch):
        components = "names"

    merged, _ = Batch.merge([scans([1]), scans([2])], components="names", batch_class=Names)
    assert type(merged) is Names
    assert list(merged.names) == ["name 0", "name 0"]


def test_merge_of_missing_components():
    one, two = Scans([1]), Scans([2])
    merged, _ = Batch.merge([one, two])
    assert merged.images is None
    two.images = [[1]]
    with pytest.raises(ComponentError, match="images"):
        Batch.merge([one, two])


def test_merge_without_components():
    one, two = Batch([1]), Batch([2])
    one._data, two._data = np.array([1]), np.array([2])
    assert Batch.merge([one, two])[0].data.tolist() == [1, 2]
    with pytest.raises(ValueError, match="at least one"):
        Batch.merge([])


def test_a_merge_can_be_overridden():
    class Mine(Scans):
        @classmethod
        def merge_component(cls, component, data):
            return [f"{component}!"] * sum(map(len, data))

    one, two = Mine([1]), Mine([2])
    one.names, two.names = ["x"], ["y"]
    assert list(Mine.merge([one, two])[0].names) == ["names!", "names!"]


def test_as_dataset():
    batch = scans([7, 3, 5])
    dataset = batch.as_dataset()
    assert type(dataset) is Dataset
    assert dataset.batch_class is Scans
    assert dataset.create_batch([3, 7]).names[0] == "name 1"


def test_do_nothing_takes_anything():
    batch = scans()
    assert batch.do_nothing(1, two=3) is batch


def test_to_array():
    batch = Batch(2).add_components(
        ("grey", "colour"), init=(np.ones((2, 3, 4)), np.ones((2, 3, 4, 5)))
    )
    batch.to_array(src=("grey", "colour"), dst=("g", "c"), channels="first", dtype=np.float64)
    assert batch.g.shape == (2, 1, 3, 4)
    assert batch.c.shape == (2, 5, 3, 4)
    assert batch.g.dtype == np.float64
    batch.to_array("grey")
    assert batch.grey.shape == (2, 3, 4, 1)
    assert batch.grey.dtype == np.float32
    batch.to_array("colour", channels=None, dtype=np.uint8)
    assert batch.colour.shape == (2, 3, 4, 5)
    assert batch.colour.dtype == np.uint8


def test_batches_of_a_dataset_of_a_shuffled_batch_hold_its_rows():
    dataset = Dataset(list("abcdef"), Scans, preloaded=(np.arange(6),))
    batch = next(dataset.gen_batch(4, shuffle=1))
    again = next(batch.as_dataset().gen_batch(4))
    assert again.indices.tolist() == batch.indices.tolist()
    assert again.images.tolist() == batch.images.tolist()


def test_a_merge_names_the_batch_that_lacks_a_component():
    class Other(Batch):
        components = "z"

    with pytest.raises(ComponentError, match=r"no component 'images' in batch 1 of 2.*z"):
        Scans.merge([scans(2), Other([7])])


def test_a_merge_refuses_components_that_nobody_has():
    with pytest.raises(ComponentError, match="no component 'zz' in batch 0 of 1"):
        Scans.merge([scans(2)], components="zz")


@pytest.mark.parametrize("given", [[1], "ab"])
def test_a_merge_of_something_else_says_what_it_takes(given):
    with pytest.raises(TypeError, match="merge takes a sequence of batches"):
        Scans.merge(given)
