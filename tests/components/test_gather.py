"""take, put, concat and copy against NumPy."""

import pickle

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import components as c
from ironbatch.errors import ComponentError, LossyWriteError

DTYPES = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
    "float32", "float64", "complex64", "complex128", ">i4", ">f8", "datetime64[s]",
    "timedelta64[D]", "S3", "U5", ">U2", "V7", [("a", "u1"), ("b", ">f8", (2,))],
]  # fmt: skip
dtypes = st.sampled_from([np.dtype(dtype) for dtype in DTYPES])


def filled(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of some bytes, all different as far as possible."""
    if dtype.kind in "bSU":
        return (np.arange(np.prod(shape)) % 2).astype(dtype).reshape(shape)
    size = int(np.prod(shape)) * dtype.itemsize
    return np.arange(size, dtype="uint8").view(dtype).reshape(shape)


def same(one: np.ndarray, other: np.ndarray) -> None:
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()


shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(dtypes, st.integers(1, 9), shapes, st.lists(st.integers(0, 8), max_size=20))
def test_take_is_numpys_take(dtype, n, item, wanted) -> None:
    array = filled((n, *item), dtype)
    positions = np.array(wanted, dtype=np.int64) % n
    taken = c.take(array, positions)
    assert isinstance(taken, c.Dense)
    same(taken, array[positions])
    assert not np.shares_memory(taken, array)


@given(dtypes, st.integers(1, 9), shapes, st.lists(st.integers(0, 8), max_size=20))
def test_take_into_out_is_numpys_take(dtype, n, item, wanted) -> None:
    array = filled((n, *item), dtype)
    positions = np.array(wanted, dtype=np.int64) % n
    out = np.empty((len(positions), *item), dtype)
    assert np.shares_memory(c.take(array, positions, out), out) or not out.size
    same(out, array[positions])


@given(dtypes, shapes, st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_concat_is_numpys_concatenate(dtype, item, lengths) -> None:
    parts = [filled((n, *item), dtype) for n in lengths]
    # NumPy gives the machine's byte order; components keep theirs.
    same(c.concat(parts), np.concatenate(parts).astype(dtype))


@given(dtypes, st.integers(1, 9), shapes, st.randoms())
def test_put_undoes_take(dtype, n, item, random) -> None:
    array = filled((n, *item), dtype)
    positions = list(range(n))
    random.shuffle(positions)
    target = np.zeros_like(array)
    c.put(target, positions, c.take(array, np.array(positions)).view(np.ndarray))
    same(target, array)


@given(hnp.arrays("uint8", (4, 3), elements=st.integers(0, 255)))
def test_a_slice_is_a_view(array) -> None:
    view = c.take(array, slice(1, 3))
    assert np.shares_memory(view, array)
    np.testing.assert_array_equal(view, array[1:3])


@pytest.mark.parametrize("n", [1, 500, 20_000])
def test_large_and_small_items_come_out_the_same(n: int) -> None:
    array = np.arange(n * 50, dtype="int32").reshape(50, n)
    positions = np.arange(400) * 7 % 50
    same(c.take(array, positions), array[positions])


@pytest.mark.parametrize("bad", [-1, 5, 2**62, -(2**63)])
@pytest.mark.parametrize(
    "component",
    [
        np.zeros((5, 2)),
        np.zeros((5, 0)),
        np.array([None] * 5),
        c.Ragged.from_items([[1]] * 5),
        c.Strings.from_items(["a"] * 5),
    ],
    ids=["dense", "no bytes", "objects", "ragged", "strings"],
)
def test_a_position_out_of_range_is_named(component, bad: int) -> None:
    with pytest.raises(IndexError, match=rf"position {bad} .*5 items"):
        c.take(component, np.array([0, 4, bad]))


def test_the_component_is_named_with_a_bad_position() -> None:
    with pytest.raises(IndexError, match="component 'images': position 9"):
        c.take(c.Dense.of(np.zeros(3), "images"), np.array([9]))


def test_positions_beyond_int64_are_out_of_range() -> None:
    with pytest.raises(IndexError):
        c.take(np.zeros(3), np.array([2**64 - 1], dtype=np.uint64))


@pytest.mark.parametrize("positions", [np.array([0.0]), np.array([[0]]), ["a"]])
def test_positions_that_are_no_integers_are_refused(positions) -> None:
    with pytest.raises(TypeError, match="one-dimensional array of integers"):
        c.take(np.zeros(3), positions)


@pytest.mark.parametrize("dtype", ["int8", "uint16", ">i8", "uint64", "int32"])
def test_positions_of_any_integer_dtype_are_taken(dtype: str) -> None:
    assert c.take(np.arange(5), np.array([4, 0], dtype=dtype)).tolist() == [4, 0]


def test_no_positions_give_no_items() -> None:
    assert c.take(np.zeros((3, 2)), []).shape == (0, 2)
    assert len(c.take(c.Strings.from_items(["a"]), [])) == 0


def test_a_mask_selects() -> None:
    assert c.take(np.arange(3), [True, False, True]).tolist() == [0, 2]
    with pytest.raises(IndexError, match="mask"):
        c.take(np.arange(3), [True])


@pytest.mark.parametrize(
    "out",
    [
        np.empty((2, 2), "uint8"),
        np.empty((1, 3), "uint8"),
        np.empty((2, 3), "int8"),
        np.empty((2, 6), "uint8")[:, ::2],
    ],
)
def test_an_out_that_does_not_fit_is_refused(out) -> None:
    with pytest.raises(ComponentError, match="out must be"):
        c.take(np.zeros((4, 3), "uint8"), np.array([0, 1]), out)


def test_out_may_not_be_the_source() -> None:
    array = np.arange(4)
    assert c.take(array, np.array([3, 2, 1, 0]), array).tolist() == [3, 2, 1, 0]


def test_objects_are_taken_by_reference() -> None:
    items = np.array([{}, [], None], dtype=object)
    taken = c.take(items, np.array([1, 1, 0]))
    assert taken[0] is taken[1] is items[1]
    assert taken[2] is items[0]


def test_records_with_objects_are_never_copied_as_bytes() -> None:
    items = np.array([(1, []), (2, {})], dtype=[("a", "i4"), ("b", "O")])
    taken = c.take(items, np.array([1, 0, 1]))
    del items
    assert taken["b"][0] is taken["b"][2]
    assert c.concat([taken, taken])["b"][3] is taken["b"][0]


def test_arrays_that_are_not_contiguous_are_taken() -> None:
    array = np.arange(24).reshape(4, 6)[:, ::2]
    same(c.take(array, np.array([2, 0])), array[[2, 0]])
    same(c.concat([array, array]), np.concatenate([array, array]))


def test_the_last_of_equal_positions_stays() -> None:
    target = np.zeros(2, "int64")
    c.put(target, [0, 1, 0], np.array([1, 2, 3]))
    assert target.tolist() == [3, 2]


def test_put_checks_position_shape_and_values() -> None:
    target = np.zeros((3, 2), "uint8")
    with pytest.raises(IndexError, match="position 3"):
        c.put(target, [0, 3], np.ones((2, 2), "uint8"))
    with pytest.raises(ComponentError, match=r"\(2, 3\).*\(2, 2\)"):
        c.put(target, [0, 1], np.ones((2, 3), "uint8"))
    with pytest.raises(LossyWriteError, match="300"):
        c.put(target, [0, 1], np.full((2, 2), 300))
    assert not target.any()
    c.put(target, [2], np.full((1, 2), 7, "int64"))
    assert target[2].tolist() == [7, 7]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([np.zeros(2, "uint8"), np.zeros(1, "int16")], "dense int16, 3 items of shape ()"),
        ([np.array([2**60 + 1]), np.array([0.5])], "objects, 2 items"),
        ([np.zeros((2, 3)), np.zeros((1, 4))], "ragged float64, 3 items of 1 dimension"),
        ([np.zeros((2, 3)), np.zeros((0, 4))], "dense float64, 2 items of shape (3,)"),
        ([np.zeros((2, 3)), c.Ragged.from_items([[1.0]])], "ragged float64, 3 items of 1"),
        ([c.Ragged.from_items([[1]]), c.Ragged.from_items([[1, 2]])], "ragged int64, 2 items"),
        ([c.Ragged.from_items([[1]]), c.Ragged.from_items([[[1]]])], "objects, 2 items"),
        ([c.Strings.from_items(["a"]), c.Strings.from_items(["b"])], "strings, 2 items"),
        ([c.Bytes.from_items([b"a"]), c.Bytes.from_items([])], "bytes, 1 item"),
        ([c.Strings.from_items(["a"]), c.Bytes.from_items([b"b"])], "objects, 2 items"),
        ([np.array([None]), np.zeros(1)], "objects, 2 items"),
        ([np.array(["a"]), np.array(["abc"])], "dense <U3, 2 items of shape ()"),
    ],
)
def test_concat_of_different_kinds(parts, expected: str) -> None:
    joined = c.concat(parts)
    assert c.describe(joined).startswith(expected)
    items = [item for part in parts for item in c.items_of(part)]
    for mine, theirs in zip(c.items_of(joined), items, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_concat_of_nothing_is_refused() -> None:
    with pytest.raises(ComponentError, match="nothing"):
        c.concat([])


def test_concat_takes_the_name_given() -> None:
    assert c.concat([np.zeros(1)], name="x").name == "x"
    assert c.concat([c.Dense.of(np.zeros(1), "y")]).name == "y"


@pytest.mark.parametrize(
    "component",
    [
        c.Dense.of(np.arange(6).reshape(3, 2), "x"),
        c.Ragged.from_items([[1], [2, 3]], name="x"),
        c.Strings.from_items(["a", "ü", "\udc80"], name="x"),
        c.Bytes.from_items([b"", b"ab"], name="x"),
    ],
    ids=["dense", "ragged", "strings", "bytes"],
)
def test_copies_and_pickles_hold_the_same(component) -> None:
    for twin in (c.copy(component), pickle.loads(pickle.dumps(component))):
        assert c.describe(twin) == c.describe(component)
        for mine, theirs in zip(c.items_of(twin), c.items_of(component), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert c.copy(component).name == "x"


def test_a_copy_shares_nothing() -> None:
    array = np.zeros(3)
    c.copy(array)[0] = 1
    assert array[0] == 0
    ragged = c.Ragged.from_items([[1], [2]])
    c.copy(ragged)[0] = [5]
    assert ragged[0].tolist() == [1]


def test_objects_are_copied_deeply_unless_told_otherwise() -> None:
    column = np.array([[1], [2, 3]], dtype=object)
    assert c.copy(column)[0] is not column[0]
    assert c.copy(column, deep=False)[0] is column[0]
