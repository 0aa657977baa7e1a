"""A kernel where a class of batches has a method of one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironbatch.targets.native import as_kernel, bound_kernel

__all__ = ["KernelMethod", "KernelWay"]

#: Arguments of `apply_parallel` that leave a kernel its place in one pass with its neighbours.
_PLACES = ("src", "dst", "p", "target")
#: Those with which a kernel runs by itself, unless they say what is said anyway.
_APART = {
    "init": (None, False, "data"),
    "post": (None, "_assemble"),
    "debug": (None, False),
    "requires_rng": (None, False),
    **dict.fromkeys(("n_workers", "timeout", "rng_seeds"), (None,)),
}


class KernelMethod:
    """Stands for a kernel under `apply_parallel`: its batches find the kernel there.

    A kernel is shared by all that use it, so that nothing may be noted on itself.

    Parameters
    ----------
    kernel : Kernel, BoundKernel, KernelChain or function that is compiled already
        The kernel.
    """

    def __init__(self, kernel: Any) -> None:
        self.apply_kwargs: Mapping[str, Any] = {}
        self._kernel = kernel
        self.__name__ = getattr(kernel, "__name__", type(kernel).__name__)
        self.__doc__ = getattr(kernel, "__doc__", None)

    def __get__(self, batch: Any, owner: Any = None) -> Any:
        return self._kernel

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the kernel on one item."""
        return self._kernel(*args, **kwargs)


class KernelWay:
    """Tells a plan what the action of a `KernelMethod` does, so that it can join its neighbours.

    Parameters
    ----------
    kernel : Kernel, BoundKernel, KernelChain or function that is compiled already
        The kernel.
    declared : mapping
        Arguments of the decorator.
    """

    def __init__(self, kernel: Any, declared: Mapping[str, Any]) -> None:
        self._kernel = kernel
        self._declared = declared

    def kernel_for(
        self, cls: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, str, str] | None:
        """Give the kernel, the component that it reads and the one that it writes.

        None if it cannot be told, or the action has to run by itself.
        """
        from ironbatch.actions.apply_parallel import merged_options

        if args or self._declared.get("p") is not None:
            return None
        options = merged_options(cls, self._declared, kwargs)
        for name, usual in _APART.items():
            value = options.pop(name, None)
            if not any(value is one or (type(value) is str and value == one) for one in usual):
                return None
        src, dst, _, target = (options.pop(name, None) for name in _PLACES)
        dst = src if dst is None else dst
        if not (isinstance(src, str) and isinstance(dst, str) and isinstance(target, str)):
            return None
        try:
            return bound_kernel(as_kernel(self._kernel), options), src, dst
        except (TypeError, ValueError):
            return None  # the action says better what is wrong

    def takes(self, component: Any) -> bool:
        """Whether it is the kernel that runs on the items of a component: always."""
        return True
