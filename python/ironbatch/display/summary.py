"""What the data of a dataset is like: types, shapes, ranges, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns
from ironbatch.batch.names import chosen_names
from ironbatch.display.grid import whole_number
from ironbatch.display.html import card, size, small, table
from ironbatch.display.index import counted
from ironbatch.display.preview import Facts, items_html, small_code
from ironbatch.errors import ComponentError
from ironbatch.pipeline.chain.brief import brief

__all__ = ["ComponentSummary", "Summary", "make_summary"]

_CHUNK = 2**20
"""How many values are worked on at a time."""

_COUNTED = 2**22
"""Of how many values, about, a histogram is made."""

_BINS = 24

_COMMON = 3


@dataclass(frozen=True)
class ComponentSummary:
    """What a component is like, by the items that were looked at.

    Attributes
    ----------
    name : str
        Its name.
    kind, dtype : str
        'dense', 'ragged', 'strings', 'bytes' or 'objects'; type of its values, empty without.
    shape : str
        Shape of an item; a range such as ``2..7`` where items differ.
    nbytes : int
        Bytes of the items that were looked at.
    missing : int
        How many values are NaN, NaT or None.
    minimum, maximum, mean, std : float or None
        Of the finite values; `std` is that of the values themselves, not an estimate. For texts
        and bytes, of their lengths. None for what has no numbers.
    distinct : int or None
        How many different items there are, where items are single values.
    common : list of tuple
        The most frequent items, each with its number.
    histogram : ndarray of int64, shape (24,), or None
        How many values lie in each part of the range from `minimum` to `maximum`; of 2^22 values,
        evenly spread, where there are more.
    """

    name: str
    kind: str
    dtype: str
    shape: str
    nbytes: int
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    distinct: int | None = None
    common: list[tuple[Any, int]] = field(default_factory=list)
    histogram: NDArray[np.int64] | None = None
    sample: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Summary:
    """What a dataset is like. It prints as text and shows in a notebook.

    Attributes
    ----------
    title : str
        Class of the dataset.
    items, seen : int
        How many items it has, and how many were looked at.
    components : list of ComponentSummary
        One for each component that has data.
    """

    title: str
    items: int
    seen: int
    components: list[ComponentSummary]

    def __getitem__(self, name: str) -> ComponentSummary:
        for one in self.components:
            if one.name == name:
                return one
        raise KeyError(name)

    def as_dict(self) -> dict[str, list[Any]]:
        """Give the numbers as columns, for ``pandas.DataFrame``."""
        names = [
            name
            for name in ComponentSummary.__dataclass_fields__
            if name not in ("common", "histogram", "sample")
        ]
        return {name: [getattr(one, name) for one in self.components] for name in names}

    def _head(self) -> str:
        looked = "" if self.seen == self.items else f", {self.seen:,} of them looked at"
        return f"{counted(self.items, 'item')}{looked}"

    def __str__(self) -> str:
        rows = [list(_HEAD), *(_cells(one) for one in self.components)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        shown = [line.rstrip() for line in lines] if self.components else ["  no data"]
        return "\n".join([f"{self.title} of {self._head()}", *shown])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = []
        for one in self.components:
            cells = [escape(cell) for cell in _cells(one)]
            first = "" if one.sample is None else items_html(one.sample, 4)
            rows.append(
                [f"<b>{cells[0]}</b>", *cells[1:-1], _bars(one), small_code(_common(one)), first]
            )
        head = [*_HEAD[:-1], "values", "most frequent", "first items"]
        body = table(head, rows) if rows else small("no data")
        return card(f"Summary of {self.title}", f"of {self._head()}", body)


_HEAD = ("component", "type", "item", "bytes", "missing", "min", "max", "mean", "std", "distinct")


def _cells(one: ComponentSummary) -> list[str]:
    distinct = "" if one.distinct is None else f"{one.distinct:,}"
    if distinct and one.common:
        distinct = f"{distinct}: {_common(one)}"
    return [
        one.name,
        f"{one.kind} {one.dtype}".rstrip(),
        one.shape,
        size(one.nbytes),
        f"{one.missing:,}",
        *("" if value is None else f"{value:.5g}" for value in _moments(one)),
        distinct,
    ]


def _moments(one: ComponentSummary) -> tuple[float | None, ...]:
    return one.minimum, one.maximum, one.mean, one.std


def _common(one: ComponentSummary) -> str:
    return ", ".join(f"{brief(value, 24)} x{number:,}" for value, number in one.common)


def _bars(one: ComponentSummary, height: int = 28) -> str:
    if one.histogram is None:
        return ""
    most = max(int(one.histogram.max()), 1)
    bars = "".join(
        f'<rect x="{4 * at}" y="{height - tall:.1f}" width="3" height="{tall:.1f}"></rect>'
        for at, count in enumerate(one.histogram.tolist())
        if (tall := height * count / most)
    )
    return f'<svg width="{4 * _BINS}" height="{height}" fill="#4a90d9">{bars}</svg>'


def make_summary(dataset: Any, n: int | None, components: str | Sequence[str] | None) -> Summary:
    """Do what `Dataset.summary` does."""
    count = len(dataset)
    seen = count if n is None else min(whole_number(n, "n"), count)
    places = np.linspace(0, count - 1, seen).round().astype(np.int64)
    batch = dataset.create_batch(places, pos=True)
    found = []
    for name, data in _data(batch, components):
        found.append(_summarised(name, data))
    return Summary(type(dataset).__name__, count, seen, found)


def _data(batch: Any, chosen: str | Sequence[str] | None) -> Iterator[tuple[str, Any]]:
    names = batch.components
    for name in chosen_names(chosen, None):
        if name not in (names or ()):
            known = ", ".join(names or ()) or "none"
            raise ComponentError(f"there is no component {name!r}; the components are {known}")
    if names is None:
        data = batch.data
        if isinstance(data, np.ndarray | list) or columns.is_component(data):
            yield "data", columns.as_component(data, len(batch), name="data")
        return
    for name in chosen_names(chosen, names):
        component = getattr(batch, name)
        if component is not None:
            yield name, component


def _summarised(name: str, data: Any) -> ComponentSummary:
    known = Facts.of(data)
    made: dict[str, Any] = {"shape": _shape(data), "missing": 0}
    if isinstance(data, columns.Strings | columns.Bytes):
        lengths = np.array([len(item) for item in data.to_list()], dtype=np.int64)
        made |= _numbers([lengths]) | _most(data.to_list())
    elif data.dtype.kind == "O":
        made |= _most(list(data))
        made["missing"] = sum(1 for item in data if item is None)
    else:
        axes = data.ndim if isinstance(data, columns.Ragged) else data.ndim - 1
        if data.dtype.kind in "bui" and data.dtype.itemsize == 1:
            made |= _of_counts(list(_chunks(data)), data.dtype)
        elif data.dtype.kind in "buif":
            made |= _numbers(list(_chunks(data)))
        elif data.dtype.kind in "mM":
            made["missing"] = int(np.isnat(data).sum())
        if axes == 0 and data.dtype.kind in "buiUSmM":
            made |= _most(data.tolist())
    nbytes = known.nbytes or 0
    return ComponentSummary(
        name, known.kind, known.dtype, nbytes=nbytes, sample=columns.take(data, slice(0, 4)), **made
    )


def _shape(data: Any) -> str:
    if isinstance(data, columns.Ragged):
        ends = zip(data.shapes.min(axis=0), data.shapes.max(axis=0), strict=True)
        sides = [str(low) if low == high else f"{low}..{high}" for low, high in ends]
        return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"
    if isinstance(data, np.ndarray) and data.dtype.kind != "O":
        return str(data.shape[1:])
    return ""


def _chunks(data: Any) -> Iterator[NDArray[Any]]:
    """Give all values, flat, some at a time."""
    if isinstance(data, columns.Ragged):
        for item in columns.items_of(data):
            values = np.ravel(item)
            for at in range(0, len(values), _CHUNK):
                yield values[at : at + _CHUNK]
        return
    values = np.asarray(data).reshape(-1)
    for at in range(0, len(values), _CHUNK):
        yield values[at : at + _CHUNK]


def _of_counts(chunks: list[NDArray[Any]], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Do what `_numbers` does for values of one byte: it is enough to count them."""
    counts = np.zeros(256, dtype=np.int64)
    for chunk in chunks:
        counts += np.bincount(np.ascontiguousarray(chunk).view(np.uint8), minlength=256)
    n = int(counts.sum())
    if not n:
        return {}
    kind = np.uint8 if dtype.kind == "b" else dtype
    values = np.arange(256, dtype=np.uint8).view(kind).astype(np.float64)
    there = values[counts > 0]
    low, high = float(there.min()), float(there.max())
    mean = float(counts @ values) / n
    return {
        "minimum": low,
        "maximum": high,
        "mean": mean,
        "std": float(np.sqrt(counts @ np.square(values - mean) / n)),
        "histogram": np.histogram(values, _BINS, (low, high), weights=counts)[0].astype(np.int64),
    }


