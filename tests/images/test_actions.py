"""What holds for all actions on images."""

import inspect
import pickle

import numpy as np
import pytest

from ironbatch import B, Dataset, ImagesBatch, NumpySampler, P, R
from ironbatch.components import items_of

from .conftest import DENSE, DTYPES, GREY, RAGGED

# name, arguments; each is given by position and by keyword
ACTIONS = {
    "resize": ((4, None), "bilinear", False),
    "scale": (0.5, True, "top_left"),
    "crop": ("center", (3, 4), False),
    "put_on_background": (None, (1, 2)),
    "transform": ("affine", (1, 0.1, 0, 0.2, 1, 1), (7, 5)),
    "rotate": (30.0, "bilinear", True),
    "elastic_transform": (8.0, 2.0),
    "shift": ((1, -2), "wrap"),
    "pad": ((1, 2), 0, "edge"),
    "flip": ("ud",),
    "split_to_patches": ((2, 3), (2, 2), False),
    "invert": ("all",),
    "clip": (0.2, 90),
    "multiply": (1.5, True),
    "add": (0.5, True),
    "additive_noise": (0.1,),
    "multiplicative_noise": (0.1,),
    "salt": (0.2, 1),
    "cutout": ((1, 1), (2, 3), 1),
    "posterize": (3,),
    "enhance": ("cb", (0.5, 1.5)),
    "filter": ("BLUR",),
    "pil_convert": ("L",),
    "to_pil": (None,),
}
# None stands for the arguments above.
ON_KERNELS = [
    *((name, None) for name in ("resize", "crop", "pad", "flip", "invert")),
    ("split_to_patches", ((2, 3), (2, 2))),
    *((name, None) for name in ("clip", "multiply", "add", "rotate", "transform", "cutout")),
    *((name, None) for name in ("salt", "additive_noise", "multiplicative_noise")),
    ("scale", (1.3,)),
    ("crop", ("random", (3, 4))),
    ("crop", (P([(0, 0), "center", (0.3, 0.9), "top_right"]), (3, 2))),
    ("cutout", ("random", (3, 2), 5)),
    ("cutout", (P([(0, 0), "center", (0.3, 0.9), "top_right"]), P([2, 3, (2, 1), 4]), 3)),
    ("rotate", (P([1, 90, -30, 200.5]), "bicubic", False, None, 7, "constant")),
    ("rotate", (P([3, 4, -30, 170]), "nearest", False, (2, 3), 0, "reflect")),
    ("transform", ("extent", (1, 1, 5, 4), (6, 7), "bicubic", 0, "edge")),
    ("salt", (P([0, 0.1, 0.5, 1]), 3, (2, 3))),
    ("additive_noise", (P([0, 1, 5, 30]), True)),
    ("multiply", (P([0, 1, 5, 30]), True, False)),
]
OF_PILLOW = {"enhance", "filter", "pil_convert", "to_pil"}
UNSIGNED = {"posterize"} | OF_PILLOW


def arguments(name, dtype="u1", shapes=DENSE):
    args = ACTIONS[name]
    if name == "put_on_background":
        channels = shapes[0][2:]
        args = (np.ones((14, 13, *channels), dtype), *args[1:])
    if name == "elastic_transform":
        pytest.importorskip("scipy")
    if name in OF_PILLOW:
        pytest.importorskip("PIL")
    return args


def same(one, other):
    ones, others = list(items_of(one)), list(items_of(other))
    return len(ones) == len(others) and all(
        np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(np.asarray(a), np.asarray(b))
        for a, b in zip(ones, others, strict=True)
    )


def test_the_list_of_actions_is_complete():
    own = {
        name
        for name in dir(ImagesBatch)
        if hasattr(getattr(ImagesBatch, name), "action") and f"_{name}_" in dir(ImagesBatch)
    }
    assert own == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_arguments_go_by_position_and_by_keyword(make, name):
    args = arguments(name)
    names = [
        one for one in inspect.signature(getattr(ImagesBatch, name)).parameters if one != "self"
    ]
    by_position = getattr(make(), name)(*args)
    by_keyword = getattr(make(), name)(**dict(zip(names, args, strict=False)))
    assert same(by_position.images, by_keyword.images)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_pipeline_does_the_same(make, name):
    args = arguments(name)
    batch = make()
    dataset = Dataset(batch.index, ImagesBatch, preloaded={"images": batch.images})
    pipeline = getattr(dataset.pipeline(), name)(*args)
    first = next(pipeline.gen_batch(4, seed=5))
    again = next(pipeline.gen_batch(4, seed=5, prefetch=2))
    assert same(first.images, again.images)
    if name not in {"elastic_transform", "salt", "additive_noise", "multiplicative_noise"}:
        assert same(first.images, getattr(batch, name)(*args).images)


