"""Figures of values that change while a program runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironbatch.extras import need

__all__ = ["draw"]


def draw(
    series: Sequence[tuple[str, Sequence[float], Sequence[Any]]],
    xlabel: str,
    savepath: Any = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Draw curves, one below the other.

    Parameters
    ----------
    series : sequence of tuple
        Title, places and values of each curve.
    xlabel : str
        What the places are.
    savepath : path, optional
        Where to write the figure, in the format of its suffix.
    options : dict, optional
        For `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    figure_module = need("matplotlib.figure", extra="plots", what="a figure")
    figure = figure_module.Figure(figsize=(8, 2.5 * max(len(series), 1)), layout="constrained")
    rows = figure.subplots(max(len(series), 1), 1, squeeze=False)[:, 0]
    for axes, (title, places, values) in zip(rows, series, strict=False):
        axes.plot(places, values, **(options or {}))
        axes.set_title(title)
        axes.set_xlabel(xlabel)
        axes.grid(visible=True)
    if savepath is not None:
        figure.savefig(savepath)
    return figure
