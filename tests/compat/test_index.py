"""Indexes: BatchFlow's order, and ids that subclasses keep in a form of their own."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ironbatch import make_rng
from ironbatch.compat.base import Baseset
from ironbatch.compat.batch import Batch
from ironbatch.compat.dataset import Dataset
from ironbatch.compat.dsindex import DatasetIndex, FilesIndex


def ids(batches: Any) -> list[list[Any]]:
    return [batch.indices.tolist() for batch in batches]


class Table(DatasetIndex):
    """Ids are a pandas index, with a table beside them."""

    def __init__(self, index: Any = None, table: Any = None) -> None:
        self.table: Any = None
        super().__init__(index=index, table=table)

    def build_index(self, index: Any = None, table: Any = None) -> Any:
        if table is None and index is None:
            return None
        self.table = index.table if table is None else table
        return self.table.index

    def create_subset(self, index: Any) -> Table:
        made = type(self)()
        made.table = self.table.loc[index.indices if isinstance(index, Table) else index]
        made._index = made.table.index
        return made


class Parts(DatasetIndex):
    """Ids are a tuple of arrays; the constructor above is not called."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self.train = self.test = self.validation = None
        self._iter_params = None
        self.reset("iter")

    @property
    def index(self) -> Any:
        return self.parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def subset_by_pos(self, pos: Any) -> Any:
        pos, first, found = np.sort(np.atleast_1d(pos)), 0, []
        for part in self.parts:
            found.append(part[pos[(pos >= first) & (pos < first + len(part))] - first])
            first += len(part)
        return tuple(found)

    def create_subset(self, index: Any) -> Parts:
        return type(self)(*(index.parts if isinstance(index, Parts) else index))


def test_order_is_that_of_numpy() -> None:
    index = DatasetIndex(6)
    first = make_rng(3).permutation(np.arange(6))
    second = make_rng(3).permutation(first)
    made = np.concatenate(ids(index.gen_batch(3, shuffle=3, n_epochs=2)))

    assert made.tolist() == [*first, *second]
    assert index.shuffle(3).tolist() == first.tolist()
    index.split(0.5, shuffle=3)
    assert index.test.indices.tolist() == first[:3].tolist()
    assert [index.next_batch(6, shuffle=3).indices.tolist() for _ in range(2)] == [
        first.tolist(),
        second.tolist(),
    ]
    assert ids(index.gen_batch(3, shuffle=3, n_epochs=1, order="native")) != ids(
        index.gen_batch(3, shuffle=3, n_epochs=1)
    )


def test_generators_move_on_with_each_epoch() -> None:
    rng = np.random.default_rng(1)
    twin = np.random.default_rng(1)
    first = twin.permutation(np.arange(4))
    made = ids(DatasetIndex(4).gen_batch(4, shuffle=rng, n_epochs=2))
    assert made == [first.tolist(), twin.permutation(first).tolist()]


def test_iteration_is_read_like_a_dictionary() -> None:
    index = DatasetIndex(5)
    assert dict(index._iter_params) == dict(index.get_default_iter_params())
    index.next_batch(3, shuffle=1, n_epochs=2)
    params = index._iter_params
    assert params["_start_index"] == 3
    assert params["_n_iters"] == 1
    assert params["_n_epochs"] == 0
    assert params["_total"] == 4
    assert params["_stop_iter"] is False
    assert params["_order"].tolist() == index.shuffle(1).tolist()
    assert params.get("_nothing", 7) == 7
    assert "_order" in params
    with pytest.raises(KeyError):
        params["_nothing"]
    for _ in range(3):
        index.next_batch(3, shuffle=1, n_epochs=2)
    assert params["_stop_iter"] is True
    index.reset("iter")
    assert index._iter_params["_n_iters"] == 0
    assert index._iter_params["_order"] is None


def test_reset_iter_warns(caplog: pytest.LogCaptureFixture) -> None:
    dataset = Dataset(4)
    first = dataset.next_batch(2).indices.tolist()
    dataset.reset_iter()
    assert dataset.next_batch(2).indices.tolist() == first
    assert "`reset_iter()` is deprecated" in caplog.text


def test_classes_are_those_that_are_exported() -> None:
    index = DatasetIndex(4)
    for one in (index, index.create_subset([1, 2]), index + DatasetIndex([8]), Dataset(3)):
        assert isinstance(one, Baseset)
    assert type(Dataset(4).index) is DatasetIndex
    assert type(Dataset.build_index(25)) is DatasetIndex
    assert index._pos == {0: 0, 1: 1, 2: 2, 3: 3}
    assert index._index.tolist() == [0, 1, 2, 3]


