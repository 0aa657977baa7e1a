import json
import os
import threading
import time
from collections import defaultdict

import pytest

import ironbatch
from ironbatch import Pipeline, V

HOWS = [{}, {"prefetch": 3}, {"prefetch": 2, "target": "mpc"}]


@pytest.fixture
def traced(tmp_path):
    """Give the slices of a trace, and the names of its tracks."""

    def trace(pipeline):
        path = tmp_path / "run.json"
        pipeline.trace(path)
        content = json.loads(path.read_text())
        events = content["traceEvents"]
        names = {
            (one["pid"], one["tid"]): one["args"]["name"]
            for one in events
            if one["ph"] == "M" and one["name"] == "thread_name"
        }
        return [one for one in events if one["ph"] == "X"], names

    return trace


def check(slices, names):
    """Check what the format asks for, and that slices of a track nest."""
    tracks = defaultdict(list)
    for one in slices:
        assert set(one) == {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}
        assert one["ts"] >= 0
        assert one["dur"] >= 0
        assert isinstance(one["pid"], int)
        assert isinstance(one["tid"], int)
        begin = round(one["ts"] * 1000)
        tracks[one["pid"], one["tid"]].append((begin, begin + round(one["dur"] * 1000)))
    assert set(tracks) <= set(names)
    for track in tracks.values():
        ends = []
        for begin, end in sorted(track, key=lambda one: (one[0], -one[1])):
            while ends and ends[-1] <= begin:
                ends.pop()
            assert not ends or end <= ends[-1]
            ends.append(end)


@pytest.mark.parametrize("how", HOWS)
def test_one_slice_for_each_action_of_each_batch(dataset, traced, how):
    nested = Pipeline().scale(2).wait(0.001)
    pipeline = (dataset.p.wait(0.002) + nested * 1 + Pipeline()).append_pipeline(nested)
    slices, names = traced(pipeline.run(4, profile=True, **how))
    check(slices, names)
    for name, count in {"create_batch": 3, "wait": 9, "scale": 6, "pipeline": 6}.items():
        found = [one for one in slices if one["name"] == name]
        assert len(found) == count
        assert {(one["args"]["batch"], one["args"]["items"]) for one in found} == {
            (1, 4),
            (2, 4),
            (3, 2),
        }
    assert all(one["dur"] >= 900 for one in slices if one["name"] == "wait")


@pytest.mark.parametrize("how", HOWS)
def test_workers_and_consumer_have_tracks(dataset, traced, how):
    pipeline = dataset.p.wait(0.01).run(2, profile=True, **how)
    slices, names = traced(pipeline)
    mine = (os.getpid(), threading.get_native_id())
    assert names[mine] == "consumer"
    workers = {(one["pid"], one["tid"]) for one in slices if one["name"] == "wait"}
    assert workers == pipeline.profile.workers
    assert (mine in workers) == (not how)
    assert ({pid for pid, _ in workers} == {os.getpid()}) == ("target" not in how)


def test_the_consumer_waits_and_works(dataset, traced):
    pipeline = dataset.p.wait(0.005)
    for _ in pipeline.gen_batch(5, prefetch=2, profile=True):
        time.sleep(0.01)
    slices, names = traced(pipeline)
    check(slices, names)
    consumer = [one for one in slices if one["cat"] == "consumer"]
    assert [one["name"] for one in consumer] == [
        "consumer waits for batch 1",
        "consumer works on batch 1",
        "consumer waits for batch 2",
    ]
    assert consumer[1]["dur"] >= 10_000


def test_waiting_for_a_turn_is_a_slice(dataset, traced):
    pipeline = dataset.p.init_variable("n", 0).wait_longer_first().update(V("n"), V("n") + 1)
    slices, names = traced(pipeline.run(1, prefetch=4, profile=True))
    check(slices, names)
    assert max(one["dur"] for one in slices if one["cat"] == "wait") > 20_000


def test_what_feeds_rebatch_is_there_too(dataset, traced):
    slices, names = traced(
        dataset.p.wait(0.001).rebatch(5).scale().run(2, prefetch=2, profile=True)
    )
    check(slices, names)
    counts = {name: sum(one["name"] == name for one in slices) for name in ("wait", "scale")}
    assert counts == {"wait": 5, "scale": 2}


def test_an_action_that_raises_is_marked(dataset, traced):
    pipeline = dataset.p.fail_at(0).run(5, ignore_exceptions=True, profile=True)
    slices, _ = traced(pipeline)
    failed = [one["args"].get("failed", False) for one in slices if one["name"] == "fail_at"]
    assert failed == [True, False]


def test_a_trace_that_cannot_be_written_leaves_the_old_one(dataset, tmp_path, monkeypatch):
    pipeline = dataset.p.wait(0).run(5, profile=True)
    path = tmp_path / "run.json"
    path.write_text("old")
    monkeypatch.setattr(json, "dumps", lambda *args, **kwargs: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pipeline.trace(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_without_batches_gives_an_empty_trace(dataset, traced):
    pipeline = dataset.p.stop_at(0)
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(5, profile=True)
    slices, names = traced(pipeline)
    check(slices, names)
