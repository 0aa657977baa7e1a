"""Order between batches that travel through a pipeline at the same time.

Steps that touch what batches share (variables, models, locks) are carried out in the order of the
batches, so that a run gives the same result with and without prefetch.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

__all__ = ["RunClosedError", "Turns"]


class RunClosedError(Exception):
    """The consumer has left, so this batch is not wanted any more."""


class Turns:
    """Lets batch k pass a gate only when all earlier batches have passed it or have ended.

    A batch starts only after all earlier ones have started, so the earliest unfinished batch never
    waits and the others always get on.

    Parameters
    ----------
    first : int
        Ticket of the first batch.
    """

    def __init__(self, first: int = 0) -> None:
        # Reentrant: the garbage collector may close an abandoned run inside any of these methods.
        self._changed = threading.Condition(threading.RLock())
        self._next: dict[Hashable, int] = {}
        self._passed: dict[Hashable, set[int]] = {}
        self._ended: set[int] = set()
        self._ended_below = first
        self._closed = False
        self._last: float = float("inf")

    def wait(self, gate: Hashable, ticket: int) -> None:
        """Wait until it is the turn of batch `ticket` at a gate.

        Raises
        ------
        RunClosedError
            If the consumer leaves meanwhile, or the run ends with an earlier batch.
        """
        with self._changed:
            while not self._closed and ticket <= self._last and self._first(gate) < ticket:
                self._changed.wait()
            if self._closed or ticket > self._last:
                raise RunClosedError

    def _first(self, gate: Hashable) -> int:
        passed = self._passed.setdefault(gate, set())
        first = max(self._next.get(gate, 0), self._ended_below)
        while first in passed or first in self._ended:
            passed.discard(first)
            first += 1
        self._next[gate] = first
        return first

    def leave(self, gate: Hashable, ticket: int) -> None:
        """Let the next batch through a gate."""
        with self._changed:
            self._passed.setdefault(gate, set()).add(ticket)
            self._changed.notify_all()

    def end(self, ticket: int) -> None:
        """Batch `ticket` has ended, well or badly, and passes no further gate."""
        with self._changed:
            self._ended.add(ticket)
            while self._ended_below in self._ended:
                self._ended.discard(self._ended_below)
                self._ended_below += 1
            if self._passed:
                self._changed.notify_all()

    def stop(self, ticket: int) -> None:
        """Let no batch after `ticket` pass any gate: the run ends with that one."""
        with self._changed:
            self._last = min(self._last, ticket)
            self._changed.notify_all()

    def close(self) -> None:
        """Wake whoever waits: the run is over."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
