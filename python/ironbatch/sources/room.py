"""How large data may be that is read into memory as a whole, where that is for us to decide."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["set_whole_limit", "whole_limit"]

_limit: int | None = (
    int(os.environ["IRONBATCH_WHOLE_BYTES"]) if "IRONBATCH_WHOLE_BYTES" in os.environ else None
)

# What a container may use and what it uses, by version of control groups; Linux only.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def set_whole_limit(nbytes: int | None) -> None:
    """Say how large a table of Parquet may be to be read into memory as a whole.

    Of a larger one each batch reads the row groups that its rows are in; see `ParquetTable`.

    Parameters
    ----------
    nbytes : int or None
        Bytes of the columns in use, as they lie in memory. None stands for half of the memory that
        is available when they are asked for, which is the default unless the environment variable
        ``IRONBATCH_WHOLE_BYTES`` says otherwise.

    Raises
    ------
    ValueError
        If it is negative.
    """
    global _limit
    if nbytes is not None and nbytes < 0:
        raise ValueError(f"a limit is a number of bytes, got {nbytes}")
    _limit = nbytes


def whole_limit() -> int | None:
    """Give the limit in bytes; None if nobody knows how much memory there is."""
    if _limit is not None:
        return _limit
    found = [each for each in (_available(), *map(_left, *zip(*_GROUPS, strict=True))) if each]
    return min(found) // 2 if found else None


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


def _left(most: str, used: str) -> int | None:
    """Give what a control group leaves."""
    try:
        return max(1, int(Path(most).read_text()) - int(Path(used).read_text()))
    except (OSError, ValueError):  # not there, or "max"
        return None
