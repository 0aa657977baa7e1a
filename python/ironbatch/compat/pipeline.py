"""Pipelines with BatchFlow's order of items and the private names that projects read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ironbatch.compat.actions import as_dict, as_step
from ironbatch.namedexpr import NamedExpression, eval_expr
from ironbatch.pipeline import Pipeline as _Pipeline
from ironbatch.pipeline.run.run import RunOptions

__all__ = ["Pipeline"]


class Pipeline(_Pipeline):
    """A chain of actions; see `ironbatch.Pipeline`.

    Runs shuffle as BatchFlow does: an int as `shuffle` gives the very batches that it gives there.

    Parameters
    ----------
    dataset, config, pipeline, strict, proba, repeat
        See `ironbatch.Pipeline`.
    actions : iterable of dict or Step, optional
        Start with these, as `_actions` gives them.

    Examples
    --------
    >>> from ironbatch.compat.dataset import Dataset
    >>> pipeline = Dataset(5).p.do_nothing()
    >>> [action['name'] for action in pipeline._actions]
    ['do_nothing']
    >>> [batch.indices.tolist() for batch in pipeline.gen_batch(3, shuffle=0)]
    [[1, 4, 2], [0, 3]]
    """

    def __init__(
        self,
        dataset: Any = None,
        config: Any = None,
        pipeline: Any = None,
        actions: Iterable[Any] | None = None,
        strict: bool = False,
        proba: Any = None,
        repeat: Any = None,
    ) -> None:
        steps = None if actions is None else [as_step(action) for action in actions]
        super().__init__(dataset, config, pipeline, steps, strict, proba, repeat)

    # Names below the public surface

    @property
    def _actions(self) -> list[dict[str, Any]]:
        """The steps as dictionaries; a new list each time, so a change of it has to be set."""
        actions = [as_dict(step) for step in self.steps]
        if self.rebatched is None:
            return actions
        source = self.rebatched
        first = {
            "name": "#_rebatch",
            "args": (),
            "kwargs": {},
            "proba": None,
            "repeat": None,
            "batch_size": source.batch_size,
            "pipeline": source.pipeline,
            "merge": source.merge,
            "components": source.components,
            "batch_class": source.batch_class,
        }
        return [first, *actions]

    @_actions.setter
    def _actions(self, actions: Iterable[Any]) -> None:
        self.steps = tuple(as_step(a) for a in actions if not _is_source(a))

    def _eval_expr(self, expr: Any, batch: Any = None, no_eval: Any = None) -> Any:
        """Compute an expression for this pipeline and a batch."""
        return eval_expr(expr, no_eval, batch=batch, pipeline=self)

    def _add_action(
        self, name: str, *args: Any, _args: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Self:
        """Add an action by its name."""
        added = {"name": name, "args": args, "kwargs": kwargs, **(_args or {})}
        return self._with(as_step(added))

    @classmethod
    def from_pipeline(
        cls, pipeline: Any, actions: Any = None, proba: Any = None, repeat: Any = None
    ) -> Any:
        """Make a pipeline of another one, with other actions, or left to chance or repeated."""
        made = cls(pipeline=pipeline, actions=actions)
        if proba is not None:
            made = made @ proba
        return made if repeat is None else made * repeat

    @classmethod
    def concat(cls, pipe1: Any, pipe2: Any) -> Any:
        """Put two pipelines one after the other."""
        return pipe1 + pipe2

    def get_last_action_proba(self) -> Any:
        """Give the chance of the last action."""
        return self.steps[-1].proba

    def get_last_action_repeat(self) -> Any:
        """Give how often the last action is repeated."""
        return self.steps[-1].repeat

    def append_pipeline(self, pipeline: Any, proba: Any = None, repeat: Any = None) -> Self:
        """Add another pipeline as a single step, in place."""
        made = super().append_pipeline(pipeline, proba, repeat)
        self.steps = made.steps
        self.variables, self.models = made.variables, made.models
        return self

    def is_method_from_ns(self, name: str) -> bool:
        """Whether a namespace of the pipeline has a function of that name."""
        return self.find_function(name) is not None

    def get_method(self, name: str) -> Any:
        """Give the function of that name in the namespaces, or None."""
        return self.find_function(name)

    def _all_namespaces(self) -> tuple[Any, ...]:
        import sys

        names = super()._all_namespaces()
        found = tuple(sys.modules[n] if isinstance(n, str) else n for n in names)
        dataset = self.__dict__.get("_dataset")
        if dataset is None or isinstance(dataset, NamedExpression):
            return found
        return (*found, dataset)

    # Runs

    def _run_options(self, given: dict[str, Any], batch_kwargs: dict[str, Any]) -> RunOptions:
        options = super()._run_options({"order": "numpy", **given}, batch_kwargs)
        shuffle = options.shuffle
        if (
            options.order != "numpy"
            or isinstance(shuffle, bool | np.bool_)
            or not isinstance(shuffle, int | np.integer)
            or shuffle < 0
        ):
            return options
        # There the first child of the seed shuffles, the others go to the actions.
        child = np.random.SeedSequence(int(shuffle)).spawn(1)[0]
        seed = int(shuffle) if options.seed is None else options.seed
        return replace(options, shuffle=child, seed=seed)

    def reset(self, *what: Any, profile: Any = False, seed: Any = None) -> Self:
        """Start anew; see `ironbatch.Pipeline.reset`. True is ``'iter'``, False is nothing.

        Parameters
        ----------
        *what : str, list of str, bool or None
            What starts anew.
        profile, seed
            Not used: they are arguments of a run.
        """
        return super().reset(*("iter" if w is True else None if w is False else w for w in what))

    def get_variable(self, name: Any, *args: Any, create: bool = False, **kwargs: Any) -> Any:
        """Give the value of a variable; further arguments are those of `init_variable`.

        Parameters
        ----------
        name : hashable
            Its name.
        *args, **kwargs
            With which an unknown variable is made.
        create : bool
            Make an unknown variable without a warning.
        """
        if args or kwargs:
            self.variables.create(name, *args, **{**kwargs, "pipeline": self})
        return super().get_variable(name, None, create)

    v = get_variable

    def get_model_by_name(self, name: Any, batch: Any = None) -> Any:
        """Give a model; see `ironbatch.Pipeline.get_model_by_name`."""
        return super().get_model_by_name(self._eval_expr(name, batch), batch=batch)

    m = get_model_by_name

    def load_model(
        self,
        name: Any,
        model_class: Any = None,
        mode: str = "dynamic",
        *args: Any,
        build: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Make a model that loads itself, or have one that is declared load itself.

        Parameters
        ----------
        name : str
            Its name.
        model_class : type, optional
            Its class. It is made with ``config={'load': kwargs, 'build': build}``.
        mode : {'static', 'dynamic'}
            Whether it is made now or with the first batch.
        *args, **kwargs
            For its ``load``.
        build : object, optional
            For the config.
        """
        if model_class is None or isinstance(model_class, str):
            given = () if model_class is None else (model_class,)
            return super().load_model(name, *given, *args, **kwargs)
        return self.init_model(name, model_class, mode, config={"load": kwargs, "build": build})

    def load_model_now(self, name: Any, *args: Any, batch: Any = None, **kwargs: Any) -> Self:
        """Make a model that loads itself at once; see `load_model`."""
        if not args or isinstance(args[0], str):
            return super().load_model_now(name, *args, batch=batch, **kwargs)
        kwargs.pop("mode", None)
        return self.load_model(name, args[0], "static", **kwargs)

    def update_variable(self, name: Any, value: Any = None, mode: str = "w") -> Self:
        """Store a value to a variable for each batch; ``update(V(name), value)`` does it too."""
        from ironbatch.namedexpr import V

        return self.update(V(name, mode=mode), value)

    def del_variable(self, name: Any) -> Self:
        """Remove a variable; another name of `delete_variable`."""
        return self.delete_variable(name)


def _is_source(action: Any) -> bool:
    return isinstance(action, Mapping) and action["name"] == "#_rebatch"
