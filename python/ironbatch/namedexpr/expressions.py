"""The expressions that pipelines use: what each letter refers to."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ironbatch.namedexpr.base import NamedExpression, evaluate, has_expression
from ironbatch.namedexpr.scope import Scope
from ironbatch.namedexpr.written import call

__all__ = ["IF", "B", "C", "D", "F", "I", "L", "M", "OfPipeline", "V", "W"]

_MISSING: Any = object()


class B(NamedExpression):
    """The batch, or an attribute or component of it; ``B.images`` is ``B('images')``.

    Parameters
    ----------
    name : str or NamedExpression, optional
        The attribute; the batch itself by default.
    mode : {'w', 'a', 'e', 'u'}
        How values are stored.
    copy : bool
        Give a deep copy.
    """

    def __init__(self, name: Any = None, mode: str = "w", copy: bool = False) -> None:
        super().__init__(name, mode)
        self._copy = copy

    def _value(self, batch: Any, scope: Scope) -> Any:
        if batch is None:
            raise ValueError(f"{self!r} needs a batch, and there is none here")
        name = self._name
        if name is None:
            value = batch
        elif type(name) is str:
            value = getattr(batch, name)
        else:
            value = getattr(batch, self._resolved_name(batch, scope))
        if self._copy:
            from copy import deepcopy

            return deepcopy(value)
        return value

    def _closure(self) -> Callable[[Any, Scope], Any]:
        name = self._name
        if type(self) is not B or type(name) is not str or self._copy:
            return self._compute

        kind = type(NamedExpression)

        def attribute(batch: Any, scope: Scope) -> Any:
            try:
                value = getattr(batch, name)
            except Exception:
                return self._compute(batch, scope)
            # Quicker than isinstance, which asks the metaclass.
            return value._compute(batch, scope) if type(type(value)) is kind else value

        return attribute

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        if self._name is None:
            raise TypeError("B() is the batch itself and cannot be assigned to; name an attribute")
        if batch is None:
            raise ValueError(f"{self!r} needs a batch, and there is none here")
        setattr(batch, self._resolved_name(batch, scope), value)

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), **({"copy": True} if self._copy else {})}


class OfPipeline(NamedExpression):
    """Refers to a pipeline: the one that runs, or the one that is given."""

    def __init__(self, name: Any = None, mode: str = "w", pipeline: Any = None) -> None:
        super().__init__(name, mode)
        self._pipeline = pipeline

    def _owner(self, batch: Any, scope: Scope) -> Any:
        pipeline = self._pipeline
        if pipeline is None:
            pipeline = scope.pipeline
        elif isinstance(pipeline, NamedExpression):
            pipeline = pipeline._compute(batch, scope)
        if pipeline is None:
            raise ValueError(f"{self!r} needs a pipeline, and there is none here")
        return pipeline


class C(OfPipeline):
    """An option of the pipeline's config, by its path; ``C()`` is the whole config.

    Parameters
    ----------
    name : str or NamedExpression, optional
        Path of the option, such as ``'model/lr'``.
    default : object, optional
        Its value when the config has no such option.
    mode, pipeline
        As in `V`.

    Raises
    ------
    KeyError
        When it is evaluated, without default and option.
    """

    def __init__(
        self, name: Any = None, mode: str = "w", pipeline: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name, mode, pipeline)
        self._default = kwargs.pop("default", _MISSING)
        if kwargs:
            raise TypeError(f"C takes default, mode and pipeline, got {', '.join(kwargs)}")

    def _value(self, batch: Any, scope: Scope) -> Any:
        config = self._owner(batch, scope).config
        name = self._resolved_name(batch, scope)
        if name is None:
            return config
        if self._default is _MISSING or name in config:
            value = config[name]
            # Otherwise it is the very object that the config holds, which can be appended to.
            return evaluate(value, batch, scope) if has_expression(value) else value
        return evaluate(self._default, batch, scope)

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        self._owner(batch, scope).config[self._resolved_name(batch, scope)] = value

    def _options(self) -> dict[str, Any]:
        given = {} if self._default is _MISSING else {"default": self._default}
        return {**given, **super()._options()}

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        if self._default is _MISSING:
            del state["_default"]
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("_default", _MISSING)


class V(OfPipeline):
    """A variable of the pipeline.

    Parameters
    ----------
    name : hashable or NamedExpression
        Its name.
    mode : {'w', 'a', 'e', 'u'}
        How values are stored.
    pipeline : Pipeline, optional
        Whose variable; the pipeline that runs by default.
    """

    def _value(self, batch: Any, scope: Scope) -> Any:
        name = self._resolved_name(batch, scope)
        return self._owner(batch, scope).variables.get(name)

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        self._owner(batch, scope).variables.set(self._resolved_name(batch, scope), value)

    def _lock(self, batch: Any, scope: Scope) -> Any:
        return self._owner(batch, scope).variables.guard_of(self._resolved_name(batch, scope))


class M(OfPipeline):
    """A model of the pipeline, by its name."""

    def _value(self, batch: Any, scope: Scope) -> Any:
        name = self._resolved_name(batch, scope)
        return self._owner(batch, scope).get_model_by_name(name, batch=batch)


class D(NamedExpression):
    """The dataset, or an attribute of it."""

    def _dataset(self, batch: Any, scope: Scope) -> Any:
        dataset = None
        if scope.pipeline is not None:
            dataset = scope.pipeline.dataset
        if dataset is None and batch is not None:
            dataset = batch.dataset
        if dataset is None:
            raise ValueError(f"{self!r} needs a dataset, and there is none here")
        return dataset

    def _value(self, batch: Any, scope: Scope) -> Any:
        dataset = self._dataset(batch, scope)
        name = self._resolved_name(batch, scope)
        if name is None:
            return dataset
        try:
            return getattr(dataset, name)
        except AttributeError as error:
            near = get_close_matches(str(name), dir(dataset), n=3)
            if near:
                error.add_note(f"near names: {', '.join(near)}")
            raise

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        if self._name is None:
            raise TypeError(
                "D() is the dataset itself and cannot be assigned to; name an attribute"
            )
        setattr(self._dataset(batch, scope), self._resolved_name(batch, scope), value)


class I(OfPipeline):  # noqa: E742 - the letter is its name
    """Progress of the run.

    Parameters
    ----------
    name : str
        ``'current'`` iteration from 1, ``'maximum'`` or ``'total'`` number of iterations (None when
        the run is endless), or their ``'ratio'``; any beginning of these words does.

    Raises
    ------
    ValueError
        If the name is none of these, or when the ratio of an endless run is evaluated.
    """

    _WORDS = ("current", "maximum", "total", "ratio")

    def __init__(self, name: Any = "c", mode: str = "w", pipeline: Any = None) -> None:
        if isinstance(name, str) and not any(name and w.startswith(name) for w in self._WORDS):
            raise ValueError(f"I takes {', '.join(self._WORDS)} or their beginnings, got {name!r}")
        super().__init__(name, mode, pipeline)

    def _value(self, batch: Any, scope: Scope) -> Any:
        name = self._resolved_name(batch, scope)
        if "current".startswith(name):
            return scope.iteration
        if "maximum".startswith(name) or "total".startswith(name):
            return scope.total
        if scope.total is None:
            raise ValueError("I('ratio') needs to know how many iterations the run makes")
        return scope.iteration / scope.total


class F(NamedExpression):
    """A function, called when the expression is evaluated.

    ``F(f)`` gives ``f()``, and ``F(f)(B.size)`` gives ``f(size)``.

    Parameters
    ----------
    name : callable
        The function.
    mode : str
        Not used: what a function returns cannot be assigned to.
    """

    def __init__(self, name: Callable[..., Any], mode: str = "w") -> None:
        super().__init__(name, mode)

    def _value(self, batch: Any, scope: Scope) -> Any:
        return self._callee(batch, scope)()

    def _callee(self, batch: Any, scope: Scope) -> Any:
        return self._resolved_name(batch, scope)

    def __repr__(self) -> str:
        name = getattr(self._name, "__qualname__", None) or getattr(self._name, "__name__", None)
        return f"F({name if isinstance(name, str) else repr(self._name)})"


class W(NamedExpression):
    """An expression that is handed on as it is, bound to the batch but not evaluated."""

    def _value(self, batch: Any, scope: Scope) -> Any:
        inner = self._name
        return inner._bind(batch, scope) if isinstance(inner, NamedExpression) else inner

    def _further(self, value: NamedExpression, batch: Any, scope: Scope) -> Any:
        return value


class IF(NamedExpression):
    """One of two values; only the chosen one is evaluated.

    Parameters
    ----------
    condition, true, false : object
        Values or expressions.
    """

    def __init__(self, condition: Any, true: Any, false: Any = None) -> None:
        super().__init__()
        self._condition = condition
        self._branches = (false, true)

    def _chosen(self, batch: Any, scope: Scope) -> Any:
        return self._branches[bool(evaluate(self._condition, batch, scope))]

    def _value(self, batch: Any, scope: Scope) -> Any:
        return evaluate(self._chosen(batch, scope), batch, scope)

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        chosen = self._chosen(batch, scope)
        if not isinstance(chosen, NamedExpression):
            raise TypeError(f"{chosen!r} in {self!r} cannot be assigned to")
        chosen._store(value, None, batch, scope)

    def __repr__(self) -> str:
        return call("IF", (self._condition, *reversed(self._branches)), {})


class L(B):
    """Each item of a component: ``L('images').shape`` is the list of the items' shapes.

    Attribute access, items and calls apply to every item; assigning spreads one value to each item.
    """

    def __init__(self, name: Any, mode: str = "w") -> None:
        super().__init__(name, mode)

    def _value(self, batch: Any, scope: Scope) -> Any:
        name = self._name
        if isinstance(name, NamedExpression):
            found = name._compute(batch, scope)
            return list(getattr(batch, found) if isinstance(found, str) else found)
        return list(getattr(batch, name) if isinstance(name, str) else evaluate(name, batch, scope))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Each(self, "attribute", name)

    def __getitem__(self, key: Any) -> Any:
        return _Each(self, "item", key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call every item."""
        return _Each(self, "call", (args, kwargs))


