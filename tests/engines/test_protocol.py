"""What a run does with any engine, shown with engines that are no cluster."""

from __future__ import annotations

import os
import traceback

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, R, V
from ironbatch.engines import BatchRange, Engine, Local, Outcome, Session
from ironbatch.errors import WorkerDiedError
from ironbatch.index.blocks import Blocks

pytestmark = pytest.mark.timeout(60)


class Recording:
    """An engine that keeps a list of what it is asked, and passes it on."""

    def __init__(self, inner=None):
        self.inner = inner or Local()
        self.calls = []
        self.most = 0
        self.open = 0

    def start(self, plan):
        self.plan = plan
        self.open += 1
        return _RecordingSession(self, self.inner.start(plan))


class _RecordingSession:
    def __init__(self, engine, inner):
        self.engine, self.inner = engine, inner
        self.workers = inner.workers
        self.under_way = {}

    def submit(self, batches):
        self.engine.calls.append(("submit", batches))
        self.under_way[batches] = batches.length
        self.engine.most = max(self.engine.most, sum(self.under_way.values()))
        self.inner.submit(batches)

    def next_ready(self, timeout):
        outcome = self.inner.next_ready(timeout)
        if outcome is not None:
            self.engine.calls.append(("ready", outcome.batches))
            del self.under_way[outcome.batches]
        return outcome

    def cancel(self, batches):
        self.engine.calls.append(("cancel", batches))
        del self.under_way[batches]
        self.inner.cancel(batches)

    def close(self):
        self.engine.open -= 1
        self.inner.close()

    def __repr__(self):
        return "a session"


class OneBasket(Local):
    """All that is under way is lost with the range that kills."""

    def __init__(self, killer, **kwargs):
        super().__init__(**kwargs)
        self.killer = killer
        self.deaths = 0

    def start(self, plan):
        return _OneBasketSession(self, super().start(plan))


class _OneBasketSession(_RecordingSession):
    def __init__(self, engine, inner):
        engine.calls, engine.most, engine.open = [], 0, 0
        super().__init__(engine, inner)
        self.losses = []

    def next_ready(self, timeout):
        killers = [one for one in self.under_way if self.engine.killer in range(*_ends(one))]
        if not self.losses and killers:
            self.engine.deaths += 1
            self.losses = list(self.under_way)
            for one in self.losses:
                super().cancel(one)
        if self.losses:
            return Outcome(self.losses.pop(0), lost="the basket fell")
        return super().next_ready(timeout)

    def cancel(self, batches):
        if batches in self.losses:
            self.losses.remove(batches)
        else:
            super().cancel(batches)


def _ends(batches):
    return batches.first, batches.first + batches.length


def last(waiting):
    return len(waiting) - 1


def test_the_engines_here_follow_the_protocol(dataset):
    engine = Recording()
    assert isinstance(engine, Engine)
    batches = dataset.p.gen_batch(4, engine=engine)
    next(batches)
    assert isinstance(Local().start(engine.plan), Session)


@pytest.mark.parametrize("length", [None, 1, 3, 100])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"n_epochs": 3},
        {"n_epochs": 3, "drop_last": True},
        {"n_iters": 17},
        {"shuffle": False, "seed": 2},
        {"shuffle": -3, "n_epochs": 2},
        {"shuffle": np.random.SeedSequence(5)},
        {"shuffle": Blocks(3, size=8), "n_epochs": 2},
        {"order": "numpy", "n_epochs": 2},
        {"seed": 11},
        {"prefetch": 1},
        {"prefetch": 7},
        {"prefetch_bytes": 100},
    ],
    ids=str,
)
def test_the_bytes_do_not_depend_on_the_engine(dataset, collect, length, workers, kwargs):
    pipeline = dataset.p.add_noise().jitter()
    here = collect(pipeline, **kwargs)
    assert here
    for pick in (None, last):
        engine = Local(workers, pick=pick)
        assert collect(pipeline, engine=engine, range_length=length, **kwargs) == here


