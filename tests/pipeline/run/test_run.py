import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, F, I, Pipeline, V


def test_one_epoch_by_default(dataset, values):
    assert [len(one) for one in values(dataset.p)] == [4, 4, 2]


def test_run_returns_the_pipeline(dataset):
    pipeline = dataset.p.init_variable("n", 0).update(V("n"), V("n") + B.size)
    assert pipeline.run(4) is pipeline
    assert pipeline.v("n") == 10


def test_arguments_go_by_position_too(dataset):
    batches = list(dataset.p.gen_batch(4, 3, None, 2, True))
    assert [len(batch) for batch in batches] == [4, 4, 4, 4]


def test_an_argument_given_twice_is_refused(dataset):
    with pytest.raises(TypeError, match="twice"):
        dataset.p.gen_batch(4, batch_size=3)


def test_too_many_positional_arguments_are_refused(dataset):
    with pytest.raises(TypeError, match="positional"):
        dataset.p.gen_batch(*range(9))


def test_n_epochs(dataset, values):
    assert [len(one) for one in values(dataset.p, n_epochs=2)] == [4] * 5


def test_n_iters(dataset, values):
    assert [len(one) for one in values(dataset.p, n_iters=7)] == [4] * 7


def test_drop_last(dataset, values):
    assert [len(one) for one in values(dataset.p, drop_last=True)] == [4, 4]


def test_shuffle_orders_and_seeds(dataset, values):
    first = values(dataset.p.add_noise(), shuffle=5)
    assert first == values(dataset.p.add_noise(), shuffle=5)
    assert first != values(dataset.p.add_noise(), shuffle=6)
    assert values(dataset.p, shuffle=5)[0] != [0, 1, 2, 3]


def test_seed_sets_the_random_numbers_but_not_the_order(dataset, values):
    assert values(dataset.p, seed=5)[0] == [0, 1, 2, 3]
    noisy = dataset.p.add_noise()
    assert values(noisy, seed=5) == values(noisy, seed=5)
    assert values(noisy, seed=5) != values(noisy, seed=6)


def test_random_numbers_differ_from_batch_to_batch(dataset):
    draws = [batch.random.random() for batch in dataset.p.gen_batch(2, seed=1)]
    assert len(set(draws)) == 5


@pytest.mark.parametrize("size", [0, -1, 11])
def test_a_wrong_batch_size_is_refused_at_the_call(dataset, size):
    with pytest.raises(ValueError, match=str(size)):
        dataset.p.gen_batch(size)


def test_both_n_iters_and_n_epochs_are_refused_at_the_call(dataset):
    with pytest.raises(ValueError, match="n_iters"):
        dataset.p.gen_batch(4, n_iters=1, n_epochs=1)


def test_a_missing_batch_size_is_refused_at_the_call(dataset):
    with pytest.raises(TypeError, match="batch_size"):
        dataset.p.gen_batch()


def test_a_missing_dataset_is_refused_at_the_call():
    with pytest.raises(ValueError, match="dataset"):
        Pipeline().scale().gen_batch(4)


def test_a_run_without_end_warns(dataset):
    with pytest.warns(UserWarning, match="never ends"):
        batches = dataset.p.gen_batch(4, n_epochs=None)
    assert len([next(batches) for _ in range(10)]) == 10


def test_run_arguments_may_be_expressions(dataset):
    pipeline = (dataset >> Pipeline(config={"size": 5})).init_variable("n", 0)
    assert [len(b) for b in pipeline.gen_batch(C("size"), n_epochs=F(lambda: 2))] == [5] * 4


def test_further_arguments_go_to_the_batch(dataset):
    assert next(dataset.p.gen_batch(4, colour="red")).colour == "red"


def test_next_batch_goes_on_without_end(dataset):
    pipeline = dataset.p.do_nothing()
    assert [pipeline.next_batch(4).indices[0] for _ in range(4)] == [0, 4, 8, 2]


def test_next_batch_ends_when_told(dataset):
    pipeline = dataset.p.do_nothing()
    assert [len(pipeline.next_batch(4, n_epochs=1)) for _ in range(3)] == [4, 4, 2]
    with pytest.raises(StopIteration):
        pipeline.next_batch(4)


