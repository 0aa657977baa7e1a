"""Items of differing shapes."""

import copy

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import components as c
from ironbatch.errors import ComponentError, LossyWriteError

items_1d = st.lists(st.integers(0, 6), min_size=1, max_size=8).map(
    lambda lengths: [np.arange(n, dtype="int16") + 10 * i for i, n in enumerate(lengths)]
)
items_2d = st.lists(hnp.array_shapes(min_dims=2, max_dims=2, min_side=0), min_size=1).map(
    lambda shapes: [np.full(shape, i, "float32") for i, shape in enumerate(shapes)]
)


def equal(one, other) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_array_equal(mine, theirs)


@given(items_1d | items_2d)
def test_items_come_out_as_they_went_in(items) -> None:
    ragged = c.Ragged.from_items(items)
    assert (ragged.dtype, ragged.ndim) == (items[0].dtype, items[0].ndim)
    equal(list(ragged), items)
    equal(ragged.to_list(), items)
    equal([ragged[i] for i in range(-len(items), 0)], items)


@given(items_1d | items_2d, st.data())
def test_selections_give_the_items(items, data) -> None:
    ragged = c.Ragged.from_items(items)
    n = len(items)
    positions = data.draw(st.lists(st.integers(-n, n - 1)))
    equal(ragged[positions], [items[i] for i in positions])
    part = data.draw(st.slices(n))
    equal(ragged[part], items[part])
    equal(ragged[part][::-1], items[part][::-1])


@given(items_1d | items_2d)
def test_to_dense_pads_behind(items) -> None:
    largest = np.max([item.shape for item in items], axis=0)
    expected = np.full((len(items), *largest), -7, items[0].dtype)
    for row, item in zip(expected, items, strict=True):
        row[tuple(map(slice, item.shape))] = item
    np.testing.assert_array_equal(c.Ragged.from_items(items).to_dense(pad=-7), expected)


def test_items_are_views() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]])
    ragged[0][1] = 9
    ragged[1:][0][0] = 8
    assert ragged.values.tolist() == [1, 9, 8]


def test_a_slice_without_values_in_front_works_on() -> None:
    part = c.Ragged.from_items([[1, 2], [3], [4, 5, 6]])[1:]
    assert part.to_dense(pad=0).tolist() == [[3, 0, 0], [4, 5, 6]]
    assert part.nbytes < c.Ragged.from_items([[1, 2], [3], [4, 5, 6]]).nbytes
    equal(copy.copy(part), part)
    equal(c.concat([part, part]), [*part, *part])


def test_to_dense_without_pad_needs_one_shape() -> None:
    assert c.Ragged.from_items([[1, 2], [3, 4]]).to_dense().tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ComponentError, match=r"'x', item at position 1: shape \(1,\).*pad="):
        c.Ragged.from_items([[1, 2], [3]], name="x").to_dense()


def test_the_pad_must_fit_and_be_one_number() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]], "uint8")
    with pytest.raises(LossyWriteError, match="pad"):
        ragged.to_dense(pad=-1)
    with pytest.raises(LossyWriteError, match="pad"):
        ragged.to_dense(pad=np.nan)
    with pytest.raises(ComponentError, match="single number"):
        ragged.to_dense(pad=[1, 2])


def test_writing_keeps_shape_and_dtype() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]], name="x")
    ragged[1] = [7]
    assert ragged[1].tolist() == [7]
    with pytest.raises(ComponentError, match=r"position 0: .*\(1,\).*\(2,\)"):
        ragged[0] = [7]
    with pytest.raises(ComponentError, match="position 1"):
        ragged[-1] = 7
    with pytest.raises(LossyWriteError, match=r"position 0: float64 value 1\.5 .*int64 \(now 1\)"):
        ragged[0] = [1.5, 2]
    with pytest.raises(TypeError, match="one at a time"):
        ragged[:] = [[1, 2], [3]]


def test_it_is_no_array() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]], name="x")
    with pytest.raises(TypeError, match=r"'x' is ragged.*to_dense"):
        np.asarray(ragged)
    with pytest.raises(TypeError):
        ragged + np.ones(2)


def test_comparison_is_by_item() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]])
    assert (ragged == [[1, 2], [4]]).tolist() == [True, False]
    assert (ragged != ragged[[0, 0]]).tolist() == [False, True]
    assert ragged.equals(copy.deepcopy(ragged))
    assert not ragged.equals(c.Ragged.from_items([[1, 2], [3]], "int32"))
    assert not ragged.equals([[1, 2], [3]])
    with pytest.raises(ComponentError, match="2 items cannot be compared with 1"):
        ragged == [[1]]  # noqa: B015


@pytest.mark.parametrize(
    ("values", "offsets", "shapes"),
    [
        (np.zeros((2, 2)), [0, 1], None),
        (np.zeros(3), [], None),
        (np.zeros(3), [0, 4], None),
        (np.zeros(3), [-1, 2], None),
        (np.zeros(3), [0, 2, 1], None),
        (np.zeros(3), [0, 3], [[2, 2]]),
        (np.zeros(3), [0, 3], [[3], [0]]),
        (np.zeros(3), [0, 3], [3]),
        (np.zeros(4), [0, 4], [[-2, -2]]),
        (np.array([None]), [0, 1], None),
    ],
)
def test_parts_that_do_not_agree_are_refused(values, offsets, shapes) -> None:
    with pytest.raises(ComponentError):
        c.Ragged(values, offsets, shapes)


def test_offsets_changed_afterwards_do_no_harm() -> None:
    ragged = c.Ragged.from_items([[1, 2], [3]])
    ragged.offsets[1] = 2**40
    with pytest.raises(ValueError, match="item 0"):
        ragged[[0, 1]]
    with pytest.raises(ValueError, match="item 0"):
        ragged.to_dense(pad=0)


def test_items_of_different_dimensions_are_refused() -> None:
    with pytest.raises(ComponentError, match="position 1: it has 2 dimensions"):
        c.Ragged.from_items([[1], [[1]]])


def test_a_dtype_given_is_kept() -> None:
    assert c.Ragged.from_items([[1], [2, 3]], "float32").dtype == np.float32
    with pytest.raises(LossyWriteError, match="position 1"):
        c.Ragged.from_items([[1], [2.5]], "int8")


def test_no_items_make_an_empty_component() -> None:
    empty = c.Ragged.from_items([])
    assert len(empty) == 0
    assert empty.to_dense(pad=0).shape == (0, 0)
    assert len(empty[[]]) == 0
