"""Datasets of Hugging Face: tables of Arrow, with features that have to be decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.sources.arrow import ArrowRows
from ironbatch.sources.arrow_columns import as_objects, component_of
from ironbatch.sources.base import Rows, Source, Table
from ironbatch.sources.records import Records
from ironbatch.sources.registry import package_of, register_source

__all__ = ["DecodedRows", "HuggingFaceTable", "MappedRows"]


class HuggingFaceTable(Table):
    """A dataset of Hugging Face.

    Columns of a dataset in memory are taken as those of Arrow are. Of one that is a file, each
    batch reads its own rows.

    Parameters
    ----------
    dataset : datasets.Dataset
        Its format does not matter, unless it is a transform.
    splits : mapping from str to range, optional
        Rows of the parts that it has been put together from.
    """

    def __init__(self, dataset: Any, splits: Mapping[str, range] | None = None) -> None:
        self.given = dataset
        self.names = tuple(dataset.column_names)
        self.splits = splits or {}

    def __len__(self) -> int:
        return len(self.given)

    def columns(self, names: Sequence[str]) -> Mapping[str, Rows]:
        """Give some columns."""
        plain = [name for name in names if not _is_decoded(self.given.features[name])]
        found: dict[str, Rows] = {name: DecodedRows(self.given, name) for name in names}
        if not plain:
            return found
        formatted = self.given.select_columns(plain).with_format("arrow")
        if self.given.cache_files:
            found |= {name: MappedRows(formatted.select_columns([name]), name) for name in plain}
        else:
            table = formatted[:]
            found |= {name: ArrowRows(table.column(name)) for name in plain}
        return found

    def raw(self, positions: NDArray[np.int64]) -> Any:
        """Give some rows as the dataset gives them."""
        return self.given[positions.tolist()]


class MappedRows(Rows):
    """A column that is a file.

    Parameters
    ----------
    dataset : datasets.Dataset
        Has the one column, in the format of Arrow.
    name : str
        Its name.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self.given = dataset
        self._name = name
        nulls = dataset.data.column(name).null_count
        kind = str(dataset.features[name])
        self._objects = bool(nulls) and "float" not in kind and "timestamp" not in kind

    def __len__(self) -> int:
        return len(self.given)

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Read some rows."""
        column = self.given[positions.tolist()].column(self._name)
        made = None if self._objects else component_of(column, name)
        return as_objects(column, name) if made is None else made


class DecodedRows(Rows):
    """A column of pictures, sounds, and the like; pictures become arrays.

    Parameters
    ----------
    dataset : datasets.Dataset
        The dataset.
    name : str
        The column.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self.given = dataset.select_columns([name]).with_format(None)
        self._name = name

    def __len__(self) -> int:
        return len(self.given)

    def take(self, positions: NDArray[np.int64], name: str | None = None) -> Any:
        """Read and decode some rows."""
        items = self.given[positions.tolist()][self._name]
        pictures = [
            np.asarray(item) if hasattr(item, "__array_interface__") else item for item in items
        ]
        return components.assemble(pictures, name=name)


def _is_decoded(feature: Any) -> bool:
    """Whether a feature, or one within it, is more than what Arrow keeps."""
    if hasattr(feature, "decode_example"):
        return bool(getattr(feature, "decode", True))
    if isinstance(feature, Mapping):
        return any(map(_is_decoded, feature.values()))
    if isinstance(feature, list | tuple):
        return any(map(_is_decoded, feature))
    inner = getattr(feature, "feature", None)
    return inner is not None and _is_decoded(inner)


_SPLITS = ("train", "test", "validation")


def _together(parts: Mapping[str, Any]) -> HuggingFaceTable:
    """Put the splits of a data set one after the other, where they are.

    Raises
    ------
    TypeError
        If there are others than those of a dataset, they differ in their features, or have a
        transform.
    """
    choose = f"choose one: Dataset(data[{next(iter(parts), 'train')!r}])"
    unknown = [name for name in parts if name not in _SPLITS]
    if unknown or not parts:
        raise TypeError(
            f"the DatasetDict has the splits {', '.join(map(repr, parts)) or 'none'}, and a "
            f"dataset has {', '.join(map(repr, _SPLITS))}; {choose}"
        )
    (first, *others) = parts
    for name in others:
        one, other = parts[first].features, parts[name].features
        differing = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        if differing:
            raise TypeError(
                f"the splits {first!r} and {name!r} of the DatasetDict differ in column "
                f"{differing[0]!r}: {one.get(differing[0])} and {other.get(differing[0])}; {choose}"
            )
    if any(part.format["type"] == "custom" for part in parts.values()):
        raise TypeError(f"the splits of the DatasetDict have a transform; {choose}")
    from datasets import concatenate_datasets

    splits, start = {}, 0
    for name, part in parts.items():
        splits[name] = range(start, start + len(part))
        start += len(part)
    return HuggingFaceTable(concatenate_datasets(list(parts.values())), splits)


@register_source()
def huggingface(data: Any) -> Source | None:
    """Recognise datasets, and refuse those that can only be iterated over.

    Raises
    ------
    TypeError
        If it is an iterable dataset, or splits that do not go together.
    """
    if package_of(data) != "datasets":
        return None
    if type(data).__name__ in ("IterableDataset", "IterableDatasetDict"):
        raise TypeError(
            f"an {type(data).__name__} of Hugging Face has no items by number; load it without "
            "streaming=True"
        )
    if type(data).__name__ == "DatasetDict":
        return _together(data)
    if not hasattr(data, "column_names") or not hasattr(data, "features"):
        return None
    if data.format["type"] == "custom":
        return Records(data)
    return HuggingFaceTable(data)
