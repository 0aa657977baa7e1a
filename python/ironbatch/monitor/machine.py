"""Resources of the whole machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ironbatch.monitor.base import GIB, MIB, ResourceMonitor, psutil

__all__ = ["DirDiskMonitor", "TotalCPUMonitor", "TotalDiskMonitor", "TotalMemoryMonitor"]


class TotalCPUMonitor(ResourceMonitor):
    """Load of all cores of the machine, in per cent of all of them."""

    unit = "%"
    differs = True

    def __init__(self, function: Callable[[], Any] | None = None, frequency: float = 0.1) -> None:
        super().__init__(function, frequency)
        self._before = (0.0, 0.0)

    def get_usage(self) -> float:
        """Give the load since the sample before."""
        times = psutil().cpu_times()
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        before, self._before = self._before, (whole, idle)
        passed = whole - before[0]
        if passed <= 0:
            return 0.0
        # The system's own counters of idle time may step back, and run ahead of the others.
        return float(100 * min(max(1 - (idle - before[1]) / passed, 0.0), 1.0))


class TotalMemoryMonitor(ResourceMonitor):
    """Memory of the machine that is in use."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the memory in use."""
        return float(psutil().virtual_memory().used / GIB)


class TotalDiskMonitor(ResourceMonitor):
    """Space in use of the file system that holds ``/``."""

    unit = "GiB"

    def get_usage(self) -> float:
        """Give the space in use."""
        return float(psutil().disk_usage("/").used / GIB)


class DirDiskMonitor(ResourceMonitor):
    """Size of all files in a folder and the folders in it.

    Parameters
    ----------
    function, frequency
        As for `ResourceMonitor`.
    dir_path : path
        The folder; the current one by default.
    """

    unit = "MiB"

    def __init__(
        self,
        function: Callable[[], Any] | None = None,
        frequency: float = 0.1,
        dir_path: str | os.PathLike[str] = ".",
    ) -> None:
        super().__init__(function, frequency)
        self.dir_path = Path(dir_path)

    def get_usage(self) -> float:
        """Give the size of the files."""
        size = 0
        for folder, _, names in os.walk(self.dir_path):
            for name in names:
                try:
                    size += (Path(folder) / name).lstat().st_size
                except FileNotFoundError:
                    continue
        return size / MIB
