"""Kernels of a library that somebody else has compiled."""

import ctypes
import pickle
import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch
from ironbatch.components import Ragged
from ironbatch.kernels import KernelLibrary, load_kernels

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)


class Signals(Batch):
    components = "signals", "others"


@pytest.fixture
def table(library_path):
    """An object that hands out one of the tables of the fixture library in a capsule."""
    library = ctypes.CDLL(str(library_path))
    library.broken_table.restype = ctypes.c_void_p
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

    class Provider:
        def __init__(self, which, name=b"ironbatch.kernel_table.v1"):
            pointer = library.broken_table(which)
            # A capsule cannot hold a null pointer.
            self.name = name
            self.pointer = pointer or 8

        def __kernel_table__(self):
            return new(self.pointer, self.name, None)

    Provider.library = library
    return Provider


def test_the_library_says_what_it_is(fixture_kernels):
    assert isinstance(fixture_kernels, KernelLibrary)
    assert (fixture_kernels.__name__, fixture_kernels.__version__) == ("fixture-kernels", "1.2.3")
    names = [kernel.__name__ for kernel in fixture_kernels]
    assert len(names) == len(fixture_kernels)
    assert {"despike", "add", "totals"} <= set(names) <= set(dir(fixture_kernels))
    assert fixture_kernels["add"] is fixture_kernels.add
    assert "despike" in repr(fixture_kernels)
    with pytest.raises(AttributeError, match=r"has no kernel 'blur'.*despike"):
        fixture_kernels.blur  # noqa: B018


def test_a_users_kernel_runs_on_an_array_and_on_a_batch(fixture_kernels):
    x = np.float32([1, 2, 9, 3, -8, 4])
    assert_array_equal(fixture_kernels.despike(x), np.float32([1, 2, 2, 3, 3, 4]))
    assert_array_equal(fixture_kernels.despike(x, threshold=10), np.float32([1, 2, 9, 3, 3, 4]))
    batch = Signals(3)
    batch.signals = np.tile(x, (3, 1))
    batch.apply_parallel(fixture_kernels.despike.bind(), src="signals", dst="others")
    assert_array_equal(batch.others, np.tile(np.float32([1, 2, 2, 3, 3, 4]), (3, 1)))


def test_halves_and_booleans_are_elements(fixture_kernels):
    x = np.float16([1.5, -0.0, np.nan, np.inf])
    result = fixture_kernels.above(x, levels=np.float16([1, 0, 0, 65504]))
    assert result.dtype == bool
    assert result.tolist() == [True, False, False, True]
    assert fixture_kernels.truths(result) == 2


def test_any_byte_is_a_boolean(fixture_kernels):
    assert fixture_kernels.truths(np.arange(256, dtype=np.uint8).view(bool)) == 255


def test_the_doc_comment_is_the_docstring(fixture_kernels):
    assert fixture_kernels.despike.__doc__ == (
        "Hold the last sample where the signal jumps by more than `threshold`.\n\n"
        "The second paragraph."
    )


def test_the_rank_is_checked(fixture_kernels):
    with pytest.raises(TypeError, match=r"with 1 axis, got an item of float32 with 2 axes"):
        fixture_kernels.despike(np.zeros((2, 2), np.float32))


def test_several_inputs_are_of_one_dtype(fixture_kernels):
    left, right = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    assert_array_equal(fixture_kernels.add(left, right), left + 1)
    with pytest.raises(TypeError, match="left and right have to be of one dtype"):
        fixture_kernels.add(left, right.astype(np.int32))
    batch = Signals(2)
    batch.signals, batch.others = left, right
    batch.apply_parallel(fixture_kernels.add, src=("signals", "others"), dst="sums")
    assert_array_equal(batch.sums, left + 1)


def test_inputs_of_different_lengths(fixture_kernels):
    with pytest.raises(ValueError, match="components of different lengths: 2, 3"):
        fixture_kernels.add.bind().run_batch(np.zeros((2, 1)), np.zeros((3, 1)))


def test_several_outputs(fixture_kernels):
    total, count = fixture_kernels.totals(np.arange(5.0))
    assert (total, count) == (10, 5)
    batch = Signals(3)
    batch.signals = Ragged.from_items([np.arange(n, dtype=float) for n in (1, 2, 3)])
    batch.apply_parallel(fixture_kernels.totals, src="signals", dst=("sums", "counts"))
    assert [list(map(float, batch.sums)), list(map(int, batch.counts))] == [[0, 1, 3], [1, 2, 3]]


def test_parameters_of_every_kind_and_the_position(fixture_kernels):
    bound = fixture_kernels.described.bind(text="abc", flag=False, weights=[1, 2.5])
    result = bound.run_batch(np.zeros((4, 1)))
    expected = np.arange(4) + 3e3 - 2e5 + 20e6 + 3.5e9
    assert_array_equal(result[:, 0], expected)
    items = np.empty(3, object)
    items[:] = [np.zeros(n) for n in (1, 2, 3)]
    result = fixture_kernels.described.bind(text="", number=0).run_batch(items)
    assert [result[n][0] for n in range(3)] == [0, 1, 2]