def test_batches_before_and_after_a_rebatch_and_of_merged_and_joined_pipelines(dataset, collect):
    others = Dataset(50, type(dataset.next_batch(1)), preloaded=-np.arange(50.0)).p.add_noise()
    for pipeline in (
        dataset.p.add_noise().rebatch(6).add_noise(),
        dataset.p.add_noise().merge(others),
        dataset.p.add_noise().join(others).add_batch(),
    ):
        here = collect(pipeline, n_epochs=2)
        assert collect(pipeline, n_epochs=2, engine=Local(2, pick=last), range_length=2) == here


def test_a_subset_with_ids_of_its_own(collect):
    cls = ironbatch.Batch
    names = np.array([f"item {number:03}" for number in range(40)])
    dataset = Dataset(names, cls)
    dataset.split(0.7, shuffle=3)
    pipeline = dataset.train.p.do_nothing()

    def ids(**kwargs):
        return [b.indices.tolist() for b in pipeline.gen_batch(5, shuffle=1, n_epochs=2, **kwargs)]

    assert ids(engine=Local(2, pick=last), range_length=3) == ids()


def test_numbers_travel_and_data_does_not(dataset):
    engine = Recording()
    dataset.p.run(4, engine=engine, range_length=3)
    sent = [batches for what, batches in engine.calls if what == "submit"]
    assert sent == [(0, 3), (3, 3), (6, 3), (9, 3), (12, 1)]
    assert all(type(one) is BatchRange for one in sent)


def test_ranges_grow_where_batches_are_quick_and_not_where_they_are_slow(dataset):
    quick, slow = Recording(), Recording()
    dataset.p.run(1, n_iters=400, engine=quick)
    dataset.p.pause(0.15).run(10, engine=slow)
    assert max(batches.length for _, batches in quick.calls) > 1
    assert {batches.length for _, batches in slow.calls} == {1}


def test_ranges_get_short_towards_the_end(dataset):
    engine = Recording(Local(2))
    dataset.p.run(1, n_iters=400, engine=engine)
    lengths = [batches.length for what, batches in engine.calls if what == "submit"]
    assert sum(lengths) == 400
    assert lengths[-1] == 1 < max(lengths)


def test_no_more_than_prefetch_batches_are_under_way(dataset):
    engine = Recording(Local(8))
    dataset.p.run(1, prefetch=5, range_length=2, engine=engine)
    assert 4 <= engine.most <= 5


def test_without_prefetch_all_workers_have_something_to_do(dataset):
    engine = Recording(Local(3))
    dataset.p.run(1, range_length=2, engine=engine)
    assert 3 * 2 <= engine.most <= 4 * 3 * 2


def test_variables_and_models_change_here_in_order(dataset, collect, model):
    pipeline = (
        dataset.p.init_variable("seen", [])
        .init_model("mean", model, "dynamic")
        .add_noise()
        .update(V("seen", mode="a"), B.indices[0])
        .train_model("mean", B.values)
    )

    def trained(**kwargs):
        pipeline.run(4, shuffle=7, reset="all", **kwargs)
        return pipeline.v("seen"), pipeline.m("mean").seen

    assert trained(engine=Local(2, pick=last), range_length=2) == trained()


def test_a_step_that_cannot_be_shared_before_others_is_refused_at_the_call(dataset):
    pipeline = dataset.p.init_variable("x", 0).update(V("x"), B.size).add_noise()
    with pytest.raises(ValueError, match=r"step 0\.update .*move it to the end"):
        pipeline.gen_batch(4, engine=Local())


def test_an_action_cannot_set_a_variable(dataset):
    pipeline = dataset.p.init_variable("x", 0).store_variable("x")
    with pytest.raises(ValueError, match="'x' cannot change in a worker"):
        pipeline.run(4, engine=Local())


def test_an_error_names_item_action_and_line_and_comes_at_its_turn(dataset):
    batches = dataset.p.fail_on(9).gen_batch(4, engine=Local(), range_length=5)
    assert [next(batches).indices[0], next(batches).indices[0]] == [0, 4]
    with pytest.raises(ValueError, match="bad value 9") as caught:
        next(batches)
    error = caught.value
    assert (error.item_id, error.action) == (9, "fail_on")
    text = "".join(traceback.format_exception(error))
    assert "raise error(f" in text
    assert "in action 'fail_on' (step 0.fail_on) of batch 3" in text


