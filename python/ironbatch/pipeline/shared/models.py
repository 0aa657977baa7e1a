"""The models of a pipeline, by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from ironbatch.config import Config
from ironbatch.models.protocol import Model
from ironbatch.namedexpr import NamedExpression, eval_expr

__all__ = ["Model", "Models", "method_of", "naming"]


class _Plan:
    """How a model is made, or where it is taken from."""

    def __init__(self, model_class: Any, mode: str, config: Any, source: Any = None) -> None:
        self.model_class = model_class
        self.mode = mode
        self.config = config
        self.source = source

    def make(self, name: str, pipeline: Any, batch: Any) -> Any:
        with naming(f"while model {name!r} was made"):
            if self.source is not None:
                source = eval_expr(self.source, batch=batch, pipeline=pipeline)
                return _taken(name, source, batch)
            model_class = self.model_class
            if isinstance(model_class, NamedExpression):
                model_class = eval_expr(model_class, batch=batch, pipeline=pipeline)
            config = eval_expr(self.config, batch=batch, pipeline=pipeline)
            if not callable(model_class):
                raise TypeError(
                    f"the class of model {name!r} must be callable, got {model_class!r}; "
                    "an object that is a model already comes by import_model"
                )
            return model_class(
                config=Config(config) if isinstance(config, dict) else config or Config()
            )


def _taken(name: str, source: Any, batch: Any) -> Any:
    """Give a model of another pipeline, or the object itself."""
    models = getattr(source, "models", None)
    return models.get(name, source, batch) if isinstance(models, Models) else source


class Models:
    """Models by name; those that are not made yet are made when they are first used."""

    def __init__(self) -> None:
        self._plans: dict[str, _Plan] = {}
        self._made: dict[str, Any] = {}
        self._guard = threading.RLock()

    def add(
        self, name: str, model_class: Any, mode: str, config: Any, pipeline: Any, source: Any = None
    ) -> None:
        """Declare a model, in the place of an earlier one of that name.

        Parameters
        ----------
        name : str
            Its name.
        model_class : callable or NamedExpression
            Makes it.
        mode : {'static', 'dynamic'}
            Now, or with the first batch: then `config` can hold expressions of the batch.
        config : Config, dict or NamedExpression
            For the class.
        pipeline : Pipeline
            What expressions are about.
        source : Pipeline, model or NamedExpression, optional
            Where to take the model from instead.

        Raises
        ------
        ValueError
            If the mode is unknown.
        """
        if mode not in ("static", "dynamic"):
            raise ValueError(f"mode of a model is 'static' or 'dynamic', got {mode!r}")
        plan = _Plan(model_class, mode, config, source)
        model = plan.make(name, pipeline, None) if mode == "static" else None
        with self._guard:
            self._plans[name] = plan
            self._made.pop(name, None)
            if mode == "static":
                self._made[name] = model

    def get(self, name: str, pipeline: Any = None, batch: Any = None) -> Any:
        """Give a model, making it if need be.

        Raises
        ------
        KeyError
            If there is no model of that name.
        """
        made = self._made
        if name in made:
            return made[name]
        with self._guard:
            if name in self._made:
                return self._made[name]
            if name not in self._plans:
                near = get_close_matches(str(name), self.names(), n=3)
                hint = f"; near names: {', '.join(near)}" if near else ""
                raise KeyError(
                    f"the pipeline has no model {name!r}{hint}; init_model and import_model add one"
                )
            model = self._plans[name].make(name, pipeline, batch)
            self._made[name] = model
            return model

    def import_from(self, name: str, source: Any, batch: Any = None) -> None:
        """Share a model: of another pipeline, by its name there, or an object."""
        model = _taken(name, source, batch)
        with self._guard:
            self._plans.pop(name, None)
            self._made[name] = model

    def names(self) -> list[str]:
        """Give the names of all models, made or not."""
        return list({**self._plans, **self._made})

    def reset(self, pipeline: Any = None) -> None:
        """Forget the models that were made or imported; those that are declared are made again."""
        with self._guard:
            self._made = {}
            for name, plan in self._plans.items():
                if plan.mode == "static":
                    self._made[name] = plan.make(name, pipeline, None)

    def copy(self) -> Models:
        """Make a directory that shares the models."""
        twin = Models()
        with self._guard:
            twin._plans = dict(self._plans)
            twin._made = dict(self._made)
        return twin

    def merge(self, other: Models) -> None:
        """Add the models of another directory whose names are not there yet."""
        known = set(self.names())
        for name in other.names():
            if name not in known:
                for mine, theirs in ((self._plans, other._plans), (self._made, other._made)):
                    if name in theirs:
                        mine[name] = theirs[name]

    def __contains__(self, name: str) -> bool:
        return name in self._made or name in self._plans

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._plans, self._made)


def _rebuild(plans: dict[str, _Plan], made: dict[str, Any]) -> Models:
    directory = Models()
    directory._plans = plans
    directory._made = made
    return directory


def method_of(model: Any, name: str, what: str) -> Any:
    """Give a method of a model.

    Raises
    ------
    TypeError
        If it has no such method; the message names the model.
    """
    method = getattr(model, what, None)
    if not callable(method) or isinstance(model, NamedExpression):
        raise TypeError(
            f"model {name!r} is of type {type(model).__name__}, which has no method {what!r}"
        )
    return method


@contextmanager
def naming(note: str) -> Iterator[None]:
    """Note on errors what was being done."""
    try:
        yield
    except Exception as error:
        error.add_note(note)
        raise
