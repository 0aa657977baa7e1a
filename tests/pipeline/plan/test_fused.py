"""Native steps that are carried out in one pass give what they give one by one."""

from __future__ import annotations

import numpy as np
import pytest

from ironbatch import B, Batch, C, Dataset, P, Pipeline, R, V, kernels
from ironbatch.components import pool_stats

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 10, 3), dtype=np.uint8)


class Pictures(Batch):
    components = "images", "masks"


class Own(Pictures):
    """Looks at what its parallel actions do."""

    def apply_parallel(self, func, *args, **kwargs):
        self.__dict__.setdefault("seen", []).append(func)
        return super().apply_parallel(func, *args, **kwargs)


def dataset(cls=Pictures):
    return Dataset(40, cls, preloaded=(IMAGES, IMAGES[..., :1]))


def together(chain):
    """Whether the plan carries out some steps of a chain together."""
    (line,) = [line for line in str(chain.explain()).splitlines() if "one pass" in line][:1] or [""]
    return bool(line)


def run(chain, **options):
    made = [
        (batch.indices.tolist(), batch.images, batch.masks)
        for batch in chain.gen_batch(8, shuffle=3, n_epochs=1, **options)
    ]
    return [(ids, np.asarray(images).tobytes(), masks.tobytes()) for ids, images, masks in made]


def chains():
    p = dataset().p
    native = {"src": "images"}
    yield (
        "constants",
        (
            p.apply_parallel(kernels.crop.bind(size=[6, 6], origin=[1, 2]), **native)
            .apply_parallel(kernels.flip, **native)
            .apply_parallel(kernels.standardize.bind(mean=[1.0, 2, 3], std=[4.0, 5, 6]), **native)
        ),
    )
    yield (
        "parameters of the call",
        (
            p.apply_parallel(kernels.scale_shift, scale=0.5, **native)
            .apply_parallel(kernels.clip, low=3, high=C("top"), **native)
            .apply_parallel(kernels.gamma, gamma=V("gamma"), **native)
        )
        .set_config({"top": 90})
        .init_variable("gamma", 0.5),
    )
    yield (
        "draws per item",
        (
            p.apply_parallel(kernels.scale_shift.bind(scale=P(R("uniform", 0, 2))), **native)
            .apply_parallel(kernels.scale_shift.bind(shift=P(R("normal", 0, 9))), **native)
            .apply_parallel(kernels.gamma.bind(gamma=R("uniform", 1, 2)), **native)
        ),
    )
    yield (
        "another first component",
        (
            p.apply_parallel(kernels.invert, src="images", dst="masks").apply_parallel(
                kernels.flip.bind(axis=0), src="masks", dst="masks"
            )
        ),
    )
    yield (
        "in the middle",
        (
            p.update(V("n"), B.size)
            .apply_parallel(kernels.flip, **native)
            .apply_parallel(kernels.invert, **native)
            .apply_parallel(np.copy, src="images", target="for")
            .apply_parallel(kernels.invert, **native)
            .apply_parallel(kernels.flip, **native)
        ).init_variable("n", 0),
    )
    inner = (
        Pipeline()
        .apply_parallel(kernels.flip, **native)
        .apply_parallel(kernels.clip.bind(high=99), **native)
    )
    yield "nested", p + inner * 2
    yield (
        "chains of kernels",
        (
            p.apply_parallel(kernels.chain(kernels.flip, kernels.invert), **native).apply_parallel(
                kernels.clip.bind(high=99), **native
            )
        ),
    )
    yield (
        "for some of the items",
        (
            p.apply_parallel(kernels.crop.bind(size=[6, 6], origin=[1, 2]), **native)
            .apply_parallel(kernels.flip, p=0.5, **native)
            .apply_parallel(kernels.invert, p=R("uniform", 0, 1), **native)
            .apply_parallel(kernels.clip.bind(high=P(R("integers", 50, 200))), p=0.7, **native)
            .apply_parallel(kernels.invert, p=0, **native)
        ),
    )
    yield (
        "nothing but some of the items",
        (
            p.apply_parallel(kernels.flip, p=0.5, src="images", dst="masks")
            .apply_parallel(kernels.chain(kernels.invert, kernels.flip), p=0.3, src="masks")
            .apply_parallel(kernels.flip, p=1.0, src="masks")
        ),
    )
    brighter = kernels.chain(kernels.scale_shift.bind(shift=B.images.min()), kernels.flip)
    yield (
        "expressions that see the batch",
        (
            p.apply_parallel(kernels.invert, **native)
            .apply_parallel(kernels.clip.bind(low=50), **native)
            .apply_parallel(brighter, **native)
        ),
    )


