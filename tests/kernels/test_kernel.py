"""The kernel as a Python object: called, bound, shown, pickled, refused."""

import inspect
import pickle
import rlcompleter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, P, kernels
from ironbatch.components import Ragged


def test_a_call_runs_on_one_item():
    result = kernels.scale_shift(np.float32([[1, 2], [3, 4]]), scale=2, shift=1)
    assert_array_equal(result, np.float32([[3, 5], [7, 9]]))
    assert type(result) is np.ndarray


def test_a_call_takes_what_numpy_takes():
    assert_array_equal(kernels.clip([1, 5, 9.0], low=2, high=6), [2, 5, 6])


def test_a_call_on_an_item_without_axes_gives_a_scalar():
    assert kernels.invert(np.uint8(3)) == 252


def test_a_call_leaves_its_input_alone():
    x = np.arange(5, dtype=np.uint8)
    kernels.invert(x)
    assert_array_equal(x, np.arange(5))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[::2],
        lambda x: x[::-1],
        lambda x: x.T,
        lambda x: x.astype(">i2"),
        np.asfortranarray,
    ],
)
def test_memory_of_any_layout_is_read(change):
    x = change(np.arange(30, dtype=np.int16).reshape(5, 6))
    assert_array_equal(kernels.invert(x), np.invert(x))


def test_memory_that_is_not_aligned_is_read():
    raw = np.zeros(17, np.uint8)
    x = raw[1:].view(np.float64)
    x[:] = [1, 2]
    assert_array_equal(kernels.invert(x), [0, -1])


def test_signature_and_docstring():
    signature = inspect.signature(kernels.clip)
    assert list(signature.parameters) == ["x", "low", "high"]
    assert signature.parameters["low"].default is None
    assert inspect.signature(kernels.standardize).parameters["scale"].default == 1.0
    assert inspect.signature(kernels.cast).parameters["dtype"].default is inspect.Parameter.empty
    assert kernels.clip.__doc__.startswith("Keep elements within")
    bound = inspect.signature(kernels.clip.bind(low=1))
    assert list(bound.parameters) == ["x", "low", "high"]
    assert bound.parameters["low"].default == 1
    assert bound.parameters["high"].default is None


def test_a_bound_kernel_is_bound_further():
    x = np.float32([1, 5, 9])
    bound = kernels.clip.bind(low=2, high=6)
    assert_array_equal(bound.bind(high=4)(x), [2, 4, 4])
    assert_array_equal(bound(x), [2, 5, 6])
    assert bound.bind(high=4).params == {"low": 2, "high": 4}
    assert_array_equal(kernels.clip.bind(low=2).bind(high=6)(x), bound(x))
    with pytest.raises(TypeError, match=r"clip: has no parameter hi; .*clip\(x, \*, low"):
        bound.bind(hi=3)
    with pytest.raises(TypeError, match="bind takes parameters by name, got 4 without one"):
        bound.bind(4)


def test_a_call_of_a_bound_kernel_takes_further_parameters():
    x = np.uint8([1, 2, 3])
    bound = kernels.scale_shift.bind(scale=3)
    assert_array_equal(bound(x, shift=1), [4, 7, 10])
    assert_array_equal(bound(x, scale=2), bound.bind(scale=2)(x))
    assert_array_equal(bound(x), [3, 6, 9])
    with pytest.raises(TypeError, match=r"has no parameter size; its signature is scale_shift\(x"):
        bound(x, size=2)
    noisy = kernels.additive_noise.bind(std=1.0)
    assert_array_equal(
        noisy(np.zeros(4), std=2.0, rng=1), kernels.additive_noise(np.zeros(4), std=2.0, rng=1)
    )


