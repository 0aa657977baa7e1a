"""The class that users chain actions on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from ironbatch.config import Config
from ironbatch.namedexpr import NamedExpression
from ironbatch.pipeline.chain import builtin  # noqa: F401 - registers the built-in steps
from ironbatch.pipeline.chain.adding import Adding
from ironbatch.pipeline.chain.known import class_after, class_before, first_class
from ironbatch.pipeline.chain.once import OncePipeline
from ironbatch.pipeline.chain.step import Step, checked_chance, checked_times
from ironbatch.pipeline.chain.text import chain_text
from ironbatch.pipeline.plan.plan import unknown_action
from ironbatch.pipeline.run.data_loaders import DataLoaders
from ironbatch.pipeline.run.failures import Failures
from ironbatch.pipeline.run.rebatch import Rebatched
from ironbatch.pipeline.shared.model_steps import ModelSteps
from ironbatch.pipeline.shared.models import Models
from ironbatch.pipeline.shared.variables import Variables
from ironbatch.type_variables import BatchT

__all__ = ["Pipeline"]


class Pipeline(DataLoaders, ModelSteps, Adding[BatchT]):
    """A chain of actions that is written now and carried out later, batch by batch.

    Adding an action gives a new pipeline and leaves this one as it is; variables, models, the
    config, `before` and `after` are declared in place. With a dataset, a misspelt action fails when
    the chain is written; without one any public name is accepted and looked up when the first batch
    comes.

    Parameters
    ----------
    dataset : Dataset or NamedExpression, optional
        What it runs over; ``dataset >> pipeline`` gives one later. An expression, such as
        ``dataset.CV(C('fold')).train``, is computed when the pipeline runs.
    config : Config or dict, optional
        Options for `C` expressions; a `Config` is shared.
    pipeline : Pipeline, optional
        Start with what this one has.
    actions : iterable of Step, optional
        Start with these steps rather than those of `pipeline`.
    strict : bool
        Refuse variables that were not initialised, rather than making them with a warning.
    proba, repeat : float and int or NamedExpression, optional
        Chance and repetition of the whole chain.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import B, Batch, Dataset, Pipeline, V, action
    >>> class Numbers(Batch):
    ...     components = 'values'
    ...
    ...     @action
    ...     def scale(self, factor):
    ...         self.values = self.values * factor
    ...         return self
    >>> template = Pipeline().init_variable('total', 0).scale(2).update(
    ...     V('total'), V('total') + B.values.sum())
    >>> dataset = Dataset(6, Numbers, preloaded=np.arange(6))
    >>> pipeline = (dataset >> template).run(batch_size=4)
    >>> int(pipeline.v('total'))
    30
    """

    def __init__(
        self,
        dataset: Any = None,
        config: Any = None,
        pipeline: Pipeline | None = None,
        actions: Iterable[Step] | None = None,
        strict: bool = False,
        proba: Any = None,
        repeat: Any = None,
    ) -> None:
        self.failures = Failures()
        self.profile = None
        self.run_time = None
        self._later = None
        self._iterator = None
        self._random = None
        if pipeline is None:
            self.dataset = dataset
            self.config = config if isinstance(config, Config) else Config(config)
            self.steps: tuple[Step, ...] = tuple(actions or ())
            self.namespaces: tuple[Any, ...] = ()
            self.variables = Variables(strict)
            self.models = Models()
            self.before = OncePipeline(self)
            self.after = OncePipeline(self)
            self.rebatched: Rebatched | None = None
        else:
            self.dataset = pipeline._dataset if dataset is None else dataset
            self.config = pipeline.config.copy()
            if config is not None:
                self.config.update(config)
            self.steps = pipeline.steps if actions is None else tuple(actions)
            self.namespaces = pipeline.namespaces
            self.models = pipeline.models.copy()
            self.before = OncePipeline(self)
            self.before.steps = pipeline.before.steps
            self.after = OncePipeline(self)
            self.after.steps = pipeline.after.steps
            self.rebatched = pipeline.rebatched
            self._later = pipeline._later
            self.shard_of = pipeline.shard_of
            self._pending = pipeline._pending
            self.variables = pipeline.variables.copy(self)
            self.variables.strict = strict or pipeline.variables.strict
        if proba is not None or repeat is not None:
            _refuse_parts(self, "be repeated or left to chance as a whole; say so of its parts")
            whole = Pipeline(actions=self.steps)
            self.steps = (Step("pipeline", nested=whole, proba=proba, repeat=repeat),)

    # Writing the chain

    def _with(self, *steps: Step) -> Self:
        return type(self)(pipeline=self, actions=(*self.steps, *steps))

    def _fed_by(self, source: Rebatched) -> Self:
        result = type(self)(pipeline=self, actions=())
        result.rebatched = source
        return result

    def __getattr__(self, name: str) -> Callable[..., Self]:
        if name.startswith("_") or "steps" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        is_function = self._check_name(name)

        def add(*args: Any, **kwargs: Any) -> Any:
            save_to = kwargs.pop("save_to", None) if is_function else None
            return self._with(Step(name, args, kwargs, save_to=save_to))

        add.__name__ = name
        return add

    def _check_name(self, name: str) -> bool:
        """Refuse a name that no batch has here; say whether it is a function of a namespace."""
        start = first_class(self)
        if start is None:
            return self.find_function(name) is not None
        cls = class_after(self.steps, class_before(self))
        if cls is not None and callable(getattr(cls, name, None)):
            return False
        if self.find_function(name) is not None:
            # Where an action may give batches of another class, that class may have the name too.
            return cls is not None or not callable(getattr(start, name, None))
        if cls is None and _some_batch_has(name):
            return False
        raise AttributeError(unknown_action(name, cls or start, self, certain=cls is not None))

    def add_namespace(self, *namespaces: Any) -> Self:
        """Let functions of modules, classes or objects be written as steps.

        They are called without the batch, with the arguments as written (`B` stands for the batch),
        and ``save_to=`` says where the result goes. Functions of ``__main__`` need no
        `add_namespace`.
        """
        self.namespaces = (*self.namespaces, *(n for n in namespaces if n not in self.namespaces))
        return self

    def _all_namespaces(self) -> tuple[Any, ...]:
        main = sys.modules.get("__main__")
        return self.namespaces if main is None else (*self.namespaces, main)

    def find_function(self, name: str) -> Callable[..., Any] | None:
        """Give the function of that name in the namespaces, or None."""
        for namespace in self._all_namespaces():
            function = getattr(namespace, name, None)
            if callable(function):
                return function  # type: ignore[no-any-return]
        return None

    def function_names(self) -> list[str]:
        """Give the names of all functions in the namespaces."""
        return [
            name
            for namespace in self._all_namespaces()
            for name in dir(namespace)
            if not name.startswith("_") and callable(getattr(namespace, name, None))
        ]

    # Algebra

    def _merged(self, other: Pipeline, steps: tuple[Step, ...]) -> Self:
        result = type(self)(pipeline=self, actions=steps)
        if result._dataset is None:
            result.dataset = other._dataset
        result.config = other.config + result.config
        result.variables.merge(other.variables, result)
        result.models.merge(other.models)
        result.before.steps = [*self.before.steps, *other.before.steps]
        result.after.steps = [*self.after.steps, *other.after.steps]
        result.namespaces = (
            *self.namespaces,
            *(n for n in other.namespaces if n not in self.namespaces),
        )
        result._later = self._later or other._later
        result._pending = self._pending or other._pending
        return result

    def __add__(self, other: Any) -> Self:
        if isinstance(other, OncePipeline):
            other = other.pipeline
        if not isinstance(other, Pipeline):
            return NotImplemented
        if other.rebatched is None:
            return self._merged(other, (*self.steps, *other.steps))
        inner = self + other.rebatched.pipeline
        result = self._merged(other, other.steps)
        result.rebatched = replace(other.rebatched, pipeline=inner)
        return result

    def append_pipeline(self, pipeline: Pipeline, proba: Any = None, repeat: Any = None) -> Self:
        """Add another pipeline as a single step.

        Parameters
        ----------
        pipeline : Pipeline
            Its actions, variables and models; its dataset does not count.
        proba, repeat : float and int or NamedExpression, optional
            Chance and repetition of the step.

        Raises
        ------
        ValueError
            If that pipeline has `rebatch` or `merge`, which no single step can do.
        """
        _refuse_parts(pipeline, "be a single step of another one; add it with +")
        step = Step("pipeline", nested=pipeline, proba=proba, repeat=repeat)
        return self._merged(pipeline, (*self.steps, step))

    def _modified(self, **change: Any) -> Self:
        _refuse_parts(self, "be repeated or left to chance as a whole; say so of its parts")
        if len(self.steps) == 1:
            (only,) = self.steps
            (name,) = change
            if getattr(only, name) is None:
                return type(self)(pipeline=self, actions=(replace(only, **change),))
        nested = Pipeline(actions=self.steps)
        return type(self)(pipeline=self, actions=(Step("pipeline", nested=nested, **change),))

    def __matmul__(self, proba: Any) -> Self:
        expression = isinstance(proba, NamedExpression)
        return self._modified(proba=proba if expression else checked_chance(proba))

    def __mul__(self, repeat: Any) -> Self:
        expression = isinstance(repeat, NamedExpression)
        return self._modified(repeat=repeat if expression else checked_times(repeat))

    def __lshift__(self, other: Any) -> Self:
        from ironbatch.index import Baseset

        if isinstance(other, Config | Mapping):
            result = type(self)(pipeline=self)
            result.config.update(other)
            return result
        if not isinstance(other, Baseset | NamedExpression):
            raise TypeError(f"a pipeline takes a dataset or a config, got a {type(other).__name__}")
        result = type(self)(pipeline=self)
        result.set_dataset(other)
        return result

    def __rrshift__(self, other: Any) -> Self:
        return self.__lshift__(other)

    def set_dataset(self, dataset: Any) -> Self:
        """Give the pipeline its dataset, in place; a pipeline that feeds this one gets it too."""
        self.dataset = dataset
        if self.rebatched is not None:
            self.rebatched = replace(self.rebatched, pipeline=self.rebatched.pipeline << dataset)
        return self

    @property
    def dataset(self) -> Any:
        """The dataset that it runs over, or None; an expression is computed at each use."""
        own = self._dataset
        return own.get(pipeline=self) if isinstance(own, NamedExpression) else own

    @dataset.setter
    def dataset(self, dataset: Any) -> None:
        self._dataset = dataset

    # As an object

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    @property
    def index(self) -> Any:
        """The index of the dataset; None without one."""
        return None if self.dataset is None else self.dataset.index

    @property
    def indices(self) -> Any:
        """Ids of the items of the dataset; None without one."""
        return None if self.dataset is None else self.dataset.indices

    def __len__(self) -> int:
        return 0 if self.dataset is None else len(self.dataset)

    def __bool__(self) -> bool:
        # A pipeline without a dataset is a pipeline all the same.
        return True

    def __dir__(self) -> list[str]:
        """Give the actions of the batch class too, for those who look for a name."""
        cls = class_after(self.steps, class_before(self))
        actions = (name for name in dir(cls) if not name.startswith("_")) if cls else ()
        return sorted(
            {*super().__dir__(), *(name for name in actions if callable(getattr(cls, name, None)))}
        )

    @property
    def num_actions(self) -> int:
        """How many steps the chain has."""
        return len(self.steps)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_iterator": None, "_random": None, "_standing": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __copy__(self) -> Self:
        return type(self)(pipeline=self)

    def __repr__(self) -> str:
        return chain_text(self)

    def _repr_html_(self) -> str:
        from ironbatch.pipeline.chain.explain import explained
        from ironbatch.pipeline.chain.html import as_html

        return as_html(type(self).__name__, explained(self))

    def explain(self, *, fuse: bool = True) -> str:
        """Say in words what a run does with each batch; nothing is computed and nothing runs.

        Parameters
        ----------
        fuse : bool
            As for `gen_batch`: with False no steps are carried out in one pass over the items.

        Returns
        -------
        str
            For each step: its number, how it was written, what it is, which arguments hold
            expressions, whether batches take turns, whether prefetch in processes carries it out
            in a worker, and which native steps can be done in one pass over the items.

        Raises
        ------
        TypeError
            If `fuse` is no bool.

        Examples
        --------
        >>> from ironbatch import B, Dataset, V
        >>> pipeline = Dataset(10).p.init_variable('n', 0).do_nothing().update(V('n'), B.size)
        >>> print(pipeline.explain())
        over Dataset of 10 items, batches of class Batch
          variables: 'n'
          0. do_nothing(): action of Batch
               (with target='mpc' in a worker)
          1. update(V('n'), B.size): stores B.size to V('n')
               (in the order of the batches; with target='mpc' at home)
        """
        from ironbatch.pipeline.chain.explain import Explained, as_text, explained
        from ironbatch.pipeline.plan.fusion import checked_fuse

        return Explained("\n".join(as_text(explained(self, fuse=checked_fuse(fuse)))))


def _refuse_parts(pipeline: Pipeline, what: str) -> None:
    """Refuse a pipeline of several parts where only the last one would count."""
    if pipeline.rebatched is not None:
        raise ValueError(f"a pipeline with rebatch or merge cannot {what}")


def _some_batch_has(name: str) -> bool:
    """Whether any batch class that is loaded has an attribute of that name."""
    from ironbatch._core import BatchBase

    waiting: list[type] = [BatchBase]
    while waiting:
        cls = waiting.pop()
        if callable(getattr(cls, name, None)):
            return True
        waiting.extend(cls.__subclasses__())
    return False
