"""Monitors by name, and several at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self

from ironbatch.monitor.base import ResourceMonitor
from ironbatch.monitor.gpu import GPUMemoryMonitor, GPUMemoryUtilizationMonitor, GPUMonitor
from ironbatch.monitor.machine import (
    DirDiskMonitor,
    TotalCPUMonitor,
    TotalDiskMonitor,
    TotalMemoryMonitor,
)
from ironbatch.monitor.process import (
    CPUMonitor,
    DiskIOMonitor,
    RSSMonitor,
    SHRMonitor,
    USSMonitor,
    VMSMonitor,
)

__all__ = ["MONITOR_ALIASES", "Monitor", "make_monitor"]

MONITOR_ALIASES: dict[str, type[ResourceMonitor]] = {
    "cpu": CPUMonitor,
    "memory": RSSMonitor,
    "rss": RSSMonitor,
    "vms": VMSMonitor,
    "shr": SHRMonitor,
    "shared": SHRMonitor,
    "uss": USSMonitor,
    "disk": DiskIOMonitor,
    "disk_io": DiskIOMonitor,
    "dir_disk": DirDiskMonitor,
    "total_cpu": TotalCPUMonitor,
    "total_memory": TotalMemoryMonitor,
    "total_rss": TotalMemoryMonitor,
    "total_disk": TotalDiskMonitor,
    "gpu": GPUMonitor,
    "gpu_memory": GPUMemoryMonitor,
    "gpu_memory_utilization": GPUMemoryUtilizationMonitor,
}
"""Classes of monitors, by the names that stand for them."""


def make_monitor(monitor: Any, frequency: float = 0.1, **kwargs: Any) -> ResourceMonitor:
    """Make a monitor of a name or class; one that is made already is given back.

    Raises
    ------
    ValueError
        If there is no monitor of that name.
    TypeError
        If it is none of these.
    """
    if isinstance(monitor, ResourceMonitor):
        return monitor
    if isinstance(monitor, str):
        cls = MONITOR_ALIASES.get(monitor.lower())
        if cls is None:
            near = get_close_matches(monitor.lower(), MONITOR_ALIASES, n=3)
            hint = f"; near names: {', '.join(near)}" if near else ""
            raise ValueError(
                f"there is no resource monitor {monitor!r}, only {', '.join(MONITOR_ALIASES)}{hint}"
            )
        monitor = cls
    if isinstance(monitor, type) and issubclass(monitor, ResourceMonitor):
        return monitor(frequency=frequency, **kwargs)
    raise TypeError(f"a monitor is a name, a class or a ResourceMonitor, got {monitor!r}")


class Monitor(list[ResourceMonitor]):
    """Several resource monitors that start and stop together; a list of them.

    Parameters
    ----------
    monitors : str, ResourceMonitor, or sequence of them
        What to sample, by names of `MONITOR_ALIASES`, classes, or monitors.
    frequency : float
        Seconds between two samples of those that are given by name or class.
    **kwargs
        For the constructors of those, such as ``pid``.

    Examples
    --------
    >>> from ironbatch import Monitor
    >>> with Monitor(['cpu', 'memory'], frequency=0.01) as monitor:
    ...     numbers = sorted(range(1000))
    >>> cpu, memory = monitor
    >>> memory.unit, len(memory.data) == len(memory.ticks) >= 2
    ('GiB', True)
    """

    def __init__(
        self, monitors: Any = ("cpu", "memory"), frequency: float = 0.1, **kwargs: Any
    ) -> None:
        if isinstance(monitors, str | type | ResourceMonitor) or not isinstance(monitors, Iterable):
            monitors = [monitors]
        super().__init__(make_monitor(one, frequency, **kwargs) for one in monitors)

    def start(self) -> Self:
        """Start all of them; none is left running if one cannot start."""
        try:
            for monitor in self:
                monitor.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def stop(self) -> Self:
        """Stop all of them, whatever happens to one."""
        errors = []
        for monitor in self:
            try:
                monitor.stop()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.stop()
        else:
            for monitor in self:
                monitor.__exit__(kind, error, traceback)

    def plot(self, savepath: Any = None, **kwargs: Any) -> Any:
        """Draw the samples over time with matplotlib.

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

        series = []
        for monitor in self:
            first = monitor.ticks[0] if monitor.ticks else 0.0
            times = [tick - first for tick in monitor.ticks]
            name = type(monitor).__name__.removesuffix("Monitor")
            series.append((f"{name}, {monitor.unit}", times, monitor.data))
        return draw(series, "seconds", savepath, kwargs)
