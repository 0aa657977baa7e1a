"""``gather_metrics``: objects that learn from one batch after another how good predictions are."""

from __future__ import annotations

import inspect
from typing import Any

from ironbatch.namedexpr import NamedExpression, Scope, eval_expr
from ironbatch.pipeline.plan.plan import PlannedStep, step_kind
from ironbatch.pipeline.plan.save import save_output

__all__ = ["check_metrics"]


def check_metrics(metrics: Any, save_to: Any) -> None:
    """Refuse what cannot gather metrics, when the chain is written.

    Raises
    ------
    ValueError
        If a str names no metrics or more than one, if the metrics would be lost, or if the mode of
        `save_to` has no meaning here.
    TypeError
        If it is neither callable nor has `update`.
    """
    if isinstance(metrics, str):
        from ironbatch.models.metrics import metrics_class

        metrics_class(metrics)
    elif not isinstance(metrics, NamedExpression) and not callable(metrics):
        _check(metrics)
    if save_to is None and not _is_object(metrics):
        raise ValueError(
            "gather_metrics makes its metrics itself, so say where they go: save_to=V('metrics')"
        )
    if _mode(save_to) == "e":
        raise ValueError("gather_metrics stores with mode 'w', 'u' or 'a', not with 'e'")


def _is_object(metrics: Any) -> bool:
    """Whether it gathers itself, rather than making what does."""
    if isinstance(metrics, str | NamedExpression) or inspect.isclass(metrics):
        return False
    return callable(getattr(metrics, "update", None))


def _check(metrics: Any) -> Any:
    for name in ("update", "compute"):
        if not callable(getattr(metrics, name, None)):
            raise TypeError(
                f"metrics have the methods update and compute; {type(metrics).__name__} "
                f"has no {name}"
            )
    return metrics


def _mode(save_to: Any) -> str:
    return save_to._mode if isinstance(save_to, NamedExpression) else "w"


@step_kind("gather_metrics")
class GatherMetrics(PlannedStep):
    """``gather_metrics(metrics, *args, save_to=..., **kwargs)``."""

    ordered = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.gathered: Any = None
        self.mode = _mode(self.step.save_to)

    def run(self, batch: Any, scope: Scope) -> Any:
        """Update the metrics and store them."""
        (given, *args), kwargs = self.arguments(batch, scope)
        metrics = given if _is_object(given) else self._metrics(given, batch, scope)
        metrics.update(*args, **kwargs)
        place = self.step.save_to
        if self.mode == "u":
            place._store(metrics, "w", batch, scope)
        else:
            save_output(metrics, place, batch, scope)
        return batch

    def _metrics(self, given: Any, batch: Any, scope: Scope) -> Any:
        """Give what this batch is added to."""
        if self.mode == "a":
            return _made(given)
        if self.mode == "u":
            there = eval_expr(self.step.save_to, batch=batch, pipeline=scope.pipeline)
            return _made(given) if there is None else _check(there)
        if self.gathered is None:
            self.gathered = _made(given)
        return self.gathered


def _made(given: Any) -> Any:
    if isinstance(given, str):
        from ironbatch.models.metrics import metrics_class

        given = metrics_class(given)
    if not callable(given):
        raise TypeError(f"metrics are a class, an object or a name, got {given!r}")
    return _check(given())
