"""Components as Arrow columns: pyarrow reads what is there, over the same memory."""

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironbatch import components as c
from ironbatch.components import Bytes, Dense, Ragged, Strings

NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")


def column(component, name="values"):
    return c.as_component(component, None, name=name)


def addresses(array):
    return [buffer.address for buffer in array.buffers() if buffer is not None]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_share_their_memory(dtype):
    component = column(np.arange(5, dtype=dtype))
    array = pa.array(component)
    array.validate(full=True)
    assert array.type == pa.from_numpy_dtype(np.dtype(dtype))
    assert array.to_pylist() == [0, 1, 2, 3, 4]
    assert addresses(array) == [component.ctypes.data]
    assert array.null_count == 0


def test_a_type_is_told_without_the_values():
    assert pa.field(pa.array(column(np.zeros((2, 3), "f4"))).type).type == pa.list_(
        pa.field("item", pa.float32(), nullable=False), 3
    )

    class OnlyType:
        def __arrow_c_schema__(self):
            return column(np.arange(3, dtype="u2")).__arrow_c_schema__()

    field = pa.field(OnlyType())
    assert (field.name, field.type, field.nullable) == ("values", pa.uint16(), False)
    for component in (Ragged.from_items([[1]]), Strings.from_items(["a"])):
        assert "arrow_schema" in repr(component.__arrow_c_schema__())


def test_bools_become_bits():
    flags = np.arange(19) % 3 == 0
    array = pa.array(column(flags))
    array.validate(full=True)
    assert array.type == pa.bool_()
    assert array.to_pylist() == flags.tolist()


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (0, 3), (3, 0), (2, 0, 3), (1, 1, 1, 1)])
def test_each_axis_of_the_items_is_a_list_of_fixed_size(shape):
    values = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    array = pa.array(column(values))
    array.validate(full=True)
    assert array.to_pylist() == values.tolist()
    kind = array.type
    for extent in shape[1:]:
        assert kind.list_size == extent
        kind = kind.value_type
    assert kind == pa.int32()


def test_items_of_several_axes_share_their_memory():
    component = column(np.arange(24.0).reshape(2, 3, 4))
    assert addresses(pa.array(component)) == [component.ctypes.data]


def test_what_is_not_contiguous_or_foreign_is_copied():
    component = column(np.arange(12).reshape(6, 2))
    assert pa.array(component[::2]).to_pylist() == component[::2].tolist()
    assert pa.array(component[::-1]).to_pylist() == component[::-1].tolist()
    swapped = column(np.arange(3, dtype=">i4"))
    assert pa.array(swapped).to_pylist() == [0, 1, 2]
    odd = np.frombuffer(b"\0" + np.arange(3, dtype="<i4").tobytes(), np.uint8)[1:].view("<i4")
    assert not odd.flags.aligned
    assert pa.array(Dense.of(odd)).to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_and_spans(unit):
    dates = column(np.array([0, -5, "NaT", 7], f"M8[{unit}]"))
    array = pa.array(dates)
    array.validate(full=True)
    assert array.type == pa.timestamp(unit)
    assert array.cast(pa.int64()).to_pylist() == [0, -5, None, 7]
    assert addresses(array)[-1] == dates.ctypes.data
    spans = pa.array(column(np.array([3, "NaT"], f"m8[{unit}]")))
    assert spans.type == pa.duration(unit)
    assert spans.cast(pa.int64()).to_pylist() == [3, None]
    assert pa.array(column(np.zeros(2, f"M8[{unit}]"))).null_count == 0


def test_days():
    array = pa.array(column(np.array(["2020-02-29", "NaT", "1960-01-01"], "M8[D]")))
    array.validate(full=True)
    assert array.type == pa.date32()
    assert [str(each) for each in array] == ["2020-02-29", "None", "1960-01-01"]
    with pytest.raises(TypeError, match="beyond the days of 32 bits"):
        pa.array(column(np.array([2**40], "M8[D]")))


def test_texts_of_fixed_width():
    assert pa.array(column(np.array(["a", "", "béb"]))).to_pylist() == ["a", "", "béb"]
    array = pa.array(column(np.array([[b"a"], [b"bc"]])))
    assert array.type.value_type == pa.large_binary()
    assert array.to_pylist() == [[b"a"], [b"bc"]]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros(2, complex), "complex128"),
        (np.zeros((2, 2), "c8"), "complex64"),
        (np.zeros(2, [("a", "i4")]), r"\[\('a', '<i4'\)\]"),
        (np.zeros(2, np.longdouble), "float128"),
        (np.zeros(2, "M8[25s]"), r"datetime64\[25s\]"),
        (np.zeros(2, "m8[D]"), r"timedelta64\[D\]"),
        (np.zeros(2, "V3"), r"\|V3"),
    ],
    ids=str,
)
def test_what_arrow_has_no_type_for(values, found):
    with pytest.raises(TypeError, match=rf"component 'values' holds {found}"):
        pa.array(column(values))


