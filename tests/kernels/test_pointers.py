"""Functions that are compiled already, where a kernel is taken."""

import ctypes
import ctypes.util
import gc
import pickle
import shutil
import subprocess
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ironbatch
from ironbatch import ActionError, Batch, Dataset, inbatch_parallel, kernels
from ironbatch.components import Ragged

scipy = pytest.importorskip("scipy")
ndimage = pytest.importorskip("scipy.ndimage")

_LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
_LIBM.cos.restype, _LIBM.cos.argtypes = ctypes.c_double, (ctypes.c_double,)
_LIBM.cosf.restype, _LIBM.cosf.argtypes = ctypes.c_float, (ctypes.c_float,)
cos = ironbatch.kernel(scipy.LowLevelCallable(_LIBM.cos))

_SOURCE = r"""
#include <stdint.h>

double scaled(double x, void *data) { return x * *(double *)data; }

int smooth(double *in, intptr_t n, double *out, intptr_t n_out, void *data)
{
    if (n != n_out) return 0;
    for (intptr_t i = 0; i < n; i++) out[i] = i ? (in[i] + in[i - 1]) / 2 : in[i];
    in[0] = -1;  /* its own copy */
    return in[n - 1] < 1000;
}

int total(double *in, intptr_t n, double *out, void *data)
{
    double sum = data ? *(double *)data : 0;
    for (intptr_t i = 0; i < n; i++) sum += in[i];
    *out = sum;
    return 1;
}
"""
_DOUBLES = ctypes.POINTER(ctypes.c_double)


class Signals(Batch):
    components = "signals", "others"

    @inbatch_parallel(init="signals", post="_assemble", target="native", dst="others")
    def turned(self):
        return scipy.LowLevelCallable(_LIBM.cos)


