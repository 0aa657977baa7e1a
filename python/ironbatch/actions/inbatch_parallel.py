"""The decorator that turns a method for one item into a method for a whole batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import update_wrapper
from typing import Any, Concatenate, TypeAlias, TypeVar, overload

import numpy as np

from ironbatch import targets
from ironbatch.actions.arguments import call_accepting, make_calls, split_user_arguments
from ironbatch.actions.decorated import refuse_kernel
from ironbatch.actions.failure import any_action_failed, failure, note_failures
from ironbatch.actions.native import call_kernel_method
from ironbatch.actions.on_error import settle, whole_failures
from ironbatch.actions.policy import (
    KEYWORDS,
    UNSET,
    Policy,
    check_settings,
    given_settings,
    policy_of,
    taken_settings,
)
from ironbatch.actions.retry import retrying
from ironbatch.errors import ActionError
from ironbatch.targets.calls import Calls, Context

__all__ = [
    "call_parallel",
    "call_post_with_failures",
    "check_target",
    "context_of",
    "elements_of",
    "inbatch_parallel",
    "is_method",
    "run_bare",
]


_Batch = TypeVar("_Batch")
_OfItem: TypeAlias = Callable[Concatenate[_Batch, ...], Any]
_OfBatch: TypeAlias = Callable[Concatenate[_Batch, ...], _Batch]


def is_method(func: Callable[..., Any]) -> bool:
    """Tell whether a function was defined in a class body."""
    owner = getattr(func, "__qualname__", "").rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


@overload
def inbatch_parallel(
    init: Any,
    post: None = None,
    target: str = "threads",
    *,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    on_error: Any = UNSET,
    max_failures: Any = UNSET,
    retries: Any = UNSET,
    backoff: Any = UNSET,
    retry_on: Any = UNSET,
    _use_self: bool | None = None,
    **dec_kwargs: Any,
) -> Callable[[_OfItem[_Batch]], _OfBatch[_Batch]]: ...
@overload
def inbatch_parallel(
    init: Any,
    post: str | Callable[..., Any] | None,
    target: str = "threads",
    *,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    on_error: Any = UNSET,
    max_failures: Any = UNSET,
    retries: Any = UNSET,
    backoff: Any = UNSET,
    retry_on: Any = UNSET,
    _use_self: bool | None = None,
    **dec_kwargs: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...


def inbatch_parallel(
    init: Any,
    post: str | Callable[..., Any] | None = None,
    target: str = "threads",
    *,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    on_error: Any = UNSET,
    max_failures: Any = UNSET,
    retries: Any = UNSET,
    backoff: Any = UNSET,
    retry_on: Any = UNSET,
    _use_self: bool | None = None,
    **dec_kwargs: Any,
) -> Any:
    """Decorate a method that processes one item, so that a call processes the batch.

    Calling the decorated method calls `init`, then the method once for each element of what init
    returns, then `post` with the list of results. A call may override ``target``, ``n_workers``,
    ``timeout`` and ``debug`` by keywords of these names; they never reach the method. So it may
    ``on_error`` and its kin, unless the method has a parameter of that name.

    Parameters
    ----------
    init : str, callable or iterable
        What gives the arguments of each call: the name of a method, property or component of the
        batch, a callable, or the elements themselves. An element that is a tuple of a tuple and a
        dict is positional and keyword arguments, a dict keyword arguments, a list or another tuple
        positional arguments, anything else one argument. What the action is called with follows.
    post : str or callable, optional
        Name of a method or a callable that gets the list of results in order of items, in which
        failed items hold their exceptions; what it returns is the action's result. Without it a
        failure raises, and the action returns the batch.
    target : str, optional
        Where calls run: ``'threads'``, ``'for'``, ``'async'``, ``'mpc'``, ``'native'`` or an alias.
        Coroutine functions always run as ``'async'``. With ``'native'`` the method is called once,
        without an item, and returns the kernel that runs on the elements.
    n_workers : int, optional
        How many items may be processed at once.
    timeout : float, optional
        Seconds for all items together; those not finished fail with `TimeoutError`.
    debug : bool, optional
        Let the first exception through as it is, for a debugger; only with target ``'for'``.
    on_error, max_failures, retries, backoff, retry_on : optional
        What becomes of items that fail, and whether they are tried again:
        `ironbatch.actions.on_error`. By default what the run says, else the failure raises.
    **dec_kwargs
        Further keyword arguments for `init` and `post`; a call may override them.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        If `init` is None, `target` is unknown, or `debug` is set with a target other than
        ``'for'``.
    TypeError
        From the decorator, if it is given a kernel: that is for `apply_parallel`.
    ActionError
        From the decorated method: an item failed and there is no `post`. It is also an instance of
        that item's exception class.

    Notes
    -----
    `init` and `post` get only those arguments that their signatures take.

    With target ``'mpc'`` a method that takes no item runs once, in the caller, and returns the
    function for one item: then only that function travels to the processes, and not the batch.

    Examples
    --------
    >>> class Numbers:
    ...     indices = [1, 2, 3]
    ...
    ...     @inbatch_parallel(init='indices', post='_gather', target='for')
    ...     def add(self, item, value):
    ...         return item + value
    ...
    ...     def _gather(self, results):
    ...         return results
    >>> Numbers().add(10)
    [11, 12, 13]
    """
    if init is None:
        raise ValueError("init cannot be None: it gives the arguments of each call")
    check_target(target, debug)
    targets.check_limits(n_workers, timeout)
    settings = given_settings(on_error, max_failures, retries, backoff, retry_on)
    check_settings(settings)

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(init, str) and not _use_self:
            refuse_kernel("@inbatch_parallel", method, repr(init))
        use_self = is_method(method) if _use_self is None else _use_self

        def parallel_method(*args: Any, **kwargs: Any) -> Any:
            if use_self:
                if not args:
                    raise TypeError(f"{method.__qualname__}() needs the batch it is a method of")
                batch, args = args[0], args[1:]
            else:
                batch = None
            return call_parallel(
                method,
                batch,
                args,
                kwargs,
                init=init,
                post=post,
                target=target,
                n_workers=n_workers,
                timeout=timeout,
                debug=debug,
                settings=settings,
                extra=dec_kwargs,
            )

        update_wrapper(parallel_method, method)
        parallel_method.parallel = {  # type: ignore[attr-defined]
            "method": method,
            "init": init,
            "post": post,
            "target": target,
        }
        return parallel_method

    return decorate


def check_target(target: str, debug: bool) -> None:
    """Refuse an unknown target, and `debug` with a target that cannot let exceptions through."""
    name = targets.get(target).name
    if debug and name != "for":
        raise ValueError(f"debug=True needs target='for', not {target!r}")


def _resolve(batch: Any, what: Any, role: str) -> Any:
    """Return what a name of a method, property or component stands for."""
    if not isinstance(what, str):
        return what
    try:
        return getattr(batch, what)
    except AttributeError as error:
        if getattr(error, "obj", batch) is not batch or error.name not in (what, None):
            # The attribute is there and failed inside: that failure is the one to see.
            raise
        raise ValueError(
            f"{role} must name a method, property or component of {type(batch).__name__}, "
            f"which has no {what!r}"
        ) from error


def _expects_self(func: Any) -> bool:
    code = getattr(func, "__code__", None)
    return code is not None and code.co_argcount > 0 and code.co_varnames[0] == "self"


def _owner(batch: Any, func: Any) -> tuple[Any, ...]:
    # A function of the class body given to the decorator by itself is not bound yet.
    return (
        (batch,)
        if batch is not None and _expects_self(func) and not hasattr(func, "__self__")
        else ()
    )


def context_of(batch: Any, action: str, component: str | None, n: int) -> Context:
    """Return the names for error messages: the batch's ids if there is one for each call."""
    ids = None
    try:
        if batch is not None and len(batch) == n:
            ids = batch.indices
    except (AttributeError, TypeError):
        ids = None
    return Context(action=action, ids=ids, component=component)