class _Each(NamedExpression):
    """One more step from each item of an `L` expression."""

    def __init__(self, base: Any, kind: str, what: Any) -> None:
        super().__init__(what)
        self._base = base
        self._kind = kind

    def _value(self, batch: Any, scope: Scope) -> Any:
        items = self._base._compute(batch, scope)
        what = evaluate(self._name, batch, scope)
        if self._kind == "attribute":
            return [getattr(item, what) for item in items]
        if self._kind == "item":
            return [item[what] for item in items]
        args, kwargs = what
        return [item(*args, **kwargs) for item in items]

    def _write(self, value: Any, batch: Any, scope: Scope) -> None:
        items = self._base._compute(batch, scope)
        if len(value) != len(items):
            raise ValueError(f"{self!r} has {len(items)} items, got {len(value)} values")
        what = evaluate(self._name, batch, scope)
        for item, one in zip(items, value, strict=True):
            if self._kind == "attribute":
                setattr(item, what, one)
            elif self._kind == "item":
                item[what] = one
            else:
                raise TypeError(f"{self!r} is a call and cannot be assigned to")

    __getattr__ = L.__getattr__
    __getitem__ = L.__getitem__
    __call__ = L.__call__

    def __repr__(self) -> str:
        if self._kind == "attribute":
            return f"{self._base!r}.{self._name}"
        if self._kind == "item":
            return repr(NamedExpression.__getitem__(self._base, self._name))
        return call(repr(self._base), *self._name)
