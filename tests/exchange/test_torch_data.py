"""Pipelines in torch's DataLoader: each item once, whoever makes the batches."""

import os
import pickle
import signal
from collections import Counter

import numpy as np
import pytest

from ironbatch import Batch, Dataset, I, P, R, V, action, apply_parallel, kernels
from ironbatch.components import Ragged
from ironbatch.index.blocks import Blocks

pytestmark = [
    pytest.mark.full("torch"),
    pytest.mark.timeout(300),
    # Fewer cores than workers, and forks of a process with threads: what is tested here.
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]


class Numbers(Batch):
    components = "values", "noise", "names", "signals"

    @action
    def put(self, noise):
        self.noise = np.asarray(noise, np.float64)
        return self

    @action
    def put_number(self, current, largest):
        self.noise = np.array([[current, largest or 0]] * len(self))
        return self

    @apply_parallel(src="values", target="threads")
    def double(self, value):
        return value * 2

    @apply_parallel(src="values", target="async")
    async def negate(self, value):
        return -value

    @action
    def die_at(self, value):
        if value in self.values:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    @action
    def fail_at(self, value):
        if value in self.values:
            raise ZeroDivisionError(f"at {value}")
        return self


def make(n=22):
    return Dataset(n, Numbers, preloaded={"values": np.arange(n, dtype=np.float32)}).p


def loader(dataset, workers=0, **options):
    from torch.utils.data import DataLoader

    return DataLoader(dataset, batch_size=None, num_workers=workers, timeout=0, **options)


def values(batches):
    return [batch["values"].tolist() for batch in batches]


def items(batches):
    return Counter(value for batch in values(batches) for value in batch)


# The same batches, whoever makes them


@pytest.mark.parametrize("workers", [0, 1, 2, 3, 8])
def test_a_loader_gives_the_batches_of_the_pipeline(workers):
    dataset = make().to_torch(4, shuffle=42)
    expected = [batch.values.tolist() for batch in make().gen_batch(4, shuffle=42)]
    assert values(loader(dataset, workers)) == expected
    assert len(loader(dataset, workers)) == len(expected) == 6


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_way_to_start_workers(method):
    pipeline = make().double().apply_parallel(kernels.invert, src="values")
    expected = values(pipeline.to_torch(4, shuffle=1))
    given = loader(pipeline.to_torch(4, shuffle=1, prefetch=2), 2, multiprocessing_context=method)
    assert values(given) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_local_functions_travel(method):
    factor = 3

    def scaled(batch):
        return {"values": batch.values * factor}

    class OddError(ValueError):
        pass

    dataset = make(6).apply_parallel(lambda value: value + 1, src="values", target="for")
    given = loader(
        dataset.to_torch(3, output=scaled, retry_on=OddError), 1, multiprocessing_context=method
    )
    assert values(given) == [[3, 6, 9], [12, 15, 18]]


def test_workers_after_the_pools_were_used():
    pipeline = make(40).double().negate().apply_parallel(kernels.scale_shift, src="values")
    expected = [b.values.tolist() for b in pipeline.gen_batch(4, shuffle=3, prefetch=3)]
    batches = pipeline.gen_batch(4, shuffle=3, prefetch=3)
    next(batches)  # threads are at work while the process is forked
    given = pipeline.to_torch(4, shuffle=3, prefetch=2)
    assert values(loader(given, 3, multiprocessing_context="fork")) == expected
    assert values(loader(given, 3, multiprocessing_context="fork")) == expected
    assert len(list(batches)) == 9


@pytest.mark.parametrize("workers", [0, 2, 3])
def test_draws_and_numbers_do_not_depend_on_the_workers(workers):
    pipeline = make().put(P(R("normal", 0, 1)))
    per_batch = make().put(R("normal", 0, 1, size=2))
    numbered = make().put_number(I(), I("max"))

    def noise(one, workers):
        dataset = one.to_torch(4, shuffle=5, components=["noise", "values"])
        return [batch["noise"].tolist() for batch in loader(dataset, workers)]

    assert noise(pipeline, workers) == [
        batch.noise.tolist() for batch in pipeline.gen_batch(4, shuffle=5)
    ]
    assert noise(numbered, workers) == [
        [[number, 6]] * (4 if number < 6 else 2) for number in range(1, 7)
    ]
    if workers:
        even = make(24).put(R("normal", 0, 1, size=4))
        assert noise(even, workers) == noise(even, 0)
    assert per_batch is not None


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_and_workers_share_the_items_out(world, workers):
    parts = [
        list(loader(make().to_torch(3, shuffle=2, rank=rank, world_size=world), workers))
        for rank in range(world)
    ]
    assert sum(map(items, parts), Counter()) == dict.fromkeys(range(22), 1)
    assert len({len(part) for part in parts}) == 1
    for rank, part in enumerate(parts):
        whole = make().shard(rank, world).gen_batch(3, shuffle=2)
        assert values(part) == [batch.values.tolist() for batch in whole]


