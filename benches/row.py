"""One row of the benchmark table, and how a row is measured.

Times drift on a shared machine, so a comparison runs both sides in turn, round by round, and the
row quotes the median of the rounds' ratios with its quartiles.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Measured", "Row", "compare", "seconds"]


@dataclass(frozen=True)
class Measured:
    """A median with its quartiles, in the unit of the row."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    area : str
        Which part of the library, such as ``'index'``.
    work : str
        What is done.
    bar : float
        The value to reach.
    better : {'higher', 'lower'}
        On which side of the bar a good value lies.
    unit : str
        ``'x'`` for a ratio (peer's time divided by ours), else ``'us/item'``, ``'ms'``, ...
    peer : str
        What it is compared with, or ``'-'``.
    measure : callable
        Runs the measurement; all set-up happens inside.
    """

    area: str
    work: str
    bar: float
    better: Literal["higher", "lower"]
    unit: str
    peer: str
    measure: Callable[[], Measured]

    def reached(self, measured: Measured) -> bool:
        """Whether the median is on the good side of the bar."""
        if self.better == "higher":
            return measured.median >= self.bar
        return measured.median <= self.bar


def _time(
    work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    start = clock()
    for _ in range(repeats):
        work()
    return (clock() - start) / repeats


def _summary(values: list[float], scale: float) -> Measured:
    quartiles = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return Measured(statistics.median(values) * scale, quartiles[0] * scale, quartiles[2] * scale)


def _repeats(work: Callable[[], object], budget: float) -> int:
    work()
    once = _time(work, 1)
    return max(1, min(10_000, int(budget / max(once, 1e-9))))


def compare(
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    rounds: int = 15,
    budget: float = 0.05,
) -> Measured:
    """Measure how many times faster `ours` is than `peer`, in turn.

    Parameters
    ----------
    ours, peer : callable
        The same work, done by each.
    rounds : int
        How many pairs of timings.
    budget : float
        Seconds that one timing of one side should take; short work is repeated.

    Returns
    -------
    Measured
        Peer's time divided by ours.
    """
    ours_repeats, peer_repeats = _repeats(ours, budget), _repeats(peer, budget)
    gc.collect()
    ratios = []
    for _ in range(rounds):
        mine = _time(ours, ours_repeats)
        theirs = _time(peer, peer_repeats)
        ratios.append(theirs / mine)
    return _summary(ratios, 1.0)


def seconds(
    work: Callable[[], object],
    *,
    scale: float = 1.0,
    rounds: int = 15,
    budget: float = 0.05,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Measure the time of one call.

    Parameters
    ----------
    work : callable
        What to time.
    scale : float
        Factor from seconds to the unit of the row: ``1e6 / n`` gives microseconds an item.
    rounds, budget
        As for `compare`.
    clock : callable
        What tells the time: `time.process_time` for one thread on a machine that others use.
    """
    repeats = _repeats(work, budget)
    gc.collect()
    return _summary([_time(work, repeats, clock) for _ in range(rounds)], scale)
