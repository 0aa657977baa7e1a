"""URLs that a glob stands for.

File systems of fsspec leave out of a glob what they cannot list, as a shell does: a store that does
not answer looks empty, and a folder that refuses looks as if it were not there. Here that is an
error, so that no data set is smaller than it should be without anybody noticing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ironbatch.urls import naming, open_system

__all__ = ["matches"]

_MAGIC = re.compile(r"[*?[]")


def matches(glob: str, dirs: bool, options: Mapping[str, Any] | None = None) -> list[str]:
    """Find the URLs of files, or of directories, that a glob stands for.

    Parameters
    ----------
    glob : str
        A URL with ``*``, ``?``, ``[...]``, ``**``.
    dirs : bool
        Whether to give directories instead of files.
    options : mapping, optional
        For the file system.

    Returns
    -------
    list of str
        Sorted. Empty if there are none, or the directory is not there.

    Raises
    ------
    OSError
        If they cannot be listed, or a directory on the way cannot; it names the URL.
    """
    system, path = open_system(glob, options)
    wanted = "directory" if dirs else "file"
    try:
        system.invalidate_cache()
        found = _found(system, path)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise naming(error, glob) from error
    return [
        str(system.unstrip_protocol(name))
        for name, about in found.items()
        if about["type"] == wanted
    ]


def _found(system: Any, path: str) -> dict[str, Any]:
    """Give what is known of each file and directory that a glob stands for, by its name."""
    magic = _MAGIC.search(path)
    if magic is None:
        return {path: system.info(path)}
    root, _, rest = path[: magic.start()].rpartition("/")
    parts = (rest + path[magic.start() :]).split("/")
    root = root or ("/" if path.startswith("/") else "")
    found: dict[str, Any] = {}
    # These take no more requests than they need; what they find is all that there is.
    if len(parts) == 1 or ("**" in parts and _lists_by_itself(system)):
        found = system.glob(path, detail=True)
    if found:
        return found
    walk = _below(system, root, path) if "**" in parts else _matching(system, root, parts)
    return dict(sorted(walk))


def _lists_by_itself(system: Any) -> bool:
    """Whether a file system finds all that is below a directory in a way of its own.

    Stores of objects have no directories: they list all names that begin with the same letters, in
    a few requests, any of which fails as a whole.
    """
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    kind = type(system)
    if isinstance(system, AsyncFileSystem):
        return kind._find is not AsyncFileSystem._find
    return kind.find is not AbstractFileSystem.find


def _below(system: Any, folder: str, glob: str) -> Iterator[tuple[str, Any]]:
    """Give what matches a glob with ``**``, from all that is below a directory."""
    pattern = _pattern(glob)
    for name, about in _listed(system, folder):
        # As fsspec has it, two stars at the end stand for directories of any depth.
        if pattern.match(name + "/" if glob.endswith("**") and _is_dir(about) else name):
            yield name, about
        if _is_dir(about):
            yield from _below(system, name, glob)


def _matching(system: Any, folder: str, parts: list[str]) -> Iterator[tuple[str, Any]]:
    """Give what matches a glob below a directory, looking only into directories that do."""
    first, *others = parts
    if not _MAGIC.search(first) and others:
        yield from _matching(system, f"{folder}/{first}", others)
        return
    pattern = _pattern(first)
    for name, about in _listed(system, folder):
        if not pattern.match(name.rpartition("/")[2]):
            continue
        if not others:
            yield name, about
        elif _is_dir(about):
            yield from _matching(system, name, others)


def _listed(system: Any, folder: str) -> Iterator[tuple[str, Any]]:
    try:
        listing = system.ls(folder, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for about in listing:
        name = str(about["name"]).rstrip("/")
        if name != folder.rstrip("/"):
            yield name, about


def _pattern(glob: str) -> re.Pattern[str]:
    from fsspec.utils import glob_translate

    return re.compile(glob_translate(glob))


def _is_dir(about: Any) -> bool:
    return bool(about["type"] == "directory")
