"""What a worker process has of a run: it makes one batch after another and sends them home.

The batch that goes home is taken apart: the index that the consumer has anyway stays behind, as do
dataset and pipeline, and its class is named rather than pickled, so that it is the very same class
there, wherever it was defined.
"""

from __future__ import annotations

import sys
import threading
import traceback
from functools import reduce
from importlib import import_module
from typing import Any, NoReturn

from ironbatch.actions.failed_item import Kept
from ironbatch.actions.policy import Policy
from ironbatch.batch.copies import Copying
from ironbatch.errors import ActionError, SkipBatchException, StopPipeline
from ironbatch.namedexpr import Scope
from ironbatch.pipeline.plan.plan import Plan, attach
from ironbatch.pipeline.profile.recording import BatchRecord
from ironbatch.pipeline.run.failures import is_dropped
from ironbatch.pipeline.run.joining import joined_in
from ironbatch.pipeline.shared.models import Models
from ironbatch.pipeline.shared.variables import Variables

__all__ = ["DatasetLostError", "Maker", "make_batch", "place_of", "put_together"]

_ADVICE = "prefetch in threads (target='threads'), or do it in a step at the end of the chain"


_PICKLING = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")


_planning = threading.Lock()
"""Held while a plan is made: a process may make several batches at once."""


class DatasetLostError(Exception):
    """The dataset has not arrived in the worker process."""


class _FrozenVariables(Variables):
    """Variables in a worker process: what is written there nobody would see."""

    def set(self, name: Any, value: Any, pipeline: Any = None) -> NoReturn:
        raise ValueError(f"variable {name!r} cannot change in a worker process; {_ADVICE}")

    def guard_of(self, name: Any) -> NoReturn:
        raise ValueError(f"variable {name!r} cannot change in a worker process; {_ADVICE}")

    def lock(self, name: Any = "lock") -> NoReturn:
        raise ValueError(f"lock {name!r} does not reach into a worker process; {_ADVICE}")


class _AbsentModels(Models):
    """Models in a worker process: they stay where they are trained."""

    def get(self, name: str, pipeline: Any = None, batch: Any = None) -> NoReturn:
        raise ValueError(f"model {name!r} is not in a worker process; {_ADVICE}")


def place_of(view: Any, index: Any) -> Any:
    """Give what a worker needs to make a view of the dataset's index again."""
    if view.__dict__.get("_root") is not index.root or type(view) is not type(index):
        return view.detach()
    names = ("_positions", "_epochs", "_origins", "_occurrences", "_ranked")
    return {name: view.__dict__[name] for name in names if name in view.__dict__}


class Maker:
    """The part of a run that travels, pickled once for each worker.

    Parameters
    ----------
    pipeline : Pipeline
        The steps for worker processes, with variables and config as they are now.
    dataset : Dataset
        Where the batches come from.
    total : int or None
        How many batches the run makes.
    stream_key : tuple of int
        Key of its random streams.
    batch_kwargs : dict
        For the constructor of the batches.
    timed : int
        Whether steps are timed, and from 2 on, functions too.
    policy : Policy
        What the run does with items that fail.
    ignore : bool
        Whether it drops any batch that fails.
    fuse : bool
        Whether neighbouring native steps are carried out in one pass.
    """

    def __init__(
        self,
        pipeline: Any,
        dataset: Any,
        total: int | None,
        stream_key: tuple[int, int],
        batch_kwargs: dict[str, Any],
        timed: int,
        policy: Policy,
        ignore: bool,
        fuse: bool,
    ) -> None:
        self.pipeline = pipeline
        self.dataset = dataset
        self.total = total
        self.stream_key = stream_key
        self.batch_kwargs = batch_kwargs
        self.timed = timed
        self.policy = policy
        self.ignore = ignore
        self.fuse = fuse
        self.plan: Plan | None = None

    def _planned(self) -> Plan:
        with _planning:
            if self.plan is None:
                if self.dataset is None:
                    raise DatasetLostError
                for one in (self.pipeline, *joined_in(self.pipeline.steps)):
                    one.variables.__class__ = _FrozenVariables
                    one.models.__class__ = _AbsentModels
                self.plan = Plan(self.pipeline, fuse=self.fuse)
            return self.plan

    def make(self, ticket: int, position: int, place: Any, wanted: bool) -> tuple[Any, ...]:
        """Make one batch.

        Returns
        -------
        tuple
            The record or None, what has failed or None, whether the batch is discarded, and what
            `put_together` takes, None for a batch that is not wanted; or the record, what has
            failed, and the exception.
        """
        plan = self._planned()
        scope = Scope(self.pipeline, ticket + 1, self.total, position, self.stream_key)
        record = scope.record = BatchRecord(ticket, self.timed > 1) if self.timed else None
        batch: Any = None
        try:
            if record is not None:
                record.enter("")
            view = scope.index = self._view(place)
            scope.policy = self.policy
            batch = self.dataset.create_batch(view, **self.batch_kwargs)
            attach(batch, scope)
            if record is not None:
                record.leave(batch)
            batch = plan.execute(batch, scope)
            if record is not None:
                record.finish(batch)
            if scope.discarded and not wanted:
                return record, _packed(scope.kept), True, None
            parts = _taken_apart(batch, view, self.dataset)
            return record, _packed(scope.kept), scope.discarded, parts
        except Exception as error:
            if not isinstance(error, SkipBatchException | StopPipeline) and is_dropped(
                error, scope, self.ignore
            ):
                error = SkipBatchException()
            if record is not None:
                record.finish(batch)
            return record, _packed(scope.kept), _portable(error)

    def _view(self, place: Any) -> Any:
        if not isinstance(place, dict):
            return place
        view = self.dataset.index._derive(None)
        view.__dict__.update(place)
        return view


