"""Batches as tables: rows, ids, and what is refused."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ironbatch import Batch
from ironbatch.components import Ragged


class Scans(Batch):
    components = "images", "labels", "signals", "names", "things"


def scans():
    batch = Scans(["a", "b", "c"])
    batch.images = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    batch.labels = [5, 6, 7]
    batch.signals = Ragged.from_items([[1.0], [2.0, 3.0], []], "f8")
    batch.names = ["x", "", "ž"]
    return batch


def with_objects():
    batch = scans()
    batch.things = [{"a": 1}, None, "text"]
    return batch


# Arrow


def test_a_table_has_the_ids_and_the_components_that_hold_data():
    table = scans().to_arrow()
    table.validate(full=True)
    assert table.column_names == ["id", "images", "labels", "signals", "names"]
    assert table.to_pylist()[1] == {
        "id": "b",
        "images": [[4, 5], [6, 7]],
        "labels": 6,
        "signals": [2.0, 3.0],
        "names": "",
    }


def test_columns_of_a_table_share_memory():
    batch = scans()
    table = batch.to_arrow(["images", "labels"])
    assert table["labels"].chunk(0).buffers()[1].address == batch.labels.ctypes.data
    assert table["images"].chunk(0).buffers()[-1].address == batch.images.ctypes.data


def test_the_table_keeps_what_it_got_when_the_batch_goes_on():
    batch = Scans(3)
    batch.images = np.arange(3.0)
    table = batch.to_arrow("images")
    batch.apply_parallel(np.negative, src="images", target="for")
    assert batch.images.tolist() == [0, -1, -2]
    assert table["images"].to_pylist() == [0, 1, 2]


def test_which_components_and_which_name_for_the_ids():
    batch = scans()
    assert batch.to_arrow("labels").column_names == ["id", "labels"]
    assert batch.to_arrow(["names", "labels"], ids="item").column_names == [
        "item",
        "names",
        "labels",
    ]
    assert batch.to_arrow("labels", ids=None).column_names == ["labels"]


@pytest.mark.parametrize(
    ("ids", "kind"), [(3, pa.int64()), ([7, 5], pa.int64()), (["a", "b"], pa.large_string())]
)
def test_ids(ids, kind):
    batch = Scans(ids)
    batch.labels = np.zeros(len(batch))
    column = batch.to_arrow()["id"]
    assert column.type == kind
    assert column.to_pylist() == batch.indices.tolist()


def test_ids_that_arrow_has_no_type_for():
    batch = Scans([(1, 2), (3, 4)])
    batch.labels = [1, 2]
    with pytest.raises(TypeError, match=r"ids of tuple have no type in Arrow; give ids=None"):
        batch.to_arrow()
    assert batch.to_arrow(ids=None).to_pylist() == [{"labels": 1}, {"labels": 2}]


def test_a_batch_is_a_stream_for_any_library_of_arrow():
    table = pa.table(scans())
    assert table.column_names == ["id", "images", "labels", "signals", "names"]
    reader = pa.RecordBatchReader.from_stream(scans())
    assert [len(chunk) for chunk in reader] == [3]


def test_objects_have_no_type_in_arrow():
    batch = with_objects()
    with pytest.raises(TypeError, match="component 'things' holds objects"):
        batch.to_arrow()
    with pytest.raises(TypeError, match="component 'things' holds objects"):
        pa.table(batch)


def test_an_empty_batch():
    batch = scans()[[]]
    assert len(batch) == 0
    assert batch.to_arrow().schema == scans().to_arrow().schema
    assert batch.to_arrow().num_rows == len(batch.to_pandas()) == 0


@pytest.mark.parametrize("method", ["to_arrow", "to_pandas"])
def test_components_that_are_not_there(method):
    with pytest.raises(ValueError, match=rf"{method}: the batch has no component 'masks'; its"):
        getattr(scans(), method)(["labels", "masks"])
    with pytest.raises(ValueError, match=rf"{method}: component 'things' holds no data"):
        getattr(scans(), method)("things")
    with pytest.raises(ValueError, match=rf"{method} takes the components of a batch by name"):
        getattr(Batch(2), method)()


def test_a_component_with_the_name_of_the_ids():
    class Table(Batch):
        components = "id"

    batch = Table.from_data(data=[1, 2])
    with pytest.raises(ValueError, match=r"'id' is a component.*another name"):
        batch.to_arrow()
    with pytest.raises(ValueError, match="'id' is a component"):
        pa.table(batch)
    assert batch.to_arrow(ids="item").column_names == ["item", "id"]


def test_a_component_wins_over_a_method_of_its_name():
    class Mine(Batch):
        components = "to_arrow", "to_pandas"

    batch = Mine.from_data(data=([1, 2], [3, 4]))
    assert batch.to_arrow.tolist() == [1, 2]
    assert pa.table(batch).to_pylist() == [
        {"id": 0, "to_arrow": 1, "to_pandas": 3},
        {"id": 1, "to_arrow": 2, "to_pandas": 4},
    ]


def test_no_package_is_needed_to_hand_out_arrow():
    code = """