def test_strings_share_their_memory():
    names = Strings.from_items(["cat", "", "žluť"], name="names")
    array = pa.array(names)
    array.validate(full=True)
    assert array.type == pa.large_string()
    assert array.to_pylist() == ["cat", "", "žluť"]
    assert addresses(array) == [names.offsets.ctypes.data, names.data.ctypes.data]
    raw = Bytes.from_items([b"\xff", b"", b"\0"])
    assert pa.array(raw).type == pa.large_binary()
    assert pa.array(raw).to_pylist() == [b"\xff", b"", b"\0"]
    assert pa.array(Strings.from_items([])).to_pylist() == []


def test_strings_that_do_not_begin_at_the_start():
    part = Strings(np.frombuffer(b"abcdef", np.uint8), [2, 3, 6])
    assert pa.array(part).to_pylist() == ["c", "def"]


def test_text_that_is_no_text_names_the_item():
    names = Strings.from_items(["fine", "bad\udcff"], name="names")
    with pytest.raises(ValueError, match=r"component 'names', item at position 1.*no valid UTF-8"):
        pa.array(names)
    # Together they are valid: the items must be, each of them.
    torn = Strings(np.frombuffer("é".encode(), np.uint8), [0, 1, 2])
    with pytest.raises(ValueError, match="no valid UTF-8"):
        pa.array(torn)


def test_ragged_items_of_one_axis_share_their_memory():
    signals = Ragged.from_items([[1.0, 2.0], [], [3.0]], name="signals")
    array = pa.array(signals)
    array.validate(full=True)
    assert array.type == pa.large_list(pa.field("item", pa.float64(), nullable=False))
    assert array.to_pylist() == [[1.0, 2.0], [], [3.0]]
    assert addresses(array) == [signals.offsets.ctypes.data, signals.values.ctypes.data]


dtypes = st.sampled_from(["u1", "f4", ">i2", "?", "M8[ms]"])
shapes = st.integers(0, 3).flatmap(
    lambda ndim: st.lists(
        st.tuples(*[st.integers(0, 3)] * ndim), min_size=1 if ndim else 0, max_size=5
    )
)


@settings(max_examples=150, deadline=None)
@given(shapes, dtypes, st.data())
def test_ragged_items_are_lists_of_lists(shapes, dtype, data):
    total = 0
    items = []
    for shape in shapes:
        size = int(np.prod(shape, dtype=int))
        items.append(np.arange(total, total + size).astype(dtype).reshape(shape))
        total += size
    ragged = Ragged.from_items(items, dtype)
    start = data.draw(st.integers(0, len(items)))
    stop = data.draw(st.integers(start, len(items)))
    array = pa.array(ragged[start:stop])
    array.validate(full=True)
    expected = [item.tolist() for item in items[start:stop]]
    assert array.to_pylist() == expected


def test_memory_lives_as_long_as_the_column():
    component = c.take(np.arange(1000), np.arange(1000))
    array = pa.array(component)
    del component
    again = [c.take(np.full(1000, 7), np.arange(1000)) for _ in range(4)]
    assert len(again) == 4
    assert array.to_pylist() == list(range(1000))


@pytest.mark.parametrize(
    "make",
    [
        lambda: c.take(np.arange(10.0), np.arange(10)),
        lambda: Ragged.from_items([[1.0], [2.0, 3.0]]),
        lambda: Strings.from_items(["a", "bc"]),
    ],
)
def test_a_column_counts_as_sharing_until_it_is_released(make):
    slot = [make()]
    seen = [c.is_shared(slot[0])]
    array = pa.array(slot[0])
    seen.append(c.is_shared(slot[0]))
    del array
    seen.append(c.is_shared(slot[0]))
    assert seen == [False, True, False]


def test_capsules_that_nobody_takes_hold_nothing():
    slot = [c.take(np.arange(10.0), np.arange(10))]
    for _ in range(3):
        slot[0].__arrow_c_array__()
    alone = c.is_shared(slot[0])
    assert not alone


def test_threads_of_others_release_columns_while_the_interpreter_waits():
    """Whoever releases neither waits for the interpreter nor leaves memory behind."""
    slot = [c.take(np.arange(2.0**16), np.arange(2**16))]

    def scan():
        table = pa.table({"values": pa.array(slot[0]), "flags": pa.array(column([True] * 2**16))})
        return len(table.filter(table["flags"]).sort_by("values"))

    total = []
    threads = [threading.Thread(target=lambda: total.append(scan()), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    c.empty(3)  # enters the core
    shared = c.is_shared(slot[0])
    assert (total, shared) == ([2**16] * 4, False)
