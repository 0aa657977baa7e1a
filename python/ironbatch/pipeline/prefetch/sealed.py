"""What an engine has of a run: the plan that travels, and the answers that come back.

A worker works out by itself which items a batch has: it gets the index with the dataset, and the
order is a function of seed, epoch and place. So all it is told is the number of the batch.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from itertools import islice
from time import perf_counter
from typing import Any
from uuid import uuid4

from ironbatch.engines.protocol import BatchRange
from ironbatch.errors import ActionError
from ironbatch.pipeline.prefetch import threads as threaded
from ironbatch.pipeline.prefetch.maker import make_batch
from ironbatch.targets.portable import decode, encode
from ironbatch.targets.processes.segments import dumper, pack

__all__ = ["Answer", "SealedPlan"]

_here = uuid4().bytes
"""What tells the consumer's process from those of workers, on whatever machine."""

_loading = threading.Lock()
"""Held while a plan is unpickled or asked for places: a worker may have several threads."""


def _after_fork() -> None:
    global _here, _loading
    _here, _loading = uuid4().bytes, threading.Lock()


threaded.forget_after_fork(_after_fork)


_OUT_OF_BAND = 5
"""Protocol of pickle from which on buffers may travel out of band."""


class _Parts:
    """Pickles that travel with their large arrays out of band."""

    __slots__ = ("__weakref__", "pickles")

    def __init__(self, pickles: list[tuple[Any, list[Any]]]) -> None:
        self.pickles = pickles

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return sum(
            memoryview(part).nbytes for body, parts in self.pickles for part in (body, *parts)
        )

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes

    def _travelling(self, protocol: Any) -> list[tuple[Any, list[Any]]]:
        # Dask's scheduler still speaks protocol 4, which knows no buffers out of band.
        wrap: Any = pickle.PickleBuffer if int(protocol) >= _OUT_OF_BAND else bytearray
        return [(bytes(body), [wrap(part) for part in parts]) for body, parts in self.pickles]


def _packed(value: Any, dumps: Callable[..., Any]) -> tuple[bytes, list[bytearray]]:
    """Pickle a value as it is now: later changes do not show."""
    packed = pack(value, dumps)
    return bytes(packed.body), [bytearray(part.raw()) for part in packed.parts]


def writable(part: Any) -> Any:
    """Give memory that an array may be written to, its own one if that is so."""
    view = memoryview(part)
    return bytearray(view) if view.readonly else view.cast("B")


class Answer(_Parts):
    """The batches of a range, pickled one by one.

    Parameters
    ----------
    pickles : list of tuple
        For each batch its pickle and its large arrays.
    seconds : float
        How long they took.
    """

    __slots__ = ("seconds",)

    def __init__(self, pickles: list[tuple[Any, list[Any]]], seconds: float = 0.0) -> None:
        super().__init__(pickles)
        self.seconds = seconds

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Answer, (self._travelling(protocol), self.seconds)


