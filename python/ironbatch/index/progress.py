"""A progress bar over batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["report_progress"]


def report_progress(batches: Iterable[Any], notifier: Any, total: int | None) -> Iterator[Any]:
    """Pass batches on while a bar shows how many there have been.

    Parameters
    ----------
    batches : iterable
        The batches.
    notifier : bool, str, dict, callable or object with `update` and `close`
        As ``notifier`` of a run of a pipeline; an object is used as it is.
    total : int or None
        Number of batches, if it is known.

    Returns
    -------
    iterator
    """
    from ironbatch.progress import Notifier, make_notifier

    bar = make_notifier(notifier)
    if isinstance(bar, Notifier):
        return bar.around(batches, total)
    return _reported(batches, bar)


def _reported(batches: Iterable[Any], bar: Any) -> Iterator[Any]:
    try:
        for batch in batches:
            bar.update()
            yield batch
    finally:
        bar.close()
