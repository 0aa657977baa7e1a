"""An index of files or directories."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from ironbatch.index.dataset_index import DatasetIndex
from ironbatch.index.ids import raw_ids
from ironbatch.url_globs import matches
from ironbatch.urls import is_url

__all__ = ["FilesIndex"]


class FilesIndex(DatasetIndex):
    """An index of files or directories, whose ids are their names.

    Parameters
    ----------
    index : index or array-like, optional
        Ids, when the paths are given too.
    path : str, path or iterable of them, optional
        Globs; ``**`` stands for any number of directories. A glob may be a URL, such as
        ``s3://bucket/scans/*.npy``; its paths are URLs then.
    dirs : bool
        Whether to index directories instead of files.
    no_ext : bool
        Whether to leave extensions (from the last dot on) out of the ids.
    sort : bool
        Whether to sort by id. Otherwise the order is that of the file system.
    paths : mapping from id to path, or sequence of paths, optional
        Where the items of `index` are: paths or URLs.
    storage_options : mapping, optional
        For the file systems of URLs, see `fsspec`: keys, end points. The files are read and written
        with them too.
    retries : int
        How often a URL is listed again after it has failed.
    backoff : float
        Seconds before the first repetition; twice as many before each further one, up to 30.
    retry_on : class of exceptions or tuple of them
        After which errors. What a store raises is an `OSError` of the same family by then.

    Raises
    ------
    ValueError
        If nothing is found, if two paths have the same name, if there are no globs, or if a URL has
        ``**`` within a name.
    TypeError
        If a glob is not a string or a path.
    OSError
        If a store cannot be reached or refuses to list a directory, after the `retries`; it names
        the URL.
    ImportError
        If a package that the scheme of a URL needs is not installed; it says which.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ('b.npy', 'a.npy'):
    ...     _ = (folder / name).write_bytes(b'')
    >>> index = FilesIndex(path=folder / '*.npy', no_ext=True, sort=True)
    >>> index.indices
    array(['a', 'b'], dtype='<U1')
    >>> pathlib.Path(index.get_fullpath('b')).name
    'b.npy'
    """

    _paths: list[str]
    dirs: bool = False
    storage_options: Mapping[str, Any] | None = None

    def __init__(
        self,
        *args: Any,
        storage_options: Mapping[str, Any] | None = None,
        retries: int = 0,
        backoff: float = 0.1,
        retry_on: type[Exception] | tuple[type[Exception], ...] = OSError,
        **kwargs: Any,
    ) -> None:
        from ironbatch.actions.policy import DEFAULT

        self._policy = DEFAULT.with_settings(
            {"retries": retries, "backoff": backoff, "retry_on": retry_on}
        )
        source = args[0] if args else kwargs.get("index")
        if storage_options is None and isinstance(source, FilesIndex):
            storage_options = source.storage_options
        if storage_options is not None:
            self.storage_options = dict(storage_options)
        super().__init__(*args, **kwargs)

    def build_index(
        self,
        index: Any = None,
        path: Any = None,
        dirs: bool = False,
        no_ext: bool = False,
        sort: bool = False,
        paths: Mapping[Any, Any] | Sequence[Any] | None = None,
    ) -> Any:
        """Find the files, or take the ids and paths given."""
        if path is None:
            return self.build_from_index(index, paths, dirs)
        if index is not None or paths is not None:
            raise TypeError("give path, or index with paths, not both")
        return self.build_from_path(path, dirs, no_ext, sort)

    def build_from_index(self, index: Any, paths: Any, dirs: bool = False) -> Any:
        """Take ids and where they are."""
        if index is None:
            raise TypeError("give path, or index with paths")
        self.dirs = bool(dirs)
        if isinstance(index, FilesIndex) and paths is None:
            paths, self.dirs = index.paths, index.dirs
        if paths is None:
            raise TypeError("an index of files needs paths for its ids; globs are given as path=")
        ids = raw_ids(index)
        if isinstance(paths, Mapping):
            missing = [id_ for id_ in ids if id_ not in paths]
            if missing:
                raise ValueError(f"there is no path for id {missing[0]!r}")
            found = [paths[id_] for id_ in ids]
        else:
            found = list(paths)
            if len(found) != len(ids):
                raise ValueError(f"got {len(found)} paths for {len(ids)} ids")
        self._paths = [_as_text(each) for each in found]
        return ids

    def build_from_path(
        self, path: Any, dirs: bool = False, no_ext: bool = False, sort: bool = False
    ) -> Any:
        """Find the files that globs stand for."""
        globs = [path] if isinstance(path, str | os.PathLike) else path
        if not isinstance(globs, Iterable) or isinstance(globs, bytes):
            raise TypeError(f"a glob is a string or a path, not {type(globs).__name__}")
        texts = [_as_text(each) for each in globs]
        if not texts:
            raise ValueError("path holds no globs")
        found: list[tuple[str, str]] = []
        for glob in texts:
            here = [(self.build_key(name, no_ext)[0], name) for name in self._matches(glob, dirs)]
            if not here:
                warnings.warn(f"there are no items in {glob}", stacklevel=4)
            found += here
        if not found:
            what = "directories" if dirs else "files"
            raise ValueError(f"there are no {what} in {', '.join(texts)}: an index cannot be empty")
        if sort:
            found.sort()
        self.dirs = bool(dirs)
        self._paths = [path for _, path in found]
        _refuse_collisions(found)
        ids = np.empty(len(found), object)
        ids[:] = [key for key, _ in found]
        return ids

    def _matches(self, glob: str, dirs: bool) -> list[str]:
        if is_url(glob):
            return self._policy.persist(lambda: matches(glob, dirs, self.storage_options))
        import glob as globbing

        is_wanted = os.path.isdir if dirs else os.path.isfile
        return [name for name in globbing.iglob(glob, recursive=True) if is_wanted(name)]  # noqa: PTH207

    @staticmethod
    def build_key(fullpathname: str, no_ext: bool = False) -> tuple[str, str]:
        """Make the id of a path.

        Returns
        -------
        (str, str)
            The id and the path.
        """
        # A directory may be written with a slash at its end.
        name = os.path.basename(fullpathname.rstrip(os.sep) or fullpathname)  # noqa: PTH119
        if no_ext:
            dot = name.rfind(".")
            name = name[:dot] if dot > 0 else name
        return name, fullpathname

    def get_fullpath(self, key: Any) -> str:
        """Give the path of an item.

        Parameters
        ----------
        key : id

        Returns
        -------
        str

        Raises
        ------
        UnknownIdError
            If there is no such id.
        """
        position: int = self.get_pos(key)
        positions = self._positions
        if isinstance(positions, slice):
            position += positions.start
        elif positions is not None:
            position = int(positions[position])
        return self._paths[position]

    @property
    def fullpaths(self) -> list[str]:
        """Paths of all items, in order."""
        if self._positions is None:
            return list(self._paths)
        return [self._paths[position] for position in self.root_positions.tolist()]

    @property
    def paths(self) -> dict[Any, str]:
        """Paths by id."""
        return dict(zip(self.indices.tolist(), self.fullpaths, strict=True))

    def detach(self) -> Self:
        """Make a root of a view, with the paths of its own items only."""
        out = super().detach()
        out._paths = self.fullpaths
        return out

    @classmethod
    def concat(cls, *index_list: DatasetIndex) -> DatasetIndex:
        """Put indexes of files end to end, with their paths.

        Raises
        ------
        ValueError
            If two different indexes have an id in common.
        """
        if len(index_list) < 2 or all(each.root is index_list[0].root for each in index_list):
            return super().concat(*index_list)
        found: list[tuple[Any, str]] = []
        for index in index_list:
            if not isinstance(index, FilesIndex):
                raise TypeError(f"an index of files cannot be joined with a {type(index).__name__}")
            found += zip(index.indices.tolist(), index.fullpaths, strict=True)
        _refuse_collisions(found)
        out = super().concat(*index_list)
        out.__dict__["_paths"] = [path for _, path in found]
        return out


def _refuse_collisions(found: Sequence[tuple[Any, str]]) -> None:
    first: dict[Any, str] = {}
    for key, path in found:
        other = first.setdefault(key, path)
        if other is not path:
            raise ValueError(f"{other} and {path} have the same id {key!r}")


def _as_text(path: Any) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"a path is a string or a path object, not {type(path).__name__}: {path!r}")
    text = os.fspath(path)
    return os.fsdecode(text)
