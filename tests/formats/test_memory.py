"""Loading from and dumping to data in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, Dataset
from ironbatch.errors import ComponentError

from .conftest import Plain, Scans, plain

IMAGES = np.arange(40).reshape(10, 4)
LABELS = np.arange(10)


def test_tuple_by_position() -> None:
    batch = Scans([7, 2]).load((IMAGES, LABELS))
    assert batch.labels.tolist() == [7, 2]
    assert batch.images.tolist() == IMAGES[[7, 2]].tolist()


def test_dict_by_component() -> None:
    data = {"labels": LABELS, "images": IMAGES, "more": LABELS}
    batch = Scans([7, 2]).load(data, dst=("images", "labels"))
    assert batch.labels.tolist() == [7, 2]


def test_dict_without_a_component() -> None:
    with pytest.raises(ComponentError, match="'labels'"):
        Scans([1]).load({"images": IMAGES})


def test_dataframe() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"images": LABELS * 2, "labels": LABELS})
    batch = Scans([7, 2]).load(frame)
    assert batch.images.tolist() == [14, 4]
    assert Plain([7]).load(frame, dst="x").x.tolist() == [[14, 7]]


def test_a_string_names_the_component_the_data_is() -> None:
    assert Batch([3, 1]).load(LABELS, dst="labels").labels.tolist() == [3, 1]
    assert Plain(2).load(["a", "b"], components="x").x.to_list() == ["a", "b"]


def test_batch_without_components() -> None:
    assert Batch([3, 1]).load(LABELS).data.tolist() == [3, 1]


def test_object_with_advanced_indexing() -> None:
    class Squares:
        def __getitem__(self, rows: Any) -> Any:
            return np.asarray(rows) ** 2

    assert Plain([3, 5]).load(Squares(), dst="x").x.tolist() == [9, 25]


def test_addressing() -> None:
    dataset = Dataset([4, 3, 2, 1, 0], Plain)
    batch = dataset.next_batch(2, shuffle=False)
    assert batch.load(LABELS[:5], dst="x").x.tolist() == [4, 3]
    assert batch.load(LABELS[:5], dst="x", addressing="position").x.tolist() == [0, 1]


def test_nothing_to_load() -> None:
    with pytest.raises(ValueError, match="nothing to load"):
        Plain(2).load()


def test_loaded_rows_are_copies() -> None:
    source = np.zeros((2, 2))
    batch = Plain(2).load(source)
    batch.x[0] = 5.0
    assert not source.any()


def test_dump_to_array() -> None:
    target = np.zeros(10, int)
    plain([5, 6], [7, 2]).dump(target)
    assert target[[7, 2]].tolist() == [5, 6]


def test_dump_by_position() -> None:
    target = np.zeros(2, int)
    plain([5, 6], [1, 0]).dump(target, addressing="position")
    assert target.tolist() == [5, 6]


def test_dump_to_dict() -> None:
    target = {"images": np.zeros((10, 4)), "labels": np.zeros(10)}
    batch = Scans([1, 2]).load((IMAGES, LABELS))
    batch.dump(target)
    assert target["labels"][:3].tolist() == [0, 1, 2]
    assert target["images"][2].tolist() == IMAGES[2].tolist()


def test_dump_to_table() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": np.zeros(3, int)}, index=["a", "b", "c"])
    plain([5, 6], ["c", "a"]).dump(frame)
    assert frame["x"].tolist() == [6, 0, 5]


def test_dump_to_list_and_objects() -> None:
    target: list[Any] = [None] * 4
    plain(["x", "y"], [3, 1]).dump(target)
    assert target == [None, "y", None, "x"]
    objects = np.empty(4, object)
    plain([np.zeros(2), np.zeros(3)], [3, 1]).dump(objects)
    assert [None if each is None else len(each) for each in objects] == [None, 3, None, 2]


def test_dump_of_several_into_one_array() -> None:
    batch = Scans([1, 2]).load((IMAGES, LABELS))
    with pytest.raises(ComponentError, match="2 components"):
        batch.dump(np.zeros(10))
    with pytest.raises(ComponentError, match="no part 'labels'"):
        batch.dump({"images": np.zeros((10, 4))})
    with pytest.raises(ValueError, match="give dst="):
        batch.dump()


def test_dump_by_id_needs_integer_ids() -> None:
    with pytest.raises(ValueError, match=r"addressing='id' needs integer ids.*'a'"):
        plain([5, 6], ["a", "b"]).dump(np.zeros(2), addressing="id")
