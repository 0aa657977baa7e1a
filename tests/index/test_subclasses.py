import copy
import pickle

import numpy as np
import pytest

from ironbatch import DatasetIndex


class Patients(DatasetIndex):
    """An index with attributes and a constructor of its own."""

    def __init__(self, folder: str, *, fs: int) -> None:
        self.folder = folder
        super().__init__(folder, fs)

    def build_index(self, folder: str, fs: int) -> np.ndarray:
        self.fs = fs
        return np.array([f"{folder}{k}" for k in range(10)])

    def where(self) -> list[str]:
        return [f"{self.folder}/{id_}" for id_ in self.indices]


def ways(index: Patients) -> dict:
    index.split((0.5, 0.3), shuffle=1)
    return {
        "train": index.train,
        "validation": index.validation,
        "subset": index.create_subset(["p1", "p2"]),
        "batch": next(index.gen_batch(2)),
        "shuffled": next(index.gen_batch(2, shuffle=True)),
        "next": index.next_batch(2),
        "of batch": next(next(index.gen_batch(4)).gen_batch(2, shuffle=1)),
        "take": index.take([1, 1]),
        "create_batch": index.create_batch([1]),
        "joined views": index.take([1]) + index.take([2]),
        "joined": index + DatasetIndex(["x"]),
        "detached": index.take([3]).detach(),
        "pickled": pickle.loads(pickle.dumps(index.take([3]))),
        "copied": copy.deepcopy(index.take([3])),
    }


@pytest.mark.parametrize("way", ways(Patients("p", fs=250)))
def test_type_and_attributes_are_kept(way) -> None:
    index = Patients("p", fs=250)
    made = ways(index)[way]
    assert type(made) is Patients
    assert (made.folder, made.fs) == ("p", 250)
    assert made.where()[0] == f"p/{made.indices[0]}"
    assert made is not index
    assert (made.train, made.iter_state.n_iters) == (None, 0)


def test_attributes_of_a_view_are_its_own() -> None:
    index = Patients("p", fs=250)
    batch = next(index.gen_batch(2))
    batch.fs = 500
    batch.extra = 1
    assert index.fs == 250
    assert not hasattr(next(index.gen_batch(2)), "extra")


def test_build_index_may_call_super() -> None:
    class Even(DatasetIndex):
        def build_index(self, index):
            return super().build_index(index)[::2]

    assert Even(6).indices.tolist() == [0, 2, 4]
    assert Even(["a", "b", "c"]).indices.tolist() == ["a", "c"]


def test_build_index_may_give_an_index() -> None:
    class Wrapping(DatasetIndex):
        def build_index(self, index):
            return DatasetIndex(index)

    index = Wrapping(["a", "b"])
    assert index.indices.tolist() == ["a", "b"]
    assert index.root is index
    assert next(index.gen_batch(1)).root is index


def test_create_subset_may_be_overridden() -> None:
    class Loud(DatasetIndex):
        def create_subset(self, index):
            out = super().create_subset(index)
            out.made_of = index
            return out

    index = Loud([10, 20, 30, 40])
    index.split(0.5)
    assert index.train.made_of.tolist() == [30, 40]
    assert index.train.indices.tolist() == [30, 40]


def test_create_batch_may_be_overridden() -> None:
    class Pairs(DatasetIndex):
        def create_batch(self, index, pos=True, as_array=False):
            out = super().create_batch(index, pos, as_array)
            out.size_wanted = len(out)
            return out

    index = Pairs([10, 20, 30])
    batches = list(index.gen_batch(2, n_epochs=2))
    assert [b.size_wanted for b in batches] == [2, 2, 2]
    assert batches[1].epochs.tolist() == [0, 1]
    assert index.next_batch(2).size_wanted == 2


def test_create_batch_may_return_anything() -> None:
    class Arrays(DatasetIndex):
        def create_batch(self, index, pos=True, as_array=True):
            return super().create_batch(index, pos, as_array)

    made = list(Arrays([10, 20, 30]).gen_batch(2, shuffle=1, n_epochs=1))
    assert sorted(np.concatenate(made).tolist()) == [10, 20, 30]


def test_from_index_is_the_constructor() -> None:
    assert Patients.from_index("q", fs=1).folder == "q"
