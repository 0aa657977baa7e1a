"""A run that goes on where another one stood makes the very batches that the other would have."""

import json
import pickle
from itertools import islice
from time import perf_counter

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, I, P, Pipeline, R, V, action


def draw(item, rng):
    return rng.random()


def not_of_three(item):
    if item % 3 == 0:
        raise ValueError(f"cannot do {item}")
    return float(item)


class Drawn(ironbatch.Batch):
    components = "values", "noise", "places"

    @action
    def per_batch(self):
        self.noise = self.random.normal(size=len(self))
        return self

    @action
    def per_item(self):
        before = 0 if self.noise is None else self.noise
        self.apply_parallel(draw, init="indices", dst="noise", target="for", requires_rng=True)
        self.noise = self.noise + before
        return self

    @action
    def add(self, what):
        self.values = self.values + what
        return self

    @action
    def number(self, current, largest):
        self.places = np.array([[current, largest or -1]] * len(self))
        return self

    @action
    def note(self, into):
        into.append(int(self.indices[0]))
        return self

    @action
    def skip_every(self, number, current):
        if current % number == 0:
            raise ironbatch.SkipBatchException
        return self

    @action
    def fail_every(self, number, current):
        if current % number == 0:
            raise ValueError("cannot")
        return self

    @action
    def stop_at(self, number, current):
        if current == number:
            raise ironbatch.StopPipeline
        return self

    @action
    def keep_even(self):
        even = self.indices % 2 == 0
        return self[self.indices[even]] if even.any() else self


def make(n=10):
    return Dataset(n, Drawn, preloaded=(np.arange(float(n)), None, None))


def chain(dataset):
    return (
        dataset.p.per_batch()
        .per_item()
        .add(P(R("normal", 0, 1)))
        .add(R("uniform", 0, 1))
        .append_pipeline(Pipeline().add(100), proba=0.5)
        .number(I(), I("max"))
    )


def seen(batch):
    if batch is None:
        return None
    return (
        batch.indices.tolist(),
        batch.values.tobytes(),
        None if batch.noise is None else batch.noise.tobytes(),
        None if batch.places is None else batch.places.tolist(),
        batch.random.random(),
    )


def through_json(state):
    return json.loads(json.dumps(state))


def check_every_position(build, resume=None, **arguments):
    """Compare each rest of a run, from each of its batches on, with the rest of the whole."""
    most = 12
    arguments = {"seed": 11, **arguments}
    whole = [seen(batch) for batch in islice(build().gen_batch(**arguments), most)]
    run = build()
    batches = run.gen_batch(**arguments)
    states = [run.state_dict()]
    for _ in islice(batches, most):
        states.append(run.state_dict())
    if len(whole) < most:
        assert next(batches, "end") == "end"
        states.append(run.state_dict())
    batches.close()
    for done, state in enumerate(states):
        again = build().load_state_dict(through_json(state))
        given = again.gen_batch(**(resume or {}))
        rest = [seen(batch) for batch in islice(given, max(most - done, 0))]
        assert rest == whole[done:], f"after {done} batches"
    return whole


RUNS = [
    {"n_epochs": 1},
    {"n_epochs": 2},
    {"n_epochs": 2, "drop_last": True},
    {"n_epochs": 3, "shuffle": 7},
    {"n_epochs": 3, "shuffle": 7, "drop_last": True},
    {"n_iters": 7, "shuffle": 3},
    {"n_iters": 6, "shuffle": 3, "drop_last": True},
    {"n_epochs": None, "n_iters": 5, "seed": 3},
    {"n_epochs": 2, "shuffle": -5},
    {"n_epochs": 2, "shuffle": np.random.SeedSequence(4, spawn_key=(1,))},
]


@pytest.mark.parametrize("arguments", RUNS, ids=str)
def test_every_position(arguments):
    check_every_position(lambda: chain(make()), batch_size=4, **arguments)


