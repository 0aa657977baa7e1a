"""Prefetch in worker processes: what threads do, done elsewhere."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
import traceback

import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, D, Dataset, I, M, P, R, V, W, action, apply_parallel

pytestmark = pytest.mark.timeout(120)

REMOTE = {"prefetch": 3, "target": "mpc"}


class Numbers(ironbatch.Batch):
    """Numbers whose actions fail, wait and look around."""

    components = ("values",)

    @action
    def scale(self, factor=2):
        self.values = self.values * factor
        return self

    @action
    def add_noise(self):
        self.values = self.values + self.random.normal(size=len(self))
        return self

    @apply_parallel(src="values", dst="values", target="for")
    def fail_on(self, value, bad):
        if value == bad:
            raise ValueError(f"bad value {bad}")
        return value

    @apply_parallel(src="values", dst="values", target="mpc")
    def square(self, value):
        return value * value

    @action
    def add_sum(self, total):
        self.values = self.values + total
        return self

    @action
    def note_process(self):
        self.values = np.full(len(self), os.getpid())
        return self

    @action
    def pause(self, seconds):
        time.sleep(seconds)
        return self

    @action
    def die_at(self, item):
        if item in self.indices:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    @action
    def note_attributes(self):
        self.seen = "in a worker"
        return self

    @action
    def to_strings(self):
        return Words.from_data(self.index, (np.array(self.values, str),))

    @action
    def store_variable(self, name):
        self.pipeline.set_variable(name, 1)
        return self

    @action
    def use_model(self, name):
        self.get_model_by_name(name)
        return self

    @action
    def keep_a_lock(self):
        import threading

        self.guard = threading.Lock()
        return self

    @action
    def wider(self, amount):
        self.values = self.values + self.width * amount
        return self

    @action(use_lock=True)
    def guarded(self):
        return self

    @action(no_eval="dst")
    def fill(self, dst=None):
        dst.set(self.values.sum())
        return self


class Words(ironbatch.Batch):
    components = ("words",)


class Mean:
    """A model that notes what it is trained with."""

    def __init__(self, config):
        self.seen = []

    def train(self, values):
        self.seen.append(float(np.sum(values)))
        return self.seen[-1]

    def predict(self, values):
        return values + len(self.seen)


@pytest.fixture
def dataset():
    return Dataset(10, Numbers, preloaded=np.arange(10.0))


def same(pipeline, expected=None, **kwargs):
    """Check that batches are the same at home, in threads and in processes; give them."""
    kwargs = {"batch_size": 4, "shuffle": 5, **kwargs}

    def collect(**more):
        return [
            (batch.indices.tolist(), batch.values.tolist())
            for batch in pipeline.gen_batch(**kwargs, **more)
        ]

    here = collect()
    assert collect(prefetch=3) == here
    assert collect(**REMOTE) == here
    return here


def test_batches_come_from_other_processes_in_order(dataset):
    batches = list(dataset.p.note_process().gen_batch(2, prefetch=3, target="m"))
    assert os.getpid() not in {pid for batch in batches for pid in batch.values}
    assert [batch.indices[0] for batch in batches] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("shuffle", [False, True, 7, -3])
def test_the_bytes_do_not_depend_on_where_batches_are_made(dataset, shuffle):
    pipeline = dataset.p.scale(3).add_noise()
    if shuffle in (False, True):
        got = [batch.indices for batch in pipeline.gen_batch(3, shuffle, **REMOTE)]
        assert sorted(np.concatenate(got).tolist()) == list(range(10))
    else:
        same(pipeline, shuffle=shuffle, n_epochs=3, batch_size=3)


@pytest.mark.parametrize("prefetch", [1, 2, 8, True])
def test_the_bytes_do_not_depend_on_the_depth(dataset, prefetch):
    pipeline = dataset.p.add_noise()
    here = [b.values.tolist() for b in pipeline.gen_batch(3, 1, n_epochs=2)]
    there = pipeline.gen_batch(3, 1, n_epochs=2, prefetch=prefetch, target="mpc")
    assert [b.values.tolist() for b in there] == here


def test_random_expressions_are_the_same(dataset):
    pipeline = dataset.p.scale(P(R("uniform"))).add_sum(R("normal")).scale(2) @ 0.5
    assert len(same(pipeline, n_epochs=4)) == 10


def test_seeds_and_draws_after_the_batch_has_come_back(dataset):
    draws = [
        [batch.random.random() for batch in dataset.p.add_noise().gen_batch(4, 3, **where)]
        for where in ({}, REMOTE)
    ]
    assert draws[0] == draws[1]


def test_progress_config_dataset_and_arguments_are_known(dataset):
    dataset.offset = 5
    pipeline = dataset.pipeline(config={"scale": 3}).scale(C("scale")).add_sum(D("offset"))
    same(pipeline.add_sum(I("current")).scale(I("ratio")))


def test_a_dataset_that_has_changed_between_two_runs(dataset):
    pipeline = dataset.p.add_sum(D("offset"))
    for offset in (5, 6):
        dataset.offset = offset
        same(pipeline)


def test_keywords_for_the_constructor_arrive(dataset):
    same(dataset.p.wider(2), width=10)


def test_variables_that_nobody_changes_can_be_read(dataset):
    pipeline = dataset.p.init_variable("factor", 4).scale(V("factor"))
    assert same(pipeline, shuffle=False)[0][1] == [0, 4, 8, 12]


def test_what_is_set_before_the_run_arrives(dataset):
    pipeline = dataset.p.init_variable("factor", 1)
    pipeline.before.update(V("factor"), 7)
    assert next(pipeline.scale(V("factor")).gen_batch(4, **REMOTE)).values[1] == 7


def test_subsets_and_ids_of_text():
    names = [f"n{number}" for number in range(20)]
    dataset = Dataset(names, Numbers, preloaded=np.arange(20.0))
    dataset.split(0.5, shuffle=4)
    assert len(same(dataset.train.p.scale(2).add_noise(), n_epochs=3)) == 8


def test_the_batch_is_at_home_again(dataset):
    batch = next(dataset.p.note_attributes().gen_batch(4, 1, **REMOTE))
    here = next(dataset.p.note_attributes().gen_batch(4, 1))
    assert type(batch) is Numbers
    assert batch.dataset is dataset
    assert batch.pipeline.dataset is dataset
    assert batch.seen == "in a worker"
    assert batch.index.root is dataset.index
    assert batch.index.epochs is here.index.epochs is None
    assert batch.add_noise().values.tolist() == here.add_noise().values.tolist()


def test_a_batch_of_another_class(dataset):
    batches = list(dataset.p.to_strings().gen_batch(5, **REMOTE))
    assert [type(batch) for batch in batches] == [Words, Words]
    assert list(batches[1].words) == ["5.0", "6.0", "7.0", "8.0", "9.0"]


def test_a_class_defined_in_a_function_stays_the_same_class():
    class Local(Numbers):
        @action
        def more(self):
            self.values = self.values + 1
            return self

    method = Local.more
    batch = next(Dataset(4, Local, preloaded=np.arange(4)).p.more().gen_batch(2, **REMOTE))
    assert type(batch) is Local
    assert Local.more is method
    assert batch.more().values.tolist() == [2, 3]


def test_a_class_of_a_module_that_workers_cannot_import(tmp_path, monkeypatch):
    import importlib.util

    path = tmp_path / "hidden_batches.py"
    path.write_text(
        textwrap.dedent(
            """
            import ironbatch

            class Hidden(ironbatch.Batch):
                components = "values",

                @ironbatch.action
                def twice(self):
                    self.values = self.values * factor()
                    return self

            def factor():
                return 2
            """
        )
    )
    spec = importlib.util.spec_from_file_location("hidden_batches", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hidden_batches", module)
    spec.loader.exec_module(module)
    pipeline = Dataset(10, module.Hidden, preloaded=np.arange(10)).p.twice()
    for _ in range(2):
        batches = list(pipeline.gen_batch(5, **REMOTE))
        assert [type(batch) for batch in batches] == [module.Hidden] * 2
        assert batches[1].values.tolist() == [10, 12, 14, 16, 18]


def test_batches_without_components_and_data():
    batches = Dataset(["a", "b", "c"], ironbatch.Batch).p.do_nothing().gen_batch(2, **REMOTE)
    assert [batch.indices.tolist() for batch in batches] == [["a", "b"], ["c"]]


def test_a_parallel_action_inside(dataset):
    assert same(dataset.p.square(), shuffle=False)[2][1] == [64, 81]


def test_functions_of_namespaces(dataset):
    class Space:
        @staticmethod
        def double(values):
            return values * 2

    pipeline = dataset.p.add_namespace(Space).double(B.values, save_to=B.values).scale(2)
    assert same(pipeline, shuffle=False)[0][1] == [0, 4, 8, 12]


def test_rebatch(dataset):
    same(dataset.p.scale(2).rebatch(3).add_noise())


def test_nested_pipelines(dataset):
    inner = ironbatch.Pipeline().scale(3)
    same(dataset.p.append_pipeline(inner, proba=0.5).add_noise(), n_epochs=3)


def test_no_prefetch_stays_in_the_process(dataset):
    batch = next(dataset.p.note_process().gen_batch(2, prefetch=0, target="mpc"))
    assert batch.values[0] == os.getpid()


def test_run_and_next_batch(dataset):
    pipeline = dataset.p.init_variable("total", 0).scale(2).update(V("total"), V("total") + 1)
    assert pipeline.run(2, **REMOTE).v("total") == 5
    pipeline = dataset.p.note_process()
    got = [pipeline.next_batch(4, **REMOTE).indices[0] for _ in range(4)]
    assert got == [0, 4, 8, 2]
    pipeline.reset("iter")


# What is shared


def test_variables_are_stored_here_in_order(dataset):
    pipeline = dataset.p.init_variable("sums", []).scale(2).update(V("sums", mode="a"), B.size)
    ids = dataset.p.init_variable("ids", []).scale(2).update(V("ids", mode="a"), B.indices[0])
    pipeline.run(3, **REMOTE)
    assert pipeline.v("sums") == [3, 3, 3, 1]
    ids.run(1, n_epochs=3, prefetch=4, target="m")
    assert ids.v("ids") == [*range(10)] * 3


def test_models_are_trained_here_in_order(dataset):
    def trained(**where):
        pipeline = (
            dataset.p.init_model("mean", Mean)
            .init_variable("last", 0)
            .add_noise()
            .train_model("mean", B.values, save_to=V("last"))
            .predict_model("mean", B.values, save_to=B.values)
        )
        batches = [b.values.tolist() for b in pipeline.gen_batch(2, 9, n_epochs=2, **where)]
        return batches, pipeline.m("mean").seen, pipeline.v("last")

    assert trained() == trained(**REMOTE)


def test_the_last_steps_may_call_lock_print_and_discard(dataset, capsys):
    seen = []
    pipeline = (
        dataset.p.scale(2)
        .acquire_lock("a")
        .print(B.indices[0])
        .call(seen.append, B.values.sum())
        .release_lock("a")
        .discard_batch()
    )
    assert list(pipeline.gen_batch(5, **REMOTE)) == [None, None]
    assert seen == [20, 70]
    assert capsys.readouterr().out == "0\n5\n"


def test_a_batch_that_is_discarded_does_not_travel(dataset):
    assert list(dataset.p.keep_a_lock().discard_batch().scale().gen_batch(5, **REMOTE)) == [
        None,
        None,
    ]


def test_steps_before_and_after_the_run_are_here(dataset):
    seen = []
    pipeline = dataset.p.scale(2)
    pipeline.before.call(seen.append, "before")
    pipeline.after.call(seen.append, "after")
    pipeline.run(5, **REMOTE)
    assert seen == ["before", "after"]


@pytest.mark.parametrize(
    ("write", "step"),
    [
        (lambda p: p.update(V("x"), B.size), "0.update"),
        (lambda p: p.scale(2).print("a"), "1.print"),
        (lambda p: p.train_model("m", B.values), "0.train_model"),
        (lambda p: p.predict_model("m", B.values, save_to=B.values), "0.predict_model"),
        (lambda p: p.acquire_lock(), "0.acquire_lock"),
        (lambda p: p.call(len, B.values, save_to=V("x")), "0.call"),
        (lambda p: p.guarded(), "0.guarded"),
        (lambda p: p.fill(dst=V("x")), "0.fill"),
        (lambda p: p.add_sum(M("m")), "0.add_sum"),
        (lambda p: p.add_sum(R("normal", seed=np.random.default_rng(1))), "0.add_sum"),
        (lambda p: p.add_sum(W(V("x"))), "0.add_sum"),
        (lambda p: p.append_pipeline(ironbatch.Pipeline().update(V("x"), 1)), "0.pipeline"),
    ],
)
def test_shared_steps_before_others_are_refused_at_the_call(dataset, write, step):
    pipeline = write(dataset.p.init_variable("x", 0)).scale(2)
    with pytest.raises(ValueError, match=rf"step {step} .*prefetch in threads"):
        pipeline.gen_batch(4, **REMOTE)
    pipeline.gen_batch(4, prefetch=3).close()


def test_reading_what_the_chain_stores_is_refused(dataset):
    pipeline = dataset.p.init_variable("x", 0).add_sum(V("x")).scale(2).update(V("x"), B.size)
    with pytest.raises(ValueError, match=r"step 0\.add_sum reads what the chain stores"):
        pipeline.gen_batch(4, **REMOTE)


def test_a_nested_pipeline_that_mixes_both_is_refused(dataset):
    inner = ironbatch.Pipeline().scale(2).train_model("m", B.values)
    with pytest.raises(ValueError, match=r"step 0\.pipeline mixes"):
        dataset.p.append_pipeline(inner).gen_batch(4, **REMOTE)


def test_a_variable_changed_inside_an_action_is_an_error_rather_than_lost(dataset):
    with pytest.raises(ValueError, match="variable 'x' cannot change in a worker process"):
        dataset.p.init_variable("x", 0).store_variable("x").run(4, **REMOTE)


def test_a_model_used_inside_an_action_is_an_error(dataset):
    with pytest.raises(ValueError, match="model 'm' is not in a worker process"):
        dataset.p.init_model("m", Mean).use_model("m").run(4, **REMOTE)


# Errors


def test_an_error_is_raised_where_the_consumer_is(dataset):
    batches = dataset.p.scale(1).fail_on(5).gen_batch(4, **REMOTE)
    assert next(batches).values[1] == 1
    with pytest.raises(ValueError, match="bad value 5") as caught:
        next(batches)
    error = caught.value
    assert isinstance(error, ironbatch.ActionError)
    assert (error.item_id, error.position, error.action) == (5, 1, "fail_on")
    text = "".join(traceback.format_exception(error))
    assert 'raise ValueError(f"bad value {bad}")' in text
    assert any("in action 'fail_on' (step 1.fail_on) of batch 2" in n for n in error.__notes__)


def test_failing_batches_are_dropped_on_request(dataset):
    batches = dataset.p.fail_on(5).gen_batch(4, ignore_exceptions=True, **REMOTE)
    assert [batch.indices[0] for batch in batches] == [0, 8]


@pytest.mark.parametrize(("error", "left"), [("SkipBatchException", [0, 8]), ("StopPipeline", [0])])
def test_skip_and_stop(error, left):
    class Picky(ironbatch.Batch):
        @action
        def choose(self, name):
            if 5 in self.indices:
                raise getattr(ironbatch, name)
            return self

    batches = Dataset(10, Picky).p.choose(error).gen_batch(4, **REMOTE)
    assert [batch.indices[0] for batch in batches] == left


def test_a_batch_class_that_does_not_take_what_the_dataset_passes_is_named():
    class Narrow(ironbatch.Batch):
        def __init__(self, index, dataset=None):
            super().__init__(index, dataset)

    messages = []
    for where in ({}, REMOTE):
        with pytest.raises(TypeError, match="Narrow does not take the keyword") as caught:
            Dataset(4, Narrow).p.run(2, **where)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_killed_worker_is_an_error_that_names_the_batch(dataset):
    batches = dataset.p.die_at(5).gen_batch(4, **REMOTE)
    assert next(batches).indices[0] == 0
    with pytest.raises(ironbatch.errors.WorkerDiedError, match=r"batch 2.*item 4 .*signal 9"):
        next(batches)
    assert len(list(dataset.p.scale().gen_batch(4, **REMOTE))) == 3


def test_an_idle_worker_that_was_killed_is_replaced(dataset):
    from ironbatch.targets.processes.pool import pool

    batches = dataset.p.scale(1).gen_batch(1, prefetch=1, target="m")
    next(batches)
    time.sleep(0.3)
    for pid in pool().pids:
        os.kill(pid, signal.SIGKILL)
    assert [batch.values[0] for batch in batches] == [*range(1, 10)]


def test_a_batch_that_does_not_pickle(dataset):
    with pytest.raises(TypeError, match="lock"):
        dataset.p.keep_a_lock().run(4, **REMOTE)


def test_arguments_that_do_not_pickle(dataset):
    with pytest.raises(TypeError, match="cannot be sent to a worker process"):
        dataset.p.scale(number for number in range(3)).run(4, **REMOTE)


def test_a_dataset_that_does_not_pickle(dataset):
    dataset.handle = (number for number in range(3))
    with pytest.raises(TypeError, match=r"cannot be sent to a worker process.*generator"):
        dataset.p.scale(2).run(4, **REMOTE)


# Leaving


def wait_for_idle():
    from ironbatch.targets.processes.pool import pool

    deadline = time.monotonic() + 20
    while pool().idle < len(pool().pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return pool().idle == len(pool().pids)


def test_an_abandoned_generator_leaves_idle_processes(dataset):
    for _ in range(10):
        batches = dataset.p.scale().gen_batch(1, **REMOTE)
        next(batches)
        del batches
    gc.collect()
    assert wait_for_idle()


def test_an_abandoned_generator_delays_nothing(dataset):
    list(dataset.p.gen_batch(4, **REMOTE))
    batches = dataset.p.pause(B.indices[0] * 30).gen_batch(1, **REMOTE)
    next(batches)
    began = time.perf_counter()
    batches.close()
    assert time.perf_counter() - began < 2
    assert len(list(dataset.p.gen_batch(4, **REMOTE))) == 3
    assert wait_for_idle()
    assert time.perf_counter() - began < 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_process_goes_on_with_a_generator(dataset):
    batches = dataset.p.scale(2).gen_batch(2, shuffle=5, **REMOTE)
    expected = [b.values.tolist() for b in dataset.p.scale(2).gen_batch(2, shuffle=5)]
    first = next(batches).values.tolist()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rest = [first, *(batch.values.tolist() for batch in batches)]
            os.write(writer, b"1" if rest == expected else b"0")
        finally:
            os._exit(0)
    os.close(writer)
    answer = os.read(reader, 1)
    os.close(reader)
    os.waitpid(child, 0)
    assert answer == b"1"
    assert [first, *(batch.values.tolist() for batch in batches)] == expected


def test_runs_side_by_side(dataset):
    pipeline = dataset.p.scale(2)
    first, second = (pipeline.gen_batch(2, **REMOTE) for _ in range(2))
    pairs = [(a.values[0], b.values[0]) for a, b in zip(first, second, strict=True)]
    assert pairs == [(2 * n, 2 * n) for n in range(0, 10, 4) for n in (n, n + 2)][:5]


SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
from ironbatch import Batch, Dataset, action

class Own(Batch):
    components = 'values',

    @action
    def pause(self, seconds):
        time.sleep(seconds)
        self.values = twice(self.values)
        return self

def twice(values):
    return 2 * values

dataset = Dataset(100, Own, preloaded=np.arange(100))
where = dict(prefetch=3, target='mpc')
"""


