import pickle
import random
import threading
import time
from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum

import numpy as np
import pytest

from ironbatch import B, F, I, Pipeline, V


class Name(Enum):
    LOSS = "loss"
    STEPS = "steps"


def test_variables_have_defaults():
    pipeline = Pipeline().init_variable("a", 3).init_variables({"b": 4}, ["c", "d"], "e")
    assert [pipeline.v(name) for name in "abcde"] == [3, 4, None, None, None]


def test_any_hashable_names_a_variable():
    assert Pipeline().init_variable(("loss", 1), 5).get_variable(("loss", 1)) == 5


def test_a_variable_declared_twice_keeps_its_value():
    assert Pipeline().init_variable("a", 3).init_variable("a", 4).v("a") == 3


def test_a_default_may_be_an_expression(dataset):
    assert dataset.p.init_variable("n", F(lambda: 7)).v("n") == 7


def test_a_factory_makes_the_first_value_anew_at_reset(dataset):
    pipeline = dataset.p.init_variable("log", factory=list).update(V("log", mode="a"), I())
    assert pipeline.run(5).run(5).v("log") == [1, 2, 1, 2]
    assert pipeline.run(5, reset="vars").v("log") == [1, 2]


@pytest.mark.parametrize("fresh", [list, True])
def test_init_on_each_run(dataset, fresh):
    default = F(list) if fresh is True else None
    pipeline = dataset.p.init_variable("log", default, init_on_each_run=fresh)
    pipeline = pipeline.update(V("log", mode="a"), I())
    assert pipeline.run(5).run(5).v("log") == [1, 2]


def test_init_on_each_run_takes_a_value(dataset):
    pipeline = dataset.p.init_variable("n", init_on_each_run=10).update(V("n"), V("n") + 1)
    assert pipeline.run(5).run(5).v("n") == 12


def test_a_variable_is_made_with_a_warning():
    pipeline = Pipeline()
    with pytest.warns(UserWarning, match="not initialised"):
        assert pipeline.get_variable("x", default=3) == 3


def test_a_variable_is_made_without_a_warning_when_told():
    assert Pipeline().get_variable("x", default=3, create=True) == 3


def test_setting_and_deleting():
    pipeline = Pipeline().init_variable("a", [1]).init_variable("b", 2)
    pipeline.set_variable("a", 2, mode="a").set_variable("b", F(lambda: 9))
    assert (pipeline.v("a"), pipeline.v("b")) == ([1, 2], 9)
    pipeline.assign_variable("b", 1).delete_variable("a")
    assert (pipeline.has_variable("a"), pipeline.v("b")) == (False, 1)
    assert not pipeline.delete_all_variables().has_variable("b")
    with pytest.raises(KeyError, match="'a'"):
        pipeline.delete_variable("a")


def test_set_variable_evaluates_for_a_batch(dataset):
    pipeline = dataset.p.init_variable("n")
    pipeline.set_variable("n", B.size, batch=dataset.create_batch([1, 2, 3]))
    assert pipeline.v("n") == 3


@pytest.mark.parametrize("lock", [True, False])
def test_variables_with_and_without_lock(dataset, lock):
    pipeline = dataset.p.init_variable("n", 0, lock=lock).update(V("n"), V("n") + B.size)
    assert pipeline.run(2, prefetch=3).v("n") == 10


@pytest.mark.timeout(30)
@pytest.mark.parametrize("prefetch", [0, 1, 3, 8])
def test_updates_arrive_in_the_order_of_batches(dataset, prefetch):
    pipeline = dataset.p.init_variable("first", []).wait_longer_first()
    pipeline = pipeline.update(V("first", mode="a"), B.indices[0])
    assert pipeline.run(2, prefetch=prefetch, n_epochs=2).v("first") == [0, 2, 4, 6, 8] * 2


@pytest.mark.timeout(30)
def test_outputs_are_saved_in_the_order_of_batches(dataset):
    pipeline = dataset.p.init_variable("first", []).wait_longer_first()
    pipeline = pipeline.call(lambda x: x[0], B.indices, save_to=V("first", mode="a"))
    assert pipeline.run(2, prefetch=4).v("first") == [0, 2, 4, 6, 8]


