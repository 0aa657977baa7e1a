"""A report in words: which part of a run limits it, and what would help."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import ceil

from ironbatch.pipeline.profile.profile import ActionTime, Profile

__all__ = ["Report", "as_time", "make_report"]

HIDDEN = 0.1
"""Share of the run that the consumer may wait for batches and still be what limits it."""

ONE_CORE = 0.75
"""Cores that threads want together, at least, when they compute all the time."""

SPARE = 0.25
"""Cores that each further thread may seem to want while it waits for the interpreter's lock."""


@dataclass
class Report:
    """What limits a run and what would help. It prints as text.

    Attributes
    ----------
    limit : str
        What limits it: 'consumer', the consumer itself; 'waiting', an action that waits for a disk,
        a network, a sleep; 'interpreter', the lock of the Python interpreter; 'order', a step that
        batches pass one after another; 'cores', the machine; 'transfer', the way to and from worker
        processes; 'startup', their start; 'computing', an action that computes while cores are
        free; 'nothing', if the run has yielded no batch.
    bottleneck : ActionTime or None
        The action that costs most of what is short.
    advice : list of str
        What would help, sentence by sentence.
    numbers : dict
        Seconds, and cores wanted and used, that the report goes by.
    """

    limit: str
    bottleneck: ActionTime | None
    advice: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        advice = [f"  - {one}" for one in self.advice]
        return "\n".join([*self.lines, "What would help:", *advice])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from ironbatch.pipeline.profile.page import report_html

        return report_html(self)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


def as_time(seconds: float) -> str:
    """Write down a time.

    Examples
    --------
    >>> as_time(1.5), as_time(0.0123), as_time(2e-6)
    ('1.50 s', '12.3 ms', '2 us')
    """
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


