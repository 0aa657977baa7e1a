"""Prefetch on an executor of the user's, such as those of `concurrent.futures`.

Executors whose tasks see the memory of the consumer work like threads. For others a batch is a
function of the plan, the seed and a range of items: what is the same for all batches is pickled
once, and goes along until the executor's workers have it.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from ironbatch.errors import WorkerDiedError
from ironbatch.pipeline.prefetch import threads as threaded
from ironbatch.pipeline.prefetch.budget import Budget
from ironbatch.pipeline.prefetch.maker import make_batch
from ironbatch.pipeline.prefetch.remote import Remote, Slot
from ironbatch.targets.portable import encode
from ironbatch.targets.processes.segments import dumper

__all__ = ["Submitted", "SubmittedThreads", "is_executor", "shares_memory"]

PATIENCE = 60.0
"""Seconds that an executor nothing is known about has for a first small task."""

HELP = 1.0
"""Seconds after which a consumer makes a batch itself that its executor has not begun."""

SMALL = 1 << 16
"""Bytes of a plan up to which it goes along with every task."""

KEPT = 4
"""How many plans a worker of an executor keeps."""

_sharing: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def is_executor(target: Any) -> bool:
    """Whether batches can be submitted to an object."""
    import sys

    # Whoever has an executor has imported this.
    futures = sys.modules.get("concurrent.futures")
    return futures is not None and isinstance(target, futures.Executor)


class _Mark:
    """Is pickled as another one."""

    def __init__(self, here: bool) -> None:
        self.here = here

    def __reduce__(self) -> tuple[Any, ...]:
        return _Mark, (False,)


def _is_here(mark: _Mark) -> bool:
    return mark.here


def shares_memory(executor: Any) -> bool:
    """Whether tasks of an executor see the memory of this process.

    Raises
    ------
    RuntimeError
        If it carries nothing out.
    """
    from concurrent import futures

    pickling = (
        futures.ProcessPoolExecutor,
        getattr(futures, "InterpreterPoolExecutor", futures.ProcessPoolExecutor),
    )
    if isinstance(executor, pickling):
        return False
    threads = futures.ThreadPoolExecutor
    if isinstance(executor, threads) and type(executor).submit is threads.submit:
        return True
    known = _sharing.get(executor)
    if known is None:
        future = _submit(executor, _is_here, _Mark(True))
        try:
            known = bool(future.result(PATIENCE))
        except Exception as error:
            future.cancel()
            late = isinstance(error, futures.TimeoutError)
            what = f"has not carried out a task within {PATIENCE:.0f} s" if late else "fails"
            raise RuntimeError(f"the executor {executor!r} {what}: {error!r}") from error
        _sharing[executor] = known
    return known


def _submit(executor: Any, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return executor.submit(function, *args)
    except RuntimeError as error:
        raise RuntimeError(
            f"the executor {executor!r} takes no batches ({error}); it has to stay open, and "
            "whole, until the run has ended"
        ) from error


class SubmittedThreads(threaded.Prefetch):
    """Prefetch whose threads are those of an executor.

    A task of the executor makes the first batch that nobody has begun, so it does not matter in
    which order the executor carries its tasks out.

    Parameters
    ----------
    executor : Executor
        Where batches are made.
    tasks, work, depth, budget, size_of
        As for `Prefetch`.
    """

    def __init__(
        self,
        executor: Any,
        tasks: Iterator[Any],
        work: Callable[[Any], Any],
        depth: int,
        budget: Budget | None = None,
        size_of: Callable[[Any], int | None] | None = None,
    ) -> None:
        super().__init__(tasks, work, depth, None, budget, size_of)
        self._executor = executor
        self._futures: set[Any] = set()

    def _start(self, slot: threaded.Slot) -> None:
        self._slots.append(slot)
        line, futures = self._line, self._futures
        line.queue.put(slot)
        try:
            future = _submit(self._executor, copy_context().run, line.serve_once)
        except RuntimeError as error:
            line.fail(slot, error)
            return
        futures.add(future)

        def ended(future: Any) -> None:
            futures.discard(future)
            if line.closed or not (future.cancelled() or future.exception() is not None):
                return
            how = "was cancelled" if future.cancelled() else repr(future.exception())
            line.lose(RuntimeError(f"the executor has not made a batch: its task {how}"))

        future.add_done_callback(ended)

    def _wait(self, slot: threaded.Slot) -> None:
        # An executor that is busy, perhaps with the very task that waits here, holds up nobody.
        while not slot.done.acquire(timeout=HELP):
            self._line.carry_out(slot)

    def close(self) -> None:
        """Cancel what has not begun; never waits."""
        super().close()
        while self._futures:
            self._futures.pop().cancel()


class Submitted(Remote):
    """Makes the batches of one run on an executor that pickles its tasks.

    Parameters
    ----------
    run : Run
        The run.
    pipeline : Pipeline
        Its steps.
    executor : Executor
        Where batches are made.
    """

    def __init__(self, run: Any, pipeline: Any, executor: Any) -> None:
        super().__init__(run, pipeline)
        self.executor = executor
        self._shared: tuple[Any, ...] = ()
        self._key = b""

    def define(self, packed: Any, datasets: dict[int, Any]) -> None:
        """Keep what workers need, pickled, datasets too."""
        super().define(packed, datasets)
        parts = [bytes(part.raw()) for part in packed.parts]
        self._key = uuid4().bytes
        self._shared = bytes(packed.body), parts, dumper()(datasets, protocol=5)

    def start(self, slot: Slot) -> None:
        """Submit a task, with the plan if that is small."""
        self._submit(slot, sum(map(len, (self._shared[0], self._shared[2]))) <= SMALL)

    def _submit(self, slot: Slot, with_plan: bool) -> None:
        slot.definition = self.definition
        task = dumper()(self.task_of(slot), protocol=5)
        plan = self._shared if with_plan else None
        slot.future = _submit(self.executor, make_elsewhere, os.getpid(), self._key, plan, task)

    def wait(self, slot: Slot) -> None:
        """Wait until a task is done; submit it again if its worker does not know the plan."""
        while not slot.done:
            try:
                answer = slot.future.result()
            except Exception as error:
                slot.fail(self._explained(error, slot))
                return
            except BaseException as error:
                if type(error).__name__ != "CancelledError":
                    raise
                slot.fail(self._explained(error, slot))
                return
            if answer is None:
                for waiting in self._slots:
                    if waiting is slot or _knows_not(waiting.future):
                        self._submit(waiting, with_plan=True)
                continue
            slot.settle(answer, [])

    def _explained(self, error: BaseException, slot: Slot) -> BaseException:
        from concurrent.futures import BrokenExecutor, CancelledError

        if isinstance(error, BrokenExecutor):
            new: Exception = WorkerDiedError(
                f"the executor broke, perhaps while it made {slot.name}: {error}"
            )
        elif isinstance(error, CancelledError):
            new = RuntimeError(f"the executor has cancelled {slot.name}")
        else:
            return error
        new.__cause__ = error
        return new

    def close(self) -> None:
        """Cancel what has not begun; never waits."""
        futures = [slot.future for slot in self._slots]
        super().close()
        for future in futures:
            if future is not None:
                future.cancel()


def _knows_not(future: Any) -> bool:
    done = future is not None and future.done() and not future.cancelled()
    return done and future.exception() is None and future.result() is None


_plans: OrderedDict[bytes, Any] = OrderedDict()
_guard = threading.Lock()


def make_elsewhere(home: int, key: bytes, plan: Any, task: bytes) -> bytes | None:
    """Make one batch, wherever the executor calls this.

    Parameters
    ----------
    home : int
        Process of the consumer.
    key : bytes
        What the plan is known by.
    plan : tuple or None
        The pickled plan, None if this worker may have it already.
    task : bytes
        The pickled task.

    Returns
    -------
    bytes or None
        The pickled answer; None if the plan is needed.
    """
    from ironbatch.targets import processes

    if os.getpid() != home:
        # Cores are taken by other batches already.
        processes.inside_worker = True
    try:
        maker = _known(key, plan)
        if maker is None:
            return None
    except Exception as error:
        answer: tuple[Any, ...] = ("undefined", encode(error, dumper()))
        return bytes(dumper()(answer, protocol=5))
    try:
        made = make_batch(maker, pickle.loads(task))
        return bytes(dumper()(("done", 0.0, [made], {}), protocol=5))
    except Exception as error:
        refused = TypeError(f"the batch cannot be sent back from a worker: {error}")
        answer = ("done", 0.0, [None], {0: (encode(refused, dumper()), "")})
        return bytes(dumper()(answer, protocol=5))


def _known(key: bytes, plan: Any) -> Any:
    with _guard:
        maker = _plans.get(key)
        if maker is not None or plan is None:
            return maker
        from ironbatch.targets.processes.batches import loads_with_datasets

        body, parts, datasets = plan
        _, [(_, maker)], _ = loads_with_datasets(body, parts, pickle.loads(datasets))
        _plans[key] = maker
        while len(_plans) > KEPT:
            _plans.popitem(last=False)
        return maker


def _after_fork() -> None:
    global _guard
    _guard = threading.Lock()


threaded.forget_after_fork(_after_fork)
