"""`Batch.apply_parallel` and the decorator of that name."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, DatasetIndex, P, R, apply_parallel, inbatch_parallel
from ironbatch.errors import ActionError, ComponentError

TARGETS = ["for", "threads", "async", "mpc"]


class Scans(Batch):
    components = "images", "masks", "labels"


def scans(n: int = 4, **attributes: Any) -> Any:
    batch = Scans(DatasetIndex([10 * at for at in range(n)]), **attributes)
    batch.images = np.arange(n * 6, dtype="float64").reshape(n, 2, 3)
    batch.masks = np.ones((n, 2, 3))
    return batch


@pytest.mark.parametrize("target", TARGETS)
def test_results_replace_src(target: str) -> None:
    batch = scans()
    expected = batch.images * 2
    assert batch.apply_parallel(lambda x: x * 2, src="images", target=target) is batch
    np.testing.assert_array_equal(batch.images, expected)


def test_dst_gets_the_results_and_src_stays() -> None:
    batch = scans()
    before = batch.images.copy()
    batch.apply_parallel(np.sum, src="images", dst="labels")
    np.testing.assert_array_equal(batch.labels, before.sum((1, 2)))
    np.testing.assert_array_equal(batch.images, before)


def test_a_new_dst_is_added() -> None:
    batch = scans()
    batch.apply_parallel(np.sum, src="images", dst="sums")
    assert "sums" in batch.components
    np.testing.assert_array_equal(batch.sums, batch.images.sum((1, 2)))


def test_a_tuple_src_gives_the_function_a_tuple() -> None:
    batch = scans()
    seen = []

    def add(pair: Any) -> Any:
        seen.append(type(pair))
        image, mask = pair
        return image + mask

    expected = batch.images + batch.masks
    batch.apply_parallel(add, src=("images", "masks"), dst="labels", target="for")
    np.testing.assert_array_equal(batch.labels, expected)
    assert set(seen) == {tuple}


def test_a_tuple_dst_takes_one_value_for_each() -> None:
    batch = scans()
    images = batch.images.copy()
    batch.apply_parallel(lambda pair: (pair[1], pair[0]), src=("images", "masks"))
    np.testing.assert_array_equal(batch.masks, images)
    np.testing.assert_array_equal(batch.images, 1)


def test_several_dst_need_as_many_values() -> None:
    with pytest.raises(ComponentError, match=r"'images', 'masks'; for item 0 \(position 0\)"):
        scans().apply_parallel(lambda pair: 1, src=("images", "masks"), target="for")


def test_a_list_src_means_calls_of_their_own() -> None:
    batch = scans()
    expected = batch.images + 1
    batch.apply_parallel(lambda x, y: x + y, 1, src=["images", "masks"])
    np.testing.assert_array_equal(batch.images, expected)
    np.testing.assert_array_equal(batch.masks, 2)


def test_a_list_src_pairs_with_a_list_dst() -> None:
    batch = scans()
    batch.apply_parallel(np.sum, src=["images", "masks"], dst=["a", "b"])
    np.testing.assert_array_equal(batch.a, batch.images.sum((1, 2)))
    np.testing.assert_array_equal(batch.b, 6)


@pytest.mark.parametrize("dst", [["a"], "a", ["a", "b", "c"]])
def test_lists_of_unequal_length_are_refused(dst: Any) -> None:
    with pytest.raises(ValueError, match="equal length"):
        scans().apply_parallel(np.sum, src=["images", "masks"], dst=dst)


def test_data_may_be_given_as_src() -> None:
    batch = scans()
    batch.apply_parallel(lambda x: x + 1, src=np.arange(4), dst="labels")
    assert batch.labels.tolist() == [1, 2, 3, 4]


def test_items_that_are_tuples_are_one_argument() -> None:
    batch = scans(2)
    batch.labels = np.array([None, None])
    batch.labels[0] = (1, 2)
    batch.labels[1] = (3, 4)
    batch.apply_parallel(sum, src="labels", dst="sums")
    assert batch.sums.tolist() == [3, 7]


def test_arguments_reach_the_function() -> None:
    batch = scans()
    batch.apply_parallel(lambda x, y, *, z: y + z, 1, z=2, src="images", dst="labels")
    assert batch.labels.tolist() == [3] * 4


def test_src_and_dst_reach_functions_that_take_them() -> None:
    batch = scans()
    batch.apply_parallel(lambda x, src: src, src="images", dst="a", target="for")
    assert list(batch.a) == ["images"] * 4
    batch.apply_parallel(lambda x, dst: dst, src="images", dst="b", target="for")
    assert list(batch.b) == ["b"] * 4
    batch.apply_parallel(lambda x, **kw: str(sorted(kw)), src="images", dst="c", target="for")
    assert list(batch.c) == ["['dst', 'src']"] * 4


@pytest.mark.parametrize(
    "init", ["indices", lambda: [0, 10, 20, 30], [0, 10, 20, 30], np.arange(0, 40, 10), "_ids"]
)
def test_init_gives_the_items(init: Any) -> None:
    class Made(Scans):
        def _ids(self) -> Any:
            return self.indices

    batch = Made(DatasetIndex([0, 10, 20, 30]))
    batch.apply_parallel(lambda x: x + 1, init=init, dst="labels")
    assert batch.labels.tolist() == [1, 11, 21, 31]


def test_init_data_means_src() -> None:
    batch = scans()
    batch.apply_parallel(np.sum, init="data", src="masks", dst="labels")
    assert batch.labels.tolist() == [6] * 4


def test_a_callable_init_gets_what_it_takes() -> None:
    seen: dict[str, Any] = {}

    def init(src: Any, dst: Any, target: str, k: int) -> list[int]:
        seen.update(src=src, dst=dst, target=target, k=k)
        return [1, 2, 3, 4]

    scans().apply_parallel(lambda x, k: x, init=init, src="images", dst="a", target="for", k=5)
    assert seen == {"src": "images", "dst": "a", "target": "for", "k": 5}


def test_elements_of_init_spread() -> None:
    batch = scans(2)
    batch.apply_parallel(lambda x, y: x - y, init=[(5, 3), (9, 1)], dst="a")
    assert batch.a.tolist() == [2, 8]
    batch.apply_parallel(
        lambda x, y: x - y, init=[((5,), {"y": 1}), {"x": 1, "y": 0}], dst="b", target="for"
    )
    assert batch.b.tolist() == [4, 1]


@pytest.mark.parametrize("post", ["_mine", lambda results, dst: (results, dst)])
def test_post_gets_the_results(post: Any) -> None:
    class Made(Scans):
        def _mine(self, results: Any, dst: Any) -> Any:
            return results, dst

    batch = Made(DatasetIndex(2))
    made = batch.apply_parallel(lambda x: x, init=[1, 2], dst="a", post=post)
    assert made == ([1, 2], "a")


def test_post_sees_failures() -> None:
    def post(results: list[Any]) -> Any:
        return [type(result).__name__ for result in results]

    made = scans(2).apply_parallel(lambda x: 1 // x, init=[0, 1], post=post)
    assert made == ["ZeroDivisionError", "int"]


def test_an_overridden_assemble_is_used() -> None:
    class Made(Scans):
        def _assemble(self, all_results: Any, *args: Any, **kwargs: Any) -> Any:
            return super()._assemble([10 * x for x in all_results], *args, **kwargs)

    batch = Made(DatasetIndex(2))
    batch.apply_parallel(lambda x: x, init=[1, 2], dst="a")
    assert batch.a.tolist() == [10, 20]


def test_defaults_of_the_class_fill_in() -> None:
    class Made(Scans):
        apply_defaults = {"target": "for", "init": "indices", "post": "_names"}

        def _names(self, results: list[Any]) -> Any:
            return results

    batch = Made(DatasetIndex(3))
    names = batch.apply_parallel(lambda x: threading.current_thread().name)
    assert names == [threading.current_thread().name] * 3


def test_a_name_of_a_method_is_a_function() -> None:
    class Made(Scans):
        def double(self, x: int) -> int:
            assert isinstance(self, Made)
            return 2 * x

    batch = Made(DatasetIndex(2))
    batch.apply_parallel("double", init="indices", dst="a")
    assert batch.a.tolist() == [0, 2]


@pytest.mark.parametrize("p", [1.5, -0.1, 2, float("nan")])
def test_p_must_be_a_probability(p: Any) -> None:
    with pytest.raises(ValueError, match="p must be"):
        scans().apply_parallel(np.negative, src="images", p=p)


def test_p_of_another_type_or_length_is_refused() -> None:
    with pytest.raises(TypeError, match="p must be"):
        scans().apply_parallel(np.negative, src="images", p=object())
    with pytest.raises(ValueError, match="p has 2 values for 4 items"):
        scans().apply_parallel(np.negative, src="images", p=[0, 1])


def test_p_as_an_int_says_it_outright() -> None:
    batch = scans()
    before = batch.images.copy()
    batch.apply_parallel(np.negative, src="images", p=0)
    np.testing.assert_array_equal(batch.images, before)
    batch.apply_parallel(np.negative, src="images", p=1)
    np.testing.assert_array_equal(batch.images, -before)


def test_p_for_each_item() -> None:
    batch = scans()
    before = batch.images.copy()
    batch.apply_parallel(np.negative, src="images", p=[1, 0, 0, 1])
    np.testing.assert_array_equal(batch.images[0], -before[0])
    np.testing.assert_array_equal(batch.images[1:3], before[1:3])
    np.testing.assert_array_equal(batch.images[3], -before[3])


def test_p_as_a_named_expression() -> None:
    batch = scans()
    batch.apply_parallel(lambda x: x * 0 - 1, src="images", p=P([0, 1, 0, 0]))
    assert (batch.images[1] == -1).all()
    assert (batch.images[0] >= 0).all()


def test_p_applies_to_about_that_share() -> None:
    batch = scans(1000)
    batch.random_seed = 3
    batch.apply_parallel(lambda x: x * 0 - 1, src="images", p=0.25)
    applied = int((batch.images[:, 0, 0] == -1).sum())
    assert 190 < applied < 310


def drawn(ids: Any, target: str, seed: int = 5, **options: Any) -> dict[int, float]:
    batch = Scans(DatasetIndex(np.asarray(ids)))
    batch.random_seed = seed
    batch.apply_parallel(
        lambda x, rng: rng.random(), init="indices", dst="a", target=target, **options
    )
    return dict(zip(batch.indices.tolist(), batch.a.tolist(), strict=True))


@pytest.mark.parametrize("target", TARGETS)
def test_rng_depends_on_the_id_and_not_on_batch_or_target(target: str) -> None:
    whole = drawn(range(100), "for", requires_rng=True)
    assert len(set(whole.values())) == 100
    part = drawn(range(99, 30, -3), target, requires_rng=True)
    assert part == {key: whole[key] for key in part}


def test_rng_depends_on_the_seed_and_on_the_call() -> None:
    assert drawn(range(9), "for", requires_rng=True) != drawn(
        range(9), "for", seed=6, requires_rng=True
    )
    batch = Scans(DatasetIndex(5))
    draws = [
        batch.apply_parallel(
            lambda x, rng: rng.random(),
            init="indices",
            requires_rng=True,
            post=lambda results: results,
        )
        for _ in range(2)
    ]
    assert draws[0] != draws[1]


def test_concurrent_coroutines_have_streams_of_their_own() -> None:
    import asyncio

    async def item(x: int, rng: Any) -> float:
        rng.random()
        await asyncio.sleep(0.001)
        return float(rng.random())

    def plain(x: int, rng: Any) -> float:
        rng.random()
        return float(rng.random())

    made = []
    for function in (item, plain):
        batch = Scans(DatasetIndex(50))
        batch.random_seed = 1
        batch.apply_parallel(function, init="indices", dst="a", requires_rng=True)
        made.append(batch.a.tolist())
    assert made[0] == made[1]


def test_rng_seeds_make_a_generator_for_each_item() -> None:
    batch = scans(3)
    batch.apply_parallel(lambda x, rng: rng.random(), src="images", dst="a", rng_seeds=[1, 2, 3])
    expected = [np.random.Generator(np.random.SFC64(seed)).random() for seed in (1, 2, 3)]
    assert batch.a.tolist() == expected
    with pytest.raises(ValueError, match="2 seeds for 3 items"):
        batch.apply_parallel(lambda x, rng: 1, src="images", dst="a", rng_seeds=[1, 2])


def test_a_list_src_draws_once_for_all() -> None:
    batch = scans(50)
    batch.random_seed = 2
    batch.apply_parallel(
        lambda x, rng: np.full(2, rng.random()),
        src=["images", "masks"],
        dst=["a", "b"],
        requires_rng=True,
    )
    np.testing.assert_array_equal(batch.a, batch.b)
    before = batch.a.copy()
    batch.apply_parallel(lambda x: x + 10, src=["a", "b"], p=0.5)
    np.testing.assert_array_equal(batch.a, batch.b)
    assert 0 < (batch.a != before).sum() < 100


def test_named_expressions_give_each_item_its_value() -> None:
    batch = scans(3)
    batch.apply_parallel(
        lambda x, y, k: y + k, P([1, 2, 3]), k=P([10, 20, 30]), src="images", dst="a"
    )
    assert batch.a.tolist() == [11, 22, 33]
    batch.apply_parallel(lambda x, y: y, P(R("normal", 0, 1)), src="images", dst="b")
    assert len(set(batch.b.tolist())) == 3


def test_values_for_each_item_go_with_p() -> None:
    batch = scans(3)
    batch.labels = [0, 0, 0]
    batch.apply_parallel(lambda x, y: y, P([1, 2, 3]), src="labels", p=[1, 0, 1])
    assert batch.labels.tolist() == [1, 0, 3]


@pytest.mark.parametrize("target", TARGETS)
def test_a_failure_names_item_component_and_action(target: str) -> None:
    def broken(x: Any) -> Any:
        if x[0, 0] == 6:
            raise KeyError("missing")
        return x

    batch = scans()
    before = batch.images.copy()
    with pytest.raises(KeyError) as caught:
        batch.apply_parallel(broken, src="images", target=target)
    error = caught.value
    assert isinstance(error, ActionError)
    assert (error.item_id, error.position) == (10, 1)
    assert (error.component, error.action) == ("images", "broken")
    np.testing.assert_array_equal(batch.images, before)


def test_a_failure_under_p_has_its_position_in_the_batch() -> None:
    def broken(x: Any) -> Any:
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        scans().apply_parallel(broken, src="images", p=[0, 0, 1, 0])
    assert (caught.value.item_id, caught.value.position) == (20, 2)  # type: ignore[attr-defined]


def test_timeout_and_n_workers_reach_the_target() -> None:
    event = threading.Event()
    with pytest.raises(TimeoutError, match="item 0"):
        scans().apply_parallel(lambda x: event.wait(5), src="images", timeout=0.05, n_workers=2)
    event.set()
    with pytest.raises(ValueError, match="n_workers"):
        scans().apply_parallel(np.sum, src="images", n_workers=0)


def test_debug_lets_the_exception_through() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        scans().apply_parallel(lambda x: 1 // 0, src="images", target="for", debug=True)
    assert not isinstance(caught.value, ActionError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"src": "nothing"}, "no component 'nothing'; its components are: 'images', 'masks'"),
        ({"src": "labels"}, "'labels' is not set"),
        ({"init": [1, 2, 3, 4]}, "give dst="),
    ],
)
def test_wrong_components_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        scans().apply_parallel(np.sum, **options)


def test_neither_src_nor_init_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs src= .* or init="):
        scans().apply_parallel(np.sum)


def test_a_function_must_be_callable() -> None:
    with pytest.raises(TypeError, match="needs a callable"):
        scans().apply_parallel(5, src="images")


@pytest.mark.parametrize("target", TARGETS)
def test_results_of_varying_shape_are_ragged(target: str) -> None:
    batch = scans(3)
    batch.apply_parallel(lambda x: np.zeros(x), init=[1, 2, 3], dst="a", target=target)
    assert [item.shape for item in batch.a] == [(1,), (2,), (3,)]


# The decorator


class Marked(Scans):
    @apply_parallel(src="images", target="for")
    def scale(self, image: Any, by: float = 2.0) -> Any:
        """Scale."""
        assert isinstance(self, Marked)
        return image * by

    @apply_parallel
    def negative(self, image: Any) -> Any:
        return -image


def marked() -> Any:
    batch = Marked(DatasetIndex(3))
    batch.images = np.ones((3, 2))
    batch.masks = np.full((3, 2), 3.0)
    return batch


def test_a_marked_method_is_an_action_on_all_items() -> None:
    batch = marked()
    assert batch.scale() is batch
    assert (batch.images == 2).all()
    assert (batch.scale(by=5).images == 10).all()
    assert Marked.scale.__doc__ == "Scale."
    assert Marked.scale.action["use_lock"] is None


def test_the_method_for_one_item_stays() -> None:
    assert marked()._scale_(3, by=3) == 9


def test_a_call_wins_over_the_decorator() -> None:
    batch = marked()
    batch.scale(src="masks")
    assert (batch.masks == 6).all()
    assert (batch.images == 1).all()
    batch.scale(dst="labels")
    assert (batch.labels == 2).all()


def test_a_marked_method_without_arguments_takes_the_defaults() -> None:
    assert (marked().negative(src="images").images == -1).all()


@pytest.mark.parametrize("target", TARGETS)
def test_a_marked_method_runs_on_every_target(target: str) -> None:
    assert (marked().scale(target=target).images == 2).all()


def test_a_dst_that_was_the_replaced_src_follows_the_new_one() -> None:
    class Made(Scans):
        apply_defaults = {"target": "for", "src": "images", "dst": "images"}

        @apply_parallel
        def double(self, x: Any) -> Any:
            return 2 * x

    batch = Made(DatasetIndex(2))
    batch.images = [1, 2]
    batch.masks = [5, 6]
    batch.double(src="masks")
    assert batch.masks.tolist() == [10, 12]
    assert batch.images.tolist() == [1, 2]


def test_the_decorator_takes_keywords_only() -> None:
    with pytest.raises(ValueError, match="keyword arguments only"):
        apply_parallel("images")


@pytest.mark.parametrize("target", TARGETS)
def test_workers_see_the_batch(target: str) -> None:
    class Made(Batch):
        components = "values"

        @inbatch_parallel(init="indices", post="_gather", target="for")
        def look(self, item: int) -> Any:
            return self.pipeline is None, self.dataset is None, self.extra, self[item].values

        def _gather(self, results: Any) -> Any:
            return results

    batch = Made(DatasetIndex(3), extra="e")
    batch.values = [5, 6, 7]
    assert batch.look(target=target) == [(True, True, "e", value) for value in (5, 6, 7)]


def test_src_is_read_as_an_overridden_get_reads_it() -> None:
    class Doubled(Batch):
        components = "values"

        def get(self, item=None, component=None):
            return 2 * super().get(item, component)

    batch = Doubled.from_data(data=[1, 2, 3])
    batch.apply_parallel(lambda value: value + 1, src="values", dst="more", target="for")

    assert batch.more.tolist() == [3, 5, 7]
