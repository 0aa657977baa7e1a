"""Components as a whole: histograms, counts, signals over one another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns_of
from ironbatch.batch.names import chosen_names
from ironbatch.display.grid import component_of, whole_number
from ironbatch.display.preview import first_values
from ironbatch.errors import ComponentError
from ironbatch.extras import need
from ironbatch.pipeline.chain.brief import brief

__all__ = ["numbers_of", "plot_components"]

_FEW = 20
"""Up to how many different values are counted."""

_VALUES = 2**22
"""About how many values a histogram is made of at most."""

_KNOWN = ("histogram", "counts", "signals")


def plot_components(
    batch: Any,
    src: str | Sequence[str] | None,
    *,
    kind: str | None,
    n: int,
    bins: int,
    figure: Any,
) -> Any:
    """Do what `Batch.plot` does."""
    n, bins = whole_number(n, "n"), whole_number(bins, "bins")
    if kind is not None and kind not in _KNOWN:
        raise ValueError(f"kind must be one of {', '.join(map(repr, _KNOWN))}, got {kind!r}")
    chosen = {name: component_of(batch, name) for name in chosen_names(src, None)}
    if src is None:
        found = {name: getattr(batch, name) for name in batch.components or ()}
        chosen = {
            name: component
            for name, component in found.items()
            if component is not None and _kinds(component)
        }
        if not chosen:
            raise ComponentError(
                f"{type(batch).__name__} has no component with numbers or texts to plot"
            )
    kinds = {name: _chosen(kind, name, component) for name, component in chosen.items()}
    width = min(len(chosen), 3)
    height = math.ceil(len(chosen) / width)
    if figure is None:
        pyplot = need("matplotlib.pyplot", extra="plots", what="plot")
        figure = pyplot.figure(figsize=(4.5 * width, 3 * height), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False).ravel()
    for axis in axes[len(chosen) :]:
        axis.remove()
    for axis, (name, component) in zip(axes, chosen.items(), strict=False):
        axis.set_title(name)
        if kinds[name] == "signals":
            _draw_signals(axis, component, n)
        elif kinds[name] == "counts":
            _draw_counts(axis, component)
        else:
            _draw_histogram(axis, component, bins)
    return figure


def _kinds(component: Any) -> tuple[str, ...]:
    """Say how a component can be drawn, the usual way first."""
    if isinstance(component, columns_of.Strings):
        return ("counts",)
    if isinstance(component, columns_of.Bytes):
        return ()
    kind = component.dtype.kind
    axes = component.ndim if isinstance(component, columns_of.Ragged) else component.ndim - 1
    if kind == "O":
        texts = len(component) > 0 and all(type(item) is str for item in component)
        return ("counts",) if texts else ()
    if axes == 0 and kind == "U":
        return ("counts",)
    if kind not in "buif":
        return ()
    if axes == 0:
        few = kind == "b" or (kind in "ui" and len(np.unique(component)) <= _FEW)
        return ("counts", "histogram") if few else ("histogram", "counts")
    return ("signals", "histogram") if axes == 1 else ("histogram",)


def _chosen(kind: str | None, name: str, component: Any) -> str:
    possible = _kinds(component)
    if possible and kind in (None, *possible):
        return kind or possible[0]
    what = columns_of.describe(component)
    known = " or ".join(map(repr, possible)) or "nothing that plot() knows"
    raise ComponentError(
        f"component {name!r} ({what}) cannot be drawn{f' as {kind!r}' if kind else ''}; "
        f"it can be drawn as {known}"
    )


def numbers_of(component: Any) -> NDArray[Any]:
    """Give values of a component, of every so-many-th item where there are too many; shape (m,)."""
    size = component.values.size if isinstance(component, columns_of.Ragged) else component.size
    step = max(1, -(-size // _VALUES))
    part = columns_of.take(component, np.arange(0, len(component), step)) if step > 1 else component
    if isinstance(part, columns_of.Ragged):
        items = [np.ravel(item) for item in columns_of.items_of(part)]
        values = np.concatenate(items) if items else np.zeros(0)
    else:
        values = np.asarray(part).ravel()
    return values


def _draw_histogram(axis: Any, component: Any, bins: int) -> None:
    values = numbers_of(component)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    axis.hist(values, bins=bins)
    axis.set_ylabel("values")


def _draw_counts(axis: Any, component: Any) -> None:
    items = component.tolist() if isinstance(component, np.ndarray) else component.to_list()
    counts = Counter(brief(item, 24) if not isinstance(item, str) else item[:24] for item in items)
    most = counts.most_common(_FEW)
    if isinstance(component, np.ndarray) and component.dtype.kind in "bui":
        most = sorted(most, key=lambda one: float(one[0] == "True" if one[0] in _TRUTH else one[0]))
    places = range(len(most))
    axis.bar(places, [count for _, count in most])
    axis.set_xticks(places, [value for value, _ in most], rotation=90 if len(most) > 10 else 0)
    for label in axis.get_xticklabels():
        label.set_parse_math(False)
    axis.set_ylabel("items")
    if len(counts) > len(most):
        axis.set_xlabel(f"the {len(most)} most frequent of {len(counts):,} values")


_TRUTH = ("True", "False")


def _draw_signals(axis: Any, component: Any, n: int) -> None:
    items = first_values(component, n)
    for item in items:
        axis.plot(item, linewidth=1, alpha=0.8)
    if len(component) > len(items):
        axis.set_xlabel(f"the first {len(items)} of {len(component):,} items")
