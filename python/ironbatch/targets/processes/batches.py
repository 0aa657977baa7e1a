"""Batches on their way to worker processes, with their dataset and their pipeline.

A dataset may hold all the data there is, so it is sent to a worker once, as it is at that moment. A
pipeline is sent with each call, its models left out: they stay in the process that trains them.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from ironbatch.targets.processes.segments import dumper

__all__ = [
    "KEPT_DATASETS",
    "Kept",
    "dumps_with_datasets",
    "forget",
    "loads_with_datasets",
    "travelling",
]

KEPT_DATASETS = 4
"""How many datasets a worker keeps."""

_tokens: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
_numbers = count()


class _Travelling:
    """A batch that arrives with its dataset and, if that can be pickled, its pipeline."""

    def __init__(self, batch: Any, with_pipeline: bool) -> None:
        self.batch = batch
        self.with_pipeline = with_pipeline

    def __reduce__(self) -> tuple[Any, ...]:
        batch = self.batch
        # Drawn now if it was not yet: what a worker draws follows from it.
        _ = batch.stream_key
        pipeline = batch.pipeline if self.with_pipeline else None
        return _arrive, (batch, batch.dataset, pipeline)


def _arrive(batch: Any, dataset: Any, pipeline: Any) -> Any:
    batch.__dict__["_dataset"] = dataset
    batch.__dict__["_pipeline"] = pipeline
    return batch


def travelling(value: Any, *, with_pipeline: bool) -> Any:
    """Return what stands for a batch in a message; other values as they are."""
    from ironbatch.batch import Batch

    return _Travelling(value, with_pipeline) if isinstance(value, Batch) else value


def _token(dataset: Any) -> int:
    try:
        return _tokens.setdefault(dataset, next(_numbers))
    except TypeError:  # a subclass that cannot be hashed
        return -1


def forget(datasets: dict[int, Any]) -> None:
    """Send these datasets anew, should they be needed again."""
    for dataset in datasets.values():
        _tokens.pop(dataset, None)


def dumps_with_datasets(found: dict[int, Any]) -> Callable[..., bytes]:
    """Return what pickles datasets by number and leaves models out.

    Parameters
    ----------
    found : dict
        Receives the datasets that were met, by number.
    """
    from ironbatch.dataset import Dataset
    from ironbatch.pipeline.shared.models import Models

    base: Any = pickle.Pickler
    if dumper() is not pickle.dumps:
        import cloudpickle

        base = cloudpickle.CloudPickler

    class Pickler(base):  # type: ignore[misc]
        def persistent_id(self, value: Any) -> Any:
            if isinstance(value, Dataset):
                token = _token(value)
                if token < 0:
                    return None
                found[token] = value
                return "dataset", token
            return ("models", None) if isinstance(value, Models) else None

    def dumps(message: Any, protocol: int, buffer_callback: Any) -> bytes:
        file = io.BytesIO()
        Pickler(file, protocol, buffer_callback=buffer_callback).dump(message)
        return file.getvalue()

    return dumps


class Kept:
    """The datasets that a worker has; the parent and the worker keep the same list.

    Parameters
    ----------
    limit : int
        How many there are at most; the one not used for longest goes first.
    """

    def __init__(self, limit: int = KEPT_DATASETS) -> None:
        self.limit = limit
        self._entries: OrderedDict[int, Any] = OrderedDict()

    def use(self, token: int) -> bool:
        """Note that a dataset is used; return whether it is there."""
        if token in self._entries:
            self._entries.move_to_end(token)
            return True
        return False

    def add(self, token: int, dataset: Any) -> None:
        """Keep a dataset."""
        self._entries[token] = dataset
        if len(self._entries) > self.limit:
            self._entries.popitem(last=False)

    def __getitem__(self, token: int) -> Any:
        return self._entries[token]


def loads_with_datasets(body: Any, copies: Any, kept: Kept) -> Any:
    """Unpickle what `dumps_with_datasets` has pickled."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, name: Any) -> Any:
            kind, token = name
            if kind == "dataset":
                return kept[token]
            from ironbatch.pipeline.shared.models import Models

            return Models()

    return Unpickler(io.BytesIO(body), buffers=copies).load()