def test_the_policy_of_failures_is_that_of_any_run(dataset, collect):
    pipeline = dataset.p.fail_on(9).fail_as_a_whole(21)

    def both(**kwargs):
        made = collect(pipeline, on_error="skip", shuffle=False, **kwargs)
        return made, [(one.item_id, one.action) for one in pipeline.failures]

    here = both()
    assert len(here[1]) == 5
    assert both(engine=Local(2, pick=last), range_length=3) == here
    kwargs = {"engine": Local(), "range_length": 3, "shuffle": False}
    with pytest.raises(ironbatch.TooManyFailuresError):
        collect(pipeline, on_error="skip", max_failures=1, **kwargs)
    with pytest.raises(ExceptionGroup):
        collect(pipeline, on_error="collect", **kwargs)
    assert len(collect(pipeline, ignore_exceptions=True, **kwargs)) == 11


def test_items_are_tried_again_as_in_any_run(dataset, collect, tmp_path):
    pipeline = dataset.p.fail_once_on(9, str(tmp_path))
    kwargs = {"engine": Local(), "retries": 1, "backoff": 0}
    assert len(collect(pipeline, **kwargs)) == 13
    assert (tmp_path / "failed").exists()


def test_skipped_and_stopped(dataset):
    batches = dataset.p.skip_at(5).stop_at(30).gen_batch(4, engine=Local(), range_length=3)
    assert [batch.indices[0] for batch in batches] == [0, 8, 12, 16, 20, 24]


def test_a_run_goes_on_where_its_state_says(dataset, collect):
    pipeline = dataset.p.add_noise()
    here = collect(pipeline, n_epochs=2)
    batches = pipeline.gen_batch(
        4, shuffle=7, n_epochs=2, engine=Local(2, pick=last), range_length=4
    )
    for _ in range(5):
        next(batches)
    state = pipeline.state_dict()
    batches.close()
    rest = dataset.p.add_noise().load_state_dict(state).gen_batch(engine=Local(), range_length=3)
    assert [(batch.indices.tolist(), batch.values.tobytes()) for batch in rest] == here[5:]


def test_ranks_share_the_items(dataset, collect):
    for rank in range(2):
        pipeline = dataset.p.add_noise().shard(rank, 2)
        assert collect(pipeline, engine=Local(), range_length=3) == collect(pipeline)


def test_variables_are_as_they_are_when_the_run_begins(dataset):
    pipeline = dataset.p.init_variable("shift", 0).before.update(V("shift"), 5).pipeline
    pipeline = pipeline.update(B.values, B.values + V("shift"))
    batch = next(pipeline.gen_batch(4, engine=Local()))
    assert batch.values.tolist() == [5, 6, 7, 8]


def test_arrays_that_come_back_can_be_written_to(dataset):
    batch = next(dataset.p.gen_batch(50, engine=Local()))
    batch.values[3] = 7
    assert dataset.next_batch(4).values[3] == 3


def test_what_changes_in_the_dataset_after_the_start_is_not_seen(dataset):
    values = np.ones((50, 2000))
    cls = type(dataset.next_batch(1))
    batches = Dataset(50, cls, preloaded=values).p.gen_batch(10, engine=Local())
    next(batches)
    values[:] = 2
    assert all((batch.values == 1).all() for batch in batches)


# What is lost


def test_what_is_lost_is_made_again_and_nothing_comes_twice(dataset, collect):
    pipeline = dataset.p.add_noise()
    lost = []

    def lose(batches, attempt):
        if attempt == 1 and batches.first % 4 == 0:
            lost.append(batches)
            return "unplugged"
        return ""

    engine = Local(2, lose=lose, pick=last)
    assert collect(pipeline, engine=engine, range_length=2) == collect(pipeline)
    assert len(lost) == 4