@pytest.mark.parametrize("size", [1, 3, 5, 10])
def test_every_batch_size(size):
    check_every_position(lambda: chain(make()), batch_size=size, shuffle=1, n_epochs=2)


@pytest.mark.parametrize("before", [0, 2, 4])
@pytest.mark.parametrize("after", [0, 4])
def test_prefetch_in_threads(before, after):
    check_every_position(
        lambda: chain(make()),
        {"prefetch": after},
        batch_size=4,
        shuffle=5,
        n_epochs=3,
        prefetch=before,
    )


def test_prefetch_in_processes():
    arguments = {"batch_size": 4, "shuffle": 5, "n_epochs": 2}
    whole = [seen(batch) for batch in chain(make()).gen_batch(**arguments)]
    run = chain(make())
    batches = run.gen_batch(**arguments, prefetch=4, target="mpc")
    assert [seen(next(batches)) for _ in range(2)] == whole[:2]
    state = run.state_dict()
    batches.close()
    again = chain(make()).load_state_dict(state)
    assert [seen(batch) for batch in again.gen_batch(prefetch=2, target="mpc")] == whole[2:]


@pytest.mark.parametrize(
    "upstream",
    [
        lambda p: p,
        lambda p: p.skip_every(2, I()),
        lambda p: p.keep_even(),
        lambda p: p.skip_every(3, I()).keep_even(),
    ],
    ids=["plain", "skipping", "shrinking", "both"],
)
@pytest.mark.parametrize("size", [2, 3, 4, 7])
@pytest.mark.parametrize(
    "arguments",
    [{"n_epochs": 3, "shuffle": 3}, {"n_iters": 6, "seed": 1}, {"n_epochs": 2, "drop_last": True}],
    ids=str,
)
def test_rebatch(upstream, size, arguments):
    def build():
        pipeline = upstream(make().p.per_batch()).add(P(R("normal", 0, 1))).rebatch(size)
        return pipeline.per_item().add(R("uniform", 0, 1)).number(I(), I("max"))

    check_every_position(build, batch_size=4, **arguments)


@pytest.mark.parametrize("sizes", [(3, 5), (7, 2), (2, 4)])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_nested_rebatch(sizes, prefetch):
    def build():
        pipeline = make().p.per_batch().keep_even().rebatch(sizes[0])
        pipeline = pipeline.skip_every(3, I()).add(R("uniform", 0, 1)).rebatch(sizes[1])
        return pipeline.per_batch().per_item().skip_every(4, I())

    check_every_position(build, batch_size=4, shuffle=3, n_epochs=4, prefetch=prefetch)


def test_rebatch_of_ids_that_repeat():
    # Joined batches take items of two epochs, and number them anew.
    check_every_position(lambda: make().p.rebatch(8), batch_size=4, n_epochs=3, shuffle=1)
    check_every_position(lambda: make().p.rebatch(3), batch_size=10, n_epochs=3, shuffle=1)


def reversed_merge(batches, batch_size=None, components=None, batch_class=None):
    return batches[0].merge(batches[::-1], batch_size=batch_size)


def test_rebatch_by_a_function_that_keeps_no_order():
    def build():
        return make().p.per_batch().rebatch(3, merge=reversed_merge).per_item()

    check_every_position(build, batch_size=4, shuffle=3, n_epochs=3)


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": 3, "n_epochs": 2},
        {"n_iters": 5},
        {"shuffle": np.random.SeedSequence(5), "n_epochs": 2, "drop_last": True},
    ],
    ids=str,
)
def test_merged_pipelines(arguments, prefetch):
    def build():
        kept = make(7).p.run_later(n_epochs=1).per_batch()
        joined = make(14).p.keep_even().rebatch(3).per_item().per_batch()
        pipeline = make().p.per_batch().skip_every(3, I()).merge(kept, joined)
        return pipeline.rebatch(5).per_item().number(I(), I("max"))

    check_every_position(build, batch_size=4, prefetch=prefetch, **arguments)


