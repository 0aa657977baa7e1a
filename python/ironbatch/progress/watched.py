"""Values that are shown beside a progress bar."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ironbatch.monitor import MONITOR_ALIASES, ResourceMonitor, make_monitor
from ironbatch.namedexpr import B, NamedExpression, eval_expr

__all__ = ["Watched", "watch_all"]

GIVEN = ("notifier", "pipeline", "batch", "container")
"""What a function among the monitors may ask for, by the names of its parameters."""


class Watched:
    """One value that changes while a program runs.

    Parameters
    ----------
    source : str, NamedExpression, callable or ResourceMonitor
        Where it comes from.
    name : str, optional
        How it is called.
    format : str, optional
        How it is shown, for `str.format`.
    window : int, optional
        How many of its values are kept; all by default.

    Attributes
    ----------
    data, ticks : deque
        Its values, and the numbers of the steps they belong to.
    """

    def __init__(
        self,
        source: Any,
        name: str | None = None,
        format: str | None = None,
        window: int | None = None,
    ) -> None:
        if isinstance(source, str) and source.lower() in MONITOR_ALIASES:
            name = source if name is None else name
            source = make_monitor(source)
        elif isinstance(source, type) and issubclass(source, ResourceMonitor):
            source = make_monitor(source)
        self.wants: tuple[str, ...] = ()
        if isinstance(source, ResourceMonitor | NamedExpression | str):
            pass
        elif callable(source):
            self.wants = _wanted(source)
        else:
            raise TypeError(
                "a monitored value is a name of a resource monitor or of a variable, an "
                f"expression, a callable or a ResourceMonitor, got {source!r}"
            )
        self.source = source
        self.name = _name_of(source) if name is None else name
        self.format = format
        self.unit = f" {source.unit}" if isinstance(source, ResourceMonitor) else ""
        self.of_batch = isinstance(source, NamedExpression) and _mentions_batch(source)
        self.data: deque[Any] = deque(maxlen=window)
        self.ticks: deque[int] = deque(maxlen=window)

    @property
    def monitor(self) -> ResourceMonitor | None:
        """The resource monitor behind it, if there is one."""
        return self.source if isinstance(self.source, ResourceMonitor) else None

    def read(self, step: int, notifier: Any, pipeline: Any, batch: Any) -> None:
        """Add its value at a step; an expression of the batch has none where there is no batch."""
        source = self.source
        if isinstance(source, ResourceMonitor):
            # One that is about the time since the sample before may have none yet.
            value = source.data[-1] if source.data else None
        elif isinstance(source, str):
            value = self._variable(source, pipeline)
        elif isinstance(source, NamedExpression):
            if self.of_batch and batch is None:
                return
            value = eval_expr(source, pipeline=pipeline, batch=batch)
        else:
            given = (notifier, pipeline, batch, self)
            known = dict(zip(GIVEN, given, strict=True))
            value = source(**{name: known[name] for name in self.wants})
        value = _latest(value)
        if value is not None:
            self.data.append(value)
            self.ticks.append(step)

    def _variable(self, name: str, pipeline: Any) -> Any:
        if pipeline is None:
            raise ValueError(
                f"{name!r} is no resource monitor ({', '.join(MONITOR_ALIASES)}), and without a "
                "pipeline it cannot be a variable"
            )
        return pipeline.v(name)

    def __str__(self) -> str:
        if not self.data:
            return ""
        value = self.data[-1]
        if self.format is not None:
            return self.format.format(value)
        if isinstance(value, float | np.floating):
            shown = f"{value:.4g}"
        elif isinstance(value, int | np.integer) and not isinstance(value, bool):
            shown = f"{value:,}"
        else:
            shown = str(value)
            if len(shown) > 40:
                shown = f"{shown[:37]}..."
        return f"{self.name}={shown}{self.unit}"


def _latest(value: Any) -> Any:
    """Give what is shown of a value: the last one of a history, a number rather than an array."""
    if isinstance(value, list | tuple | deque):
        return _latest(value[-1]) if len(value) else None
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return None
        if value.ndim > 1 and value.size > 1:
            return f"array of shape {value.shape}"
        return value.reshape(-1)[-1].item()
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def _name_of(source: Any) -> str:
    if isinstance(source, ResourceMonitor):
        return type(source).__name__.removesuffix("Monitor")
    if isinstance(source, NamedExpression):
        text = repr(source)
        inner = text.partition("(")[2].removesuffix(")")[1:-1]
        plain = inner.isidentifier() and text == f"{type(source).__name__}({inner!r})"
        return inner if plain else text
    if isinstance(source, str):
        return source
    return getattr(source, "__name__", type(source).__name__)


def _wanted(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return GIVEN
    for one in parameters:
        needed = one.default is one.empty and one.kind is not one.VAR_POSITIONAL
        if needed and (one.name not in GIVEN or one.kind is one.POSITIONAL_ONLY):
            raise TypeError(
                f"a function among the monitors may take {', '.join(GIVEN)}, but "
                f"{_name_of(function)} needs {one.name!r}"
            )
    return tuple(one.name for one in parameters if one.name in GIVEN)


def _mentions_batch(value: Any) -> bool:
    if isinstance(value, B):
        return True
    if isinstance(value, NamedExpression):
        return any(_mentions_batch(one) for one in vars(value).values())
    if isinstance(value, list | tuple):
        return any(map(_mentions_batch, value))
    return isinstance(value, dict) and any(map(_mentions_batch, value.values()))


def watch_all(monitors: Any, window: int | None = None) -> list[Watched]:
    """Make the values that a user wants to see.

    Parameters
    ----------
    monitors : source, Watched, Mapping, or sequence of them
        A dictionary holds a source for each name, or one source with the keys ``'source'``,
        ``'name'`` and ``'format'``.
    window : int, optional
        How many values are kept.
    """
    if monitors is None:
        return []
    if isinstance(monitors, Mapping):
        if "source" in monitors:
            known = {"source", "name", "format"}
            if set(monitors) - known:
                raise ValueError(
                    "a monitored value has the keys 'source', 'name' and 'format', "
                    f"got {', '.join(map(repr, monitors))}"
                )
            return [Watched(window=window, **monitors)]
        return [Watched(source, name, window=window) for name, source in monitors.items()]
    single = isinstance(monitors, str | NamedExpression | ResourceMonitor | type)
    if single or not isinstance(monitors, Iterable):
        return [Watched(monitors, window=window)]
    return [one for part in monitors for one in watch_all(part, window)]