@pytest.mark.parametrize(("kwargs", "attempts"), [({}, 4), ({"retries": 6}, 7)])
def test_a_range_that_is_always_lost_ends_the_run_and_is_named(dataset, kwargs, attempts):
    tried = []

    def lose(batches, attempt):
        if batches.first == 4:
            tried.append(attempt)
            return "out of memory"
        return ""

    batches = dataset.p.gen_batch(
        4, engine=Local(lose=lose), range_length=2, prefetch=2, shuffle=False, **kwargs
    )
    seen = [next(batches).indices[0] for _ in range(4)]
    with pytest.raises(
        WorkerDiedError,
        match=rf"batches 5 to 6 \(items 16 to 23\).* {attempts} times.*out of memory",
    ):
        next(batches)
    assert seen == [0, 4, 8, 12]
    assert tried == list(range(1, attempts + 1))
    with pytest.raises(StopIteration):
        next(batches)


def test_the_engine_may_say_how_often_a_range_is_made_again(dataset):
    tried = []

    def lose(batches, attempt):
        tried.append(attempt)
        return "gone"

    engine = Local(lose=lose, retries=0)
    with pytest.raises(WorkerDiedError, match=r"batch 1 \(items 0 to 3\).*once"):
        dataset.p.run(4, engine=engine, prefetch=1, retries=5)
    assert tried == [1]


def test_a_range_that_only_lay_beside_the_one_to_blame_is_made(dataset, collect):
    engine = OneBasket(killer=5, workers=4)
    batches = dataset.p.add_noise().gen_batch(4, shuffle=7, engine=engine, range_length=1)
    made = []
    with pytest.raises(WorkerDiedError, match="batch 6 "):
        made.extend((batch.indices.tolist(), batch.values.tobytes()) for batch in batches)
    assert made == collect(dataset.p.add_noise())[:5]
    assert engine.deaths == 5


def test_memory_that_runs_out_in_an_action_is_a_loss(dataset):
    pipeline = dataset.p.fail_on(9, error=MemoryError)
    with pytest.raises(WorkerDiedError, match=r"batch 3 \(items 8 to 11\).*MemoryError") as caught:
        pipeline.run(4, engine=Local())
    assert isinstance(caught.value.__cause__, MemoryError)
    assert "bad value 9" in str(caught.value)


class Gone(Local):
    """An engine that goes away."""

    def __init__(self, when):
        super().__init__()
        self.when = when
        self.asked = 0

    def start(self, plan):
        if self.when == "start":
            raise RuntimeError("there are no workers")
        session = super().start(plan)
        for name in ("submit", "next_ready"):
            inner = getattr(session, name)

            def call(argument, name=name, inner=inner):
                self.asked += 1
                if self.asked > 3 and name == self.when:
                    raise RuntimeError("the line is dead")
                return inner(argument)

            setattr(session, name, call)
        return session


@pytest.mark.parametrize("when", ["submit", "next_ready"])
def test_an_engine_that_goes_away_is_an_error(dataset, when):
    batches = dataset.p.gen_batch(4, engine=Gone(when), prefetch=2, range_length=1)
    with pytest.raises(WorkerDiedError, match=r"gone.*batch [23] \(items [48] to .*line is dead"):
        list(batches)


def test_an_engine_that_cannot_begin_is_an_error(dataset):
    with pytest.raises(RuntimeError, match="no workers"):
        dataset.p.run(4, engine=Gone("start"))


def test_an_answer_that_nobody_waits_for_is_left_alone(dataset, collect):
    class Stutters(Local):
        def start(self, plan):
            session = super().start(plan)
            inner, said = session.next_ready, []

            def next_ready(timeout):
                if said:
                    return said.pop()
                outcome = inner(timeout)
                said.append(outcome)
                return outcome

            session.next_ready = next_ready
            return session

    pipeline = dataset.p.add_noise()
    assert collect(pipeline, engine=Stutters(), range_length=2) == collect(pipeline)


# Leaving


@pytest.mark.parametrize("how", ["close", "drop", "error", "end"])
def test_a_run_that_ends_leaves_nothing_with_the_engine(dataset, how):
    engine = Recording(Local(4))
    batches = dataset.p.gen_batch(4, engine=engine)
    next(batches)
    assert engine.open == 1
    if how == "close":
        batches.close()
    elif how == "drop":
        del batches
    elif how == "error":
        with pytest.raises(KeyboardInterrupt):
            batches.throw(KeyboardInterrupt)
    else:
        list(batches)
    assert engine.open == 0