def make_batch(maker: Maker, task: tuple[Any, ...]) -> tuple[Any, ...]:
    """Make one batch, in a worker process."""
    return maker.make(*task)


def _packed(kept: Kept | None) -> Any:
    if kept is None:
        return None
    from ironbatch.targets.processes.segments import dumper

    return kept.packed(dumper())


def _portable(error: Exception) -> tuple[Any, str]:
    """Give an exception, in a form that pickles, and its traceback."""
    import pickle

    from ironbatch.targets.portable import encode
    from ironbatch.targets.processes.segments import dumper

    tb = error.__traceback__
    tb = tb.tb_next if tb is not None else None
    text = "".join(traceback.format_exception(type(error), error, tb))
    if isinstance(error, ActionError):
        # It knows how to travel by itself.
        try:
            pickle.loads(dumper()(error))
        except Exception:
            return encode(error, dumper()), text
        return error, text
    return encode(error, dumper()), text


def _taken_apart(batch: Any, view: Any, dataset: Any) -> tuple[Any, ...]:
    cls = type(batch)
    if any(getattr(cls, name) is not getattr(Copying, name) for name in _PICKLING):
        # It has ideas of its own about how it travels.
        return (batch,)
    name: Any = cls
    if cls is dataset.batch_class:
        name = None
    elif "<locals>" not in cls.__qualname__:
        name = cls.__module__, cls.__qualname__
    state = batch.__getstate__()
    attributes = state["attributes"]
    attributes.pop("_scope", None)
    if batch.index is view:
        del attributes["index"]
    return name, state


def put_together(parts: tuple[Any, ...], view: Any, dataset: Any) -> Any:
    """Make the batch again that a worker has sent.

    Parameters
    ----------
    parts : tuple
        What the worker has sent.
    view : DatasetIndex
        The items that the batch was made of.
    dataset : Dataset
        The dataset in this process.

    Raises
    ------
    TypeError
        If the class of the batch is not known here.
    """
    if len(parts) == 1:
        (batch,) = parts
    else:
        name, state = parts
        cls = dataset.batch_class if name is None else _class(name)
        state["attributes"].setdefault("index", view)
        batch = cls.__new__(cls)
        batch.__setstate__(state)
    batch.__dict__["_dataset"] = dataset
    return batch


def _class(name: Any) -> Any:
    if isinstance(name, type):
        return name
    module, path = name
    try:
        home = sys.modules.get(module) or import_module(module)
        return reduce(getattr, path.split("."), home)
    except (ImportError, AttributeError):
        raise TypeError(
            f"a worker process has sent a batch of class {module}.{path}, which is not known "
            "in this process; prefetch in threads (target='threads')"
        ) from None
