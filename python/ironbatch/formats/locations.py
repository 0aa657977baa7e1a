"""Where the file of an item is.

The same rule says where to read from (`src`) and where to write to (`dst`):

=====================================  ===========================================================
given                                  file of item ``7``, component ``images``, suffix ``.npy``
=====================================  ===========================================================
nothing, and the index is of files     the item's own path in the index
nothing, and the index is of folders   ``<the item's folder>/images.npy``
a folder, one component                ``<folder>/7.npy``
a folder, several components           ``<folder>/images/7.npy``
a relative path, and the index is of   ``<the item's folder>/<path>``; with several components
folders                                ``<the item's folder>/<path>/images.npy``
an index of files                      the path of id ``7`` in it
a mapping by component                 any of these for each component, as if it were the only one
=====================================  ===========================================================

Formats that keep all components of an item in one file (`blosc`) name it as if there were one
component.

The suffix is the format's unless ``suffix=`` gives another; an id that ends with it already does
not get it twice. ``raw`` has no suffix of its own: a file that the index knows in the same folder
keeps its name there.

A folder, and a path of an index, may be a URL of any scheme that fsspec knows.

An id becomes a file's name only if it is one: no separators, no ``..``, no NUL, not empty. Anything
else is a ValueError, as is a folder of a component that is a link to somewhere else.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch.errors import ComponentError, UnknownIdError
from ironbatch.urls import is_url

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch
    from ironbatch.formats.base import ComponentNames

__all__ = ["item_paths", "make_folders", "unique_targets"]


def item_paths(
    batch: Batch,
    where: Any,
    components: ComponentNames,
    *,
    suffix: str,
    shared: bool = False,
    keep_known: bool = False,
    argument: str,
) -> dict[str | None, list[str]]:
    """Say where the files of all items are.

    Parameters
    ----------
    batch : Batch
        The items.
    where : None, path, index of files, or mapping of these by component
        As the module's text says.
    components : tuple of str or None
        The components.
    suffix : str
        How file names end.
    shared : bool
        Whether one file holds all components of an item.
    keep_known : bool
        Whether files that the index knows in that folder keep their names.
    argument : str
        What users call `where`, for messages.

    Returns
    -------
    dict from component to list of str
        Paths in the order of the items; under None for a shared file.

    Raises
    ------
    ValueError
        If nothing says where the files are, or an id is no file name.
    TypeError
        If `where` is something else.
    """
    if isinstance(where, Mapping):
        if shared:
            raise TypeError(
                f"one file holds all components of an item, so {argument} cannot be a mapping"
            )
        missing = [name for name in components if name not in where]
        if missing:
            raise ComponentError(f"{argument} says nothing about component {missing[0]!r}")
        return {
            name: _paths(batch, where[name], name, False, suffix, keep_known, argument)
            for name in components
        }
    if shared:
        return {None: _paths(batch, where, None, False, suffix, keep_known, argument)}
    several = len(components) > 1
    return {
        name: _paths(batch, where, name, several, suffix, keep_known, argument)
        for name in components
    }


def _paths(
    batch: Batch,
    where: Any,
    component: str | None,
    several: bool,
    suffix: str,
    keep_known: bool,
    argument: str,
) -> list[str]:
    index = batch.index
    in_folders = bool(getattr(index, "dirs", False))
    if any(sign in suffix for sign in ("/", "\0", os.sep, os.altsep or "/")):
        raise ValueError(f"suffix={suffix!r} cannot end the name of a file in a folder")
    if where is None:
        known = _known_paths(index)
        if known is None:
            raise ValueError(
                f"nothing says where the files are: give {argument}=, or make the index a "
                "FilesIndex"
            )
        if in_folders:
            name = _file_name(component or "data", "component") + suffix
            return [os.path.join(path, name) for path in known]  # noqa: PTH118
        if several:
            raise ValueError(
                "the index has one file for each item, but there are several components: give "
                f"{argument}= a folder, or a mapping by component"
            )
        return known
    if hasattr(where, "get_fullpath"):
        if several:
            raise ValueError(
                f"{argument} has one file for each item, but there are several components: give a "
                "mapping by component"
            )
        return _paths_in(where, index.indices.tolist(), argument)
    if not isinstance(where, str | os.PathLike):
        raise TypeError(
            f"{argument} must be a folder, an index of files, or a mapping of these by component; "
            f"got {type(where).__name__}"
        )
    folder = os.fsdecode(os.fspath(where))
    if "\0" in folder:
        raise ValueError(f"{argument} holds a NUL: {folder!r}")
    if in_folders and not os.path.isabs(folder) and not is_url(folder):  # noqa: PTH117
        if several:
            name = _file_name(component or "data", "component") + suffix
            folder = os.path.join(folder, name)  # noqa: PTH118
        return [os.path.join(path, folder) for path in _known_paths(index) or ()]  # noqa: PTH118
    if several:
        folder = os.path.join(folder, _file_name(component or "data", "component"))  # noqa: PTH118
    paths = _in_folder(folder, file_names(index.indices), suffix)
    if keep_known:
        paths = _keep_known(paths, folder, index)
    return paths


def _known_paths(index: Any) -> list[str] | None:
    """Give the paths of the items themselves, if the index has any."""
    paths = getattr(index, "fullpaths", None)
    if isinstance(paths, list):
        return paths
    if hasattr(index, "get_fullpath"):
        return [os.fsdecode(index.get_fullpath(each)) for each in index.indices.tolist()]
    return None


def _paths_in(index: Any, ids: Sequence[Hashable], argument: str) -> list[str]:
    paths = []
    for each in ids:
        try:
            paths.append(os.fsdecode(index.get_fullpath(each)))
        except KeyError as error:
            raise UnknownIdError(
                f"item {each!r} is not in the index given as {argument}"
            ) from error
    return paths


def _in_folder(folder: str, names: Iterable[str], suffix: str) -> list[str]:
    start = os.path.join(folder, "")  # noqa: PTH118
    if not suffix:
        return [start + name for name in names]
    return [start + name if name.endswith(suffix) else start + name + suffix for name in names]


def _keep_known(paths: list[str], folder: str, index: Any) -> list[str]:
    known = _known_paths(index)
    if known is None or getattr(index, "dirs", False):
        return paths
    wanted = os.path.abspath(folder)  # noqa: PTH100
    in_place: dict[str, bool] = {}
    kept = []
    for path, own in zip(paths, known, strict=True):
        holder = os.path.dirname(own)  # noqa: PTH120
        if holder not in in_place:
            in_place[holder] = os.path.abspath(holder) == wanted  # noqa: PTH100
        kept.append(own if in_place[holder] else path)
    return kept


def file_names(ids: np.ndarray[Any, Any]) -> list[str]:
    """Turn ids into names of files.

    Raises
    ------
    ValueError
        If an id is no name of a file within a folder.
    """
    if ids.dtype.kind in "iu":
        return list(map(str, ids.tolist()))
    names = [
        each
        if isinstance(each, str)
        else os.fsdecode(each)
        if isinstance(each, bytes)
        else str(each)
        for each in ids.tolist()
    ]
    # One look at all of them; which one it was matters only if there is one.
    together = "".join(names)
    suspect = any(sign in together for sign in ("/", "\0", os.sep, os.altsep or "/"))
    if suspect or not all(names) or "." in names or ".." in names:
        for each in names:
            _file_name(each, "id")
    return names


def _file_name(name: str, what: str) -> str:
    for sign in ("/", "\0", os.sep, os.altsep or "/"):
        if sign in name:
            raise ValueError(
                f"{what} {name!r} cannot name a file in a folder: it contains {sign!r}"
            )
    if name in ("", ".", ".."):
        raise ValueError(f"{what} {name!r} cannot name a file in a folder")
    return name


def make_folders(paths: Iterable[str], dst: Any) -> None:
    """Make the folders that files go to.

    Raises
    ------
    ValueError
        If a folder within `dst` is a link that leads out of it.
    """
    # Stores of objects have no folders; others get them when files are sent.
    local = (path for path in paths if not is_url(path))
    folders = {os.path.dirname(path) or "." for path in local}  # noqa: PTH120
    for folder in folders:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    if not isinstance(dst, str | os.PathLike) or is_url(dst):
        return
    root = os.path.realpath(os.fsdecode(os.fspath(dst)))
    for folder in folders:
        inside = os.path.abspath(folder).startswith(  # noqa: PTH100
            os.path.join(os.path.abspath(os.fsdecode(os.fspath(dst))), "")  # noqa: PTH100, PTH118
        )
        if inside and not os.path.realpath(folder).startswith(os.path.join(root, "")):  # noqa: PTH118
            raise ValueError(f"the folder {folder!r} is a link that leads out of {root!r}")


def unique_targets(paths: Sequence[str], ids: Sequence[Hashable]) -> list[int]:
    """Give the positions to write, so that no file is written twice.

    An item that is in the batch more than once is written once, as it is at its last place.

    Raises
    ------
    ValueError
        If different items would be written to the same file.
    """
    last = dict(zip(paths, range(len(paths)), strict=True))
    if len(last) == len(paths):
        return list(range(len(paths)))
    for position, path in enumerate(paths):
        other = ids[last[path]]
        if ids[position] != other or type(ids[position]) is not type(other):
            raise ValueError(
                f"items {ids[position]!r} and {other!r} would both be written to {path!r}"
            )
    return sorted(last.values())
