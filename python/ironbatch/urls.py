"""Files that have a URL: on any file system that fsspec knows."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ironbatch.errors import MissingPackageError
from ironbatch.extras import need

__all__ = ["UnknownSchemeError", "any_url", "is_url", "naming", "open_system"]

# Numbers of errors that come without one.
_NUMBERS = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
    TimeoutError: errno.ETIMEDOUT,
}

# One letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class UnknownSchemeError(ValueError):
    """Nobody knows a file system for the scheme of a URL."""


def is_url(path: object) -> bool:
    """Whether a path is a URL, such as ``s3://bucket/key``.

    Examples
    --------
    >>> is_url('memory://scans/7.npy'), is_url('scans/7.npy'), is_url('C:/scans')
    (True, False, False)
    """
    return isinstance(path, str) and _URL.match(path) is not None


def any_url(paths: Iterable[str]) -> bool:
    """Whether there is a URL among paths."""
    return any("://" in path for path in paths)


def open_system(url: str, options: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """Give the file system of a URL, and what the file is called in it.

    Parameters
    ----------
    url : str
        The URL.
    options : mapping, optional
        For the constructor of the file system: keys, end points, ...; what fsspec is configured
        with (``fsspec.config.conf``, environment variables ``FSSPEC_...``) by default.

    Returns
    -------
    (fsspec.AbstractFileSystem, str)

    Raises
    ------
    MissingPackageError
        If fsspec, or the package that it needs for the scheme, is not installed.
    UnknownSchemeError
        If no package is known for the scheme; it is a ValueError.
    OSError
        If the file system cannot be reached.
    """
    fsspec = need("fsspec", extra="remote", what=f"the URL {url!r}")
    scheme = url.partition("://")[0]
    try:
        # Made anew where a process has forked: fsspec forgets those of the parent.
        system, path = fsspec.core.url_to_fs(url, **dict(options or {}))
    except ImportError as error:
        package = _package_of(scheme) or error.name
        pip = f"; install it with: pip install {package}" if package else ""
        raise MissingPackageError(
            f"the URL {url!r} needs a package for {scheme}://, which is not installed{pip} "
            f"({error})",
            name=package,
        ) from error
    except ValueError as error:
        if "rotocol not known" not in str(error):
            raise
        raise UnknownSchemeError(
            f"the URL {url!r}: fsspec knows no file system for {scheme}://"
        ) from error
    return system, str(path)


def _package_of(scheme: str) -> str | None:
    from fsspec.registry import known_implementations

    named = known_implementations.get(scheme, {}).get("class", "").partition(".")[0]
    if named and named != "fsspec":
        return str(named)
    return {"http": "aiohttp requests", "https": "aiohttp requests", "sftp": "paramiko"}.get(scheme)


def naming(error: Exception, url: str) -> Exception:
    """Make an error of a file system that is an OSError and names the URL.

    File systems raise what their packages have: time-outs, errors of clients, all sorts.

    Parameters
    ----------
    error : Exception
        What was raised.
    url : str
        What was to be read or written.

    Returns
    -------
    OSError
        Of the same class if `error` is an OSError (`PermissionError`, `FileNotFoundError`, ...).
    """
    if isinstance(error, ImportError | UnknownSchemeError):
        return error
    kind: type[OSError] = OSError
    number, text = errno.EIO, f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        kind = next(each for each in type(error).__mro__ if each.__module__ == "builtins")
        number = error.errno or _NUMBERS.get(kind, errno.EIO)
        text = error.strerror or str(error) or type(error).__name__
        if text.lstrip("/") and url.endswith(text.lstrip("/")):  # the path is all that it says
            text = os.strerror(number)
    made = kind(number, text, url)
    made.__cause__ = error
    return made