@pytest.mark.timeout(30)
def test_actions_with_a_lock_run_in_the_order_of_batches(dataset):
    log: list[int] = []
    dataset.p.wait_longer_first().guarded(log).run(2, prefetch=4)
    assert log == [0, 2, 4, 6, 8]


@pytest.mark.timeout(30)
def test_order_is_kept_when_batches_before_are_skipped_or_fail(dataset):
    pipeline = dataset.p.init_variable("first", []).wait_longer_first().skip_at(0, 4)
    pipeline = pipeline.update(V("first", mode="a"), B.indices[0])
    assert pipeline.run(2, prefetch=4).v("first") == [2, 6, 8]


def test_an_action_may_store_to_an_expression(dataset):
    pipeline = dataset.p.init_variable("sums", []).fill(dst=V("sums", mode="a"))
    assert pipeline.run(5, prefetch=0).v("sums") == [10.0, 35.0]


def test_outputs_go_to_arrays_lists_and_dicts(dataset):
    array = np.zeros(2)
    pipeline = dataset.p.init_variables({"a": 0, "b": 0})
    pipeline = pipeline.call(lambda: [1, 2], save_to=array)
    pipeline = pipeline.call(lambda: (3, 4), save_to=(V("a"), None))
    pipeline = pipeline.call(lambda: {"x": 5, "y": 6}, save_to={"y": V("b")})
    pipeline.run(10)
    assert (array.tolist(), pipeline.v("a"), pipeline.v("b")) == ([1, 2], 3, 6)


def test_one_place_takes_a_whole_tuple(dataset):
    pipeline = dataset.p.init_variable("a").call(lambda: (3, 4), save_to=V("a"))
    assert pipeline.run(10).v("a") == (3, 4)


def test_a_dict_without_the_key_is_an_error(dataset):
    pipeline = dataset.p.init_variable("a").call(lambda: {"x": 5}, save_to={"y": V("a")})
    with pytest.raises(ValueError, match="'y'"):
        pipeline.run(10)


def test_outputs_go_to_the_batch(dataset):
    batch = next(dataset.p.call(lambda n: n * 2, B.size, save_to=B.double).gen_batch(4))
    assert batch.double == 8


def test_save_to_is_a_step_too(dataset):
    pipeline = dataset.p.init_variable("a").save_to(V("a"), B.size)
    assert pipeline.run(10).v("a") == 10


def test_a_wrong_place_is_an_error(dataset):
    with pytest.raises(TypeError, match="save_to"):
        dataset.p.call(lambda: 1, save_to="a").run(10)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.parametrize("end", ["stop_at", "fail_at"])
def test_batches_after_the_end_change_nothing(dataset, prefetch, end):
    pipeline = dataset.p.init_variable("first", []).wait_longer_first()
    pipeline = getattr(pipeline, end)(2).update(V("first", mode="a"), B.indices[0])
    if end == "fail_at":
        with pytest.raises(ValueError, match="item 2"):
            pipeline.run(2, prefetch=prefetch)
    else:
        pipeline.run(2, prefetch=prefetch)
    assert pipeline.v("first") == [0]


@pytest.mark.parametrize(
    "default",
    [[], [[]], {}, {"a": set()}, set(), deque(), OrderedDict(), defaultdict(list), Counter()],
    ids=repr,
)
def test_a_reset_brings_an_empty_default_back(default):
    shown = repr(default)
    pipeline = Pipeline().init_variable("x", default)
    for holder in (pipeline, pipeline + Pipeline(), pipeline.do_nothing()):
        value = holder.v("x")
        assert type(value) is type(default)
        inner = value[0] if shown == "[[]]" else value["a"] if shown == "{'a': set()}" else value
        if hasattr(inner, "append"):
            inner.append(1)
        else:
            inner.update({1: 1})
        assert holder.reset("vars").v("x") == default
        assert repr(default) == shown


