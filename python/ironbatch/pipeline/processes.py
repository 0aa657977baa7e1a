"""Prefetch in worker processes: the consumer's side.

Threads of the consumer's process drive it, each with one worker process at a time: so order, limits
and errors are those of prefetch in threads, and only the work is done elsewhere. A worker is taken
from the pool that parallel actions use, for one batch, and given back.
"""

from __future__ import annotations

import pickle
import threading
from itertools import count
from time import monotonic
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from ironbatch.actions.failed_item import Kept
from ironbatch.errors import WorkerDiedError
from ironbatch.pipeline.joining import travelling
from ironbatch.pipeline.maker import DatasetLostError, Maker, make_batch, place_of, put_together
from ironbatch.pipeline.once import OncePipeline
from ironbatch.pipeline.shared import first_at_home
from ironbatch.pipeline.turns import RunClosedError
from ironbatch.targets.portable import decode
from ironbatch.targets.processes import RemoteTraceback
from ironbatch.targets.processes.batches import dumps_with_datasets, forget
from ironbatch.targets.processes.functions import Definition, by_value, explain
from ironbatch.targets.processes.pool import Worker, default_workers, pool
from ironbatch.targets.processes.segments import dumper, pack

__all__ = ["Remote"]

LOOK = 0.2
"""Seconds between two looks at a worker that does not answer: is it alive, is it still wanted?"""

GRACE = 1.0
"""Seconds that a worker has to finish a batch that nobody wants any more."""

_runs = count()

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


class Remote:
    """Makes the batches of one run in worker processes.

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
    workers : int
        How many processes it uses at most.

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
        self.steps = pipeline.steps
        batch_class = getattr(self.dataset, "batch_class", None)
        if batch_class is None:
            raise ValueError("prefetch in processes needs a dataset with a batch_class")
        self.first_at_home = first_at_home(pipeline, self.owner, batch_class)
        self.workers = default_workers()
        self.stream_key = (0, 0)
        self.closed = False
        self.definition: Definition | None = None
        self._guard = threading.Lock()

    def close(self) -> None:
        """Say that nobody wants the batches under way; never waits."""
        self.closed = True

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
        )
        try:
            message: Any = (make_batch, [(0, maker)], {})
            packed = pack(message, dumps_with_datasets(datasets))
        except Exception as error:
            raise explain(self._culprit(twin), str(error)) from error
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
        """Have a worker make one batch; what failed there is noted in the scope.

        Returns
        -------
        batch, discarded, record
            The batch, None if it is discarded and no step here asks for it.

        Raises
        ------
        Exception
            What the worker has raised.
        WorkerDiedError
            If the worker ends before the batch is made.
        RunClosedError
            If the batch is not wanted any more.
        """
        wanted = self.first_at_home < len(self.steps)
        place = place_of(view, self.dataset.index)
        task = (scope.ticket, scope.position, place, wanted)
        while True:
            definition = self.definition
            if definition is None:
                raise RuntimeError("the run was not prepared")
            try:
                record, kept, *rest = self._ask(definition, scope.ticket, task, view)
                break
            except _UnknownThereError as error:
                self._send_by_value(definition, error)
        if kept is not None:
            scope.kept = Kept.unpacked(kept)
        if len(rest) == 1:
            raise self._error(*rest[0])
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

    def _send_by_value(self, definition: Definition, error: _UnknownThereError) -> None:
        """Send again what workers could not import, by value if that is possible."""
        with self._guard:
            if self.definition is not definition:
                return
            if not by_value(error.reason, self.dataset.batch_class):
                reason = f"the worker cannot load it: {error.reason}"
                raise explain(error.what, reason) from error.reason
            forget(definition.datasets)
            self.prepare(self.stream_key)

    def _ask(self, definition: Definition, ticket: int, task: tuple[Any, ...], view: Any) -> Any:
        message = ("call", definition.key, ticket, 1, [(1, [task])])
        packed = pack(message, dumper())
        again = True
        while True:
            if self.closed:
                raise RunClosedError
            reserved: list[Worker] = []
            idle = begun = ready = False
            try:
                deadline = monotonic() + LOOK
                pool().reserve(reserved, 1, self.workers, wait=True, deadline=deadline)
                if not reserved:
                    continue
                worker = reserved[0]
                new = not worker.ready
                try:
                    worker.call(definition, ticket, 1, packed)
                    body, copies = self._hear(worker)
                    idle = True
                    return self._answer(body, copies)
                except (EOFError, OSError):
                    if idle:
                        raise
                    begun, ready = worker.item == ticket, worker.ready
            finally:
                for one in reserved:
                    if idle:
                        pool().release([one])
                    else:
                        pool().drop(one)
            if not begun and (again or not new):
                # It had not begun: the batch is not to blame, unless new workers end like that.
                again = again and not new
                continue
            code = worker.process.returncode
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            if not ready:
                raise WorkerDiedError(
                    f"a worker process ended before it was ready ({how}); its output tells why"
                )
            first = view.indices[:1].tolist()
            raise WorkerDiedError(
                f"a worker process ended while it made batch {ticket + 1}, "
                f"which begins with item {first[0]!r} ({how})"
            )

    def _hear(self, worker: Worker) -> Any:
        """Wait for the answer of a worker."""
        deadline: float | None = None
        while True:
            while not worker.connection.poll(LOOK):
                # A grandchild may hold the connection open.
                if worker.process.poll() is not None and not worker.connection.poll(0):
                    raise EOFError
                if self.closed:
                    deadline = deadline or monotonic() + GRACE
                    if monotonic() > deadline:
                        raise RunClosedError
            body, copies = worker.channel.receive()
            if worker.ready:
                return body, copies
            # The first message says that it is there.
            worker.ready = True

    def _answer(self, body: Any, copies: Any) -> Any:
        try:
            kind, *rest = pickle.loads(body, buffers=copies)
        except Exception as error:
            refused = f"a batch that a worker process has sent cannot be unpickled: {error!r}"
            raise TypeError(refused) from error
        if kind == "done":
            _, results, failures = rest
            if failures:
                raise self._error(*failures[0])
            return results[0]
        if kind == "undefined":
            reason = decode(rest[0])
            raise _UnknownThereError(self.owner, reason)
        if kind == "fatal":
            raise self._error(*rest[0])
        reason = decode(rest[0])
        raise TypeError(f"a worker process cannot unpickle its task: {reason!r}") from reason


def _names(steps: Any) -> set[str]:
    """Give the names of all actions, those of nested pipelines too."""
    found: set[str] = set()
    for step in steps:
        if step.nested is not None:
            found |= _names(step.nested.steps)
        elif step.kind == "action":
            found.add(step.name)
    return found
