"""A library against the first released layout of the tables still loads and runs."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import ActionError, Batch, P, kernels
from ironbatch.components import Ragged
from ironbatch.kernels import load_kernels

SOURCE = Path(__file__).parents[1] / "fixtures" / "first_table" / "lib.rs"


class Signals(Batch):
    components = "signals", "others"


@pytest.fixture(scope="module")
def multiply(tmp_path_factory):
    rustc = shutil.which("rustc")
    if rustc is None:
        pytest.skip("rustc is not installed: the fixture cannot be built")
    built = tmp_path_factory.mktemp("first-table") / "libfirst_table.so"
    command = [rustc, "--edition=2024", "--crate-type=cdylib", "-o", str(built), str(SOURCE)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    library = load_kernels(built)
    assert (library.__name__, library.__version__) == ("first-table", "0.1")
    return library.multiply


def test_it_says_what_it_is(multiply):
    assert "multiply(x, *, factor: float = 2.0)" in repr(multiply)
    assert multiply.__doc__.startswith("Multiply by a factor")
    assert not multiply.native.takes_ragged


def test_it_runs_on_one_item_and_on_many(multiply):
    assert_array_equal(multiply(np.arange(3.0)), [0, 2, 4])
    x = np.random.default_rng(0).random((500, 7))
    assert_array_equal(multiply.bind(factor=3).run_batch(x), x * 3)
    assert_array_equal(multiply.bind().run_batch(x[::-1, ::2]), x[::-1, ::2] * 2)


def test_items_of_differing_shapes_are_handed_over_one_by_one(multiply):
    items = [np.arange(k % 5 + 1.0) for k in range(100)]
    for item, made in zip(items, multiply.bind().run_batch(Ragged.from_items(items)), strict=True):
        assert_array_equal(made, item * 2)


def test_parameters_per_item(multiply):
    batch = Signals(4)
    batch.signals = np.ones((4, 2))
    batch.apply_parallel(multiply.bind(factor=P([1, 2, 3, 4])), src="signals")
    assert batch.signals[:, 0].tolist() == [1, 2, 3, 4]


def test_in_one_pass_with_others(multiply):
    x = np.random.default_rng(0).random((9, 5000))
    chain = kernels.chain(multiply, kernels.scale_shift.bind(shift=1), multiply.bind(factor=3))
    assert_array_equal(chain.run_batch(x), (2 * x + 1) * 3)


def test_a_failing_item(multiply):
    batch = Signals(np.arange(100, 150))
    x = np.ones((50, 2))
    x[[20, 30], 0] = -1
    batch.signals = x
    with pytest.raises(ActionError, match=r"item 120 \(position 20\).*has a negative"):
        batch.apply_parallel(multiply, src="signals")
