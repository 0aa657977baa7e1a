"""Outputs whose length is known only after the work."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, Dataset, P, kernels
from ironbatch.components import Bytes, Ragged, as_objects


class Signals(Batch):
    components = "x", "values", "lengths", "count", "text"


def runs(x):
    """Values, lengths and number of runs, by NumPy."""
    x = np.asarray(x)
    starts = np.flatnonzero(np.concatenate([[True], x[1:] != x[:-1]])) if len(x) else []
    values = x[starts] if len(x) else x
    return values, np.diff(np.append(starts, len(x))).astype(np.int64), len(values)


def signals(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 3, rng.integers(0, 400)).astype(np.int32) for _ in range(n)]


def assert_runs(made, items):
    values, lengths, count = made
    assert isinstance(values, Ragged)
    assert isinstance(lengths, Ragged)
    assert values.dtype == items[0].dtype
    for number, item in enumerate(items):
        expected = runs(item)
        assert_array_equal(values[number], expected[0])
        assert_array_equal(lengths[number], expected[1])
        assert count[number] == expected[2]


def test_one_item(fixture_kernels):
    values, lengths, count = fixture_kernels.runs(np.array([3.0, 3, 1, 1, 1, 3]))
    assert values.tolist() == [3, 1, 3]
    assert values.dtype == np.float64
    assert lengths.tolist() == [2, 3, 1]
    assert count == 3
    assert [len(part) for part in fixture_kernels.runs(np.zeros(0))[:2]] == [0, 0]


def test_ragged_items(fixture_kernels):
    items = signals()
    bound = fixture_kernels.runs.bind()
    for _ in range(3):
        assert_runs(bound.run_batch(Ragged.from_items(items)), items)


def test_dense_items_make_a_ragged_component(fixture_kernels):
    x = np.random.default_rng(0).integers(0, 2, (500, 30)).astype(np.uint8)
    assert_runs(fixture_kernels.runs.bind().run_batch(x), list(x))
    assert_runs(fixture_kernels.runs.bind().run_batch(x[::-1, ::2]), list(x[::-1, ::2]))
    assert_runs(fixture_kernels.runs.bind().run_batch(x[:1]), list(x[:1]))


def test_items_handed_over_one_by_one(fixture_kernels):
    items = [np.full(shape, 1.5) for shape in [(2,), (1, 3), (), (0,), (2, 2)] * 40]
    made = fixture_kernels.written.bind().run_batch(as_objects(items))
    assert made.to_list() == [b"1.5;" * item.size for item in items]


def test_no_items(fixture_kernels):
    made = fixture_kernels.written.bind().run_batch(np.zeros((0, 4)))
    assert len(made) == 0


def test_bytes(fixture_kernels):
    text = fixture_kernels.written(np.uint8([1, 20]), times=2)
    assert text == b"1;1;20;20;"
    x = np.arange(60, dtype=np.uint8).reshape(20, 3)
    made = fixture_kernels.written.bind().run_batch(x)
    assert isinstance(made, Bytes)
    assert made[7] == b"21;22;23;"
    # Bytes are taken as numbers of one byte.
    assert fixture_kernels.written(b"\x05\x06") == b"5;6;"


def test_long_items_grow(fixture_kernels):
    x = np.random.default_rng(1).integers(0, 256, (40, 300)).astype(np.uint8)
    made = fixture_kernels.grown.bind().run_batch(x)
    for item, row in zip(made, x, strict=True):
        assert_array_equal(item, np.repeat(row.astype(np.uint16), row))


@pytest.mark.parametrize("most", [2**63 - 1, 2**60, 2**44])
def test_no_memory_to_grow(fixture_kernels, most):
    with pytest.raises(ValueError, match="there is no memory for 0 and"):
        fixture_kernels.grown(np.zeros(1, np.uint8), most=most)
    assert len(fixture_kernels.grown(np.uint8([4]))) == 4


@pytest.mark.parametrize(
    ("mark", "message"), [(99, "does not write 99"), (98, "panicked: written 98")]
)
@pytest.mark.parametrize("ragged", [False, True])
def test_a_failing_item_is_named(fixture_kernels, mark, message, ragged):
    x = np.ones((200, 3), np.uint8)
    x[[150, 60], 1] = mark
    batch = Signals(np.arange(1000, 1200))
    batch.x = Ragged.from_items([row[: 2 + at % 2] for at, row in enumerate(x)]) if ragged else x
    before = batch.x
    with pytest.raises(ActionError, match=rf"item 1060 \(position 60\).*{message}"):
        batch.apply_parallel(fixture_kernels.written, src="x")
    assert batch.x is before
    batch.apply_parallel(fixture_kernels.written, src="x", dst="text", on_error=b"")
    assert [at for at, text in enumerate(batch.text.to_list()) if not text] == [60, 150]


def test_several_components(fixture_kernels):
    items = signals(20)
    batch = Signals(20)
    batch.x = Ragged.from_items(items)
    batch.apply_parallel(fixture_kernels.runs, src="x", dst=("values", "lengths", "count"))
    assert_runs((batch.values, batch.lengths, batch.count), items)


def test_parameters_per_item_and_p(fixture_kernels):
    batch = Signals(4)
    batch.x = np.uint8([[1], [2], [3], [4]])
    batch.apply_parallel(fixture_kernels.written.bind(times=P([0, 1, 2, 3])), src="x", dst="text")
    assert batch.text.to_list() == [b"", b"2;", b"3;3;", b"4;4;4;"]


def test_in_a_chain_it_runs_by_itself(fixture_kernels):
    x = np.arange(12, dtype=np.uint8).reshape(4, 3)
    both = kernels.chain(kernels.invert, fixture_kernels.written)
    assert both.run_batch(x)[1] == b"252;251;250;"
    assert both(x[1]) == b"252;251;250;"
    dataset = Dataset(4, Signals, preloaded={"x": x})
    pipeline = dataset.p.apply_parallel(kernels.invert, src="x").apply_parallel(
        fixture_kernels.written, src="x"
    )
    assert pipeline.next_batch(4).x[1] == b"252;251;250;"


def test_what_it_says_of_itself(fixture_kernels):
    assert fixture_kernels.runs.native.growing == [False, False, None]
    assert fixture_kernels.written.native.growing == [True]
    assert kernels.invert.native.growing == [None]
