"""One application of a function to items: from one source, to one destination."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ironbatch import components as columns
from ironbatch import targets
from ironbatch.actions.arguments import accepted, call_accepting, make_calls, split_user_arguments
from ironbatch.actions.failure import any_action_failed, raise_failures
from ironbatch.actions.inbatch_parallel import (
    call_post_with_failures,
    context_of,
    elements_of,
    run_bare,
)
from ironbatch.actions.item_random import kernel_with_streams, seeded, with_streams
from ironbatch.actions.on_error import Settled, settle
from ironbatch.actions.policy import Policy
from ironbatch.actions.retry import retrying
from ironbatch.errors import ComponentError
from ironbatch.targets.calls import Calls, Context
from ironbatch.targets.native import is_native

__all__ = ["Application", "store_results"]


class Application:
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
        policy: Policy,
    ) -> None:
        self.policy = policy
        self.settled: Settled | None = None
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
        """Call the function for each item and hand the results over."""
        func, calls = self._calls(p)
        n = calls.n
        items = calls
        self.plain = func is self.func
        target = targets.get(self.target).name
        before: tuple[Sequence[Any], ...] = ()
        if rng_seeds is not None:
            func, before = seeded(func, rng_seeds, n)
        elif operation is not None:
            if n != len(self.batch):
                raise ValueError(
                    f"requires_rng needs one call for each item: init gave {n} elements for "
                    f"{len(self.batch)} items"
                )
            awaited = target == "async" or targets.is_coroutine_function(func)
            wrap = kernel_with_streams if is_native(func) else with_streams
            func, before = wrap(func, self.batch, operation, awaited=awaited)
        if before:
            calls = Calls(n, (*before, *calls.columns), calls.kwargs)

        if not is_native(func):
            func = retrying(func, self.policy, target)
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
        post, args, kwargs = self.post, self.args, self.kwargs
        if self.policy.kind != "raise":
            n = len(results)
            settled = self.settled = settle(self.batch, results, context, self.policy)
            results = settled.results
            if settled.alive is not None and self.varying:
                varying = self.varying
                args = [
                    settled.narrow(value, n) if at in varying else value
                    for at, value in enumerate(args)
                ]
                kwargs = {
                    name: settled.narrow(value, n) if name in varying else value
                    for name, value in kwargs.items()
                }
        if isinstance(post, str):
            method = getattr(type(self.batch), post, None)
            if getattr(method, "stores_components", False):
                raise_failures(results, context)
                store_results(self.batch, results, self.src, self.dst)
                return self.batch
            post = getattr(self.batch, post)
        if not callable(post):
            raise ValueError(f"post must be a name or a callable, not {post!r}")
        options = {**kwargs, **self.names}
        if any_action_failed(results):
            return call_post_with_failures(self.batch, post, results, args, options, context)
        return call_accepting(post, args, options, given=(results,))


def _items(batch: Any, name: str) -> Sequence[Any]:
    """Return the items of a component, or of another attribute with one value for each."""
    try:
        # As a class that overrides `get` finds it.
        component = batch.get(component=name)
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


def store_results(batch: Any, results: Sequence[Any], src: Any, dst: Any) -> None:
    """Put results into components.

    Parameters
    ----------
    batch : Batch
        Where to.
    results : sequence
        One for each item.
    src, dst : str, tuple or list of str, None
        Names of components; those of `src` count where there is no `dst`.
    """
    names = src if dst is None else dst
    if isinstance(names, str):
        names = (names,)
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ComponentError(
            "there is no component to put the results into: give dst= the name of one, in the call "
            "or to the decorator, as the signature of a method of one item does not count "
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