@pytest.mark.parametrize("shapes", [DENSE, GREY, RAGGED], ids=["dense", "grey", "ragged"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(ACTIONS) - OF_PILLOW))
def test_every_dtype_and_shape_is_kept(make, name, dtype, shapes):
    if name in UNSIGNED and np.dtype(dtype).kind != "u":
        pytest.skip("for unsigned integers")
    batch = make(dtype, shapes)
    getattr(batch, name)(*arguments(name, dtype, shapes))
    for item in items_of(batch.images):
        assert item.dtype == np.dtype(dtype)
        rank = len(shapes[0]) + (name == "split_to_patches")
        assert item.ndim == rank


@pytest.mark.parametrize("shapes", [DENSE, GREY, RAGGED], ids=["dense", "grey", "ragged"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8"])
@pytest.mark.parametrize(("name", "args"), ON_KERNELS)
def test_kernels_and_functions_give_the_same(make, name, args, dtype, shapes):
    args = arguments(name, dtype, shapes) if args is None else args
    natively = getattr(make(dtype, shapes), name)(*args)
    in_python = getattr(make(dtype, shapes), name)(*args, target="threads")
    assert same(natively.images, in_python.images)


@pytest.mark.parametrize(("name", "args"), ON_KERNELS)
def test_kernels_are_those_of_the_documentation(make, name, args):
    # With a target the Python function runs; a kernel says that it was asked for something else.
    called = []
    batch = make()
    batch.apply_parallel = lambda kernel, **options: called.append(kernel)
    args = arguments(name) if args is None else args
    getattr(batch, name)(*args, **({"drop_last": True} if name == "split_to_patches" else {}))
    assert len(called) == 1


@pytest.mark.parametrize("name", ACTIONS)
def test_images_of_pillow_are_taken(make, name):
    image = pytest.importorskip("PIL.Image")
    args = arguments(name)
    arrays = make()
    pictures = make()
    pictures.images = [image.fromarray(np.asarray(item)) for item in arrays.images]
    assert same(getattr(arrays, name)(*args).images, getattr(pictures, name)(*args).images)


def test_images_of_pillow_become_arrays_once(make):
    image = pytest.importorskip("PIL.Image")
    batch = make()
    arrays = batch.images.copy()
    batch.images = [image.fromarray(np.asarray(item)) for item in arrays]
    batch.flip(p=[1, 0, 1, 0])
    assert batch.images.dtype == np.uint8
    assert np.array_equal(batch.images[1::2], arrays[1::2])


def test_palettes_become_colours():
    image = pytest.importorskip("PIL.Image")
    picture = image.new("RGB", (4, 4), (255, 0, 0)).convert("P")
    batch = ImagesBatch(1)
    batch.images = [picture]
    assert batch.flip().images.shape == (1, 4, 4, 3)


@pytest.mark.parametrize("name", ["flip", "rotate", "salt", "crop"])
def test_p_leaves_items_as_they_are(make, name):
    args = arguments(name)
    args = ("center", (8, 6)) if name == "crop" else args[:1]
    batch, whole = make(), make()
    getattr(batch, name)(*args, p=[1, 0, 0, 1])
    getattr(whole, name)(*args)
    before = make().images
    assert np.array_equal(batch.images[1:3], before[1:3])
    assert np.array_equal(batch.images[::3], whole.images[::3])


@pytest.mark.parametrize("name", ["flip", "rotate"])
def test_p_chooses_the_same_items_for_all_components(make, name):
    batch = make(masks=True)
    batch.store("copies", batch.images.copy())
    getattr(batch, name)(*arguments(name)[:1], p=0.5, src=["images", "copies"])
    before = make().images
    changed = [
        not np.array_equal(one, other) for one, other in zip(batch.images, before, strict=True)
    ]
    assert same(batch.images, batch.copies)
    assert 0 < sum(changed) < 4


@pytest.mark.parametrize("dst", [None, "others"])
def test_p_may_leave_all_items_as_they_are(make, dst):
    batch = make()
    batch.rotate(P([1, 2, 3, 4]), center=(2, 1), p=[0, 0, 0, 0], dst=dst)
    batch.crop((0, 0), (2, 2), p=0, src=dst or "images")
    assert np.array_equal(getattr(batch, dst or "images"), make().images)
    assert np.array_equal(batch.images, make().images)


def test_p_must_be_a_probability(make):
    with pytest.raises(ValueError, match=r"p must be between 0 and 1, got 1\.5"):
        make(masks=True).flip(p=1.5, src=["images", "masks"])


def test_dst_is_another_component(make):
    batch = make()
    before = batch.images.copy()
    batch.flip(dst="flipped").rotate(90.0, src="images", dst="turned", expand=True)
    assert np.array_equal(batch.images, before)
    assert np.array_equal(batch.flipped, before[:, :, ::-1])
    assert np.array_equal(batch.turned, np.rot90(before, axes=(1, 2)))


def test_a_tuple_of_components_is_refused(make):
    with pytest.raises(TypeError, match=r"flip takes one image.*\['images', 'masks'\]"):
        make(masks=True).flip(src=("images", "masks"))


def test_a_wrong_argument_shows_the_signature(make):
    with pytest.raises(TypeError, match=r"flip: got an unexpected.*flip\(mode='lr', \*, src"):
        make().flip(way="up")


def test_an_expression_outside_of_a_pipeline_is_said(make):
    with pytest.raises(TypeError, match=r"rotate: angle=R\('uniform', 0, 9\) is evaluated by pipe"):
        make().rotate(R("uniform", 0, 9))


def test_values_for_each_item(make):
    batch = make()
    before = batch.images.copy()
    batch.multiply(P([0, 1, 0.5, 2])).flip(P(["lr", "ud", "lr", "ud"]))
    assert not batch.images[0].any()
    assert np.array_equal(batch.images[1], before[1, ::-1])
    expected = np.clip(before[3].astype(int) * 2, 0, 255)[::-1]
    assert np.array_equal(batch.images[3], expected)


def test_random_values_are_the_same_for_image_and_mask(make):
    batch = make(masks=True)
    batch.store("copies", batch.images.copy())
    batch.rotate(P(R("uniform", -40, 40)), src=["images", "copies"])
    batch.multiply(P(R("uniform", 0.5, 1.5)), src=["images", "copies"])
    assert same(batch.images, batch.copies)


@pytest.mark.parametrize("shapes", [DENSE, RAGGED], ids=["dense", "ragged"])
@pytest.mark.parametrize("target", [None, "for"])
def test_random_places_are_the_same_for_image_and_mask(make, shapes, target):
    batch = make("u1", shapes, masks=True)
    options = {} if target is None else {"target": target}
    batch.crop("random", (3, 4), src=["images", "masks"], **options)
    for image, mask in zip(items_of(batch.images), items_of(batch.masks), strict=True):
        assert np.array_equal(mask, image[:, :, 0] > 100)


def test_random_places_differ_between_items_and_stay_with_them(make):
    batch = ImagesBatch(40)
    batch.images = np.tile(np.arange(64, dtype=np.uint8).reshape(8, 8), (40, 1, 1))
    dataset = Dataset(batch.index, ImagesBatch, preloaded={"images": batch.images})
    pipeline = dataset.p.crop(origin="random", shape=(2, 2))
    whole = next(pipeline.gen_batch(40, seed=3)).images
    parts = [one.images for one in pipeline.gen_batch(8, seed=3, prefetch=2)]
    assert len({item.tobytes() for item in whole}) > 10
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("salt", (0.3,)),
        ("additive_noise", (20.0,)),
        ("multiplicative_noise", (0.5,)),
        ("elastic_transform", (9.0, 1.0)),
    ],
)
def test_what_is_drawn_depends_on_the_seed_and_not_on_the_batch(make, name, args):
    arguments(name)
    images = np.full((12, 8, 6), 90, np.uint8) + np.arange(6, dtype=np.uint8)
    dataset = Dataset(12, ImagesBatch, preloaded={"images": images})
    pipeline = getattr(dataset.p, name)(*args)
    state = np.random.get_state()[1].copy()
    whole = next(pipeline.gen_batch(12, seed=3)).images
    parts = [one.images for one in pipeline.gen_batch(5, seed=3, prefetch=2, drop_last=False)]
    other = next(pipeline.gen_batch(12, seed=4)).images
    assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(other, whole)
    assert not np.array_equal(whole[0], whole[1])
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("salt", (0.3, 2.5)),
        ("additive_noise", (5, True)),
        ("multiplicative_noise", (P([1, 2, 3, 4]), True)),
        ("cutout", ("random", (3, 2), 2.5)),
        ("crop", ("random", (3, 2))),
    ],
)
@pytest.mark.parametrize("target", [None, "for"])
@pytest.mark.parametrize("order", [1, -1])
def test_components_of_different_types_draw_the_same(make, name, args, target, order):
    def drawn(src):
        batch = make("f4")
        batch.store("others", make("u1").images)
        options = {} if target is None else {"target": target}
        getattr(batch, name)(*args, src=src, **options)
        return {one: getattr(batch, one) for one in ("images", "others")}

    together = drawn(["images", "others"][::order])
    assert same(together["images"], drawn("images")["images"])
    assert same(together["others"], drawn("others")["others"])


