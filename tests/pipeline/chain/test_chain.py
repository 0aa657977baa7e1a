import copy
import pickle

import numpy as np
import pytest

from ironbatch import B, C, Config, Dataset, Pipeline, V


def test_adding_an_action_gives_a_new_pipeline(dataset):
    first = dataset.p.scale(2)
    second = first.scale(3)
    assert (first.num_actions, second.num_actions) == (1, 2)


def test_a_misspelt_action_fails_when_the_chain_is_written(dataset):
    with pytest.raises(AttributeError, match="scale"):
        dataset.p.scal(2)


def test_without_a_dataset_any_public_name_is_accepted():
    assert Pipeline().anything(1).num_actions == 1


def test_without_a_dataset_a_private_name_is_refused():
    with pytest.raises(AttributeError):
        getattr(Pipeline(), "_anything")  # noqa: B009


def test_a_name_unknown_to_the_batch_fails_at_the_first_run(dataset):
    pipeline = dataset >> Pipeline().scal(2)
    with pytest.raises(AttributeError, match="near names: scale"):
        pipeline.run(4)


def test_an_action_of_another_class_is_accepted_after_one_that_may_change_the_class(
    dataset, values
):
    pipeline = dataset.p.to_others().only_here()
    assert values(pipeline)[0] == [0.0, 100.0, 200.0, 300.0]


def test_actions_of_another_class_are_refused_where_the_class_is_known(dataset):
    with pytest.raises(AttributeError, match="only_here"):
        dataset.p.do_nothing().only_here()


def test_a_dataset_goes_in_from_both_sides(dataset, values):
    template = Pipeline().scale(2)
    assert values(dataset >> template) == values(template << dataset)
    assert template.dataset is None


@pytest.mark.parametrize("thing", [3, "data", None, [1]])
def test_other_things_do_not_go_into_a_pipeline(thing):
    with pytest.raises(TypeError, match="dataset"):
        Pipeline() << thing


def test_a_config_goes_into_a_pipeline(dataset, values):
    template = dataset.p.scale(C("factor"))
    assert values(template << {"factor": 3})[2] == [24.0, 27.0]
    assert values(template << Config(factor=0))[2] == [0.0, 0.0]


def test_pipelines_add_up(dataset, values):
    total = Pipeline().init_variable("a", 1).scale(2) + Pipeline().init_variable("b", 2).scale(5)
    assert values(dataset >> total)[2] == [80.0, 90.0]
    assert (total.v("a"), total.v("b")) == (1, 2)


def test_the_left_dataset_wins_in_a_sum(dataset):
    other = Dataset(3)
    assert (dataset.p + other.p).dataset is dataset
    assert (Pipeline() + other.p).dataset is other


def test_a_sum_with_something_else_is_refused(dataset):
    with pytest.raises(TypeError):
        dataset.p + 3


def test_repetition(dataset, values):
    assert values(dataset >> Pipeline().scale(2) * 3)[2] == [64.0, 72.0]
    assert values(dataset >> (Pipeline().scale(2).scale(5)) * 2)[2] == [800.0, 900.0]


def test_a_chance_of_zero_and_one(dataset, values):
    never, always = Pipeline().scale(2) @ 0, Pipeline().scale(2) @ 1
    assert values(dataset >> never)[2] == [8.0, 9.0]
    assert values(dataset >> always)[2] == [16.0, 18.0]


def test_a_chance_is_drawn_for_each_batch_from_the_seed(values):
    import ironbatch
    from ironbatch import action

    class Marked(ironbatch.Batch):
        components = ("values",)

        @action
        def mark(self):
            self.values = np.ones(len(self))
            return self

    dataset = Dataset(400, Marked, preloaded=np.zeros(400))
    pipeline = dataset >> Pipeline().mark() @ 0.5
    marks = [one[0] for one in values(pipeline, batch_size=1, seed=5)]
    assert 150 < sum(marks) < 250
    assert marks == [one[0] for one in values(pipeline, batch_size=1, seed=5, prefetch=3)]
    assert marks != [one[0] for one in values(pipeline, batch_size=1, seed=6)]


@pytest.mark.parametrize("chance", [-0.1, 1.5, "often"])
def test_a_chance_that_is_none_is_refused(chance):
    with pytest.raises(ValueError, match="chance"):
        Pipeline().scale() @ chance


@pytest.mark.parametrize("times", [-1, 1.5, True])
def test_a_repetition_that_is_none_is_refused(times):
    with pytest.raises(ValueError, match="whole number"):
        Pipeline().scale() * times


def test_a_nested_pipeline_brings_its_variables(dataset):
    inner = Pipeline().init_variable("n", 0).update(V("n"), V("n") + B.size)
    outer = dataset.p.append_pipeline(inner, repeat=2)
    assert outer.run(4).v("n") == 20


def test_repr_shows_the_chain_as_it_was_written(dataset):
    text = repr(dataset.p.scale(factor=B.size + 1) + Pipeline().wait() * 2)
    assert text == "Pipeline(Dataset)\n    .scale(factor=B.size + 1)\n    .wait() * 2"


def test_a_pipeline_pickles(dataset, values):
    pipeline = dataset.p.init_variable("n", 5).do_nothing().update(V("n"), V("n") + 1)
    pipeline.run(4)
    again = pickle.loads(pickle.dumps(Pipeline(pipeline=pipeline) + Pipeline().do_nothing()))
    assert again.num_actions == 3
    again = pickle.loads(pickle.dumps(Pipeline().init_variable("n", 5).scale(B.size @ V("n"))))
    assert again.v("n") == 5
    assert repr(again) == "Pipeline()\n    .init_variable('n', 5)\n    .scale(B.size @ V('n'))"