def test_parameters_that_are_added_may_be_values_per_item():
    batch = Batch(3)
    batch.add_components("images", np.ones((3, 2)))
    bound = kernels.scale_shift.bind(shift=1).bind(scale=P([1, 2, 3]))
    batch.apply_parallel(bound, src="images")
    assert_array_equal(batch.images, [[2, 2], [3, 3], [4, 4]])
    assert_array_equal(bound.bind(scale=2)(np.ones(2)), [3, 3])


def test_repr():
    assert repr(kernels.invert) == "<kernel ironbatch.kernels.invert(x)>"
    assert (
        repr(kernels.clip.bind(low=0, high=2.5))
        == "<kernel ironbatch.kernels.clip bound to low=0, high=2.5>"
    )


def test_pickle():
    assert pickle.loads(pickle.dumps(kernels.clip)) is kernels.clip
    bound = pickle.loads(pickle.dumps(kernels.clip.bind(high=3)))
    assert_array_equal(bound(np.array([1.0, 5.0])), [1, 3])


def test_names_are_attributes():
    assert dir(kernels) == sorted({*kernels.__all__, *kernels.names()})
    for name in kernels.names():
        assert getattr(kernels, name).__name__ == name
    with pytest.raises(AttributeError, match=r"there is no kernel 'blur'.*clip"):
        kernels.blur  # noqa: B018


def test_type_checkers_are_told_of_each_kernel():
    assert inspect.get_annotations(kernels, eval_str=True) == dict.fromkeys(
        kernels.names(), kernels.Kernel
    )


def test_a_prompt_completes_the_names_of_kernels():
    completer = rlcompleter.Completer({"kernels": kernels})
    assert [completer.complete("kernels.gau", n) for n in range(2)] == [
        "kernels.gaussian_blur(",
        None,
    ]
    assert completer.complete("kernels.column", 0) is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lo": 1}, "has no parameter lo"),
        ({"low": "a"}, "low='a': expected float or None"),
        ({"low": [1.0, 2.0]}, "expected float or None"),
        ({"low": True}, "expected float or None"),
        ({"low": object()}, "cannot be a parameter"),
    ],
)
def test_wrong_parameters(params, message):
    with pytest.raises(TypeError, match=message):
        kernels.clip.bind(**params)


def test_a_missing_parameter_shows_the_signature():
    with pytest.raises(TypeError, match=r"dtype is missing.*cast\(x, \*, dtype: DTypeLike\)"):
        kernels.cast(np.zeros(3))


@pytest.mark.parametrize("dtype", [np.uint8, "uint8", np.dtype("uint8")])
def test_a_dtype_is_given_in_any_way(dtype):
    assert kernels.cast(np.zeros(3), dtype=dtype).dtype == np.uint8


def test_an_unknown_dtype():
    with pytest.raises(TypeError, match="dtype=complex128: not a dtype that kernels know"):
        kernels.cast.bind(dtype=np.complex128)


@pytest.mark.parametrize(
    "x", [np.zeros(3, complex), np.zeros(3, np.int64), np.array(["a"]), np.zeros(3, np.int8)]
)
def test_an_item_of_a_dtype_that_is_not_taken(x):
    with pytest.raises(TypeError, match=r"x has to be bool .*its signature is invert\(x\)"):
        kernels.invert(x)


def test_an_item_of_too_many_axes():
    with pytest.raises((TypeError, ValueError), match="axes"):
        kernels.invert(np.zeros((1,) * 9))


def test_the_wrong_number_of_inputs():
    with pytest.raises(TypeError, match=r"takes 1 array\(s\), got 2"):
        kernels.invert(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeError, match=r"takes 1 component\(s\), got 2"):
        kernels.invert.bind().run_batch(np.zeros((3, 2)), np.zeros((3, 2)))


def test_a_dense_component_gives_a_dense_one():
    x = np.random.default_rng(0).integers(0, 255, (100, 5, 4), dtype=np.uint8)
    result = kernels.flip.bind().run_batch(x, name="images")
    assert_array_equal(result, x[:, :, ::-1])
    assert result.name == "images"


