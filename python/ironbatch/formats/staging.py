"""Files of URLs, by way of a folder of this machine.

Formats read and write files of this machine. What has a URL is fetched into a folder first, many
files at a time, and what was written there is sent. The folder is there while a `load` or `dump`
is, and what has been fetched is not fetched again when other items are tried again.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ironbatch.formats.failing import failing
from ironbatch.urls import any_url, is_url, naming, open_system

__all__ = ["fetched", "looks", "options_of", "original", "sent", "staging"]


class _Stage:
    """A folder, made when the first file needs it."""

    def __init__(self, options: Mapping[str, Any] | None) -> None:
        self.options = options
        self.local: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.here: set[str] = set()
        self._folder: str | None = None

    def place(self, url: str) -> str:
        """Give the file that stands for a URL; it ends as the URL does."""
        known = self.local.get(url)
        if known is None:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="ironbatch-")
            folder = os.path.join(self._folder, str(len(self.local)))  # noqa: PTH118
            os.mkdir(folder)  # noqa: PTH102
            name = url.rstrip("/").rpartition("/")[2] or "file"
            known = self.local[url] = os.path.join(folder, name)  # noqa: PTH118
            self.urls[known] = url
        return known

    def fetch(self, url: str) -> None:
        """Copy a file of a URL here."""
        local = self.local[url]
        try:
            system, path = open_system(url, self.options)
            system.get_file(path, local)
        except Exception as error:
            raise naming(error, url) from error
        self.here.add(url)

    def send(self, url: str) -> None:
        """Copy a file from here to its URL."""
        local = self.local[url]
        try:
            system, path = open_system(url, self.options)
            try:
                system.put_file(local, path)
            except FileNotFoundError:  # a system that has folders
                first = re.match("/*[^/]*", path)
                if first is None or not system.exists(first[0]):
                    raise  # buckets and shares are not for us to make
                system.makedirs(system._parent(path), exist_ok=True)
                system.put_file(local, path)
        except Exception as error:
            raise naming(error, url) from error
        os.unlink(local)  # noqa: PTH108
        self.here.discard(url)

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


_stage: ContextVar[_Stage | None] = ContextVar("ironbatch_stage", default=None)


@contextmanager
def staging(options: Any, index: Any) -> Iterator[None]:
    """Make a folder for files of URLs, if there are any; it is gone after the block.

    Parameters
    ----------
    options : mapping or None
        For the constructors of file systems.
    index : FilesIndex or other index
        Whose options to use if there are none.

    Raises
    ------
    TypeError
        If the options are no mapping.
    """
    if options is None:
        options = getattr(index, "storage_options", None)
    elif not isinstance(options, Mapping):
        raise TypeError(
            f"storage_options is a mapping of options of a file system, got {options!r}"
        )
    stage = _Stage(options)
    token = _stage.set(stage)
    try:
        yield
    finally:
        _stage.reset(token)
        stage.close()


def options_of() -> Mapping[str, Any] | None:
    """Give the options of file systems that this `load` or `dump` has."""
    stage = _stage.get()
    return None if stage is None else stage.options


def _current(path: str) -> _Stage:
    stage = _stage.get()
    if stage is None:
        raise ValueError(
            f"{path!r} is a URL, which only load and dump of a batch can read or write"
        )
    return stage


def fetched(paths: Sequence[str], ids: Sequence[Hashable] | None = None) -> Sequence[str]:
    """Give files of this machine that hold what is at some paths.

    Parameters
    ----------
    paths : sequence of str
        Paths and URLs; what has a URL is fetched, in threads.
    ids : sequence, optional
        Of the items, for messages.

    Raises
    ------
    OSError
        If one cannot be fetched; it names the URL, and the failing items are noted on it.
    MissingPackageError
        If the package of a scheme is not installed.
    """
    if not any_url(paths):
        return paths
    stage = _current(paths[0])
    missing: dict[str, int] = {}
    for position, path in enumerate(paths):
        if is_url(path):
            stage.place(path)
            if path not in stage.here:
                missing.setdefault(path, position)
    _all(stage.fetch, missing, ids)
    return [stage.local[path] if is_url(path) else path for path in paths]


def sent(
    paths: Sequence[str], positions: Sequence[int], ids: Sequence[Hashable] | None = None
) -> _Sending:
    """Give files of this machine to write for some paths, in a block that sends them at its end.

    Parameters
    ----------
    paths : sequence of str
        Paths and URLs.
    positions : sequence of int
        Those that are written.
    ids : sequence, optional
        Of the items, for messages.
    """
    return _Sending(paths, positions, ids)


class _Sending:
    def __init__(
        self, paths: Sequence[str], positions: Sequence[int], ids: Sequence[Hashable] | None
    ) -> None:
        self._paths, self._positions, self._ids = paths, positions, ids

    def __enter__(self) -> Sequence[str]:
        if not any_url(self._paths):
            self._positions = ()
            return self._paths
        stage = _current(self._paths[0])
        return [stage.place(path) if is_url(path) else path for path in self._paths]

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is not None or not len(self._positions):
            return
        stage = _current(self._paths[0])
        urls = {self._paths[at]: at for at in self._positions if is_url(self._paths[at])}
        _all(stage.send, urls, self._ids)


def _all(function: Any, urls: Mapping[str, int], ids: Sequence[Hashable] | None) -> None:
    """Do something with all URLs, in threads; note on the first error which items fail."""
    from ironbatch.targets import Calls, run

    if not urls:
        return
    results = run("threads", function, Calls(len(urls), (list(urls),)))
    failed = {
        position: result
        for position, result in zip(urls.values(), results, strict=True)
        if isinstance(result, Exception)
    }
    if not failed:
        return
    for position, error in failed.items():
        if ids is not None:
            error.add_note(f"item {ids[position]!r}")
    first = min(failed)
    if isinstance(failed[first], ImportError) or ids is None:
        raise failed[first]
    raise failing(failed[first], first, failed, complete=True)


def original(path: str) -> str:
    """Give the URL that a file of this machine stands for; the path itself if for none."""
    stage = _stage.get()
    return path if stage is None else stage.urls.get(path, path)


def looks(url: str) -> Hashable:
    """Give what changes when the file of a URL does.

    Raises
    ------
    OSError
        If the file is not there, or cannot be reached.
    """
    stage = _current(url)
    try:
        system, path = open_system(url, stage.options)
        system.invalidate_cache(system._parent(path))
        return str(system.ukey(path))
    except Exception as error:
        raise naming(error, url) from error