def test_joined_pipelines():
    class Sums(Drawn):
        @action
        def add_of(self, other):
            self.values = self.values + other.values
            return self

    def build():
        other = make().p.add(P(R("normal", 0, 1)))
        return Dataset(10, Sums, preloaded=(np.arange(10.0), None, None)).p.join(other).add_of()

    check_every_position(build, batch_size=4, shuffle=3, n_epochs=2)


def test_a_state_with_another_merged_pipeline_is_refused():
    state = _state_before_a_run(make().p.merge(make(7).p.per_batch()))
    make().p.merge(make(7).p.per_batch()).load_state_dict(state)
    with pytest.raises(ValueError, match="its step merge has other arguments"):
        make().p.merge(make(7).p.per_item()).load_state_dict(state)
    with pytest.raises(ValueError, match="a dataset of 7 items, and that of the pipeline has 8"):
        make().p.merge(make(8).p.per_batch()).load_state_dict(state)


def test_rebatch_runs_no_batch_that_has_been_handed_out():
    log = []

    def build():
        return make(40).p.note(log).rebatch(3)

    run = build()
    for _ in islice(run.gen_batch(4), 5):
        pass
    log.clear()
    assert next(build().load_state_dict(run.state_dict()).gen_batch()).indices.tolist() == [
        15,
        16,
        17,
    ]
    assert log == [12, 16]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_batches_that_do_not_come(prefetch):
    whole = check_every_position(
        lambda: make().p.skip_every(3, I()).number(I(), I("max")),
        batch_size=2,
        n_epochs=3,
        prefetch=prefetch,
    )
    assert [batch[3][0][0] for batch in whole][:4] == [1, 2, 4, 5]
    check_every_position(
        lambda: make().p.fail_every(2, I()).per_batch(),
        batch_size=2,
        n_epochs=3,
        seed=2,
        ignore_exceptions=True,
        prefetch=prefetch,
    )
    check_every_position(lambda: make().p.discard_batch(), batch_size=4, prefetch=prefetch)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_items_that_fail(prefetch):
    def build():
        pipeline = make(20).p.apply_parallel(not_of_three, init="indices", dst="noise")
        return pipeline.rebatch(3).per_batch()

    arguments = {"batch_size": 4, "n_epochs": 2, "shuffle": 1, "prefetch": prefetch}
    whole = check_every_position(build, on_error="skip", **arguments)
    assert {item for batch in whole for item in batch[0]} == {i for i in range(20) if i % 3}


def test_the_failure_policy_may_change():
    run = make().p.apply_parallel(not_of_three, init="indices", dst="noise")
    next(run.gen_batch(3, on_error="skip"))
    state = run.state_dict()
    again = make().p.apply_parallel(not_of_three, init="indices", dst="noise")
    kept = again.load_state_dict(state).gen_batch()
    assert [batch.indices.tolist() for batch in kept] == [[4, 5], [7, 8]]
    again.load_state_dict(state)
    with pytest.raises(ValueError, match="cannot do 3"):
        next(again.gen_batch(on_error="raise"))


def test_the_policy_of_the_latest_run_counts():
    def chain():
        return make().p.apply_parallel(not_of_three, init="indices", dst="noise")

    first = chain()
    next(first.gen_batch(3, on_error="skip", max_failures=5))
    second = chain().load_state_dict(first.state_dict())
    next(second.gen_batch(on_error=np.zeros(1), max_failures=None))
    third = chain().load_state_dict(second.state_dict())
    with pytest.raises(ValueError, match="cannot do 6"):
        third.run()


def test_a_replacement_that_is_no_number_for_json_leaves_the_state_one():
    run = make().p.apply_parallel(not_of_three, init="indices", dst="noise")
    next(run.gen_batch(3, on_error=float("nan")))
    assert json.loads(json.dumps(run.state_dict(), allow_nan=False)) == run.state_dict()