def test_a_ragged_component_gives_a_ragged_one():
    items = [np.arange(n, dtype=np.float32) for n in range(50)]
    result = kernels.invert.bind().run_batch(Ragged.from_items(items))
    assert isinstance(result, Ragged)
    for n, item in enumerate(items):
        assert_array_equal(result[n], 1 - item)


def test_arrays_of_objects_give_what_fits_their_results():
    items = np.empty(3, object)
    items[:] = [np.zeros((2, 2)), np.zeros((1, 5)), np.zeros((2, 3))]
    assert isinstance(kernels.invert.bind().run_batch(items), Ragged)
    items[:] = [np.zeros((2, 2)), np.zeros(5, np.uint8), np.zeros((2, 3))]
    result = kernels.invert.bind().run_batch(items)
    assert result.dtype == object
    assert_array_equal(result[1], np.full(5, 255))
    items[:] = [np.zeros(4), np.ones(4), np.zeros(4)]
    assert kernels.invert.bind().run_batch(items).shape == (3, 4)


def test_an_empty_component():
    assert kernels.invert.bind().run_batch(np.zeros((0, 3), np.uint8)).shape == (0, 3)
    assert len(kernels.invert.bind().run_batch(np.empty(0, object))) == 0


def test_items_without_elements():
    assert kernels.standardize.bind(mean=1, std=1).run_batch(np.zeros((4, 0))).shape == (4, 0)


def test_parameters_are_given_by_name():
    with pytest.raises(TypeError, match=r"takes 1 array\(s\), got 2; .* by name: .*resize\(x, \*"):
        kernels.resize(np.zeros((4, 4)), [2, 2])


def test_a_shape_that_is_refused_is_that_of_an_item():
    batch = Batch(["first", "second"])
    batch.add_components("images", np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match=r"'crop' failed for item 'first'.*size \(9, 9\)"):
        batch.apply_parallel(kernels.crop.bind(size=[9, 9]), src="images")


def test_bind_takes_parameters_by_name():
    with pytest.raises(
        TypeError, match=r"resize: bind takes .* by name, got \(3, 3\).*is resize\(x"
    ):
        kernels.resize.bind((3, 3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": (None, 7)}, r"resize: size=\(None, 7\) cannot be a parameter.*resize\(x"),
        ({"size": object}, r"resize: size=.*object.* cannot be a parameter"),
        ({"size": (3, 3), "antialias": {}}, r"resize: antialias={} cannot be a parameter"),
    ],
)
def test_what_is_no_parameter_is_named(given, message):
    with pytest.raises(TypeError, match=message):
        kernels.resize.bind(**given)


def test_an_integer_beyond_64_bits_is_named():
    with pytest.raises(ValueError, match=r"pad_to: length=18446744073709551616 is no integer"):
        kernels.pad_to.bind(length=2**64)


def test_memory_that_there_is_not_is_asked_for_by_a_named_kernel():
    with pytest.raises(MemoryError, match=r"resize, 1 item\(s\): cannot allocate"):
        kernels.resize(np.zeros((4, 4), np.uint8), size=(10**7, 10**8))
    batch = Batch(2)
    batch.add_components("signals", [np.zeros(3, np.uint8), np.zeros(5, np.uint8)])
    with pytest.raises(MemoryError, match=r"pad_to, 2 item\(s\): cannot allocate"):
        batch.apply_parallel(kernels.pad_to.bind(length=2**45), src="signals")


def test_what_cannot_seed_is_said_of_rng():
    with pytest.raises(TypeError, match=r"rng is None, an int.*not str"):
        kernels.random_crop(np.zeros((4, 4)), size=(2, 2), rng="seed")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_memoryview_is_the_array_that_it_is_of(dtype):
    x = np.arange(12, dtype=dtype).reshape(3, 4)
    result = kernels.clip(memoryview(x), low=5)
    assert result.dtype == dtype
    assert result.tolist() == x.clip(5).tolist()
