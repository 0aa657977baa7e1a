"""Files that take the place of others, or do not: never a part of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

__all__ = ["replacing"]

_serial = count()


@contextmanager
def replacing(path: str | os.PathLike[str], *, fsync: bool = False) -> Iterator[Path]:
    """Give a temporary path in the same folder, and rename it when the block has ended well.

    Parameters
    ----------
    path : path
        The file to replace or create.
    fsync : bool
        Whether to wait until the disk has the file before it takes its name, and its name then.

    Yields
    ------
    Path
        Where to write. It ends as `path` does, and is gone if the block fails.
    """
    target = Path(path)
    if not target.parent.is_dir():
        # Said of the folder, not of the temporary file, whose name nobody has heard of.
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    # The name is of this process and call alone, and hidden from globs.
    name = f".ironbatch-{os.getpid()}-py{next(_serial)}.tmp{target.suffix}"
    temporary = target.with_name(name)
    try:
        yield temporary
        if fsync:
            _sync(temporary)
        temporary.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    if fsync:
        _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