import sys
for name in ("pyarrow", "pandas", "polars", "torch"):
    sys.modules[name] = None
import numpy as np
from ironbatch import Batch
class Scans(Batch):
    components = "labels"
batch = Scans.from_data(data=np.arange(3))
print(type(batch.__arrow_c_stream__()).__name__, len(batch.labels.__arrow_c_array__()))
for export in batch.to_arrow, batch.to_pandas, batch.to_polars, batch.to_torch:
    try:
        export()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    first, *errors = done.stdout.splitlines()
    assert first == "PyCapsule 2"
    extras = ("tables", "tables", "polars", "torch")
    for name, extra, error in zip(
        ("to_arrow", "to_pandas", "to_polars", "to_torch"), extras, errors, strict=True
    ):
        assert f"{name} needs the package" in error
        assert f"pip install 'ironbatch[{extra}]'" in error


# pandas


def test_a_frame_has_the_ids_as_labels():
    frame = with_objects().to_pandas()
    assert frame.index.tolist() == ["a", "b", "c"]
    assert frame.index.name == "id"
    assert frame.columns.tolist() == ["images", "labels", "signals", "names", "things"]
    assert frame.loc["b", "labels"] == 6
    assert frame.loc["b", "images"].tolist() == [[4, 5], [6, 7]]
    assert frame.loc["b", "signals"].tolist() == [2, 3]
    assert frame.names.tolist() == ["x", "", "ž"]
    assert frame.things.tolist() == [{"a": 1}, None, "text"]


def test_ids_of_any_kind_are_labels():
    batch = Scans([(1, 2), (3, 4)])
    batch.labels = [1, 2]
    assert batch.to_pandas().index.tolist() == [(1, 2), (3, 4)]
    assert batch.to_pandas().index.nlevels == 1
    batch = Scans([7, 5])
    batch.labels = [1, 2]
    assert batch.to_pandas().loc[5, "labels"] == 2


def test_a_frame_of_some_components():
    assert scans().to_pandas("names").columns.tolist() == ["names"]


def test_a_frame_is_a_copy():
    batch = scans()
    frame = batch.to_pandas()
    frame.loc["a", "labels"] = 99
    frame.loc["a", "images"][:] = 99
    frame.loc["a", "signals"][:] = 99
    assert batch.labels.tolist() == [5, 6, 7]
    assert batch.images.max() == 11
    assert batch.signals[0].tolist() == [1]


def test_a_frame_comes_back_as_preloaded_data():
    batch = scans()
    again = Scans(["c", "a"], preloaded=batch.to_pandas())
    assert again.labels.tolist() == [7, 5]
    assert list(again.names) == ["ž", "x"]
    assert isinstance(batch.signals, Ragged)
    assert [item.tolist() for item in again.signals] == [[], [1.0]]


def test_dtypes_of_a_frame():
    batch = Scans(2)
    batch.labels = np.array(["2020-01-01", "NaT"], "M8[s]")
    batch.images = np.array([True, False])
    batch.names = [b"a", b"b"]
    frame = batch.to_pandas()
    assert frame.labels.dtype == np.dtype("M8[s]")
    assert frame.images.dtype == np.dtype(bool)
    assert frame.names.tolist() == [b"a", b"b"]
    assert isinstance(frame, pd.DataFrame)