CHAINS = dict(chains())


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("options", [{}, {"prefetch": 3}, {"on_error": "skip"}, {"profile": True}])
def test_the_bytes_are_those_of_steps_one_by_one(name, options):
    chain = CHAINS[name]
    assert name == "nested" or together(chain)
    assert run(chain, **options) == run(chain, fuse=False, **options)


def test_the_bytes_are_the_same_from_worker_processes():
    chain = CHAINS["draws per item"]
    assert run(chain, prefetch=2, target="mpc") == run(chain, fuse=False)


def native_steps(p):
    return p.apply_parallel(kernels.flip, src="images").apply_parallel(
        kernels.clip.bind(high=99), src="images"
    )


def test_a_profile_shows_a_group_as_one_action():
    fused = native_steps(dataset().p).run(8, profile=True)
    assert [action.name for action in fused.profile.actions] == ["create_batch", "flip + clip"]
    apart = native_steps(dataset().p).run(8, profile=True, fuse=False)
    names = [action.name for action in apart.profile.actions]
    assert names == ["create_batch", "apply_parallel", "apply_parallel"]


def test_only_the_last_result_is_a_column():
    images = np.zeros((8, 50, 50), np.float64)
    chain = Dataset(8, Pictures, preloaded=(images, None)).p
    for _ in range(4):
        chain = chain.apply_parallel(kernels.scale_shift.bind(shift=1), src="images")

    def columns(fuse):
        before = pool_stats()
        (batch,) = chain.gen_batch(8, fuse=fuse)
        assert (batch.images == 4).all()
        after = pool_stats()
        return sum(after[name] - before[name] for name in ("hits", "misses"))

    # The preloaded rows are not gathered either.
    assert columns(True) == columns(False) - 4 == 1


def test_data_that_is_read_in_the_pass_is_not_changed_and_still_there():
    before = IMAGES.copy()
    chain = (
        dataset()
        .p.apply_parallel(kernels.invert, src="images", dst="masks")
        .apply_parallel(kernels.flip, src="masks")
    )
    for batch in chain.gen_batch(8, shuffle=3, n_epochs=1):
        np.testing.assert_array_equal(batch.images, before[batch.indices])
        np.testing.assert_array_equal(batch.masks, 255 - before[batch.indices][:, :, ::-1])
    np.testing.assert_array_equal(IMAGES, before)


def test_what_a_batch_holds_already_is_read_instead_of_its_data():
    chain = native_steps(dataset().p.load(src=IMAGES[::-1].copy(), dst="images"))
    for batch in chain.gen_batch(8, shuffle=3, n_epochs=1):
        expected = IMAGES[::-1][batch.indices][:, :, ::-1].clip(max=99)
        np.testing.assert_array_equal(batch.images, expected)


@pytest.mark.parametrize("ids", [[5, 3, 4, 9], ["c", "a", "b", "d"]])
def test_rows_are_those_of_the_ids(ids):
    data = IMAGES[:10] if ids[0] == 5 else IMAGES[:4]
    chain = native_steps(Dataset(ids, Pictures, preloaded=(data, None)).p)
    assert run_images(chain) == run_images(chain, fuse=False)


def run_images(chain, **options):
    made = chain.gen_batch(3, shuffle=1, n_epochs=1, **options)
    return [(batch.indices.tolist(), batch.images.tobytes()) for batch in made]


