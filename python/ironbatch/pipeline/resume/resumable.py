"""Stop a run and go on with it later, elsewhere, or on another number of machines."""

from __future__ import annotations

import operator
from copy import copy
from typing import Any, Self

from ironbatch.pipeline.resume.standing import Origin, Standing

__all__ = ["Resumable"]


class Resumable:
    """The part of a pipeline that knows where its runs stand."""

    _standing: Standing | None = None
    _pending: dict[str, Any] | None = None
    _iterator: Any
    rebatched: Any
    shard_of: tuple[int, int] = (0, 1)
    """Rank and number of ranks, see `shard`."""

    def state_dict(self) -> dict[str, Any]:
        """Say where the run stands, after the batch that was handed out last.

        It counts what the consumer has got: not batches that were prefetched, but those that were
        skipped or dropped on the way. It may be asked for inside a loop over `gen_batch`, between
        calls of `next_batch`, and after a run; of several runs, that one counts which has handed
        out a batch last. Variables and models are not in it: save them beside.

        Returns
        -------
        dict
            Of plain values, for JSON. ``epoch`` and ``position`` are the place of the next item,
            ``iteration`` is the number of the latest batch as `I` gives it, ``batches`` how many
            were handed out.

        Raises
        ------
        ValueError
            If the pipeline has not run yet.

        Examples
        --------
        >>> from ironbatch import Dataset
        >>> pipeline = Dataset(10).p
        >>> for batch in pipeline.gen_batch(4, shuffle=7, n_epochs=2):
        ...     break
        >>> state = pipeline.state_dict()
        >>> state['epoch'], state['position'], state['batches']
        (0, 4, 1)
        """
        if self._pending is not None:
            from ironbatch.pipeline.resume.state import copy_of

            return copy_of(self._pending)
        if self._standing is None:
            raise ValueError(
                "the pipeline has not run yet, so it stands nowhere; ask for the state after "
                "gen_batch, run or next_batch"
            )
        from ironbatch.pipeline.resume.state import state_of

        return state_of(self, self._standing)

    def load_state_dict(self, state: dict[str, Any]) -> Self:
        """Let the next run go on where another one stood.

        `gen_batch`, `run` and `next_batch` then need no arguments. Those of the run before may be
        repeated as they were; what does not change the batches, such as `prefetch`, `target` or
        `bar`, may be given freely. The batches are the very ones that the other run would have
        made, and no action is called for those before. `before` and `after` are carried out as in
        any run, and the run after that starts anew. `reset` forgets the state. A pipeline that is
        made of this one by `shard` or ``<<`` goes on too; one with other steps is refused when it
        runs.

        Parameters
        ----------
        state : dict
            What `state_dict` has given: of this pipeline, or of one with the same steps over a
            dataset of the same size. It may be sharded over another number of ranks.

        Returns
        -------
        Pipeline
            This very pipeline.

        Raises
        ------
        ValueError
            If the state is of another pipeline, dataset or version, or was changed. The message
            says what differs.

        Examples
        --------
        >>> from ironbatch import Dataset
        >>> pipeline = Dataset(10).p
        >>> _ = pipeline.next_batch(4, shuffle=False)
        >>> other = Dataset(10).p.load_state_dict(pipeline.state_dict())
        >>> other.next_batch().indices.tolist()
        [4, 5, 6, 7]
        """
        from ironbatch.pipeline.resume.state import check, copy_of

        check(state, self)
        self._pending = copy_of(state)
        self._iterator = None
        return self

    def shard(self, rank: int, world_size: int) -> Self:
        """Give a pipeline whose runs make one of several parts, for distributed training.

        Each step takes the next ``world_size * batch_size`` items of the run, in its order, and
        each rank a slice of them. The parts share no item, leave none out and have equally many
        batches: items that are left for the last step are dealt out evenly, so that batches of one
        step differ by one item at most. `n_iters` counts the steps. With `drop_last` all batches
        are full, and what is left of an epoch is dropped.

        What is drawn for an item does not depend on the number of ranks; what is drawn for a batch
        differs from rank to rank. The state of a run that has a seed is the same at all ranks, and
        may be loaded at any number of ranks. After `rebatch` each rank joins its own batches: it
        then depends on the actions whether all have equally many, and a state fits its own rank
        only, as it does after `merge`, which deals out the merged pipelines too.

        Parameters
        ----------
        rank : int
            Which part, from 0.
        world_size : int
            How many parts.

        Returns
        -------
        Pipeline
            A new one.

        Raises
        ------
        ValueError
            If `rank` is not in ``0..world_size - 1``, or the pipeline is a shard already; when it
            runs, if `shuffle` is not seeded, or if the items cannot be dealt out to equally many
            batches.
        TypeError
            If they are not integers.

        Examples
        --------
        >>> from ironbatch import Dataset
        >>> pipeline = Dataset(10).p
        >>> for rank in range(2):
        ...     print([batch.indices.tolist() for batch in pipeline.shard(rank, 2).gen_batch(3)])
        [[0, 1, 2], [6, 7]]
        [[3, 4, 5], [8, 9]]
        """
        numbers = []
        for name, value in (("rank", rank), ("world_size", world_size)):
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise TypeError(f"{name} is an integer, not {type(value).__name__}")
            numbers.append(operator.index(value))
        own, world = numbers
        if world < 1:
            raise ValueError(f"world_size is at least 1, got {world}")
        if not 0 <= own < world:
            raise ValueError(f"the ranks of world_size {world} are 0 to {world - 1}, got {own}")
        if self.shard_of[1] > 1:
            rank, world_size = self.shard_of
            raise ValueError(
                f"the pipeline is part {rank} of {world_size} already; call shard of the whole one"
            )
        result = copy(self)
        result.shard_of = (own, world)
        if result.rebatched is not None:
            result.rebatched = result.rebatched.shard(own, world)
        return result

    def _continue(self, options: dict[str, Any], batch_kwargs: dict[str, Any]) -> Origin | None:
        """Fill in the arguments of the run that goes on; None if none does."""
        if self._pending is None:
            return None
        from ironbatch.pipeline.resume.state import check, origin_of, take_over

        # Steps or a dataset may have come since.
        check(self._pending, self)
        take_over(self._pending, options, batch_kwargs)
        return origin_of(self._pending)
