"""How large data may be that is read into memory as a whole, where that is for us to decide."""

from __future__ import annotations

import os
from pathlib import Path

from ironbatch.sources.limits import bytes_of, bytes_of_environment

__all__ = ["set_whole_limit", "whole_limit"]

_limit = bytes_of_environment("IRONBATCH_WHOLE_BYTES")

# So little is read as a whole however little memory there seems to be.
_LEAST = 64 << 20

# What a container may use and what it uses, by version of control groups; Linux only. The latter
# counts pages of files that are only kept for as long as nobody needs the memory: that number has
# the given name among the statistics.
_GROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def set_whole_limit(nbytes: int | None) -> None:
    """Say how large a table of Parquet may be to be read into memory as a whole.

    Of a larger one each batch reads the row groups that its rows are in; see `ParquetTable`.

    Parameters
    ----------
    nbytes : int or None
        Bytes of the columns in use, as they lie in memory. None stands for half of the memory that
        is available when they are asked for, and 64 MiB at least, which is the default unless the
        environment variable ``IRONBATCH_WHOLE_BYTES`` says otherwise.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is negative, or no whole number.
    """
    global _limit
    _limit = None if nbytes is None else bytes_of(nbytes, "the limit of what is read as a whole")


def whole_limit() -> int | None:
    """Give the limit in bytes; None if nobody knows how much memory there is."""
    if _limit is not None:
        return _limit
    found = [_available(), *(_left(*group) for group in _GROUPS)]
    known = [each for each in found if each is not None]
    return max(_LEAST, min(known) // 2) if known else None


def _available() -> int | None:
    """Give the memory that programs can still have."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _left(folder: str, most: str, used: str, freed: str) -> int | None:
    """Give what a control group leaves."""
    group = Path(folder)
    try:
        left = int((group / most).read_text()) - int((group / used).read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None
    try:
        statistics = dict(map(str.split, (group / "memory.stat").read_text().splitlines()))
        left += int(statistics.get(freed, 0))
    except (OSError, ValueError):
        pass
    return max(0, left)