def test_workers_keep_their_state(fixture_kernels):
    bound = fixture_kernels.counted.bind()
    for _ in range(5):
        seen = np.sort(bound.run_batch(np.zeros((100, 1), np.float32))[:, 0])
    assert seen[-1] >= 100


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (1, ValueError, "fragile: the first element is one"),
        (2, RuntimeError, "kernel fragile panicked: the first element is two"),
    ],
)
def test_a_failing_item(fixture_kernels, bad, kind, message):
    x = np.zeros((200, 3), np.int64)
    with pytest.raises(kind, match=message):
        fixture_kernels.fragile(np.full(3, bad))
    x[[60, 61, 150], 0] = bad
    batch = Signals(np.arange(1000, 1200))
    batch.signals = x
    for _ in range(10):
        with pytest.raises(kind, match=rf"item 1060 \(position 60\).*{message}") as caught:
            batch.apply_parallel(fixture_kernels.fragile, src="signals", dst="others")
        assert isinstance(caught.value, ActionError)
        assert caught.value.position == 60
    assert batch.others is None
    x[:] = 5
    batch.signals = x
    batch.apply_parallel(fixture_kernels.fragile, src="signals", dst="others")
    assert_array_equal(batch.others, x)


def test_a_failing_item_among_items_of_different_shapes(fixture_kernels):
    batch = Signals(20)
    batch.signals = Ragged.from_items([np.full(n + 1, 2 * (n in (7, 12))) for n in range(20)])
    with pytest.raises(RuntimeError, match=r"item 7 \(position 7\).*panicked"):
        batch.apply_parallel(fixture_kernels.fragile, src="signals")
    batch.signals = Ragged.from_items([np.zeros(max(n, 1), np.int64) for n in range(20)])
    batch.apply_parallel(fixture_kernels.fragile, src="signals")


def test_a_timeout_names_an_item_that_was_not_begun(fixture_kernels):
    batch = Signals(100)
    batch.signals = np.zeros((100, 1))
    with pytest.raises(TimeoutError, match=r"item \d+ .*spin: not begun within") as caught:
        batch.apply_parallel(fixture_kernels.spin, src="signals", seconds=0.05, timeout=0.1)
    assert isinstance(caught.value, ActionError)


def test_the_number_of_workers_is_limited(fixture_kernels):
    bound = fixture_kernels.counted.bind()
    # One worker keeps one state, so it has seen every item.
    x = np.zeros((50, 1), np.float32)
    assert_array_equal(np.sort(bound.run_batch(x, n_workers=1)[:, 0]), np.arange(50))


def test_kernels_pickle_by_the_module_that_has_them(fixture_kernels, monkeypatch):
    with pytest.raises(pickle.PicklingError, match="'fixture_kernels', which has no such kernel"):
        pickle.dumps(fixture_kernels.add)
    module = types.ModuleType("fixture_kernels")
    module.add = fixture_kernels.add
    monkeypatch.setitem(sys.modules, "fixture_kernels", module)
    assert pickle.loads(pickle.dumps(fixture_kernels.add)) is fixture_kernels.add
    bound = pickle.loads(pickle.dumps(fixture_kernels.add.bind()))
    assert bound(np.ones(1), np.ones(1))[0] == 2


def test_the_calling_module_is_the_default(library_path):
    assert load_kernels(str(library_path)).add.__module__ == __name__


def test_a_table_in_a_capsule(table):
    library = table.library
    library.ironbatch_kernel_table.restype = ctypes.c_void_p
    provider = table(0)
    provider.pointer = library.ironbatch_kernel_table()
    kernels = load_kernels(provider)
    assert_array_equal(kernels.add(np.ones(2), np.ones(2)), [2, 2])


def test_a_newer_minor_version_is_taken(table):
    assert len(load_kernels(table(0))) == 0


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (1, "is not a library of kernels"),
        (2, r"was built for version 9\.9 of the kernel interface; this ironbatch takes 0\.x"),
        (3, "has a table of 24 bytes"),
        (4, "has a broken list of kernels"),
    ],
)
def test_broken_tables_are_refused(table, which, message):
    with pytest.raises(ImportError, match=message):
        load_kernels(table(which))


def test_a_capsule_of_another_name_is_refused(table):
    with pytest.raises(ImportError, match=r"not named ironbatch\.kernel_table\.v1"):
        load_kernels(table(0, b"something.else"))


def test_something_else_than_a_capsule_is_refused():
    class Provider:
        def __kernel_table__(self):
            return 5

    with pytest.raises(ImportError, match="gave no capsule but 5"):
        load_kernels(Provider())


def test_files_that_are_no_libraries_are_refused(tmp_path):
    with pytest.raises(ImportError, match="no such file"):
        load_kernels(tmp_path / "none.so")
    with pytest.raises(ImportError, match="is a folder, not a library"):
        load_kernels(tmp_path)
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(ImportError, match="is not a library that can be loaded"):
        load_kernels(text)


@pytest.mark.skipif(sys.platform != "linux", reason="names a Linux library")
def test_a_library_without_kernels_is_refused():
    import _ctypes

    with pytest.raises(ImportError, match=r"has no function ironbatch_kernel_table.*0\.x"):
        load_kernels(_ctypes.__file__)
