"""A component in a few words, or with a few of its items; only the first ones are read."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ironbatch import components as columns
from ironbatch.display.html import size, small
from ironbatch.display.thumbnail import as_picture, curve, image_tag
from ironbatch.pipeline.chain.brief import brief

__all__ = ["Facts", "cells", "first_values", "items_html", "shortened", "small_code", "words"]

_ITEMS = 6
"""How many items are shown."""

_VALUES = 4
"""How many values of an item are written down."""


@dataclass(frozen=True)
class Facts:
    """What a component is.

    Attributes
    ----------
    kind : str
        'dense', 'ragged', 'strings', 'bytes' or 'objects'; the name of a type for anything else.
    dtype : str
        Type of its values; empty if they have none.
    shape : str
        Its shape, items first; a star where items differ.
    nbytes : int or None
        Its bytes; of objects the references only. None if it does not say.
    """

    kind: str
    dtype: str
    shape: str
    nbytes: int | None

    @classmethod
    def of(cls, data: Any) -> Facts:
        """Look at a component, or at data in memory that is none yet."""
        if isinstance(data, columns.Ragged):
            axes = ", ".join([str(len(data)), *["*"] * data.ndim])
            return cls("ragged", str(data.dtype), f"({axes})", int(data.nbytes))
        if isinstance(data, columns.Strings | columns.Bytes):
            return cls(type(data).__name__.lower(), "", f"({len(data)},)", int(data.nbytes))
        dtype, shape = getattr(data, "dtype", None), getattr(data, "shape", None)
        if isinstance(shape, tuple):
            kind = type(data).__name__
            if isinstance(data, np.ndarray):
                kind = "objects" if data.dtype.kind == "O" else "dense"
            name = "" if dtype is None or kind == "objects" else str(dtype)
            return cls(kind, name, str(shape), _nbytes(data))
        try:
            return cls(type(data).__name__, "", f"({len(data)},)", None)
        except TypeError:
            return cls(type(data).__name__, "", "", None)

    @property
    def text(self) -> str:
        """All of it in one line."""
        known = [self.kind, self.dtype, self.shape]
        if self.nbytes is not None:
            known.append(size(self.nbytes))
        return " ".join(filter(None, known))


def _nbytes(data: Any) -> int | None:
    found = getattr(data, "nbytes", None)
    return int(found) if isinstance(found, int | np.integer) else None


def cells(known: Facts) -> list[str]:
    """Give kind, dtype, shape and bytes as cells of a table."""
    taken = "" if known.nbytes is None else size(known.nbytes)
    return [escape(known.kind), small_code(known.dtype), small_code(known.shape), taken]


def first_values(component: Any, n: int) -> list[Any]:
    """Give the first items of a component, as they are."""
    return list(columns.items_of(columns.take(component, slice(0, min(n, len(component))))))


def words(component: Any, n: int = 3) -> str:
    """Write down the first items of a component; empty if they are too large for that.

    Examples
    --------
    >>> words(np.arange(10)), words(columns.Ragged.from_items([[1, 2], [3]]))
    ('0, 1, 2, ...', '[1, 2], [3]')
    """
    if isinstance(component, np.ndarray) and component.ndim > 2:
        return ""
    if isinstance(component, columns.Ragged) and component.ndim > 1:
        shapes = [str(tuple(shape)) for shape in component.shapes[:n].tolist()]
        return f"shapes {_listed(shapes, len(component))}"
    return _listed([_item(item) for item in first_values(component, n)], len(component))


def _listed(shown: list[str], n: int) -> str:
    return ", ".join([*shown, "..."] if n > len(shown) else shown)


def _item(item: Any) -> str:
    if isinstance(item, np.ndarray) and item.ndim == 1 and item.dtype.kind != "V":
        return f"[{_listed([_item(value) for value in item[:_VALUES]], len(item))}]"
    if isinstance(item, np.floating | float):
        return f"{item:.4g}"
    if isinstance(item, np.datetime64 | np.timedelta64):
        return str(item)
    if isinstance(item, np.generic) and item.dtype.kind != "V":
        return brief(item.item(), 30)
    return brief(item, 30)


def shortened(text: str, most: int = 48) -> str:
    """Give the beginning of a text that is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 4].rstrip(' ,')} ..."


def items_html(component: Any, n: int = _ITEMS) -> str:
    """Show the first items of a component as HTML: as pictures, lines or values."""
    shown = []
    for item in first_values(component, n):
        drawn = _drawn(item)
        if drawn is None:
            return small_code(shortened(words(component, n), 80))
        shown.append(drawn)
    more = small(" ...") if len(component) > len(shown) else ""
    return f'<span style="white-space:nowrap">{"".join(shown)}{more}</span>'


def _drawn(item: Any) -> str | None:
    if not isinstance(item, np.ndarray):
        item = _pixels(item)
    if item is None or item.ndim == 0:
        return None
    if item.ndim == 1:
        return curve(item) if len(item) > _VALUES else None
    picture = as_picture(item)
    return None if picture is None else image_tag(picture)


def _pixels(item: Any) -> Any:
    """Give the pixels of an image of Pillow that is open already and small; else None."""
    if not type(item).__module__.startswith("PIL.") or getattr(item, "fp", None) is not None:
        return None
    width, height = getattr(item, "size", (0, 0))
    return np.asarray(item) if 0 < width * height <= 2**20 else None


def small_code(text: str) -> str:
    """Give a text, escaped, in letters of one width."""
    return f"<code>{escape(text)}</code>" if text else ""