def call_parallel(
    method: Callable[..., Any],
    batch: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    init: Any,
    post: Any,
    target: str,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    settings: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Any:
    """Do what a method decorated with `inbatch_parallel` does when it is called.

    Parameters
    ----------
    method : callable
        The item function; it gets `batch` first unless that is None.
    batch : object or None
        The batch.
    args, kwargs
        What the action was called with.
    init, post, target, n_workers, timeout, debug
        As in `inbatch_parallel`; `kwargs` may override the last four.
    settings : mapping, optional
        What the decorator says about items that fail; `kwargs` may override it.
    extra : mapping, optional
        Keyword arguments for init and post alone.

    Returns
    -------
    object
        What `post` returns; without it the batch, or the list of results if there is no batch.
    """
    own = dict(kwargs)
    if own:
        target = own.pop("target", None) or target
        debug = own.pop("debug", debug)
        n_workers = own.pop("n_workers", n_workers)
        timeout = own.pop("timeout", timeout)
        if not KEYWORDS.isdisjoint(own):
            settings = {**(settings or {}), **taken_settings(own, method)}
    if debug:
        check_target(target, debug)
    call = method, batch, args, own, init, post, target, n_workers, timeout, debug, extra
    if not settings:
        return _make_calls(*call, policy_of(batch))
    policy = policy_of(batch, settings)
    with whole_failures(batch, policy, settings, getattr(method, "__name__", "")):
        return _make_calls(*call, policy)


def _make_calls(
    method: Callable[..., Any],
    batch: Any,
    args: Sequence[Any],
    own: dict[str, Any],
    init: Any,
    post: Any,
    target: str,
    n_workers: int | None,
    timeout: float | None,
    debug: bool,
    extra: Mapping[str, Any] | None,
    policy: Policy,
) -> Any:
    """Call init, the method for each item, and post."""
    init_from = _resolve(batch, init, "init")
    post_to = _resolve(batch, post, "post")
    if post_to is not None and not callable(post_to):
        raise ValueError(f"post must be callable, not {type(post_to).__name__}")
    user_args: Sequence[Any] = ()
    user_kwargs, varying = own, set[int | str]()
    if args or own:
        user_args, user_kwargs, varying = split_user_arguments(args, own, batch, lambda: len(batch))
    shared = {**extra, **user_kwargs} if extra else user_kwargs

    if callable(init_from):
        elements = call_accepting(init_from, user_args, shared, given=_owner(batch, init_from))
    else:
        elements = init_from
    component = init if isinstance(init, str) and _is_component(batch, init) else None
    name = getattr(method, "__name__", type(method).__name__)
    target_name = targets.get(target).name
    is_native = target_name == "native"
    if not (is_native and component):
        elements = elements_of(elements, init)
    if not is_native:
        owner: tuple[Any, ...] = () if batch is None else (batch,)
        of_item, of_item_args, of_item_kwargs = method, user_args, user_kwargs
        if owner and not varying and target_name == "mpc":
            made = _made_function(method, batch, user_args, user_kwargs)
            if made is not None:
                of_item, of_item_args, of_item_kwargs, owner = made, (), {}, ()
        func, calls = make_calls(
            of_item, elements, of_item_args, of_item_kwargs, varying, owner=owner
        )
        if policy.retries:
            func = retrying(func, policy, target_name)
    n = len(elements) if is_native else calls.n
    context = context_of(batch, name, component, n)
    if is_native:
        results = call_kernel_method(
            method,
            batch,
            args,
            own,
            elements,
            n_workers=n_workers,
            timeout=timeout,
            find_all=policy.kind != "raise",
        )
    elif debug:
        results = run_bare(func, calls)
    else:
        results = targets.run(
            target, func, calls, n_workers=n_workers, timeout=timeout, context=context
        )
    late = None
    if policy.kind != "raise":
        settled = settle(batch, results, context, policy)
        results, late = settled.results, settled.late
        if settled.alive is not None and varying:
            user_args = [
                settled.narrow(value, n) if at in varying else value
                for at, value in enumerate(user_args)
            ]
            narrowed = {at: settled.narrow(shared[at], n) for at in varying if at in shared}
            shared = {**shared, **narrowed}
    elif any_action_failed(results):
        if post_to is None:
            error = failure(results, context)
            if error is not None:
                raise error
        note_failures(results, context)
        return call_post_with_failures(batch, post_to, results, user_args, shared, context)
    if post_to is None:
        result = results if batch is None else batch
    else:
        result = call_accepting(
            post_to, user_args, shared, given=(*_owner(batch, post_to), results)
        )
    if late is not None:
        raise late
    return result


def _made_function(
    method: Callable[..., Any], batch: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Callable[..., Any] | None:
    """Give the item function that a method makes, when the method itself takes no item.

    Such a method runs once, in the caller, with the arguments of the call; only what it returns
    travels to the processes.
    """
    signature = inspect.signature(method)
    try:
        signature.bind(batch, *args, **kwargs)
    except TypeError:
        return None
    try:
        signature.bind(batch, None, *args, **kwargs)
    except TypeError:
        made: Callable[..., Any] = method(batch, *args, **kwargs)
        if not callable(made):
            raise TypeError(
                f"{method.__qualname__}() takes no item, so with target 'mpc' it must return the "
                f"function for one item, not {type(made).__name__}"
            ) from None
        return made
    return None


def _is_component(batch: Any, name: str) -> bool:
    components = getattr(batch, "components", None)
    return components is not None and name in components


def elements_of(elements: Any, init: Any) -> Any:
    """Return the elements as something with a length and one entry for each item."""
    if elements is None:
        raise ValueError(f"init {init!r} gave None instead of one element for each item")
    if type(elements) in (list, tuple):
        return elements
    if isinstance(elements, np.ndarray):
        if elements.ndim == 0:
            raise ValueError(f"init {init!r} gave a single value instead of one for each item")
        return elements if elements.ndim == 1 else list(elements)
    if isinstance(elements, str | bytes):
        raise ValueError(f"init {init!r} gave a string instead of one element for each item")
    if isinstance(elements, Mapping):
        raise ValueError(f"init {init!r} gave a dict instead of one element for each item")
    if isinstance(elements, Iterable) or hasattr(type(elements), "__getitem__"):
        return list(elements)
    raise ValueError(
        f"init {init!r} gave {type(elements).__name__}, which has no elements for the items"
    )


def run_bare(func: Callable[..., Any], calls: Calls) -> list[Any]:
    """Make every call in turn and let the first exception through."""
    if targets.is_coroutine_function(func):
        raise ValueError("debug=True cannot run coroutine functions")
    func = calls.bind(func)
    return [func(*calls.arguments(position)) for position in range(calls.n)]


def call_post_with_failures(
    batch: Any,
    post: Callable[..., Any],
    results: list[Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    context: Context,
) -> Any:
    """Call post with failures among the results; what it raises tells which items failed."""
    try:
        return call_accepting(post, args, kwargs, given=(*_owner(batch, post), results))
    except ActionError:
        raise
    except Exception as error:
        if error.__cause__ is None and not any(error is result for result in results):
            error.__cause__ = failure(results, context)
        raise