def test_a_run_that_stopped_itself_stays_stopped():
    check_every_position(lambda: make().p.stop_at(3, I()), batch_size=2)


def test_a_batch_that_failed_is_made_again():
    run = make().p.fail_every(3, I())
    batches = run.gen_batch(2)
    assert [next(batches).indices.tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="cannot"):
        next(batches)
    state = run.state_dict()
    assert state["iteration"] == 2
    again = make().p.fail_every(3, I()).load_state_dict(state)
    rest = [batch.indices.tolist() for batch in again.gen_batch(ignore_exceptions=True)]
    assert rest == [[6, 7], [8, 9]]


def test_a_resume_of_a_resume():
    arguments = {"batch_size": 3, "shuffle": 2, "n_epochs": 3}
    whole = [seen(batch) for batch in chain(make()).gen_batch(**arguments)]
    got, run = [], chain(make())
    batches = run.gen_batch(**arguments)
    for step in range(len(whole)):
        got.append(seen(next(batches)))
        batches.close()
        state = run.state_dict()
        run = chain(make()).load_state_dict(state)
        batches = run.gen_batch(prefetch=step % 3)
        assert run.state_dict() == state
    assert got == whole
    assert list(batches) == []


def test_a_state_that_was_loaded_can_be_asked_for():
    run = make().p
    run.next_batch(4)
    state = run.state_dict()
    assert make().p.load_state_dict(state).state_dict() == state


def test_next_batch_goes_on():
    run = chain(make())
    expected = chain(make())
    for _ in range(3):
        assert seen(run.next_batch(4, shuffle=2)) == seen(expected.next_batch(4, shuffle=2))
    again = chain(make()).load_state_dict(run.state_dict())
    for _ in range(5):
        assert seen(again.next_batch()) == seen(expected.next_batch())


def test_an_unseeded_run_goes_on_in_its_own_order():
    run = chain(make())
    batches = run.gen_batch(4, shuffle=True, n_epochs=3)
    next(batches)
    state = through_json(run.state_dict())
    rest = [seen(batch) for batch in batches]
    again = chain(make()).load_state_dict(state)
    assert [seen(batch) for batch in again.gen_batch(4, shuffle=True, n_epochs=3)] == rest


def test_a_generator_as_a_seed_goes_on():
    run = chain(make())
    batches = run.gen_batch(4, shuffle=np.random.default_rng(1), n_epochs=2)
    next(batches)
    state = through_json(run.state_dict())
    rest = [seen(batch) for batch in batches]
    again = chain(make()).load_state_dict(state)
    assert [seen(batch) for batch in again.gen_batch(shuffle=np.random.default_rng(9))] == rest


def test_run_goes_on():
    def build():
        return make().p.init_variable("seen", []).update(V("seen", mode="e"), B.indices)

    run = build()
    next(run.gen_batch(4, n_epochs=2))
    again = build().load_state_dict(run.state_dict()).run()
    assert np.concatenate([again.v("seen")]).tolist() == [*range(4, 10), *range(10)]


def test_a_run_that_never_ends_says_so():
    run = make().p.stop_at(6, I())
    run.next_batch(4)
    again = make().p.stop_at(6, I()).load_state_dict(run.state_dict())
    with pytest.warns(UserWarning, match="never ends"):
        again.run()
    assert again.state_dict()["iteration"] == 5


def test_a_run_that_is_over_makes_no_batch_and_does_not_warn():
    run = make().p.run(4)
    assert list(make().p.load_state_dict(run.state_dict()).gen_batch()) == []


def test_progress_shows_what_is_left():
    class Bar:
        total = 0
        steps = 0

        def start(self, total):
            self.total = total

        def update(self, n=1, **_):
            self.steps += n

        def close(self):
            pass

    run = make().p
    run.next_batch(4, n_epochs=2)
    bar = Bar()
    make().p.load_state_dict(run.state_dict()).run(bar=bar)
    assert (bar.total, bar.steps) == (4, 4)


