"""The metaclass of batches, which projects subclass."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ironbatch.actions.action import action

__all__ = ["MethodsTransformingMeta"]


class MethodsTransformingMeta(type):
    """Makes actions of the methods that are marked with `apply_parallel`.

    The method for one item stays as ``_name_``. Subclasses of the metaclass may override
    `use_apply_parallel`, which makes each action.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        """Make the class of a batch."""
        made = dict(namespace)
        for key, method in namespace.items():
            options = getattr(method, "apply_kwargs", None)
            if not isinstance(options, dict) or not callable(method):
                continue
            made[key] = cls.use_apply_parallel(method, **options)
            # Worker processes find the method by this name; `name` is the action there.
            method.__name__ = f"_{key}_"
            method.__qualname__ = f"{method.__qualname__.rpartition('.')[0]}._{key}_"
            made[method.__name__] = method
        if _looks_up(bases, namespace) and not any(issubclass(b, LastResort) for b in bases):
            bases = (*bases, LastResort)
        return super().__new__(cls, name, bases, made, **kwargs)

    @classmethod
    def use_apply_parallel(
        cls, method: Callable[..., Any], **apply_kwargs: Any
    ) -> Callable[..., Any]:
        """Make the action that calls `Batch.apply_parallel` with a method for one item.

        Parameters
        ----------
        method : callable
            Takes the batch and an item.
        **apply_kwargs
            Arguments of `apply_parallel`, which a call overrides.

        Returns
        -------
        callable
            The action; it is not put into a class.
        """

        @wraps(method)
        def apply_to_batch(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            options = {**self.apply_defaults, **apply_kwargs, **kwargs}
            bound = method.__get__(self, type(self))
            if not args:
                return self.apply_parallel(bound, **options)
            # The arguments of the method come after four of its own.
            own = [options.pop(name, None) for name in ("init", "post", "src", "dst")]
            return self.apply_parallel(bound, *own, *args, **options)

        # An override in a subclass is not marked again by inheriting the attribute.
        apply_to_batch.__dict__.pop("apply_kwargs", None)
        return action(apply_to_batch)


class LastResort:
    """What ``super().__getattr__`` leads to in a batch class that has a `__getattr__` of its own.

    It is not a part of `Batch` itself, where it would slow down every attribute.
    """

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            # A property has failed: here it says why.
            return object.__getattribute__(self, name)
        names = ", ".join(getattr(self, "components", None) or ()) or "none"
        raise AttributeError(
            f"{type(self).__name__} has no component or attribute {name!r}; its components are: "
            f"{names}"
        )


def _looks_up(bases: tuple[type, ...], namespace: dict[str, Any]) -> bool:
    """Whether a class or one that it derives from has a `__getattr__` written in Python."""
    classes = {one for base in bases for one in base.__mro__}
    return "__getattr__" in namespace or any("__getattr__" in vars(one) for one in classes)
