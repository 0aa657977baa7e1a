"""The part of a batch that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

__all__ = ["Showing"]


class Showing:
    """What a batch shows of itself: at a prompt, in a notebook, as figures."""

    __slots__ = ()

    def __repr__(self) -> str:
        from ironbatch.display.batch import batch_text

        return batch_text(self)

    def _repr_html_(self) -> str:
        from ironbatch.display.batch import batch_html

        return batch_html(self)

    def show(
        self,
        src: str | None = None,
        n: int = 16,
        *,
        kind: Literal["image", "signal"] | None = None,
        columns: int = 4,
        titles: str | Sequence[Any] | None = "labels",
        masks: str | None = None,
        figure: Any = None,
    ) -> Any:
        """Draw items in a grid, with matplotlib (``pip install 'ironbatch[plots]'``).

        Parameters
        ----------
        src : str, optional
            Which component; by default the first one whose items are images or signals.
        n : int
            How many items at most, from the first on.
        kind : {'image', 'signal'}, optional
            What items are. By default those with one axis are signals, drawn as lines, and others
            are images: rows and columns, with channels behind, or in front if there are 1, 3 or 4.
            Of signals with two axes the shorter one is channels.
        columns : int
            Columns of the grid.
        titles : str, sequence or None
            What stands above items: a component, ``'indices'`` or one value for each item. Labels
            by default, where there are any.
        masks : str, optional
            A component that is laid over the items where it is not 0: over images in colour, over
            signals as shade.
        figure : matplotlib figure, optional
            Where to; a new one of pyplot by default.

        Returns
        -------
        matplotlib figure

        Raises
        ------
        ComponentError
            If there is no such component, or its items cannot be drawn one by one.
        ValueError
            If `n` or `columns` is less than 1, `kind` is something else, or there are fewer titles
            than items.
        MissingPackageError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np, ironbatch
        >>> class Signals(ironbatch.Batch):
        ...     components = 'waves', 'labels'
        >>> batch = Signals.from_data(data=(np.zeros((3, 100)), ['a', 'b', 'c']))
        >>> from matplotlib.figure import Figure
        >>> [axes.get_title() for axes in batch.show(n=2, figure=Figure()).axes]
        ['a', 'b']
        """
        from ironbatch.display.grid import show_items

        return show_items(
            self, src, n, kind=kind, columns=columns, titles=titles, masks=masks, figure=figure
        )

    def plot(
        self,
        src: str | Sequence[str] | None = None,
        *,
        kind: Literal["histogram", "counts", "signals"] | None = None,
        n: int = 8,
        bins: int = 50,
        figure: Any = None,
    ) -> Any:
        """Draw components as a whole, each in axes of its own, with matplotlib.

        Parameters
        ----------
        src : str or sequence of str, optional
            Which components; by default all that can be drawn.
        kind : {'histogram', 'counts', 'signals'}, optional
            A histogram of all values, how often each value is there (the 20 most frequent ones), or
            the first items as lines. By default items with one axis are signals; texts, truth
            values and integers of at most 20 values are counted; other numbers make a histogram.
        n : int
            How many signals at most.
        bins : int
            Into how many bins a histogram sorts values.
        figure : matplotlib figure, optional
            Where to; a new one of pyplot by default.

        Returns
        -------
        matplotlib figure

        Raises
        ------
        ComponentError
            If there is no such component, or it cannot be drawn so.
        ValueError
            If `n` or `bins` is less than 1, or `kind` is something else.
        MissingPackageError
            If matplotlib is not installed.

        Notes
        -----
        A histogram takes every so-many-th item where a component has more than 2^22 values.

        Examples
        --------
        >>> import numpy as np, ironbatch
        >>> class Scans(ironbatch.Batch):
        ...     components = 'images', 'labels'
        >>> batch = Scans.from_data(data=(np.zeros((3, 8, 8)), [0, 1, 1]))
        >>> from matplotlib.figure import Figure
        >>> [axes.get_title() for axes in batch.plot(figure=Figure()).axes]
        ['images', 'labels']
        """
        from ironbatch.display.distribution import plot_components

        return plot_components(self, src, kind=kind, n=n, bins=bins, figure=figure)