def test_a_shard_of_a_pipeline_is_kept():
    dataset = make().shard(1, 2).to_torch(4, shuffle=2)
    expected = [batch.values.tolist() for batch in make().shard(1, 2).gen_batch(4, shuffle=2)]
    assert values(loader(dataset, 2)) == expected
    with pytest.raises(ValueError, match="part 1 of 2 already"):
        make().shard(1, 2).to_torch(4, rank=0, world_size=2)


def test_ranks_of_torch_distributed(tmp_path):
    import torch

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    try:
        assert items(make().to_torch(4)) == dict.fromkeys(range(22), 1)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("workers", [0, 3])
def test_full_batches_only(workers):
    assert [len(v) for v in values(loader(make().to_torch(4, drop_last=True), workers))] == [4] * 5
    assert len(make().to_torch(4, drop_last=True)) == 5


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_joined_batches(workers):
    pipeline = make(24).rebatch(4)
    given = list(loader(pipeline.to_torch(2), workers))
    assert items(given) == dict.fromkeys(range(24), 1)
    merged = make(24).merge(make(24).double()).to_torch(4)
    assert items(loader(merged, workers)) == items(merged)
    with pytest.raises(TypeError, match="not known before"):
        len(pipeline.to_torch(2))


# What the items of a loader are


@pytest.mark.parametrize("workers", [0, 1])
def test_kinds_of_components(workers):
    n = 6
    data = {
        "values": np.arange(n * 2, dtype=np.int16).reshape(n, 2),
        "names": list("abcdef"),
        "signals": Ragged.from_items([np.arange(i + 1.0) for i in range(n)]),
    }
    pipeline = Dataset(n, Numbers, preloaded=data).p
    batch = next(iter(loader(pipeline.to_torch(3), workers)))
    assert list(batch) == ["values", "names", "signals"]
    assert batch["values"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert batch["names"] == ["a", "b", "c"]
    assert [item.tolist() for item in batch["signals"].unbind()] == [[0], [0, 1], [0, 1, 2]]
    listed = next(iter(loader(pipeline.to_torch(3, ragged="list"), workers)))
    assert [item.tolist() for item in listed["signals"]] == [[0], [0, 1], [0, 1, 2]]
    assert list(next(iter(loader(pipeline.to_torch(3, components="names"), workers)))) == ["names"]


def test_without_workers_tensors_are_not_copied():
    seen = []

    def remember(batch):
        seen.append(batch.values)
        return batch.to_torch()

    dataset = make().to_torch(4, output=remember)
    for tensors, component in zip(dataset, seen, strict=False):
        assert tensors["values"].data_ptr() == component.ctypes.data


def test_a_component_with_the_name_of_the_method():
    class Mine(Batch):
        components = "to_torch"

    dataset = Dataset(4, Mine, preloaded=np.arange(4)).p.to_torch(2)
    assert [batch["to_torch"].tolist() for batch in dataset] == [[0, 1], [2, 3]]


def test_a_batch_class_with_an_export_of_its_own():
    class Mine(Numbers):
        def to_torch(self, components=None, **how):
            return super().to_torch("values") | {"own": (components, how)}

    dataset = Dataset(4, Mine, preloaded={"values": np.arange(4)}).p.to_torch(2)
    assert [batch["own"] for batch in dataset] == [(None, {"ragged": "jagged"})] * 2


def test_batches_that_are_dropped():
    def some(batch):
        return {"values": batch.values}

    pipeline = make(12).fail_at(5.0)
    given = loader(pipeline.to_torch(2, ignore_exceptions=True, output=some), 2)
    assert sorted(items(given)) == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]


def test_variables_of_the_pipeline_stay_as_they_are():
    pipeline = make().init_variable("seen", 0).update(V("seen"), V("seen") + 1)
    assert len(list(pipeline.to_torch(4))) == 6
    assert pipeline.v("seen") == 0


