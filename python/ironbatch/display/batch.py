"""What a batch shows; a component that nobody has read stays unread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from ironbatch.display.html import card, size, small, table
from ironbatch.display.index import counted, few_ids
from ironbatch.display.preview import Facts, cells, items_html, shortened, small_code, words

__all__ = ["batch_html", "batch_text"]


@dataclass(frozen=True)
class _Part:
    """A component of a batch.

    `held` is its data; None if there is none, or if it is `waiting` to be loaded. `expected` says
    what it will be, as far as that is known.
    """

    name: str
    held: Any
    waiting: bool
    expected: Facts | None = None


def _parts(batch: Any) -> Iterator[_Part]:
    own = batch.__dict__
    source = own.get("_preloaded")
    for name in batch.components or ():
        held = batch._slot_get(name)
        if held is not None or source is None or name in own.get("_dropped", ()):
            yield _Part(name, held, waiting=False)
            continue
        # Data that a dataset has split already says what each component will be.
        parts = getattr(source, "parts", None)
        part = parts.get(name) if isinstance(parts, dict) else None
        itself = batch._loads_itself()
        if parts is not None and part is None and not itself:
            yield _Part(name, None, waiting=False)
            continue
        shape = getattr(part, "shape", None)
        expected = None
        if not itself and isinstance(shape, tuple) and shape:
            whole = Facts.of(part)
            shape = (len(batch), *shape[1:])
            expected = Facts("", whole.dtype, str(shape), None)
        yield _Part(name, None, waiting=True, expected=expected)


def batch_text(batch: Any) -> str:
    """Describe a batch in lines: its items, then each component."""
    head = f"{type(batch).__name__} of {counted(len(batch), 'item')}{_ids(batch)}"
    rows = []
    for part in _parts(batch):
        if part.held is None:
            rows.append((part.name, _absent(part), ""))
        else:
            rows.append((part.name, Facts.of(part.held).text, shortened(words(part.held))))
    if batch.components is None:
        raw = batch.__dict__.get("_raw")
        if raw is not None:
            rows.append(("data", Facts.of(raw).text, ""))
        elif batch.__dict__.get("_preloaded") is not None:
            rows.append(("data", "not loaded", ""))
    return "\n".join([head, *aligned(rows)])


def aligned(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    """Give rows of three texts as indented lines in columns."""
    first = max((len(row[0]) for row in rows), default=0)
    second = max((len(row[1]) for row in rows), default=0)
    for one, two, three in rows:
        yield f"  {one:<{first}}  {two:<{second}}  {three}".rstrip()


def _ids(batch: Any) -> str:
    return f": {few_ids(batch.index)}" if len(batch) else ""


def _absent(part: _Part) -> str:
    if not part.waiting:
        return "no data"
    return f"not loaded ({part.expected.text})" if part.expected else "not loaded"


def batch_html(batch: Any) -> str:
    """Show a batch: its items, then a row for each component, with its first items."""
    rows = []
    total = 0
    for part in _parts(batch):
        name = f"<b>{escape(part.name)}</b>"
        if part.held is None:
            known = part.expected or Facts("", "", "", None)
            absent = small("not loaded" if part.waiting else "no data")
            rows.append([name, absent, *cells(known)[1:], ""])
            continue
        known = Facts.of(part.held)
        total += known.nbytes or 0
        rows.append([name, *cells(known), items_html(part.held)])
    body = ""
    if rows:
        body = table(["component", "kind", "dtype", "shape", "bytes", "first items"], rows)
    elif batch.components is None and batch.__dict__.get("_raw") is not None:
        body = small_code(Facts.of(batch.__dict__["_raw"]).text)
    elif batch.components is None and batch.__dict__.get("_preloaded") is not None:
        body = small("not loaded")
    note = f"of {counted(len(batch), 'item')}{_ids(batch)}"
    if total:
        note += f"; {size(total)}"
    return card(type(batch).__name__, note, body)
