"""The progress bar of runs and loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import suppress
from pathlib import Path
from time import localtime, strftime
from types import TracebackType
from typing import Any, Self

from ironbatch.progress.bars import SilentBar, bar_maker
from ironbatch.progress.watched import Watched, watch_all

__all__ = ["Notifier", "close_notifier", "make_notifier", "notifier"]

_FAILED = "#f44336"
_MESSENGER = {"telegram", "initialize_telegram", "token", "chat_id", "silent"}


class Notifier:
    """A progress bar with values that change meanwhile.

    It goes round an iterable or a number of steps, ``for x in Notifier('t')(items)``, is a context
    manager to be moved on by `update`, and is what ``notifier=`` of a run takes. What it does not
    have itself, such as ``set_description``, is asked of the bar.

    Parameters
    ----------
    bar : callable, str, bool or None
        What is shown: ``True`` or ``'a'`` chooses between terminal and notebook, ``'t'`` is for
        terminals, ``'n'`` or ``'j'`` for notebooks; False and None show nothing but still count,
        sample and log. A callable makes the bar, as `tqdm.tqdm` does.
    disable : bool
        Show, sample and log nothing, whatever else is given.
    frequency : int
        After how many steps values are read, shown and logged; always at the first and last one.
    monitors : str, NamedExpression, callable, ResourceMonitor, dict, or sequence of them
        Values to show after the bar: resource monitors by name (``'memory'``), names of variables
        of the pipeline, expressions (``V('loss')``, ``B.size``), functions that may take
        `pipeline`, `batch` and `notifier`. Of a list the last value is shown. A dictionary gives
        names to them, or holds one under ``'source'``, with ``'name'`` and ``'format'``.
        They are read when a batch reaches the consumer: under prefetch a variable may already be
        that of a later batch.
    graphs : as `monitors`, optional
        Values that are not shown but drawn by `plot`.
    log_file : path, optional
        File that a line is added to at each reading: time, number of the step, values.
    total : int, optional
        How many steps there will be.
    batch_size, n_iters, n_epochs, drop_last, length
        What `total` is computed of, if it is not given: `length` items in batches.
    window : int, optional
        How many readings of each value are kept in `data`; all by default.
    savepath : path, optional
        Where a figure of `graphs`, or of `monitors` without them, is written in the end.
    plot_config : dict, optional
        For `matplotlib.axes.Axes.plot`.
    **kwargs
        For the bar, such as ``desc``.

    Raises
    ------
    MissingPackageError
        If tqdm, psutil or matplotlib is needed and not installed.
    ValueError, TypeError
        If an argument is wrong.

    Examples
    --------
    >>> from ironbatch import Notifier
    >>> squares = []
    >>> progress = Notifier(False, monitors={'sum': lambda: sum(squares)})
    >>> for x in progress(4):
    ...     squares.append(x * x)
    >>> progress.n, progress.total, progress.data
    (4, 4, {'sum': [0, 1, 5, 14]})
    """

    def __init__(
        self,
        bar: Any = "a",
        disable: bool = False,
        frequency: int = 1,
        monitors: Any = None,
        graphs: Any = None,
        log_file: Any = None,
        total: int | None = None,
        batch_size: int | None = None,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        length: int | None = None,
        window: int | None = None,
        savepath: Any = None,
        plot_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if _MESSENGER & kwargs.keys():
            bar_maker("telegram")
        if not isinstance(frequency, int) or frequency < 1:
            raise ValueError(f"frequency is a number of steps, 1 or more, got {frequency!r}")
        self._bar: Any = None
        self._make = SilentBar if disable else bar_maker(bar)
        self._kwargs = kwargs
        self.frequency = frequency
        self.watched: list[Watched] = [] if disable else watch_all(monitors, window)
        self.drawn: list[Watched] = [] if disable else watch_all(graphs, window)
        self.log_file = None if disable or log_file is None else Path(log_file)
        self.savepath = None if disable else savepath
        self.plot_config = plot_config
        if self.log_file is not None:
            # A path that cannot be written to is said now.
            with self.log_file.open("a", encoding="utf-8"):
                pass
        if graphs is not None or savepath is not None:
            from ironbatch.extras import need

            need("matplotlib", extra="plots", what="a figure")
        self._started = False
        self._known: int | None = None
        self.compute_total(batch_size, n_iters, n_epochs, drop_last, length, total)

    def compute_total(
        self,
        batch_size: int | None = None,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        length: int | None = None,
        total: int | None = None,
    ) -> int | None:
        """Work out how many steps there will be, and keep it for the next bar.

        Returns
        -------
        int or None
            None if it is not known.

        Raises
        ------
        ValueError
            If `n_epochs` is given without `length` and `batch_size`.
        """
        if total is None:
            total = n_iters
        if total is None and n_epochs is not None:
            if length is None or not batch_size:
                raise ValueError("n_epochs needs length and batch_size to tell the total")
            if drop_last:
                total = length // batch_size * n_epochs
            else:
                total = -(-length * n_epochs // batch_size)
        self._known = total
        return total

    @property
    def bar(self) -> Any:
        """The bar; it is made at its first use."""
        if self._bar is None:
            self.make_bar()
        return self._bar

    def make_bar(self) -> Any:
        """Make the bar anew; one that is shown is closed."""
        if self._bar is not None:
            self._bar.close()
        self._bar = self._make(total=self._known, **self._kwargs)
        return self._bar

    @property
    def data(self) -> dict[str, list[Any]]:
        """The values so far, by their names."""
        return {one.name: list(one.data) for one in (*self.watched, *self.drawn)}

    def start(self, total: int | None = None) -> Self:
        """Begin: show the bar anew and let resource monitors sample.

        Parameters
        ----------
        total : int, optional
            How many steps there will be, if it is known better than before.
        """
        self.close()
        known = self._known
        self._known = known if total is None else total
        try:
            self.make_bar()
        finally:
            self._known = known
        for one in (*self.watched, *self.drawn):
            one.data.clear()
            one.ticks.clear()
        self._started = True
        try:
            for one in (*self.watched, *self.drawn):
                if one.monitor is not None:
                    one.monitor.start()
        except BaseException:
            self.close(success=False)
            raise
        return self

    def update(self, n: int = 1, pipeline: Any = None, batch: Any = None) -> None:
        """Move on by `n`.

        Parameters
        ----------
        n : int
            How many steps.
        pipeline, batch : optional
            What has made the step: where expressions among the monitors get their values.
        """
        if not self._started:
            self.start()
        bar = self._bar
        if self.watched or self.drawn or self.log_file is not None:
            before = getattr(bar, "n", 0)
            after = before + n
            last = getattr(bar, "total", None)
            if (
                before == 0
                or after // self.frequency > before // self.frequency
                or (last is not None and after >= last)
            ):
                self.update_data(pipeline, batch, step=after)
                values = "; ".join(filter(None, map(str, self.watched)))
                if values and hasattr(bar, "set_postfix_str"):
                    bar.set_postfix_str(values, refresh=False)
                if self.log_file is not None:
                    self._log(after, values)
        bar.update(n)

    def update_data(self, pipeline: Any = None, batch: Any = None, step: int | None = None) -> None:
        """Read the values of all monitors.

        Parameters
        ----------
        pipeline, batch : optional
            Where expressions get their values.
        step : int, optional
            Number of the step they belong to; that of the bar by default.
        """
        if step is None:
            step = getattr(self.bar, "n", 0)
        for one in (*self.watched, *self.drawn):
            one.read(step, self, pipeline, batch)

    def _log(self, step: int, values: str) -> None:
        if self.log_file is not None:
            line = f"{strftime('%Y-%m-%d %H:%M:%S', localtime())}  iteration {step}"
            with self.log_file.open("a", encoding="utf-8") as file:
                file.write(f"{line}; {values}\n" if values else f"{line}\n")

    def close(self, success: bool = True) -> None:
        """End: leave the bar as it is, in red without `success`, and stop resource monitors."""
        if not self._started:
            if self._bar is not None:
                self._bar.close()
            return
        self._started = False
        errors = []
        for one in (*self.watched, *self.drawn):
            if one.monitor is not None:
                try:
                    one.monitor.stop()
                except Exception as error:
                    errors.append(error)
        if not success and hasattr(self._bar, "colour"):
            self._bar.colour = _FAILED
            with suppress(Exception):
                self._bar.refresh()
        self._bar.close()
        if self.savepath is not None:
            self.plot(self.savepath)
        if errors and success:
            raise errors[0]

    def plot(self, savepath: Any = None, **kwargs: Any) -> Any:
        """Draw the values of `graphs`, or of `monitors` without them, with matplotlib.

        Parameters
        ----------
        savepath : path, optional
            Where to write the figure.
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ironbatch.progress.figure import draw

        series: list[tuple[str, Any, Any]] = [
            (one.name + one.unit, list(one.ticks), list(one.data))
            for one in self.drawn or self.watched
        ]
        return draw(series, "iteration", savepath, {**(self.plot_config or {}), **kwargs})

    def __call__(self, iterable: Iterable[Any] | int) -> Iterator[Any]:
        """Go round an iterable, or a number of steps, and show how far it is."""
        if isinstance(iterable, int):
            iterable = range(iterable)
        total = self._known
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        return self.around(iterable, total)

    def around(self, iterable: Iterable[Any], total: int | None = None) -> Iterator[Any]:
        """Go round an iterable of which `total` is known."""
        success = False
        self.start(total)
        try:
            for one in iterable:
                yield one
                self.update()
            success = True
        except GeneratorExit:
            # The loop was left: that is no failure.
            success = True
            raise
        finally:
            self.close(success)

    def __enter__(self) -> Self:
        return self if self._started else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(error is None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "_make" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.bar, name)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bar": None, "_started": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def notifier(iterable: Iterable[Any] | int, *args: Any, **kwargs: Any) -> Iterator[Any]:
    """Go round an iterable, or a number of steps, with a progress bar.

    Parameters
    ----------
    iterable : iterable or int
        What to go round.
    *args, **kwargs
        For `Notifier`.

    Examples
    --------
    >>> from ironbatch import notifier
    >>> list(notifier(3, bar=False))
    [0, 1, 2]
    """
    return Notifier(*args, **kwargs)(iterable)


def make_notifier(bar: Any) -> Any:
    """Make a notifier of what a user gives as ``bar`` or ``notifier``.

    Parameters
    ----------
    bar : bool, str, callable, dict, None, or an object with `update` and `close`
        A dict holds arguments of `Notifier`; an object is used as it is.

    Returns
    -------
    Notifier or None
        None when nothing is to be shown.
    """
    if bar is None or bar is False:
        return None
    if isinstance(bar, Mapping):
        return Notifier(**{"bar": True, **bar})
    if isinstance(bar, type) or not callable(getattr(bar, "update", None)):
        return Notifier(bar)
    return bar


def close_notifier(bar: Any, success: bool) -> None:
    """Close a notifier, or an object that stands in for one."""
    if isinstance(bar, Notifier):
        bar.close(success)
    else:
        bar.close()
