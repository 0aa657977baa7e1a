"""Runs on a cluster of Dask on this machine, whose workers are killed now and then."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, V
from ironbatch.engines import Dask
from ironbatch.errors import WorkerDiedError

pytestmark = [pytest.mark.full("distributed"), pytest.mark.timeout(300)]


def cluster_of(n_workers=2, **kwargs):
    import dask
    from distributed import LocalCluster

    # A worker takes its time to start where others work, too.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "180s"})

    settings = {
        "n_workers": n_workers,
        "threads_per_worker": 1,
        "dashboard_address": ":0",
        "memory_limit": 0,
        "silence_logs": logging.CRITICAL,
    }
    return LocalCluster(**{**settings, **kwargs})


@pytest.fixture(scope="module")
def cluster():
    with cluster_of() as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    from distributed import Client

    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=120)
        yield client
        assert left_on(client) == [], "something was left on the cluster"


def left_on(client):
    """Give what the scheduler and the workers know of runs; wait a little for nothing."""

    def tasks(dask_scheduler):
        return [key for key in dask_scheduler.tasks if "ironbatch" in str(key)]

    def held(dask_worker):
        return [key for key in dask_worker.data if "ironbatch" in str(key)]

    deadline = time.monotonic() + 20
    while True:
        left = sum(client.run(held).values(), client.run_on_scheduler(tasks))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


@pytest.mark.parametrize("length", [None, 1, 4, 100])
def test_the_bytes_are_those_of_a_run_on_one_machine(dataset, collect, client, length):
    pipeline = dataset.p.add_noise().jitter().rebatch(6).add_noise()
    kwargs = {"n_epochs": 2}
    assert collect(pipeline, engine=client, range_length=length, **kwargs) == collect(
        pipeline, **kwargs
    )


def test_the_bytes_do_not_depend_on_the_workers(dataset, collect):
    from distributed import Client

    pipeline = dataset.p.add_noise().jitter()
    here = collect(pipeline, n_epochs=2)
    for kwargs in ({"n_workers": 1, "threads_per_worker": 3}, {"n_workers": 3}):
        with cluster_of(processes=False, **kwargs) as cluster, Client(cluster) as client:
            assert collect(pipeline, engine=client, n_epochs=2) == here


def test_batches_are_made_in_the_workers(dataset, client):
    batches = dataset.p.pause(0.05).note_process().gen_batch(1, engine=client)
    made_in = {int(pid) for batch in batches for pid in batch.values}
    assert made_in == set(client.run(os.getpid).values())


def test_run_takes_an_engine_too_and_variables_stay_here(dataset, client):
    pipeline = dataset.p.init_variable("seen", []).update(V("seen", mode="a"), B.indices[0])
    pipeline.run(4, engine=client)
    assert pipeline.v("seen") == [*range(0, 50, 4)]


def test_the_current_client_may_be_named(dataset, collect, client):
    assert client.status == "running"
    pipeline = dataset.p.add_noise()
    assert collect(pipeline, engine="dask") == collect(pipeline)


def test_data_in_memory_travels_to_each_worker_once(client):
    values = np.random.default_rng(0).normal(size=(64, 1 << 15))

    def sizes(dask_worker):
        known = dask_worker.state.tasks
        return [known[key].nbytes for key in dask_worker.data if "ironbatch-plan" in str(key)]

    dataset = Dataset(64, ironbatch.Batch, preloaded=values)
    run = dataset.p.gen_batch(1, engine=client, n_epochs=2, range_length=1)
    assert next(run).data.shape == (1, 1 << 15)
    held = client.run(sizes)
    assert [len(one) for one in held.values()] == [1, 1]
    assert all(values.nbytes <= size < values.nbytes * 1.05 for (size,) in held.values())
    assert sum(1 for _ in run) == 127


def test_a_worker_that_is_killed_in_an_action_changes_nothing(dataset, collect, client, tmp_path):
    pipeline = dataset.p.add_noise().die_once_at(30, str(tmp_path))
    (tmp_path / "died").touch()
    here = collect(pipeline, n_epochs=2)
    (tmp_path / "died").unlink()
    assert collect(pipeline, engine=client, n_epochs=2, range_length=2) == here
    assert (tmp_path / "died").exists()


def test_a_worker_that_is_killed_from_outside_changes_nothing(dataset, collect, client):
    pipeline = dataset.p.pause(0.02).add_noise()
    expected = collect(pipeline, n_epochs=3)
    made = []
    for batch in pipeline.gen_batch(4, shuffle=7, n_epochs=3, engine=client, range_length=1):
        made.append((batch.indices.tolist(), batch.values.tobytes()))
        if len(made) == 5:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    assert made == expected


def test_a_range_that_kills_every_worker_is_named(dataset, collect, client):
    pipeline = dataset.p.add_noise().die_at(30)
    expected = collect(dataset.p.add_noise(), shuffle=False, seed=1)
    made = []
    engine = Dask(client, retries=1)
    batches = pipeline.gen_batch(4, seed=1, engine=engine, range_length=1)
    with pytest.raises(WorkerDiedError, match=r"batch 8 \(items 28 to 31\) could not be made: \d"):
        made.extend((batch.indices.tolist(), batch.values.tobytes()) for batch in batches)
    assert made == expected[:7]
    client.wait_for_workers(2, timeout=120)


def test_a_worker_without_memory_is_a_loss(dataset, client):
    pipeline = dataset.p.fail_on(9, error=MemoryError)
    with pytest.raises(
        WorkerDiedError, match=r"batch 3 \(items 8 to 11\).*\d times.*MemoryError.*bad value 9"
    ):
        pipeline.run(4, engine=Dask(client, retries=1), range_length=1)


def test_an_error_names_item_action_and_line(dataset, client):
    batches = dataset.p.fail_on(9).gen_batch(4, engine=client)
    assert [next(batches).indices[0], next(batches).indices[0]] == [0, 4]
    with pytest.raises(ValueError, match="bad value 9") as caught:
        next(batches)
    assert (caught.value.item_id, caught.value.action) == (9, "fail_on")
    text = "".join(traceback.format_exception(caught.value))
    assert "raise error(f" in text


def test_the_policy_of_failures_is_that_of_any_run(dataset, client):
    pipeline = dataset.p.fail_on(9)
    sizes = [len(batch) for batch in pipeline.gen_batch(4, engine=client, on_error="skip")]
    assert sum(sizes) == 49
    assert [one.item_id for one in pipeline.failures] == [9]


def test_classes_that_workers_cannot_import_travel_by_value(client):
    class Local(ironbatch.Batch):
        components = ("values",)

        @ironbatch.action
        def double(self):
            self.values = self.values * 2
            return self

    dataset = Dataset(8, Local, preloaded=np.arange(8))
    batches = dataset.p.double().gen_batch(4, engine=client)
    assert [batch.values.tolist() for batch in batches] == [[0, 2, 4, 6], [8, 10, 12, 14]]


def test_a_script_may_import_engines_before_dask(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from ironbatch import Dataset\n"
        "from ironbatch.engines import Dask\n"
        "if __name__ == '__main__':\n"
        "    from distributed import Client, LocalCluster\n"
        "    with LocalCluster(1, dashboard_address=':0') as cluster, Client(cluster) as client:\n"
        "        batches = Dataset(8).p.gen_batch(4, engine=Dask(client, patience=20))\n"
        "        assert len(list(batches)) == 2\n"
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=120)


@pytest.mark.parametrize("how", ["close", "drop", "error"])
def test_a_run_that_is_left_cancels_what_is_submitted(dataset, client, tmp_path, how):
    pipeline = dataset.p.pause(0.1).note_file(str(tmp_path))
    batches = pipeline.gen_batch(1, n_epochs=3, engine=client, prefetch=150, range_length=25)
    next(batches)
    if how == "close":
        batches.close()
    elif how == "drop":
        del batches
        gc.collect()
    else:
        with pytest.raises(KeyboardInterrupt):
            batches.throw(KeyboardInterrupt)
    assert left_on(client) == []
    # Ranges take 2.5 s each: those that were under way end in their middle.
    time.sleep(0.5)
    made = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) == made < 150
    assert client.status == "running"
    assert client.submit(int, "7").result(20) == 7


@pytest.mark.parametrize("seconds", [0.05, 0.2, 3])
def test_ctrl_c_cancels_what_is_submitted(dataset, client, seconds):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        dataset.p.pause(0.5).run(1, engine=client, range_length=1)
    timer.join()
    assert left_on(client) == []
    assert client.submit(int, "7").result(20) == 7


def test_a_run_can_be_profiled(dataset, client):
    pipeline = dataset.p.pause(0.01)
    pipeline.run(10, engine=client, profile=True)
    assert pipeline.profile.batches == 5
    assert {action.name: action.seconds >= 0.05 for action in pipeline.profile.actions}["pause"]
    assert not {pid for pid, _ in pipeline.profile.workers} <= {os.getpid()}
    assert "worker processes" in str(pipeline.report())


def test_several_runs_share_a_client(dataset, collect, client):
    pipeline = dataset.p.add_noise()
    runs = [pipeline.gen_batch(4, shuffle=7, engine=client) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        assert one.values.tobytes() == other.values.tobytes()


def test_large_batches_come_back_writable(client):
    dataset = Dataset(8, ironbatch.Batch, preloaded=np.zeros((8, 1 << 17)))
    batch = next(dataset.p.gen_batch(8, engine=client))
    batch.data[3] = 7
    assert batch.data[3, 5] == 7


@pytest.mark.parametrize("what", ["client", "cluster"])
def test_a_cluster_that_goes_away_is_an_error(dataset, what):
    from distributed import Client

    with cluster_of(1, processes=False) as cluster, Client(cluster) as client:
        batches = dataset.p.pause(0.05).gen_batch(4, engine=client, range_length=1)
        next(batches)
        (client if what == "client" else cluster).close()
        with pytest.raises(WorkerDiedError, match=r"the engine is gone.*\(items 4 to 7\)"):
            list(batches)


def test_a_cluster_without_workers_is_an_error(dataset):
    from distributed import Client

    with cluster_of(1, processes=False) as cluster, Client(cluster) as client:
        batches = dataset.p.gen_batch(
            4, engine=Dask(client, patience=1), prefetch=2, range_length=1
        )
        next(batches)
        cluster.scale(0)
        with pytest.raises(WorkerDiedError, match=r"gone.*\(items .*(no workers|within 1 s)"):
            list(batches)


def test_a_cluster_that_has_no_workers_yet_is_an_error(dataset):
    from distributed import Client

    with (
        cluster_of(0, processes=False) as cluster,
        Client(cluster) as client,
        pytest.raises(RuntimeError, match=r"cannot send the plan.*within 0\.5 s"),
    ):
        dataset.p.run(4, engine=Dask(client, patience=0.5))


def test_an_asynchronous_client_is_refused_at_the_call(dataset):
    import asyncio

    async def main():
        from distributed import Client

        cluster = await cluster_of(1, processes=False, asynchronous=True)
        async with cluster, Client(cluster, asynchronous=True) as client:
            with pytest.raises(ValueError, match="no asynchronous client"):
                dataset.p.gen_batch(4, engine=client)

    asyncio.run(main())


def test_a_cluster_in_the_place_of_a_client_is_refused(dataset, cluster):
    with pytest.raises(TypeError, match=r"give a client of it, distributed\.Client\(cluster\)"):
        dataset.p.gen_batch(4, engine=cluster)
