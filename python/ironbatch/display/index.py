"""What an index shows: its first ids and its last one."""

from __future__ import annotations

from typing import Any

from ironbatch.display.html import card, facts, size
from ironbatch.pipeline.chain.brief import brief

__all__ = ["counted", "few_ids", "index_html", "index_text"]


def counted(n: int, what: str) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> counted(1, 'item'), counted(2000, 'item')
    ('1 item', '2,000 items')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def few_ids(index: Any, n: int = 4) -> str:
    """Write down the first ids, and the last one.

    Parameters
    ----------
    index : DatasetIndex
        The ids; only those that are shown are looked at.
    n : int
        How many at most.
    """
    count = len(index)
    places = [*range(n - 1), count - 1] if count > n else [*range(count)]
    shown = [brief(one, 40) for one in index.take(places).indices.tolist()] if places else []
    if count > n:
        shown.insert(-1, "...")
    return ", ".join(shown)


def index_text(index: Any) -> str:
    """Describe an index in one line."""
    view = "" if index.root is index else f", a view of {len(index.root):,}"
    ids = f": {few_ids(index)}" if len(index) else ""
    return f"<{type(index).__name__} of {counted(len(index), 'id')} ({index.kind}{view}){ids}>"


def index_html(index: Any) -> str:
    """Show an index: what its ids are, and some of them."""
    rows = [("ids", few_ids(index, 8) or "none")]
    if index.root is not index:
        rows.append(("view of", counted(len(index.root), "id")))
    rows.append(("bytes", size(index.nbytes)))
    paths = getattr(type(index), "get_fullpath", None)
    if paths is not None and len(index):
        places = [0, len(index) - 1] if len(index) > 1 else [0]
        ends = index.take(places).indices.tolist()
        rows.append(("files", " ... ".join(str(paths(index, one)) for one in ends)))
    note = f"of {counted(len(index), 'id')}, kept as {_KINDS.get(index.kind, index.kind)}"
    return card(type(index).__name__, note, facts(rows))


_KINDS = {
    "range": "a range",
    "int": "integers",
    "str": "strings",
    "object": "Python objects",
}
