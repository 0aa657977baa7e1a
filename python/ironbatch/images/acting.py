"""Actions on images: a function of one image, and a kernel where there is one that does the same.

An action is written as a method that gets one image, an array. What is about the batch comes from
here: images of Pillow become arrays, once; values for each item are evaluated once for all
components of a call, and each draws from the same stream of the item; and where a kernel does the
same as the method, for the dtype at hand, it runs over all items at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import as_action
from ironbatch.actions.arguments import has_item_values
from ironbatch.actions.item_random import draw_applied
from ironbatch.actions.native import fixed_values
from ironbatch.actions.policy import policy_of
from ironbatch.batch.batch import Batch
from ironbatch.images.boxes import is_random
from ironbatch.images.pixels import as_array, is_pillow
from ironbatch.namedexpr.base import NamedExpression
from ironbatch.namedexpr.per_item import PerItem

if TYPE_CHECKING:
    from ironbatch.components import Component
    from ironbatch.kernels import BoundKernel, KernelChain

__all__ = ["ImageActions", "NativeWay", "image_action", "per_item"]

#: Makes a kernel from the batch, the component, its name and the arguments; None where none does
#: the same.
NativeWay = Callable[
    [Batch, "Component", Any, Mapping[str, Any]], "BoundKernel | KernelChain | None"
]

_OPTIONS = (
    "src",
    "dst",
    "p",
    "init",
    "post",
    "target",
    "n_workers",
    "timeout",
    "debug",
    "rng_seeds",
    "on_error",
    "max_failures",
    "retries",
    "backoff",
    "retry_on",
)
_SETTINGS = _OPTIONS[-5:]
#: Parameters of a method that the call of the action does not give.
_FROM_OUTSIDE = ("src", "dst", "rng")
_KERNEL_DTYPES = frozenset(map(np.dtype, ("u1", "i2", "u2", "f4", "f8")))


def image_action(
    *, native: NativeWay | None = None, draws: bool | str = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a method that processes one image; `ImageActions` makes it an action.

    Parameters
    ----------
    native : callable, optional
        Makes a kernel that does the same; it may give None.
    draws : bool or str
        Whether the method takes ``rng=``, the item's own stream. With the name of a parameter it
        gets one only where that is 'random'.
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        method.apply_kwargs = {}  # type: ignore[attr-defined]
        method.image_action = native, draws  # type: ignore[attr-defined]
        return method

    return mark


class ImageActions(Batch):
    """A batch whose methods under `image_action` become actions."""

    @classmethod
    def _install(cls, name: str, method: Callable[..., Any], marked: Mapping[str, Any]) -> None:
        how = getattr(method, "image_action", None)
        if how is None:
            super()._install(name, method, marked)
            return
        setattr(cls, f"_{name}_", method)
        general = as_action(method, marked)

        def act(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return _Call(self, method, general, how, args, kwargs).run()

        update_wrapper(act, method)
        act.__dict__.pop("apply_kwargs", None)
        act.__dict__.pop("image_action", None)
        act.__signature__ = _signature(method)  # type: ignore[attr-defined]
        setattr(cls, name, action(act))

    def _pixels_of(self, names: Sequence[Any]) -> None:
        """Convert images of Pillow in components, once: what comes next finds arrays."""
        for name in names:
            component = getattr(self, name, None) if isinstance(name, str) else None
            if isinstance(component, np.ndarray) and component.dtype.kind == "O":
                items = component.tolist()
                if any(map(is_pillow, items)):
                    made = [as_array(item) if is_pillow(item) else item for item in items]
                    self.store(str(name), columns.assemble(made, name=str(name)))


def _signature(method: Callable[..., Any]) -> inspect.Signature:
    """Say how the action is called: without the image and the generator."""
    parameters = list(inspect.signature(method, eval_str=True).parameters.values())
    own = [one for at, one in enumerate(parameters) if at != 1 and one.name not in _FROM_OUTSIDE]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in (("src", "images"), ("dst", None), ("p", None))
    ]
    rest = [one for one in own if one.kind is inspect.Parameter.VAR_KEYWORD]
    own = [one for one in own if one not in rest]
    rest = rest or [inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)]
    return inspect.Signature([*own, *options, *rest])


def per_item(values: Sequence[Any], batch: Batch) -> PerItem:
    """Give a kernel one value for each item."""
    return PerItem(list(values), n=len(batch), index=batch.index)


class _Call:
    """One call of an action on images."""

    def __init__(
        self,
        batch: Any,
        method: Callable[..., Any],
        general: Callable[..., Any],
        how: tuple[NativeWay | None, bool | str],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.batch = batch
        self.method = method
        self.general = general
        self.native, self.draws = how
        self.options = {name: kwargs.pop(name) for name in _OPTIONS if name in kwargs}
        try:
            bound = inspect.signature(method).bind(batch, None, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{method.__name__}: {error}; call it as {self._text}") from None
        self.args, self.kwargs = bound.args[2:], bound.kwargs
        for name, value in bound.arguments.items():
            if isinstance(value, NamedExpression) and not has_item_values(value):
                raise TypeError(
                    f"{method.__name__}: {name}={value!r} is evaluated by pipelines; outside of "
                    f"one give a value for all items, or P(...) with one for each"
                )
        if any(map(has_item_values, (*self.args, *self.kwargs.values()))):
            # Evaluated once, for all components.
            fixed, self.kwargs = fixed_values(self.args, self.kwargs, batch)
            self.args = tuple(fixed)

    @property
    def _text(self) -> str:
        parameters = list(_signature(self.method).parameters.values())[1:]
        bare = [one.replace(annotation=one.empty) for one in parameters]
        return f"{self.method.__name__}{inspect.Signature(bare)}"

    @cached_property
    def pairs(self) -> list[tuple[Any, Any]]:
        """Each source with its destination."""
        defaults = self.batch.apply_defaults or {}
        src = self.options.get("src")
        src = defaults.get("src", "images") if src is None else src
        dst = self.options.get("dst")
        if dst is None and "src" not in self.options:
            dst = defaults.get("dst")
        if isinstance(src, tuple):
            raise TypeError(
                f"{self.method.__name__} takes one image: for several components give src= a list, "
                f"{list(src)!r}"
            )
        if not isinstance(src, list):
            return [(src, dst)]
        return [(one, None) for one in src] if dst is None else list(zip(src, dst, strict=True))

    def run(self) -> Any:
        """Run the kernel, or the function."""
        batch = self.batch
        batch._pixels_of([source for source, _ in self.pairs])
        kernels = self._kernels()
        if kernels is None:
            if self._is_drawing():
                self.options.setdefault("requires_rng", True)
            return self.general(batch, *self.args, **self.kwargs, **self.options)
        given = {name: one for name, one in self.options.items() if name not in ("src", "dst")}
        if kernels[0].draws:
            # One call, so that all components draw the same: none of these kernels depends on one.
            sources = [source for source, _ in self.pairs]
            names = [source if target is None else target for source, target in self.pairs]
            batch.apply_parallel(kernels[0], src=sources, dst=names, **given)
            return batch
        p = given.get("p")
        if len(self.pairs) > 1 and (isinstance(p, float) or has_item_values(p)):
            # For all components the same items.
            given["p"] = _chosen(p, batch)
        for (source, target), kernel in zip(self.pairs, kernels, strict=True):
            batch.apply_parallel(kernel, src=source, dst=target, **given)
        return batch

    def _values(self) -> dict[str, Any]:
        bound = inspect.signature(self.method).bind(self.batch, None, *self.args, **self.kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def _is_drawing(self) -> bool:
        if isinstance(self.draws, bool):
            return self.draws
        value = self._values()[self.draws]
        return any(map(is_random, value)) if has_item_values(value) else is_random(value)

    def _kernels(self) -> list[Any] | None:
        """Give a kernel for each source; None if functions of one image have to do it."""
        options, batch = self.options, self.batch
        if self.native is None or any(
            options.get(name) is not None
            for name in ("target", "init", "post", "rng_seeds", "debug")
        ):
            return None
        if len(self.pairs) > 1:
            settings = {name: options[name] for name in _SETTINGS if name in options}
            policy = policy_of(batch, settings)
            # With items that leave the batch half way, one call has to know of all components.
            if policy.kind != "raise" or policy.retries:
                return None
        values = self._values()
        found = []
        for source, _ in self.pairs:
            component: Any = getattr(batch, source, None) if isinstance(source, str) else None
            if not _is_numeric(component):
                return None
            try:
                kernel = self.native(batch, component, source, values)
            except (TypeError, ValueError):
                # The function of one image says what is wrong, and with which item.
                return None
            if kernel is None:
                return None
            found.append(kernel)
        return found


def _chosen(p: Any, batch: Any) -> Any:
    """Say for each item whether it is changed."""
    if has_item_values(p):
        return list(p.item_values(batch, len(batch)))
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, got {p}")
    return draw_applied(batch, batch.next_operation(), p)


def _is_numeric(component: Any) -> bool:
    """Whether kernels take the pixels of a component, and its items are images."""
    if isinstance(component, columns.Ragged):
        return component.dtype in _KERNEL_DTYPES and component.shapes.shape[1] in (2, 3)
    return (
        isinstance(component, np.ndarray)
        and component.dtype in _KERNEL_DTYPES
        and component.ndim in (3, 4)
    )