def test_masks_are_not_mixed_by_default(make):
    batch = make(masks=True)
    batch.masks = np.asarray(batch.masks) * 7
    batch.resize((13, 11), src=["images", "masks"]).rotate(20, src=["images", "masks"])
    batch.scale(0.7, src=["images", "masks"])
    assert set(np.unique(batch.masks)) <= {0, 7}


def test_an_interpolation_for_each_component(make):
    way = {"images": "nearest", "masks": "bilinear"}
    batch = make(masks=True).resize((16, 12), way, src=["images", "masks"])
    plain = make(masks=True).resize((16, 12), "nearest")
    assert np.array_equal(batch.images, plain.images)


def test_pillows_numbers_are_interpolations(make):
    assert same(make().resize((5, 5), 3).images, make().resize((5, 5), "bicubic").images)


def test_items_that_fail_leave_the_batch(make):
    batch = make("u1", RAGGED, masks=True)
    batch.crop("top_left", (6, 6), src=["images", "masks"], on_error="skip")
    assert batch.indices.tolist() == ["a", "c", "d"]
    assert batch.masks.shape == (3, 6, 6)


def test_a_failure_names_the_item_and_the_parameter(make):
    with pytest.raises(
        ValueError, match=r"crop.*'b'.*shape=\(6, 6\) is larger than.*\(5, 9, 3\)"
    ) as caught:
        make("u1", RAGGED).crop("top_left", (6, 6))
    assert caught.type.__name__.startswith("ActionError")


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("crop", ("middle", (2, 2)), "origin has to be one of center, top_left"),
        ("crop", ((0.5, 3), (2, 2)), "origin has to be two whole numbers"),
        ("crop", ((0, 0, 0), (2, 2)), "origin has to be one of"),
        ("crop", ((-1, 0), (2, 2)), "origin=(-1, 0): a box of shape (2, 2) does not lie within"),
        ("crop", ((7, 0), (2, 2)), "origin=(7, 0): a box"),
        ("crop", ("center", (2, 2, 2)), "shape has to be one number"),
        ("crop", ("center", 0), "shape has to be whole numbers, at least 1"),
        ("crop", ("center", 2.5), "shape has to be whole numbers"),
        ("crop", ("random", 90), "shape=(90, 90) is larger than an image of shape (8, 6, 3)"),
        ("crop", ((50, 0), 2, True), "lies beyond an image"),
        ("resize", ((None, None),), "size has None for both"),
        ("resize", ((0, 4),), "size has to be whole numbers, at least 1"),
        ("resize", ((4, 4), "best"), "interpolation has to be one of"),
        ("scale", (0,), "factor has to be above 0"),
        ("scale", (float("nan"),), "factor has to be above 0"),
        ("rotate", (float("nan"),), "angle has to be a finite number"),
        (
            "rotate",
            ([1, 2],),
            "angle has to be a finite number (one for each item goes into P(...))",
        ),
        ("rotate", ("up",), "angle has to be a finite number"),
        ("rotate", (5, "lanczos"), "interpolation has to be one of 'nearest', 'bilinear'"),
        ("rotate", (5, 0, False, (1,)), "center has to be a row and a column"),
        ("rotate", (5, 0, False, None, 0, "none"), "border has to be one of"),
        ("rotate", (5, 0, False, None, (1, 2)), "(1, 2); give one number, or one for each channel"),
        ("rotate", (5, 0, False, None, 256), "fill=256 does not fit uint8"),
        ("transform", ("bend", (1,)), "method has to be one of"),
        ("transform", ("affine", (1, 2)), "data has to be 6 finite numbers"),
        ("elastic_transform", (1, -1), "sigma has to be a finite number of at least 0"),
        ("elastic_transform", (float("inf"), 1), "alpha has to be a finite number"),
        ("shift", ((1.5, 0),), "offset has to be whole numbers"),
        ("shift", (1, "bounce"), "mode has to be 'const' or 'wrap'"),
        ("pad", (-1,), "border has to be whole numbers, at least 0"),
        ("pad", ((1, 2, 3),), "border has to be a number"),
        ("pad", (1, 300), "fill=300 does not fit uint8"),
        ("pad", (1, 0, "none"), "mode has to be one of"),
        ("flip", ("diagonal",), "mode has to be 'lr' or 'ud'"),
        ("invert", (5,), "channels=5: an image of shape"),
        ("clip", (9, 3), "low=9 is above high=3"),
        ("clip", ((1, 2), 9), "low has to be a number, or one for each of 3"),
        ("multiply", ("2",), "multiplier has to be a number"),
        ("add", ((1, 2),), "term has to be a number, or one for each of 3"),
        ("additive_noise", (-1,), "noise has to be a finite number of at least 0; got -1"),
        ("additive_noise", (lambda size: 0,), "noise has to be a number, a distribution"),
        ("additive_noise", (NumpySampler("normal"),), "noise has to be a number, a distribution"),
        ("salt", (2,), "p_noise has to be a finite number from 0 to 1; got 2"),
        ("salt", (0.5, 300), "color=300 does not fit uint8"),
        ("salt", (0.5, 3, 0), "size has to be whole numbers, at least 1"),
        ("cutout", ("center", 0, 0), "shape has to be whole numbers"),
        ("cutout", ("center", 2, "red"), "color has to be a number"),
        ("posterize", (9,), "bits=9: uint8 has 8"),
        ("pil_convert", ("colour",), "such as 'L', 'RGB', 'RGBA' or 'F'; got 'colour'"),
        ("posterize", (0,), "bits has to be whole numbers, at least 1"),
        ("enhance", ("x",), "layout has to be letters of 'hcbs'"),
        ("enhance", ("hc", (1,)), "layout has to be"),
        ("filter", ("os",), "mode has to be the name of a filter"),
        ("split_to_patches", (9,), "patch_shape=9: a box of shape"),
        ("split_to_patches", (2, 0), "stride has to be whole numbers"),
    ],
)
def test_bad_arguments_name_the_parameter_and_the_item(make, name, args, message):
    arguments(name)
    with pytest.raises((ValueError, TypeError), match=r"item 'a'") as caught:
        getattr(make(), name)(*args)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["enhance", "filter"])
