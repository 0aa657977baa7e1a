"""Join several batches into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch.batch.names import component_names
from ironbatch.batch.storage import ComponentStorage
from ironbatch.errors import ComponentError
from ironbatch.index import DatasetIndex
from ironbatch.index.joining import concat

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["merge_batches"]


def merge_batches(
    cls: type[Batch],
    batches: Sequence[Batch],
    batch_size: int | None,
    components: str | Sequence[str] | None,
    batch_class: type[Batch] | None,
) -> tuple[Batch, Batch | None]:
    """Do what `Batch.merge` says."""
    if not batches:
        raise ValueError("merge needs at least one batch")
    for number, batch in enumerate(batches):
        if not isinstance(batch, ComponentStorage):
            raise TypeError(
                f"merge takes a sequence of batches, but number {number} is a "
                f"{type(batch).__name__}"
            )
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    first = batches[0]
    target = batch_class or (type(first) if issubclass(type(first), cls) else cls)
    names = first.components if components is None else component_names(components, cls.__name__)
    index = _merge_index([batch.index for batch in batches])
    merged = target(index)
    merged.pipeline = first.pipeline
    merged.dataset = first.__dict__.get("_dataset")
    if names is None:
        parts = [batch.data for batch in batches]
        if _all_present(parts, "the data"):
            merged._data = cls.merge_component(None, parts)
    else:
        waiting = _not_loaded(cls, batches, index, merged) if components is None else ()
        for name in names:
            if name in waiting:
                continue
            for number, batch in enumerate(batches):
                if name not in (batch.components or ()):
                    raise ComponentError(
                        f"there is no component {name!r} in batch {number} of {len(batches)}, "
                        f"whose components are {', '.join(batch.components or ()) or 'none'}; "
                        "say which to join with components="
                    )
            parts = [getattr(batch, name) for batch in batches]
            if _all_present(parts, f"component {name!r}"):
                merged.store(name, cls.merge_component(name, parts))
    if batch_size is None or batch_size >= len(index):
        return merged, None
    return merged._taken_at(slice(0, batch_size)), merged._taken_at(slice(batch_size, len(index)))


def _not_loaded(
    cls: type[Batch], batches: Sequence[Batch], index: DatasetIndex, merged: Batch
) -> tuple[str, ...]:
    """Leave preloaded components that no batch has used yet to the merged batch; name them."""
    from ironbatch.batch.batch import Batch as Base
    from ironbatch.batch.preloaded import Preloaded

    first = batches[0]
    source = first.__dict__.get("_preloaded")
    kind = type(first)
    if (
        not isinstance(source, Preloaded)
        or type(merged) is not kind
        or merged.components != kind.components
        or cls.merge_component.__func__ is not Base.merge_component.__func__  # type: ignore[attr-defined]
        or first._loads_itself()
    ):
        return ()
    root, copies = index.root, first.__dict__.get("_copy")
    names = list(merged.components or ())
    for one in batches:
        own = one.__dict__
        if (
            type(one) is not kind
            or own.get("_preloaded") is not source
            or own.get("_copy") != copies
            or "_dropped" in own
            or own["index"].root is not root
            or one.components != kind.components
        ):
            return ()
        names = [name for name in names if one._slot_get(name) is None]
    if names:
        others = tuple(name for name in merged.components or () if name not in names)
        merged.__dict__.update(_preloaded=source, _copy=copies)
        if others:
            merged.__dict__["_dropped"] = others
    return tuple(names)


def _all_present(parts: list[Any], what: str) -> bool:
    missing = [number for number, part in enumerate(parts) if part is None]
    if not missing:
        return True
    if len(missing) < len(parts):
        raise ComponentError(
            f"{what} holds data in some batches and none in batch {missing[0]} of {len(parts)}; "
            "fill it, or leave it out with components="
        )
    return False


def _merge_index(indexes: Sequence[DatasetIndex]) -> DatasetIndex:
    """Put indexes end to end; where an id then repeats, number the items anew from 0.

    Either way the items keep their origins, so their random streams stay theirs.
    """
    if len(indexes) == 1:
        return indexes[0]
    joined = concat(indexes, warn=False)
    if not _repeats(joined):
        if joined.root is not joined and joined._origins is None:
            # No place twice, so no occurrence to tell apart.
            joined._ranked = True
        if any("_renumbered" in one.__dict__ for one in indexes):
            joined.__dict__["_renumbered"] = True
        return joined
    numbered = DatasetIndex(len(joined))
    numbered._origins = joined.origins
    numbered._epochs = joined._epochs
    numbered._occurrences = joined.occurrences
    numbered._ranked = True
    numbered.__dict__["_renumbered"] = True
    return numbered


def _repeats(index: DatasetIndex) -> bool:
    if index.root is index:
        return not index._ids.unique
    places = np.sort(index.root_positions)
    return bool((places[1:] == places[:-1]).any())
