"""The same seed gives the same bytes at every target, number of workers, prefetch and cut."""

import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from itertools import islice

import numpy as np
import pytest

import ironbatch
from ironbatch import (
    B,
    Dataset,
    P,
    Pipeline,
    R,
    V,
    action,
    inbatch_parallel,
    kernels,
)

pytestmark = pytest.mark.timeout(120)


class Noisy(ironbatch.Batch):
    """Numbers that get noise in every way there is."""

    components = "values", "words"

    @inbatch_parallel(init="indices", post="_collect", target="threads")
    def put(self, item, shift):
        return shift

    def _collect(self, results, *args, **kwargs):
        self.values = np.array(results, dtype=float)
        return self

    @action
    def shake(self, more=0.0):
        self.values = self.values + self.random.normal(size=len(self)) + more
        return self

    @action
    def skip_some(self, chance):
        if chance < 0.3:
            raise ironbatch.SkipBatchException
        return self

    @action
    def wait(self):
        time.sleep(random.random() / 300)
        return self

    @action
    def to_others(self):
        return Others.from_data(self.index, (self.values, self.words))

    @action
    def drop_odd(self):
        return self[self.indices[np.arange(len(self)) % 2 == 0]]


class Others(Noisy):
    """Another class, with the same actions."""


def jitter(value, rng):
    return value + rng.normal()


async def jitter_later(value, rng):
    return value + rng.normal()


def flip(value):
    return -value


def limit(value, low):
    return np.clip(value, low, 1.0)


def digest(batches):
    """Give one number for the ids and all components of all batches, in order."""
    found = hashlib.blake2b(digest_size=8)
    for batch in batches:
        found.update(f"{type(batch).__name__} {len(batch)} {batch.indices.tolist()}".encode())
        for name in batch.components:
            data = getattr(batch, name)
            if data is None:
                continue
            array = np.asarray(data)
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(array.tobytes() if array.dtype != object else repr(data).encode())
    return found.hexdigest()


def chain(target="for", n_workers=None, item=jitter):
    options = {"target": target, "n_workers": n_workers}
    return (
        Pipeline()
        .put(P(R("normal") + R("uniform", high=R("uniform", 1, 9))), **options)
        .apply_parallel(item, src="values", requires_rng=True, **options)
        .apply_parallel(flip, src="values", p=0.5, **options)
        .shake(R("normal"))
        .to_others()
        .apply_parallel(jitter, src="values", dst="words", requires_rng=True, **options)
        .shake(R("normal", seed=3))
        + (Pipeline().shake().apply_parallel(flip, src="values", p=0.3, **options) @ 0.6) * 2
    )


def dataset(index=23):
    return Dataset(index, Noisy)


RUNS = {
    "in order": {"batch_size": 4},
    "straddling": {"batch_size": 4, "shuffle": 7, "n_epochs": 2},
    "dropped": {"batch_size": 4, "shuffle": 7, "n_epochs": 2, "drop_last": True},
    "endless": {"batch_size": 5, "shuffle": 7, "n_iters": 12},
}


def run(template, index=23, **arguments):
    arguments = {"batch_size": 4, "seed": 11, **arguments}
    return digest((dataset(index) >> template).gen_batch(**arguments))


@pytest.fixture(scope="module")
def expected():
    return {name: run(chain(), **arguments) for name, arguments in RUNS.items()}


def test_the_digest_sees_what_differs(expected):
    assert len(set(expected.values())) == len(expected)
    assert run(chain(), seed=12) != expected["in order"]
    assert run(chain().do_nothing()) == expected["in order"]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 4])
@pytest.mark.parametrize("target", ["for", "threads", "async", "mpc"])
def test_every_target_and_number_of_workers(expected, target, n_workers):
    item = jitter_later if target == "async" else jitter
    got = run(chain(target, n_workers, item), **RUNS["straddling"])
    assert got == expected["straddling"]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 4])
@pytest.mark.parametrize("p", [None, 0.5])
def test_kernels_and_functions(n_workers, p):
    start = Pipeline().put(P(R("normal", size=3)), target="for")
    given = {"low": P(R("uniform", -2, 0)), "p": p, "src": "values"}
    plain = start.apply_parallel(limit, target="for", **given)
    native = start.apply_parallel(
        kernels.clip.bind(low=given["low"], high=1.0), src="values", p=p, n_workers=n_workers
    )
    for prefetch in (0, 3):
        assert run(native, n_epochs=2, shuffle=3, prefetch=prefetch) == run(
            plain, n_epochs=2, shuffle=3
        )


