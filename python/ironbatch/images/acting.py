"""Actions on images: a function of one image, and a kernel where there is one that does the same.

An action is written as a method that gets one image, an array. What is about the batch comes from
here: images of Pillow become arrays, once; values for each item are evaluated once for all
components of a call, and each draws from the same stream of the item; and where a kernel does the
same as the method, for the dtype at hand, it runs over all items at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import as_action
from ironbatch.actions.arguments import has_item_values
from ironbatch.actions.item_random import applied_items
from ironbatch.actions.native import fixed_values
from ironbatch.actions.policy import policy_of
from ironbatch.batch.batch import Batch
from ironbatch.images.boxes import is_random
from ironbatch.images.known import Images
from ironbatch.images.pixels import as_array, is_pillow
from ironbatch.namedexpr.base import NamedExpression

if TYPE_CHECKING:
    from ironbatch.kernels import BoundKernel, KernelChain

__all__ = ["ImageAction", "ImageActions", "NativeWay", "image_action"]

#: Makes a kernel from what is known of the images and the arguments; None where none does the same.
NativeWay = Callable[[Images, Mapping[str, Any]], "BoundKernel | KernelChain | None"]

_PLACES = ("src", "dst", "p")
_SETTINGS = ("on_error", "max_failures", "retries", "backoff", "retry_on")
#: Those with which the Python function runs, whatever kernels there are.
_IN_PYTHON = ("target", "init", "post", "rng_seeds", "debug")
#: Keywords that are not the method's own.
_OPTIONS = (*_PLACES, *_IN_PYTHON, *_SETTINGS, "n_workers", "timeout")
#: Parameters of a method that the call of the action does not give.
_FROM_OUTSIDE = ("src", "dst", "rng")


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
        if not hasattr(method, "image_action"):
            super()._install(name, method, marked)
            return
        setattr(cls, f"_{name}_", method)
        own = ImageAction(method, *method.image_action)

        def act(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return own.run(self, args, kwargs)

        update_wrapper(act, method)
        act.__dict__.pop("apply_kwargs", None)
        act.__dict__.pop("image_action", None)
        act.__signature__ = own.signature  # type: ignore[attr-defined]
        act.native_way = own  # type: ignore[attr-defined]
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


class ImageAction:
    """What an action on images does.

    Parameters
    ----------
    method : callable
        Processes one image.
    native, draws
        As for `image_action`.
    """

    def __init__(
        self, method: Callable[..., Any], native: NativeWay | None, draws: bool | str
    ) -> None:
        self.name = method.__name__
        self.native = native
        self.draws = draws
        self.in_python = as_action(method, {})
        self._of_method = inspect.signature(method)
        self.signature = _signature(method)

    def run(self, batch: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the kernel, or the function of one image."""
        options = {name: kwargs.pop(name) for name in _OPTIONS if name in kwargs}
        bound = self._bound(args, kwargs)
        args, kwargs = bound.args[2:], bound.kwargs
        if any(map(has_item_values, (*args, *kwargs.values()))):
            # Evaluated once, for all components.
            fixed, kwargs = fixed_values(args, kwargs, batch)
            args = tuple(fixed)
        values = self._values(args, kwargs)
        pairs = self._pairs(batch, options)
        batch._pixels_of([source for source, _ in pairs])
        kernels = self._kernels(batch, pairs, values, options)
        if kernels is not None:
            return _run_kernels(batch, pairs, kernels, options)
        if self._is_drawing(values):
            options["requires_rng"] = True
        return self.in_python(batch, *args, **kwargs, **options)

    def kernel_for(
        self, cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, str, str] | None:
        """Give a kernel for images that are not there yet, what it reads and what it writes.

        Parameters
        ----------
        cls : type
            Class of the batch.
        args, kwargs
            What the action is called with. What has a value for each item need not be evaluated.

        Returns
        -------
        tuple or None
            None if it takes the images to tell, or no kernel does the same.
        """
        if self.native is None or any(name in kwargs for name in _OPTIONS if name not in _PLACES):
            return None
        options = {name: kwargs[name] for name in _PLACES if name in kwargs}
        own = {name: value for name, value in kwargs.items() if name not in _PLACES}
        try:
            ((src, dst),) = self._pairs(cls, options)
            kernel = self.native(Images(src), self._values(args, own))
        except (TypeError, ValueError):
            return None
        if kernel is None or not isinstance(src, str) or not isinstance(dst, str):
            return None
        return kernel, src, dst

    def takes(self, component: Any) -> bool:
        """Tell whether a component has images that kernels take."""
        return Images("", None, component).are_numeric

    def may_run_kernels(self, options: Mapping[str, Any]) -> bool:
        """Tell whether kernels may do it, for images they take, if it is called with `options`."""
        return self.native is not None and all(options.get(name) is None for name in _IN_PYTHON)

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        try:
            bound = self._of_method.bind(None, None, *args, **kwargs)
        except TypeError as error:
            parameters = list(self.signature.parameters.values())[1:]
            bare = [one.replace(annotation=one.empty) for one in parameters]
            text = f"{self.name}{inspect.Signature(bare)}"
            raise TypeError(f"{self.name}: {error}; call it as {text}") from None
        for name, value in bound.arguments.items():
            if isinstance(value, NamedExpression) and not has_item_values(value):
                raise TypeError(
                    f"{self.name}: {name}={value!r} is evaluated by pipelines; outside of one give "
                    "a value for all items, or P(...) with one for each"
                )
        return bound

    def _values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound = self._of_method.bind(None, None, *args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def _pairs(self, owner: Any, options: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Give each source with its destination."""
        defaults = owner.apply_defaults or {}
        src, dst = options.get("src"), options.get("dst")
        if src is None:
            src = defaults.get("src", "images")
            dst = defaults.get("dst") if dst is None else dst
        if isinstance(src, tuple):
            raise TypeError(
                f"{self.name} takes one image: for several components give src= a list, "
                f"{list(src)!r}"
            )
        dst = src if dst is None else dst
        if not isinstance(src, list):
            return [(src, dst)]
        if not isinstance(dst, list) or len(dst) != len(src):
            raise ValueError(f"src and dst must be lists of equal length, got {src!r} and {dst!r}")
        return list(zip(src, dst, strict=True))

    def _is_drawing(self, values: Mapping[str, Any]) -> bool:
        if isinstance(self.draws, bool):
            return self.draws
        value = values[self.draws]
        return any(map(is_random, value)) if has_item_values(value) else is_random(value)

    def _kernels(
        self,
        batch: Any,
        pairs: Sequence[tuple[Any, Any]],
        values: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> list[Any] | None:
        """Give a kernel for each source; None if functions of one image have to do it."""
        if self.native is None or not self.may_run_kernels(options):
            return None
        if len(pairs) > 1:
            settings = {name: options[name] for name in _SETTINGS if name in options}
            policy = policy_of(batch, settings)
            # With items that leave the batch half way, one call has to know of all components.
            if policy.kind != "raise" or policy.retries:
                return None
        found = []
        for source, _ in pairs:
            component: Any = getattr(batch, source, None) if isinstance(source, str) else None
            images = Images(source, batch, component)
            if not images.are_numeric:
                return None
            try:
                kernel = self.native(images, values)
            except (TypeError, ValueError):
                # The function of one image says what is wrong, and with which item.
                return None
            if kernel is None:
                return None
            found.append(kernel)
        if found[0].draws and any(_links(kernel) != _links(found[0]) for kernel in found[1:]):
            # All components draw in one call, and that is one of one kernel.
            return None
        return found


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


def _links(kernel: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(one.__name__, one.params) for one in getattr(kernel, "kernels", (kernel,))]


def _run_kernels(
    batch: Any, pairs: Sequence[tuple[Any, Any]], kernels: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    given = {name: one for name, one in options.items() if name not in ("src", "dst")}
    if kernels[0].draws:
        # One call, so that all components draw the same.
        sources, targets = (list(names) for names in zip(*pairs, strict=True))
        batch.apply_parallel(kernels[0], src=sources, dst=targets, **given)
        return batch
    if len(pairs) > 1 and given.get("p") is not None:
        # For all components the same items.
        given["p"], _ = applied_items(batch, given["p"])
    for (source, target), kernel in zip(pairs, kernels, strict=True):
        batch.apply_parallel(kernel, src=source, dst=target, **given)
    return batch
