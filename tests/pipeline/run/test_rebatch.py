from itertools import chain

import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, Dataset, Pipeline, V, action, apply_parallel


class Shifting(ironbatch.Batch):
    components = ("values",)

    @action
    def add_noise(self):
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @apply_parallel(src="values", target="for", requires_rng=True)
    def shift_items(self, value, rng):
        return value + rng.normal()


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(("size", "lengths"), [(3, [3, 3, 3, 1]), (10, [10]), (7, [7, 3])])
def test_batches_of_another_size(dataset, values, size, lengths, prefetch):
    pipeline = dataset.p.scale(2).rebatch(size).scale(10)
    got = values(pipeline, prefetch=prefetch)
    assert [len(one) for one in got] == lengths
    assert list(chain(*got)) == [20.0 * value for value in range(10)]


def test_items_come_in_the_order_of_the_run(dataset, values):
    plain = list(chain(*values(dataset.p, shuffle=3)))
    assert list(chain(*values(dataset.p.rebatch(3), shuffle=3))) == plain


def test_ids_are_kept(dataset):
    batches = dataset.p.rebatch(6).gen_batch(4)
    assert [batch.indices.tolist() for batch in batches] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]


def test_the_run_arguments_are_those_of_the_first_part(dataset, values):
    pipeline = dataset.p.rebatch(5)
    assert [len(one) for one in values(pipeline, n_iters=2)] == [5, 3]
    assert [len(one) for one in values(pipeline, drop_last=True, n_epochs=2)] == [5, 5, 5, 1]


def test_skipped_batches_are_not_missed(dataset, values):
    assert values(dataset.p.skip_at(5).rebatch(5)) == [[0, 1, 2, 3, 8], [9]]


def test_variables_are_those_of_the_whole(dataset):
    pipeline = dataset.p.init_variable("before", 0).update(V("before"), V("before") + 1)
    pipeline = pipeline.rebatch(2).init_variable("after", 0).update(V("after"), V("after") + 1)
    pipeline.run(5)
    assert (pipeline.v("before"), pipeline.v("after")) == (2, 5)


def test_the_size_may_be_an_expression(dataset, values):
    pipeline = (dataset >> Pipeline(config={"size": 5})).rebatch(C("size"))
    assert [len(one) for one in values(pipeline)] == [5, 5]


def test_a_dataset_given_later(dataset, values):
    template = Pipeline().scale(2).rebatch(5).scale(2)
    assert values(dataset >> template)[1] == [20.0, 24.0, 28.0, 32.0, 36.0]


def test_a_rebatch_on_the_right_of_a_sum(dataset, values):
    total = dataset.p.scale(2) + Pipeline().scale(5).rebatch(5)
    assert values(total)[1] == [50.0, 60.0, 70.0, 80.0, 90.0]


def test_steps_before_the_run_happen_once(dataset):
    log: list[int] = []
    pipeline = dataset.p.do_nothing()
    pipeline.before.call(log.append, 1)
    pipeline.rebatch(5).run(4)
    assert log == [1]


def test_a_merge_of_ones_own(dataset):
    def merge(batches, batch_size=None, components=None, batch_class=None):
        merged, rest = batches[0].merge(batches, batch_size=batch_size)
        merged.merged_by_hand = True
        return merged, rest

    assert next(dataset.p.rebatch(5, merge=merge).gen_batch(4)).merged_by_hand


