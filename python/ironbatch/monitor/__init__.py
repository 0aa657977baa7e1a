"""What a program takes of the machine, sampled while it runs; psutil does the asking.

`Monitor` samples several resources at once: ``with Monitor(['cpu', 'memory']) as monitor: ...``.
"""

from ironbatch.monitor.base import ResourceMonitor
from ironbatch.monitor.gpu import GPUMemoryMonitor, GPUMemoryUtilizationMonitor, GPUMonitor
from ironbatch.monitor.group import MONITOR_ALIASES, Monitor, make_monitor
from ironbatch.monitor.machine import (
    DirDiskMonitor,
    TotalCPUMonitor,
    TotalDiskMonitor,
    TotalMemoryMonitor,
)
from ironbatch.monitor.process import (
    CPUMonitor,
    DiskIOMonitor,
    ProcessMonitor,
    RSSMonitor,
    SHRMonitor,
    USSMonitor,
    VMSMonitor,
)

__all__ = [
    "MONITOR_ALIASES",
    "CPUMonitor",
    "DirDiskMonitor",
    "DiskIOMonitor",
    "GPUMemoryMonitor",
    "GPUMemoryUtilizationMonitor",
    "GPUMonitor",
    "Monitor",
    "ProcessMonitor",
    "RSSMonitor",
    "ResourceMonitor",
    "SHRMonitor",
    "TotalCPUMonitor",
    "TotalDiskMonitor",
    "TotalMemoryMonitor",
    "USSMonitor",
    "VMSMonitor",
    "make_monitor",
]