def test_a_kept_batch_is_not_overwritten():
    chain = native_steps(dataset().p)
    kept = [batch.images for batch in chain.gen_batch(8, n_epochs=1, prefetch=2)]
    for _ in chain.gen_batch(8, n_epochs=3, prefetch=2):
        pass
    expected = IMAGES[:, :, ::-1].clip(max=99).reshape(5, 8, *IMAGES.shape[1:])
    for made, right in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(made, right)


def test_a_step_for_some_items_that_changes_their_shape_is_carried_out_by_itself():
    chain = (
        dataset()
        .p.apply_parallel(kernels.flip, src="images")
        .apply_parallel(kernels.crop.bind(size=[6, 6]), p=0.5, src="images")
    )

    def shapes(**options):
        batches = chain.gen_batch(8, shuffle=3, n_epochs=1, **options)
        return [[item.shape for item in batch.images] for batch in batches]

    made = shapes()
    assert made == shapes(fuse=False)
    assert len({shape for shapes in made for shape in shapes}) == 2


def test_classes_that_override_parallel_actions_are_left_alone():
    chain = native_steps(dataset(Own).p)
    (batch, *_) = chain.gen_batch(8)
    assert len(batch.seen) == 2


def test_a_batch_of_a_class_that_was_not_known_is_looked_at():
    template = native_steps(Pipeline())
    (batch, *_) = (dataset(Own) >> template).gen_batch(8)
    assert len(batch.seen) == 2


@pytest.mark.parametrize("fuse", [True, False])
def test_errors_name_the_step_and_the_item(fuse):
    images = np.array([np.zeros((8, 8)), np.zeros((4, 8)), np.zeros((9, 9))], dtype=object)
    chain = (
        Dataset(["a", "b", "c"], Pictures, preloaded=(images, None))
        .p.apply_parallel(kernels.flip, src="images")
        .apply_parallel(kernels.center_crop.bind(size=[6, 6]), src="images")
    )
    with pytest.raises(ValueError, match=r"center_crop.*'b'") as caught:
        chain.run(3, fuse=fuse)
    assert any("step 1.apply_parallel" in note for note in caught.value.__notes__)
    (batch,) = chain.gen_batch(3, on_error="skip", fuse=fuse)
    assert batch.indices.tolist() == ["a", "c"]
    assert batch.images.shape == (2, 6, 6)
    assert [failure.item_id for failure in chain.failures] == ["b"]


def test_errors_of_arguments_are_those_of_steps_one_by_one():
    chain = (
        dataset()
        .p.apply_parallel(kernels.flip, src="images")
        .apply_parallel(kernels.clip, high=C("absent"), src="images")
    )
    with pytest.raises(KeyError, match="absent") as fused:
        chain.run(8)
    with pytest.raises(KeyError, match="absent") as apart:
        chain.run(8, fuse=False)
    assert fused.value.__notes__ == apart.value.__notes__


def test_kernels_that_cannot_follow_one_another_still_run():
    halves = np.zeros((4, 6), np.float64)
    chain = (
        Dataset(4, Pictures, preloaded=(halves, halves))
        .p.apply_parallel(kernels.threshold.bind(level=-1), src="images")
        .apply_parallel(kernels.one_hot.bind(classes=2), src="images")
    )
    (batch,) = chain.gen_batch(4)
    assert batch.images.shape == (4, 6, 2)
    assert batch.images[..., 1].all()


@pytest.mark.parametrize("fuse", ["no", 0, 1, None, "auto"])
def test_fuse_is_a_bool(fuse):
    chain = native_steps(dataset().p)
    calls = (
        lambda: chain.run(8, fuse=fuse),
        lambda: chain.gen_batch(8, fuse=fuse),
        lambda: chain.next_batch(8, fuse=fuse),
        lambda: chain.explain(fuse=fuse),
    )
    for call in calls:
        with pytest.raises(TypeError, match=f"fuse is True or False, got {fuse!r}"):
            call()
    assert next(chain.gen_batch(8, fuse=np.False_)).size == 8
