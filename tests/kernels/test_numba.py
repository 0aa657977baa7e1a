"""Kernels that are Python functions, compiled by numba."""

import pickle
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import ActionError, Batch, C, Dataset, P, R, inbatch_parallel, kernels
from ironbatch.components import Ragged

# A kernel is compiled in a second, but on a busy machine in many.
pytestmark = [
    pytest.mark.full("numba"),
    pytest.mark.filterwarnings("default"),
    pytest.mark.timeout(600),
]


@ironbatch.kernel
def despike(x, out, threshold=3.0):
    """Replace samples that jump from the one before."""
    last = x[0]
    for i in range(len(x)):
        if abs(x[i] - last) <= threshold:
            last = x[i]
        out[i] = last


def expected_despike(x, threshold=3.0):
    out = np.empty_like(x)
    despike.function(x, out, threshold)
    return out


@ironbatch.kernel
def scale(x, out, factor=2.0):
    for i in range(x.size):
        out.flat[i] = x.flat[i] * factor


@ironbatch.kernel(dtype=("float64", "int32"), shape=lambda x: ((), x.shape[:1]))
def statistics(x, out_mean, out_order):
    out_mean[()] = x.mean()
    out_order[:] = np.argsort(x)


@ironbatch.kernel(shape=lambda x, step: ((x.shape[0] + step - 1) // step,) + x.shape[1:])
def every(x, out, step=2):
    for i in range(out.shape[0]):
        out[i] = x[i * step]


@ironbatch.kernel(dtype="float64")
def noise(x, out, rng, std=1.0):
    for i in range(len(x)):
        out[i] = x[i] + rng.normal(0.0, std)


@ironbatch.kernel
def picky(x, out, limit=5.0):
    for i in range(len(x)):
        if x[i] > limit:
            raise OverflowError("too much")
        out[i] = x[i]


class Signals(Batch):
    components = "signals", "others"

    @inbatch_parallel(init="signals", post="_assemble", target="native", dst="others")
    def despiked(self, threshold):
        return despike.bind(threshold=threshold)


def signals(n=50, length=40, dtype=np.float64):
    return (np.random.default_rng(0).random((n, length)) * 10).astype(dtype)


@pytest.fixture
def batch():
    batch = Signals(np.arange(100, 150))
    batch.signals = signals()
    return batch


def test_called_with_an_array_it_runs_once():
    x = np.array([0.0, 1, 9, 2])
    assert despike(x).tolist() == [0, 1, 1, 2]
    assert despike(x, threshold=100).tolist() == [0, 1, 9, 2]
    assert despike.bind(threshold=0)(x).tolist() == [0, 0, 0, 0]
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


def test_methods_return_it(batch):
    batch.despiked(2.0)
    assert_array_equal(batch.others[3], expected_despike(batch.signals[3], 2.0))


def test_several_outputs_with_shapes_and_dtypes_of_their_own(batch):
    batch.apply_parallel(statistics, src="signals", dst=("others", "signals"))
    x = signals()
    assert batch.others.shape == (50,)
    assert batch.signals.dtype == np.int32
    np.testing.assert_allclose(batch.others, x.mean(axis=1))
    assert_array_equal(batch.signals, x.argsort(axis=1))


def test_outputs_by_name_and_several_inputs():
    @ironbatch.kernel(outputs=["low", "high"], dtype=np.result_type)
    def order(x, y, low, high):
        for i in range(len(x)):
            low[i], high[i] = min(x[i], y[i]), max(x[i], y[i])

    x, y = signals(dtype="float32"), signals()[::-1].copy()
    low, high = order.bind().run_batch(x, y)
    assert low.dtype == high.dtype == np.float64
    assert_array_equal(low, np.minimum(x, y))
    assert_array_equal(high, np.maximum(x, y))


def test_a_constant_shape():
    @ironbatch.kernel(shape=(2, 2), dtype=int)
    def corners(x, out):
        out[:] = len(x)

    assert corners.bind().run_batch(signals(3)).tolist() == [[[40, 40], [40, 40]]] * 3


def test_a_shape_that_is_no_shape():
    @ironbatch.kernel(shape=lambda x: x.size * 0.5)
    def half(x, out):
        pass

    with pytest.raises(TypeError, match="half: the function of its shape gives float64"):
        half(np.ones(3))

    @ironbatch.kernel(shape=lambda x: x[0])
    def peeks(x, out):
        pass

    with pytest.raises(TypeError, match="the function of its shape of peeks cannot be compiled"):
        peeks(np.ones(3))

    @ironbatch.kernel(shape=lambda x: (x.ndim - 5,))
    def negative(x, out):
        pass

    with pytest.raises(ValueError, match="negative inferred an impossible output"):
        negative(np.ones(3))


def test_an_exception_of_the_function_of_shapes(batch):
    for items in (batch.signals, Ragged.from_items([np.ones(3), np.ones(2)])):
        batch = Signals(len(items))
        batch.signals = items
        with pytest.raises(ZeroDivisionError, match=r"every: .*division"):
            batch.apply_parallel(every, src="signals", step=0)


def test_ragged_items():
    items = [np.arange(float(n)) for n in range(1, 60)]
    made = every.bind(step=3).run_batch(Ragged.from_items(items), name="x")
    assert isinstance(made, Ragged)
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, item[::3])
    same = despike.bind().run_batch(Ragged.from_items(items))
    for item, result in zip(items, same, strict=True):
        assert_array_equal(result, expected_despike(item))


def test_items_that_do_not_lie_in_order():
    x = signals(20, 60).reshape(20, 6, 10)
    for view in (x.transpose(0, 2, 1), x[:, ::-1, ::2], np.broadcast_to(x[0, :, ::2], (4, 6, 5))):
        assert_array_equal(scale.bind(factor=3).run_batch(view), view * 3)
    assert_array_equal(scale(x[0].T), x[0].T * 2)


def test_objects_are_run_by_type():
    items = np.empty(4, object)
    items[:] = [np.ones(3), np.ones((2, 2), np.float32), np.arange(3.0), np.ones(2, np.float32)]
    made = scale.bind(factor=P([1, 2, 3, 4])).run_batch(items, batch=Signals(4))
    assert [one.dtype for one in made] == ["float64", "float32", "float64", "float32"]
    assert made[1].tolist() == [[2, 2], [2, 2]]
    assert made[2].tolist() == [0, 3, 6]
    items[:] = [np.ones(3, np.float32), np.full(3, 9.0), np.full(3, 8.0), np.full(2, 7, np.int32)]
    batch = Signals(np.arange(10, 14))
    batch.signals = items
    with pytest.raises(OverflowError, match=r"11.*position 1\).*picky: too much"):
        batch.apply_parallel(picky, src="signals")


def test_no_items():
    assert despike.bind().run_batch(np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert len(despike.bind().run_batch(np.empty(0, object))) == 0


def test_parameters_of_each_item(batch):
    batch.apply_parallel(despike.bind(threshold=P(R("uniform", 0, 5))), src="signals", dst="others")
    assert batch.others.shape == (50, 40)
    factors = np.arange(50)
    batch.apply_parallel(scale.bind(factor=P(factors)), src="signals", dst="others")
    assert_array_equal(batch.others, batch.signals * factors[:, np.newaxis])
    batch.apply_parallel(every.bind(step=P([1 + i % 3 for i in range(50)])), src="signals")
    assert [len(item) for item in batch.signals[:3]] == [40, 20, 14]
    with pytest.raises(ValueError, match="has 3 values for the 50 items"):
        batch.apply_parallel(scale.bind(factor=P([1, 2, 3])), src="others")
    with pytest.raises(TypeError, match="step has values of float64, it takes int64"):
        batch.apply_parallel(every.bind(step=P([1.5] * 50)), src="others")


def test_named_expressions(batch):
    pipeline = (
        Dataset(50, Signals, preloaded={"signals": signals()})
        .p.apply_parallel(despike.bind(threshold=C("threshold")), src="signals")
        .set_config({"threshold": 1.5})
    )
    made = pipeline.next_batch(50)
    assert_array_equal(made.signals[7], expected_despike(signals()[7], 1.5))


def test_arrays_strings_none_and_flags_as_parameters():
    @ironbatch.kernel
    def weigh(x, out, weights, mode="plus", shift=None, negate: bool = False):
        for i in range(len(x)):
            value = x[i] * weights[i % len(weights)]
            if mode == "plus":
                value += 1
            if shift is not None:
                value += shift
            out[i] = -value if negate else value

    x = np.arange(4.0)
    assert weigh(x, weights=[1, 2]).tolist() == [1, 3, 3, 7]
    assert weigh(x, weights=np.float32([0.5, 1]), mode="no").tolist() == [0, 1, 1, 3]
    assert weigh(x, weights=(1,), mode="no", shift=10).tolist() == [10, 11, 12, 13]
    assert weigh(x, weights=[1.0], mode="no", negate=True).tolist() == [0, -1, -2, -3]
    batch = Signals(2)
    batch.signals = np.ones((2, 2))
    rows = P([[1.0, 2.0], [3.0, 4.0]])

    @ironbatch.kernel
    def times(x, out, weights=(1.0,), on=True):
        out[:] = x * weights if on else x

    batch.apply_parallel(times.bind(weights=rows, on=P([True, False])), src="signals")
    assert batch.signals.tolist() == [[1, 2], [1, 1]]


def test_an_exception_names_kernel_and_item(batch):
    batch.signals[7, 3] = 99
    batch.signals[30, 0] = 99
    before = batch.signals.copy()
    with pytest.raises(ActionError, match=r"107.*position 7.*picky: too much") as caught:
        batch.apply_parallel(picky.bind(limit=10.0), src="signals")
    assert isinstance(caught.value, OverflowError)
    assert caught.value.item_id == 107
    assert_array_equal(batch.signals, before)
    # The pool lives, and the next batch is right.
    assert despike.bind().run_batch(batch.signals).shape == (50, 40)
    with pytest.raises(OverflowError, match="picky: too much"):
        picky(np.full(3, 9.0))


def test_exceptions_of_any_kind_come_back():
    @ironbatch.kernel
    def fails(x, out, how=0):
        if how == 0:
            raise ValueError("bad value", 3)
        if how == 1:
            raise ValueError(f"bad value {len(x)}")
        if how == 2:
            raise KeyError
        out[0] = 1 // (how - 3)

    with pytest.raises(ValueError, match="bad value") as caught:
        fails(np.ones(3))
    assert caught.value.args == ("bad value", 3)
    assert any("in kernel fails" in note for note in caught.value.__notes__)
    assert any("test_numba.py:" in note for note in caught.value.__notes__)
    for length in (3, 4):
        with pytest.raises(ValueError, match=rf"^fails: bad value {length}\n"):
            fails(np.ones(length), how=1)
    with pytest.raises(KeyError):
        fails(np.ones(3), how=2)
    with pytest.raises(ZeroDivisionError, match=r"fails: .*division"):
        fails(np.ones(3), how=3)


def test_items_that_fail_are_left_out(batch):
    batch.signals[[3, 8]] = 99
    left = batch.apply_parallel(picky.bind(limit=10.0), src="signals", on_error="skip")
    assert left.indices.tolist() == [i for i in range(100, 150) if i not in (103, 108)]


def test_boundscheck_makes_a_bad_index_an_error():
    @ironbatch.kernel(boundscheck=True)
    def beyond(x, out):
        out[len(x)] = x[0]

    with pytest.raises(IndexError, match="beyond: "):
        beyond(np.ones(3))


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


def test_chains_and_built_in_kernels():
    x = signals(30, 20)
    chain = kernels.chain(
        kernels.flip.bind(axis=0),
        every.bind(step=3),
        kernels.clip.bind(high=6.0),
        scale.bind(factor=0.5),
        despike.bind(threshold=1.0),
    )
    expected = np.clip(x[:, ::-1][:, ::3], None, 6.0) * 0.5
    expected = np.stack([expected_despike(item, 1.0) for item in expected])
    assert_array_equal(chain.run_batch(x), expected)
    assert_array_equal(chain(x[0]), expected[0])
    ragged = chain.run_batch(Ragged.from_items([item[:n] for n, item in enumerate(x[3:], 3)]))
    one_by_one = [chain(item[:n]) for n, item in enumerate(x[3:], 3)]
    for result, item in zip(ragged, one_by_one, strict=True):
        assert_array_equal(result, item)


def test_a_chain_that_changes_the_dtype():
    x = signals(dtype=np.uint8)
    chain = kernels.chain(kernels.cast.bind(dtype="float32"), scale.bind(factor=0.25))
    assert_array_equal(chain.run_batch(x), x.astype(np.float32) * np.float32(0.25))


def test_an_exception_in_a_chain(batch):
    chain = kernels.chain(kernels.clip.bind(low=0), picky.bind(limit=9.9), despike)
    batch.signals[:] = 1
    batch.signals[20:, 5] = 20
    with pytest.raises(ActionError, match=r"position 20.*picky: too much") as caught:
        batch.apply_parallel(chain, src="signals")
    assert isinstance(caught.value, OverflowError)


@pytest.mark.parametrize("fuse", [True, False])
def test_fused_steps_of_a_pipeline(fuse):
    x = signals(40, 30)
    pipeline = (
        Dataset(40, Signals, preloaded={"signals": x})
        .p.apply_parallel(kernels.clip.bind(high=8.0), src="signals")
        .apply_parallel(despike, src="signals", threshold=1.5)
        .apply_parallel(noise.bind(std=0.5), src="signals")
        .apply_parallel(scale.bind(factor=2.0), src="signals", p=0.5)
    )
    fused = "one pass" in repr(pipeline.explain()) or "together" in repr(pipeline.explain())
    assert fused
    batches = list(pipeline.gen_batch(16, seed=3, n_epochs=1, fuse=fuse, prefetch=0))
    made = np.concatenate([batch.signals for batch in batches])
    again = list(
        (pipeline << Dataset(40, Signals, preloaded={"signals": x})).gen_batch(
            40, seed=3, n_epochs=1, fuse=not fuse, prefetch=0
        )
    )
    assert_array_equal(made, np.concatenate([batch.signals for batch in again]))


def test_preloaded_rows_are_read_in_the_pass():
    x = signals(40, 30).reshape(40, 5, 6).transpose(0, 2, 1)
    pipeline = (
        Dataset(40, Signals, preloaded={"signals": x})
        .p.apply_parallel(scale.bind(factor=2.0), src="signals")
        .apply_parallel(kernels.flip, src="signals")
    )
    batch = pipeline.next_batch(10, shuffle=5)
    assert_array_equal(batch.signals, (x[batch.indices] * 2)[:, :, ::-1])


def test_random_numbers_are_those_of_numpy_at_the_item():
    @ironbatch.kernel(shape=(8,), dtype="float64")
    def draws(x, out, rng):
        out[0] = rng.random()
        out[1] = rng.normal(1.0, 2.0)
        out[2] = rng.integers(0, 10)
        out[3] = rng.uniform(-1.0, 1.0)
        out[4] = rng.integers(0, 2**40)
        out[5] = rng.exponential(2.0)
        out[6] = rng.standard_normal()
        out[7] = rng.integers(0, 5)

    def reference(rng):
        return [
            rng.random(),
            rng.normal(1.0, 2.0),
            rng.integers(0, 10),
            rng.uniform(-1.0, 1.0),
            rng.integers(0, 2**40),
            rng.exponential(2.0),
            rng.standard_normal(),
            rng.integers(0, 5),
        ]

    for seed in range(20):
        made = draws(np.zeros(1), rng=np.random.Generator(np.random.Philox(seed)))
        assert made.tolist() == reference(np.random.Generator(np.random.Philox(seed)))
    assert draws.draws
    with pytest.raises(TypeError, match="draws no random numbers and takes no rng"):
        despike(np.ones(3), rng=1)


def test_the_same_seed_gives_the_same_numbers_at_any_batch_size():
    dataset = Dataset(40, Signals, preloaded={"signals": signals(40)})
    made = []
    for size, workers in ((7, 1), (40, 2)):
        pipeline = dataset.p.apply_parallel(noise.bind(std=2.0), src="signals", n_workers=workers)
        batches = pipeline.gen_batch(size, seed=5, shuffle=False, n_epochs=1)
        made.append(np.concatenate([batch.signals for batch in batches]))
    assert_array_equal(made[0], made[1])
    assert (made[0] != signals(40)).all()
    assert len({item[0] - row[0] for item, row in zip(made[0], signals(40), strict=True)}) == 40


def test_a_closure_and_a_lambda_pickle_with_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle")

    def make(factor):
        @ironbatch.kernel
        def times(x, out):
            out[:] = x * factor

        return times

    times = make(3.0)
    again = cloudpickle.loads(cloudpickle.dumps(times.bind()))
    assert again(np.ones(2)).tolist() == [3, 3]
    assert pickle.loads(pickle.dumps(times)) is pickle.loads(pickle.dumps(times))


def test_prefetch_in_worker_processes():
    pytest.importorskip("cloudpickle")
    pipeline = Dataset(40, Signals, preloaded={"signals": signals(40)}).p.apply_parallel(
        despike.bind(threshold=1.0), src="signals"
    )
    batches = pipeline.gen_batch(20, n_epochs=1, prefetch=1, target="mpc")
    made = np.concatenate([batch.signals for batch in batches])
    assert_array_equal(made[11], expected_despike(signals(40)[11], 1.0))


def test_n_workers_and_timeout_are_obeyed():
    @ironbatch.kernel
    def slow(x, out):
        total = 0.0
        for i in range(30_000_000):
            total += np.sin(x[0] + i)
        out[0] = total

    slow(np.ones(1))
    batch = Signals(30)
    batch.signals = np.ones((30, 1))
    with pytest.raises(ActionError) as caught:
        batch.apply_parallel(slow, src="signals", timeout=0.2, n_workers=1)
    assert isinstance(caught.value, TimeoutError)


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


def test_batches_follow_one_another_without_compiling_again():
    before = despike.n_compiled
    sizes = [despike.bind().run_batch(signals(n)).shape[0] for n in (1, 5, 9)]
    assert all(a < b for a, b in pairwise(sizes))
    assert despike.n_compiled <= before + 1
