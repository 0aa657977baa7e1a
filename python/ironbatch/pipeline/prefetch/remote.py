"""Making the batches of a run elsewhere: what is common to worker processes and executors.

The consumer drives: when it asks for a batch, tasks are sent out until enough of them are under
way, and then it waits for the answer to the first. Nothing runs in the consumer's process in
between, so a consumer that is busy in Python is not slowed down by threads that want its
interpreter. What comes back is unpickled when its turn comes, and the steps that touch what batches
share are carried out then too, in order.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from ironbatch.actions.failed_item import Kept
from ironbatch.pipeline.chain.once import OncePipeline
from ironbatch.pipeline.prefetch.at_home import first_at_home
from ironbatch.pipeline.prefetch.budget import Budget
from ironbatch.pipeline.prefetch.maker import (
    DatasetLostError,
    Maker,
    make_batch,
    place_of,
    put_together,
)
from ironbatch.pipeline.run.joining import travelling
from ironbatch.targets.portable import decode
from ironbatch.targets.processes import RemoteTraceback
from ironbatch.targets.processes.batches import dumps_with_datasets, forget
from ironbatch.targets.processes.functions import Definition, by_value, explain
from ironbatch.targets.processes.segments import dumper, pack

__all__ = ["Remote", "Slot", "make_remote"]

_runs = count(1)

_WITHOUT_BATCH = 3
"""Parts of an answer that has an exception in the place of a batch."""

_seen: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
"""What datasets were like when they were sent."""


def _send_anew_if_changed(dataset: Any) -> None:
    """Have workers get a dataset again whose attributes have been assigned to.

    What has changed inside of an attribute, such as an array, is not looked at.
    """
    looks = {
        name: value if isinstance(value, int | float | str) else id(value)
        for name, value in dataset.__dict__.items()
        if name != "_iter_params"
    }
    if _seen.get(dataset, looks) != looks:
        forget({0: dataset})
    _seen[dataset] = looks


class _UnknownThereError(Exception):
    """A worker cannot load what it was sent.

    Parameters
    ----------
    what : object
        What it was.
    reason : Exception
        What kept the worker from it.
    """

    def __init__(self, what: Any, reason: Exception) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason


class Slot:
    """A batch on its way.

    Parameters
    ----------
    task : tuple
        Ticket, how many items come before, and the view of the index.

    Attributes
    ----------
    done : bool
        Whether the answer is there.
    answer : tuple or None
        The answer, still pickled, and its large arrays.
    error : BaseException or None
        What takes the place of an answer.
    size : int or None
        Bytes of the answer.
    definition : Definition or None
        What it was sent with.
    sent : int
        How often it was sent to a worker that ended before it began.
    """

    __slots__ = ("answer", "definition", "done", "error", "future", "sent", "size", "task")

    def __init__(self, task: tuple[Any, ...]) -> None:
        self.task = task
        self.done = False
        self.answer: tuple[Any, Any] | None = None
        self.error: BaseException | None = None
        self.size: int | None = None
        self.definition: Definition | None = None
        self.future: Any = None
        self.sent = 0

    @property
    def ticket(self) -> int:
        """Number of the batch."""
        return int(self.task[0])

    def settle(self, body: Any, copies: Any) -> None:
        """Note the answer."""
        self.answer = body, copies
        self.size = len(body) + sum(map(len, copies))
        self.done = True

    def fail(self, error: BaseException) -> None:
        """Note that there is none."""
        self.error = error
        self.done = True

    @property
    def name(self) -> str:
        """Say which batch it is."""
        first = self.task[2].indices[:1].tolist()
        return f"batch {self.ticket + 1}, which begins with item {first[0]!r}"


class Remote:
    """Makes the batches of one run elsewhere.

    Parameters
    ----------
    run : Run
        The run.
    pipeline : Pipeline
        Its steps.

    Attributes
    ----------
    first_at_home : int
        Number of the first step that the consumer's process carries out.
    serial : int
        Number of the run.
    most : int
        How many batches may be under way at most.

    Raises
    ------
    ValueError
        If the chain has steps that processes cannot share anywhere but at its end.
    """

    def __init__(self, run: Any, pipeline: Any) -> None:
        self.owner = run.owner
        self.dataset = run.dataset
        self.total = run.total
        self.batch_kwargs = run.options.batch_kwargs
        self.timed = 0 if run.recorder is None else run.recorder.level
        self.policy = run.policy
        self.ignore = run.ignore
        self.fuse = run.options.fuse
        self.steps = pipeline.steps
        batch_class = getattr(self.dataset, "batch_class", None)
        if batch_class is None:
            raise ValueError("batches of other processes need a dataset with a batch_class")
        self.first_at_home = first_at_home(pipeline, self.owner, batch_class)
        self.serial = next(_runs)
        self.stream_key = (0, 0)
        self.definition: Definition | None = None
        self._slots: deque[Slot] = deque()
        self._due: Slot | None = None

    most = 1 << 30

    def start(self, slot: Slot) -> None:
        """Send a task; or one again whose answer was lost."""
        raise NotImplementedError

    def wait(self, slot: Slot) -> None:
        """Wait until the answer to a task is there."""
        raise NotImplementedError

    def room(self, depth: int) -> int:
        """Give how many batches may be under way now."""
        return min(depth, self.most)

    def no_more(self) -> None:
        """All tasks have been started."""

    def finish(self) -> None:
        """Nothing is under way and nothing more will be sent."""

    def close(self) -> None:
        """Let go of the batches under way, which nobody wants; never waits."""
        self._slots.clear()
        self._due = None

    def ahead(
        self, tasks: Iterator[Any], depth: int, budget: Budget | None = None
    ) -> Iterator[Any]:
        """Give tasks in order, each when `make` has its answer, with others under way.

        Parameters
        ----------
        tasks : iterator
            What to do.
        depth : int
            How many tasks are under way while the consumer is busy.
        budget : Budget, optional
            Bounds their bytes.
        """
        slots = self._slots
        failed: Exception | None = None
        exhausted = False
        while True:
            for waits in (True, False):
                while (
                    not exhausted
                    and len(slots) < self.room(depth)
                    and (budget is None or budget.allows(slot.size for slot in slots))
                ):
                    try:
                        slot = Slot(next(tasks))
                    except StopIteration:
                        exhausted = True
                    except Exception as error:
                        failed, exhausted = error, True
                    else:
                        self._begin(slot)
                        slots.append(slot)
                if exhausted:
                    self.no_more()
                if waits and slots:
                    slot = slots[0]
                    self._take(slot)
                    slots.popleft()
                    self._due = slot
                    if budget is not None and slot.size is not None:
                        budget.note(slot.size)
            if self._due is None:
                break
            if exhausted and not slots:
                self.finish()
            yield self._due.task
            self._due = slot = None  # type: ignore[assignment]
        if failed is not None:
            raise failed

    def _begin(self, slot: Slot) -> None:
        try:
            self.start(slot)
        except Exception as error:
            slot.fail(error)

    def _take(self, slot: Slot) -> None:
        """Wait for an answer and open it."""
        while True:
            self.wait(slot)
            if slot.error is not None or slot.answer is None:
                return
            try:
                slot.answer = self._open(*slot.answer)
                if len(slot.answer) == _WITHOUT_BATCH:
                    # Its size says nothing about that of batches.
                    slot.size = None
                return
            except _UnknownThereError as error:
                slot.done, slot.answer = False, None
                try:
                    self._send_by_value(slot.definition, error)
                except Exception as refusal:
                    slot.fail(refusal)
                else:
                    self._begin(slot)
            except Exception as error:
                slot.fail(error)

    def _open(self, body: Any, copies: Any) -> Any:
        """Unpickle an answer."""
        try:
            kind, *rest = pickle.loads(body, buffers=copies)
        except Exception as error:
            refused = f"a batch that a worker process has sent cannot be unpickled: {error!r}"
            raise TypeError(refused) from error
        if kind == "done":
            _, results, failures = rest
            if failures:
                raise self._error(*failures[0])
            record, kept, *made = results[0]
            if len(made) == 1:
                made = [self._error(*made[0])]
                if isinstance(made[0], _UnknownThereError):
                    raise made[0]
            return record, kept, *made
        if kind == "undefined":
            reason = decode(rest[0])
            raise _UnknownThereError(self.owner, reason)
        if kind == "fatal":
            raise self._error(*rest[0])
        reason = decode(rest[0])
        raise TypeError(f"a worker process cannot unpickle its task: {reason!r}") from reason

    def task_of(self, slot: Slot) -> tuple[Any, ...]:
        """Give what a worker needs to make a batch."""
        ticket, position, view = slot.task[:3]
        wanted = self.first_at_home < len(self.steps)
        return ticket, position, place_of(view, self.dataset.index), wanted

    def prepare(self, stream_key: tuple[int, int]) -> None:
        """Pickle what workers need, with variables and config as they are now.

        Raises
        ------
        TypeError
            If something cannot be pickled; the message says what.
        """
        datasets: dict[int, Any] = {}
        self.stream_key = stream_key
        _send_anew_if_changed(self.dataset)
        twin = self._travelling()
        maker = Maker(
            twin,
            self.dataset,
            self.total,
            stream_key,
            self.batch_kwargs,
            self.timed,
            self.policy,
            self.ignore,
            self.fuse,
        )
        try:
            message: Any = (make_batch, [(0, maker)], {})
            packed = pack(message, dumps_with_datasets(datasets))
        except Exception as error:
            raise explain(self._culprit(twin), str(error)) from error
        self.define(packed, datasets)

    def define(self, packed: Any, datasets: dict[int, Any]) -> None:
        """Keep what workers need, pickled."""
        self.definition = Definition(b"urun%d" % next(_runs), packed, datasets)

    def _travelling(self) -> Any:
        """Make a pipeline of the steps for workers, without what stays here."""
        owner = self.owner
        twin = object.__new__(type(owner))
        twin.__dict__.update(owner.__getstate__())
        steps = travelling(self.steps[: self.first_at_home])
        functions: dict[str, Any] = {}
        for name in _names(steps):
            function = owner.find_function(name)
            if function is not None:
                functions[name] = function
        twin.__dict__.update(
            _dataset=self.dataset,
            _later=None,
            profile=None,
            run_time=None,
            steps=steps,
            rebatched=None,
            before=OncePipeline(twin),
            after=OncePipeline(twin),
            # Not what is in them: a namespace may be a module, or `__main__`.
            namespaces=(SimpleNamespace(**functions),),
        )
        return twin

    def _culprit(self, twin: Any) -> Any:
        """Give the first part that does not pickle by itself."""
        parts = [
            *(part for step in twin.steps for part in (*step.args, *step.kwargs.values())),
            *(variable.value for variable in twin.variables._variables.values()),
            *self.batch_kwargs.values(),
            twin.config,
            self.dataset.batch_class,
        ]
        for part in parts:
            try:
                pack(part, dumps_with_datasets({}))
            except Exception:
                return part
        return self.owner

    def make(self, scope: Any, view: Any) -> tuple[Any, bool, Any]:
        """Give the batch that is due; what failed where it was made is noted in the scope.

        Returns
        -------
        batch, discarded, record
            The batch, None if it is discarded and no step here asks for it.

        Raises
        ------
        Exception
            What was raised where it was made.
        WorkerDiedError
            If the worker has ended before the batch was made.
        """
        slot = self._due
        if slot is None or (slot.error is None and slot.answer is None):
            raise RuntimeError("the batch was made already")
        if slot.error is not None:
            raise slot.error
        (record, kept, *rest), slot.answer = slot.answer, None  # type: ignore[misc]
        if scope.record is not None:
            scope.record.away = record
        if kept is not None:
            scope.kept = Kept.unpacked(kept)
        if len(rest) == 1:
            slot.error = rest[0]
            raise slot.error
        discarded, parts = rest
        batch = None if parts is None else put_together(parts, view, self.dataset)
        return batch, discarded, record

    def _error(self, encoded: Any, text: str) -> BaseException:
        error: BaseException = encoded if isinstance(encoded, BaseException) else decode(encoded)
        if isinstance(error, DatasetLostError):
            forget({0: self.dataset})
            try:
                dumper()(self.dataset)
            except Exception as cause:
                return explain(self.dataset, str(cause))
            module = self.dataset.batch_class.__module__
            return _UnknownThereError(
                self.dataset, ImportError(f"no module of its classes, {module}", name=module)
            )
        if text:
            remote = RemoteTraceback(text)
            remote.__cause__ = error.__cause__
            error.__cause__ = remote
        return error

    def _send_by_value(self, definition: Any, error: _UnknownThereError) -> None:
        """Have what workers could not import sent by value, if that is possible."""
        if self.definition is not definition or definition is None:
            return
        if not by_value(error.reason, self.dataset.batch_class):
            reason = f"the worker cannot load it: {error.reason}"
            raise explain(error.what, reason) from error.reason
        forget(definition.datasets)
        self.prepare(self.stream_key)


def _names(steps: Any) -> set[str]:
    """Give the names of all actions, those of nested pipelines too."""
    found: set[str] = set()
    for step in steps:
        if step.nested is not None:
            found |= _names(step.nested.steps)
        elif step.kind == "action":
            found.add(step.name)
    return found


def make_remote(run: Any, pipeline: Any) -> Remote | None:
    """Give what makes batches elsewhere, if they are made where memory is not shared."""
    options = run.options
    if run.where == "executor":
        from ironbatch.pipeline.prefetch.executors import Submitted, shares_memory

        return None if shares_memory(options.target) else Submitted(run, pipeline, options.target)
    from ironbatch.targets import processes

    if processes.inside_worker:
        return None
    if run.where == "engine":
        from ironbatch.pipeline.prefetch.ranges import Ranges

        return Ranges(run, pipeline, options.engine, options.range_length)
    from ironbatch.pipeline.prefetch.processes import Processes

    return Processes(run, pipeline, options.n_workers, options.n_threads or 1)
