"""Checked writes of the dense view, and what it leaves to NumPy."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import components as c
from ironbatch.errors import ComponentError, LossyWriteError


def images(dtype: str = "uint8") -> c.Dense:
    return c.Dense.of(np.zeros((4, 2, 3), dtype), "images")


@pytest.mark.parametrize(
    ("dtype", "value", "reason"),
    [
        ("uint8", 0.5, "fraction"),
        ("uint8", 1.0, "fraction"),
        ("uint8", 256, "outside 0..255"),
        ("uint8", -1, "outside 0..255"),
        ("uint64", -1, "outside"),
        ("int64", 2**63, "outside"),
        ("int64", 2**70, "outside"),
        ("uint8", True, None),
        ("int64", np.uint64(5), None),
        ("bool", 1, None),
        ("bool", 2, "only 0 and 1"),
        ("bool", 0.0, "convert"),
        ("float32", 0.1, None),
        ("float32", 1e40, "infinite"),
        ("float32", np.inf, None),
        ("float32", np.nan, None),
        ("float16", 70000, "equal"),
        ("float32", 2**24 + 1, "equal"),
        ("float32", 2**24, None),
        ("float64", 2**53 + 1, "equal"),
        ("float64", 2**54, None),
        ("float64", 1j, "convert"),
        ("complex64", 0.5, None),
        ("float64", "1", "convert"),
        ("float64", None, "object"),
        ("U3", "abc", None),
        ("U3", "abcd", "longer than 3"),
        ("S2", b"abc", "longer than 2"),
        ("M8[D]", np.datetime64("2020-01-01"), None),
        ("M8[D]", np.datetime64("2020-01-01T05"), "finer"),
        ("M8[D]", np.datetime64("NaT", "s"), None),
        ("M8[D]", 5, "convert"),
    ],
)
def test_a_value_goes_in_unless_it_would_lose(dtype, value, reason) -> None:
    column = c.Dense.of(np.zeros(2, dtype), "x")
    if reason is None:
        column[1] = value
        expected = np.asarray(value).astype(dtype)
        np.testing.assert_array_equal(column.view(np.ndarray)[1], expected)
        return
    before = column.tobytes()
    with pytest.raises(LossyWriteError, match=rf"component 'x', item at position 1: .*{reason}"):
        column[1] = value
    assert column.tobytes() == before


def test_the_message_has_item_dtypes_and_values() -> None:
    column = images()
    column[2, 1, 1] = 9
    value = np.zeros((2, 3))
    value[1, 1] = 300.5
    with pytest.raises(
        LossyWriteError, match=r"position 2: float64 value 0\.0 .*into uint8 \(now 0\)"
    ):
        column[2] = value
    value = value.astype(int)
    with pytest.raises(
        LossyWriteError, match=r"position 2: int64 value 300 .*\(now 9\): .*0\.\.255"
    ):
        column[2] = value


def test_a_loss_in_a_slice_names_the_item_it_is_in() -> None:
    value = np.zeros((2, 2, 3), int)
    value[1, 0, 1] = -5
    with pytest.raises(LossyWriteError, match="position 3: int64 value -5"):
        images()[2:] = value
    with pytest.raises(LossyWriteError, match="position 0: int64 value -5"):
        images()[[3, 0]] = value


def test_a_write_into_an_item_is_checked_and_named() -> None:
    with pytest.raises(LossyWriteError, match="component 'images', item at position 3"):
        images()[3][0] = 0.5


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 1), (1, 2, 3), (3, 2)])
def test_one_item_takes_exactly_its_shape(shape) -> None:
    column = images()
    with pytest.raises(ComponentError, match=r"position 1.*shape there is") as caught:
        column[1] = np.ones(shape, "uint8")
    assert str(shape) in str(caught.value)
    assert "(2, 3)" in str(caught.value)
    assert not column.any()


@pytest.mark.parametrize("key", [slice(1, 3), [1, 2], np.array([False, True, True, False])])
def test_several_items_take_their_shape_one_items_or_a_number(key) -> None:
    for value in (np.ones((2, 2, 3), "uint8"), np.ones((2, 3), "uint8"), 1):
        column = images()
        column[key] = value
        assert column.sum(axis=(1, 2)).tolist() == [0, 6, 6, 0]


@pytest.mark.parametrize("key", [slice(1, 3), [1, 2], np.array([False, True, True, False]), ...])
@pytest.mark.parametrize("shape", [(3,), (1, 2, 3), (2, 1, 1), (3, 2, 3)])
def test_several_items_take_no_other_shape(key, shape) -> None:
    column = images()
    with pytest.raises(ComponentError, match="shape"):
        column[key] = np.ones(shape, "uint8")
    assert not column.any()


def test_parts_of_items_broadcast_as_in_numpy() -> None:
    column = images()
    column[1, 0] = 5
    column[:, :, 2] = [[1], [2], [3], [4]]
    column[0][:] = 7
    column[3, ...] = [1, 2, 3]
    assert column[1].tolist() == [[5, 5, 2], [0, 0, 2]]
    assert (column[0] == 7).all()
    assert column[3].tolist() == [[1, 2, 3]] * 2


def test_a_part_that_does_not_broadcast_is_a_component_error() -> None:
    with pytest.raises(ComponentError, match="component 'images', item at position 2"):
        images()[2, 0] = [1, 2]


def test_one_number_fills_an_item() -> None:
    column = images()
    column[1] = 3
    assert column.sum(axis=(1, 2)).tolist() == [0, 18, 0, 0]


def test_negative_positions_count_from_the_end() -> None:
    column = images()
    column[-1] = np.ones((2, 3), int)
    assert column[3].all()
    with pytest.raises(ComponentError, match="position 3"):
        column[-1] = np.ones(3)


def test_a_position_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        images()[4] = np.zeros((2, 3), "uint8")


def test_fields_of_records_are_checked() -> None:
    column = c.Dense.of(np.zeros(2, [("a", "u1"), ("b", "f4")]), "r")
    column["a"] = [1, 2]
    assert column["a"].tolist() == [1, 2]
    with pytest.raises(LossyWriteError):
        column["a"] = [1, 300]
    column[0] = np.array((5, 0.5), [("a", "i8"), ("b", "f8")])[()]
    with pytest.raises(LossyWriteError):
        column[0] = np.array((500, 0.5), [("a", "i8"), ("b", "f8")])[()]
    assert column[0].tolist() == (5, 0.5)


def test_a_read_only_component_says_so() -> None:
    column = images()
    column.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        column[0] = np.zeros((2, 3), "uint8")


@given(
    st.sampled_from(["int8", "uint8", "int16", "uint32", "int64", "uint64", "float32", "float64"]),
    st.lists(st.integers(-(2**65), 2**65), min_size=1, max_size=5),
)
def test_an_integer_is_written_exactly_or_not_at_all(dtype, values) -> None:
    column = c.Dense.of(np.zeros(len(values), dtype))
    try:
        column[:] = values
    except LossyWriteError:
        assert not column.any()
    else:
        assert [int(value) for value in column] == values


def test_arithmetic_gives_plain_arrays() -> None:
    column = images("float32")
    for result in (column + 1, column * column, -column, np.exp(column), column > 0):
        assert type(result) is np.ndarray
    assert type(column + np.ones(3)) is np.ndarray
    assert type(np.ones(3) + column) is np.ndarray
    assert type(column.sum()) is np.float32
    assert type(column.sum(axis=0)) is np.ndarray


def test_in_place_arithmetic_stays_in_the_component() -> None:
    column = images("float32")
    before = column
    column += 1
    assert column is before
    assert (before == 1).all()
    labels = images()
    with pytest.raises(TypeError, match="Cannot cast"):
        labels += 0.5


def test_items_are_views_without_a_copy() -> None:
    column = images()
    assert np.shares_memory(column[1], column)
    for item in c.items_of(column):
        assert type(item) is np.ndarray
        assert np.shares_memory(item, column)


def test_pickles_and_copies_are_plain_arrays() -> None:
    column = images()
    twins = [copy.copy(column), copy.deepcopy(column)]
    twins += [pickle.loads(pickle.dumps(column, protocol)) for protocol in (2, 5)]
    for twin in twins:
        assert type(twin) is np.ndarray
        assert not np.shares_memory(twin, column)
        np.testing.assert_array_equal(twin, column)


def test_a_large_pickle_goes_out_of_band() -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(images(), 5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    assert pickle.loads(data, buffers=buffers).shape == (4, 2, 3)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        (np.zeros((2, 3), "uint8"), np.ones(3, "uint8")),
        (c.Ragged.from_items([[1, 2], [3]]), [4]),
        (c.Strings.from_items(["a", "b"]), "longer"),
        (c.Bytes.from_items([b"a", b"b"]), b""),
        (np.array([None, None]), [1, 2]),
        (np.array([None, None]), np.array(5)),
    ],
    ids=["dense", "ragged", "strings", "bytes", "objects", "object array"],
)
def test_assign_writes_one_item(component, value) -> None:
    c.assign(component, 1, value)
    np.testing.assert_array_equal(component[1], value)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        (np.zeros((2, 3), "uint8"), [0.5, 0, 0]),
        (np.zeros((2, 3), "uint8"), [0, 0]),
        (c.Ragged.from_items([[1, 2], [3]]), [1, 2]),
        (c.Ragged.from_items([[1, 2], [3]]), [0.5]),
        (c.Strings.from_items(["a", "b"]), b"a"),
        (c.Bytes.from_items([b"a", b"b"]), "a"),
    ],
)
def test_assign_names_component_position_and_id(component, value) -> None:
    with pytest.raises(ComponentError, match=r"component 'x', item at position 1 \(id 'cat'\)"):
        c.assign(c.named(component, "x"), 1, value, name="x", item_id="cat")


@pytest.mark.parametrize("position", [-1, 2])
def test_assign_takes_positions_only(position: int) -> None:
    with pytest.raises(IndexError, match="component 'x'"):
        c.assign(np.zeros(2), position, 1, name="x")


def test_integers_that_numpy_would_make_floats_are_written_exactly_or_not_at_all() -> None:
    column = c.Dense.of(np.zeros(2, "float32"))
    with pytest.raises(LossyWriteError, match="9223372036854775809"):
        column[:] = [0, 2**63 + 1]
    column = c.Dense.of(np.zeros(2, "uint64"))
    column[:] = [0, 2**63 + 1]
    assert column.tolist() == [0, 2**63 + 1]