def run_script(code):
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, time.perf_counter() - began


def test_a_class_of_main():
    done, _ = run_script(
        """
        batches = list(dataset.p.pause(0).gen_batch(50, **where))
        print([type(batch) is Own for batch in batches], batches[1].values[0])
        """
    )
    assert (done.stdout, done.stderr) == ("[True, True] 100\n", "")


def test_the_interpreter_ends_with_a_generator_left_open():
    done, seconds = run_script(
        """
        batches = dataset.p.pause(20).gen_batch(1, **where)
        threading.Thread(target=lambda: next(batches), daemon=True).start()
        time.sleep(1.5)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 15


def test_ctrl_c_reaches_the_consumer():
    done, _ = run_script(
        """
        list(dataset.p.pause(0).gen_batch(50, **where))

        def interrupt():
            time.sleep(1)
            globals()['sent'] = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        try:
            dataset.p.pause(30).run(1, **where)
        except KeyboardInterrupt:
            print(time.perf_counter() - sent)
        print(len(list(dataset.p.pause(0).gen_batch(50, **where))))
        """
    )
    assert done.stderr == ""
    waited, made = done.stdout.split()
    assert float(waited) < 2
    assert made == "2"


def test_times_of_actions_are_gathered(dataset):
    pipeline = dataset.p.init_variable("n", 0).pause(0.02).update(V("n"), V("n") + 1)
    pipeline.run(5, profile=True, **REMOTE)
    made, paused, updated = pipeline.profile.actions
    assert (made.calls, paused.calls, updated.calls) == (2, 2, 2)
    assert paused.seconds >= 0.04
