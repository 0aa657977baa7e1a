"""Text and bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import components as c
from ironbatch.errors import ComponentError, LossyWriteError

texts = st.lists(st.text(), max_size=8)


@given(texts, st.data())
def test_items_come_out_as_they_went_in(items, data) -> None:
    strings = c.Strings.from_items(items)
    assert strings.to_list() == list(strings) == items
    part = data.draw(st.slices(len(items)))
    assert strings[part].to_list() == items[part]
    if items:
        positions = data.draw(st.lists(st.integers(-len(items), len(items) - 1)))
        assert strings[positions].to_list() == [items[i] for i in positions]


@given(st.lists(st.binary(), max_size=8))
def test_bytes_come_out_as_they_went_in(items) -> None:
    assert c.Bytes.from_items(items).to_list() == items


@given(texts, st.text(max_size=3))
def test_comparison_is_by_item(items, other) -> None:
    strings = c.Strings.from_items(items)
    assert (strings == other).tolist() == [item == other for item in items]
    assert (strings != other).tolist() == [item != other for item in items]
    assert (strings == items).all()
    assert (other in strings) == (other in items)


def test_comparison_with_another_length_is_an_error() -> None:
    with pytest.raises(ComponentError, match="cannot be compared"):
        c.Strings.from_items(["a"]) == ["a", "b"]  # noqa: B015


@given(texts, st.text(), st.data())
def test_an_item_of_any_length_is_written(items, value, data) -> None:
    if not items:
        return
    position = data.draw(st.integers(0, len(items) - 1))
    strings = c.Strings.from_items(items)
    twin = strings[:]
    strings[position] = value
    items = [*items[:position], value, *items[position + 1 :]]
    assert strings.to_list() == items
    assert twin.to_list()[position] != value or twin.equals(strings)


def test_writing_another_type_is_refused() -> None:
    with pytest.raises(LossyWriteError, match=r"'x', item at position 1: int value 5 .*now 'b'"):
        c.Strings.from_items(["a", "b"], name="x")[1] = 5
    with pytest.raises(TypeError, match="one at a time"):
        c.Strings.from_items(["a", "b"])[:] = ["c", "d"]


def test_numpy_arrays() -> None:
    strings = c.Strings.from_items(["a", "ccc"])
    assert strings.to_numpy().tolist() == ["a", "ccc"]
    assert strings.to_numpy("U").dtype == "U3"
    assert np.asarray(strings).dtype == object
    assert np.array(strings, dtype="U").tolist() == ["a", "ccc"]
    assert c.Strings.from_items([]).to_numpy("U").shape == (0,)
    assert c.Bytes.from_items([b"a"]).to_numpy("S").tolist() == [b"a"]


@pytest.mark.parametrize(("items", "dtype"), [(["abc"], "U2"), (["a\0"], "U")])
def test_a_fixed_width_that_would_lose_is_refused(items, dtype) -> None:
    with pytest.raises(LossyWriteError, match="position 0"):
        c.Strings.from_items(items).to_numpy(dtype)


def test_items_of_another_type_are_refused() -> None:
    with pytest.raises(ComponentError, match="position 1: expected str, got bytes"):
        c.Strings.from_items(["a", b"b"])


@pytest.mark.parametrize("offsets", [[], [0, 3], [-1, 1], [0, 2, 1]])
def test_offsets_that_leave_the_data_are_refused(offsets) -> None:
    with pytest.raises(ComponentError):
        c.Strings(np.zeros(2, "uint8"), offsets)


def test_an_item_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="component 'x': position 1"):
        c.Strings.from_items(["a"], name="x")[1]
