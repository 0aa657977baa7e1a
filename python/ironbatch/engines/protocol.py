"""What an engine is: the five things a run asks of whatever makes its batches elsewhere.

A batch is a function of the plan of a run and of its number. So a run sends its plan once, then
numbers of batches; data never travels from here. An engine delivers the plan to each of its
workers, calls ``plan.make(batches)`` there, and hands back what that has given. It keeps no order,
may lose answers, and need not say what became of batches that were cancelled: a run puts answers in
order, asks again for what was lost, and takes each batch once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ironbatch.pipeline.prefetch.sealed import Answer

__all__ = ["BatchRange", "Engine", "Outcome", "SentPlan", "Session"]


class BatchRange(NamedTuple):
    """Batches of a run that follow one another.

    Attributes
    ----------
    first : int
        Number of the first one in the run, from 0.
    length : int
        How many there are.
    """

    first: int
    length: int


class Outcome(NamedTuple):
    """What has become of a range that was submitted.

    Attributes
    ----------
    batches : BatchRange
        The range.
    answer : Answer or None
        What ``plan.make`` has given; None if it is lost.
    lost : str
        Why it is lost: a worker was killed, ran out of memory, left.
    times : int
        How many workers were lost over it.
    error : BaseException or None
        What the engine has raised.
    """

    batches: BatchRange
    answer: Any = None
    lost: str = ""
    times: int = 1
    error: BaseException | None = None


class SentPlan(Protocol):
    """What an engine gives to its workers; it pickles, large arrays out of band."""

    @property
    def nbytes(self) -> int:
        """Bytes that travel to each worker."""

    def make(self, batches: BatchRange, stopped: Callable[[], bool] | None = None) -> Answer:
        """Make batches, in a worker.

        The object keeps what it has unpickled, so an engine calls the same one again and again.

        Parameters
        ----------
        batches : BatchRange
            Which.
        stopped : callable, optional
            Asked before each batch whether nobody wants them any more.

        Returns
        -------
        Answer
            It pickles, large arrays out of band.

        Raises
        ------
        MemoryError
            If a batch does not fit into memory. An engine reports the range as lost, as it does
            with anything else that this raises; whatever goes wrong in an action is in the answer.
        """


@runtime_checkable
class Session(Protocol):
    """One run on an engine. All of it is called by one thread at a time."""

    @property
    def workers(self) -> int:
        """How many ranges are worked on at once, as far as known; at least 1."""

    def submit(self, batches: BatchRange) -> None:
        """Have batches made; returns at once.

        Raises
        ------
        Exception
            If the engine takes none any more; the run ends.
        """

    def next_ready(self, timeout: float) -> Outcome | None:
        """Give the outcome of any range that is made or lost, once.

        Parameters
        ----------
        timeout : float
            Seconds to wait; None is given when they are over.

        Raises
        ------
        Exception
            If the engine is gone; the run ends.
        """

    def cancel(self, batches: BatchRange) -> None:
        """Do without a range; there is no outcome of it unless it is submitted again."""

    def close(self) -> None:
        """Cancel everything and let go of the plan; never waits, and may be called anywhere."""


@runtime_checkable
class Engine(Protocol):
    """What ``engine=`` takes. Several runs may be on an engine at once.

    An attribute ``retries``, if there is one and it is not None, says how often a range that is
    lost is made again; else the run's `retries` does, and 3 if that is 0.
    """

    def start(self, plan: SentPlan) -> Session:
        """Begin a run: deliver its plan to the workers.

        Raises
        ------
        Exception
            If there is no worker, or the plan cannot be delivered.
        """
