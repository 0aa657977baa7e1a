"""Loading and dumping when some files fail: tried again, left out or replaced, item by item.

All files of a batch are read in one go, and most often that is all there is. When it fails, the
items are found that fail by themselves; they are tried again as the policy says, and then the
others are read in one go once more. Formats that keep one file for each item say which one failed
(`failing`). What fails otherwise, a table or an argument, fails as a whole and is tried again as a
whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ironbatch import components as columns
from ironbatch.actions.on_error import Settled, settle
from ironbatch.actions.policy import Policy
from ironbatch.formats.failing import failing_items
from ironbatch.targets.calls import Context

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["attempt_all", "filled", "part_of"]


def part_of(batch: Batch, positions: Sequence[int]) -> Batch:
    """Make a batch of some items to load into: what is preloaded stays where it is."""
    part = batch._sibling(batch.index.take(positions))
    for name in batch.components or ():
        component = batch._slot_get(name)
        if component is not None:
            part._slot_set(name, columns.take(component, positions))
    return part


def attempt_all(
    batch: Batch,
    action: str,
    policy: Policy,
    attempt: Callable[[Any], Any],
    part: Callable[[Any, Sequence[int]], Any],
) -> tuple[Any, Settled, list[int]]:
    """Do something with all items, then with those that do not fail.

    Parameters
    ----------
    batch : Batch
        The items; those that fail leave it if the policy says so.
    action : str
        What is done.
    policy : Policy
        What becomes of items that fail.
    attempt : callable
        Does it for a batch.
    part : callable
        Makes a batch of some of the items.

    Returns
    -------
    result : object
        What `attempt` gave for the items that have not failed; None without any.
    settled : Settled
        What has become of the others.
    sound : list of int
        The positions of those that have not failed.

    Raises
    ------
    Exception
        What `attempt` raised, if that is not about items or the policy is to raise.
    """
    n = len(batch)
    sound = list(range(n))
    tries = [0] * n
    dead: dict[int, Exception] = {}
    turn = 0
    result: Any = None
    while sound:
        now = batch if len(sound) == n else part(batch, sound)
        try:
            result = attempt(now)
            break
        except Exception as error:
            failed = _all_failing(error, now, attempt, part)
            if not failed:
                if turn == policy.retries or not isinstance(error, policy.retry_on):
                    raise
                time.sleep(policy.pause(turn))
                turn += 1
                continue
        pending = {sound[at]: error for at, error in failed.items()}
        dead.update(_tried_again(batch, pending, tries, policy, attempt, part))
        sound = [at for at in sound if at not in dead]
        if dead and policy.kind == "raise":
            raise dead[min(dead)]
    if not dead:
        return result, Settled([]), sound
    results = [dead.get(at) for at in range(n)]
    return result, settle(batch, results, Context(action, batch.indices.tolist()), policy), sound


def _all_failing(
    error: Exception,
    batch: Any,
    attempt: Callable[[Any], Any],
    part: Callable[[Any, Sequence[int]], Any],
) -> dict[int, Exception]:
    """Give what each item fails with, where one or all are known."""
    failed, complete = failing_items(error)
    if not failed or complete:
        return failed
    found = dict(failed)
    for position in range(max(failed) + 1, len(batch)):
        try:
            attempt(part(batch, [position]))
        except Exception as other:
            found[position] = other
    return found


def _tried_again(
    batch: Any,
    pending: dict[int, Exception],
    tries: list[int],
    policy: Policy,
    attempt: Callable[[Any], Any],
    part: Callable[[Any, Sequence[int]], Any],
) -> dict[int, Exception]:
    """Try items again, all with the same pauses; give those that go on failing."""
    dead: dict[int, Exception] = {}
    while pending:
        for position, error in list(pending.items()):
            if tries[position] >= policy.retries or not isinstance(error, policy.retry_on):
                dead[position] = pending.pop(position)
        if not pending:
            break
        time.sleep(max(policy.pause(tries[position]) for position in pending))
        for position in list(pending):
            tries[position] += 1
            try:
                attempt(part(batch, [position]))
            except Exception as error:
                pending[position] = error
            else:
                del pending[position]
    return dead


def filled(component: Any, name: Any, value: Any, sound: Sequence[int], n: int) -> Any:
    """Put a replacement between the items that were loaded.

    Parameters
    ----------
    component : component or None
        The items that were loaded.
    name : str or None
        Name of the component.
    value : object
        The replacement; a mapping has one for each component.
    sound : sequence of int
        Positions of the items that were loaded.
    n : int
        Number of items.
    """
    own = value[name] if isinstance(value, Mapping) and name in value else value
    items = [own] * n
    if component is not None:
        for position, item in zip(sound, columns.items_of(component), strict=True):
            items[position] = item
    return columns.assemble(items, name=name or "data")
