"""The steps that pipelines have of their own, beside the actions of batches."""

from __future__ import annotations

import sys
from typing import Any

from ironbatch._core import BatchBase
from ironbatch.namedexpr import Scope, evaluate
from ironbatch.pipeline.plan.plan import PlannedStep, step_kind
from ironbatch.pipeline.plan.save import save_output
from ironbatch.pipeline.shared import metrics  # noqa: F401 - registers gather_metrics
from ironbatch.pipeline.shared.models import method_of

__all__: list[str] = []


@step_kind("call")
class Call(PlannedStep):
    """``call(function, *args, save_to=...)``."""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Call the function and store what it returns."""
        args, kwargs = self.arguments(batch, scope)
        function, *rest = args
        output = function(*rest, **kwargs)
        if self.step.save_to is not None:
            self.save(output, batch, scope)
        elif isinstance(output, BatchBase):
            return output
        return batch


@step_kind("update")
class Update(PlannedStep):
    """``update(expression, value)`` and ``save_to(destination, value)``."""

    ordered = True

    def run(self, batch: Any, scope: Scope) -> Any:
        """Compute the value and store it."""
        destination, value = self.args
        save_output(evaluate(value, batch, scope), destination, batch, scope)
        return batch


@step_kind("print")
class Print(PlannedStep):
    """``print(...)``, with the arguments of the function of that name."""

    ordered = True

    def run(self, batch: Any, scope: Scope) -> Any:
        """Print the values of the arguments."""
        args, kwargs = self.arguments(batch, scope)
        out = kwargs.get("file") or sys.stdout
        end = kwargs.get("end", "\n")
        out.write(kwargs.get("sep", " ").join(map(str, args)) + end)
        if kwargs.get("flush"):
            out.flush()
        return batch


@step_kind("discard_batch")
class Discard(PlannedStep):
    """``discard_batch()``: the run yields None in its place, and memory is free at once."""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Mark the batch."""
        scope.discarded = True
        return batch


@step_kind("join")
class Join(PlannedStep):
    """``join(*pipelines)``: the next step has their batches among its arguments."""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Leave it to the next step."""
        return batch


@step_kind("init_lock")
class InitLock(PlannedStep):
    """``init_lock(name)``."""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Make the lock."""
        scope.pipeline.variables.lock(*self.args)
        return batch


@step_kind("acquire_lock")
class Acquire(PlannedStep):
    """``acquire_lock(name)``."""

    # In the order of the batches: a later batch that came first would hold the lock while it waits
    # for an earlier one at a step where batches take turns, and that one would wait for the lock.
    ordered = True

    def run(self, batch: Any, scope: Scope) -> Any:
        """Take the lock; it is released when the batch ends, at the latest."""
        (name,), _ = self.arguments(batch, scope)
        lock = scope.pipeline.variables.lock(name)
        if scope.record is None:
            lock.acquire()
        else:
            with scope.record.waiting():
                lock.acquire()
        scope.locks.append((name, lock))
        return batch


@step_kind("release_lock")
class Release(PlannedStep):
    """``release_lock(name)``."""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Release the lock.

        Raises
        ------
        RuntimeError
            If the batch does not hold it.
        """
        (name,), _ = self.arguments(batch, scope)
        for place in reversed(range(len(scope.locks))):
            if scope.locks[place][0] == name:
                scope.locks.pop(place)[1].release()
                return batch
        raise RuntimeError(f"release_lock({name!r}) without acquire_lock({name!r}) before it")


class _OfModel(PlannedStep):
    ordered = True
    method = ""

    def run(self, batch: Any, scope: Scope) -> Any:
        """Call the method of the model and store what it returns."""
        (name, *args), kwargs = self.arguments(batch, scope)
        model = scope.pipeline.get_model_by_name(name, batch=batch)
        try:
            output = method_of(model, name, self.method)(*args, **kwargs)
        except Exception as error:
            error.add_note(f"in {self.method} of model {name!r}")
            raise
        save_output(output, self.step.save_to, batch, scope)
        return batch


@step_kind("train_model")
class Train(_OfModel):
    """``train_model(name, *args, **kwargs)``."""

    method = "train"


@step_kind("predict_model")
class Predict(_OfModel):
    """``predict_model(name, *args, **kwargs)``."""

    method = "predict"


@step_kind("save_model")
class Save(_OfModel):
    """``save_model(name, path)``."""

    method = "save"


@step_kind("load_model")
class Load(_OfModel):
    """``load_model(name, path)``."""

    method = "load"


@step_kind("import_model")
class Import(PlannedStep):
    """``import_model(name, source)``, done once."""

    ordered = True

    def run(self, batch: Any, scope: Scope) -> Any:
        """Import the model unless it is there."""
        (name, source), _ = self.arguments(batch, scope)
        if name not in scope.pipeline.models:
            scope.pipeline.models.import_from(name, source, batch)
        return batch
