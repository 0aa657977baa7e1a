"""When a function is compiled, for what, and with which options."""

import pickle
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch

from .conftest import NUMBA, despike, expected_despike, signals

pytestmark = NUMBA


def test_called_with_an_array_it_runs_once():
    x = np.array([0.0, 1, 9, 2])
    assert despike(x).tolist() == [0, 1, 1, 2]
    assert despike(x, threshold=100).tolist() == [0, 1, 9, 2]
    assert despike.bind(threshold=0)(x).tolist() == [0, 0, 0, 0]
    assert despike.bind(threshold=0)(x, threshold=100).tolist() == [0, 1, 9, 2]
    assert despike([0.0, 9.0]).tolist() == [0, 0]


def test_it_is_compiled_once_for_each_type_of_items():
    calls = []

    @ironbatch.kernel(dtype=lambda x: calls.append(str(x)) or x)
    def copy(x, out):
        out[:] = x

    for dtype in ("float32", "uint8", "float32", "uint8"):
        made = copy.bind().run_batch(signals(dtype=dtype))
        assert made.dtype == dtype
    copy(np.zeros(3, np.uint8))
    assert calls == ["float32", "uint8"]
    assert copy.n_compiled == 2
    copy(np.zeros((3, 2), np.uint8))
    assert copy.n_compiled == 3


def test_threads_that_meet_a_type_together_compile_once():
    seen = []

    @ironbatch.kernel(dtype=lambda x: seen.append(x) or x)
    def copy(x, out):
        out[:] = x

    threads = [threading.Thread(target=copy, args=(np.ones(3),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


def test_batches_follow_one_another_without_compiling_again():
    before = despike.n_compiled
    sizes = [despike.bind().run_batch(signals(n)).shape[0] for n in (1, 5, 9)]
    assert all(a < b for a, b in pairwise(sizes))
    assert despike.n_compiled <= before + 1


def test_values_of_parameters_are_not_compiled_in(batch):
    for threshold in (1, 2.5, np.float32(4)):
        batch.apply_parallel(despike.bind(threshold=threshold), src="signals", dst="others")
        for item, result in zip(batch.signals, batch.others, strict=True):
            assert_array_equal(result, expected_despike(item, float(threshold)))
    before = despike.n_compiled
    despike.bind(threshold=77).run_batch(batch.signals)
    assert despike.n_compiled == before


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "float64"])
def test_dtypes(dtype):
    x = signals(dtype=dtype)

    @ironbatch.kernel
    def reverse(x, out):
        out[:] = x[::-1]

    made = reverse.bind().run_batch(x)
    assert made.dtype == dtype
    assert_array_equal(made, x[:, ::-1])


def test_items_of_a_dtype_that_kernels_do_not_have():
    with pytest.raises(TypeError, match=r"despike: x is of complex128, but kernels take numbers"):
        despike(np.ones(3, complex))


def test_what_numba_cannot_compile_says_for_which_items():
    with pytest.raises(TypeError, match="despike cannot be compiled for x of float64 with 2 axes"):
        despike(np.ones((3, 3)))


def test_a_dtype_that_numba_does_not_have():
    with pytest.raises(TypeError, match="despike cannot be compiled for x of float16 with 1 axes"):
        despike(np.ones(3, np.float16))


def test_an_input_cannot_be_written_to():
    @ironbatch.kernel
    def overwrite(x, out):
        x[0] = 1

    with pytest.raises(TypeError, match=r"(?s)overwrite cannot be compiled.*readonly"):
        overwrite(np.ones(3))


def test_a_function_that_returns_something_is_refused():
    @ironbatch.kernel
    def sum_of(x, out):
        return x.sum()

    with pytest.raises(TypeError, match="sum_of returns float64: a kernel writes into its outputs"):
        sum_of(np.ones(3))


def test_the_wrong_number_of_inputs():
    with pytest.raises(TypeError, match=r"takes 1 array\(s\), got 2"):
        despike(np.ones(3), np.ones(3))
    with pytest.raises(TypeError, match=r"takes 1 component\(s\), got 2"):
        despike.bind().run_batch(np.ones((2, 3)), np.ones((2, 3)))


def test_options_reach_numba():
    @ironbatch.kernel(error_model="numpy")
    def inverse(x, out):
        for i in range(len(x)):
            out[i] = 1.0 / x[i]

    assert inverse(np.zeros(2)).tolist() == [np.inf, np.inf]


def test_what_numba_has_decorated_is_taken():
    import numba

    @ironbatch.kernel
    @numba.njit(error_model="numpy")
    def inverse(x, out):
        for i in range(len(x)):
            out[i] = 1.0 / x[i]

    assert inverse(np.zeros(2)).tolist() == [np.inf, np.inf]


def test_compiled_code_is_kept_on_disk(tmp_path, monkeypatch):
    (tmp_path / "own_kernels.py").write_text(
        "import ironbatch\n\n\n"
        "@ironbatch.kernel(cache=True)\n"
        "def twice(x, out):\n"
        "    for i in range(len(x)):\n"
        "        out[i] = 2 * x[i]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    import own_kernels

    try:
        assert own_kernels.twice(np.ones(2)).tolist() == [2, 2]
        assert pickle.loads(pickle.dumps(own_kernels.twice)) is own_kernels.twice
    finally:
        del sys.modules["own_kernels"]
    assert list(tmp_path.rglob("*.nbc"))


def test_cache_is_for_functions_in_files_alone():
    names = {"ironbatch": ironbatch}
    exec("@ironbatch.kernel(cache=True)\ndef twice(x, out):\n    out[:] = 2 * x\n", names)
    assert names["twice"](np.ones(2)).tolist() == [2, 2]


def test_code_goes_when_nobody_needs_it():
    import gc
    import weakref

    @ironbatch.kernel
    def copy(x, out):
        out[:] = x

    bound = copy.bind()
    made = bound.run_batch(np.ones((3, 2)))
    gone = weakref.ref(copy)
    del copy
    gc.collect()
    assert gone() is not None, "the bound kernel keeps it"
    assert_array_equal(bound.run_batch(np.ones((3, 2))), made)
    del bound
    gc.collect()
    assert gone() is None
