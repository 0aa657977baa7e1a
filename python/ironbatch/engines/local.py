"""The engine that is no cluster: batches are made in this process, as if it were another one."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from ironbatch.engines.protocol import BatchRange, Outcome, SentPlan
from ironbatch.engines.registry import register_engine

__all__ = ["Local"]


class Local:
    """Makes batches in this process when they are asked for; the reference of the protocol.

    Plan and answers are pickled and unpickled as on their way to another machine, so a pipeline
    that runs here runs on a cluster.

    Parameters
    ----------
    workers : int
        How many workers it pretends to have.
    retries : int, optional
        How often a range is made again that is lost; by default the run says.
    lose : callable, optional
        Called with a range and the number of its attempt, from 1, before it is made: why it is
        lost, or an empty text.
    pick : callable, optional
        Given the list of ranges that wait, gives the place of the one to make first; by default
        the first.

    Examples
    --------
    >>> from ironbatch import Dataset
    >>> from ironbatch.engines import Local
    >>> [len(batch) for batch in Dataset(10).p.gen_batch(4, engine=Local())]
    [4, 4, 2]
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        retries: int | None = None,
        lose: Callable[[BatchRange, int], str] | None = None,
        pick: Callable[[list[BatchRange]], int] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"an engine has at least one worker, got {workers}")
        self.workers = workers
        self.retries = retries
        self.lose = lose
        self.pick = pick

    def __repr__(self) -> str:
        return f"Local(workers={self.workers})"

    def start(self, plan: SentPlan) -> _LocalSession:
        """Begin a run."""
        return _LocalSession(self, plan)


class _LocalSession:
    def __init__(self, engine: Local, plan: SentPlan) -> None:
        self.engine = engine
        self.workers = engine.workers
        self._plan: SentPlan | None = _copied(plan)
        self._waiting: list[BatchRange] = []
        self._attempts: dict[BatchRange, int] = {}

    def submit(self, batches: BatchRange) -> None:
        self._waiting.append(batches)

    def next_ready(self, timeout: float) -> Outcome | None:
        if not self._waiting or self._plan is None:
            return None
        pick = self.engine.pick
        batches = self._waiting.pop(0 if pick is None else pick(self._waiting))
        attempt = self._attempts[batches] = self._attempts.get(batches, 0) + 1
        if self.engine.lose is not None:
            why = self.engine.lose(batches, attempt)
            if why:
                return Outcome(batches, lost=why)
        try:
            return Outcome(batches, _copied(self._plan.make(batches)))
        except Exception as error:
            return Outcome(batches, lost=repr(error), error=error)

    def cancel(self, batches: BatchRange) -> None:
        self._waiting.remove(batches)

    def close(self) -> None:
        self._waiting.clear()
        self._plan = None


def _copied(value: Any) -> Any:
    """Give what arrives elsewhere of a value."""
    parts: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=parts.append)
    return pickle.loads(body, buffers=[bytearray(part.raw()) for part in parts])


register_engine("local", Local)
