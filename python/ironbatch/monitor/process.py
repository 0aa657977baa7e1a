"""Resources of one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ironbatch.monitor.base import GIB, MIB, ResourceMonitor, psutil

__all__ = [
    "CPUMonitor",
    "DiskIOMonitor",
    "ProcessMonitor",
    "RSSMonitor",
    "SHRMonitor",
    "USSMonitor",
    "VMSMonitor",
]


class ProcessMonitor(ResourceMonitor):
    """A resource of one process.

    Parameters
    ----------
    function, frequency
        As for `ResourceMonitor`.
    pid : int, optional
        The process; the one that samples by default.
    """

    def __init__(
        self,
        function: Callable[[], Any] | None = None,
        frequency: float = 0.1,
        pid: int | None = None,
    ) -> None:
        super().__init__(function, frequency)
        self.pid = pid
        self._process: Any = None
        if function is None:
            self.process()

    def process(self) -> Any:
        """Give psutil's handle of the process."""
        pid = os.getpid() if self.pid is None else self.pid
        if self._process is None or self._process.pid != pid:
            self._process = psutil().Process(pid)
        return self._process

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_process": None}


class CPUMonitor(ProcessMonitor):
    """Load that the process makes, in per cent of one core."""

    unit = "%"
    differs = True

    def get_usage(self) -> float:
        """Give the load since the sample before."""
        return float(self.process().cpu_percent())


class RSSMonitor(ProcessMonitor):
    """Physical memory of the process."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the memory."""
        return float(self.process().memory_info().rss / GIB)


class VMSMonitor(ProcessMonitor):
    """Virtual memory of the process."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the memory."""
        return float(self.process().memory_info().vms / GIB)


class SHRMonitor(ProcessMonitor):
    """Memory of the process that others may share."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the memory."""
        return float(self.process().memory_info().shared / GIB)


class USSMonitor(ProcessMonitor):
    """Memory that is the process's own: what would be free without it."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the memory."""
        return float(self.process().memory_full_info().uss / GIB)


class DiskIOMonitor(ProcessMonitor):
    """What the process has read and written since the monitor was made."""

    unit = "MiB"

    def __init__(
        self,
        function: Callable[[], Any] | None = None,
        frequency: float = 0.1,
        pid: int | None = None,
    ) -> None:
        super().__init__(function, frequency, pid)
        self._first = self._moved() if function is None else 0

    def _moved(self) -> int:
        counters = self.process().io_counters()
        return int(counters.read_bytes + counters.write_bytes)

    def get_usage(self) -> float:
        """Give how much it is."""
        return (self._moved() - self._first) / MIB