class SealedPlan(_Parts):
    """The plan of a run, pickled: steps, datasets, seed, and the course through the index.

    Parameters
    ----------
    pickles : list of tuple
        Plan, datasets and course, each with its large arrays.
    wanted : bool
        Whether batches that the chain has discarded are asked for.
    version : str
        Version of ironbatch that has pickled it.
    home : bytes
        The process that it comes from.
    """

    __slots__ = ("_loaded", "home", "version", "wanted")

    def __init__(
        self, pickles: list[tuple[Any, list[Any]]], wanted: bool, version: str, home: bytes
    ) -> None:
        super().__init__(pickles)
        self.wanted = wanted
        self.version = version
        self.home = home
        self._loaded: tuple[Any, Any, Any] | None = None

    @classmethod
    def of(cls, packed: Any, datasets: dict[int, Any], course: Any, wanted: bool) -> SealedPlan:
        """Seal what a run has pickled.

        Parameters
        ----------
        packed : Packed
            The maker of batches, without datasets.
        datasets : dict
            Datasets by number.
        course : tuple
            The `Course` of the run and the state of its order.
        wanted : bool
            Whether discarded batches are asked for.
        """
        from ironbatch import __version__

        maker = bytes(packed.body), [bytearray(part.raw()) for part in packed.parts]
        dumps = dumper()
        return cls(
            [maker, _packed(datasets, dumps), _packed(course, dumps)], wanted, __version__, _here
        )

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return SealedPlan, (self._travelling(protocol), self.wanted, self.version, self.home)

    def _load(self) -> tuple[Any, Any, Any]:
        if self._loaded is None:
            from ironbatch import __version__
            from ironbatch.index.order import order_from_state
            from ironbatch.targets.processes.batches import loads_with_datasets

            if self.version != __version__:
                raise RuntimeError(
                    f"the run is of ironbatch {self.version}, and the worker has "
                    f"{__version__}; install the same version in both places"
                )
            ready = [(body, [writable(part) for part in parts]) for body, parts in self.pickles]
            (body, parts), *others = ready
            datasets, (course, order) = (pickle.loads(b, buffers=p) for b, p in others)
            _, [(_, maker)], _ = loads_with_datasets(body, parts, datasets)
            rows = maker.dataset.rows_in_blocks
            self._loaded = maker, course, order_from_state(order, course.n, rows)
        return self._loaded

    def make(self, batches: BatchRange, stopped: Callable[[], bool] | None = None) -> Answer:
        """Make batches, in a worker; see `ironbatch.engines.SentPlan`."""
        from ironbatch.targets import processes

        if self.home != _here:
            # Cores are taken by other batches already.
            processes.inside_worker = True
        try:
            with _loading:
                maker, tasks = self._tasks(batches)
        except MemoryError:
            raise
        except Exception as error:
            refused = _packed(("undefined", encode(error, dumper())), dumper())
            return Answer([refused] * batches.length)
        began = perf_counter()
        pickles = []
        for task in tasks:
            if stopped is not None and stopped():
                break
            pickles.append(self._make(maker, task))
        return Answer(pickles, perf_counter() - began)

    def _tasks(self, batches: BatchRange) -> tuple[Any, list[tuple[Any, ...]]]:
        """Give the maker, and what it takes for each batch."""
        maker, course, order = self._load()
        rest = course.rest_from(batches.first)
        pairs = zip(rest.firsts(), rest.views(maker.dataset.index, order), strict=False)
        numbered = enumerate(islice(pairs, batches.length), batches.first)
        return maker, [(ticket, first, view, self.wanted) for ticket, (first, view) in numbered]

    def _make(self, maker: Any, task: tuple[Any, ...]) -> tuple[bytes, list[bytearray]]:
        dumps = dumper()
        try:
            made = make_batch(maker, task)
            if len(made) == _FAILED and _is_memory(made[-1][0]):
                raise _memory_error(*made[-1])
            return _packed(("done", 0.0, [made], {}), dumps)
        except MemoryError:
            raise
        except Exception as error:
            refused = TypeError(f"the batch cannot be sent back from a worker: {error}")
            return _packed(("done", 0.0, [None], {0: (encode(refused, dumps), "")}), dumps)


_FAILED = 3
"""Parts of what a maker gives for a batch that has failed."""


def _is_memory(error: Any) -> bool:
    """Whether a failure, encoded or not, is one of memory."""
    if isinstance(error, ActionError) and error.failures is not None:
        return any(isinstance(one, MemoryError) for one in error.failures.exceptions)
    kind = error[0] if isinstance(error, tuple) else type(error)
    return issubclass(kind, MemoryError)


def _memory_error(error: Any, text: str) -> MemoryError:
    """Give what an engine is told: an exception of a class that any process knows."""
    if isinstance(error, tuple):
        error = decode(error)
    new = MemoryError(str(error))
    new.add_note(text)
    return new
