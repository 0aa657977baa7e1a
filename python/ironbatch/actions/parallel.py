"""The decorator that calls a plain function once for each element of an iterable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironbatch.actions.inbatch_parallel import inbatch_parallel
from ironbatch.actions.policy import UNSET

__all__ = ["parallel"]


def parallel(
    init: Any,
    post: Callable[..., Any] | None = None,
    target: str = "threads",
    *,
    use_self: bool | None = None,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    on_error: Any = UNSET,
    max_failures: Any = UNSET,
    retries: Any = UNSET,
    backoff: Any = UNSET,
    retry_on: Any = UNSET,
    **dec_kwargs: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that processes one item, so that a call processes all of them.

    Parameters
    ----------
    init : callable or iterable
        What gives the arguments of each call, as in `inbatch_parallel`.
    post : callable, optional
        Gets the list of results; without it the decorated function returns that list, and a failure
        raises.
    target : str, optional
        Where calls run.
    use_self : bool, optional
        Whether the first argument is an object that `init` and `post` may name attributes of. By
        default, if the function was defined in a class body.
    n_workers, timeout, debug, on_error, max_failures, retries, backoff, retry_on
        As in `inbatch_parallel`; what is skipped is left out of the list.
    **dec_kwargs
        Further keyword arguments for `init` and `post`.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> @parallel(init=lambda numbers: numbers, target='for')
    ... def square(number, numbers):
    ...     return number * number
    >>> square([1, 2, 3])
    [1, 4, 9]
    """
    return inbatch_parallel(
        init,
        post,
        target,
        n_workers=n_workers,
        timeout=timeout,
        debug=debug,
        on_error=on_error,
        max_failures=max_failures,
        retries=retries,
        backoff=backoff,
        retry_on=retry_on,
        _use_self=use_self,
        **dec_kwargs,
    )
