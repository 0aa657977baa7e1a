"""Datasets: data by component, attributes, folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ironbatch.compat.batch import Batch
from ironbatch.compat.components import AdvancedDict, BaseComponents, create_item_class
from ironbatch.compat.dataset import Dataset
from ironbatch.compat.pipeline import Pipeline


class Scans(Batch):
    components = "images", "labels"


def test_data_by_component_and_by_id() -> None:
    dataset = Dataset(3, Scans, preloaded=(np.eye(3), np.array([7, 8, 9])))
    assert dataset.data.labels.tolist() == [7, 8, 9]
    assert dataset.data[1].labels == 8
    assert dataset.images.shape == (3, 3)
    assert Dataset(3, preloaded=[1, 2, 3]).data == [1, 2, 3]
    assert Dataset(3, Scans).data is None


def test_attributes_go_to_subsets() -> None:
    dataset = Dataset(10, Scans, classes=3)
    dataset.create_attrs(path="/tmp")
    dataset.split(0.8)
    assert dataset.train.get_attrs() == {"classes": 3, "path": "/tmp"}
    other = Dataset.from_dataset(dataset, dataset.index, level=1)
    assert (other.level, other.classes) == (1, 3)
    assert not hasattr(dataset, "level")
    assert Dataset.from_dataset(dataset, dataset.index) is dataset


def test_folds() -> None:
    dataset = Dataset(10)
    assert dataset.n_splits is None
    dataset.cv_split(n_splits=4)
    dataset.cv_split(n_splits=3, shuffle=2)
    assert dataset.n_splits == 3
    for part in (dataset, dataset.train, dataset.test):
        assert [part.cv(k) for k in range(3)] == [part.cv0, part.cv1, part.cv2]
        assert not hasattr(part, "cv3")
    assert dataset.cv0.train is dataset.train.cv0
    assert len(dataset.train) == 10
    with pytest.raises(ValueError, match="the dataset has 3 folds, got 3"):
        dataset.cv(3)


def test_folds_of_a_dataset_that_is_split() -> None:
    dataset = Dataset(10)
    dataset.split(0.8)
    dataset.cv_split(n_splits=2)
    assert dataset.train.cv1 is dataset.cv1.train


def test_pipelines_are_those_of_this_package() -> None:
    dataset = Dataset(4)
    assert type(dataset.p) is Pipeline
    assert type(dataset.pipeline({"lr": 1})) is Pipeline
    assert dataset.pipeline({"lr": 1}).config["lr"] == 1
    assert type((dataset >> Pipeline().do_nothing()).rebatch(2)) is Pipeline
    assert type(dataset.p.do_nothing() @ 0.5) is Pipeline


def test_components_of_any_source() -> None:
    names = ("images", "labels")
    arrays = create_item_class(names, (np.arange(4), np.arange(4) + 10))
    crop = create_item_class(names, arrays, indices=np.array([3, 1]), crop=True)
    assert crop.labels.tolist() == [13, 11]
    crop.labels = np.array([5, 6])
    assert crop[1].labels == 6
    assert crop.as_dict("labels").keys() == {"labels"}
    assert [x.tolist() for x in crop.as_tuple()] == [[3, 1], [5, 6]]
    with pytest.raises(KeyError):
        crop[0]

    table = create_item_class(
        names, pd.DataFrame({"images": [1, 2], "labels": [3, 4]}), indices=[1]
    )
    assert table.labels.tolist() == [4]
    whole = create_item_class(None, (np.arange(3), None), indices=[0, 2])
    assert whole[0].tolist() == [0, 2]
    assert whole[1] is None
    assert create_item_class(None, {"a": np.arange(3)}, indices=[1])["a"].tolist() == [1]
    by_id = BaseComponents(names, {"images": {"x": 1, "y": 2}}, indices=["y"])
    assert by_id.images.tolist() == [2]
    assert by_id.labels is None
    assert by_id.anything is None
    assert AdvancedDict(a=1, b=2).as_array(["b"]).tolist() == [2]
