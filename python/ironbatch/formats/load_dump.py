"""What `Batch.load` and `Batch.dump` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ironbatch.actions.on_error import whole_failures
from ironbatch.actions.policy import policy_of
from ironbatch.errors import ComponentError
from ironbatch.formats.registry import get
from ironbatch.formats.staging import staging

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch
    from ironbatch.formats.base import ComponentNames

__all__ = ["dump_from", "load_into"]


def load_into(
    batch: Batch,
    src: Any = None,
    fmt: str | None = None,
    dst: Any = None,
    *,
    components: Any = None,
    settings: Mapping[str, Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Load components into a batch.

    Parameters
    ----------
    batch : Batch
        Which items; its components are replaced, and added when they are new.
    src : object
        Where from: data for ``fmt=None``; otherwise a folder, a file, an index of files, or a
        mapping of them by component. None stands for the paths of the batch's own index.
    fmt : str or None
        Name of a format; None for data in memory.
    dst, components : str or sequence of str, optional
        Names of components, all those of the batch by default. Tables also take a mapping from
        component to column or columns.
    settings : mapping, optional
        What becomes of items that fail: keywords of `ironbatch.actions.on_error`.
    storage_options : mapping, optional
        For the file systems of URLs; those of the index by default.
    **options
        What the format understands.

    Raises
    ------
    TypeError
        If both `dst` and `components` are given.
    FormatError
        If the format is unknown or a file is not sound.
    """
    if dst is not None and components is not None:
        raise TypeError("in load, dst and components both name components: give one of them")
    wanted = dst if dst is not None else components
    chosen = get(fmt)
    columns: dict[str, Any] | None = None
    if isinstance(wanted, Mapping):
        if not chosen.maps_columns:
            raise TypeError(f"format {fmt!r} takes names of components, not a mapping")
        columns = {str(name): column for name, column in wanted.items()}
        wanted = tuple(columns)
    names = _names(batch, chosen.components_for(batch, src) if wanted is None else wanted)
    if fmt is None and isinstance(wanted, str):
        from ironbatch.formats.memory import as_one

        src = as_one(src, wanted)
    if columns is not None:
        options["columns"] = columns
    policy = policy_of(batch, settings)
    if policy.kind == "raise" and not policy.retries:
        with (
            staging(storage_options, batch.index),
            whole_failures(batch, policy, settings or {}, "load"),
        ):
            _store(batch, chosen.load(batch, src, names, **options))
        return
    from ironbatch.formats.tolerant import attempt_all, filled, part_of

    n = len(batch)
    with (
        staging(storage_options, batch.index),
        whole_failures(batch, policy, settings or {}, "load"),
    ):
        loaded, settled, sound = attempt_all(
            batch, "load", policy, lambda part: chosen.load(part, src, names, **options), part_of
        )
        if policy.kind == "replace" and len(sound) < n:
            found = loaded or dict.fromkeys(names)
            loaded = {
                name: filled(component, name, policy.value, sound, n)
                for name, component in found.items()
            }
        _store(batch, loaded)
    if settled.late is not None:
        raise settled.late


def _store(batch: Batch, loaded: Mapping[str | None, Any]) -> None:
    for name, component in loaded.items():
        if name is None:
            batch._data = component
        else:
            batch.store(name, component)


def dump_from(
    batch: Batch,
    dst: Any = None,
    fmt: str | None = None,
    components: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Dump components of a batch.

    Parameters
    ----------
    batch : Batch
        Which items.
    dst : object
        Where to: an array, table or mapping for ``fmt=None``; otherwise as `src` of `load_into`.
    fmt : str or None
        Name of a format; None for data in memory.
    components : str or sequence of str, optional
        Which components, all by default.
    settings : mapping, optional
        What becomes of items that fail, as for `load_into`.
    storage_options : mapping, optional
        For the file systems of URLs; those of the index by default.
    **options
        What the format understands.

    Raises
    ------
    ComponentError
        If a component is unknown or holds nothing yet.
    FormatError
        If the format is unknown.
    """
    chosen = get(fmt)
    names = _names(batch, chosen.components_for(batch, dst) if components is None else components)
    for name in names:
        if name is not None and name not in (batch.components or ()):
            raise ComponentError(
                f"there is no component {name!r} to dump; the batch has "
                f"{', '.join(map(repr, batch.components or ())) or 'none'}"
            )
    policy = policy_of(batch, settings)
    if policy.kind == "raise" and not policy.retries:
        with (
            staging(storage_options, batch.index),
            whole_failures(batch, policy, settings or {}, "dump"),
        ):
            chosen.dump(batch, dst, names, **options)
        return
    from ironbatch.formats.tolerant import attempt_all

    with (
        staging(storage_options, batch.index),
        whole_failures(batch, policy, settings or {}, "dump"),
    ):
        _, settled, _ = attempt_all(
            batch,
            "dump",
            policy,
            lambda part: chosen.dump(part, dst, names, **options),
            lambda whole, positions: whole._taken_at(positions),
        )
    if settled.late is not None:
        raise settled.late


def _names(batch: Batch, wanted: Any) -> ComponentNames:
    if wanted is None:
        own: Sequence[str] | None = batch.components
        return (None,) if own is None else tuple(own)
    if isinstance(wanted, str):
        return (wanted,)
    names = tuple(wanted)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names of components are strings, got {name!r}")
    if not names:
        raise ValueError("no component is named")
    if len(set(names)) < len(names):
        raise ComponentError(f"a component is named twice: {', '.join(names)}")
    return names
