"""Apply a function to each item of a component and put the results into another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any, Concatenate, NamedTuple, TypeAlias, TypeVar, overload

import numpy as np

from ironbatch import targets
from ironbatch.actions.action import action
from ironbatch.actions.application import Application, store_results
from ironbatch.actions.arguments import accepted
from ironbatch.actions.failure import raise_failures
from ironbatch.actions.inbatch_parallel import check_target, context_of
from ironbatch.actions.item_random import applied_items
from ironbatch.actions.kernel_method import KernelMethod, KernelWay
from ironbatch.actions.native import apply_kernel, fixed_kernel, fixed_values, streams_of_batch
from ironbatch.actions.on_error import Settled, whole_failures
from ironbatch.actions.policy import UNSET, Policy, given_settings, policy_of
from ironbatch.targets.native import as_kernel, bound_kernel, is_native

_Batch = TypeVar("_Batch")
_OfItem: TypeAlias = Callable[Concatenate[_Batch, ...], Any]
_OfBatch: TypeAlias = Callable[Concatenate[_Batch, ...], _Batch]

__all__ = ["apply_parallel", "as_action", "assemble_results", "merged_options", "run"]


@overload
def apply_parallel(method: _OfItem[_Batch], /) -> _OfBatch[_Batch]: ...
@overload
def apply_parallel(
    *, post: str | Callable[..., Any], **kwargs: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
@overload
def apply_parallel(
    *, post: None = None, **kwargs: Any
) -> Callable[[_OfItem[_Batch]], _OfBatch[_Batch]]: ...


def apply_parallel(*args: Any, **kwargs: Any) -> Any:
    """Decorate a method that processes one item; the batch class makes it an action on all items.

    The action calls `Batch.apply_parallel` with the method and these arguments, which a call of the
    action may override. The method for one item stays reachable as ``_name_``.

    Parameters
    ----------
    *args
        The method, when the decorator is used without parentheses. A kernel may stand for it:
        ``brighter = apply_parallel(src='images')(kernels.scale_shift.bind(scale=2))``.
    **kwargs
        Arguments of `Batch.apply_parallel`: ``src``, ``dst``, ``init``, ``post``, ``p``,
        ``target``, ``n_workers``, ``timeout``, ``requires_rng``, or defaults for the method's own
        arguments.

    Returns
    -------
    callable
        The marked method, or a decorator when arguments are given.

    Raises
    ------
    ValueError
        If positional arguments are given.

    Examples
    --------
    >>> class Images:
    ...     @apply_parallel(src='images', target='for')
    ...     def invert(self, image):
    ...         return 255 - image
    >>> Images.invert.apply_kwargs
    {'src': 'images', 'target': 'for'}
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        if is_native(method):
            method = KernelMethod(method)
        method.apply_kwargs = kwargs  # type: ignore[attr-defined]
        return method

    if len(args) == 1 and not kwargs and callable(args[0]):
        return mark(args[0])
    if args:
        raise ValueError(f"@apply_parallel takes keyword arguments only, got {args!r}")
    return mark