def test_a_pickled_pipeline_keeps_the_values_of_its_variables():
    pipeline = Pipeline().init_variable("n", 5)
    pipeline.set_variable("n", 6)
    assert pickle.loads(pickle.dumps(pipeline)).v("n") == 6


def test_copies_are_independent(dataset):
    pipeline = dataset.p.init_variable("n", 0).update(V("n"), V("n") + 1)
    twin = copy.copy(pipeline)
    twin.run(4)
    assert (pipeline.v("n"), twin.v("n")) == (0, 3)


def test_a_pipeline_made_of_another_takes_other_steps(dataset):
    pipeline = dataset.p.scale(2).wait()
    assert Pipeline(pipeline=pipeline, actions=pipeline.steps[:1]).num_actions == 1
    assert Pipeline(pipeline=pipeline, proba=0.5).num_actions == 1


def test_chance_and_repetition_of_a_whole_pipeline(dataset, values):
    twice = Pipeline(pipeline=dataset.p.scale(2).scale(3), repeat=2)
    assert values(twice)[2] == [8 * 36.0, 9 * 36.0]
    never = Pipeline(pipeline=dataset.p.scale(2).scale(3), proba=0)
    assert values(never)[2] == [8.0, 9.0]


def test_a_pipeline_is_a_context_manager(dataset):
    with Pipeline() as pipeline:
        assert pipeline.scale(2).num_actions == 1


def test_functions_of_a_namespace_become_steps(dataset):
    import math

    pipeline = Pipeline().init_variable("root").add_namespace(math)
    pipeline = (dataset >> pipeline).sqrt(B.values.sum(), save_to=V("root"))
    assert pipeline.run(10).v("root") == pytest.approx(45**0.5)


def test_functions_of_a_namespace_are_found_at_the_run_too(dataset):
    import math

    pipeline = Pipeline().init_variable("root").sqrt(16, save_to=V("root")).add_namespace(math)
    assert (dataset >> pipeline).run(10).v("root") == 4


def test_the_items_of_a_pipeline_are_those_of_its_dataset(dataset):
    pipeline = dataset.p.scale(2)
    assert pipeline.index is dataset.index
    assert pipeline.indices.tolist() == list(range(10))
    assert len(pipeline) == 10


def test_a_pipeline_without_dataset_has_no_items_and_is_still_true():
    pipeline = Pipeline()
    assert (pipeline.index, pipeline.indices, len(pipeline)) == (None, None, 0)
    assert bool(pipeline)


@pytest.mark.parametrize("chance", [np.float32(0), np.int64(0)])
def test_numbers_of_numpy_are_chances_and_repetitions(dataset, values, chance):
    assert values(dataset >> Pipeline().scale(2) @ chance)[2] == [8.0, 9.0]
    assert values(dataset >> Pipeline().scale(2) * np.int64(3))[2] == [64.0, 72.0]


@pytest.mark.parametrize("value", [1.5, -1, "often", None])
def test_expressions_that_give_no_chance_or_repetition_are_refused(dataset, value):
    pipeline = dataset.p.set_config({"x": value}).scale(2)
    with pytest.raises(ValueError, match="chance"):
        (pipeline @ C("x")).next_batch(4)
    with pytest.raises(ValueError, match="whole number"):
        (pipeline * C("x")).next_batch(4)


def test_call_takes_functions_only(dataset):
    with pytest.raises(TypeError, match="call takes a function, got 3"):
        dataset.p.call(3)


def test_items_by_hand_need_a_dataset():
    with pytest.raises(ValueError, match="dataset >> pipeline"):
        Pipeline().scale(2).create_batch([1])


def test_a_chance_after_a_chance_multiplies(dataset, values):
    always = Pipeline().scale(2) @ 1 @ 1
    assert values(dataset >> always)[2] == [16.0, 18.0]
    never = Pipeline().scale(2) @ 1 @ 0
    assert values(dataset >> never)[2] == [8.0, 9.0]


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p * 2,
        lambda p: p @ 0.5,
        lambda p: Pipeline(pipeline=p, proba=0.5),
        lambda p: Pipeline(pipeline=p, repeat=2),
        lambda p: Pipeline().append_pipeline(p),
    ],
)
@pytest.mark.parametrize("parts", [lambda p: p.rebatch(2), lambda p: p.merge(p)])
def test_parts_before_rebatch_are_not_lost_in_a_single_step(dataset, write, parts):
    with pytest.raises(ValueError, match="rebatch or merge cannot"):
        write(parts(dataset.p.scale(2)).scale(3))


def test_print_takes_what_the_function_takes(dataset):
    with pytest.raises(TypeError, match="got flsh"):
        dataset.p.print(1, flsh=True)


@pytest.mark.parametrize("thing", [None, 3, "batch"])
def test_only_batches_are_executed_by_hand(dataset, thing):
    with pytest.raises(TypeError, match="takes a batch"):
        dataset.p.execute_for(thing)


def test_what_is_called_before_a_run_is_a_function(dataset):
    with pytest.raises(TypeError, match="call takes a function"):
        dataset.p.before.call(3)
