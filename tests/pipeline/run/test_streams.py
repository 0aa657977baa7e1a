"""Draws of different places of a run are different draws."""

import numpy as np
import pytest

import ironbatch
from ironbatch import PP, B, Dataset, F, P, Pipeline, R, action, inbatch_parallel


class Drawn(ironbatch.Batch):
    components = ("values",)

    @action
    def shift(self, by=None):
        """Add to each value a number of the batch, or one that is given."""
        self.values = self.values + (self.random.random() if by is None else by)
        return self

    @inbatch_parallel(init="indices", post="_collect", target="for")
    def put(self, item, value):
        return value

    def _collect(self, results, *args):
        self.values = np.array(results)
        return self

    @action
    def to_others(self):
        return Others.from_data(self.index, (self.values,))


class Others(Drawn):
    pass


def append_digit(value, rng):
    return value * 10 + rng.integers(10)


def add_noise(value, rng):
    return value + rng.random()


@pytest.fixture
def dataset():
    return Dataset(12, Drawn, preloaded=np.zeros(12))


def values(pipeline, batch_size=12, **kwargs):
    kwargs.setdefault("seed", 5)
    return [b.values.tolist() for b in pipeline.gen_batch(batch_size, **kwargs)]


def flat(pipeline, *args, **kwargs):
    return [value for part in values(pipeline, *args, **kwargs) for value in part]


noise = {"src": "values", "requires_rng": True, "target": "for"}


def test_a_nested_pipeline_draws_anew_at_each_repetition(dataset):
    part = Pipeline().apply_parallel(append_digit, **noise).do_nothing()
    digits = flat(dataset >> part * 2)
    assert any(number // 10 != number % 10 for number in digits)
    assert digits == flat(dataset >> part * 2, 5, prefetch=3)


def test_repetitions_of_repetitions_draw_anew(dataset):
    part = (Pipeline().apply_parallel(append_digit, **noise).do_nothing() * 2).do_nothing() * 2
    digits = np.array([[int(d) for d in f"{int(n):04d}"] for n in flat(dataset >> part)]).T
    assert len({tuple(row) for row in digits}) == 4


def test_the_chance_of_a_step_is_drawn_anew_at_each_repetition(dataset):
    part = (Pipeline().shift(1) @ 0.5).do_nothing() * 8
    totals = flat(dataset >> part, 1)
    assert {0.0, 8.0} != set(totals)
    assert 1 < np.mean(totals) < 7


def test_what_follows_rebatch_draws_other_numbers_by_item(dataset):
    digits = flat(
        dataset.p.apply_parallel(append_digit, **noise)
        .rebatch(12)
        .apply_parallel(append_digit, **noise)
        .rebatch(6)
        .apply_parallel(append_digit, **noise)
    )
    columns = np.array([[int(d) for d in f"{int(n):03d}"] for n in digits]).T
    assert len({tuple(row) for row in columns}) == 3


def test_what_follows_rebatch_draws_other_numbers_by_batch(dataset):
    once = dataset.p.shift().rebatch(6)
    first = flat(once, 4)[0]
    assert flat(once.shift(), 4)[0] - first != pytest.approx(first)


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("target", ["threads", "mpc"])
def test_a_batch_of_another_class_goes_on_drawing(dataset, prefetch, target):
    before = dataset.p.shift().to_others()
    first = flat(before)[0]
    both = flat(before.shift(), prefetch=prefetch, target=target)[0]
    assert both - first != pytest.approx(first)
    assert both == flat(dataset.p.shift().shift())[0]


def test_without_a_seed_the_chance_differs_from_batch_to_batch(dataset):
    pipeline = dataset.p.shift(1) @ 0.5
    found = {pipeline.execute_for(dataset.create_batch([0])).values[0] for _ in range(60)}
    assert found == {0.0, 1.0}


def test_with_a_seed_the_chance_is_the_same(dataset):
    pipeline = dataset.p.shift(1) @ 0.5
    found = {pipeline.execute_for(dataset.create_batch([0]), seed=3).values[0] for _ in range(9)}
    assert len(found) == 1


@pytest.mark.parametrize(
    "value",
    [
        P(R("random")),
        PP(R("random") + R("random")),
        PP(R("random", size=2).sum()),
        P(R("random", seed=3)),
        PP(R("random", seed=3)),
        P(R("normal", loc=R("uniform", 0, 1000))),
        P(R("normal", loc=R("uniform", 0, 1000, seed=1))),
        P(R("normal", loc=B.indices * 1000)),
        P(R("normal", loc=P(B.indices * 1000))),
        P(R(["a", "b", "c"], p=[0.5, 0.25, 0.25])),
    ],
    ids=repr,
)
def test_draws_by_item_do_not_depend_on_the_batch(dataset, value):
    pipeline = dataset.p.put(value)
    whole = flat(pipeline)
    assert len(set(whole)) > (1 if isinstance(whole[0], str) else 11)
    for batch_size in (1, 5):
        assert flat(pipeline, batch_size, prefetch=3) == whole


@pytest.mark.parametrize("parameter", [B.indices * 1000, P(B.indices * 1000)], ids=repr)
def test_an_array_gives_each_item_its_own_parameter(dataset, parameter):
    drawn = flat(dataset.p.put(P(R("normal", loc=parameter))), 5)
    assert np.abs(np.array(drawn) - np.arange(12) * 1000).max() < 6


def test_items_may_draw_values_of_different_shapes(dataset):
    batch = dataset.create_batch(range(12))
    drawn = list(P(R("normal", size=R("integers", 2, 9))).get(batch=batch))
    assert 1 < len({value.shape for value in drawn}) <= 7


def test_an_expression_with_a_seed_draws_the_same_in_each_run(dataset):
    pipeline = dataset.p.shift(R("random", seed=3))
    first = values(pipeline, 4, seed=1)
    assert values(pipeline, 4, seed=2, prefetch=3) == first
    assert len({row[0] for row in first}) == 3


def test_expressions_with_equal_seeds_draw_equal_values(dataset):
    one = flat(dataset.p.shift(R("random", seed=3)))
    two = flat(dataset.p.shift(R("random", seed=3)).shift(R("random", seed=3)))
    assert np.allclose(two, 2 * np.array(one))


def test_an_expression_with_a_seed_draws_anew_at_each_repetition(dataset):
    one = flat(dataset.p.shift(R("random", seed=3)))
    two = flat(dataset.p.shift(R("random", seed=3)) * 2)
    assert not np.allclose(two, 2 * np.array(one))


def test_a_draw_of_the_batch_inside_a_function_of_p_is_one_of_the_batch(dataset):
    def draw(batch):
        return [R("random").get(batch=batch) for _ in range(len(batch))]

    drawn = flat(dataset.p.put(P(F(draw)(B()))))
    assert np.shape(drawn) == (12,)
