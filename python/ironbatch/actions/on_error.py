"""What becomes of items that fail in an action: raise, skip, collect or replace; and try again.

Five keywords say it, of a run (``pipeline.run(..., on_error='skip')``), of a parallel action
(``batch.parse(on_error='skip')``, next to ``target=`` and ``timeout=``), of `Batch.load` and
`Batch.dump`, and of the decorators as defaults of their action. Each one that an action gives by
itself wins over that of the run. A keyword that the item function has a parameter for goes to the
function.

on_error
    ``'raise'`` - an `ActionError` names the failing item with the lowest position. The default.

    ``'skip'`` - failed items leave the batch, which shrinks in place: its index, its components,
    and arguments with a value for each item. The others go on. A batch without a single item left
    is dropped, as by `SkipBatchException`.

    ``'collect'`` - as ``'skip'``, and when the run ends all that has failed is raised as one
    `ExceptionGroup`. Without a pipeline the group is raised when the action ends, with the results
    of the other items stored.

    anything else - a replacement, which takes the place of the result of a failed item as it is (it
    is not called). A string has to be wrapped, ``Replacement('unknown')``, so that misspelt words
    are found out.
max_failures
    How many items may fail before the run ends with `TooManyFailuresError`: a number, or the share
    of all items as a float between 0 and 1 (see `ironbatch.pipeline.run.failures`). Given with an
    action, only failures of that action count. Replaced items have failed too.
retries
    How often an item is tried again, 0 by default.
backoff
    Seconds before the first repetition, 0.1 by default, doubled before each further one up to
    30. In target ``'async'`` other items go on meanwhile; elsewhere the worker waits.
retry_on
    Exceptions after which an item is tried again, `OSError` by default (`TimeoutError` and
    `ConnectionError` are among its kinds). The random stream of the item starts anew, so the result
    is that of an item that did not fail.

An action that fails as a whole (its ``init`` raises, a table cannot be read) fails for every item:
in a run that does not raise, the batch is dropped and each item recorded. `SkipBatchException` and
`StopPipeline` mean the same under every policy. Kernels that fail are not tried again: they read
nothing that could be there later.

In a run every failure is recorded in `Pipeline.failures`. Tracebacks are kept as text, since
frames would keep the arrays of the failed batch alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ironbatch.actions.failed_item import FailedItem, Kept, text_of
from ironbatch.actions.failure import any_action_failed, failure, note_failures
from ironbatch.actions.policy import Policy, scope_of
from ironbatch.errors import SkipBatchException, StopPipeline, TooManyFailuresError
from ironbatch.targets.calls import Context

__all__ = ["Settled", "group_of", "record_all", "settle", "whole_failures"]


@dataclass(slots=True)
class Settled:
    """Results of a parallel action after its failures were dealt with.

    Attributes
    ----------
    results : list
        One for each item that goes on.
    alive : list of int or None
        Positions that these items had in the batch; None if it has not shrunk.
    late : ExceptionGroup or None
        What to raise when the action ends.
    """

    results: list[Any]
    alive: list[int] | None = None
    late: ExceptionGroup[Exception] | None = None

    def narrow(self, value: Any, n: int) -> Any:
        """Give the entries for the items that go on of a sequence with one for each of `n`."""
        if self.alive is None or isinstance(value, str) or not hasattr(value, "__len__"):
            return value
        return [value[at] for at in self.alive] if len(value) == n else value


def settle(batch: Any, results: list[Any], context: Context, policy: Policy) -> Settled:
    """Deal with the failures among results as the policy says; the batch shrinks in place.

    Parameters
    ----------
    batch : Batch or None
        The batch.
    results : list
        One for each call, exceptions for those that failed.
    context : Context
        Names of the action and its items.
    policy : Policy
        Anything but ``'raise'``.

    Raises
    ------
    SkipBatchException
        If no item is left; or as raised by an item.
    StopPipeline
        As raised by an item.
    ActionError
        If calls do not stand for items, so that none can be left out.
    TooManyFailuresError
        If there are too many, outside of a run: a run counts by itself.
    """
    if not any_action_failed(results):
        return Settled(results)
    failed = note_failures(results, context)
    stops = [at for at in failed if isinstance(results[at], SkipBatchException | StopPipeline)]
    failed = [at for at in failed if at not in stops] if stops else failed
    scope = scope_of(batch)
    error = failure(results, context)
    if policy.shrinks and batch is not None and len(batch) != len(results) and not stops:
        if error is None:
            raise RuntimeError("a parallel action failed without an error")
        raise _dropped(batch, error, scope, policy, context.action)
    outcome = "replaced" if policy.kind == "replace" else "skipped"
    records = _record(batch, scope, policy, context, outcome, [(at, results[at]) for at in failed])
    if stops:
        raise results[stops[0]]
    limit = policy.max_failures
    if scope is None and limit is not None:
        most = limit if isinstance(limit, int) else limit * len(results)
        if len(failed) > most:
            raise TooManyFailuresError.of(records, len(results), limit) from error
    if policy.kind == "replace":
        filled = list(results)
        for at in failed:
            filled[at] = policy.value
        return Settled(filled)
    gone = set(failed)
    alive = [at for at in range(len(results)) if at not in gone]
    late = None
    if policy.kind == "collect" and scope is None:
        late = group_of(records, f"{len(failed)} items failed")
    if batch is not None:
        if not alive and late is None:
            raise SkipBatchException(
                f"action {context.action!r} failed for all {len(results)} items of the batch"
            ) from error
        if not alive and late is not None:
            raise late
        batch._keep_only(alive)
    return Settled([results[at] for at in alive], alive, late)


def group_of(records: Sequence[FailedItem], message: str) -> ExceptionGroup[Exception]:
    """Make one exception of all that was recorded."""
    return ExceptionGroup(message, [record.noted() for record in records])


def _record(
    batch: Any,
    scope: Any,
    policy: Policy,
    context: Context,
    outcome: str,
    failed: Sequence[tuple[int, Exception]],
) -> list[FailedItem]:
    number = None if scope is None else scope.iteration
    step = getattr(batch, "__dict__", {}).get("_action_path", "")
    texts = {id(error): text_of(error) for error in {id(e): e for _, e in failed}.values()}
    records = [
        FailedItem(
            exception=error,
            traceback=texts[id(error)],
            item_id=context.item_id(at),
            position=context.position(at),
            action=context.action,
            step=step,
            batch=number,
            outcome=outcome,
            component=context.component,
            collected=policy.kind == "collect",
        )
        for at, error in failed
    ]
    if scope is not None:
        _keep_records(scope, policy, step or context.action, records)
    return records


def _keep_records(scope: Any, policy: Policy, step: str, records: list[FailedItem]) -> None:
    kept = Kept.of(scope)
    kept.records.extend(records)
    if policy.limits:
        for record in records:
            record.limited = step
        kept.limits[step] = policy.max_failures


def record_all(
    index: Any, error: Exception, scope: Any, policy: Policy, action: str, step: str
) -> None:
    """Record an action that has failed as a whole: for every item.

    Parameters
    ----------
    index : DatasetIndex
        The items.
    error : Exception
        What was raised; items that an `ActionError` knows of have their own.
    scope : Scope
        Where the batch travels.
    policy : Policy
        What drops it.
    action, step : str
        Name of the action, and its place in the plan.
    """
    own: dict[int, Exception] = {}
    failures = getattr(error, "failures", None)
    positions = getattr(error, "failed_positions", ())
    if isinstance(failures, ExceptionGroup) and len(failures.exceptions) == len(positions):
        own = dict(zip(positions, failures.exceptions, strict=True))
    whole = text_of(error)
    texts = {at: text_of(one) for at, one in own.items()}
    records = [
        FailedItem(
            exception=own.get(at, error),
            traceback=texts.get(at, whole),
            item_id=item_id,
            position=at,
            action=action,
            step=step,
            batch=scope.iteration,
            outcome="dropped",
            component=getattr(error, "component", None),
            collected=policy.kind == "collect",
        )
        for at, item_id in enumerate(index.indices.tolist())
    ]
    _keep_records(scope, policy, step or action, records)


def _dropped(batch: Any, error: Exception, scope: Any, policy: Policy, action: str) -> Exception:
    """Record that a whole batch has failed; give what drops it, or the error outside of a run."""
    if scope is None:
        return error
    step = batch.__dict__.get("_action_path", "")
    record_all(batch.index, error, scope, policy, action, step)
    dropped = SkipBatchException(f"action {action!r} failed for the whole batch: {error}")
    dropped.__cause__ = error
    return dropped


@contextmanager
def whole_failures(
    batch: Any, policy: Policy, settings: Mapping[str, Any], action: str
) -> Iterator[None]:
    """Have an action's own ``on_error`` hold for what fails as a whole within."""
    try:
        yield
    except (SkipBatchException, StopPipeline, TooManyFailuresError):
        raise
    except Exception as error:
        scope = scope_of(batch)
        if "on_error" not in settings or scope is None:
            raise
        if policy.kind == "raise":
            # The run must not drop the batch: the action has the last word.
            error.__dict__["_on_error"] = "raise"
            raise
        raise _dropped(batch, error, scope, policy, action) from error
