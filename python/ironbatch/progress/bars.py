"""Which bar is shown: tqdm in the form that suits the place, a user's own, or none."""

from __future__ import annotations

from typing import Any

from ironbatch.extras import need

__all__ = ["SilentBar", "bar_maker"]

_BARS = {
    "a": "tqdm.auto",
    "auto": "tqdm.auto",
    "t": "tqdm",
    "text": "tqdm",
    "tqdm": "tqdm",
    "n": "tqdm.notebook",
    "nb": "tqdm.notebook",
    "j": "tqdm.notebook",
    "jpn": "tqdm.notebook",
    "notebook": "tqdm.notebook",
    "jupyter": "tqdm.notebook",
}


class SilentBar:
    """Counts steps and shows nothing.

    Parameters
    ----------
    total : int, optional
        How many steps there will be.
    **kwargs
        What tqdm would take; only ``desc`` and ``initial`` are kept.
    """

    def __init__(self, total: int | None = None, **kwargs: Any) -> None:
        self.total = total
        self.n = kwargs.get("initial", 0)
        self.desc = kwargs.get("desc") or ""
        self.postfix = ""

    def update(self, n: float = 1) -> None:
        """Move on by `n`."""
        self.n += n

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Keep a description."""
        self.desc = desc or ""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Keep a postfix."""
        self.postfix = s

    def refresh(self) -> None:
        """Show nothing anew."""

    def close(self) -> None:
        """End."""


def bar_maker(bar: Any) -> Any:
    """Give what makes the bar that a user asks for.

    Parameters
    ----------
    bar : callable, str, bool or None
        See `ironbatch.Notifier`.

    Raises
    ------
    ValueError
        If it is an unknown name.
    MissingPackageError
        If tqdm is asked for and not installed.
    """
    if callable(bar):
        return bar
    if bar is None or bar is False:
        return SilentBar
    if bar in ("tg", "telegram"):
        raise ValueError(
            "there is no bar that sends messages; give a callable that makes one, such as "
            "bar=tqdm.contrib.telegram.tqdm"
        )
    name = "a" if bar is True else bar
    module = _BARS.get(name) if isinstance(name, str) else None
    if module is None:
        names = ", ".join(map(repr, _BARS))
        raise ValueError(f"bar is True, False, None, a callable or one of {names}, got {bar!r}")
    need("tqdm", extra="progress", what="a progress bar")
    return need(module, extra="progress", what="a progress bar").tqdm
