"""Dicts of columns as the data of a dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ironbatch import Batch, Dataset


class Houses(Batch):
    components = "price", "rooms"


def test_a_dict_of_columns_is_a_table():
    columns = {"price": np.arange(3.0), "rooms": [3, 1, 2], "key": pd.Series(["a", "b", "c"])}
    batch = Dataset(columns).next_batch(2)
    assert batch.components == ("price", "rooms", "key")
    assert batch.rooms.tolist() == [3, 1]
    assert batch.key.to_list() == ["a", "b"]
    dataset = Dataset(columns, Houses, index_col="key")
    assert dataset.create_batch(["c", "a"]).price.tolist() == [2, 0]
    assert Dataset({"price": columns["price"]}).next_batch(3).price is not columns["price"]


def test_a_dict_of_anything_else_is_no_table():
    with pytest.raises(ValueError, match=r"dict have .* rows: x 3, y 2; a column has one row"):
        Dataset({"x": np.arange(3), "y": np.arange(2)})
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(TypeError, match=r"'train', 'test'; give one of them: Dataset\(data\['tr"):
        Dataset({"train": frame, "test": frame})
    assert Dataset({"a": "a.npy", "b": "b.npy"}).indices.tolist() == ["a", "b"]


def test_a_dict_of_tuples_is_a_table():
    batch = Dataset({"price": np.zeros(3), "rooms": (3, 1, 2)}).next_batch(3)
    assert batch.components == ("price", "rooms")
    assert batch.rooms.tolist() == [3, 1, 2]
    assert Dataset({"rooms": (3, 1, 2)}).create_batch([2]).rooms.tolist() == [2]


@pytest.mark.parametrize(
    ("other", "told"),
    [(5, "of type int"), ("a", "of type str"), (np.array(1.5), "an array of no .* float64")],
)
def test_a_dict_of_columns_and_something_else(other, told):
    with pytest.raises(TypeError, match=rf"as 'x' is; 'y' is {told}.*for each item"):
        Dataset({"x": np.zeros(3), "y": other})