def _numbers(chunks: list[NDArray[Any]]) -> dict[str, Any]:
    """Give range, mean and spread of the finite values, and how many are missing."""
    with np.errstate(all="ignore"):
        return _moments_of(chunks)


def _moments_of(chunks: list[NDArray[Any]]) -> dict[str, Any]:
    missing, n = 0, 0
    low, high = np.inf, -np.inf
    mean = spread = 0.0
    for chunk in chunks:
        values = _finite(chunk)
        if chunk.dtype.kind == "f":
            missing += int(np.isnan(chunk).sum())
        if not len(values):
            continue
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        # Chan, Golub, LeVeque: means and sums of squares of two parts make those of the whole.
        own = float(values.mean())
        off = own - mean
        whole = n + len(values)
        spread += float(np.square(values - own).sum()) + off * off * n * len(values) / whole
        mean += off * len(values) / whole
        n = whole
    if not n:
        return {"missing": missing}
    histogram = np.zeros(_BINS, dtype=np.int64)
    if np.isfinite(high - low):
        step = max(1, -(-sum(map(len, chunks)) // _COUNTED))
        for chunk in chunks:
            histogram += np.histogram(_finite(chunk[::step]), bins=_BINS, range=(low, high))[0]
    return {
        "missing": missing,
        "minimum": low,
        "maximum": high,
        "mean": mean,
        "std": float(np.sqrt(spread / n)),
        "histogram": histogram,
    }


def _finite(chunk: NDArray[Any]) -> NDArray[np.float64]:
    values = chunk.astype(np.float64)
    return values[np.isfinite(values)] if chunk.dtype.kind == "f" else values


def _most(items: list[Any]) -> dict[str, Any]:
    try:
        counts = Counter(items)
    except TypeError:  # lists, dictionaries and others have no hash
        return {}
    common = counts.most_common(_COMMON)
    return {"distinct": len(counts), "common": common if common[0][1] > 1 else []}
