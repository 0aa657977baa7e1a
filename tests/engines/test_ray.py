"""Runs in actors of Ray on this machine, which are killed now and then."""

from __future__ import annotations

import os
import time
import traceback

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, V
from ironbatch.engines import Ray
from ironbatch.errors import WorkerDiedError

pytestmark = [
    pytest.mark.full("ray"),
    pytest.mark.timeout(300),
    # Ray's own, about settings of a later version and sockets that it leaves to the collector.
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@pytest.fixture
def ray(cluster):
    yield cluster
    # Actors that were killed give their processors back.
    deadline = time.monotonic() + 60
    while cluster.available_resources().get("CPU", 0) < 2:
        assert time.monotonic() < deadline, "actors are left"
        time.sleep(0.1)


@pytest.mark.parametrize("length", [None, 3])
def test_the_bytes_are_those_of_a_run_on_one_machine(dataset, collect, ray, length):
    pipeline = dataset.p.add_noise().jitter().rebatch(6).add_noise()
    here = collect(pipeline, n_epochs=2)
    assert collect(pipeline, engine="ray", range_length=length, n_epochs=2) == here
    assert collect(pipeline, engine=Ray(1), range_length=length, n_epochs=2) == here


def test_batches_are_made_in_as_many_actors_as_asked_for(dataset, ray):
    for n_workers in (1, 2):
        batches = dataset.p.pause(0.05).note_process().gen_batch(1, engine=Ray(n_workers))
        made_in = {int(pid) for batch in batches for pid in batch.values}
        assert os.getpid() not in made_in
        assert len(made_in) == n_workers


def test_variables_stay_here(dataset, ray):
    pipeline = dataset.p.init_variable("seen", []).update(V("seen", mode="a"), B.indices[0])
    pipeline.run(4, engine="ray")
    assert pipeline.v("seen") == [*range(0, 50, 4)]


def test_an_actor_that_is_killed_changes_nothing(dataset, collect, ray, tmp_path):
    pipeline = dataset.p.add_noise().die_once_at(30, str(tmp_path))
    (tmp_path / "died").touch()
    here = collect(pipeline, n_epochs=2)
    (tmp_path / "died").unlink()
    assert collect(pipeline, engine="ray", n_epochs=2, range_length=2) == here
    assert (tmp_path / "died").exists()


def test_a_range_that_kills_every_actor_is_named(dataset, collect, ray):
    expected = collect(dataset.p.add_noise(), shuffle=False, seed=1)
    made = []
    batches = (
        dataset.p.add_noise().die_at(30).gen_batch(4, seed=1, engine=Ray(retries=1), range_length=1)
    )
    with pytest.raises(WorkerDiedError, match=r"batch 8 \(items 28 to 31\) could not be made: \d"):
        made.extend((batch.indices.tolist(), batch.values.tobytes()) for batch in batches)
    assert made == expected[:7]


def test_memory_that_runs_out_is_a_loss(dataset, ray):
    pipeline = dataset.p.fail_on(9, error=MemoryError)
    with pytest.raises(WorkerDiedError, match=r"batch 3 \(items 8 to 11\).*MemoryError"):
        pipeline.run(4, engine=Ray(retries=0), range_length=1)


def test_an_error_names_item_action_and_line(dataset, ray):
    batches = dataset.p.fail_on(9).gen_batch(4, engine="ray")
    assert [next(batches).indices[0], next(batches).indices[0]] == [0, 4]
    with pytest.raises(ValueError, match="bad value 9") as caught:
        next(batches)
    assert (caught.value.item_id, caught.value.action) == (9, "fail_on")
    assert "raise error(f" in "".join(traceback.format_exception(caught.value))


def test_classes_that_actors_cannot_import_travel_by_value(ray):
    class Local(ironbatch.Batch):
        components = ("values",)

        @ironbatch.action
        def double(self):
            self.values = self.values * 2
            return self

    dataset = Dataset(8, Local, preloaded=np.arange(8))
    batches = dataset.p.double().gen_batch(4, engine="ray")
    assert [batch.values.tolist() for batch in batches] == [[0, 2, 4, 6], [8, 10, 12, 14]]


def test_a_run_that_is_left_ends_its_actors(dataset, ray, tmp_path):
    pipeline = dataset.p.pause(0.1).note_file(str(tmp_path))
    batches = pipeline.gen_batch(1, n_epochs=3, engine="ray", prefetch=150, range_length=25)
    next(batches)
    batches.close()
    time.sleep(1)
    made = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) == made < 150


def test_large_batches_come_back_writable(ray):
    dataset = Dataset(8, ironbatch.Batch, preloaded=np.zeros((8, 1 << 17)))
    batch = next(dataset.p.gen_batch(8, engine="ray"))
    batch.data[3] = 7
    assert batch.data[3, 5] == 7


def test_actors_that_find_no_place_are_an_error(dataset, ray):
    with pytest.raises(WorkerDiedError, match=r"no actor has begun within 1 s.*num_cpus.*64"):
        dataset.p.run(4, engine=Ray(num_cpus=64, patience=1))


def test_there_has_to_be_an_actor():
    with pytest.raises(ValueError, match="at least one actor, got n_workers=0"):
        Ray(0)
