"""The part of a pipeline that holds variables, models and configuration."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

from ironbatch.config import Config
from ironbatch.namedexpr import eval_expr
from ironbatch.pipeline.shared.models import Models, method_of, naming
from ironbatch.pipeline.shared.variables import Variables

__all__ = ["Declarations"]


class Declarations:
    """Variables, models and config: all of it is declared in place and returns the pipeline."""

    variables: Variables
    models: Models
    config: Config
    before: Any
    after: Any

    # Configuration

    def set_config(self, config: Any, clear: bool = False) -> Self:
        """Change the config.

        Parameters
        ----------
        config : Config or dict
            What it holds from now on, beside what it has held; subtrees are merged.
        clear : bool
            Forget what it has held.
        """
        if clear:
            self.config = Config(config).copy()
        else:
            self.config.update(config)
        return self

    def update_config(self, config: Any) -> Self:
        """Write options into the config, as `set_config` does."""
        self.config.update(config)
        return self

    # Variables

    def init_variable(
        self,
        name: Hashable,
        default: Any = None,
        lock: bool = True,
        *,
        init_on_each_run: Any = None,
        factory: Any = None,
    ) -> Self:
        """Declare a variable.

        Parameters
        ----------
        name : hashable
            Its name, often a str.
        default : object
            Its first value. It is not reset by a run; ``reset='vars'`` does that.
        lock : bool
            Whether changes take a lock.
        init_on_each_run : object, optional
            Set the variable at the start of each run: to this value, or if it is callable, to what
            it returns.
        factory : callable, optional
            Called for the first value, and again by ``reset='vars'``.
        """
        on_each_run = init_on_each_run is not None and init_on_each_run is not False
        if on_each_run and init_on_each_run is not True:
            if callable(init_on_each_run):
                factory = init_on_each_run
            else:
                default = init_on_each_run
        self.variables.create(name, default, lock, factory, on_each_run, self)
        return self

    def init_variables(self, *variables: Any) -> Self:
        """Declare several variables: a dict of names and defaults, or names."""
        for group in variables:
            self.variables.create_many(group, self)
        return self

    def get_variable(self, name: Hashable, default: Any = None, create: bool = False) -> Any:
        """Give the value of a variable.

        Parameters
        ----------
        name : hashable
            Its name.
        default : object
            The value with which an unknown variable is made.
        create : bool
            Make an unknown variable without a warning.

        Raises
        ------
        KeyError
            If it is unknown and the pipeline is strict.
        """
        return self.variables.get(name, default, create, self)

    v = get_variable

    def set_variable(self, name: Hashable, value: Any, mode: str = "w", batch: Any = None) -> Self:
        """Change the value of a variable.

        Parameters
        ----------
        name : hashable
            Its name.
        value : object
            The value; expressions in it are computed.
        mode : {'w', 'a', 'e', 'u'}
            Write it, append it, extend a list, or update a set or dictionary.
        batch : Batch, optional
            What expressions are about.
        """
        from ironbatch.namedexpr import V

        V(name, mode=mode).set(value, batch=batch, pipeline=self)
        return self

    def assign_variable(self, name: Hashable, value: Any) -> Self:
        """Change the value of a variable; expressions are not computed."""
        self.variables.set(name, value, self)
        return self

    def has_variable(self, name: Hashable) -> bool:
        """Whether there is a variable of that name."""
        return name in self.variables

    def delete_variable(self, name: Hashable) -> Self:
        """Remove a variable.

        Raises
        ------
        KeyError
            If there is no such variable.
        """
        self.variables.delete(name)
        return self

    del_variable = delete_variable

    def delete_all_variables(self) -> Self:
        """Remove all variables."""
        self.variables.clear()
        return self

    def lock(self, name: Hashable = "lock") -> Any:
        """Give the lock of that name, which all batches of the pipeline share."""
        return self.variables.lock(name)

    # Models

    def init_model(
        self,
        name: str,
        model_class: Any = None,
        mode: str = "dynamic",
        config: Any = None,
        source: Any = None,
    ) -> Self:
        """Declare a model, in the place of an earlier one of that name.

        Parameters
        ----------
        name : str
            Its name.
        model_class : callable or NamedExpression
            Called as ``model_class(config=config)``; see `ironbatch.models.Model`. By default the
            option ``'model_class'`` of `config`, or ``'<name>/model_class'`` or ``'model_class'``
            of the config of the pipeline.
        mode : {'static', 'dynamic'}
            Make it now, or when a batch first uses it.
        config : Config, dict or NamedExpression
            For the class; a dynamic model's may hold expressions of the first batch.
        source : Pipeline, model or NamedExpression, optional
            Share the model of that name with another pipeline, or an object, instead.

        Raises
        ------
        ValueError
            If the mode is unknown, or nothing says what the class is.
        """
        if model_class is None and source is None:
            from_config = None
            if isinstance(config, Config | dict):
                config = Config(config).copy()
                from_config = config.pop("model_class", None)
            if from_config is None:
                from_config = self.config.get(f"{name}/model_class", self.config.get("model_class"))
            if from_config is None:
                raise ValueError(f"model {name!r} needs a model_class")
            model_class = from_config
        self.models.add(name, model_class, mode, config, self, source)
        return self

    def get_model_by_name(self, name: str, batch: Any = None) -> Any:
        """Give a model; a dynamic one is made now if it was not used before.

        Parameters
        ----------
        name : str
            Its name.
        batch : Batch, optional
            What expressions in its config are about.

        Raises
        ------
        KeyError
            If there is no such model.
        """
        return self.models.get(name, self, batch)

    m = get_model_by_name

    @property
    def model(self) -> Any:
        """The only model of the pipeline.

        Raises
        ------
        ValueError
            If there is none or more than one.
        """
        names = self.models.names()
        if len(names) != 1:
            raise ValueError(f"the pipeline has {len(names)} models, so ask for one by name")
        return self.get_model_by_name(names[0])

    def save_model_once(self, name: str, *args: Any, **kwargs: Any) -> Self:
        """Let a model save itself after each run; declared in place."""
        self.after.save_model(name, *args, **kwargs)
        return self

    def load_model_once(self, name: str, *args: Any, **kwargs: Any) -> Self:
        """Let a model load itself before each run; declared in place."""
        self.before.load_model(name, *args, **kwargs)
        return self

    def save_model_now(self, name: str, *args: Any, batch: Any = None, **kwargs: Any) -> Self:
        """Let a model save itself.

        Parameters
        ----------
        name : str
            The model.
        *args, **kwargs
            For its method `save`; expressions among them are computed.
        batch : Batch, optional
            What they are about.
        """
        return self._call_model("save", name, args, kwargs, batch)

    def load_model_now(self, name: str, *args: Any, batch: Any = None, **kwargs: Any) -> Self:
        """Let a model load itself; see `save_model_now`."""
        return self._call_model("load", name, args, kwargs, batch)

    def _call_model(
        self, what: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], batch: Any
    ) -> Self:
        model = self.get_model_by_name(name, batch)
        with naming(f"in {what} of model {name!r}"):
            args, kwargs = self.eval_expr((args, kwargs), batch)
            method_of(model, name, what)(*args, **kwargs)
        return self

    def eval_expr(self, expr: Any, batch: Any = None) -> Any:
        """Compute named expressions for this pipeline."""
        return eval_expr(expr, batch=batch, pipeline=self)
