"""Named expressions, with what classes of a project's own lean on."""

from __future__ import annotations

from typing import Any

from ironbatch.namedexpr import (
    IF,
    PP,
    B,
    C,
    D,
    F,
    I,
    L,
    M,
    P,
    R,
    Scope,
    V,
    W,
    eval_expr,
)
from ironbatch.namedexpr import NamedExpression as _NamedExpression

__all__ = [
    "IF",
    "PP",
    "B",
    "C",
    "D",
    "F",
    "I",
    "L",
    "M",
    "NamedExpression",
    "P",
    "R",
    "V",
    "W",
    "_DummyBatch",
    "eval_expr",
]


class _DummyBatch:
    """Stands for a batch where there is none: in the config of a static model, say.

    Parameters
    ----------
    pipeline : Pipeline or None
        What expressions are about.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.dataset = None if pipeline is None else pipeline.dataset
        self.indices = None if self.dataset is None else self.dataset.indices


class _Any(type(_NamedExpression)):  # type: ignore[misc]
    """Has every expression count as an instance of the class that projects subclass."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls.__dict__.get("_is_base"):
            return type.__instancecheck__(_NamedExpression, instance)
        return type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        if cls.__dict__.get("_is_base"):
            return type.__subclasscheck__(_NamedExpression, subclass)
        return type.__subclasscheck__(cls, subclass)


class NamedExpression(_NamedExpression, metaclass=_Any):
    """Base class for expressions of a project's own.

    A subclass overrides `get`, and `assign` if it can be stored to; both get ``batch=`` and
    ``pipeline=``. Where there is no batch they get a `_DummyBatch`.

    Parameters
    ----------
    name : object
        What it refers to.
    mode : {'w', 'a', 'e', 'u'}
        How values are stored.
    **kwargs
        What it is bound to, as `set_params` takes it.

    Examples
    --------
    >>> class Doubled(NamedExpression):
    ...     def get(self, **kwargs):
    ...         name, kwargs = self._get_params(**kwargs)
    ...         return 2 * getattr(kwargs['batch'], name)
    >>> from ironbatch.compat.batch import Batch
    >>> eval_expr(Doubled('size') + 1, batch=Batch(3))
    7
    """

    _is_base = True

    def __init__(self, name: Any = None, mode: str = "w", **kwargs: Any) -> None:
        super().__init__(name, mode)
        own = self.__dict__
        own["name"], own["mode"], own["params"] = name, mode, kwargs

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("name", "mode"):
            super().__setattr__(f"_{name}", value)

    def set_params(self, **kwargs: Any) -> None:
        """Bind the expression, so that `get` and `set` need no further arguments."""
        self.__dict__["params"] = kwargs

    def _get_params(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Give the name, and what the expression is about: what it is bound to goes first."""
        given = dict(kwargs)
        given.update({key: one for key, one in self.params.items() if one is not None})
        if given.get("batch") is None:
            given["batch"] = _DummyBatch(given.get("pipeline"))
        return self._get_name(**given), given

    def _get_name(self, **kwargs: Any) -> Any:
        """Give the name, computed if it is an expression itself."""
        name = self.name
        if not type.__instancecheck__(_NamedExpression, name):
            return name
        known = {key: kwargs.get(key) for key in ("batch", "pipeline")}
        if type(known["batch"]) is _DummyBatch:
            known["batch"] = None
        return eval_expr(name, **known)

    def _about(self, batch: Any, scope: Scope) -> dict[str, Any]:
        given = {"batch": batch, "pipeline": scope.pipeline}
        given.update({key: one for key, one in self.params.items() if one is not None})
        if given["batch"] is None:
            given["batch"] = _DummyBatch(given["pipeline"])
        return given

    def _value(self, batch: Any, scope: Scope) -> Any:
        if type(self).get is NamedExpression.get:
            raise NotImplementedError(f"{type(self).__name__} defines no get")
        return self.get(**self._about(batch, scope))

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        if type(self).assign is NamedExpression.assign:
            raise NotImplementedError(f"{type(self).__name__} defines no assign")
        self.assign(value, **self._about(batch, scope))

    def get(self, **kwargs: Any) -> Any:
        """Compute the expression; a subclass overrides it."""
        raise NotImplementedError(f"{type(self).__name__} defines no get")

    def assign(self, value: Any, **kwargs: Any) -> None:
        """Store a value; a subclass overrides it."""
        raise NotImplementedError(f"{type(self).__name__} defines no assign")

    def set(self, value: Any, mode: str | None = None, eval: bool = True, **kwargs: Any) -> None:
        """Store a value; see `ironbatch.NamedExpression.set`."""
        bound = self.params
        batch = kwargs.get("batch") or bound.get("batch")
        pipeline = kwargs.get("pipeline") or bound.get("pipeline")
        super().set(value, mode, eval, batch=batch, pipeline=pipeline)

    def _bind(self, batch: Any, scope: Scope) -> _NamedExpression:
        twin = super()._bind(batch, scope)
        twin.__dict__["params"] = {"batch": batch, "pipeline": scope.pipeline}
        return twin
