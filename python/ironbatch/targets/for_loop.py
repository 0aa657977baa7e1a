"""Target ``for``: every call in the caller's thread, one after another."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from ironbatch.targets import Target, register
from ironbatch.targets.calls import Calls, Context, run_range

__all__ = ["ForLoop"]


@register
class ForLoop(Target):
    """Runs calls in the caller: for debugging and for tiny work.

    A running call cannot be interrupted from here, so `timeout` is looked at between calls.
    """

    name = "for"
    aliases = ("f",)

    def run(
        self,
        func: Callable[..., Any],
        calls: Calls,
        *,
        n_workers: int | None,
        timeout: float | None,
        context: Context,
    ) -> list[Any]:
        """Make every call in turn; `n_workers` has no meaning here."""
        func = calls.bind(func)
        results: list[Any] = []
        if timeout is None:
            run_range(func, calls, 0, calls.n, results)
            return results
        deadline = monotonic() + timeout
        for position in range(calls.n):
            run_range(func, calls, position, position + 1, results)
            if monotonic() > deadline:
                # The call that overran has its result; what was not begun is late.
                results[position] = context.late(position, timeout)
                break
        results.extend(context.late(late, timeout) for late in range(len(results), calls.n))
        return results