# Epochs and seeds


@pytest.mark.parametrize(
    ("workers", "persistent"), [(0, False), (2, False), (2, True)], ids=["0", "2", "kept"]
)
def test_epochs_are_those_of_a_run(workers, persistent):
    dataset = make(24).put(P(R("normal", 0, 1))).to_torch(4, shuffle=42)
    run = make(24).put(P(R("normal", 0, 1))).gen_batch(4, shuffle=42, n_epochs=3)
    expected = [(batch.values.tolist(), batch.noise.tolist()) for batch in run]
    given = loader(dataset, workers, persistent_workers=persistent)
    seen = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        assert dataset.epoch == epoch
        seen += [(batch["values"].tolist(), batch["noise"].tolist()) for batch in given]
    assert seen == expected
    dataset.set_epoch(1)
    assert values(given) == [one for one, _ in expected[6:12]]
    assert values(given) == [one for one, _ in expected[6:12]]


@pytest.mark.parametrize("workers", [0, 2])
def test_epochs_with_a_short_batch_at_the_end(workers):
    dataset = make().to_torch(4, shuffle=42)
    seen = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        batches = list(loader(dataset, workers))
        assert items(batches) == dict.fromkeys(range(22), 1)
        seen.append(values(batches))
    assert seen[0] != seen[1] != seen[2]


def test_what_is_drawn_for_a_batch_differs_from_epoch_to_epoch():
    dataset = make(24).put(R("normal", 0, 1, size=4)).to_torch(4, seed=1)
    drawn = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        drawn += [tuple(batch["noise"].tolist()) for batch in dataset]
    assert len(set(drawn)) == 12


@pytest.mark.parametrize("shuffle", [True, None])
@pytest.mark.parametrize("persistent", [False, True])
def test_an_order_of_its_own_for_each_iteration(shuffle, persistent):
    import torch

    def orders():
        torch.manual_seed(7)
        dataset = make(40).put(P(R("normal", 0, 1))).to_torch(4, shuffle=shuffle)
        given = loader(dataset, 2, persistent_workers=persistent)
        epochs = [list(given) for _ in range(2)]
        for batches in epochs:
            assert items(batches) == dict.fromkeys(range(40), 1)
        return [values(batches) for batches in epochs]

    first, second = orders()
    assert first != second
    assert orders() == [first, second]


def test_blocks():
    import zarr

    stored = zarr.array(np.arange(40), chunks=(8,))
    pipeline = Dataset(40, Numbers, preloaded={"values": stored}).p
    dataset = pipeline.to_torch(4, shuffle="blocks")
    first, second = list(loader(dataset, 2)), list(loader(dataset, 2))
    assert items(first) == items(second) == dict.fromkeys(range(40), 1)
    assert values(first) != values(second)
    seeded = pipeline.to_torch(4, shuffle=Blocks(3, size=8))
    assert values(loader(seeded, 2)) == values(seeded)
    with pytest.raises(ValueError, match=r"Blocks without a seed.*give Blocks\(seed\)"):
        pipeline.to_torch(4, shuffle=Blocks(size=8))


def test_random_numbers_without_a_seed_are_given_by_torch():
    import torch

    def noise(workers):
        torch.manual_seed(3)
        dataset = make().put(P(R("normal", 0, 1))).to_torch(4)
        return [batch["noise"].tolist() for batch in loader(dataset, workers)]

    assert noise(2) == noise(3) == noise(2)
    assert noise(0) == noise(0)


def test_the_seed_counts():
    def noise(seed):
        dataset = make().put(P(R("normal", 0, 1))).to_torch(4, seed=seed)
        return [batch["noise"].tolist() for batch in dataset]

    assert noise(1) == noise(1) != noise(2)


def test_a_generator_is_asked_for_one_seed():
    dataset = make().to_torch(4, shuffle=np.random.default_rng(5))
    assert values(dataset) == values(dataset) == values(loader(dataset, 2))


# Where it stands


@pytest.mark.parametrize("done", [0, 1, 4, 6])
def test_an_iteration_goes_on(done):
    whole = values(make().to_torch(4, shuffle=9))
    dataset = make().to_torch(4, shuffle=9)
    dataset.set_epoch(0)
    batches = iter(dataset)
    for _ in range(done):
        next(batches)
    state = pickle.loads(pickle.dumps(dataset.state_dict()))
    again = make().to_torch(4, shuffle=9)
    again.load_state_dict(state)
    assert again.state_dict() == state
    assert values(again) == whole[done:]
    assert values(again) == whole