def test_run_later_repeats_the_arguments():
    def build():
        return make().p.run_later(4, shuffle=3, n_epochs=2)

    run = build()
    batches = run.gen_batch()
    next(batches)
    again = build().load_state_dict(run.state_dict())
    assert [b.indices.tolist() for b in again.gen_batch()] == [b.indices.tolist() for b in batches]


def test_the_run_after_the_next_starts_anew():
    run = make().p
    run.next_batch(4)
    again = make().p.load_state_dict(run.state_dict())
    assert again.next_batch().indices[0] == 4
    assert next(again.gen_batch(4)).indices[0] == 0


def test_reset_forgets_the_state():
    run = make().p
    run.next_batch(4)
    again = make().p.load_state_dict(run.state_dict()).reset()
    assert again.next_batch(3).indices.tolist() == [0, 1, 2]


def test_the_run_that_handed_out_last_counts():
    run = make().p
    one, other = run.gen_batch(4), run.gen_batch(3, n_epochs=2)
    next(one)
    assert run.state_dict()["run"]["batch_size"] == 4
    next(other)
    assert run.state_dict()["run"]["batch_size"] == 3


def test_a_pipeline_that_is_pickled_keeps_what_was_loaded():
    template = make().p
    template.next_batch(4)
    again = pickle.loads(pickle.dumps(template.load_state_dict(template.state_dict())))
    assert again.next_batch().indices[0] == 4


def test_what_is_made_of_the_pipeline_goes_on_too():
    run = make().p
    run.next_batch(4)
    again = make().p.load_state_dict(run.state_dict())
    assert next((again << {"a": 1}).gen_batch()).indices[0] == 4
    assert next(again.shard(1, 2).gen_batch()).indices[0] == 8
    with pytest.raises(ValueError, match=r"another pipeline: it has no step 0\.add"):
        again.add(1).gen_batch(4)
    with pytest.raises(ValueError, match="a dataset of 10 items"):
        (make(9) >> again).gen_batch(4)
    assert next(again.add(1).reset().gen_batch(4)).indices[0] == 0


def test_what_is_prefetched_does_not_count():
    run = make(100).p
    batches = run.gen_batch(4, prefetch=6)
    next(batches)
    state = run.state_dict()
    assert (state["position"], state["batches"], state["iteration"]) == (4, 1, 1)


def test_the_state_is_small():
    run = chain(make()).rebatch(3)
    next(run.gen_batch(4, shuffle=1))
    assert len(json.dumps(run.state_dict())) < 2000


def test_the_millionth_batch_costs_what_the_first_one_costs():
    log = []

    def build():
        return Dataset(10_000_000).p.call(log.append, I())

    run = build()
    next(run.gen_batch(4, shuffle=1, n_epochs=3))
    began = perf_counter()
    at_first = build().load_state_dict(run.state_dict())
    next(at_first.gen_batch())
    early = perf_counter() - began

    state = _far(run.state_dict())
    log.clear()
    began = perf_counter()
    far = build().load_state_dict(state)
    batch = next(far.gen_batch())
    late = perf_counter() - began
    assert log == [1_000_001]
    assert len(batch) == 4
    assert late < 5 * early + 0.05


def _far(state):
    """Give the state of the same run after a million batches, without making them."""
    from zlib import crc32

    state |= {"iteration": 10**6, "batches": 10**6, "items": 4 * 10**6, "position": 4 * 10**6}
    kept = {name: state[name] for name in state if name != "check"}
    state["check"] = f"{crc32(json.dumps(kept, sort_keys=True).encode()):08x}"
    return state