def as_action(
    method: Callable[..., Any], apply_kwargs: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """Make the action for a method marked with `apply_parallel`.

    What a call gives wins over what the decorator gives, and that over the class's
    ``apply_defaults``. Where a level gives ``src`` but not ``dst``, a ``dst`` that was the same as
    the ``src`` it replaces follows.

    Parameters
    ----------
    method : callable
        The method for one item.
    apply_kwargs : mapping, optional
        Arguments of the decorator; by default those that it left on the method.

    Returns
    -------
    callable
        The action.
    """
    declared = method.apply_kwargs if apply_kwargs is None else apply_kwargs  # type: ignore[attr-defined]
    if is_native(method):
        method = KernelMethod(method)
    if isinstance(method, KernelMethod):
        declared = method.apply_kwargs = {"target": "native", **declared}

    def apply_to_batch(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        options = merged_options(self, declared, kwargs)
        bound = method.__get__(self, type(self))
        return self.apply_parallel(bound, *args, **options)

    update_wrapper(apply_to_batch, method)
    # An override in a subclass is not marked again by inheriting the attribute.
    apply_to_batch.__dict__.pop("apply_kwargs", None)
    if isinstance(method, KernelMethod):
        apply_to_batch.native_way = KernelWay(method.__get__(None), declared)  # type: ignore[attr-defined]
    return action(apply_to_batch)


def merged_options(
    owner: Any, declared: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge arguments of `apply_parallel`: those of a class, of the decorator, and of a call."""
    options = dict(getattr(owner, "apply_defaults", None) or {})
    for level in (declared, given):
        if "src" in level and "dst" not in level and _same(options.get("dst"), options.get("src")):
            options["dst"] = None
        options.update(level)
    return options


def _same(one: Any, other: Any) -> bool:
    return one is other or (
        type(one) is type(other) and isinstance(one, str | tuple | list) and one == other
    )


def assemble_results(
    self: Any,
    all_results: Sequence[Any],
    *,
    src: Any = None,
    dst: Any = None,
) -> Any:
    """Put the results of a parallel action into components.

    Parameters
    ----------
    self : Batch
        Where to.
    all_results : sequence
        One result for each item; a sequence with one value for each component if there are several.
    src : str, tuple or list of str, optional
        Where results go when there is no `dst`.
    dst : str, tuple or list of str, optional
        Names of components; new ones are added.

    Returns
    -------
    Batch
        The same batch.

    Raises
    ------
    ActionError
        If some result is an exception.
    ComponentError
        If there is no name to store under, or not one value for each component.
    """
    raise_failures(all_results, context_of(self, "assemble", None, len(all_results)))
    store_results(self, all_results, src, dst)
    return self


assemble_results.stores_components = True  # type: ignore[attr-defined]


def run(
    batch: Any,
    func: Callable[..., Any] | str,
    *args: Any,
    init: Any = None,
    post: Any = None,
    src: Any = None,
    dst: Any = None,
    p: Any = None,
    target: str | None = None,
    requires_rng: bool = False,
    rng_seeds: Any = None,
    n_workers: int | None = None,
    timeout: float | None = None,
    debug: bool = False,
    on_error: Any = UNSET,
    max_failures: Any = UNSET,
    retries: Any = UNSET,
    backoff: Any = UNSET,
    retry_on: Any = UNSET,
    **kwargs: Any,
) -> Any:
    """Do what `Batch.apply_parallel` does.

    Parameters
    ----------
    batch : Batch
        The batch.
    func : callable or str
        The item function, or the name of a method of the batch. It gets ``src=`` and ``dst=`` if
        its signature takes them. A kernel runs natively, whatever `target` says, with `kwargs`
        as its parameters, beside those it is bound to.
    *args
        Further positional arguments of `func`, after the item.
    init : str, callable or iterable, optional
        What gives the items: None, False or ``'data'`` - the components in `src`; a name - that
        attribute of the batch; a callable - what it returns (it gets ``src``, ``dst``, ``p``,
        ``target`` and `kwargs` as far as it takes them); anything else - itself. Elements spread
        into arguments as for `inbatch_parallel`.
    post : str or callable, optional
        What gets the results; by default they are assembled into `dst`.
    src : str, tuple of str, list, or sequence, optional
        A component; several components of which `func` gets a tuple; a list of either, each of
        which is processed by itself; or the data.
    dst : str, tuple of str or list, optional
        Where results go, by default `src`; a new component is added.
    p : float, int, or sequence, optional
        The probability that `func` is applied to an item, drawn for each item by its id; the int 0
        or 1, or one for each item, says so outright. Other items stay as they are.
    target : str, optional
        Where calls run.
    requires_rng : bool, optional
        Whether `func` takes ``rng=``: the item's own random stream, which depends on its id and not
        on the batch or worker it is in.
    rng_seeds : sequence of int, optional
        One seed for each item, instead of the streams; implies `requires_rng`.
    n_workers, timeout, debug
        As in `inbatch_parallel`.
    on_error, max_failures, retries, backoff, retry_on : optional
        What becomes of items that fail, and whether they are tried again:
        `ironbatch.actions.on_error`. By default what the run says, else the failure raises. One
        that `func` has a parameter for goes to it.
    **kwargs
        Further keyword arguments of `func`.

    Returns
    -------
    object
        What `post` returns, by default the batch.

    Raises
    ------
    ActionError
        If an item failed.
    ComponentError
        If a component in `src` is unknown or not set, or there is nowhere to put the results.
    ValueError
        If lists of `src` and `dst` differ in length, `p` is no probability, or there is neither
        `src` nor `init`.
    """
    defaults = getattr(batch, "apply_defaults", None) or {}
    if init is None or init is False:
        init = defaults.get("init")
    if post is None:
        post = defaults.get("post") or "_assemble"
    target = target or defaults.get("target") or "threads"
    check_target(target, debug)
    targets.check_limits(n_workers, timeout)
    if isinstance(func, str):
        func = getattr(batch, func)
    func = as_kernel(func)
    if not callable(func):
        raise TypeError(f"apply_parallel needs a callable, not {func!r}")
    settings = given_settings(on_error, max_failures, retries, backoff, retry_on)
    if settings:
        own = accepted(func).parameters if not is_native(func) else ()
        for name in settings.keys() & own:
            kwargs[name] = settings.pop(name)
    call = _Call(
        batch,
        func,
        args,
        kwargs,
        init,
        post,
        src,
        dst,
        target,
        {"n_workers": n_workers, "timeout": timeout},
        debug,
    )
    options = {"p": p, "requires_rng": requires_rng, "rng_seeds": rng_seeds}
    if not settings:
        return call.make(policy_of(batch), **options)
    policy = policy_of(batch, settings)
    with whole_failures(batch, policy, settings, getattr(func, "__name__", "")):
        return call.make(policy, **options)


class _Call(NamedTuple):
    """One call of `apply_parallel`, for all its pairs of source and destination."""

    batch: Any
    func: Any
    args: Sequence[Any]
    kwargs: dict[str, Any]
    init: Any
    post: Any
    src: Any
    dst: Any
    target: str
    limits: dict[str, Any]
    debug: bool

    def make(self, policy: Policy, *, p: Any, requires_rng: bool, rng_seeds: Any) -> Any:
        """Process one pair after another, with those items that are left."""
        batch, func, args, kwargs, init, post, src, dst, target, limits, debug = self
        kernel = None
        if is_native(func):
            func = kernel = bound_kernel(func, kwargs).resolve(batch)
            if args or (requires_rng and not kernel.draws) or rng_seeds is not None:
                raise TypeError(
                    f"{func!r} takes its parameters by keyword, and no rng= or requires_rng"
                )
            kwargs, target = {}, "native"
            if policy.kind != "raise":
                func = kernel = fixed_kernel(kernel, batch)

        pairs = [(src, dst)]
        if isinstance(src, list):
            if dst is None:
                dst = src
            if not isinstance(dst, list) or len(dst) != len(src):
                count = len(dst) if isinstance(dst, list) else repr(dst)
                raise ValueError(
                    f"src and dst must be lists of equal length: src has {len(src)}, dst is {count}"
                )
            pairs = list(zip(src, dst, strict=True))
            if policy.shrinks:
                args, kwargs = fixed_values(args, kwargs, batch)

        # Drawn once, before the pairs: images and masks are rotated for the same items, by the same
        # angles.
        applied, p = applied_items(batch, p)
        operation: Any = None
        streams = None
        if kernel is not None and kernel.draws:
            operation = kernel.operations(batch)
            streams = streams_of_batch(kernel, batch, operation)
        elif requires_rng and rng_seeds is None:
            operation = batch.next_operation()

        result = batch
        late: list[Exception] = []
        for number, (one_src, one_dst) in enumerate(pairs):
            n = len(batch)
            if kernel is not None and _goes_into_components(batch, init, post, one_src):
                settled = apply_kernel(
                    batch,
                    kernel,
                    one_src,
                    one_dst,
                    applied=applied,
                    streams=streams,
                    policy=policy,
                    **limits,
                )
            else:
                application = Application(
                    batch, func, args, kwargs, init, post, one_src, one_dst, target, policy
                )
                result = application.run(
                    p=p,
                    applied=applied,
                    operation=operation,
                    rng_seeds=rng_seeds,
                    debug=debug,
                    **limits,
                )
                settled = application.settled
            if settled is not None and settled.late is not None:
                late.extend(settled.late.exceptions)
            if settled is not None and settled.alive is not None and len(batch) < n:
                applied = settled.narrow(applied, n)
                if streams is not None:
                    streams = streams.take(np.asarray(settled.alive, dtype=np.int64))
                rng_seeds, p = settled.narrow(rng_seeds, n), settled.narrow(p, n)
                pairs[number + 1 :] = [
                    (_left(settled, other, n), to) for other, to in pairs[number + 1 :]
                ]
        if late:
            raise ExceptionGroup(f"{len(late)} items failed", late)
        return batch if isinstance(src, list) else result


def _left(settled: Settled, src: Any, n: int) -> Any:
    """Give what is left of a source that is data, not the name of a component."""
    if isinstance(src, tuple):
        return tuple(_left(settled, part, n) for part in src)
    return settled.narrow(src, n)


def _goes_into_components(batch: Any, init: Any, post: Any, src: Any) -> bool:
    """Whether items come from components and results become components, with nothing between."""
    from_components = init is None or init is False or (isinstance(init, str) and init == "data")
    method = getattr(type(batch), post, None) if isinstance(post, str) else None
    return from_components and src is not None and getattr(method, "stores_components", False)