@pytest.fixture
def batch():
    batch = Signals(np.arange(10, 30))
    batch.signals = np.random.default_rng(0).normal(size=(20, 6))
    return batch


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """C functions, compiled with the machine's compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("pointers")
    source, target = folder / "functions.c", folder / "functions.so"
    source.write_text(_SOURCE)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", source, "-o", target], check=True)
    made = ctypes.CDLL(str(target))
    made.scaled.restype = ctypes.c_double
    made.scaled.argtypes = (ctypes.c_double, ctypes.c_void_p)
    made.smooth.argtypes = (
        _DOUBLES,
        ctypes.c_ssize_t,
        _DOUBLES,
        ctypes.c_ssize_t,
        ctypes.c_void_p,
    )
    made.total.argtypes = (_DOUBLES, ctypes.c_ssize_t, _DOUBLES, ctypes.c_void_p)
    for function in (made.smooth, made.total):
        function.restype = ctypes.c_int
    return made


def smoothed(x):
    return np.concatenate([x[:1], (x[1:] + x[:-1]) / 2])


def test_a_function_of_a_number_is_one_of_each_element(batch):
    before = batch.signals.copy()
    batch.apply_parallel(scipy.LowLevelCallable(_LIBM.cos), src="signals", dst="others")
    expected = np.array([[_LIBM.cos(value) for value in row] for row in before])
    assert_array_equal(batch.others, expected)
    assert_array_equal(batch.signals, before)


def test_single_precision():
    x = np.linspace(0, 3, 12, dtype=np.float32).reshape(3, 2, 2)
    single = ironbatch.kernel(scipy.LowLevelCallable(_LIBM.cosf))
    made = single.bind().run_batch(x)
    assert made.dtype == np.float32
    assert made[2, 1, 1] == _LIBM.cosf(3.0)
    with pytest.raises(TypeError, match=r"cosf: x has to be float32.*signature is cosf\(x\)"):
        single(np.ones(3))


def test_it_looks_like_a_kernel_and_pickles_by_name():
    single = ironbatch.kernel(scipy.LowLevelCallable(_LIBM.cosf))
    assert repr(single) == f"<kernel {__name__}.cosf(x)>"
    assert single.__doc__ == "The C function ``float (float)``."
    assert pickle.loads(pickle.dumps(cos)) is cos
    assert cos(0.0) == 1
    with pytest.raises(TypeError, match="has no parameter scale"):
        cos.bind(scale=2)


def test_user_data_is_handed_on_and_kept(library):
    factor = ctypes.c_double(3)
    pointer = ctypes.cast(ctypes.pointer(factor), ctypes.c_void_p)
    triple = ironbatch.kernel(scipy.LowLevelCallable(library.scaled, pointer))
    assert triple([1.0, 2.0]).tolist() == [3, 6]
    factor.value = 5
    assert triple([1.0, 2.0]).tolist() == [5, 10]


def test_a_function_of_lines(library, batch):
    smooth = scipy.LowLevelCallable(library.smooth)
    before = batch.signals.copy()
    batch.apply_parallel(smooth, src="signals", dst="others")
    assert_array_equal(batch.others, np.apply_along_axis(smoothed, 1, before))
    assert_array_equal(batch.signals, before)
    # As scipy.ndimage takes it: the line has size - 1 elements more there.
    items = [np.arange(float(n)) for n in range(1, 9)]
    made = ironbatch.kernel(smooth).bind().run_batch(Ragged.from_items(items))
    for item, result in zip(items, made, strict=True):
        assert_array_equal(result, smoothed(item))
    strided = np.asfortranarray(before)
    assert_array_equal(ironbatch.kernel(smooth).bind().run_batch(strided), batch.others)
    with pytest.raises(TypeError, match="x has to be float64, with 1 axis"):
        ironbatch.kernel(smooth)(np.ones((3, 3)))


def test_a_function_that_fails_names_the_item(library, batch):
    batch.signals[4, 5] = 2000
    with pytest.raises(ActionError, match=r"position 4.*smooth: the function returned 0") as caught:
        batch.apply_parallel(scipy.LowLevelCallable(library.smooth), src="signals")
    assert caught.value.item_id == 14


def test_a_function_to_one_number(library):
    total = scipy.LowLevelCallable(library.total)
    x = np.random.default_rng(0).integers(0, 9, (7, 4, 3)).astype(float)
    assert_array_equal(ironbatch.kernel(total).bind().run_batch(x), x.sum(axis=(1, 2)))
    assert_array_equal(
        ironbatch.kernel(total).bind().run_batch(x.transpose(0, 2, 1)), x.sum(axis=(1, 2))
    )
    filtered = ndimage.generic_filter(np.arange(5.0), total, size=3)
    assert filtered[2] == ironbatch.kernel(total)(np.array([1.0, 2, 3]))


@pytest.mark.parametrize("word", ["npy_intp", "intptr_t", "Py_ssize_t", "long", "int64_t"])
def test_whole_numbers_have_many_names(library, word):
    total = scipy.LowLevelCallable(
        library.total, signature=f"int (double *, {word}, double *, void *)"
    )
    assert ironbatch.kernel(total)(np.array([1.0, 2])) == 3


@pytest.mark.parametrize(
    "signature",
    ["double (double, double)", "void (double)", "int (int)", "double (double *)", "nonsense"],
)
def test_an_unknown_signature_lists_those_that_are_known(signature, batch):
    function = scipy.LowLevelCallable(_LIBM.cos, signature=signature)
    with pytest.raises(TypeError, match=r"cos has the signature .*double \(double, void \*\)"):
        ironbatch.kernel(function)
    with pytest.raises(TypeError, match=r"int \(double \*, intptr_t, double \*, void \*\)"):
        batch.apply_parallel(function, src="signals")


def test_options_are_for_python_functions():
    with pytest.raises(TypeError, match="is compiled already and takes no options"):
        ironbatch.kernel(scipy.LowLevelCallable(_LIBM.cos), dtype="float32")


def test_methods_pipelines_and_chains_take_it(batch, library):
    expected = np.cos(batch.signals)
    batch.turned()
    np.testing.assert_allclose(batch.others, expected, rtol=1e-15)
    x = batch.signals
    smooth = scipy.LowLevelCallable(library.smooth)
    pipeline = (
        Dataset(20, Signals, preloaded={"signals": x})
        .p.apply_parallel(kernels.clip.bind(low=0.0), src="signals")
        .apply_parallel(smooth, src="signals")
        .apply_parallel(scipy.LowLevelCallable(_LIBM.cos), src="signals")
    )
    assert "one pass" in str(pipeline.explain())
    fused = pipeline.next_batch(20).signals
    alone = (pipeline << Dataset(20, Signals, preloaded={"signals": x})).next_batch(20, fuse=False)
    assert_array_equal(fused, alone.signals)
    chain = kernels.chain(kernels.clip.bind(low=0.0), smooth, cos)
    assert_array_equal(chain.run_batch(x), fused)


def test_small_items_are_joined_for_a_function_of_a_number():
    x = np.random.default_rng(0).normal(size=(10_000, 3))
    assert_array_equal(cos.bind().run_batch(x), np.vectorize(_LIBM.cos)(x))


def test_the_function_lives_as_long_as_its_kernel():
    kept = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x + 1)
    gone = weakref.ref(kept)
    kernel = ironbatch.kernel(scipy.LowLevelCallable(kept))
    del kept
    gc.collect()
    bound = kernel.bind()
    del kernel
    gc.collect()
    assert gone() is not None
    # A Python function takes the lock, on whichever thread it is called.
    assert bound.run_batch(np.zeros((40, 2))).tolist() == [[1, 1]] * 40
    del bound
    gc.collect()
    assert gone() is None


def test_a_capsule_as_cython_exports_it():
    """Cython puts functions into ``__pyx_capi__`` as capsules named by their signature."""
    import types

    name = b"double (double)"
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = (
        ctypes.py_object,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
    )
    address = ctypes.cast(_LIBM.cos, ctypes.c_void_p).value
    module = types.SimpleNamespace(__pyx_capi__={"cosine": make(address, name, None)})
    kernel = ironbatch.kernel(scipy.LowLevelCallable.from_cython(module, "cosine"))
    assert kernel.__name__ == "c_function"
    assert kernel(0.5) == _LIBM.cos(0.5)


@pytest.mark.full("numba")
@pytest.mark.filterwarnings("default")
@pytest.mark.timeout(600)
def test_callbacks_of_numba(batch):
    import numba
    from numba import types

    @numba.cfunc("float64(float64)")
    def half(x):
        """Half of it."""
        return x / 2

    line = types.intc(
        types.CPointer(types.double),
        types.intp,
        types.CPointer(types.double),
        types.intp,
        types.voidptr,
    )

    @numba.cfunc(line)
    def backwards(source, n, target, n_out, data):
        for i in range(n):
            target[i] = source[n - 1 - i]
        return 1

    before = batch.signals.copy()
    batch.apply_parallel(half, src="signals").apply_parallel(backwards, src="signals")
    assert_array_equal(batch.signals, before[:, ::-1] / 2)
    made = ironbatch.kernel(half)
    assert (made.__doc__, repr(made)) == ("Half of it.", f"<kernel {__name__}.half(x)>")

    @numba.cfunc("int64(int64)")
    def other(x):
        return x

    with pytest.raises(TypeError, match=r"other has the signature 'intptr_t \(intptr_t\)'"):
        batch.apply_parallel(other, src="signals")