def test_later_arguments_of_next_batch_count_after_a_reset(dataset):
    pipeline = dataset.p.do_nothing()
    pipeline.next_batch(4)
    assert len(pipeline.next_batch(3)) == 4
    pipeline.reset()
    assert len(pipeline.next_batch(3)) == 3


def test_next_batch_with_prefetch(dataset):
    pipeline = dataset.p.do_nothing()
    assert [int(pipeline.next_batch(4, prefetch=2).indices[0]) for _ in range(4)] == [0, 4, 8, 2]


def test_run_later(dataset):
    template = Pipeline().init_variable("n", 0).update(V("n"), V("n") + 1)
    later = template.run_later(batch_size=5, n_epochs=3)
    assert (dataset >> later).run().v("n") == 6
    assert len((dataset >> later).next_batch()) == 5
    assert len(list((dataset >> later).gen_batch())) == 6


def test_lazy_run_is_run_later(dataset):
    template = Pipeline().do_nothing().run(5, lazy=True)
    assert len(list((dataset >> template).gen_batch())) == 2


def test_arguments_of_the_run_win_over_those_kept(dataset):
    later = dataset.p.run_later(batch_size=5)
    assert [len(batch) for batch in later.gen_batch(batch_size=10)] == [10]


def test_arguments_of_the_run_win_however_they_were_kept(dataset):
    kept = dataset.p.run_later(4, True)
    got = [batch.indices.tolist() for batch in kept.gen_batch(batch_size=5, shuffle=False)]
    assert got == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    kept = dataset.p.run_later(batch_size=4, shuffle=False)
    assert [len(batch) for batch in kept.gen_batch(5)] == [5, 5]


def test_an_end_by_batches_replaces_one_by_epochs_that_was_kept(dataset):
    kept = dataset.p.run_later(4, n_epochs=2)
    assert len(list(kept.gen_batch(n_iters=1))) == 1


def test_execute_for_takes_one_batch_through(dataset):
    batch = dataset.create_batch([2, 3])
    result = dataset.p.scale(I("c")).execute_for(batch, iteration=3)
    assert result.values.tolist() == [6.0, 9.0]


def test_execute_for_is_seeded(dataset):
    def run(seed):
        return dataset.p.add_noise().execute_for(dataset.create_batch([2, 3]), seed=seed).values

    assert run(1).tolist() == run(1).tolist() != run(2).tolist()


def test_execute_for_moves_a_notifier_on(dataset):
    class Counter:
        n = 0

        def update(self, n=1, *, pipeline=None, batch=None):
            self.n += n

    counter = Counter()
    dataset.p.execute_for(dataset.create_batch([2]), notifier=counter, new_loop=True)
    assert counter.n == 1


def test_create_batch_makes_and_executes(dataset):
    assert dataset.p.scale(3).create_batch([1, 2]).values.tolist() == [3.0, 6.0]


def test_reset_of_variables(dataset):
    pipeline = dataset.p.init_variable("n", 0).update(V("n"), V("n") + 1)
    assert pipeline.run(5).run(5).v("n") == 4
    assert pipeline.run(5, reset="vars").v("n") == 2
    assert pipeline.reset(["iter", "vars"]).v("n") == 0


def test_reset_of_something_else_is_refused(dataset):
    with pytest.raises(ValueError, match="reset"):
        dataset.p.reset("weather")
    with pytest.raises(TypeError, match="reset"):
        dataset.p.reset(3)


def test_a_run_leaves_the_next_batch_alone_when_told(dataset):
    pipeline = dataset.p.do_nothing()
    pipeline.next_batch(4)
    pipeline.run(4, reset=None)
    assert pipeline.next_batch(4).indices[0] == 4
    pipeline.run(4)
    assert pipeline.next_batch(4).indices[0] == 0


def test_two_runs_of_one_pipeline_at_once(dataset):
    pipeline = dataset.p.scale(2)
    one, other = pipeline.gen_batch(4), pipeline.gen_batch(5, prefetch=2)
    pairs = [(a.values[0], b.values[0]) for a, b in zip(one, other, strict=False)]
    assert pairs == [(0.0, 0.0), (8.0, 10.0)]