@pytest.mark.parametrize("prefetch", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("name", RUNS)
def test_prefetch_in_threads(expected, name, prefetch):
    assert run(chain(), prefetch=prefetch, **RUNS[name]) == expected[name]


@pytest.mark.parametrize("prefetch", [1, 3, 8])
@pytest.mark.parametrize("name", RUNS)
def test_prefetch_in_processes(expected, name, prefetch):
    assert run(chain(), prefetch=prefetch, target="mpc", **RUNS[name]) == expected[name]


@pytest.mark.parametrize("target", ["threads", "mpc"])
def test_targets_within_prefetch(expected, target):
    got = run(chain("threads", 2), prefetch=3, target=target, **RUNS["straddling"])
    assert got == expected["straddling"]


@pytest.mark.parametrize(("prefetch", "target"), [(0, "threads"), (3, "threads"), (3, "mpc")])
@pytest.mark.parametrize("name", RUNS)
def test_goes_on_after_a_stop(expected, name, prefetch, target):
    arguments = {"batch_size": 4, "seed": 11, **RUNS[name], "prefetch": prefetch, "target": target}
    for cut in (1, 4):
        first = dataset() >> chain()
        batches = first.gen_batch(**arguments)
        begun = list(islice(batches, cut))
        state = json.loads(json.dumps(first.state_dict()))
        batches.close()
        second = dataset() >> chain()
        second.load_state_dict(state)
        begun += second.gen_batch(**arguments)
        assert digest(begun) == expected[name]


def by_item(template, index, **arguments):
    seen: dict = {}
    for batch in (dataset(index) >> template).gen_batch(seed=11, **arguments):
        for item, value in zip(batch.indices.tolist(), batch.values.tolist(), strict=True):
            seen.setdefault(item, []).append(value)
    return seen


def items_only(target="for"):
    template = Pipeline().put(P(R("normal")), target=target)
    template = template.apply_parallel(jitter, src="values", requires_rng=True, target=target)
    template = template.apply_parallel(flip, src="values", p=0.5, target=target)
    return template.put(P(B.values + R("normal", seed=5)), target=target)


INDEXES = {
    "range": 10,
    "numbers": [5, -3, 2**62, 7, 0, -(2**63), 2**63 - 1, 11, 12, 13],
    "words": [f"item {number} é" for number in range(10)],
    "repeated": [1, 2, 3, 1, 2, 1, 4, 5, 6, 7],
}


@pytest.mark.filterwarnings("ignore:.*more than once:UserWarning")
@pytest.mark.parametrize("batch_size", [1, 3, 4, 7])
@pytest.mark.parametrize("ids", INDEXES)
def test_items_draw_the_same_in_batches_of_any_size(ids, batch_size):
    index = INDEXES[ids]
    whole = by_item(items_only(), index, batch_size=10, n_epochs=2)
    values = [value for drawn in whole.values() for value in drawn]
    assert len(values) == len(set(values)) == 20
    assert by_item(items_only(), index, batch_size=batch_size, n_epochs=2, prefetch=2) == whole


def test_ten_items_in_batches_of_four_for_two_epochs():
    batches = [b.indices.tolist() for b in (dataset(10) >> items_only()).gen_batch(4, n_epochs=2)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]
    first = by_item(items_only(), 10, batch_size=10)
    both = by_item(items_only(), 10, batch_size=4, n_epochs=2)
    assert {item: drawn[:1] for item, drawn in both.items()} == first
    assert all(one != two for one, two in both.values())


def test_parts_of_a_dataset_draw_what_the_whole_draws():
    whole = by_item(items_only(), 12, batch_size=5)
    parts = dataset(12)
    parts.split((0.5, 0.3, 0.2), shuffle=4)
    for part in (parts.train, parts.test, parts.validation):
        drawn = {}
        for batch in (part >> items_only()).gen_batch(2, seed=11):
            drawn.update(zip(batch.indices.tolist(), batch.values.tolist(), strict=True))
        assert drawn == {item: whole[item][0] for item in part.indices.tolist()}


@pytest.mark.parametrize("size", [1, 3, 4, 9, 30])
@pytest.mark.parametrize("upstream", [2, 4, 5])
def test_rebatch_keeps_what_items_draw(size, upstream):
    template = items_only().rebatch(size)
    template = template.apply_parallel(jitter, src="values", requires_rng=True, target="for")
    expected = by_item(template, 13, batch_size=13, n_epochs=2)
    assert by_item(template, 13, batch_size=upstream, n_epochs=2) == expected
    assert by_item(template, 13, batch_size=upstream, n_epochs=2, prefetch=3) == expected


def skipping():
    chain = Pipeline().put(P(R("normal")), target="for").skip_some(R("random")).wait().shake()
    return chain.drop_odd().shake().rebatch(3).shake().skip_some(R("random"))


@pytest.mark.parametrize("shuffle", [False, 5])
def test_skipped_batches(shuffle):
    expected = run(skipping(), shuffle=shuffle, n_epochs=3)
    for prefetch in (1, 4):
        for target in ("threads", "mpc"):
            got = run(skipping(), shuffle=shuffle, n_epochs=3, prefetch=prefetch, target=target)
            assert got == expected


def fail_some(value, number):
    if number % 3 == 1:
        raise ValueError("cannot")
    return value


@pytest.mark.parametrize(("prefetch", "target"), [(0, "threads"), (3, "threads"), (3, "mpc")])
def test_items_that_are_skipped_take_no_draws_from_others(prefetch, target):
    start = Pipeline().put(P(R("normal")), target="for")
    number = P(B.indices)
    failing = start.apply_parallel(fail_some, number, src="values", target="for")
    noise = {"src": "values", "requires_rng": True, "target": "for"}
    arguments = {"on_error": "skip", "prefetch": prefetch, "target": target}
    whole = by_item(failing.apply_parallel(jitter, **noise), 12, batch_size=12, on_error="skip")
    assert sorted(whole) == [n for n in range(12) if n % 3 != 1]
    for batch_size in (1, 5):
        got = by_item(
            failing.apply_parallel(jitter, **noise), 12, batch_size=batch_size, **arguments
        )
        assert got == whole
    all_pass = start.apply_parallel(flip, src="values", p=0, target="for")
    untouched = by_item(all_pass.apply_parallel(jitter, **noise), 12, batch_size=12)
    assert {item: untouched[item] for item in whole} == whole


def test_what_is_drawn_here_after_what_is_drawn_elsewhere():
    def noted(**arguments):
        template = Pipeline().put(P(R("normal")), target="for").shake().init_variable("log", [])
        template = template.update(V("log", mode="a"), R("normal") + B.values[0])
        return (dataset() >> template).run(4, seed=11, **arguments).v("log")

    expected = noted()
    assert noted(prefetch=3) == noted(prefetch=3, target="mpc") == expected


def test_many_runs_at_once_under_pressure(expected):
    found = []

    def work():
        for prefetch in (0, 2, 5):
            found.append(run(chain().wait(), prefetch=prefetch))

    stop = threading.Event()

    def collect():
        while not stop.wait(0.002):
            gc.collect(0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    collector = threading.Thread(target=collect)
    for thread in (*threads, collector):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    assert found == [expected["in order"]] * 12


def test_interrupted_neighbours_do_not_matter(expected):
    for _ in range(3):
        other = (dataset() >> chain().wait()).gen_batch(4, seed=1, prefetch=4)
        next(other)
        assert run(chain(), prefetch=4, **RUNS["straddling"]) == expected["straddling"]
        del other


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_goes_on_as_its_parent(expected):
    arguments = {"batch_size": 4, "seed": 11, **RUNS["straddling"], "prefetch": 3}
    batches = (dataset() >> chain()).gen_batch(**arguments)
    begun = list(islice(batches, 3))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, digest([*begun, *batches]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert answer.read() == expected["straddling"]
    os.waitpid(child, 0)
    assert digest([*begun, *batches]) == expected["straddling"]


def test_another_interpreter_with_other_hashes():
    code = textwrap.dedent(
        """
        import hashlib
        import numpy as np
        import ironbatch
        from ironbatch import B, Dataset, P, R

        class Numbers(ironbatch.Batch):
            components = "values",

        pipeline = Dataset([f"id {n}" for n in range(9)], Numbers).p
        pipeline = pipeline.apply_parallel(
            lambda item, rng: rng.normal(), init="indices", dst="values", requires_rng=True,
            target="for",
        )
        pipeline = pipeline.update(B.values, B.values + P(R("normal"))[0] + R("normal", seed=2))
        found = hashlib.blake2b(digest_size=8)
        for batch in pipeline.gen_batch(4, shuffle=3, n_epochs=2, prefetch=2):
            found.update(str(batch.indices.tolist()).encode() + batch.values.tobytes())
        print(found.hexdigest())
        """
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(found) == 1
