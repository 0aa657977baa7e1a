"""Kernels where a batch takes a function of one item."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ironbatch import (
    ActionError,
    Batch,
    C,
    ComponentError,
    Dataset,
    P,
    R,
    apply_parallel,
    inbatch_parallel,
    kernels,
    targets,
)
from ironbatch.components import Ragged
from ironbatch.targets.calls import Calls, Constant


class Images(Batch):
    components = "images", "masks"

    @inbatch_parallel(init="images", post="_gather", target="native")
    def clipped(self, high):
        return kernels.clip.bind(high=high)

    @inbatch_parallel(init="_pairs", post="_gather", target="native")
    def inverted(self):
        return kernels.invert.bind()

    @inbatch_parallel(init="images", target="native")
    def no_kernel(self):
        return abs

    @inbatch_parallel(init="images", target="native")
    def with_item(self, image):
        return kernels.invert

    darker = apply_parallel(src="images")(kernels.scale_shift.bind(scale=0.5))
    lighter = apply_parallel(src="images", dst="lighter")(kernels.scale_shift)
    mirrored = apply_parallel(src="masks")(kernels.flip)
    turned = apply_parallel(src="images")(kernels.flip)

    def _pairs(self):
        return list(self.images)

    def _gather(self, results):
        return results


class PerItem:
    """An expression with a value for each item."""

    def __init__(self, values):
        self.values = values

    def item_values(self, batch, n):
        return self.values


@pytest.fixture
def batch():
    batch = Images(np.arange(10, 20))
    batch.images = np.arange(10 * 6, dtype=np.uint8).reshape(10, 2, 3)
    batch.masks = np.ones((10, 2), np.float32)
    return batch


def test_apply_parallel_runs_a_bound_kernel(batch):
    before = batch.images.copy()
    assert batch.apply_parallel(kernels.invert.bind(), src="images") is batch
    assert_array_equal(batch.images, 255 - before)


def test_apply_parallel_takes_parameters_of_an_unbound_kernel(batch):
    batch.apply_parallel(kernels.clip, src="images", low=5, high=20)
    assert (batch.images.min(), batch.images.max()) == (5, 20)


def test_apply_parallel_adds_parameters_to_a_bound_kernel(batch):
    batch.apply_parallel(kernels.clip.bind(low=1, high=30), src="images", low=5, high=20)
    assert (batch.images.min(), batch.images.max()) == (5, 20)


def test_a_default_of_dst_in_the_signature_does_not_count():
    class Kernels(Batch):
        components = "images"

        @inbatch_parallel(init="images", post="_assemble", target="native")
        def invert(self, dst="images"):
            return kernels.invert

        @inbatch_parallel(init="images", post="_assemble", target="native", dst="images")
        def told(self):
            return kernels.invert

    batch = Kernels.from_data(data={"images": np.zeros((2, 3), np.uint8)})
    with pytest.raises(ComponentError, match="in the call or to the decorator"):
        batch.invert()
    assert batch.invert(dst="images").images.max() == 255
    assert batch.told().images.max() == 0


@pytest.mark.parametrize("chained", [False, True])
def test_values_of_another_number_of_items_name_kernel_and_parameter(batch, chained):
    kernel = kernels.scale_shift.bind(scale=P([1.0, 2.0]))
    if chained:
        kernel = kernels.chain(kernels.flip, kernel)
    told = rf"^scale_shift: scale: P.* has 2 values for the {len(batch)} items.*is scale_shift\(x"
    with pytest.raises(ValueError, match=told):
        batch.apply_parallel(kernel, src="images")


def test_a_new_component_is_added(batch):
    batch.apply_parallel(kernels.cast.bind(dtype="float64"), src="images", dst="wide")
    assert batch.wide.dtype == np.float64
    assert_array_equal(batch.wide, batch.images)


def test_lists_of_components(batch):
    images = batch.images.copy()
    batch.apply_parallel(kernels.invert.bind(), src=["images", "masks"])
    assert_array_equal(batch.images, 255 - images)
    assert_array_equal(batch.masks, np.zeros((10, 2)))


def test_views_taken_before_keep_their_bytes(batch):
    view = batch.images[:]
    before = view.copy()
    batch.apply_parallel(kernels.invert.bind(), src="images")
    assert_array_equal(view, before)


def test_p_chooses_the_items(batch):
    before = batch.images.copy()
    chosen = [True, False] * 5
    batch.apply_parallel(kernels.invert.bind(), src="images", p=chosen)
    assert_array_equal(batch.images[::2], 255 - before[::2])
    assert_array_equal(batch.images[1::2], before[1::2])


def test_p_of_zero_leaves_everything(batch):
    before = batch.images.copy()
    batch.apply_parallel(kernels.invert.bind(), src="images", p=0)
    assert_array_equal(batch.images, before)


def test_parameters_per_item(batch):
    before = batch.masks.copy()
    scale = PerItem(np.arange(10))
    batch.apply_parallel(kernels.scale_shift.bind(scale=scale), src="masks", p=[1] * 5 + [0] * 5)
    assert_array_equal(batch.masks[:5], before[:5] * np.arange(5)[:, None])
    assert_array_equal(batch.masks[5:], before[5:])


def test_parameters_per_item_of_the_wrong_length(batch):
    with pytest.raises(ValueError, match="scale has 3 values for 10 items"):
        batch.apply_parallel(kernels.scale_shift.bind(scale=PerItem([1, 2, 3])), src="masks")


def test_parameters_per_item_of_the_wrong_type(batch):
    with pytest.raises(TypeError, match="one number for each item"):
        batch.apply_parallel(kernels.scale_shift.bind(scale=PerItem(["a"] * 10)), src="masks")


def test_a_parameter_that_cannot_differ():
    with pytest.raises(TypeError, match="dtype is the same for all items"):
        kernels.cast.bind(dtype=PerItem(["uint8"]))


def test_parameters_per_item_need_a_batch():
    with pytest.raises(TypeError, match="runs on a batch"):
        kernels.scale_shift.bind(scale=PerItem([1]))(np.zeros(3))


def test_a_failing_item_is_named_and_the_batch_stays(batch):
    before = batch.masks.copy()
    low = PerItem([0, 0, 0, np.nan, 0, np.nan, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"item 13 \(position 3\).*clip: low is NaN") as caught:
        batch.apply_parallel(kernels.clip.bind(low=low), src="masks")
    assert isinstance(caught.value, ActionError)
    assert (caught.value.item_id, caught.value.position) == (13, 3)
    assert caught.value.component == "masks"
    assert_array_equal(batch.masks, before)


def test_a_failing_item_is_named_by_its_position_in_the_batch_under_p(batch):
    low = PerItem([np.nan if position == 7 else 0 for position in range(10)])
    with pytest.raises(ActionError) as caught:
        batch.apply_parallel(kernels.clip.bind(low=low), src="masks", p=[0] * 6 + [1] * 4)
    assert (caught.value.item_id, caught.value.position) == (17, 7)


def test_items_that_are_not_arrays_of_numbers(batch):
    batch.add_components("names", np.array([str(n) for n in range(10)]))
    with pytest.raises(TypeError, match=r"x has to be bool .*invert\(x\)"):
        batch.apply_parallel(kernels.invert.bind(), src="names")


def test_ragged_components(batch):
    batch.store("masks", Ragged.from_items([np.full(n + 1, 0.25) for n in range(10)]))
    batch.apply_parallel(kernels.invert.bind(), src="masks")
    assert all((batch.masks[n] == 0.75).all() for n in range(10))


@pytest.mark.parametrize(
    ("src", "dst", "message"),
    [
        ("nothing", None, "no component 'nothing'"),
        ("images", ("a", "b"), "gives 1 component"),
        (np.zeros((10, 2)), None, "give dst="),
    ],
)
def test_components_that_do_not_fit(batch, src, dst, message):
    with pytest.raises(ComponentError, match=message):
        batch.apply_parallel(kernels.invert.bind(), src=src, dst=dst)


def test_data_instead_of_a_component(batch):
    batch.apply_parallel(kernels.invert.bind(), src=np.zeros((10, 2)), dst="made")
    assert_array_equal(batch.made, np.ones((10, 2)))


def test_init_and_post_are_used(batch):
    got = batch.apply_parallel(
        kernels.invert.bind(), init=[np.zeros(2)] * 10, post=lambda results: results
    )
    assert_array_equal(got, np.ones((10, 2)))


def test_random_streams_are_refused(batch):
    with pytest.raises(TypeError, match="requires_rng"):
        batch.apply_parallel(kernels.invert.bind(), src="images", requires_rng=True)


def test_a_method_returns_the_kernel(batch):
    results = batch.clipped(7)
    assert len(results) == 10
    assert_array_equal(results, np.minimum(batch.images, 7))


def test_a_method_gets_parameters_per_item_unevaluated(batch):
    results = batch.clipped(PerItem(np.arange(10)))
    assert_array_equal(results, np.minimum(batch.images, np.arange(10)[:, None, None]))


def test_init_of_a_method_gives_the_items(batch):
    assert_array_equal(batch.inverted(), 255 - batch.images)


def test_a_method_that_returns_no_kernel(batch):
    with pytest.raises(TypeError, match="no_kernel has to return a kernel"):
        batch.no_kernel()


def test_a_method_that_takes_the_item_is_told_how_it_is_called(batch):
    with pytest.raises(TypeError, match=r"with_item: missing .*'image'.*not the items"):
        batch.with_item()


def test_a_kernel_stands_for_a_method_of_one_item(batch):
    before = batch.images.copy()
    assert batch.darker() is batch
    assert_array_equal(batch.images, np.rint(before / 2).astype(np.uint8))
    batch.images = before
    batch.lighter(scale=2, shift=1)
    assert_array_equal(batch.lighter, before * 2 + 1)


def test_a_kernel_that_stands_for_several_methods_is_shared(batch):
    images, masks = batch.images.copy(), batch.masks.copy()
    batch.masks = np.arange(20, dtype=np.float32).reshape(10, 1, 2)
    batch.mirrored()
    assert_array_equal(batch.masks[:, 0, 0], np.arange(1, 20, 2))
    assert_array_equal(batch.images, images)
    batch.turned()
    assert_array_equal(batch.images, images[:, :, ::-1])
    assert masks.shape == (10, 2)


def test_the_kernel_for_one_item_stays(batch):
    assert batch._darker_(np.uint8([4, 8])).tolist() == [2, 4]


def test_a_kernel_is_made_an_action_of_a_class(batch):
    class Own(Images):
        pass

    Own.use_apply_parallel(kernels.invert, src="images")
    made = Own(3)
    made.images = np.uint8([1, 2, 3])
    assert made.invert().images.tolist() == [254, 253, 252]


def test_a_kernel_as_a_method_in_a_pipeline():
    dataset = Dataset(10, Images, preloaded=(np.arange(10, dtype=np.uint8), None))
    pipeline = dataset.p.darker()
    assert "kernel scale_shift(scale=0.5), images in place" in str(pipeline.explain())
    assert pipeline.next_batch(10).images.tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 4, 4]


@pytest.mark.parametrize(
    ("options", "together"),
    [
        ({}, True),
        ({"p": 0.5}, True),
        ({"scale": P(R("uniform", 0, 2))}, True),
        ({"n_workers": 1}, False),
        ({"timeout": 100}, False),
        ({"debug": True, "target": "for"}, False),
    ],
)
def test_kernels_as_methods_go_in_one_pass(options, together):
    class Own(Batch):
        components = "images"
        mirror = apply_parallel(src="images")(kernels.flip)
        noise = apply_parallel(src="images")(kernels.additive_noise.bind(std=5))
        scale = apply_parallel(src="images", scale=0.5)(kernels.scale_shift)

    images = np.random.default_rng(0).integers(0, 256, (20, 8, 9), dtype=np.uint8)
    pipeline = Dataset(20, Own, preloaded=images).p.mirror().noise().scale(**options)
    assert ("one pass with steps 0 to 2" in str(pipeline.explain())) is together

    made = [
        next(pipeline.gen_batch(20, shuffle=1, seed=3, fuse=fuse)).images for fuse in (True, False)
    ]
    assert_array_equal(*made)
    assert made[0].shape == (20, 8, 9)


def test_what_the_decorator_says_is_kept_in_one_pass():
    class Own(Batch):
        components = "images"
        mirror = apply_parallel(src="images", p=0.5)(kernels.flip)
        halve = apply_parallel(src="images", scale=0.5)(kernels.scale_shift)

    images = np.random.default_rng(0).integers(0, 256, (20, 8, 9), dtype=np.uint8)
    pipeline = Dataset(20, Own, preloaded=images).p.halve().mirror().halve(scale=0.25)
    made = [next(pipeline.gen_batch(20, seed=3, fuse=fuse)).images for fuse in (True, False)]
    assert_array_equal(*made)
    flipped = (made[0] != np.rint(np.rint(images / 2) / 4)).any(axis=(1, 2))
    assert 0 < flipped.sum() < 20


def test_the_target_runs_kernels_on_calls():
    calls = Calls(3, ([np.zeros(2), np.ones(3), np.zeros(1)],))
    results = targets.run("n", kernels.invert, calls)
    assert [result.tolist() for result in results] == [[1, 1], [0, 0, 0], [1]]
    results = targets.run(
        "native", kernels.clip, Calls(2, (Constant(np.arange(3.0)),), {"high": 1})
    )
    assert_array_equal(results, [[0, 1, 1]] * 2)


def test_the_target_refuses_python_functions():
    with pytest.raises(TypeError, match=r"runs kernels.*threads"):
        targets.run("native", abs, Calls(1, ([1],)))


def test_a_kernel_in_a_pipeline():
    dataset = Dataset(20, Images)
    pipeline = (
        dataset.pipeline()
        .load(src=(np.full((20, 4), 0.25), np.zeros((20, 1))))
        .apply_parallel(kernels.scale_shift.bind(scale=4), src="images")
    )
    for made in pipeline.gen_batch(5):
        assert_array_equal(made.images, np.ones((5, 4)))


def test_parameters_of_a_bound_kernel_may_be_named_expressions():
    pipeline = Dataset(6, Images).p.load(src=(np.full((6, 4), 0.5), np.zeros((6, 1))))
    bound = kernels.scale_shift.bind(scale=C("scale"), shift=P(R([1.0, 2.0])))
    pipeline = pipeline.apply_parallel(bound, src="images")
    made = (pipeline << Dataset(6, Images)).set_config({"scale": 4}).next_batch(6)
    assert set(made.images[:, 0].tolist()) <= {3.0, 4.0}
    assert "C('scale')" in repr(bound)
    with pytest.raises(TypeError, match="named expressions as parameters: it runs on a batch"):
        kernels.clip.bind(low=C("low"))(np.zeros(3))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lo": C("low")}, "has no parameter lo"),
        ({"scale": C("a"), "sift": 1}, "no parameter sift"),
    ],
)
def test_names_are_checked_before_expressions_have_values(params, message):
    with pytest.raises(TypeError, match=message):
        kernels.scale_shift.bind(**params)


def test_a_parameter_that_is_missing_beside_an_expression():
    with pytest.raises(TypeError, match=r"parameter dtype is missing.*cast\(x, \*, dtype"):
        kernels.cast.bind()