def test_iteration_and_total(dataset):
    pipeline = dataset.p.init_variable("seen", []).update(
        V("seen", mode="a"), (I("c"), I("m"), I("r"))
    )
    assert pipeline.run(4).v("seen") == [(1, 3, 1 / 3), (2, 3, 2 / 3), (3, 3, 1.0)]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_iteration_counts_batches_that_are_skipped(dataset, prefetch):
    pipeline = dataset.p.init_variable("seen", []).skip_at(0).update(V("seen", mode="a"), I())
    assert pipeline.run(4, prefetch=prefetch).v("seen") == [2, 3]


def test_a_batch_knows_where_it_travels(dataset):
    pipeline = dataset.p.do_nothing()
    batch = next(pipeline.gen_batch(4))
    assert batch.pipeline is pipeline
    assert batch.dataset is dataset


def test_discarded_batches_come_as_none(dataset):
    assert list(dataset.p.scale().discard_batch().gen_batch(5)) == [None, None]


def test_print_writes_values(dataset, capsys):
    dataset.p.print(B.size, "items", sep="-", end="!\n", flush=True).run(5)
    assert capsys.readouterr().out == "5-items!\n5-items!\n"


def test_print_writes_to_a_file(dataset, tmp_path):
    with (tmp_path / "log").open("w") as file:
        dataset.p.print(B.size, file=file).run(5)
    assert (tmp_path / "log").read_text() == "5\n5\n"


def test_call_stores_what_a_function_returns(dataset):
    pipeline = dataset.p.init_variable("sums", []).call(
        np.sum, B.values, save_to=V("sums", mode="a")
    )
    assert pipeline.run(4).v("sums") == [6.0, 22.0, 17.0]


def test_a_list_among_expressions_is_handed_over_itself(dataset):
    sizes, places = [], {}

    def note(size, sizes, number, places):
        sizes.append(size)
        places[number] = size

    dataset.p.call(note, B.size, sizes, I(), places).run(4)
    assert sizes == [4, 4, 2]
    assert places == {1: 4, 2: 4, 3: 2}


def test_call_passes_keywords(dataset):
    pipeline = dataset.p.init_variable("x").call(lambda a, b: a - b, b=1, a=B.size, save_to=V("x"))
    assert pipeline.run(5).v("x") == 4


def test_a_batch_that_a_called_function_returns_travels_on(dataset, values):
    pipeline = dataset.p.call(lambda batch: batch.deepcopy(), B()).scale(2)
    assert values(pipeline)[2] == [16.0, 18.0]


def test_the_random_numbers_of_a_pipeline_follow_the_seed(dataset):
    pipeline = dataset.p.init_variable("x").update(V("x"), 1)
    first = pipeline.run(5, shuffle=3).random.random()
    assert first == pipeline.run(5, shuffle=3).random.random()
    assert isinstance(Pipeline().random, np.random.Generator)


def test_ignore_exceptions_drops_the_batch(dataset, values):
    for prefetch in (0, 3):
        kwargs = {"ignore_exceptions": True, "prefetch": prefetch}
        assert values(dataset.p.fail_at(5), **kwargs) == [[0, 1, 2, 3], [8, 9]]


def test_a_run_without_batches_warns(dataset):
    with pytest.warns(ironbatch.EmptyBatchSequence):
        dataset.p.run(4, n_epochs=0)


def test_order_of_numpy(dataset):
    def ids(source, **kwargs):
        return [batch.indices.tolist() for batch in source.gen_batch(4, n_epochs=2, **kwargs)]

    ordered = ids(dataset.p, shuffle=5, order="numpy")
    assert ordered == ids(dataset, shuffle=5, order="numpy")
    assert ordered != ids(dataset.p, shuffle=5)
    assert ordered == ids(dataset.p, shuffle=5, order="numpy", prefetch=2)


def test_order_of_numpy_goes_on_where_it_was(dataset):
    pipeline = dataset.p.do_nothing()
    batches = pipeline.gen_batch(3, shuffle=5, n_epochs=2, order="numpy")
    next(batches)
    state = pipeline.state_dict()
    rest = [batch.indices.tolist() for batch in batches]

    again = dataset.p.do_nothing().load_state_dict(state)
    assert [batch.indices.tolist() for batch in again.gen_batch()] == rest


def test_an_unknown_order_is_refused_at_the_call(dataset):
    with pytest.raises(ValueError, match="order is one of 'native', 'numpy', not 'other'"):
        dataset.p.gen_batch(2, shuffle=1, order="other")
