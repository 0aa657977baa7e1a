"""Formats that keep one file for each item and are written in Python."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironbatch import components as columns
from ironbatch.formats.atomic import replacing
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.failing import failing
from ironbatch.formats.locations import item_paths, make_folders, unique_targets
from ironbatch.formats.native import component_of
from ironbatch.formats.staging import fetched, sent

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["ItemFormat", "read_items", "write_items"]


class ItemFormat(Format):
    """One file for each item and component, read and written by Python.

    Define `read` and `write`; where the files are, that they are replaced all or nothing, and
    errors that name the item, come from here. What `load` and `dump` are given as further keywords
    reaches `read` and `write`.
    """

    @abstractmethod
    def read(self, path: Path, **options: Any) -> Any:
        """Read one item.

        Parameters
        ----------
        path : Path
            Its file.
        **options
            Further keywords of `load`.

        Returns
        -------
        array, str, bytes or object
            The item; those of a batch are put together as results of a parallel action are.
        """

    @abstractmethod
    def write(self, path: Path, item: Any, **options: Any) -> None:
        """Write one item to a temporary file that ends like the final one."""

    def places(
        self,
        batch: Batch,
        where: Any,
        components: ComponentNames,
        suffix: str | None,
        argument: str,
    ) -> dict[str | None, list[str]]:
        """Say where the files of items are; see `ironbatch.formats.locations.item_paths`."""
        ending = self.suffix if suffix is None else suffix
        return item_paths(batch, where, components, suffix=ending, argument=argument)

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        **options: Any,
    ) -> dict[str | None, Any]:
        """Read components; see `Format.load` and `ironbatch.formats.locations`."""
        ids = batch.index.indices.tolist()
        places = self.places(batch, src, components, suffix, "src")
        return {
            name: self.read_all(paths, ids, name or "data", **options)
            for name, paths in places.items()
        }

    def read_all(
        self, paths: Sequence[str], ids: Sequence[Hashable], name: str, **options: Any
    ) -> Any:
        """Read a component: one item after another, in threads, unless a format knows better."""

        def read(path: Path) -> Any:
            return self.read(path, **options)

        return columns.assemble(read_items(read, paths, ids), name=name, ids=ids)

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        fsync: bool = False,
        **options: Any,
    ) -> None:
        """Write components; see `Format.dump` and `ironbatch.formats.locations`."""
        ids = batch.index.indices.tolist()
        places = self.places(batch, dst, components, suffix, "dst")

        def write(path: Path, item: Any) -> None:
            self.write(path, item, **options)

        values = {name: columns.items_of(component_of(batch, name)) for name in places}
        for name, paths in places.items():
            make_folders(paths, dst[name] if isinstance(dst, Mapping) else dst)
            write_items(write, paths, unique_targets(paths, ids), ids, values[name], fsync=fsync)


def read_items(
    read: Callable[[Path], Any], paths: Sequence[str], ids: Sequence[Hashable]
) -> list[Any]:
    """Read files in threads; the first that fails is raised, with a note of its item."""
    return _in_threads(read, paths, ids, [Path(path) for path in fetched(paths, ids)])


def write_items(
    write: Callable[[Path, Any], None],
    paths: Sequence[str],
    positions: Sequence[int],
    ids: Sequence[Hashable],
    items: Sequence[Any],
    *,
    fsync: bool = False,
) -> None:
    """Write files in threads, each all or nothing; the first that fails is raised, with a note."""

    def write_one(path: str, item: Any) -> None:
        with replacing(path, fsync=fsync) as temporary:
            write(temporary, item)

    named = [ids[position] for position in positions]
    values = [items[position] for position in positions]
    with sent(paths, positions, ids) as local:
        chosen = [local[position] for position in positions]
        _in_threads(write_one, chosen, named, chosen, values, positions=positions)


def _in_threads(
    function: Callable[..., Any],
    paths: Sequence[str],
    ids: Sequence[Hashable],
    *arguments: Sequence[Any],
    positions: Sequence[int] | None = None,
) -> list[Any]:
    from ironbatch.targets import Calls, run

    results = run("threads", function, Calls(len(paths), arguments))
    failed = {at: result for at, result in enumerate(results) if isinstance(result, Exception)}
    for at, error in failed.items():
        error.add_note(f"item {ids[at]!r}, file {paths[at]}")
    if failed:
        placed = {at if positions is None else positions[at]: one for at, one in failed.items()}
        raise failing(failed[min(failed)], min(placed), placed, complete=True)
    return results
