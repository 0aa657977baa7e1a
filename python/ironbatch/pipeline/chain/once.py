"""What a pipeline does once, before or after each run."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ironbatch.namedexpr import Scope, evaluate
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.plan.save import save_output

__all__ = ["OncePipeline"]


class OncePipeline:
    """Steps without a batch, carried out before or after every run of a pipeline.

    It has `update`, `save_to`, `call`, `init_variable`, `init_lock`, `init_model`, `import_model`,
    `save_model`, `load_model`, and functions of the pipeline's namespaces, with ``save_to=`` where
    they return something. Each is added in place.

    Parameters
    ----------
    pipeline : Pipeline
        Where it belongs.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.steps: list[Step] = []

    def _add(self, step: Step) -> OncePipeline:
        self.steps.append(step)
        return self

    def update(self, expr: Any, value: Any = None) -> OncePipeline:
        """Store a value."""
        return self._add(Step("update", (expr, value), kind="update"))

    def save_to(self, dst: Any, value: Any = None) -> OncePipeline:
        """Store a value."""
        return self.update(dst, value)

    def call(self, fn: Any, *args: Any, save_to: Any = None, **kwargs: Any) -> OncePipeline:
        """Call a function."""
        if not callable(fn):
            raise TypeError(f"call takes a function, got {fn!r}")
        return self._add(Step("call", (fn, *args), kwargs, "call", save_to))

    def init_variable(
        self, name: Hashable, default: Any = None, lock: bool = True, **kwargs: Any
    ) -> OncePipeline:
        """Set a variable at each run, making it if need be."""
        return self._add(Step("init_variable", (name, default, lock), kwargs, "init_variable"))

    def init_lock(self, name: str = "lock") -> OncePipeline:
        """Make a lock."""
        return self._add(Step("init_lock", (name,), kind="init_lock"))

    def init_model(
        self,
        name: str,
        model_class: Any = None,
        mode: str = "dynamic",
        config: Any = None,
        source: Any = None,
    ) -> OncePipeline:
        """Make a model at each run."""
        args = (name, model_class, mode, config, source)
        return self._add(Step("init_model", args, kind="init_model"))

    def import_model(self, name: str, source: Any) -> OncePipeline:
        """Share a model."""
        return self._add(Step("import_model", (name, source), kind="import_model"))

    def save_model(self, name: str, *args: Any, **kwargs: Any) -> OncePipeline:
        """Let a model save itself."""
        return self._add(Step("save_model", (name, *args), kwargs, "save"))

    def load_model(self, name: str, *args: Any, **kwargs: Any) -> OncePipeline:
        """Let a model load itself."""
        return self._add(Step("load_model", (name, *args), kwargs, "load"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        function = self.pipeline.find_function(name)
        if function is None:
            raise AttributeError(f"no namespace of the pipeline has a function {name!r}")

        def add(*args: Any, save_to: Any = None, **kwargs: Any) -> OncePipeline:
            return self._add(Step(name, (function, *args), kwargs, "call", save_to))

        return add

    def __add__(self, other: Any) -> Any:
        return self.pipeline + other

    def run(self, pipeline: Any) -> None:
        """Carry out all steps for a pipeline."""
        scope = Scope(pipeline)
        for step in self.steps:
            try:
                self._carry_out(step, pipeline, scope)
            except Exception as error:
                error.add_note(f"in step {step.name!r} before or after the run")
                raise

    def _carry_out(self, step: Step, pipeline: Any, scope: Scope) -> None:
        if step.kind == "init_model":
            pipeline.init_model(*step.args)
            return
        args = evaluate(step.args, None, scope)
        kwargs = evaluate(step.kwargs, None, scope) if step.kwargs else {}
        match step.kind:
            case "update":
                save_output(args[1], step.args[0], None, scope)
            case "call":
                save_output(args[0](*args[1:], **kwargs), step.save_to, None, scope)
            case "init_variable":
                name, default, lock = args
                pipeline.variables.create(name, default, lock, pipeline=pipeline, **kwargs)
                pipeline.variables.set(name, default)
            case "init_lock":
                pipeline.variables.lock(args[0])
            case "import_model":
                pipeline.models.import_from(args[0], args[1])
            case _:
                pipeline._call_model(step.kind, args[0], args[1:], kwargs, None)