def test_components_and_class():
    class Two(ironbatch.Batch):
        components = "a", "b"

    class One(ironbatch.Batch):
        components = ("a",)

    dataset = Dataset(6, Two, preloaded=(np.arange(6), np.arange(6)))
    batch = next(dataset.p.rebatch(4, components="a", batch_class=One).gen_batch(2))
    assert type(batch) is One
    assert batch.a.tolist() == [0, 1, 2, 3]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_in_the_first_part_is_raised_in_order(dataset, prefetch):
    batches = dataset.p.fail_at(8).rebatch(2).gen_batch(4, prefetch=prefetch)
    assert [next(batches).indices.tolist() for _ in range(4)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with pytest.raises(ValueError, match="item 8"):
        next(batches)


@pytest.mark.parametrize("how", [{"prefetch": 3}, {"prefetch": 2, "target": "mpc"}])
@pytest.mark.parametrize("size", [3, 7])
def test_the_same_bytes_at_any_prefetch(values, size, how):
    pipeline = Dataset(10, Shifting, preloaded=np.zeros(10)).p.add_noise().shift_items()
    pipeline = pipeline.rebatch(size).add_noise().shift_items()
    assert values(pipeline, shuffle=4, **how) == values(pipeline, shuffle=4)


def test_the_parts_draw_different_numbers(values):
    zeros = Dataset(8, Shifting, preloaded=np.zeros(8))
    before = values(zeros.p.shift_items(), seed=1)
    after = values(zeros.p.rebatch(4).shift_items(), seed=1)
    both = values(zeros.p.shift_items().rebatch(4).shift_items(), seed=1)
    assert np.allclose(np.array(both), np.array(before) + np.array(after))
    assert not np.isclose(before, after).any()


def test_an_item_draws_the_same_at_any_batch_size(values):
    zeros = Dataset(8, Shifting, preloaded=np.zeros(8))
    pipeline = zeros.p.rebatch(5).shift_items()
    small, large = values(pipeline, batch_size=2, seed=1), values(pipeline, batch_size=8, seed=1)
    assert list(chain(*small)) == list(chain(*large))


def test_ids_that_repeat_are_numbered_anew(dataset):
    batches = dataset.p.rebatch(12).gen_batch(4, n_epochs=2)
    assert [batch.indices.tolist() for batch in batches] == [
        list(range(12)),
        [2, 3, 4, 5, 6, 7, 8, 9],
    ]


def test_ragged_components(dataset):
    rows = np.empty(6, object)
    rows[:] = [np.full(n, n, float) for n in (1, 4, 2, 3, 5, 1)]

    class Ragged(ironbatch.Batch):
        components = ("rows",)

    batches = list(Dataset(6, Ragged, preloaded=rows).p.rebatch(4).gen_batch(3))
    assert [[len(row) for row in batch.rows] for batch in batches] == [[1, 4, 2, 3], [5, 1]]
    assert batches[0].rows[1].tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize("size", [5, 2])
def test_components_alone(size):
    class Two(ironbatch.Batch):
        components = "a", "b"

    dataset = Dataset(4, Two, preloaded=(np.arange(4), np.arange(4)))
    batch = next(dataset.p.rebatch(size, components="a").gen_batch(2))
    assert (batch.a.tolist(), batch.b) == (list(range(min(size, 4))), None)


@pytest.mark.parametrize("size", [5, 2])
def test_a_class_alone(dataset, size):
    class Own(ironbatch.Batch):
        components = ("values",)

    assert type(next(dataset.p.rebatch(size, batch_class=Own).gen_batch(2))) is Own


def test_a_merge_gets_what_was_asked_for(dataset):
    asked = []

    def merge(batches, batch_size, components, batch_class):
        asked.append((len(batches), batch_size, components, batch_class))
        return type(batches[0]).merge(batches, batch_size=batch_size)

    dataset.p.rebatch(5, merge=merge, components="values").run(4)
    assert asked == [(2, 5, "values", None), (2, 5, "values", None)]


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"merge": 3}, "merge is the function"),
        ({"components": 3}, "components are names"),
        ({"components": ["a", 3]}, "components are names"),
        ({"batch_class": int}, "batch_class is a subclass"),
        ({"batch_class": "Batch"}, "batch_class is a subclass"),
    ],
)
def test_what_cannot_say_how_to_join_is_refused_when_written(dataset, kwargs, told):
    with pytest.raises(TypeError, match=told):
        dataset.p.rebatch(3, **kwargs)
    with pytest.raises(TypeError, match=told):
        dataset.p.merge(dataset.p, **kwargs)


@pytest.mark.parametrize("size", [2.5, "3", None, True])
def test_a_size_that_is_none_is_refused(dataset, size):
    with pytest.raises(TypeError, match="whole number"):
        dataset.p.rebatch(size)
    with pytest.raises(TypeError, match="whole number"):
        (dataset.p.set_config({"size": size})).rebatch(C("size")).gen_batch(4)


def test_items_by_hand_go_through_all_parts(dataset):
    batch = dataset.p.scale(2).rebatch(3).scale(5).create_batch([1, 2])
    assert batch.values.tolist() == [10, 20]


def test_a_consumer_that_leaves_ends_the_first_part(dataset):
    batches = dataset.p.note_thread(set()).rebatch(2).gen_batch(4, prefetch=2)
    next(batches)
    batches.close()
    assert list(batches) == []


def test_a_size_below_one_is_refused_at_the_call(dataset):
    with pytest.raises(ValueError, match="at least 1"):
        dataset.p.rebatch(0).gen_batch(4)


def test_it_shows_in_the_repr(dataset):
    text = repr(dataset.p.scale(2).rebatch(5).call(len, B()))
    assert text == "Pipeline(Dataset)\n    .scale(2)\n    .rebatch(5)\n    .call(len, B())"
