"""Batches of a pipeline for torch's `DataLoader`.

Importing this module imports torch.
"""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch.exchange.tensors import RAGGED, RaggedLayout
from ironbatch.extras import need
from ironbatch.index.blocks import Blocks
from ironbatch.targets.processes.segments import dumper

if TYPE_CHECKING:
    from ironbatch.pipeline.run.run import Run

__all__ = ["PipelineBatches"]

torch: Any = need("torch", extra="torch", what="pipeline.to_torch")

FORMAT = "ironbatch state of a torch dataset"
VERSION = 1


class PipelineBatches(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """One epoch of a pipeline's batches at each iteration; made by `Pipeline.to_torch`.

    Give it to a `DataLoader` with ``batch_size=None``: it makes whole batches. The workers of a
    loader share the batches out, whole ones, in turn, so that the loader gives the very batches, in
    the very order, that it gives without workers.

    Parameters
    ----------
    pipeline : Pipeline
        What makes the batches; the dataset has a copy of it.
    batch_size : int
        Number of items in a batch.
    shuffle, seed, drop_last, components, ragged, output, rank, world_size, **options
        As for `Pipeline.to_torch`.
    """

    def __init__(
        self,
        pipeline: Any,
        batch_size: Any,
        *,
        shuffle: Any = False,
        seed: Any = None,
        drop_last: bool = False,
        components: str | Sequence[str] | None = None,
        ragged: RaggedLayout = "jagged",
        output: Callable[[Any], Any] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        for name in ("n_iters", "n_epochs"):
            if name in options:
                raise TypeError(
                    f"to_torch takes no {name}: each iteration over the dataset is one epoch; "
                    "iterate as often as you need, and say which epoch it is with set_epoch"
                )
        if ragged not in RAGGED:
            raise ValueError(f"ragged is one of {', '.join(map(repr, RAGGED))}, got {ragged!r}")
        if output is not None and not callable(output):
            raise TypeError(f"output is a function of a batch, got {type(output).__name__}")
        self._pipeline = _sharded(copy(pipeline), rank, world_size)
        self._shuffle, self._seed = _fixed(shuffle), _fixed(seed)
        self._refuse_different_orders()
        self._output = output
        self._how = {"components": components, "ragged": ragged}
        self._options = {"batch_size": batch_size, "drop_last": drop_last, **options}
        # Shared with the workers, so that those that stay from epoch to epoch see it change.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._begun = 0
        self._resumed: dict[str, Any] | None = None
        self._lane = (0, 1)
        # Now rather than in a worker: what is wrong with the arguments.
        self._length = self._run(0, 0, 1, 0).total
        self._running = False

    def _refuse_different_orders(self) -> None:
        shuffle = self._shuffle
        if isinstance(shuffle, Blocks) and not shuffle.is_seeded:
            raise ValueError(
                "Blocks without a seed give each worker another order; give Blocks(seed), or "
                "shuffle='blocks'"
            )
        _, world = self._pipeline.shard_of
        if world > 1 and self._order_is_drawn():
            raise ValueError(
                f"shuffle={shuffle!r} gives each of the {world} ranks another order, so that they "
                "would not share the items out; give the same int to all, as in shuffle=42"
            )

    def _order_is_drawn(self) -> bool:
        shuffle = self._shuffle
        if isinstance(shuffle, str):
            return self._seed is None
        return shuffle is None or (isinstance(shuffle, bool | np.bool_) and bool(shuffle))

    def __len__(self) -> int:
        """Give the number of batches of an epoch, for this rank, over all workers.

        Raises
        ------
        TypeError
            If it is not known beforehand, as after `rebatch` and `merge`.
        """
        if self._length is None:
            raise TypeError("the number of batches is not known before they are made")
        return int(self._length)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iterations give, as `DistributedSampler.set_epoch` does.

        Workers see it, those too that a loader keeps (``persistent_workers=True``).

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0: order and random numbers are those of that epoch in a run
            of several.

        Raises
        ------
        ValueError
            If it is negative.
        TypeError
            If it is no integer.
        """
        number = operator.index(epoch)
        if number < 0:
            raise ValueError(f"epochs are counted from 0, got {number}")
        self._epoch.fill_(number)

    @property
    def epoch(self) -> int:
        """Which epoch the next iteration gives."""
        return int(self._epoch)

    def __iter__(self) -> Iterator[Any]:
        info = torch.utils.data.get_worker_info()
        lane, lanes = (0, 1) if info is None else (info.id, info.num_workers)
        if info is not None:
            self._refuse_processes_in_workers()
        # The same in all workers, another one in each epoch, and given by torch.manual_seed.
        if info is None:
            drawn = int(torch.empty((), dtype=torch.int64).random_())
        else:
            drawn = info.seed - info.id
        drawn = int(
            np.random.SeedSequence([drawn % 2**64, self._begun]).generate_state(1, np.uint64)[0]
        )
        self._begun += 1
        self._lane = (lane, lanes)
        run = self._run(self.epoch, lane, lanes, drawn)
        self._running = True
        return self._given(run)

    def _run(self, epoch: int, lane: int, lanes: int, drawn: int) -> Run:
        resumed, self._resumed = self._resumed, None
        options = dict(self._options)
        fixed = {"shuffle": self._shuffle, "seed": self._seed}
        if resumed is not None:
            worker, workers = resumed["worker"], resumed["workers"]
            if (worker, workers) != (lane, lanes):
                raise ValueError(
                    f"the state is of worker {worker} of {workers}, and this is worker {lane} of "
                    f"{lanes}: go on with as many workers as before (num_workers=0 counts as 1)"
                )
            self._pipeline.load_state_dict(resumed["pipeline"])
            epoch = resumed["pipeline"]["run"]["n_epochs"] - 1
            # The order is in the state, and it begins with the next batch of this very worker.
            lane = 0
            if not self._order_is_drawn():
                options |= {name: value for name, value in fixed.items() if value is not None}
        else:
            if isinstance(self._shuffle, str) or not self._order_is_drawn():
                unseeded = isinstance(self._shuffle, str | bool | np.bool_)
                if unseeded and fixed["seed"] is None:
                    fixed["seed"] = drawn
            else:
                fixed["shuffle"] = drawn
            options |= fixed
        run: Run = self._pipeline.epoch_run(epoch, lane, lanes, **options)
        return run

    def _refuse_processes_in_workers(self) -> None:
        target, engine = self._options.get("target", "threads"), self._options.get("engine")
        if engine is not None or target not in ("threads", "t"):
            given = f"engine={engine!r}" if engine is not None else f"target={target!r}"
            raise ValueError(
                f"{given} makes batches in other processes, which the workers of a DataLoader are "
                "already; leave it out, or give num_workers=0"
            )

    def _given(self, run: Run) -> Iterator[Any]:
        with closing(run.batches()) as batches:  # type: ignore[type-var]
            for batch in batches:
                if batch is not None:
                    yield self._converted(batch)

    def _converted(self, batch: Any) -> Any:
        if self._output is not None:
            return self._output(batch)
        # Not of the batch: a component of that name would win.
        return type(batch).to_torch(batch, **self._how)

    # What torchdata's StatefulDataLoader calls

    def state_dict(self) -> dict[str, Any]:
        """Say where the latest iteration stands, after the batch that was handed out last.

        Inside of a worker this is what the worker has done, so that with workers it takes a loader
        that asks them, as torchdata's `StatefulDataLoader` does.

        Returns
        -------
        dict
            Of plain values.
        """
        if self._resumed is not None:
            return dict(self._resumed)
        worker, workers = self._lane
        return {
            "format": FORMAT,
            "version": VERSION,
            "worker": worker,
            "workers": workers,
            "pipeline": self._pipeline.state_dict() if self._running else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on where another one stood.

        Parameters
        ----------
        state : dict
            What `state_dict` has given: of a dataset of the same pipeline and arguments, for as
            many workers.

        Raises
        ------
        ValueError
            If the state is not one of such a dataset; when the iteration begins, if it is that of
            another worker.
        """
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError("this is not a state that state_dict of such a dataset has given")
        if state.get("version") != VERSION:
            raise ValueError(
                f"the state is of version {state.get('version')!r}, and this version of ironbatch "
                f"reads version {VERSION}"
            )
        inner = state.get("pipeline")
        if inner is not None:
            # Fails here if it is of another pipeline.
            copy(self._pipeline).load_state_dict(inner)
            self.set_epoch(inner["run"]["n_epochs"] - 1)
        self._resumed = None if inner is None else dict(state)

    def __getstate__(self) -> dict[str, Any]:
        # With cloudpickle, if it is installed: chains are full of lambdas and local functions.
        dumps = dumper()
        state = {**self.__dict__, "_running": False}
        own = {name: state.pop(name) for name in ("_pipeline", "_output", "_options")}
        return {"state": state, "pickle": dumps(own)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state["state"])
        self.__dict__.update(pickle.loads(state["pickle"]))


def _fixed(seed: Any) -> Any:
    """Give a seed that each worker reads the same; a generator is asked for one now."""
    if isinstance(seed, np.random.Generator | np.random.BitGenerator | np.random.RandomState):
        from ironbatch.random import make_seed_sequence

        return make_seed_sequence(seed)
    return seed


def _sharded(pipeline: Any, rank: int | None, world_size: int | None) -> Any:
    """Give the part of a rank: what was asked for, or that of torch.distributed."""
    if (rank is None) is not (world_size is None):
        raise ValueError(f"give rank and world_size, or neither; got {rank} and {world_size}")
    distributed = torch.distributed
    if rank is None and pipeline.shard_of[1] == 1:
        if distributed.is_available() and distributed.is_initialized():
            rank, world_size = distributed.get_rank(), distributed.get_world_size()
        else:
            return pipeline
    return pipeline if rank is None else pipeline.shard(rank, world_size)
