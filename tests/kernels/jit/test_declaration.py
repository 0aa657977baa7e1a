"""Kernels that are Python functions: what needs no numba, as nothing is compiled."""

import inspect
import pickle
import random
import sys

import numpy as np
import pytest

import ironbatch
from ironbatch import Batch, kernels
from ironbatch.errors import MissingPackageError


@ironbatch.kernel
def despike(x, out, threshold=3.0):
    """Replace samples that jump."""


def test_it_looks_like_a_kernel():
    assert repr(despike) == f"<kernel {__name__}.despike(x, *, threshold: float = 3.0)>"
    assert despike.__doc__ == "Replace samples that jump."
    assert str(inspect.signature(despike)) == "(x, /, *, threshold: 'float' = 3.0)"
    assert isinstance(despike, kernels.Kernel)
    assert not despike.draws
    bound = despike.bind(threshold=2.0)
    assert repr(bound) == f"<kernel {__name__}.despike bound to threshold=2.0>"
    assert str(inspect.signature(bound)) == "(x, /, *, threshold: 'float' = 2.0)"
    assert bound.bind(threshold=1.0).params == {"threshold": 1.0}
    assert type(bound.bind()) is type(bound)
    assert bound.n_outputs == 1
    assert "despike" in despike._repr_html_()
    assert "threshold" in bound._repr_html_()


def test_it_pickles_as_module_and_name():
    data = pickle.dumps(despike)
    assert pickle.loads(data) is despike
    assert len(data) < 120
    again = pickle.loads(pickle.dumps(despike.bind(threshold=1.0)))
    assert again.kernel is despike
    assert again.params == {"threshold": 1.0}


def test_the_function_itself_can_be_called():
    @ironbatch.kernel
    def double(x, out):
        out[:] = 2 * x

    out = np.zeros(3)
    double.function(np.arange(3.0), out)
    assert out.tolist() == [0, 2, 4]
    assert double.n_compiled == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 1}, r"has no parameter limit; its signature is despike\(x, \*, threshold: "),
        ({"threshold": {}}, r"threshold has to be a number, an array of numbers, a string or None"),
        ({"threshold": np.array(["a"])}, "threshold has to be a number"),
    ],
)
def test_wrong_parameters_show_the_signature(params, message):
    with pytest.raises(TypeError, match=message):
        despike.bind(**params)


def test_a_missing_parameter_shows_the_signature():
    @ironbatch.kernel
    def plus(x, out, amount: float):
        pass

    with pytest.raises(TypeError, match=r"amount is missing.*plus\(x, \*, amount: float\)"):
        plus.bind()


def test_a_signature_without_output_is_refused():
    with pytest.raises(TypeError, match="kernel f: has no output: call an argument out"):

        @ironbatch.kernel
        def f(x, y):
            pass


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(TypeError, match="there is no argument 'low', which outputs= names"):

        @ironbatch.kernel(outputs=["low"])
        def f(x, out):
            pass


def test_outputs_that_do_not_follow_one_another_are_refused():
    with pytest.raises(TypeError, match="the outputs out, out_two do not follow one another"):

        @ironbatch.kernel
        def f(x, out, scale, out_two):
            pass


def test_a_function_without_input_is_refused():
    with pytest.raises(TypeError, match="has no input before its outputs"):

        @ironbatch.kernel
        def f(out, scale):
            pass


def test_an_array_with_a_default_is_refused():
    with pytest.raises(TypeError, match="out is an array and has no default"):

        @ironbatch.kernel
        def f(x, out=None):
            pass


def test_arguments_without_names_are_refused():
    with pytest.raises(TypeError, match=r"takes \*\*options, but has to name its arguments"):

        @ironbatch.kernel
        def f(x, out, **options):
            pass


@pytest.mark.parametrize("kind", ["numpy", "random", "inner"])
def test_a_function_that_draws_past_the_seed_is_refused(kind):
    def numpy_one(x, out):
        out[0] = np.random.normal()

    def random_one(x, out):
        out[0] = random.random()

    def inner(x, out):
        def draw():
            return np.random.rand()

        out[0] = draw()

    function = {"numpy": numpy_one, "random": random_one, "inner": inner}[kind]
    with pytest.raises(TypeError, match=r"whose numbers follow no seed.*take an argument rng"):
        ironbatch.kernel(function)


def test_a_shape_of_unknown_names_is_refused():
    with pytest.raises(TypeError, match="its shape depends on 'y', which is no input and no"):

        @ironbatch.kernel(shape=lambda y: y.shape)
        def f(x, out):
            pass


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="made of a function written in Python, not of <built-in"):
        ironbatch.kernel(len)
    with pytest.raises(ValueError, match="parallel=True: a kernel is for one item"):
        ironbatch.kernel(parallel=True)


def test_without_numba_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)

    @ironbatch.kernel
    def one(x, out):
        out[0] = x[0]

    with pytest.raises(MissingPackageError, match=r"pip install 'ironbatch\[jit\]'"):
        one(np.ones(3))
    batch = Batch.from_data(data=np.ones((3, 2)))
    batch.add_components("x", np.ones((3, 2)))
    with pytest.raises(MissingPackageError, match="kernel one, a Python function, needs"):
        batch.apply_parallel(one, src="x")


def test_chains_take_them():
    both = kernels.chain(kernels.invert, despike)
    assert [kernel.__name__ for kernel in both.kernels] == ["invert", "despike"]

    @ironbatch.kernel
    def add(x, y, out):
        pass

    with pytest.raises(TypeError, match=r"add takes 2: kernels of a chain hand on one"):
        kernels.chain(kernels.invert, add)
