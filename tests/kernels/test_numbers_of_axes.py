"""One number for a parameter along axes: it is for every axis of an item with one or two."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import Batch, Dataset, ImagesBatch, P, kernels
from ironbatch.components import Ragged

# For each parameter: a number, and what else its kernel needs.
ONE = {
    ("resize", "size"): (5, {}),
    ("zoom", "factor"): (0.5, {}),
    ("crop", "size"): (3, {}),
    ("center_crop", "size"): (3, {}),
    ("random_crop", "size"): (3, {}),
    ("patches", "size"): (3, {}),
    ("sliding", "size"): (3, {}),
    ("cutout", "size"): (3, {}),
    ("salt", "size"): (2, {"share": 0.2}),
    ("gaussian_blur", "sigma"): (1.5, {}),
    ("pad", "before"): (2, {}),
}
# Those for the axes of another one: the kernel, that one, a number.
BESIDE = {
    ("crop", "origin"): ("size", 3, 2),
    ("cutout", "origin"): ("size", 3, 2),
    ("patches", "stride"): ("size", 3, 2),
    ("pad", "after"): ("before", 1, 2),
}


class Items(Batch):
    components = "items"


def item(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def run(kernel, x, **params):
    function = getattr(kernels, kernel)
    return function(x, rng=1, **params) if function.draws else function(x, **params)


@pytest.mark.parametrize(("kernel", "name"), ONE)
@pytest.mark.parametrize("shape", [(12,), (10, 12)])
def test_it_is_for_every_axis(kernel, name, shape):
    number, more = ONE[kernel, name]
    if kernel == "salt" and len(shape) == 1:
        more = more | {"color": 7}
    x = item(*shape)
    result = run(kernel, x, **{name: number}, **more)
    assert_array_equal(result, run(kernel, x, **{name: [number] * len(shape)}, **more))
    if len(shape) == 2:
        apart = run(kernel, x, **{name: [number]}, **more)
        assert apart.shape != result.shape or (apart != result).any()


@pytest.mark.parametrize("channels", ["last", "first"])
@pytest.mark.parametrize(("kernel", "name"), ONE)
def test_of_items_with_more_axes_it_is_refused(kernel, name, channels):
    number, more = ONE[kernel, name]
    message = (
        rf"{kernel}: {name}={number} does not say which of the 3 axes of an item of shape "
        rf"\(8, 9, 3\) it is for: give one number for each that it is for, as "
        rf"{name}=\({number}, {number}\) for two"
    )
    with pytest.raises(ValueError, match=message):
        run(kernel, item(8, 9, 3), **{name: number}, channels=channels, **more)


@pytest.mark.parametrize(("kernel", "name"), ONE)
def test_a_sequence_is_for_as_many_axes_as_it_has_numbers(kernel, name):
    number, more = ONE[kernel, name]
    x = item(8, 9, 3)
    for count in (1, 2):
        assert run(kernel, x, **{name: [number] * count}, **more).ndim in (3, 4)
    with pytest.raises(ValueError, match=f"{name} has 4 numbers for an item with 3 axes"):
        run(kernel, x, **{name: [number] * 4}, **more)


@pytest.mark.parametrize(("kernel", "name"), ONE)
@pytest.mark.parametrize("kind", ["dense", "ragged"])
def test_numbers_for_each_item(kernel, name, kind):
    number, more = ONE[kernel, name]
    if kernel in ("random_crop", "salt"):
        pytest.skip("draws")
    numbers = [number, number * 2, number]
    batch = Items(3)
    items = [item(12, 13 if kind == "dense" else 13 + n) for n in range(3)]
    batch.items = np.stack(items) if kind == "dense" else Ragged.from_items(items)
    if kernel == "cutout":
        more = more | {"origin": [1, 1]}
    batch.apply_parallel(getattr(kernels, kernel).bind(**{name: P(numbers)}, **more), src="items")
    for x, own, result in zip(items, numbers, batch.items, strict=True):
        assert_array_equal(result, run(kernel, x, **{name: [own, own]}, **more))


@pytest.mark.parametrize(("kernel", "name"), ONE)
def test_numbers_for_each_item_with_more_axes_are_refused(kernel, name):
    number, more = ONE[kernel, name]
    batch = Items(["a", "b"])
    batch.items = np.stack([item(8, 9, 3)] * 2)
    bound = getattr(kernels, kernel).bind(**{name: P([number, number])}, **more)
    with pytest.raises(ValueError, match=rf"item 'a'.*{name}={number} does not say which"):
        batch.apply_parallel(bound, src="items")


@pytest.mark.parametrize(("kernel", "name"), BESIDE)
def test_beside_a_sequence_it_is_for_the_axes_of_that(kernel, name):
    other, length, number = BESIDE[kernel, name]
    x = item(9, 8, 3)
    expected = run(kernel, x, **{other: [length, length], name: [number, number]})
    assert_array_equal(run(kernel, x, **{other: [length, length], name: number}), expected)
    assert_array_equal(run(kernel, x, **{other: length, name: [number, number]}), expected)
    assert (run(kernel, x, **{other: [length, length]}).shape != expected.shape) or (
        run(kernel, x, **{other: [length, length]}) != expected
    ).any()
    plane = x[..., 0]
    expected = run(kernel, plane, **{other: [length, length], name: [number, number]})
    assert_array_equal(run(kernel, plane, **{other: length, name: number}), expected)
    with pytest.raises(ValueError, match=f"{other}={length} does not say which of the 3 axes"):
        run(kernel, x, **{other: length, name: number})
    with pytest.raises(ValueError, match=f"{other} has 2 numbers and {name} 1; its signature is"):
        getattr(kernels, kernel).bind(**{other: [length, length], name: [number]})


@pytest.mark.parametrize(("kernel", "name"), BESIDE)
def test_a_number_beside_sequences_for_each_item(kernel, name):
    other, length, number = BESIDE[kernel, name]
    items = np.stack([item(9, 8, 3)] * 2)
    batch = Dataset(2, Items, preloaded=items).next_batch(2)
    lengths = [[length, length], [length + 1, length]]
    bound = getattr(kernels, kernel).bind(**{other: P(lengths), name: number})
    batch.apply_parallel(bound, src="items")
    for x, own, result in zip(items, lengths, batch.items, strict=True):
        assert_array_equal(result, run(kernel, x, **{other: own, name: [number, number]}))


def test_patches_and_back():
    x = item(8, 6)
    made = kernels.patches(x, size=2)
    assert made.shape == (12, 2, 2)
    with pytest.raises(ValueError, match="do not make an item"):
        kernels.from_patches(made, shape=8)
    square = item(8, 8)
    back = kernels.from_patches(kernels.patches(square, size=4, stride=2), shape=8, stride=2)
    assert_array_equal(back, square)
    colors = item(8, 8, 3)
    made = kernels.patches(colors, size=[4, 4], stride=2)
    assert_array_equal(kernels.from_patches(made, shape=[8, 8], stride=2), colors)
    with pytest.raises(ValueError, match=r"shape=8 does not say .* of shape \(4, 4, 3\)"):
        kernels.from_patches(made, shape=8)


def test_the_size_of_affine_is_for_the_axes_of_its_matrix():
    x = item(8, 6, 3)
    shift = [[1, 0, 1], [0, 1, 2]]
    expected = kernels.affine(x, matrix=shift, size=[5, 5])
    assert_array_equal(kernels.affine(x, matrix=shift, size=5), expected)
    with pytest.raises(ValueError, match="size has 1 numbers, and matrix is one for 2 axes"):
        kernels.affine(x, matrix=shift, size=[5])


def test_pad_to_speaks_of_samples():
    """Its length is that of a signal, as in `resample`: one number is one axis."""
    signals = item(10, 3)
    assert kernels.pad_to(signals, length=12).shape == (12, 3)
    assert kernels.pad_to(signals.T, length=12, channels="first").shape == (3, 12)


@pytest.mark.parametrize(("kernel", "name"), [*ONE, *BESIDE])
def test_signatures_say_so(kernel, name):
    parameter = inspect.signature(getattr(kernels, kernel)).parameters[name]
    number = "float" if name in ("factor", "sigma") else "int"
    assert parameter.annotation.startswith(f"{number} | Sequence[{number}]")


@pytest.mark.parametrize("value", [np.int64(5), np.array(5), np.float64(0.5)])
def test_numbers_of_numpy_are_numbers(value):
    kernel, name = ("zoom", "factor") if value.dtype.kind == "f" else ("resize", "size")
    with pytest.raises(ValueError, match=f"{name}={value} does not say"):
        run(kernel, item(8, 9, 3), **{name: value})


def test_a_whole_number_is_a_factor():
    assert kernels.zoom(item(4, 5), factor=2).shape == (8, 10)
    with pytest.raises(ValueError, match=r"factor=2 does not say .* as factor=\(2, 2\)"):
        kernels.zoom(item(4, 5, 3), factor=2)


def test_images_know_their_axes():
    class Pictures(ImagesBatch):
        components = "images"

    batch = Dataset(2, Pictures, preloaded=np.zeros((2, 8, 9, 3), "uint8")).next_batch(2)
    assert batch.resize(4).images.shape == (2, 4, 4, 3)
