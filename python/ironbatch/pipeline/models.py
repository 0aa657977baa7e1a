"""The models of a pipeline, by name."""

from __future__ import annotations

import threading
from difflib import get_close_matches
from typing import Any, Protocol, runtime_checkable

from ironbatch.config import Config
from ironbatch.namedexpr import NamedExpression, eval_expr

__all__ = ["Model", "Models"]


@runtime_checkable
class Model(Protocol):
    """What a pipeline asks of a model: any class with these methods is one.

    The class is called as ``model_class(config=config)``.
    """

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Learn from the data of one batch."""

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Give the predictions for the data of one batch."""

    def save(self, path: Any) -> None:
        """Write the model to a file."""

    def load(self, path: Any) -> None:
        """Read the model from a file."""


class _Plan:
    """A model that is not made yet."""

    def __init__(self, name: str, model_class: Any, config: Any) -> None:
        self.name = name
        self.model_class = model_class
        self.config = config

    def make(self, pipeline: Any, batch: Any) -> Any:
        model_class = self.model_class
        if isinstance(model_class, NamedExpression):
            model_class = eval_expr(model_class, batch=batch, pipeline=pipeline)
        config = eval_expr(self.config, batch=batch, pipeline=pipeline)
        if not callable(model_class):
            raise TypeError(
                f"the class of model {self.name!r} must be callable, got {model_class!r}"
            )
        return model_class(
            config=Config(config) if isinstance(config, dict) else config or Config()
        )


class Models:
    """Models by name; those that are not made yet are made when they are first used."""

    def __init__(self) -> None:
        self._models: dict[str, Any] = {}
        self._guard = threading.RLock()

    def add(self, name: str, model_class: Any, mode: str, config: Any, pipeline: Any) -> None:
        """Make a model, now or at its first use.

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

        Raises
        ------
        ValueError
            If the mode is unknown.
        """
        if mode not in ("static", "dynamic"):
            raise ValueError(f"mode of a model is 'static' or 'dynamic', got {mode!r}")
        plan = _Plan(name, model_class, config)
        with self._guard:
            self._models[name] = plan.make(pipeline, None) if mode == "static" else plan

    def get(self, name: str, pipeline: Any = None, batch: Any = None) -> Any:
        """Give a model, making it if need be.

        Raises
        ------
        KeyError
            If there is no model of that name.
        """
        model = self._models.get(name)
        if model is None:
            near = get_close_matches(str(name), list(self._models), n=3)
            hint = f"; near names: {', '.join(near)}" if near else ""
            raise KeyError(f"the pipeline has no model {name!r}{hint}")
        if isinstance(model, _Plan):
            with self._guard:
                model = self._models[name]
                if isinstance(model, _Plan):
                    model = self._models[name] = model.make(pipeline, batch)
        return model

    def import_from(self, name: str, source: Any, batch: Any = None) -> None:
        """Share a model: of another pipeline, by its name there, or an object."""
        models = getattr(source, "models", None)
        if isinstance(models, Models):
            source = models.get(name, source, batch)
        with self._guard:
            self._models[name] = source

    def reset(self, plans: Models | None = None) -> None:
        """Forget what was made of `plans`, the models as they were declared."""
        if plans is not None:
            self._models = dict(plans._models)

    def copy(self) -> Models:
        """Make a directory that shares the models."""
        twin = Models()
        twin._models = dict(self._models)
        return twin

    def merge(self, other: Models) -> None:
        """Add the models of another directory whose names are not there yet."""
        for name, model in other._models.items():
            self._models.setdefault(name, model)

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def __getstate__(self) -> dict[str, Any]:
        return self._models

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self._models = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._models,)


def _rebuild(models: dict[str, Any]) -> Models:
    directory = Models()
    directory._models = models
    return directory
