"""Format ``blosc``: one compressed file for each item, holding all of its components.

The file is a versioned container of named, typed arrays, described in
``docs/reference/blosc-file.md``. It is never a pickle; components of Python objects need
``allow_pickle=True`` and are marked in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ironbatch.errors import ComponentError
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.locations import item_paths, make_folders, unique_targets
from ironbatch.formats.native import DEFAULT_MAX_BYTES, component_of, is_size, load_arrays, write
from ironbatch.formats.registry import register_format

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["Blosc"]


@register_format("blosc", suffix=".blosc")
class Blosc(Format):
    """One compressed file for each item, holding all of its components."""

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        allow_pickle: bool = False,
    ) -> dict[str | None, Any]:
        """Read components; arrays that are not asked for are not decompressed.

        Parameters
        ----------
        batch, src, components : as for `Format.load`
            See `Format.load` and `ironbatch.formats.locations`.
        suffix : str, optional
            How file names end; ``'.blosc'``.
        max_bytes : int
            Most uncompressed bytes that one file may declare.
        allow_pickle : bool
            Whether Python objects may be unpickled, which can run any code.
        """
        limit = is_size(max_bytes)
        options: dict[str, Any] = {
            "suffix": suffix,
            "max_bytes": limit,
            "allow_pickle": allow_pickle,
        }
        if isinstance(src, Mapping):
            loaded: dict[str | None, Any] = {}
            for name, where in _by_component(src, components, "src"):
                loaded |= self.load(batch, where, (name,), **options)
            return loaded
        ids = batch.index.indices.tolist()
        ending = self.suffix if suffix is None else suffix
        places = item_paths(batch, src, components, suffix=ending, shared=True, argument="src")
        named = [name for name in components if name is not None]
        found = load_arrays(
            places[None], "blosc", named or None, limit, ids, allow_pickle=allow_pickle
        )
        if named:
            return {name: found[name] for name in named}
        return {None: next(iter(found.values())) if len(found) == 1 else found}

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        suffix: str | None = None,
        codec: str = "lz4",
        level: int = 5,
        shuffle: str = "byte",
        allow_pickle: bool = False,
        fsync: bool = False,
    ) -> None:
        """Write components.

        Parameters
        ----------
        batch, dst, components : as for `Format.dump`
            See `Format.dump` and `ironbatch.formats.locations`.
        suffix : str, optional
            How file names end; ``'.blosc'``.
        codec : {'lz4', 'lz4hc', 'zstd', 'blosclz'}
            How to compress.
        level : int
            From 0 (not at all) to 9.
        shuffle : {'byte', 'bit', 'none'}
            How to reorder the bytes of elements before.
        allow_pickle : bool
            Whether components of Python objects may be pickled.
        fsync : bool
            Whether to wait until the disk has each file.
        """
        options: dict[str, Any] = {
            "codec": codec,
            "level": level,
            "shuffle": shuffle,
            "allow_pickle": allow_pickle,
            "fsync": fsync,
        }
        if isinstance(dst, Mapping):
            for name, where in _by_component(dst, components, "dst"):
                self.dump(batch, where, (name,), suffix=suffix, **options)
            return
        ids = batch.index.indices.tolist()
        ending = self.suffix if suffix is None else suffix
        places = item_paths(batch, dst, components, suffix=ending, shared=True, argument="dst")
        paths = places[None]
        named = [(name or "data", component_of(batch, name)) for name in components]
        make_folders(paths, dst)
        write(paths, unique_targets(paths, ids), "blosc", named, ids, **options)


def _by_component(
    where: Mapping[Any, Any], components: ComponentNames, argument: str
) -> list[tuple[str | None, Any]]:
    missing = [name for name in components if name not in where]
    if missing:
        raise ComponentError(f"{argument} says nothing about component {missing[0]!r}")
    return [(name, where[name]) for name in components]