def test_what_pillow_cannot_do_is_said(make, name):
    with pytest.raises(ValueError, match=f"{name} is done by Pillow on uint8.*float32"):
        getattr(make("f4"), name)(*arguments(name))


@pytest.mark.parametrize("name", ["flip", "rotate", "crop"])
def test_what_is_no_image_is_said(name):
    batch = ImagesBatch(2)
    batch.images = [1, 2]
    with pytest.raises(ValueError, match="an image has rows and columns"):
        getattr(batch, name)(*arguments(name))


def test_backgrounds_differ_by_item(make):
    batch = make()
    backgrounds = [np.full((10, 10, 3), number, np.uint8) for number in range(4)]
    batch.put_on_background(P(backgrounds), "center")
    assert batch.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_expressions_are_arguments(make):
    batch = make()
    dataset = Dataset(batch.index, ImagesBatch, preloaded={"images": batch.images})
    made = next(dataset.p.add(B.size, preserve_type=False).gen_batch(4))
    assert np.array_equal(made.images, batch.images.astype("f4") + 4)


def test_batches_and_pipelines_pickle(make):
    batch = pickle.loads(pickle.dumps(make().flip()))
    assert same(batch.images, make().flip().images)


def test_actions_run_in_processes(make):
    pytest.importorskip("cloudpickle")
    one = make().rotate(30.0, target="mpc", n_workers=1)
    assert same(one.images, make().rotate(30.0).images)


def test_an_own_action_calls_one_of_ours(make):
    from ironbatch import apply_parallel

    class Own(ImagesBatch):
        @apply_parallel(src="images")
        def twice(self, image):
            return self._flip_(self._pad_(image, 1), "ud")

    batch = Own(["a", "b", "c", "d"])
    batch.images = make().images
    assert same(batch.twice().images, make().pad(1).flip("ud").images)


def test_a_filter_whose_radius_is_drawn_for_each_item():
    batch = ImagesBatch(3)
    batch.images = x = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 3), np.uint8)
    batch.filter("GaussianBlur", P(np.array([0.0, 1.0, 2.0])))
    assert (batch.images[0] == x[0]).all()
    assert batch.images[1].std() > batch.images[2].std()
    batch.filter("GaussianBlur", P(R("uniform", 1, 4)))
