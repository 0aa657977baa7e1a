"""Making the batches of a run on an engine: the consumer's side.

Tasks that follow one another make a range, which the engine gets as two numbers. What is lost with
a worker is submitted again. A range that is lost too often may have been beside the one that is to
blame: it is tried alone once more before the run gives up on it.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable
from typing import Any

from ironbatch.engines.protocol import BatchRange, Engine, Outcome, Session
from ironbatch.engines.registry import engine_for
from ironbatch.errors import WorkerDiedError
from ironbatch.pipeline.prefetch import threads as threaded
from ironbatch.pipeline.prefetch.remote import Remote, Slot
from ironbatch.pipeline.prefetch.sealed import SealedPlan, writable
from ironbatch.targets.processes.functions import explain

__all__ = ["Ranges", "checked_length"]

LOOK = 0.2
"""Seconds between two looks at an engine that has nothing ready."""

WORTH = 0.2
"""Seconds of work that a range should be: long beside what an engine takes to pass it on."""

LONGEST = 64
"""How many batches a range has at most, unless the run says."""

HEAVY = 16 << 20
"""Bytes of batches that a range has at most, if it has several and the run does not say."""

RETRIES = 3
"""How often a range is made again that is lost, if nobody says."""

LARGE = 256 << 20
"""Bytes of a plan from which on a run warns."""


def checked_length(length: Any) -> int | None:
    """Check how many batches a range has.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is less than 1.
    """
    if length is None:
        return None
    if isinstance(length, bool) or not hasattr(length, "__index__"):
        raise TypeError(f"range_length is a number of batches, got {length!r}")
    if length < 1:
        raise ValueError(f"range_length is a number of batches, 1 or more, got {length}")
    return int(length)


class _Range:
    """Batches that are submitted together.

    Attributes
    ----------
    losses : int
        How many workers were lost over it.
    alone : bool
        Whether nothing else is under way with it.
    """

    __slots__ = ("alone", "batches", "losses", "slots")

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        self.batches = BatchRange(slots[0].ticket, len(slots))
        self.losses = 0
        self.alone = False

    @property
    def name(self) -> str:
        """Say which batches and items these are."""
        first = self.slots[0].task[2].indices[:1].tolist()[0]
        last = self.slots[-1].task[2].indices[-1:].tolist()[0]
        number, count = self.batches
        which = f"batch {number + 1}" if count == 1 else f"batches {number + 1} to {number + count}"
        return f"{which} (items {first!r} to {last!r})"


def _place(made: _Range) -> BatchRange:
    return made.batches


class Ranges(Remote):
    """Makes the batches of one run on an engine.

    Parameters
    ----------
    run : Run
        The run.
    pipeline : Pipeline
        Its steps.
    engine : str, Engine or client
        Where batches are made.
    length : int, optional
        How many batches a range has.
    """

    def __init__(self, run: Any, pipeline: Any, engine: Any, length: int | None) -> None:
        super().__init__(run, pipeline)
        self.engine: Engine = engine_for(engine)
        retries = getattr(self.engine, "retries", None)
        self.retries = retries if retries is not None else run.options.retries or RETRIES
        self.length = length
        self._standing = run.standing
        self._profile = None if run.recorder is None else run.recorder.profile
        self._session: Session | None = None
        self._forks = threaded.forks()
        self._pace: float | None = None
        self._weight = 0
        self._prefetch = 0
        self._seen = 0
        self._gathered: list[Slot] = []
        self._flying: dict[BatchRange, _Range] = {}
        self._waiting: list[_Range] = []
        self._suspects: deque[_Range] = deque()

    def define(self, packed: Any, datasets: dict[int, Any]) -> None:
        """Seal the plan, and begin the run on the engine; begin it anew with another plan."""
        super().define(packed, datasets)
        course = self._standing.course, self._standing.order
        wanted = self.first_at_home < len(self.steps)
        try:
            plan = SealedPlan.of(packed, datasets, course, wanted)
        except Exception as error:
            raise explain(self.dataset, str(error)) from error
        if plan.nbytes > LARGE:
            warnings.warn(
                f"the plan of this run takes {plan.nbytes / 1e6:,.0f} MB and travels to each "
                "worker, with all that the dataset holds in memory; have an action read the data "
                "from files that workers can reach instead",
                stacklevel=2,
            )
        self._close_session()
        session = self.engine.start(plan)
        if not isinstance(session, Session):
            raise TypeError(
                f"start() of the engine {self.engine!r} gives {session!r}, which is no "
                "ironbatch.engines.Session: it has to have workers, submit, next_ready, cancel "
                "and close"
            )
        self._session = session
        self._fly([*self._flying.values()])

    def room(self, depth: int) -> int:
        """Give how many batches may be under way: what the run says, or enough for the engine."""
        self._prefetch = depth
        # So many keep workers busy while one range comes back.
        depth = depth or (2 * self._workers() + 1) * self._length()
        if self._profile is not None and self._session is not None:
            self._profile.prefetch = max(self._profile.prefetch, depth)
        return depth

    def _workers(self) -> int:
        return 1 if self._session is None else max(1, self._session.workers)

    def _length(self) -> int:
        """Give how many batches the next range has."""
        if self.length is not None:
            return self.length
        if self._pace is None:
            return 1
        length = min(int(WORTH / max(self._pace, 1e-6)), HEAVY // max(self._weight, 1), LONGEST)
        if self.total is not None:
            # Towards the end ranges get short, so that all workers are done at the same time.
            length = min(length, (self.total - self._seen) // (2 * self._workers()))
        if self._prefetch:
            # What may be under way has to be enough for all workers.
            length = min(length, self._prefetch // (2 * self._workers()))
        return max(1, length)

    def start(self, slot: Slot) -> None:
        """Take a task into the next range; one that was sent before goes by itself."""
        self._after_fork()
        if slot.definition is not None:
            self._submit([slot])
            return
        self._gathered.append(slot)
        self._seen = slot.ticket + 1
        if len(self._gathered) >= self._length():
            self.no_more()

    def no_more(self) -> None:
        """Submit the range that is not full."""
        slots, self._gathered = self._gathered, []
        if slots:
            self._submit(slots)

    def _submit(self, slots: list[Slot]) -> None:
        made = _Range(slots)
        if self._suspects or any(one.alone for one in self._flying.values()):
            self._waiting.append(made)
        else:
            self._fly([made])

    def _fly(self, ranges: Iterable[_Range]) -> None:
        """Submit ranges to the engine."""
        for one in ranges:
            self._flying[one.batches] = one
            for slot in one.slots:
                slot.definition = self.definition
            try:
                if self._session is None:
                    raise RuntimeError("the run was not prepared")
                self._session.submit(one.batches)
            except Exception as error:
                self._give_up(one, self._gone(one, error))

    def wait(self, slot: Slot) -> None:
        """Wait until the answer to a task is there."""
        while not slot.done:
            self._after_fork()
            if slot in self._gathered:
                self.no_more()
            if not self._flying:
                self._go_on()
            self._hear()

    def _after_fork(self) -> None:
        if self._forks != threaded.forks():
            raise RuntimeError(
                "a run on an engine does not go on in a forked child; begin a run there, with a "
                "client of the child's own"
            )

    def _hear(self) -> None:
        """Take in what is ready."""
        try:
            if self._session is None:
                raise RuntimeError("the run has ended")
            outcome = self._session.next_ready(LOOK)
        except Exception as error:
            for one in [*self._flying.values(), *self._suspects, *self._waiting]:
                self._give_up(one, self._gone(one, error))
            self._suspects.clear()
            self._waiting.clear()
            return
        if outcome is None:
            return
        made = self._flying.pop(outcome.batches, None)
        if made is None:
            return
        if outcome.answer is None or len(outcome.answer.pickles) != len(made.slots):
            self._lost(made, outcome)
        else:
            self._settle(made, outcome.answer)
        self._go_on()

    def _settle(self, made: _Range, answer: Any) -> None:
        self._weight = max(self._weight, answer.nbytes // len(made.slots))
        if answer.seconds:
            pace = answer.seconds / len(made.slots)
            self._pace = pace if self._pace is None else (self._pace + pace) / 2
        for slot, (body, parts) in zip(made.slots, answer.pickles, strict=True):
            slot.settle(body, [writable(part) for part in parts])

    def _lost(self, made: _Range, outcome: Outcome) -> None:
        """Have a range made again, or find out whether it is to blame, or give it up."""
        made.losses += outcome.times
        final = made.losses > self.retries
        if final and (made.alone or not self._flying):
            why = outcome.lost or "the engine has given no answer"
            times = "once" if made.losses == 1 else f"{made.losses} times"
            error = WorkerDiedError(
                f"{made.name} could not be made: {times} the engine has lost the worker, "
                f"or what it has made ({why}); a range is made again {self.retries} times"
            )
            error.__cause__ = outcome.error
            self._give_up(made, error)
        elif made.alone:
            self._suspects.appendleft(made)
        elif final:
            # Whoever was under way with it may be to blame as well.
            for one in self._flying.values():
                self._session.cancel(one.batches)  # type: ignore[union-attr]
            self._suspects += sorted([made, *self._flying.values()], key=_place)
            self._flying.clear()
        else:
            self._waiting.append(made)

    def _go_on(self) -> None:
        """Submit what waits; one by one what may be to blame."""
        if any(one.alone for one in self._flying.values()):
            return
        if self._suspects:
            one = self._suspects.popleft()
            one.alone = True
            self._fly([one])
        elif self._waiting:
            waiting, self._waiting = sorted(self._waiting, key=_place), []
            self._fly(waiting)

    def _gone(self, made: _Range, error: Exception) -> WorkerDiedError:
        gone = WorkerDiedError(
            f"the engine is gone, or takes no batches, so that {made.name} could not be made: "
            f"{error}"
        )
        gone.__cause__ = error
        return gone

    def _give_up(self, made: _Range, error: BaseException) -> None:
        self._flying.pop(made.batches, None)
        for slot in made.slots:
            if not slot.done:
                slot.fail(error)

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._forks == threaded.forks():
            session.close()

    def finish(self) -> None:
        """Let go of what the engine has."""
        self._close_session()

    def close(self) -> None:
        """Cancel what is under way; never waits."""
        super().close()
        self._gathered.clear()
        self._flying.clear()
        self._waiting.clear()
        self._suspects.clear()
        self._close_session()
