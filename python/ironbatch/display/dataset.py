"""What a dataset shows: its items, the class of its batches, its data in memory, its parts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from ironbatch.components import is_component
from ironbatch.display.batch import aligned
from ironbatch.display.html import card, facts, small, table
from ironbatch.display.index import counted, few_ids
from ironbatch.display.preview import Facts, cells, items_html, small_code
from ironbatch.index import Baseset
from ironbatch.pipeline.chain.brief import brief

__all__ = ["dataset_html", "dataset_text"]


def _components(dataset: Any) -> tuple[str, ...]:
    declared = dataset.batch_class.components
    if isinstance(declared, str):
        return (declared,)
    return tuple(declared) if isinstance(declared, tuple | list) else ()


def _preloaded(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Give the data of the whole dataset, not only that of a subset, by name."""
    parts = getattr(dataset.preloaded, "parts", None) or {}
    for name, part in parts.items():
        if part is not None:
            yield "data" if name is None else str(name), part


def _splits(dataset: Any) -> list[str]:
    found = []
    for name in ("train", "test", "validation"):
        part = getattr(dataset, name, None)
        if isinstance(part, Baseset):
            found.append(f"{name} {len(part):,}")
    if dataset.cv_splits:
        found.append(f"{dataset.cv_splits} folds (cv0 ...)")
    return found


def dataset_text(dataset: Any) -> str:
    """Describe a dataset in lines; its data is not looked at."""
    items = f": {few_ids(dataset.index)}" if len(dataset) else ""
    names = _components(dataset)
    of = f" ({', '.join(names)})" if names else ""
    lines = [
        f"{type(dataset).__name__} of {counted(len(dataset), 'item')}{items}",
        f"  batches of {dataset.batch_class.__name__}{of}",
    ]
    rows = [(name, Facts.of(part).text, "preloaded") for name, part in _preloaded(dataset)]
    lines += aligned(rows)
    splits = _splits(dataset)
    if splits:
        lines.append(f"  split into {', '.join(splits)}")
    return "\n".join(lines)


def dataset_html(dataset: Any) -> str:
    """Show a dataset, with the first rows of its data in memory."""
    rows = [("batches", dataset.batch_class.__name__)]
    names = _components(dataset)
    rows.append(("components", ", ".join(names) or "none"))
    rows.append(("index", f"{type(dataset.index).__name__} ({dataset.index.kind})"))
    splits = _splits(dataset)
    if splits:
        rows.append(("split into", ", ".join(splits)))
    parts = []
    for name, part in _preloaded(dataset):
        parts.append([f"<b>{escape(name)}</b>", *cells(Facts.of(part)), _first_rows(part)])
    head = ["preloaded", "kind", "dtype", "shape", "bytes", "first rows"]
    body = table(head, parts) if parts else ""
    items = f": {few_ids(dataset.index)}" if len(dataset) else ""
    note = f"of {counted(len(dataset), 'item')}{items}"
    return card(type(dataset).__name__, note, facts(rows), body)


def _first_rows(part: Any) -> str:
    if is_component(part) or type(part).__module__ == "numpy":
        return items_html(part)
    if isinstance(part, list):
        return small_code(brief(part, 120))
    return small("not shown")
