"""Where a run has spent its time, action by action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ActionTime", "Profile"]


@dataclass
class ActionTime:
    """What one action has cost.

    Attributes
    ----------
    name, path : str
        The action and its place in the plan.
    calls : int
        For how many batches it was carried out.
    seconds : float
        How long it was busy, all batches together.
    share : float
        Its part of the time of all actions, from 0 to 1.
    """

    name: str
    path: str
    calls: int = 0
    seconds: float = 0.0
    share: float = 0.0


@dataclass
class Profile:
    """What a run has cost.

    Attributes
    ----------
    batches, items : int
        How many the run has yielded.
    seconds : float
        From the start of the run to its end.
    waited : float
        How long of it the consumer waited for batches.
    actions : list of ActionTime
        One for each action, in the order of the pipeline; making the batch comes first.
    """

    batches: int = 0
    items: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    actions: list[ActionTime] = field(default_factory=list)

    def add(self, times: list[float]) -> None:
        """Add the seconds of one batch in each action; negative ones were not reached."""
        for action, seconds in zip(self.actions, times, strict=True):
            if seconds >= 0:
                action.calls += 1
                action.seconds += seconds

    def finish(self, seconds: float) -> None:
        """Work out the shares."""
        self.seconds = seconds
        total = sum(action.seconds for action in self.actions)
        for action in self.actions:
            action.share = action.seconds / total if total else 0.0

    def as_dict(self) -> dict[str, list[Any]]:
        """Give the actions as columns, for ``pandas.DataFrame``."""
        names = ("name", "path", "calls", "seconds", "share")
        return {name: [getattr(action, name) for action in self.actions] for name in names}

    def __str__(self) -> str:
        rate = self.items / self.seconds if self.seconds else 0.0
        lines = [f"{self.batches} batches, {self.items} items, {rate:,.0f} items/s"]
        width = max((len(action.name) for action in self.actions), default=0)
        lines += [
            f"  {action.name:<{width}}  {action.calls:>6} calls  {action.seconds * 1e3:>9.1f} ms  "
            f"{action.share:>6.1%}"
            for action in self.actions
        ]
        return "\n".join(lines)
