"""A progress bar over batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ironbatch.extras import need

__all__ = ["report_progress"]


def report_progress(batches: Iterable[Any], notifier: Any, total: int | None) -> Iterator[Any]:
    """Pass batches on while a bar shows how many there have been.

    Parameters
    ----------
    batches : iterable
        The batches.
    notifier : bool, str, dict, callable or object with `update` and `close`
        A true value or a string shows tqdm's bar, a dict gives its keywords, a callable makes
        the bar of the keyword `total`. An object is used as it is.
    total : int or None
        Number of batches, if it is known.

    Returns
    -------
    iterator
    """
    if hasattr(notifier, "update") and not isinstance(notifier, dict):
        bar = notifier
    elif callable(notifier):
        bar = notifier(total=total)
    else:
        tqdm = need("tqdm", extra="progress", what="a progress bar")
        bar = tqdm.tqdm(total=total, **(notifier if isinstance(notifier, dict) else {}))
    return _reported(batches, bar)


def _reported(batches: Iterable[Any], bar: Any) -> Iterator[Any]:
    try:
        for batch in batches:
            bar.update()
            yield batch
    finally:
        bar.close()