def test_an_error_of_an_action_leaves_nothing_with_the_engine(dataset):
    engine = Recording()
    with pytest.raises(ValueError, match="bad value"):
        dataset.p.fail_on(9).run(4, engine=engine)
    assert engine.open == 0


def test_several_runs_may_be_on_an_engine(dataset, collect):
    engine = Recording()
    pipeline = dataset.p.add_noise()
    pairs = zip(*(pipeline.gen_batch(4, shuffle=7, engine=engine) for _ in range(2)), strict=True)
    for one, other in pairs:
        assert one.values.tobytes() == other.values.tobytes()
    assert engine.open == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_does_not_go_on_in_a_forked_child(dataset):
    engine = Recording()
    batches = dataset.p.gen_batch(4, engine=engine)
    next(batches)
    child = os.fork()
    if not child:
        try:
            next(batches)
        except RuntimeError as error:
            # What the parent has under way is not closed from here.
            os._exit(0 if "forked child" in str(error) and engine.open == 1 else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sum(1 for _ in batches) == 12


# What is refused


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"range_length": 0}, ValueError, "range_length is a number of batches, 1 or more, got 0"),
        ({"range_length": 1.5}, TypeError, "range_length is a number of batches, got 1.5"),
        ({"range_length": True}, TypeError, "range_length is a number of batches, got True"),
        ({"target": "mpc"}, ValueError, "engine and target='mpc' both say"),
        ({"n_workers": 2}, ValueError, "n_workers does not go with engine="),
        ({"n_threads": 2}, ValueError, "n_threads does not go with engine="),
        ({"prefetch": -1}, ValueError, "prefetch is a number of batches"),
    ],
)
def test_arguments_are_checked_at_the_call(dataset, kwargs, error, text):
    with pytest.raises(error, match=text):
        dataset.p.gen_batch(4, engine=Local(), **kwargs)


def test_a_range_length_needs_an_engine(dataset):
    with pytest.raises(ValueError, match="range_length goes with engine="):
        dataset.p.gen_batch(4, range_length=3)


def test_an_engine_has_at_least_one_worker():
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        Local(0)


def test_what_start_gives_has_to_be_a_session(dataset):
    class Half:
        def start(self, plan):
            return object()

    with pytest.raises(TypeError, match=r"no ironbatch\.engines\.Session: it has to have workers"):
        dataset.p.run(4, engine=Half())


def test_what_cannot_be_pickled_is_named(dataset):
    with pytest.raises(TypeError, match="cannot be sent to a worker process"):
        dataset.p.pause(n for n in range(3)).run(4, engine=Local())
    with pytest.raises(TypeError, match="cannot be sent back from a worker"):
        dataset.p.keep_a_lock().run(4, engine=Local())


def test_a_stream_for_all_batches_is_refused(dataset):
    noise = R("normal", seed=np.random.default_rng(3))
    with pytest.raises(ValueError, match="one stream for all batches"):
        dataset.p.pause(noise).add_noise().gen_batch(4, engine=Local())


def test_a_worker_with_another_version_is_an_error(dataset, monkeypatch):
    class Other(Local):
        def start(self, plan):
            monkeypatch.setattr(ironbatch, "__version__", "0.0.7")
            return super().start(plan)

    with pytest.raises(TypeError, match=r"the worker has 0\.0\.7; install the same version"):
        dataset.p.run(4, engine=Other())


def test_a_large_plan_warns(dataset, monkeypatch):
    monkeypatch.setattr("ironbatch.pipeline.prefetch.ranges.LARGE", 1_000_000)
    cls = type(dataset.next_batch(1))
    large = Dataset(50, cls, preloaded=np.zeros((50, 3000)))
    with pytest.warns(UserWarning, match=r"takes 1 MB and travels to each worker.*from files"):
        large.p.run(50, engine=Local())


def test_a_plan_knows_its_size(dataset):
    engine = Recording()
    cls = type(dataset.next_batch(1))
    Dataset(50, cls, preloaded=np.zeros((50, 3000))).p.run(50, engine=engine)
    assert 1_200_000 < engine.plan.nbytes < 1_300_000
