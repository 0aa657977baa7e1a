"""The part of a pipeline that feeds data loaders of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ironbatch.exchange.torch_data import PipelineBatches

__all__ = ["DataLoaders"]


class DataLoaders:
    """Datasets for torch."""

    def to_torch(
        self,
        batch_size: int,
        shuffle: Any = False,
        *,
        seed: Any = None,
        drop_last: bool = False,
        components: str | Sequence[str] | None = None,
        ragged: Literal["jagged", "strided", "list"] = "jagged",
        output: Callable[[Any], Any] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        **options: Any,
    ) -> PipelineBatches:
        """Make an `IterableDataset` of torch, whose items are the batches of this pipeline.

        ``DataLoader(pipeline.to_torch(64, shuffle=42), batch_size=None, num_workers=4)`` gives a
        dict of tensors for each batch. Each iteration is one epoch. The workers share the batches
        out in turn: whatever their number, and however they are started, the loader gives the
        same batches in the same order, each once.

        Parameters
        ----------
        batch_size : int
            Number of items in a batch.
        shuffle : bool, int, 'blocks', SeedSequence, Generator
            As for `gen_batch`. An int gives the order of the epoch that `set_epoch` says, the first
            one without; with True each iteration has another order, by `torch.manual_seed`.
        seed : int, SeedSequence, optional
            Seed of the random numbers of actions; that of `shuffle` by default, and drawn by
            `torch.manual_seed` if there is none.
        drop_last : bool
            Drop the shorter batch at the end.
        components : str or sequence of str, optional
            Which components become tensors; by default all that hold data.
        ragged : {'jagged', 'strided', 'list'}
            What becomes of ragged ones, see `Batch.to_torch`.
        output : callable, optional
            Makes of a batch what the dataset gives, in place of `Batch.to_torch`.
        rank, world_size : int, optional
            Which part of how many, as for `shard`: parts have equally many batches and share no
            item. By default those of `torch.distributed`, if that is initialized when this method
            is called, or of the pipeline itself, if it is a shard.
        **options
            Further arguments of `gen_batch`, such as `prefetch`, `on_error` or those of the batch
            class; neither `n_iters` nor `n_epochs`.

        Returns
        -------
        PipelineBatches
            With ``len``, `set_epoch`, and `state_dict` and `load_state_dict` as torchdata's
            `StatefulDataLoader` calls them. It has a copy of the pipeline: variables and models
            that change in a worker stay there.

        Raises
        ------
        ValueError
            If an argument is wrong; if several ranks would get different orders; when a worker
            begins, if `target` or `engine` asks for processes.
        TypeError
            If `n_iters` or `n_epochs` is given.
        MissingPackageError
            If torch is not installed.

        Notes
        -----
        A worker that is forked makes its own threads and pools; those of the process that it comes
        from are left alone. With the start methods spawn and forkserver dataset and pipeline are
        pickled, with cloudpickle if it is installed, and preloaded data with them.
        """
        from ironbatch.exchange.torch_data import PipelineBatches

        return PipelineBatches(
            self,
            batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            components=components,
            ragged=ragged,
            output=output,
            rank=rank,
            world_size=world_size,
            **options,
        )