@pytest.fixture
def state():
    run = chain(make())
    next(run.gen_batch(4, shuffle=3, n_epochs=2))
    return run.state_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 5}, "batch_size was 4 and is now 5"),
        ({"shuffle": 4}, "shuffle was 3 and is now 4"),
        ({"shuffle": True}, "shuffle was 3 and is now True"),
        ({"n_epochs": 3}, "n_epochs was 2 and is now 3"),
        ({"n_iters": 3}, "n_iters was None and is now 3"),
        ({"drop_last": True}, "drop_last was False and is now True"),
        ({"seed": 1}, "seed was None and is now 1"),
        ({"batch_size": 3, "seed": 1}, "batch_size was 4 and is now 3; seed was None and is now 1"),
    ],
    ids=str,
)
def test_other_arguments_are_refused(state, arguments, message):
    run = chain(make()).load_state_dict(state)
    with pytest.raises(ValueError, match=message):
        run.gen_batch(**arguments)
    next(run.gen_batch())
    assert run.state_dict()["iteration"] == 2


def test_arguments_may_be_repeated(state):
    run = chain(make()).load_state_dict(state)
    batches = run.gen_batch(np.int64(4), 3, None, 2, False, prefetch=1, target="threads", bar=False)
    assert len(list(batches)) == 4


def test_arguments_of_the_batches_have_to_be_given_again():
    class Gained(Drawn):
        gain = 1

    def build():
        return Dataset(10, Gained, preloaded=(np.arange(10.0), None, None)).p

    run = build()
    assert next(run.gen_batch(4, gain=3)).gain == 3
    state = run.state_dict()
    assert next(build().load_state_dict(state).gen_batch(gain=3)).gain == 3
    with pytest.raises(ValueError, match="gain, for the constructor of the batches, is missing"):
        build().load_state_dict(state).gen_batch()
    with pytest.raises(ValueError, match="gain was another value"):
        build().load_state_dict(state).gen_batch(gain=4)


def test_a_pipeline_that_has_not_run_stands_nowhere():
    with pytest.raises(ValueError, match="has not run yet"):
        make().p.state_dict()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda p: p.add(1), "it has no step 0.add"),
        (lambda p: p.per_batch(), "it has a further step 1.add"),
        (lambda p: p.per_item().add(2), "its step 0.per_batch is 0.per_item"),
        (lambda p: p.per_batch().add(3), "its step 1.add has other arguments"),
        (lambda p: p.per_batch().add(R("normal")), "its step 1.add has other arguments"),
        (lambda p: p.per_batch().add(2).add(2), "it has no step 2.add"),
        (lambda p: p.per_batch().add(2) @ 0.5, "pipeline"),
        (lambda p: p.per_batch().add(2).rebatch(3), "rebatch"),
    ],
)
def test_a_state_of_another_pipeline_is_refused(other, message):
    run = make().p.per_batch().add(2)
    if "0.add" in message:
        run = make().p
        message = "no step 0.add"
    next(run.gen_batch(4))
    with pytest.raises(ValueError, match=f"another pipeline: .*{message}"):
        other(make().p).load_state_dict(run.state_dict())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(3), np.arange(1, 4)),
        (np.arange(3), np.arange(3.0)),
        ([1, 2], (1, 2)),
        ({"a": 1}, {"a": 2}),
        (B.values + 1, B.values + 2),
        (V("a"), V("a", mode="a")),
        (np.sin, np.cos),
        (int, float),
        ({1, 2}, {1, 3}),
        (np.array([None, 1]), np.array([None, 2])),
    ],
    ids=str,
)
def test_other_arguments_of_a_step_are_noticed(one, other):
    run = make().p.call(print, one)
    before = run.shard(0, 1)
    next(make().p.gen_batch(4))
    state = _state_before_a_run(before)
    make().p.call(print, one).load_state_dict(state)
    with pytest.raises(ValueError, match=r"step 0\.call has other arguments"):
        make().p.call(print, other).load_state_dict(state)


