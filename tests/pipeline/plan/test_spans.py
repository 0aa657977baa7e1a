"""What batches share looks under prefetch as it does without: no other batch comes between."""

import random
import time

import numpy as np
import pytest

import ironbatch
from ironbatch import IF, B, C, D, Dataset, F, Pipeline, V, W, action

pytestmark = pytest.mark.timeout(60)


class Numbers(ironbatch.Batch):
    components = ("values",)

    @action
    def add(self, number):
        self.values = self.values + number
        return self

    @action
    def wait(self):
        time.sleep(random.random() / 200)
        return self

    @action(no_eval="dst")
    def total(self, dst):
        dst.set(float(self.values.sum()))
        return self


def plain(p):
    return p.update(V("n"), V("n") + 1).wait().add(V("n"))


def used_before_it_changes(p):
    return p.add(V("n")).wait().update(V("n"), V("n") * 2 + 1)


def saved(p):
    return p.call(lambda b: b[0], B.indices, save_to=V("n")).wait().add(V("n"))


def saved_with_others(p):
    return p.call(lambda b: (b[0], 1), B.indices, save_to=[V("n"), None]).wait().add(V("n"))


def stored_by_an_action(p):
    return p.total(dst=V("n")).wait().add(V("n"))


def stored_by_a_function(p):
    return p.call(lambda dst, n: dst.set(n), W(V("n")), B.indices[0]).wait().add(V("n"))


def part_of_a_slice(p):
    p = p.update(V("n"), V("n") + 1).wait()
    return p.add(F(lambda part: len(part))(B.indices[: V("n")]))


def an_item(p):
    return p.update(V("d")["k"], B.indices[0]).wait().add(V("d")["k"])


def a_name_computed(p):
    return p.update(V(F(lambda: "n")), V("n") + 1).wait().add(V("n"))


def either(p):
    return p.update(IF(B.indices[0] > 4, V("n"), V("m")), B.indices[0]).wait().add(V("n") - V("m"))


def option(p):
    return p.update(C("opt/a"), C("opt/a") + 1).wait().add(C("opt")["a"])


def attribute(p):
    return p.update(D("step"), D("step") + 1).wait().add(D.step)


def in_a_nested_chain(p):
    return p.append_pipeline(Pipeline().update(V("n"), V("n") + 1).wait()).add(V("n"))


def repeated(p):
    part = Pipeline().update(V("n"), V("n") + 1).wait().update(V("log", mode="a"), B.indices[0])
    return p + part * 3


def chance(p):
    return (p.update(V("n"), V("n") + 1) + Pipeline().add(100) @ (V("n") % 2)).wait()


def two_spans(p):
    p = p.update(V("n"), V("n") + 1).wait().add(V("n"))
    return p.wait().update(V("m"), V("m") + 1).wait().add(V("m"))


CHAINS = [
    plain,
    used_before_it_changes,
    saved,
    saved_with_others,
    stored_by_an_action,
    stored_by_a_function,
    part_of_a_slice,
    an_item,
    a_name_computed,
    either,
    option,
    attribute,
    in_a_nested_chain,
    repeated,
    chance,
    two_spans,
]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.__name__)
def test_prefetch_sees_what_one_batch_after_the_other_sees(chain):
    def results(prefetch):
        dataset = Dataset(24, Numbers, preloaded=np.zeros(24), step=0)
        start = Pipeline(config={"opt/a": 0}).init_variables({"n": 0, "m": 0, "log": [], "d": {}})
        pipeline = dataset >> chain(start)
        batches = pipeline.gen_batch(2, prefetch=prefetch)
        return [batch.values.tolist() for batch in batches], pipeline.v("log")

    expected = results(0)
    for prefetch in (2, 6):
        assert results(prefetch) == expected


def test_a_batch_that_is_skipped_within_a_span_lets_others_pass():
    def skip(ids):
        if ids[0] % 3 == 1:
            raise ironbatch.SkipBatchException

    dataset = Dataset(24, Numbers, preloaded=np.zeros(24))
    pipeline = dataset >> Pipeline().init_variable("n", 0)
    pipeline = pipeline.update(V("n"), V("n") + 1).call(skip, B.indices).wait().add(V("n"))
    seen = [
        b.values.tolist()
        for prefetch in (0, 4)
        for b in pipeline.gen_batch(1, prefetch=prefetch, reset=["iter", "vars"])
    ]
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]


def test_variables_that_nobody_changes_hold_nobody_up():
    inside = []
    most = []

    def note(shift):
        inside.append(shift)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()

    dataset = Dataset(12, Numbers, preloaded=np.zeros(12))
    pipeline = dataset >> Pipeline(config={"a": 1}).init_variable("n", 0)
    pipeline.call(note, V("n") + C("a")).add(V("n") + C("a")).run(1, prefetch=4)
    assert max(most) > 1
