"""Progress bars: tqdm where it is installed, in the form that suits the terminal or notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, Self

from ironbatch.extras import need

__all__ = ["Progress", "make_progress"]

_BARS = {
    True: "tqdm.auto",
    "a": "tqdm.auto",
    "auto": "tqdm.auto",
    "t": "tqdm",
    "text": "tqdm",
    "n": "tqdm.notebook",
    "j": "tqdm.notebook",
    "notebook": "tqdm.notebook",
}


class Progress:
    """A bar that a run moves on by one for each batch.

    It is also a context manager, and goes round any iterable: ``for x in Progress('t')(items)``.

    Parameters
    ----------
    bar : bool, str or callable
        ``True`` or ``'a'`` chooses between terminal and notebook, ``'t'`` is for terminals, ``'n'``
        for notebooks; False shows nothing. A callable makes the bar, as `tqdm.tqdm` does.
    total : int, optional
        How many steps there will be.
    **kwargs
        For tqdm, such as ``desc``.

    Raises
    ------
    MissingPackageError
        If tqdm is asked for and not installed.
    ValueError
        If `bar` is an unknown name.
    """

    def __init__(self, bar: Any = "a", total: int | None = None, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._make: Any = None
        if callable(bar):
            self._make = bar
        elif bar not in (False, None):
            module = _BARS.get(bar) if isinstance(bar, str | bool) else None
            if module is None:
                names = ", ".join(repr(name) for name in _BARS if isinstance(name, str))
                raise ValueError(f"bar is True, False, a callable or one of {names}, got {bar!r}")
            need("tqdm", extra="progress", what="a progress bar")
            self._make = need(module, extra="progress", what="a progress bar").tqdm
        self.bar: Any = None
        if total is not None:
            self.start(total)

    def start(self, total: int | None) -> None:
        """Show the bar, anew if it was shown before."""
        self.close()
        if self._make is not None:
            self.bar = self._make(total=total, **self._kwargs)

    def update(self, n: int = 1, *, pipeline: Any = None, batch: Any = None) -> None:
        """Move on by `n`.

        Parameters
        ----------
        n : int
            How many steps.
        pipeline, batch
            What has made the step; for subclasses that show more.
        """
        if self.bar is not None:
            self.bar.update(n)

    def close(self) -> None:
        """Leave the bar as it is and end it."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def __call__(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """Go round an iterable and show how far it is."""
        self.start(len(iterable) if isinstance(iterable, Sized) else None)
        try:
            for one in iterable:
                yield one
                self.update()
        finally:
            self.close()

    def __enter__(self) -> Self:
        if self.bar is None:
            self.start(None)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_progress(bar: Any) -> Any:
    """Make a progress bar of what a user gives as ``bar`` or ``notifier``.

    Parameters
    ----------
    bar : bool, str, callable, dict, None, or an object with `start`, `update` and `close`
        A dict holds arguments of `Progress`.

    Returns
    -------
    Progress or None
        None when nothing is to be shown.
    """
    if bar is None or bar is False:
        return None
    if isinstance(bar, Mapping):
        return Progress(**{"bar": True, **bar})
    if not callable(getattr(bar, "update", None)) or isinstance(bar, type):
        return Progress(bar)
    return bar
