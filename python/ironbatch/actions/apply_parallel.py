"""Apply a function to each item of a component and put the results into another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from ironbatch import components as columns
from ironbatch import targets
from ironbatch.actions.action import action
from ironbatch.actions.arguments import (
    accepted,
    call_accepting,
    has_item_values,
    make_calls,
    split_user_arguments,
)
from ironbatch.actions.failure import any_action_failed, raise_failures
from ironbatch.actions.inbatch_parallel import (
    call_post_with_failures,
    check_target,
    context_of,
    elements_of,
    run_bare,
)
from ironbatch.actions.item_random import draw_applied, kernel_with_streams, seeded, with_streams
from ironbatch.actions.native import apply_kernel, streams_of_batch
from ironbatch.errors import ComponentError
from ironbatch.targets.calls import Calls, Context
from ironbatch.targets.native import bound_kernel, is_native

__all__ = ["apply_parallel", "as_action", "assemble_results", "run"]

_ENGINE = ("target", "n_workers", "timeout", "debug")


def apply_parallel(*args: Any, **kwargs: Any) -> Any:
    """Decorate a method that processes one item; the batch class makes it an action on all items.

    The action calls `Batch.apply_parallel` with the method and these arguments, which a call of the
    action may override. The method for one item stays reachable as ``_name_``.

    Parameters
    ----------
    *args
        The method, when the decorator is used without parentheses.
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

    def apply_to_batch(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        options = dict(getattr(self, "apply_defaults", None) or {})
        for level in (declared, kwargs):
            if (
                "src" in level
                and "dst" not in level
                and _same(options.get("dst"), options.get("src"))
            ):
                options["dst"] = None
            options.update(level)
        bound = method.__get__(self, type(self))
        return self.apply_parallel(bound, *args, **options)

    update_wrapper(apply_to_batch, method)
    # An override in a subclass is not marked again by inheriting the attribute.
    apply_to_batch.__dict__.pop("apply_kwargs", None)
    return action(apply_to_batch)


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
    _store(self, all_results, src, dst)
    return self


assemble_results.stores_components = True  # type: ignore[attr-defined]


def _store(batch: Any, results: Sequence[Any], src: Any, dst: Any) -> None:
    names = src if dst is None else dst
    if isinstance(names, str):
        names = (names,)
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ComponentError(
            "there is no component to put the results into: give dst= the name of one "
            f"(src is {type(src).__name__}, dst is {dst!r})"
        )
    ids = batch.indices
    if len(names) == 1:
        batch.store(names[0], columns.assemble(results, name=names[0], ids=ids))
        return
    for position, result in enumerate(results):
        if not isinstance(result, tuple | list | np.ndarray) or len(result) != len(names):
            what = (
                f"{len(result)} values" if isinstance(result, tuple | list) else repr(type(result))
            )
            raise ComponentError(
                f"the function must return one value for each of {', '.join(map(repr, names))}; "
                f"for {Context(ids=ids).name(position)} it returned {what}"
            )
    made = [
        columns.assemble([result[at] for result in results], name=name, ids=ids)
        for at, name in enumerate(names)
    ]
    for name, component in zip(names, made, strict=True):
        batch.store(name, component)


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
        as its parameters unless it is bound.
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
    if not callable(func):
        raise TypeError(f"apply_parallel needs a callable, not {func!r}")
    kernel = None
    if is_native(func):
        func = kernel = bound_kernel(func, kwargs).resolve(batch)
        if args or (requires_rng and not kernel.draws) or rng_seeds is not None:
            raise TypeError(
                f"{func!r} takes its parameters by keyword, and no rng= or requires_rng"
            )
        kwargs, target = {}, "native"

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

    # Drawn once, before the pairs: images and masks are rotated for the same items, by the same
    # angles.
    applied, p = _applied(batch, p)
    operation = None
    if (requires_rng or (kernel is not None and kernel.draws)) and rng_seeds is None:
        operation = batch.next_operation()
    streams = None
    if kernel is not None and operation is not None:
        streams = streams_of_batch(batch, operation)

    result = batch
    for one_src, one_dst in pairs:
        if kernel is not None and _goes_into_components(batch, init, post, one_src):
            apply_kernel(
                batch,
                kernel,
                one_src,
                one_dst,
                applied=applied,
                streams=streams,
                n_workers=n_workers,
                timeout=timeout,
            )
            continue
        result = _Application(batch, func, args, kwargs, init, post, one_src, one_dst, target).run(
            p=p,
            applied=applied,
            operation=operation,
            rng_seeds=rng_seeds,
            n_workers=n_workers,
            timeout=timeout,
            debug=debug,
        )
    return batch if isinstance(src, list) else result


def _applied(batch: Any, p: Any) -> tuple[list[bool] | None, Any]:
    """Return which items `func` is applied to, None for all, and what init may see as ``p``."""
    if p is None:
        return None, None
    if has_item_values(p):
        p = p.item_values(batch, len(batch))
    if isinstance(p, float | np.floating):
        if not 0 <= p <= 1:
            raise ValueError(f"p must be between 0 and 1, got {p}")
        return draw_applied(batch, batch.next_operation(), float(p)), p
    if isinstance(p, bool | int | np.integer | np.bool_):
        if p not in (0, 1):
            raise ValueError(f"p must be 0 or 1 when it is an int, got {p}")
        return (None if p else [False] * len(batch)), p
    try:
        values = list(p)
    except TypeError:
        raise TypeError(f"p must be a number or one value for each item, not {p!r}") from None
    if len(values) != len(batch):
        raise ValueError(f"p has {len(values)} values for {len(batch)} items")
    return [bool(value) for value in values], p


def _goes_into_components(batch: Any, init: Any, post: Any, src: Any) -> bool:
    """Whether items come from components and results become components, with nothing between."""
    from_components = init is None or init is False or (isinstance(init, str) and init == "data")
    method = getattr(type(batch), post, None) if isinstance(post, str) else None
    return from_components and src is not None and getattr(method, "stores_components", False)


class _Application:
    """One application of a function: from one source to one destination."""

    def __init__(
        self,
        batch: Any,
        func: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        init: Any,
        post: Any,
        src: Any,
        dst: Any,
        target: str,
    ) -> None:
        self.batch = batch
        self.func = func
        self.init = init
        self.post = post
        self.src = src
        self.dst = src if dst is None and isinstance(src, str | tuple) else dst
        self.target = target
        # A method pickles as the attribute of that name, which may be the action: pass `self`
        # apart.
        self.owner: tuple[Any, ...] = ()
        self.name = getattr(func, "__name__", type(func).__name__)
        if inspect.ismethod(func):
            self.owner = (func.__self__,)
            self.func = func.__func__
        self.args, self.kwargs, self.varying = split_user_arguments(
            args, kwargs, batch, lambda: len(batch)
        )
        # Whether calls hold the arguments themselves, not packed into rows.
        self.plain = True
        self.names = {"src": self.src, "dst": self.dst}

    def _source(self) -> Sequence[Any]:
        """Return the items of the components in src, or of src itself."""
        if isinstance(self.src, str):
            return _items(self.batch, self.src)
        if isinstance(self.src, tuple):
            return list(
                zip(
                    *(
                        _items(self.batch, part) if isinstance(part, str) else part
                        for part in self.src
                    ),
                    strict=True,
                )
            )
        if self.src is None:
            raise ValueError("apply_parallel needs src= (a component) or init= (the items)")
        return list(self.src)

    def _calls(self, p: Any) -> tuple[Callable[..., Any], Calls]:
        kwargs = dict(self.kwargs)
        takes = accepted(self.func)
        if takes.inspected:
            for name, value in self.names.items():
                if takes.takes(name) and name not in kwargs:
                    kwargs[name] = value
        init = self.init
        if init is None or init is False or (isinstance(init, str) and init == "data"):
            return make_calls(
                self.func,
                self._source(),
                self.args,
                kwargs,
                self.varying,
                owner=self.owner,
                spread=False,
            )
        if isinstance(init, str):
            init = getattr(self.batch, init)
        if callable(init):
            options = {**self.names, "p": p, "target": self.target, **self.kwargs}
            init = call_accepting(init, (), options)
        return make_calls(
            self.func,
            elements_of(init, self.init),
            self.args,
            kwargs,
            self.varying,
            owner=self.owner,
        )

    def run(
        self,
        *,
        p: Any,
        applied: list[bool] | None,
        operation: int | None,
        rng_seeds: Any,
        n_workers: int | None,
        timeout: float | None,
        debug: bool,
    ) -> Any:
        func, calls = self._calls(p)
        n = calls.n
        items = calls
        self.plain = func is self.func
        before: tuple[Sequence[Any], ...] = ()
        if rng_seeds is not None:
            func, before = seeded(func, rng_seeds, n)
        elif operation is not None:
            if n != len(self.batch):
                raise ValueError(
                    f"requires_rng needs one call for each item: init gave {n} elements for "
                    f"{len(self.batch)} items"
                )
            awaited = targets.get(self.target).name == "async" or targets.is_coroutine_function(
                func
            )
            wrap = kernel_with_streams if is_native(func) else with_streams
            func, before = wrap(func, self.batch, operation, awaited=awaited)
        if before:
            calls = Calls(n, (*before, *calls.columns), calls.kwargs)

        component = self.src if isinstance(self.src, str) else None
        context = context_of(self.batch, self.name, component, n)
        if applied is not None and len(applied) != n:
            raise ValueError(f"p is for {len(applied)} items, but init gave {n} elements")
        results = self._compute(
            func, calls, applied, context, n_workers=n_workers, timeout=timeout, debug=debug
        )
        if applied is not None:
            made = iter(results)
            results = [
                next(made) if use else self._item(items, at) for at, use in enumerate(applied)
            ]
        return self._finish(results, context)

    def _item(self, calls: Calls, position: int) -> Any:
        """Return what the function would have got first for an item."""
        arguments = calls.arguments(position)
        if not self.plain:
            arguments = list(arguments[0])
        return arguments[len(self.owner)] if len(arguments) > len(self.owner) else None

    def _compute(
        self,
        func: Callable[..., Any],
        calls: Calls,
        applied: list[bool] | None,
        context: Context,
        *,
        n_workers: int | None,
        timeout: float | None,
        debug: bool,
    ) -> list[Any]:
        if applied is not None:
            positions = [at for at, use in enumerate(applied) if use]
            calls = calls.take(positions)
            context = Context(context.action, context.ids, context.component, positions)
        if debug:
            return run_bare(func, calls)
        return targets.run(
            self.target, func, calls, n_workers=n_workers, timeout=timeout, context=context
        )

    def _finish(self, results: list[Any], context: Context) -> Any:
        post = self.post
        if isinstance(post, str):
            method = getattr(type(self.batch), post, None)
            if getattr(method, "stores_components", False):
                raise_failures(results, context)
                _store(self.batch, results, self.src, self.dst)
                return self.batch
            post = getattr(self.batch, post)
        if not callable(post):
            raise ValueError(f"post must be a name or a callable, not {post!r}")
        options = {**self.kwargs, **self.names}
        if any_action_failed(results):
            return call_post_with_failures(self.batch, post, results, self.args, options, context)
        return call_accepting(post, self.args, options, given=(results,))


def _items(batch: Any, name: str) -> Sequence[Any]:
    """Return the items of a component, or of another attribute with one value for each."""
    try:
        component = getattr(batch, name)
    except AttributeError as error:
        known = ", ".join(map(repr, getattr(batch, "components", None) or ())) or "none"
        raise ComponentError(
            f"{type(batch).__name__} has no component {name!r}; its components are: {known}"
        ) from error
    if component is None:
        raise ComponentError(
            f"component {name!r} is not set yet: load or assign it before using it as src"
        )
    if isinstance(component, list | tuple):
        return component
    return columns.items_of(component)
