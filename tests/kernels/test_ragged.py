"""Kernels over items of differing shapes, and results whose shapes differ."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, P, kernels
from ironbatch.components import Bytes, Ragged
from ironbatch.kernels.failure import KernelFailure

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)


class Signals(Batch):
    components = "signals", "others"


def signals(n=300, dtype=np.float32):
    return [np.arange(k % 7, dtype=dtype) for k in range(n)]


def test_shapes_follow_those_of_the_items(fixture_kernels):
    items = signals()
    made = fixture_kernels.every.bind().run_batch(Ragged.from_items(items), name="x")
    assert isinstance(made, Ragged)
    assert made.name == "x"
    assert made.dtype == np.float32
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, item[::2])


def test_results_of_one_shape_are_dense(fixture_kernels):
    items = [np.arange(4.0), np.arange(3.0)]
    made = fixture_kernels.every.bind().run_batch(Ragged.from_items(items, np.float32))
    assert_array_equal(made, [[0, 2], [0, 2]])
    assert isinstance(made, np.ndarray)


def test_shapes_that_depend_on_parameters_of_the_item(fixture_kernels):
    batch = Signals(3)
    batch.signals = np.tile(np.arange(6, dtype=np.uint8), (3, 1))
    batch.apply_parallel(fixture_kernels.every.bind(step=P([1, 2, 3])), src="signals", dst="others")
    assert [item.tolist() for item in batch.others] == [[0, 1, 2, 3, 4, 5], [0, 2, 4], [0, 3]]
    with pytest.raises(ValueError, match=r"position 1\).*every: step has to be above 0"):
        batch.apply_parallel(fixture_kernels.every.bind(step=P([1, 0, 0])), src="signals")
    with pytest.raises(ValueError, match=r"position 2\).*every: -1 does not fit usize"):
        batch.apply_parallel(fixture_kernels.every.bind(step=P([1, 1, -1])), src="signals")


@pytest.mark.parametrize("kind", ["dense", "ragged"])
def test_shapes_that_depend_on_what_is_in_the_items(fixture_kernels, kind):
    x = np.random.default_rng(0).integers(0, 2, (200, 9)).astype(np.uint8)
    component = x if kind == "dense" else Ragged.from_items(list(x))
    made = fixture_kernels.nonzero.bind().run_batch(component)
    for row, result in zip(x, made, strict=True):
        assert_array_equal(result, np.flatnonzero(row))


def test_a_call_on_one_item_asks_the_item_too(fixture_kernels):
    assert_array_equal(fixture_kernels.nonzero(np.uint8([0, 3, 0, 1])), [1, 3])
    assert_array_equal(fixture_kernels.every(np.arange(5, dtype=np.uint8), step=3), [0, 3])


def test_an_item_whose_shape_cannot_be_told(fixture_kernels):
    batch = Signals(np.arange(100, 700))
    x = np.ones((600, 3), np.float32)
    x[[333, 334], 0] = 99
    batch.signals = x
    with pytest.raises(ValueError, match=r"item 433 \(position 333\).*begins with 99") as caught:
        batch.apply_parallel(fixture_kernels.nonzero, src="signals")
    assert isinstance(caught.value, ActionError)
    assert_array_equal(batch.signals, x)


def test_items_of_several_axes(fixture_kernels):
    items = [np.full((k % 3, k % 4), k, float) for k in range(50)]
    made = fixture_kernels.wide.bind().run_batch(Ragged.from_items(items))
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, item.sum(axis=1))


def test_ragged_and_dense_inputs_together(fixture_kernels):
    items = signals(40, np.float64)
    dense = np.random.default_rng(0).random((40, 3))
    made = fixture_kernels.joined.bind().run_batch(Ragged.from_items(items), dense)
    for left, right, result in zip(items, dense, made, strict=True):
        assert_array_equal(result, np.concatenate([left, right]))


def test_a_part_of_a_ragged_component(fixture_kernels):
    items = signals(40)
    whole = Ragged.from_items(items)
    part = whole[10:20]
    made = fixture_kernels.every.bind().run_batch(part)
    for item, result in zip(items[10:20], made, strict=True):
        assert_array_equal(result, item[::2])


def test_bytes_are_arrays_of_uint8(fixture_kernels):
    made = fixture_kernels.every.bind().run_batch(Bytes.from_items([b"abcd", b"", b"xyz"]))
    assert [bytes(item) for item in made] == [b"ac", b"", b"xz"]


def test_built_in_kernels_take_ragged_components_at_once():
    items = signals(100)
    component = Ragged.from_items(items)
    for kernel in (kernels.invert.bind(), kernels.clip.bind(high=2), kernels.flip.bind(axis=0)):
        assert kernel.kernel.native.takes_ragged
        made = kernel.run_batch(component)
        for item, result in zip(items, made, strict=True):
            assert_array_equal(result, kernel(item))


def test_channels_of_ragged_images():
    items = [np.random.default_rng(k).random((k % 3 + 1, 2, 3)) for k in range(20)]
    kernel = kernels.standardize.bind(mean=[0, 1, 2], std=[1, 2, 3], channels="first")
    made = kernel.run_batch(Ragged.from_items(items))
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, kernel(item))


def broken(offsets, shapes, n_values=6):
    made = Ragged.from_items([np.zeros(2, np.float32)] * 3)
    # A component checks what it is made of, so its arrays are changed afterwards.
    made.offsets.flags.writeable = made.shapes.flags.writeable = True
    made.offsets[...] = offsets
    made.shapes[...] = shapes
    return made


@pytest.mark.parametrize(
    ("offsets", "shapes", "message"),
    [
        ([0, 4, 2, 6], [[4], [-2], [4]], r"item 1 is said to lie from 4 to 2 of 6 values"),
        ([0, 2, 4, 9], [[2], [2], [5]], r"item 2 is said to lie from 4 to 9 of 6 values"),
        ([-2, 2, 4, 6], [[4], [2], [2]], r"item 0 is said to lie from -2 to 2"),
        ([0, 2, 4, 6], [[2], [3], [2]], r"item 1 has 2 values, its shape is \[3\]"),
        ([0, 2, 4, 6], [[2], [-2], [2]], r"item 1 has 2 values, its shape is \[-2\]"),
    ],
)
def test_offsets_that_lead_astray_are_refused(fixture_kernels, offsets, shapes, message):
    with pytest.raises(ValueError, match=message):
        fixture_kernels.every.bind().run_batch(broken(offsets, shapes))


def test_dtype_and_rank_show_the_signature(fixture_kernels):
    with pytest.raises(TypeError, match=r"every\(x, \*, step: int = 2\)"):
        fixture_kernels.every.bind().run_batch(Ragged.from_items(signals(9, np.int64)))
    items = [np.zeros((k + 1, 2), np.float32) for k in range(3)]
    with pytest.raises(TypeError, match=r"2 axes.*every\(x, \*, step: int = 2\)"):
        fixture_kernels.every.bind().run_batch(Ragged.from_items(items))


def test_a_vector_for_each_item(fixture_kernels):
    batch = Signals(4)
    batch.signals = np.zeros((4, 2))
    by = np.arange(8.0).reshape(4, 2)
    shifted = fixture_kernels.shifted
    batch.apply_parallel(shifted.bind(by=P(by), times=P([1, 2, 1, 2])), src="signals", dst="others")
    assert_array_equal(batch.others, by * [[1], [2], [1], [2]])
    batch.apply_parallel(shifted.bind(by=[1, 2]), src="signals", dst="others")
    assert_array_equal(batch.others, [[1, 2]] * 4)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ([[1], [1, 2], [1], [1]], "as many numbers for each item"),
        (["ab"] * 4, "as many numbers for each item"),
    ],
)
def test_vectors_of_another_kind(fixture_kernels, by, message):
    batch = Signals(4)
    batch.signals = np.zeros((4, 2))
    with pytest.raises(TypeError, match=rf"{message}.*shifted\(x, \*, by"):
        batch.apply_parallel(fixture_kernels.shifted.bind(by=P(by)), src="signals")


def test_single_numbers_are_vectors_of_one(fixture_kernels):
    batch = Signals(4)
    batch.signals = np.zeros((4, 1))
    batch.apply_parallel(fixture_kernels.shifted.bind(by=P([1, 2, 3, 4])), src="signals")
    assert_array_equal(batch.signals, [[1], [2], [3], [4]])
    batch.signals = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"item 0 .*1 values in by for 2 samples"):
        batch.apply_parallel(fixture_kernels.shifted.bind(by=P([1, 2, 3, 4])), src="signals")


def test_a_failing_item_of_a_ragged_component(fixture_kernels):
    items = [np.full(k % 5 + 1, 2 if k in (90, 200) else 0) for k in range(300)]
    with pytest.raises(KernelFailure, match=r"position 90: kernel fragile panicked"):
        fixture_kernels.fragile.bind().run_batch(Ragged.from_items(items))


def test_no_items(fixture_kernels):
    assert len(fixture_kernels.every.bind().run_batch(Ragged.from_items([], np.float32))) == 0
