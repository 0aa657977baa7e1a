"""Item functions that are called again when they fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from ironbatch.actions.policy import Policy
from ironbatch.targets import is_coroutine_function

__all__ = ["retrying"]


class _Retrying:
    """Calls a function again when it fails."""

    __slots__ = ("func", "policy")
    wraps_item_function = True

    def __init__(self, func: Callable[..., Any], policy: Policy) -> None:
        self.func = func
        self.policy = policy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        policy = self.policy
        for turn in range(policy.retries):
            try:
                return self.func(*args, **kwargs)
            except policy.retry_on:
                time.sleep(policy.pause(turn))
        return self.func(*args, **kwargs)


class _AwaitedRetrying(_Retrying):
    """The same for coroutines: others run while it waits."""

    __slots__ = ()

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from asyncio import sleep

        policy = self.policy
        turn = 0
        while True:
            try:
                result = self.func(*args, **kwargs)
                return await result if isawaitable(result) else result
            except policy.retry_on:
                if turn == policy.retries:
                    raise
            await sleep(policy.pause(turn))
            turn += 1


def retrying(func: Callable[..., Any], policy: Policy, target: str) -> Callable[..., Any]:
    """Give a function that tries again as the policy says.

    Parameters
    ----------
    func : callable
        The item function, whatever prepares its random stream included.
    policy : Policy
        How often, and when.
    target : str
        Name of the target that calls it.
    """
    if not policy.retries:
        return func
    awaited = target == "async" or is_coroutine_function(func)
    return (_AwaitedRetrying if awaited else _Retrying)(func, policy)