def test_an_epoch_goes_on():
    dataset = make().to_torch(4, shuffle=9)
    dataset.set_epoch(3)
    batches = iter(dataset)
    first = next(batches)["values"].tolist()
    again = make().to_torch(4, shuffle=9)
    again.load_state_dict(dataset.state_dict())
    assert again.epoch == 3
    assert values(again) == values(batches)
    assert values(again)[0] == first


def test_a_drawn_order_goes_on():
    dataset = make().to_torch(4, shuffle=True)
    batches = iter(dataset)
    before = [next(batches), next(batches)]
    again = make().to_torch(4, shuffle=True)
    again.load_state_dict(dataset.state_dict())
    rest = list(again)
    assert values(rest) == values(batches)
    assert items(before + rest) == dict.fromkeys(range(22), 1)


def test_states_that_are_refused():
    dataset = make().to_torch(4, shuffle=9)
    next(iter(dataset))
    state = dataset.state_dict()
    with pytest.raises(ValueError, match="not a state that state_dict of such a dataset"):
        dataset.load_state_dict({"format": "other"})
    with pytest.raises(ValueError, match="version 2"):
        dataset.load_state_dict({**state, "version": 2})
    with pytest.raises(ValueError, match="another pipeline"):
        make().double().to_torch(4).load_state_dict(state)
    other = make().to_torch(5, shuffle=9)
    other.load_state_dict(state)
    with pytest.raises(ValueError, match="batch_size was 4 and is now 5"):
        iter(other)
    dataset.load_state_dict({**state, "workers": 3})
    with pytest.raises(ValueError, match=r"worker 0 of 3, and this is worker 0 of 1"):
        iter(dataset)


# What is refused, and what fails


def test_a_killed_worker_is_an_error():
    pipeline = make(40).die_at(13.0)
    seen = []
    with pytest.raises(RuntimeError, match=r"worker.*(killed|exited)"):
        seen.extend(loader(pipeline.to_torch(4), 2))
    assert max(items(seen).values(), default=1) == 1
    assert 13.0 not in items(seen)


def test_an_error_in_a_worker_is_raised_here():
    with pytest.raises(ZeroDivisionError, match=r"at 13\.0"):
        list(loader(make().fail_at(13.0).to_torch(4, prefetch=2), 2))
    with pytest.raises(ZeroDivisionError, match=r"at 13\.0"):
        list(make().fail_at(13.0).to_torch(4))


def test_a_loader_that_is_left_ends_its_workers():
    given = iter(loader(make(4000).double().to_torch(4, prefetch=4), 2))
    next(given)
    workers = list(given._workers)
    del given
    for worker in workers:
        worker.join(60)
    assert [worker.is_alive() for worker in workers] == [False, False]


@pytest.mark.parametrize("target", ["mpc", "m"])
def test_processes_inside_of_workers_are_refused(target):
    dataset = make().to_torch(4, prefetch=2, target=target)
    with pytest.raises(ValueError, match=rf"target='{target}' makes batches in other processes"):
        list(loader(dataset, 1))


def test_arguments_are_looked_at_at_once():
    with pytest.raises(TypeError, match="takes no n_epochs: each iteration"):
        make().to_torch(4, n_epochs=3)
    with pytest.raises(TypeError, match="takes no n_iters"):
        make().to_torch(4, n_iters=3)
    with pytest.raises(ValueError, match="batch_size 40 is larger than the set"):
        make().to_torch(40)
    with pytest.raises(ValueError, match="ragged is one of"):
        make().to_torch(4, ragged="padded")
    with pytest.raises(TypeError, match="output is a function of a batch, got str"):
        make().to_torch(4, output="values")
    with pytest.raises(ValueError, match="give rank and world_size, or neither"):
        make().to_torch(4, rank=0)
    with pytest.raises(ValueError, match="the ranks of world_size 2 are 0 to 1"):
        make().to_torch(4, rank=2, world_size=2)
    for shuffle in (True, None, "blocks"):
        with pytest.raises(ValueError, match=r"another order.*give the same int to all"):
            make().to_torch(4, shuffle=shuffle, rank=0, world_size=2)
    with pytest.raises(ValueError, match="epochs are counted from 0, got -1"):
        make().to_torch(4).set_epoch(-1)
    with pytest.raises(TypeError):
        make().to_torch(4).set_epoch(1.5)