class _Measured:
    """The sums that a diagnosis goes by."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.wall = max(profile.seconds, 1e-9)
        self.batches = max(profile.batches, 1)
        self.cores = _cores()
        self.own = max(self.wall - profile.waited, 0.0)
        self.busy = sum(one.seconds for one in profile.actions)
        self.cpu = sum(one.cpu for one in profile.actions)
        self.queued = sum(one.queued for one in profile.actions)
        self.used = (self.cpu + profile.consumer_cpu) / self.wall
        """Cores that were in use."""
        self.wanted = self.used + (self.queued + profile.consumer_queued) / self.wall
        """Cores that were in use or waited for."""
        actions = profile.actions
        self.longest = max(actions, key=lambda one: one.seconds, default=None)
        self.hungriest = max(actions, key=lambda one: one.cpu + one.queued, default=None)
        self.remote = any(record.away is not None for record in profile.records)

    def per_batch(self, seconds: float) -> str:
        return f"{as_time(seconds / self.batches)} per batch"

    def more_prefetch(self) -> int:
        """Give how many batches under way would keep the consumer busy."""
        floor = max(self.own, self.cpu + self.queued, self.busy / (4 * self.cores))
        needed = ceil(self.busy / max(floor, 1e-9)) + 1
        return max(needed, 2 * self.profile.prefetch, 2)


def make_report(profile: Profile) -> Report:
    """Find what limits a run.

    Parameters
    ----------
    profile : Profile
        What was measured.
    """
    sums = _Measured(profile)
    if not profile.batches or sums.longest is None or sums.hungriest is None:
        return Report("nothing", None, ["Nothing; the run has yielded no batch."])
    limit, bottleneck, why, advice = _diagnose(sums, sums.longest, sums.hungriest)
    if sums.queued > sums.cpu + 0.1 * sums.wall:
        advice.append(
            f"A machine with less other work: {as_time(sums.queued)} passed while no core was free."
        )
    numbers = {
        "seconds": profile.seconds,
        "waited": profile.waited,
        "consumer": sums.own,
        "busy": sums.busy,
        "cores wanted": sums.wanted,
        "cores used": sums.used,
        "transfer": profile.transfer,
        "startup": profile.startup,
    }
    return Report(limit, bottleneck, advice, numbers, _describe(sums, bottleneck, why))


def _describe(sums: _Measured, bottleneck: ActionTime | None, why: str) -> list[str]:
    profile = sums.profile
    if profile.prefetch:
        where = "worker processes" if sums.remote else "threads"
        how = f"prefetch {profile.prefetch} in {where} ({len(profile.workers)} at work)"
    else:
        how = "no prefetch"
    rate = profile.items / sums.wall
    waited = profile.waited / sums.wall
    if profile.startup:
        how += f", which took {as_time(profile.startup)} to begin"
    whole = (
        f"{profile.batches} batches, {profile.items} items in {as_time(sums.wall)}: "
        f"{rate:,.0f} items/s, {how}."
    )
    consumer = (
        f"The consumer waited {as_time(profile.waited)} for batches, {waited:.0%} of the run, and "
        f"was busy for {as_time(sums.own)}, {sums.per_batch(sums.own)}."
    )
    actions = (
        f"Actions were busy for {as_time(sums.busy)} in all, {sums.per_batch(sums.busy)}; "
        f"{sums.used:.1f} of {sums.cores} cores were in use by them and the consumer."
    )
    lines = [whole, consumer, actions]
    if bottleneck is None:
        return [*lines, f"Bottleneck: the consumer. {why}"]
    share = bottleneck.seconds / sums.busy if sums.busy else 0.0
    place = f" (step {bottleneck.path})" if bottleneck.path.rpartition("/")[2] else ""
    lines.append(
        f"Bottleneck: {bottleneck.name}{place}, {as_time(bottleneck.seconds)} or {share:.0%} of "
        "the time of all actions, "
        f"{as_time(bottleneck.seconds / max(bottleneck.calls, 1))} a call: "
        f"{as_time(bottleneck.cpu)} on a core, {as_time(bottleneck.queued)} without a free one, "
        f"at most {as_time(bottleneck.gil)} behind the interpreter's lock, "
        f"{as_time(bottleneck.blocked)} waiting for something else. {why}"
    )
    return lines


def _diagnose(
    sums: _Measured, longest: ActionTime, hungriest: ActionTime
) -> tuple[str, ActionTime | None, str, list[str]]:
    profile = sums.profile
    if profile.waited < HIDDEN * sums.wall:
        return _of_consumer(sums)
    serial = max(profile.actions, key=lambda one: one.seconds * (one.waiting > 0))
    if (
        profile.prefetch
        and serial.seconds > 0.6 * sums.wall
        and serial.waiting > 0.25 * serial.seconds
    ):
        why = (
            f"Batches pass it one after another, and waited {as_time(serial.waiting)} for their "
            "turns: it took most of the run by itself."
        )
        return (
            "order",
            serial,
            why,
            [
                f"Making {serial.name} itself faster; more prefetch would not.",
                "Moving what needs no order, such as loading and augmenting, to steps of its own.",
            ],
        )
    if not profile.prefetch:
        return _without_prefetch(sums, longest)
    if sums.remote:
        return _in_processes(sums, longest, hungriest)
    return _in_threads(sums, longest, hungriest)


def _of_consumer(sums: _Measured) -> tuple[str, ActionTime | None, str, list[str]]:
    profile = sums.profile
    why = "Batches are there when it asks for them."
    advice = ["Nothing in the pipeline; only a faster consumer would make the run faster."]
    slowed = profile.consumer_gil > 0.15 * sums.own
    if profile.prefetch and not sums.remote and slowed and profile.consumer_cpu > 0.5 * sums.own:
        advice.append(
            f"It waited up to {as_time(profile.consumer_gil)} for the interpreter's lock, which "
            "actions in threads hold: target='mpc' would leave it to the consumer."
        )
    return "consumer", None, why, advice


def _without_prefetch(
    sums: _Measured, longest: ActionTime
) -> tuple[str, ActionTime | None, str, list[str]]:
    waits = longest.blocked + longest.gil
    more = sums.more_prefetch()
    if waits > 0.5 * longest.seconds:
        why = "It mostly waits, so several batches can wait at once."
        return "waiting", longest, why, [f"More prefetch: prefetch={more}, in threads."]
    advice = []
    if sums.own > 0.1 * sums.wall:
        advice.append("prefetch=2 or more, so that it works while the consumer does.")
    if sums.cores > 1:
        advice.append(
            f"Worker processes, prefetch={max(2, sums.cores)} with target='mpc', if it is Python "
            "code; threads do as well if it is NumPy, a kernel or a library that computes without "
            "the interpreter's lock."
        )
    else:
        advice.append("A faster action: there is one core only.")
    return "computing", longest, "It computes, on one core.", advice


def _in_threads(
    sums: _Measured, longest: ActionTime, hungriest: ActionTime
) -> tuple[str, ActionTime | None, str, list[str]]:
    # Of threads that share a lock one computes at a time; what others seem to want is waking up.
    most = 1 + SPARE * min(len(sums.profile.workers) - 1, 3)
    # On a busy machine a thread that sleeps a lot queues for a core each time it wakes up.
    computes = hungriest.cpu > 0.15 * (hungriest.cpu + hungriest.queued)
    sleeps = longest.blocked > 0.3 * longest.seconds
    if sums.wanted < ONE_CORE or (sleeps and not computes):
        return _waits(sums, longest)
    # Threads that compute without the lock are on a core or ready for one all the time.
    others = len(sums.profile.workers) - 1
    kept = hungriest.gil + hungriest.blocked > min(1.4, 0.6 * others) * hungriest.cpu
    if others and sums.used <= 1.1 and (kept or sums.wanted <= most):
        why = (
            f"All threads together were on {sums.used:.1f} cores: they compute in Python, where "
            "the interpreter's lock lets one thread at a time."
        )
        advice = [
            "Processes: target='mpc', which gives each worker an interpreter of its own.",
            f"Or {hungriest.name} could compute in NumPy, a kernel or numba, without the lock.",
        ]
        if sums.cores == 1:
            advice = advice[1:]
        return "interpreter", hungriest, why, advice
    return _computes(sums, hungriest)


def _in_processes(
    sums: _Measured, longest: ActionTime, hungriest: ActionTime
) -> tuple[str, ActionTime | None, str, list[str]]:
    profile = sums.profile
    if profile.startup > 0.4 * sums.wall:
        why = "The run was over soon after its worker processes had started."
        advice = ["A longer run, or a second one: the processes stay."]
        return "startup", longest, why, advice
    if profile.transfer > 0.5 * (profile.waited - profile.startup):
        why = (
            f"For {as_time(profile.transfer)} the consumer waited for batches that were finished "
            "and on their way back."
        )
        small = "Less to move: drop components that the consumer does not need, keep small dtypes."
        advice = ["Threads: target='threads', where nothing has to be moved.", small]
        return "transfer", longest, why, advice
    if longest.blocked > 0.5 * longest.seconds:
        limit, bottleneck, why, advice = _waits(sums, longest)
        return (
            limit,
            bottleneck,
            why,
            [*advice, "Threads wait as well as processes, and cost less."],
        )
    return _computes(sums, hungriest)


def _waits(sums: _Measured, longest: ActionTime) -> tuple[str, ActionTime | None, str, list[str]]:
    profile = sums.profile
    why = (
        f"It mostly waits for something outside, such as a disk, a network or a sleep; with "
        f"{len(profile.workers)} at work the cores were idle."
    )
    more = sums.more_prefetch()
    if len(profile.workers) < profile.prefetch:
        return (
            "waiting",
            longest,
            why,
            [f"More workers: there were {len(profile.workers)} for {profile.prefetch} batches."],
        )
    return "waiting", longest, why, [f"More prefetch: prefetch={more}."]


def _computes(
    sums: _Measured, hungriest: ActionTime
) -> tuple[str, ActionTime | None, str, list[str]]:
    profile = sums.profile
    short = sums.queued + profile.consumer_queued > 0.25 * (sums.cpu + profile.consumer_cpu)
    if sums.used >= 0.8 * sums.cores or short:
        why = (
            f"The cores are busy: {sums.wanted:.1f} would have been used, {sums.used:.1f} of "
            f"{sums.cores} were to be had."
        )
        return (
            "cores",
            hungriest,
            why,
            [f"A faster {hungriest.name}, or more cores; neither prefetch nor workers would."],
        )
    why = "It computes, and there are cores that do not."
    return (
        "computing",
        hungriest,
        why,
        [f"More prefetch: prefetch={max(2 * profile.prefetch, sums.cores + 1)}."],
    )
