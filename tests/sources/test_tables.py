"""Tables of pandas, Arrow and Parquet as the data of datasets and batches."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ironbatch import Batch, ComponentError, Dataset, UnknownColumnError, UnknownIdError
from ironbatch.components import Bytes, Ragged, Strings


class Houses(Batch):
    components = "price", "rooms"


class Plain(Batch):
    components = "x"


N = 100
COLUMNS = {
    "key": [f"house {number}" for number in range(N)],
    "price": np.arange(N) * 1.5,
    "rooms": np.arange(N, dtype=np.int32) % 7,
}


def written(tmp_path, name="houses.parquet"):
    path = tmp_path / name
    pq.write_table(pa.table(COLUMNS), path, row_group_size=30)
    return path


def in_pieces():
    whole = pa.table(COLUMNS)
    return pa.concat_tables([whole.slice(0, 33), whole.slice(33, 1), whole.slice(34)])


TABLES = {
    "pandas": lambda path: pd.DataFrame(COLUMNS),
    "arrow": lambda path: pa.table(COLUMNS),
    "arrow in pieces": lambda path: in_pieces(),
    "record batch": lambda path: pa.table(COLUMNS).to_batches()[0],
    "parquet file": lambda path: pq.ParquetFile(written(path)),
    "parquet dataset": lambda path: pq.ParquetDataset(written(path)),
    "arrow dataset": lambda path: pyarrow.dataset.dataset(written(path)),
}


@pytest.fixture(params=TABLES)
def table(request, tmp_path):
    return TABLES[request.param](tmp_path)


def test_rows_of_a_table_are_the_items_and_its_columns_the_components(table):
    dataset = Dataset(table)
    assert dataset.indices.tolist() == list(range(N))
    seen = []
    for batch in dataset.gen_batch(32, shuffle=3, n_epochs=1):
        assert batch.components == ("key", "price", "rooms")
        assert batch.price.tolist() == (batch.indices * 1.5).tolist()
        assert batch.rooms.dtype == np.int32
        assert list(batch.key) == [f"house {number}" for number in batch.indices]
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(N))


def test_a_column_holds_the_ids(table):
    dataset = Dataset(table, Houses, index_col="key")
    assert dataset.index.kind == "str"
    dataset.split(0.7, shuffle=1)
    for batch in dataset.train.gen_batch(16, n_epochs=1):
        numbers = [int(item.split()[1]) for item in batch.indices]
        assert batch.price.tolist() == [number * 1.5 for number in numbers]
        assert batch.components == ("price", "rooms")


def test_rows_are_found_by_a_column_of_ids(table):
    ids = ["house 70", "house 3", "house 41"]
    batch = Dataset(ids, Houses, preloaded=table, index_col="key").next_batch(3)
    assert batch.price.tolist() == [105.0, 4.5, 61.5]
    batch = Houses(ids).load(table, index_col="key")
    assert batch.rooms.tolist() == [0, 3, 6]


def test_rows_are_found_by_number(table):
    assert Dataset([70, 3], Houses, preloaded=table).next_batch(2).price.tolist() == [105.0, 4.5]
    batch = Houses([70, 3]).load(table)
    assert batch.price.tolist() == [105.0, 4.5]
    assert batch.rooms.tolist() == [0, 3]


def test_one_column_is_loaded_by_name(table):
    assert Batch([5, 4]).load(table, dst="rooms").rooms.tolist() == [5, 4]


def test_what_is_written_stays_in_the_batch(table):
    dataset = Dataset(table, Houses)
    batch = dataset.next_batch(4)
    batch.price[0] = 99.0
    assert dataset.create_batch([0], pos=True).price[0] == 0.0


def test_a_table_without_the_column_of_ids(table):
    with pytest.raises(KeyError, match=r"no column 'id'.*'key', 'price', 'rooms'") as caught:
        Dataset(table, Houses, index_col="id")
    assert isinstance(caught.value, UnknownColumnError)
    with pytest.raises(UnknownColumnError, match="'id'"):
        Houses([1]).load(table, index_col="id")


def test_ids_without_a_row(table):
    ids = ["house 1", "castle", "house 2", "hut"]
    dataset = Dataset(ids, Houses, preloaded=table, index_col="key")
    with pytest.raises(KeyError, match=r"'castle', 'hut': 2 of 4 ids .* column 'key'") as caught:
        _ = dataset.next_batch(1).price
    assert isinstance(caught.value, UnknownIdError)
    with pytest.raises(UnknownIdError, match="'castle'"):
        Houses(ids).load(table, index_col="key")


def test_ids_that_repeat_in_the_column(table):
    with pytest.raises(ValueError, match=r"column 'rooms' .*: 0, 1, 2, 3, 4 and 2 more come more"):
        Dataset(table, Houses, index_col="rooms")
    with pytest.raises(ValueError, match=r"column 'rooms'"):
        Houses([1, 2]).load(table, index_col="rooms")


def test_a_table_of_another_length_is_refused(table):
    named = Dataset(["a", "b"], Houses, preloaded=table)
    with pytest.raises(ComponentError, match=r"100 rows.*2 items"):
        _ = named.next_batch(1).price


def test_a_table_of_none_of_the_components_is_refused(table):
    with pytest.raises(ComponentError, match=r"'?price'?.*components are x"):
        Dataset(table, Plain)


def test_the_whole_table_is_the_data_of_batches_without_components(table):
    data = Dataset(N, preloaded=table).create_batch([3, 1], pos=True).data
    prices = data["price"]
    assert (prices.tolist() if hasattr(prices, "tolist") else prices.to_pylist()) == [4.5, 1.5]


def test_numbers_side_by_side_are_one_component():
    columns = {"a": [1, 2, 3], "b": [4, 5, 6]}
    for table in (pa.table(columns), pd.DataFrame(columns)):
        dataset = Dataset(3, Plain, preloaded={"x": table})
        assert dataset.create_batch([2, 0], pos=True).x.tolist() == [[3, 6], [1, 4]]
    with pytest.raises(TypeError, match=r"component 'x'.*column 'b' is strings"):
        _ = Dataset(1, Plain, preloaded={"x": pa.table({"a": [1], "b": ["t"]})}).next_batch(1).x


def test_columns_of_numbers_are_not_copied():
    values = np.arange(10.0)
    dataset = Dataset(pa.table({"x": values}))
    column, rows = dataset.next_batch(10).preloaded_rows("x")
    assert np.shares_memory(column, values)
    assert rows.tolist() == list(range(10))
    frame = pd.DataFrame({"x": values})
    column, _ = Dataset(frame).next_batch(10).preloaded_rows("x")
    assert np.shares_memory(column, frame["x"].to_numpy())


def test_a_column_of_its_own_is_a_component():
    dataset = Dataset(3, Plain, preloaded={"x": pa.chunked_array([[1, 2], [3]])})
    assert dataset.create_batch([2, 0], pos=True).x.tolist() == [3, 1]
    assert Dataset(3, Plain, preloaded=pa.array([1, 2, 3])).next_batch(2).x.tolist() == [1, 2]
    series = pd.Series([1, 2, 3], index=["c", "b", "a"])
    assert Dataset(["a", "c"], Plain, preloaded=series).next_batch(2).x.tolist() == [3, 1]


# pandas, whose rows have labels


def test_labels_of_pandas_are_the_ids():
    frame = pd.DataFrame({"price": [1.0, 2.0], "rooms": [3, 4]}, index=["b", "a"])
    dataset = Dataset(frame)
    assert dataset.indices.tolist() == ["b", "a"]
    assert dataset.create_batch(["a"]).price.tolist() == [2.0]


def test_some_ids_without_a_label_are_an_error_not_another_rule():
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=["c", "b", "a"])
    dataset = Dataset(["a", "zzz", "c"], Plain, preloaded=frame)
    with pytest.raises(UnknownIdError, match=r"'zzz': 1 of 3 ids are not among the labels"):
        _ = dataset.next_batch(1).x
    # None of the ids is a label: then there is a row for each item.
    assert Dataset([5, 6, 7], Plain, preloaded=frame).next_batch(2).x.tolist() == [1, 2]


def test_labels_that_repeat_are_refused():
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"the labels of the table .* 'a' comes more than once"):
        _ = Dataset(["a", "b"], Plain, preloaded=frame).next_batch(1).x
    with pytest.raises(ValueError, match="'a'"):
        Dataset(frame)
    by_place = Dataset(3, Plain, preloaded=frame, addressing="position")
    assert by_place.next_batch(3).x.tolist() == [1, 2, 3]


def test_missing_labels_are_refused():
    with pytest.raises(ValueError, match=r"column 'key'.*1 are missing, the first in row 1"):
        Dataset(pd.DataFrame({"key": [1.0, np.nan], "x": [1, 2]}), index_col="key")
    with pytest.raises(ValueError, match=r"column 'key'.*1 are missing, the first in row 1"):
        Dataset(pa.table({"key": [1, None], "x": [1, 2]}), index_col="key")


def test_labels_of_pandas_are_no_ids_if_rows_are_told_by_number():
    frame = pd.DataFrame({"price": [1, 2, 3]}, index=["a", "a", "b"])
    dataset = Dataset(frame, addressing="position")
    assert dataset.indices.tolist() == [0, 1, 2]
    assert dataset.create_batch([2, 0]).price.tolist() == [3, 1]


def test_labels_may_be_asked_for_by_their_name():
    frame = pd.DataFrame({"key": ["a", "b"], "price": [1, 2]}).set_index("key")
    assert Dataset(frame, index_col="key").create_batch(["b"]).price.tolist() == [2]
    with pytest.raises(UnknownColumnError, match="no column 'keys'"):
        Dataset(frame, index_col="keys")


def test_columns_of_one_name_are_refused():
    frame = pd.DataFrame(np.zeros((3, 3)), columns=["price", "price", "rooms"])
    table = pa.table([[1], [2], [3]], names=["price", "price", "rooms"])
    for each in (frame, table):
        with pytest.raises(ValueError, match="the table has 2 columns 'price'; rename"):
            Dataset(each)
        with pytest.raises(ValueError, match="the table has 2 columns 'price'; rename"):
            Dataset(len(each), Houses, preloaded=each)
        with pytest.raises(ValueError, match="the table has 2 columns 'price'; rename"):
            Dataset(len(each), Plain, preloaded=each, index_col="price")


def test_instants_with_a_time_zone_are_utc_in_pandas_too():
    when = pd.Series(pd.date_range("2020-01-01", periods=2, tz="Europe/Paris"))
    batch = Dataset(pd.DataFrame({"x": when}), Plain).next_batch(2)
    assert batch.x.dtype.kind == "M"
    assert batch.x[0] == np.datetime64("2019-12-31T23:00")
    assert Plain([1]).load({"x": when}).x[0] == np.datetime64("2020-01-01T23:00")


def test_a_path_is_no_data(tmp_path):
    with pytest.raises(TypeError, match=r"not the path .*x\.parquet.*ParquetTable\(path\)"):
        Dataset(tmp_path / "x.parquet")
    with pytest.raises(TypeError, match=r"'x\.csv' looks like the path of a table.*\['x\.csv'\]"):
        Dataset("x.csv")
    assert Dataset(["x.csv"]).indices.tolist() == ["x.csv"]
    for path in ("x.parquet", tmp_path / "x.parquet"):
        with pytest.raises(ComponentError, match=r"x\.parquet'.* is no data .* load\(src, fmt\)"):
            Dataset(3, Plain, preloaded=path)
        with pytest.raises(ComponentError, match=r"x\.parquet'.* is no data .* load\(src, fmt\)"):
            Plain(3).load(path)
        with pytest.raises(ComponentError, match=r"x\.parquet'.* is no data .* load\(src, fmt\)"):
            Houses(3).load((path, np.arange(3)))


def test_a_stream_that_can_be_read_once_is_refused():
    with pytest.raises(TypeError, match=r"RecordBatchReader .* give its read_all\(\)"):
        Dataset(pa.table(COLUMNS).to_reader())


def test_arrays_of_others_with_several_dimensions_are_data():
    class Others:
        shape = (3, 2)

        def __len__(self):
            return 3

        def __getitem__(self, rows):
            return np.arange(6).reshape(3, 2)[rows]

    assert Dataset(Others(), Plain).create_batch([2, 0]).x.tolist() == [[4, 5], [0, 1]]


def test_columns_of_pandas_by_type():
    frame = pd.DataFrame(
        {
            "text": ["a", "bc"],
            "kind": pd.Categorical(["x", "y"]),
            "when": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "maybe": pd.array([1, None], dtype="Int64"),
            "lists": pd.Series([[1, 2], [3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
            "things": [{"a": 1}, None],
        }
    )
    batch = Dataset(frame).next_batch(2)
    assert isinstance(batch.text, Strings)
    assert batch.kind.to_list() == ["x", "y"]
    assert batch.when.dtype.kind == "M"
    assert batch.maybe.tolist() == [1, None]
    assert isinstance(batch.lists, Ragged)
    assert batch.things.tolist() == [{"a": 1}, None]


def test_index_col_needs_a_table():
    with pytest.raises(TypeError, match=r"index_col='key'.*ndarray"):
        Dataset(3, Plain, preloaded=np.arange(3), index_col="key")
    with pytest.raises(TypeError, match=r"index_col='key'"):
        Dataset(3, Plain, index_col="key")
    with pytest.raises(ValueError, match=r"index_col='x'.*position"):
        Dataset(3, Plain, preloaded=pa.table({"x": [1]}), index_col="x", addressing="position")


def test_columns_that_cannot_be_components():
    with pytest.raises(ComponentError, match=r"column 'my price'.*rename"):
        Dataset(pa.table({"my price": [1]}))
    assert Dataset(pa.table({"my price": [1], "x": [2]}), Plain).next_batch(1).x.tolist() == [2]


def test_arrays_of_several_dimensions_are_data_and_of_one_are_ids():
    assert Dataset(np.arange(6).reshape(3, 2), Plain).next_batch(2).x.tolist() == [[0, 1], [2, 3]]
    assert Dataset(np.array([4, 5])).indices.tolist() == [4, 5]
    assert Dataset(pd.Series([4, 5])).indices.tolist() == [4, 5]
    assert Dataset(pa.array([4, 5])).indices.tolist() == [4, 5]


def test_a_tuple_of_columns_has_no_names():
    with pytest.raises(TypeError, match=r"tuple of 2: give a dict .* preloaded=\(\.\.\.\)"):
        Dataset((np.zeros((3, 2)), np.arange(3)), Houses)


# Parquet


def test_row_groups_are_read_once(tmp_path, monkeypatch):
    file = pq.ParquetFile(written(tmp_path))
    read = []
    original = pq.ParquetFile.read_row_group

    def counted(self, number, columns=None, **kwargs):
        read.append((number, tuple(columns)))
        return original(self, number, columns=columns, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    dataset = Dataset(file, Houses)
    for batch in dataset.gen_batch(10, shuffle=1, n_epochs=2):
        assert batch.price.tolist() == (batch.indices * 1.5).tolist()
        assert len(batch.rooms) == 10
    assert read == [(number, ("price", "rooms")) for number in range(4)]
    for batch in Dataset(N, Houses).p.load(file).gen_batch(10):
        assert batch.price.tolist() == (batch.indices * 1.5).tolist()
    assert len(read) == 4


# Types of Arrow


def day(*numbers):
    return [None if n is None else datetime.date(2020, 1, n) for n in numbers]


LISTS = [[1, 2], [3], []]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, 3], pa.int16(), np.array([1, 2, 3], np.int16)),
        ([True, False, True], None, np.array([True, False, True])),
        ([1.0, None, 3.0], pa.float32(), np.array([1, np.nan, 3], np.float32)),
        (day(1, None, 3), None, np.array(["2020-01-01", "NaT", "2020-01-03"], "M8[D]")),
        (
            [[1, 2], [3, 4], [5, 6]],
            pa.list_(pa.int8(), 2),
            np.array([[1, 2], [3, 4], [5, 6]], np.int8),
        ),
        (
            [[[1], [2]], [[3], [4]], [[5], [6]]],
            pa.list_(pa.list_(pa.int8(), 1), 2),
            np.arange(1, 7, dtype=np.int8).reshape(3, 2, 1),
        ),
    ],
    ids=str,
)
def test_types_with_a_dense_form(values, kind, expected):
    made = Dataset(pa.table({"x": pa.array(values, kind)})).create_batch([2, 1, 0], pos=True).x
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(made, expected[::-1])


@pytest.mark.parametrize(
    ("values", "kind", "component"),
    [
        (["a", "bc", ""], pa.string(), Strings),
        (["a", "bc", ""], pa.string_view(), Strings),
        (["a", "bc", "a"], pa.dictionary(pa.int8(), pa.string()), Strings),
        ([b"a", b"bc", b""], pa.binary(), Bytes),
        ([b"a", b"bc", b""], pa.large_binary(), Bytes),
        ([b"ab", b"cd", b"ef"], pa.binary(2), Bytes),
        (LISTS, pa.list_(pa.int32()), Ragged),
        (LISTS, pa.large_list(pa.float64()), Ragged),
    ],
    ids=str,
)
def test_types_with_a_form_of_their_own(values, kind, component):
    column = pa.chunked_array([pa.array(values[:1], kind), pa.array(values, kind).slice(1)])
    made = Dataset(pa.table({"x": column})).create_batch([1, 2, 0], pos=True).x
    assert isinstance(made, component)
    items = [item.tolist() if isinstance(item, np.ndarray) else item for item in made]
    assert items == [values[1], values[2], values[0]]


def test_nested_lists_are_ragged_where_items_are_rectangles():
    values = [[[1, 2], [3, 4]], [], [[5, 6, 7]]]
    batch = Dataset(pa.table({"x": values})).create_batch([2, 0, 1], pos=True)
    assert isinstance(batch.x, Ragged)
    assert [item.shape for item in batch.x] == [(1, 3), (2, 2), (0, 0)]
    assert batch.x[1].tolist() == [[1, 2], [3, 4]]
    jagged = [[[1, 2], [3]], [[4]]]
    batch = Dataset(pa.table({"x": jagged})).next_batch(2)
    assert batch.x.tolist() == jagged


def test_tensors_of_arrow_have_their_shape():
    values = np.arange(24).reshape(3, 2, 4)
    for array in (values, np.arange(24).reshape(3, 4, 2).transpose(0, 2, 1)):
        column = pa.FixedShapeTensorArray.from_numpy_ndarray(array)
        batch = Dataset(pa.table({"x": column})).create_batch([2, 0], pos=True)
        np.testing.assert_array_equal(batch.x, array[[2, 0]])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 3], pa.int64()),
        ([True, None, False], pa.bool_()),
        (["a", None, "b"], pa.string()),
        ([[1], None, [2]], pa.list_(pa.int64())),
        ([[1, None], [2], []], pa.list_(pa.int64())),
        ([["a"], [], ["b", "c"]], pa.list_(pa.string())),
        ([{"a": 1}, None, {"a": 2}], None),
        ([decimal.Decimal("1.5")] * 3, None),
        ([datetime.time(1), None, datetime.time(2)], None),
        ([None, None, None], pa.null()),
    ],
    ids=str,
)
def test_other_types_are_objects_in_every_batch(values, kind):
    dataset = Dataset(pa.table({"x": pa.array(values, kind)}))
    for number, value in enumerate(values):
        one = dataset.create_batch([number], pos=True).x
        assert one.dtype == object
        assert one.tolist() == [value]


def test_extension_types_are_what_they_are_made_of():
    class Odd(pa.ExtensionType):
        def __init__(self):
            super().__init__(pa.int64(), "ironbatch.odd")

        def __arrow_ext_serialize__(self):
            return b""

        @classmethod
        def __arrow_ext_deserialize__(cls, storage, serialized):
            return cls()

    column = pa.ExtensionArray.from_storage(Odd(), pa.array([1, 2]))
    assert Dataset(pa.table({"x": column})).next_batch(2).x.tolist() == [1, 2]


def test_a_column_of_pandas_with_missing_values_has_one_form_in_every_batch():
    frame = pd.DataFrame({"text": ["a", None, "c"], "flag": pd.array([True, None, False])})
    dataset = Dataset(frame)
    assert [batch.text.dtype for batch in dataset.gen_batch(1, n_epochs=1)] == [object] * 3
    assert dataset.next_batch(3).flag.tolist() == [True, None, False]
    assert dataset.next_batch(3).text.tolist() == ["a", None, "c"]
