"""Actions on images that follow one another in a pipeline, in one pass over the items."""

import numpy as np
import pytest

from ironbatch import C, Dataset, ImagesBatch, P, R, kernels
from ironbatch._core import pool_stats
from ironbatch.components import items_of

from .conftest import DENSE, GREY, RAGGED, pictures

CHAINS = {
    "shapes": lambda p: p.crop("center", (4, 4)).flip("ud").pad(1, 7, "constant").crop((1, 2), 3),
    "values": lambda p: p.multiply(1.5).add(P(R("uniform", -20, 20))).clip(10, 90).invert(),
    "some of the items": lambda p: p.flip(p=0.5).invert(p=0.5).multiply(0.5, p=P(R("integers", 2))),
    "sizes": lambda p: p.resize((6, 5)).flip().resize(7, "nearest"),
    "with a kernel": lambda p: p.flip().apply_parallel(
        kernels.standardize.bind(channels="first"), src="images"
    ),
    "with what has no kernel": lambda p: p.flip().invert().posterize(3).flip("ud").invert(),
    "of which a pass knows too little": lambda p: p.flip().resize((None, 6)).crop("top_right", 3),
    "with floats": lambda p: p.multiply(0.5, preserve_type=False).add(1).flip(),
    "a place by item": lambda p: p.flip().crop(P(R("integers", 0, 3, size=2)), (2, 2)).invert(),
    "drawn": lambda p: (
        p.crop("random", (4, 4))
        .flip(p=0.5)
        .rotate(P(R("uniform", -40, 40)), p=0.7)
        .salt(0.2, 9)
        .cutout("random", 2, 1)
        .additive_noise(3)
        .multiplicative_noise(0.1)
    ),
    "from the config": lambda p: p.flip().multiply(C("by")).invert(),
}


def dataset(images):
    component = np.stack(images) if len({one.shape for one in images}) == 1 else images
    return Dataset(len(images), ImagesBatch, preloaded={"images": component})


def columns_made(chain, fuse):
    before = pool_stats()
    list(chain.gen_batch(4, fuse=fuse))
    after = pool_stats()
    return sum(after[name] - before[name] for name in ("hits", "misses"))


@pytest.mark.parametrize("shapes", [DENSE, GREY, RAGGED], ids=["dense", "grey", "ragged"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i8"])
@pytest.mark.parametrize("chain", CHAINS)
def test_the_bytes_are_those_of_actions_one_by_one(chain, dtype, shapes):
    if chain == "with what has no kernel" and dtype in ("f4", "i8"):
        pytest.skip("posterize takes unsigned integers")
    if chain == "with a kernel" and dtype == "i8":
        pytest.skip("kernels do not take it")
    pipeline = CHAINS[chain](dataset(pictures(dtype, shapes)).pipeline(config={"by": 1.5}))
    results = [
        [list(items_of(batch.images)) for batch in pipeline.gen_batch(3, seed=2, **options)]
        for options in ({"fuse": False}, {"fuse": True}, {"fuse": True, "prefetch": 2})
    ]
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            for a, b in zip(one, same, strict=True):
                assert a.dtype == b.dtype
                assert np.array_equal(a, b)


@pytest.mark.parametrize(("chain", "extra"), [("values", 4), ("sizes", 3), ("with floats", 3)])
def test_only_the_last_result_is_kept(chain, extra):
    pipeline = CHAINS[chain](dataset(pictures("u1", DENSE)).p)
    assert columns_made(pipeline, True) == columns_made(pipeline, False) - extra == 1


def test_explain_shows_what_goes_together():
    pipeline = dataset(pictures("u1", DENSE)).p.flip().invert().shift(5).clip(3, 9).add(1)
    text = pipeline.explain()
    assert text.count("native: kernel") >= 4
    assert len([line for line in text.splitlines() if "one pass" in line]) >= 2


def test_images_of_pillow_are_taken():
    image = pytest.importorskip("PIL.Image")
    arrays = pictures("u1", DENSE)
    given = np.empty(4, object)
    given[:] = [image.fromarray(one) for one in arrays]
    pipeline = Dataset(4, ImagesBatch, preloaded={"images": given}).p.flip().invert()
    batch = next(pipeline.gen_batch(4))
    assert np.array_equal(batch.images, 255 - np.stack(arrays)[:, :, ::-1])


def test_an_error_is_that_of_the_action():
    pipeline = dataset(pictures("u1", RAGGED)).p.flip().crop((0, 0), (6, 6)).invert()
    messages = []
    for fuse in (False, True):
        with pytest.raises(ValueError, match=r"crop.*shape=\(6, 6\) is larger") as caught:
            list(pipeline.gen_batch(4, fuse=fuse))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_what_are_no_images_is_said():
    rows = Dataset(4, ImagesBatch, preloaded={"images": np.zeros((4, 5), np.uint8)})
    with pytest.raises(ValueError, match="an image has rows and columns"):
        list(rows.p.invert().clip(1, 2).gen_batch(4))


def test_an_action_that_a_class_overrides_runs():
    from ironbatch import apply_parallel

    class Own(ImagesBatch):
        @apply_parallel(src="images", dst="images")
        def flip(self, image):
            return image * 0 + 5

    images = np.stack(pictures("u1", DENSE))
    pipeline = Dataset(4, Own, preloaded={"images": images}).p.invert().flip().clip(0, 90)
    assert (next(pipeline.gen_batch(4)).images == 5).all()
