"""URLs that a glob stands for.

File systems of fsspec leave out of a glob what they cannot list, as a shell does: a store that does
not answer looks empty, and a folder that refuses looks as if it were not there. Here that is an
error, so that no data set is smaller than it should be without anybody noticing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
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
    ValueError
        If the glob has ``**`` within the name of a file or directory.
    OSError
        If they cannot be listed, or a directory on the way cannot; it names the URL.
    """
    system, path = open_system(glob, options)
    wanted = "directory" if dirs else "file"
    try:
        pattern = _pattern(path)
    except ValueError as error:
        raise ValueError(
            f"the glob {glob!r} has ** within a name, and it stands for whole directories; put it "
            "between slashes, or write one star"
        ) from error
    try:
        system.invalidate_cache()
        # A store of objects may have a file and a directory of the same name.
        found = {
            name
            for name, about in _found(system, path, pattern, dirs)
            if about.get("type") == wanted
        }
    except FileNotFoundError:
        return []
    except Exception as error:
        raise naming(error, glob) from error
    return [str(system.unstrip_protocol(name)) for name in sorted(found)]


def _found(
    system: Any, path: str, pattern: re.Pattern[str], dirs: bool
) -> Iterable[tuple[str, Any]]:
    """Give what a glob stands for: all files, or all directories, and some of the others."""
    magic = _MAGIC.search(path)
    if magic is None:
        return [(path, system.info(path))]
    root, _, rest = path[: magic.start()].rpartition("/")
    parts = (rest + path[magic.start() :]).split("/")
    root = root or ("/" if path.startswith("/") else "")
    deep = "**" in parts
    # These take no more requests than they need; what they find is all that there is.
    if _lists_by_itself(system) if deep else len(parts) == 1:
        found = system.glob(path, detail=True)
        if found and (dirs or not any(map(_is_dir, found.values()))):
            return list(found.items())
        # A directory that was found may hide the file of its name.
        if found and deep:
            below = system.find(root, detail=True).items()
            return [(name, about) for name, about in below if pattern.match(name)]
    if not deep:
        return _matching(system, root, parts)
    # As fsspec has it, two stars at the end stand for directories of any depth.
    ends_deep = path.endswith("**")
    top = _top(system, root, pattern) if dirs and ends_deep else ()
    return chain(top, _below(system, root, pattern, ends_deep))


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


def _top(system: Any, folder: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    """Give the directory that a glob starts from, if it stands for that too, as ``d/**`` does."""
    if folder.strip("/") and pattern.match(folder + "/"):
        with suppress(FileNotFoundError):
            yield folder, system.info(folder)


def _below(
    system: Any, folder: str, pattern: re.Pattern[str], ends_deep: bool
) -> Iterator[tuple[str, Any]]:
    """Give what matches a glob with ``**``, from all that is below a directory."""
    for name, about in _listed(system, folder):
        if pattern.match(name + "/" if ends_deep and _is_dir(about) else name):
            yield name, about
        if _is_dir(about):
            yield from _below(system, name, pattern, ends_deep)


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
    return bool(about.get("type") == "directory")
