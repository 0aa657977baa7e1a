"""What a run does with failures: who is dropped, what is recorded, when it is too much.

A run has ``on_error``, ``max_failures``, ``retries``, ``backoff`` and ``retry_on``, which mean what
`ironbatch.actions.on_error` says; what an action gives itself wins. An action that fails as a whole
drops its batch unless the run raises; ``ignore_exceptions=True`` drops it in any case. Whatever
failed and did not end the run is in `Pipeline.failures`, item by item, in the order of batches at
any prefetch: records travel with their batch and are counted when the consumer gets to it. The list
begins anew with each run. It holds one record for each failed item and no data; `max_failures`
bounds it.

``max_failures`` as a number: the run ends with `TooManyFailuresError` at the batch with which there
are more. As a share: at the batch with which failures are more than that share of the items handed
out so far, where fewer than `LEAST` items count as `LEAST`, so that the first failure of a long run
does not end it; when the source is exhausted, of all items. Batches made ahead are not seen by
anybody then. A run without an end is ended, too, when a whole epoch has failed in one batch after
another, `LEAST` of them at least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ironbatch.actions.failed_item import FailedItem, Kept
from ironbatch.actions.on_error import group_of, record_all
from ironbatch.actions.policy import DEFAULT, KEYWORDS, Policy
from ironbatch.errors import TooManyFailuresError

if TYPE_CHECKING:
    from ironbatch.pipeline.resume.standing import Standing

__all__ = ["LEAST", "Delivered", "Drought", "Failures", "Tally", "is_dropped", "run_policy"]

LEAST = 100
"""Items of which a share is taken at least, before the run has ended."""

_SHOWN = 10


class Failures(list[FailedItem]):
    """Items that failed in a run; a list whose repr can be read."""

    def __repr__(self) -> str:
        if not self:
            return "<no failures>"
        lines = [f"<{len(self)} failed item{'s' if len(self) > 1 else ''}:"]
        lines += [f"  {record}" for record in self[:_SHOWN]]
        if len(self) > _SHOWN:
            lines.append(f"  ... and {len(self) - _SHOWN} more")
        return "\n".join(lines) + ">"


def run_policy(options: Any) -> Policy:
    """Give the policy that the options of a run make.

    Raises
    ------
    ValueError, TypeError
        If one is wrong.
    """
    settings = {name: getattr(options, name) for name in KEYWORDS}
    if all(settings[name] is usual for name, usual in _USUAL.items()):
        return DEFAULT
    made = DEFAULT.with_settings(settings)
    return Policy(
        made.kind, made.value, made.max_failures, made.retries, made.backoff, made.retry_on
    )


_USUAL = {
    "on_error": "raise",
    "max_failures": None,
    "retries": DEFAULT.retries,
    "backoff": DEFAULT.backoff,
    "retry_on": DEFAULT.retry_on,
}


def is_dropped(error: Exception, scope: Any, ignore: bool) -> bool:
    """Say whether a run goes on without a batch that failed, and record its items if so.

    Parameters
    ----------
    error : Exception
        What was raised.
    scope : Scope
        Where the batch travels.
    ignore : bool
        Whether the run drops any batch that fails.
    """
    policy: Policy = scope.policy
    if not ignore and (policy.kind == "raise" or getattr(error, "_on_error", None) == "raise"):
        return False
    kept = scope.kept
    name, path, index = (kept and kept.failed_in) or ("create_batch", "", scope.index)
    record_all(index, error, scope, policy, name, path)
    return True


class Delivered:
    """The outcome of a batch of which some items have failed.

    Parameters
    ----------
    outcome : object
        What the consumer gets, or a mark.
    kept : Kept or None
        What has failed.
    error : Exception, optional
        What to raise in the place of the outcome.
    """

    __slots__ = ("error", "kept", "outcome")

    def __init__(self, outcome: Any, kept: Kept | None, error: Exception | None = None) -> None:
        self.outcome = outcome
        self.kept = kept
        self.error = error


class Tally:
    """The failures of one run, counted in the order of its batches by the consumer.

    Parameters
    ----------
    policy : Policy
        That of the run.
    sink : list, optional
        Where records go instead if this run feeds another one, which counts them.
    """

    def __init__(self, policy: Policy, sink: list[Kept] | None = None) -> None:
        self.policy = policy
        self.sink = sink
        self.records = Failures()
        self.seen = 0
        self._limits: dict[str, Any] = {}

    def take(self, delivered: Delivered, seen: int) -> Any:
        """Count the failures of a batch and give what the consumer gets.

        Parameters
        ----------
        delivered : Delivered
            The batch.
        seen : int
            How many items the run has handed out, up to this batch.

        Raises
        ------
        TooManyFailuresError
            If there are too many now.
        Exception
            What the batch has failed with, if it is not dropped.
        """
        self.seen = seen
        if delivered.kept is not None:
            self.keep(delivered.kept)
        if delivered.error is not None:
            try:
                raise delivered.error
            finally:
                delivered.error = None
        if delivered.kept is not None:
            self.check(LEAST)
        return delivered.outcome

    def keep(self, kept: Kept) -> None:
        """Add what has failed in one batch."""
        if self.sink is not None:
            self.sink.append(kept)
            return
        self.records.extend(kept.records)
        self._limits.update(kept.limits)

    def check(self, least: int = 0) -> None:
        """Raise if more has failed than may."""
        if self.sink is not None:
            return
        self._check(self.records, self.policy.max_failures, least, "")
        for step, limit in self._limits.items():
            own = [record for record in self.records if record.limited == step]
            self._check(own, limit, least, own[0].action if own else step)

    def _check(self, records: list[FailedItem], limit: Any, least: int, action: str) -> None:
        if limit is None:
            return
        most = limit if isinstance(limit, int) else limit * max(self.seen, least)
        if len(records) > most:
            raise TooManyFailuresError.of(records, self.seen, limit, action)

    def summary(self) -> str:
        """Give the words about failures that a message ends with."""
        if not self.records:
            return ""
        return f"; {len(self.records)} items have failed, the first one: {self.records[0]}"

    def finish(self) -> None:
        """Raise what the run has collected."""
        if self.sink is None:
            collected = [record for record in self.records if record.collected]
            if collected:
                raise group_of(collected, f"{len(collected)} items failed in the run")


class Drought:
    """Ends a run that would never end and never make a batch: one in which all items fail."""

    def __init__(self) -> None:
        self._since = self._next = 0
        self._began = -1

    def note(self, standing: Standing, seen: int, kept: Kept) -> None:
        """Count a batch that has failed, in a row with those just before it.

        Parameters
        ----------
        standing : Standing
            Where the run stood before that batch.
        seen : int
            How many items the run has handed out, up to this batch.
        kept : Kept
            The failures of the batch.

        Raises
        ------
        TooManyFailuresError
            If the run has no end, and a whole epoch has failed in at least `LEAST` batches.
        """
        if self._began < 0 or standing.iteration != self._next:
            self._began, self._since = standing.iteration, seen
        self._next = standing.iteration + 1
        n_batches = self._next - self._began
        if n_batches < LEAST:
            return
        lowest = standing
        while lowest.below is not None:
            lowest = lowest.below
        course = lowest.course
        assert course is not None
        if course.steps is None and (seen - self._since) * course.parts >= course.n:
            error = TooManyFailuresError(
                f"the last {n_batches} batches have failed, all items of an epoch among them, and "
                f"a run without an end would go on like that for ever: {kept.records[-1]}"
            )
            error.failures = tuple(kept.records)
            raise error