def test_pipelines_of_one_template_share_no_default(dataset):
    template = Pipeline().init_variable("sums", np.zeros(2)).init_variable("seen", set())
    template = template.update(V("sums")[0], V("sums")[0] + B.size).update(
        V("seen", mode="u"), B.indices.tolist()
    )
    one, two = dataset >> template, dataset >> template
    one.run(5)
    assert one.v("sums").tolist() == [10, 0]
    assert (two.v("sums").tolist(), two.v("seen"), template.v("seen")) == ([0, 0], set(), set())


def test_an_object_as_a_default_is_shared():
    thing = object()
    pipeline = Pipeline().init_variable("x", thing).init_variable("y", [thing])
    assert pipeline.do_nothing().v("x") is thing
    assert pipeline.do_nothing().v("y")[0] is thing


def test_adding_steps_calls_no_factory():
    calls: list[int] = []
    pipeline = Pipeline().init_variable("x", factory=lambda: calls.append(1) or len(calls))
    pipeline = pipeline.do_nothing().do_nothing().do_nothing()
    assert calls == [1]
    assert (pipeline.v("x"), pipeline.v("x")) == (2, 2)
    assert pickle.loads(pickle.dumps(Pipeline().init_variable("n", 3).do_nothing())).v("n") == 3


def test_members_of_an_enumeration_name_variables(dataset):
    pipeline = dataset.p.init_variables({Name.LOSS: 0, Name.STEPS: 5})
    pipeline = pipeline.update(V(Name.LOSS), V(Name.LOSS) + V(Name.STEPS))
    assert pipeline.run(5).v(Name.LOSS) == 10


def test_a_variable_may_be_renewed_by_each_run_and_before_it(dataset):
    pipeline = dataset.p.init_variable("log", init_on_each_run=list)
    pipeline.before.update(V("log", mode="a"), "start")
    pipeline = pipeline.update(V("log", mode="a"), I())
    assert pipeline.run(5, prefetch=2).run(5).v("log") == ["start", 1, 2]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("prefetch", [0, 1, 2, 4, 8])
def test_updates_arrive_in_order_whatever_takes_how_long(dataset, prefetch):
    chance = random.Random(prefetch)
    pipeline = dataset.p.init_variables({"log": [], "sum": 0})
    pipeline = pipeline.call(lambda: time.sleep(chance.random() / 100))
    pipeline = pipeline.update(V("log", mode="a"), B.indices[0])
    pipeline = pipeline.call(lambda: time.sleep(chance.random() / 100))
    pipeline = pipeline.call(lambda x: [x], B.indices[0], save_to=V("log", mode="e"))
    pipeline = pipeline.update(V("sum"), V("sum") * 3 + B.indices[0])
    log = pipeline.run(1, n_epochs=2, prefetch=prefetch).v("log")
    expected = 0
    for item in [*range(10), *range(10)]:
        expected = expected * 3 + item
    assert pipeline.v("sum") == expected
    assert sorted(log) == sorted([*range(10)] * 4)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("lock", [True, False])
def test_changes_take_a_lock_if_the_variable_has_one(lock):
    inside = []
    most = []

    class Slow:
        def append(self, value):
            inside.append(value)
            time.sleep(0.05)
            most.append(len(inside))
            inside.remove(value)

    pipeline = Pipeline().init_variable("slow", Slow(), lock=lock)
    threads = [
        threading.Thread(target=pipeline.set_variable, args=("slow", number), kwargs={"mode": "a"})
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most) == 1) is lock


@pytest.mark.parametrize("clear", [True, False])
def test_the_config_is_kept_or_cleared(clear):
    pipeline = Pipeline(config={"a/b": 1, "c": 2}).set_config({"a/x": 3}, clear=clear)
    assert pipeline.config == ({"a": {"x": 3}} if clear else {"a": {"b": 1, "x": 3}, "c": 2})


def test_locks_go_by_name():
    pipeline = Pipeline()
    assert pipeline.lock("a") is pipeline.lock("a")
    assert pipeline.lock("a") is not pipeline.lock("b")
    assert pipeline.lock() is pipeline.lock("lock")
