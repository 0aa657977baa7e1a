"""The engine that is a cluster of Ray: one actor for each worker."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import Any

from ironbatch.engines.protocol import BatchRange, Outcome, SentPlan
from ironbatch.engines.registry import register_engine
from ironbatch.extras import need

__all__ = ["Ray"]

AHEAD = 2
"""How many ranges an actor has at most: one that it makes and one that it makes next."""


class Ray:
    """Makes batches in actors of Ray, which last as long as the run.

    Parameters
    ----------
    n_workers : int, optional
        How many actors; by default one for each processor that is free when the run begins.
    retries : int, optional
        How many actors may be lost over a range before the run fails; by default the run says.
    patience : float
        Seconds within which the first actor has to begin.
    **options
        What an actor asks for, such as ``num_cpus``, ``memory`` or ``resources``; see
        ``ray.actor.ActorClass.options``.

    Raises
    ------
    ValueError
        If there is to be no actor.

    Notes
    -----
    A Ray that is not initialised is started on this machine, and ends with the process.
    """

    def __init__(
        self,
        n_workers: int | None = None,
        *,
        retries: int | None = None,
        patience: float = 60.0,
        **options: Any,
    ) -> None:
        if n_workers is not None and n_workers < 1:
            raise ValueError(f"a run needs at least one actor, got n_workers={n_workers}")
        self.n_workers = n_workers
        self.retries = retries
        self.patience = patience
        self.options = {"num_cpus": 1, **options}

    def __repr__(self) -> str:
        return f"Ray(n_workers={self.n_workers})"

    def start(self, plan: SentPlan) -> _RaySession:
        """Begin a run: put its plan where all actors find it, and make the actors."""
        ray = need("ray", extra="ray", what="engine 'ray'")
        if not ray.is_initialized():
            ray.init()
        n_workers = self.n_workers
        if n_workers is None:
            each = max(self.options["num_cpus"] or 0, 1e-3)
            n_workers = max(1, int(ray.available_resources().get("CPU", 1) / each))
        return _RaySession(ray, plan, n_workers, self.options, self.patience)


class _Actor:
    """Makes batches, in a process of Ray."""

    def __init__(self, plan: SentPlan) -> None:
        self.plan = plan

    def ready(self) -> bool:
        """Answer."""
        return True

    def make(self, batches: tuple[int, int]) -> Any:
        """Make batches."""
        return self.plan.make(BatchRange(*batches))


class _Hand:
    """An actor and what it has to do."""

    __slots__ = ("actor", "greeting", "tasks")

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.greeting = actor.ready.remote()
        self.tasks: dict[Any, BatchRange] = {}


class _RaySession:
    """One run: its actors, and the ranges that none of them has yet."""

    def __init__(
        self, ray: Any, plan: SentPlan, n_workers: int, options: dict[str, Any], patience: float
    ) -> None:
        self._ray = ray
        self._plan = ray.put(plan)
        # Ranges do not depend on each other: one that was cancelled or lost holds none back.
        always = {"max_restarts": 0, "allow_out_of_order_execution": True}
        self._class = ray.remote(_Actor).options(**always, **options)
        self._options = options
        self.workers = n_workers
        self._hands: list[_Hand] = []
        self._waiting: list[BatchRange] = []
        self._outcomes: list[Outcome] = []
        self._patience = patience
        self._began: float | None = monotonic()

    def submit(self, batches: BatchRange) -> None:
        """Have batches made, by the first actor that is there."""
        self._waiting.append(batches)
        self._hand_out()

    def _hand_out(self) -> None:
        """Give actors that have begun what waits: one that finds no place never begins."""
        while self._waiting and len(self._hands) < self.workers:
            self._hands.append(_Hand(self._class.remote(self._plan)))
        while self._waiting:
            free = [h for h in self._hands if h.greeting is None and len(h.tasks) < AHEAD]
            if not free:
                return
            hand = min(free, key=lambda one: len(one.tasks))
            batches = self._waiting.pop(0)
            hand.tasks[hand.actor.make.remote(tuple(batches))] = batches

    def next_ready(self, timeout: float) -> Outcome | None:
        """Give what has come back.

        Raises
        ------
        RuntimeError
            If no actor has begun for too long.
        """
        if not self._outcomes:
            self._hear(timeout)
        return self._outcomes.pop(0) if self._outcomes else None

    def _hear(self, timeout: float) -> None:
        self._hand_out()
        owners = {}
        for hand in self._hands:
            if hand.greeting is not None:
                owners[hand.greeting] = hand
            owners.update(dict.fromkeys(hand.tasks, hand))
        if not owners:
            return
        ready, _ = self._ray.wait(list(owners), num_returns=1, timeout=timeout)
        if not ready:
            self._check_patience()
        for reference in ready:
            hand = owners[reference]
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                self._outcomes.append(_loss(hand.tasks.pop(reference), error))
            except self._ray.exceptions.RayError as error:
                self._bury(hand, error)
            else:
                if reference == hand.greeting:
                    hand.greeting = self._began = None
                else:
                    self._outcomes.append(Outcome(hand.tasks.pop(reference), answer))
        self._hand_out()

    def _check_patience(self) -> None:
        if self._began is not None and monotonic() - self._began > self._patience:
            raise RuntimeError(
                f"no actor has begun within {self._patience:g} s: each asks for {self._options}, "
                f"and free are {self._ray.available_resources()}"
            )

    def _bury(self, hand: _Hand, error: BaseException) -> None:
        """Replace an actor that is lost: what it was at is to blame, the rest waits again."""
        self._hands.remove(hand)
        self._ray.kill(hand.actor)
        left = []
        for reference, batches in hand.tasks.items():
            try:
                self._outcomes.append(Outcome(batches, self._ray.get(reference)))
            except self._ray.exceptions.RayError:
                left.append(batches)
        if not hand.tasks:
            left, self._waiting = self._waiting, []
        if left:
            self._outcomes.append(_loss(left[0], error))
            self._waiting[:0] = left[1:]

    def cancel(self, batches: BatchRange) -> None:
        """Do without a range: an actor that has it makes it for nobody."""
        if batches in self._waiting:
            self._waiting.remove(batches)
        self._outcomes = [one for one in self._outcomes if one.batches != batches]
        for hand in self._hands:
            for reference, given in list(hand.tasks.items()):
                if given == batches:
                    del hand.tasks[reference]
                    self._ray.cancel(reference)

    def close(self) -> None:
        """End the actors, and with them what they do."""
        hands, self._hands = self._hands, []
        if self._ray.is_initialized():
            for hand in hands:
                with suppress(Exception):
                    self._ray.kill(hand.actor)
        self._waiting.clear()
        self._outcomes.clear()
        self._plan = None


def _loss(batches: BatchRange, error: BaseException) -> Outcome:
    # Ray's own words, without its advice.
    text = str(error).strip().partition("\n")[0]
    return Outcome(batches, lost=f"{type(error).__name__}: {text}", error=error)


register_engine("ray", Ray)