def test_ids_of_a_pandas_index() -> None:
    keys = pd.MultiIndex.from_tuples([(0, "a"), (0, "b"), (1, "a")], names=["n", "x"])
    index = Table(table=pd.DataFrame({"value": [5, 6, 7]}, index=keys))

    assert isinstance(index.indices, pd.MultiIndex)
    assert len(index) == 3
    assert index.get_pos((0, "b")) == 1
    batches = list(index.gen_batch(2, shuffle=2, n_epochs=1))
    assert isinstance(batches[0].index, pd.MultiIndex)
    assert sorted(value for batch in batches for value in batch.table.value) == [5, 6, 7]
    assert batches[0].table.index.equals(batches[0].indices)

    dataset = Dataset(index, Batch)
    batch = (dataset.p.do_nothing() << dataset).next_batch(2)
    assert batch.indices.get_level_values("x").tolist() == ["a", "b"]
    batch.add_components("found", batch.array_of_nones)
    batch.found[batch.index.get_pos((0, "b"))] = 1
    assert batch.found.tolist() == [None, 1]
    dataset.split(0.67)
    assert [len(dataset.train), len(dataset.test)] == [2, 1]
    assert dataset.train.next_batch(1).index.table.value.tolist() == [6]


class Keys(DatasetIndex):
    def build_index(self, index: Any) -> Any:
        return pd.Index(index, name="key")


def test_ids_that_build_index_gives_stay_what_they_are() -> None:
    index = Keys(["x", "y", "z"])
    assert index.indices.name == "key"
    first = index.next_batch(2)
    assert isinstance(first.indices, pd.Index)
    assert first.indices.tolist() == ["x", "y"]
    assert index.subset_by_pos([2]).tolist() == ["z"]
    assert first.get_pos("y") == 1
    assert pickle.loads(pickle.dumps(first)).indices.equals(first.indices)


def test_an_index_in_parts() -> None:
    index = Parts(np.array([1, 2, 3]), np.array([1, 2]))
    batches = list(index.gen_batch(2, n_epochs=1))
    assert [[part.tolist() for part in batch.index] for batch in batches] == [
        [[1, 2], []],
        [[3], [1]],
        [[], [2]],
    ]
    index.split(0.6, shuffle=1)
    assert len(index.train) == 3
    assert len(index.test) == 2

    dataset = Dataset(index, Batch)
    sizes = [len(batch) for batch in dataset.p.do_nothing().gen_batch(2, shuffle=1, n_epochs=1)]
    assert sizes == [2, 2, 1]
    subset = dataset.create_subset((np.array([2]), np.array([1])))
    assert len(subset) == 2
    assert [list(part) for part in subset.next_batch(2).index.index] == [[2], [1]]
    dataset.next_batch(2)
    assert len(dataset.copy().next_batch(2).index.index[0]) == 2
    batch = dataset.create_batch((np.array([3]), np.array([])))
    assert len(batch) == 1
    draws = [batch.random.random() for batch in (dataset.next_batch(2), dataset.next_batch(1))]
    assert len(set(draws)) == 2


def test_create_batch_by_position_and_by_id() -> None:
    table = pd.DataFrame({"value": [5, 6, 7]}, index=list("abc"))
    index = Table(table=table)
    assert index.create_batch([2, 0]).table.value.tolist() == [7, 5]
    assert index.create_batch(slice(1, 3)).table.value.tolist() == [6, 7]
    assert index.create_batch(["b"], pos=False).table.value.tolist() == [6]
    assert index.create_batch([1], as_array=True).tolist() == ["b"]
    assert DatasetIndex(5).create_batch([3], as_array=True).tolist() == [3]


def test_files(tmp_path: Path) -> None:
    for name in ("b.npy", "a.npy"):
        (tmp_path / name).touch()
    index = FilesIndex(path=str(tmp_path / "*.npy"), no_ext=True, sort=True)
    assert isinstance(index, Baseset)
    assert index._paths["b"] == index.get_fullpath("b") == str(tmp_path / "b.npy")
    batch = index.next_batch(1, shuffle=0)
    (only,) = batch.indices.tolist()
    assert batch._paths[only] == batch.get_fullpath(only) == str(tmp_path / f"{only}.npy")
    assert batch.detach()._paths[only] == str(tmp_path / f"{only}.npy")
    assert pickle.loads(pickle.dumps(index))._paths["a"] == str(tmp_path / "a.npy")


def test_datasets_have_iterations_of_their_own() -> None:
    dataset = Dataset(4)
    dataset.next_batch(2)
    for other in (dataset.copy(), copy.copy(dataset)):
        assert other.next_batch(2).indices.tolist() == [0, 1]
    assert dataset.next_batch(2).indices.tolist() == [2, 3]
