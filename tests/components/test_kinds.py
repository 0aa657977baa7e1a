"""Which kind of component comes of which values."""

import decimal

import numpy as np
import pandas as pd
import pytest

from ironbatch import components as c
from ironbatch.errors import ComponentError


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([np.zeros((2, 3), "uint8")] * 4, "dense uint8, 4 items of shape (2, 3)"),
        ([1, 2], "dense int64, 2 items of shape ()"),
        ([1, 2.5], "dense float64, 2 items of shape ()"),
        ([True, False], "dense bool, 2 items of shape ()"),
        ([1, True], "objects, 2 items"),
        ([2**53 + 1, 0.5], "objects, 2 items"),
        ([2**64, 1], "objects, 2 items"),
        ([2**63, -1], "objects, 2 items"),
        ([np.float32(1), np.float32(2)], "dense float32, 2 items of shape ()"),
        ([np.datetime64("2020-01-01"), np.datetime64("2021-01-01")], "dense datetime64[D], 2"),
        ([np.zeros(2), np.zeros(3)], "ragged float64, 2 items of 1 dimension"),
        ([np.zeros((2, 1)), np.zeros((1, 2))], "ragged float64, 2 items of 2 dimensions"),
        ([np.zeros(2), np.zeros((3, 1))], "objects, 2 items"),
        ([np.zeros(2, "uint8"), np.ones(2, "int16")], "dense int16, 2 items of shape (2,)"),
        ([np.array([2**53 + 1]), np.array([0.5])], "objects, 2 items"),
        ([np.zeros(2), np.array(["a", "b"])], "objects, 2 items"),
        ([np.array([None])] * 2, "objects, 2 items"),
        (["a", "bc"], "strings, 2 items"),
        ([b"a", b"bc"], "bytes, 2 items"),
        (["a", b"b"], "objects, 2 items"),
        (["a", None], "objects, 2 items"),
        ([None, None], "objects, 2 items"),
        ([[1, 2], [3, 4]], "dense int64, 2 items of shape (2,)"),
        ([[1, 2], [3]], "objects, 2 items"),
        ([["a"], ["b"]], "objects, 2 items"),
        ([{}, {}], "objects, 2 items"),
        ([decimal.Decimal(1)], "objects, 1 item"),
        ([], "dense float64, 0 items of shape ()"),
    ],
)
def test_results_of_items_make(results: list[object], expected: str) -> None:
    assert c.describe(c.assemble(results)).startswith(expected)


def test_a_contiguous_array_is_not_copied() -> None:
    array = np.zeros((3, 2))
    assert np.shares_memory(c.as_component(array, 3), array)


def test_an_array_that_is_not_contiguous_is_copied() -> None:
    made = c.as_component(np.arange(12).reshape(3, 4)[:, ::2], 3)
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made, [[0, 2], [4, 6], [8, 10]])


def test_a_series_is_taken_by_position() -> None:
    series = pd.Series([1, 2, 3], index=[2, 0, 1])
    assert c.as_component(series, 3).tolist() == [1, 2, 3]


def test_a_series_of_text_makes_strings() -> None:
    assert isinstance(c.as_component(pd.Series(["a", "b"]), 2), c.Strings)


def test_a_range_makes_a_dense_component() -> None:
    assert c.as_component(range(3), 3).tolist() == [0, 1, 2]


def test_a_wrong_length_names_component_and_both_lengths() -> None:
    with pytest.raises(ComponentError, match=r"'labels' needs 3 items.* got 2"):
        c.as_component([1, 2], 3, name="labels")


@pytest.mark.parametrize(
    "value", ["abc", b"abc", {1: 2}, {1, 2}, 5, None, np.array(5), np.float64(1), object()]
)
def test_what_is_no_sequence_of_items_is_refused(value: object) -> None:
    with pytest.raises(ComponentError, match="needs a sequence"):
        c.as_component(value, 3, name="x")


def test_masked_values_are_refused() -> None:
    with pytest.raises(ComponentError, match="masked"):
        c.as_component(np.ma.masked_array([1, 2], [True, False]), 2)


def test_the_name_is_kept_for_messages() -> None:
    for value in (np.zeros(2), ["a", "b"], [np.zeros(1), np.zeros(2)]):
        assert c.as_component(value, 2, name="x").name == "x"


def test_a_wrong_length_names_the_first_id_without_an_item() -> None:
    with pytest.raises(ComponentError, match="first id without one is 'c'"):
        c.as_component([1, 2], 3, ids=["a", "b", "c"])


def test_there_is_one_result_for_each_id() -> None:
    with pytest.raises(ComponentError, match="component 'x': 1 results for 2 items"):
        c.assemble([1], name="x", ids=["a", "b"])
    assert c.assemble([1, 2], name="x", ids=["a", "b"]).name == "x"


@pytest.mark.parametrize("source", ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("dtype", ["bool", "i1", "u2", "i4", "u8", "f4", "f8", ">f4", "c8"])
def test_to_array_casts_as_numpy_does(source: str, dtype: str) -> None:
    array = np.arange(-150, 150).astype(source).reshape(3, 100)
    made = c.to_array(array, dtype, None)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, array.astype(dtype))
    assert not np.shares_memory(made, array)


def test_to_array_keeps_the_dtype_when_told_to() -> None:
    assert c.to_array(np.zeros((2, 3), "uint8"), None).dtype == np.uint8
    assert c.to_array(np.zeros((2, 3), "uint8")).dtype == np.float32


@pytest.mark.parametrize(
    ("item", "channels", "expected"),
    [
        ((5, 6), "last", (5, 6, 1)),
        ((5, 6), "first", (1, 5, 6)),
        ((5, 6), None, (5, 6)),
        ((5, 6, 3), "last", (5, 6, 3)),
        ((5, 6, 3), "first", (3, 5, 6)),
        ((5,), "first", (5,)),
        ((), "last", ()),
    ],
)
def test_to_array_puts_channels_where_wanted(item, channels, expected) -> None:
    items = [np.full(item, i, "uint8") for i in range(3)]
    for component in (np.stack(items), c.as_objects(items)):
        made = c.to_array(component, "float32", channels)
        assert made.shape == (3, *expected)
        assert [float(part.max()) for part in made] == [0, 1, 2]


def test_to_array_of_ragged_stays_ragged() -> None:
    made = c.to_array(c.Ragged.from_items([np.ones((2, 3)), np.ones((1, 2))]), "uint8", "first")
    assert [item.shape for item in made] == [(1, 2, 3), (1, 1, 2)]
    assert made.dtype == np.uint8


def test_to_array_refuses_other_channels() -> None:
    with pytest.raises(ValueError, match="'middle'"):
        c.to_array(np.zeros((2, 2)), channels="middle")