def _state_before_a_run(pipeline):
    pipeline.gen_batch(4)
    return pipeline.state_dict()


def test_steps_of_a_nested_pipeline_count():
    def build(size):
        return make().p.append_pipeline(Pipeline().add(size), proba=0.5)

    state = _state_before_a_run(build(2))
    build(2).load_state_dict(state)
    with pytest.raises(ValueError, match=r"step 0\.pipeline/0\.add has other arguments"):
        build(3).load_state_dict(state)


def test_objects_without_a_stable_form_count_by_type():
    class Tool:
        pass

    state = _state_before_a_run(make().p.call(print, Tool(), lambda x: x))
    make().p.call(print, Tool(), lambda x: x).load_state_dict(state)


def test_a_state_of_another_dataset_is_refused(state):
    with pytest.raises(ValueError, match="a dataset of 10 items, and that of the pipeline has 11"):
        chain(make(11)).load_state_dict(state)


def test_a_pipeline_without_a_dataset_is_told_so(state):
    template = Pipeline()
    own = _state_before_a_run(make() >> template)
    with pytest.raises(ValueError, match="no dataset"):
        template.load_state_dict(own)


@pytest.mark.parametrize("mangled", [None, 5, [], "state", ("a", 1)], ids=str)
def test_what_is_no_state_is_refused(mangled):
    with pytest.raises(ValueError, match="a state is a dict"):
        make().p.load_state_dict(mangled)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", "has format"),
        ("version", 2, "version 2"),
        ("version", None, "version None"),
        ("epoch", -1, "'epoch' of a state is a whole number from 0, got -1"),
        ("epoch", 1.0, "'epoch' of a state"),
        ("epoch", True, "'epoch' of a state"),
        ("epoch", 5, "beyond the end of the run"),
        ("position", "4", "'position' of a state"),
        ("position", 11, "position 11 of the state is beyond the epoch, which has 10 items"),
        ("position", 5, "check sum"),
        ("iteration", None, "'iteration' of a state"),
        ("items", -4, "'items' of a state"),
        ("left", "x", "'left' of a state"),
        ("left", 4, "do not fit together"),
        ("seed", [1], "'seed' of a state"),
        ("seed", [1, 1 << 64], "'seed' of a state"),
        ("order", None, "'order' of a state"),
        ("order", {"order": "native", "version": 99}, "does not know order"),
        ("order", {"order": "native", "version": 1}, "'order' of the state is not one|does not"),
        ("streams", {"name": "Philox4x64-10", "version": 2}, "random numbers of the state"),
        ("run", {}, "'run' of a state"),
        ("plan", ["0.scale"], "'plan' of a state"),
        ("dataset_size", 12, "a dataset of 12 items"),
        ("world_size", 0, "'world_size' of a state"),
        ("rebatch", [{}], "has 1 parts, and the pipeline has 0"),
        (
            "rebatch",
            [{"iteration": 0, "items": 0, "offset": 0, "skip": 0}],
            "has 1 parts",
        ),
        ("check", 5, "'check' of a state"),
    ],
)
def test_a_mangled_state_is_refused(state, key, value, message):
    with pytest.raises(ValueError, match=message):
        chain(make()).load_state_dict({**state, key: value})
    del state[key]
    with pytest.raises(ValueError, match=key):
        chain(make()).load_state_dict(state)


def test_a_refused_state_leaves_the_pipeline_as_it_was(state):
    run = chain(make())
    first = run.next_batch(4).indices.tolist()
    with pytest.raises(ValueError, match="epoch"):
        run.load_state_dict({**state, "epoch": -1})
    assert run.next_batch().indices.tolist() != first


def test_the_state_is_a_copy(state):
    run = chain(make()).load_state_dict(state)
    state["run"]["batch_size"] = 1
    state["position"] = 0
    assert len(next(run.gen_batch())) == 4
