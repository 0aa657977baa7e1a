"""Datasets of torch: whatever gives a sample for a number."""

from __future__ import annotations

from typing import Any

from ironbatch.sources.base import Source
from ironbatch.sources.records import Records
from ironbatch.sources.registry import package_of, register_source
from ironbatch.sources.tensors import TensorRows

__all__: list[str] = []


@register_source()
def torch(data: Any) -> Source | None:
    """Recognise datasets; one of tensors is read as the tensors it has.

    Raises
    ------
    TypeError
        If it is a dataset that can only be iterated over or has no length, or a DataLoader.
    """
    if package_of(data) == "datasets":  # its streams are those of torch too
        return None
    if package_of(data) == "torch" and type(data).__name__ == "DataLoader":
        raise TypeError(
            "a DataLoader of torch makes batches itself; give the dataset that it has: "
            "Dataset(loader.dataset)"
        )
    names = {
        base.__name__ for base in type(data).__mro__ if base.__module__.startswith("torch.utils.")
    }
    if "IterableDataset" in names:
        raise TypeError(
            f"{type(data).__name__} is an IterableDataset of torch, which has no items by number; "
            "batches are made of items"
        )
    if "Dataset" not in names:
        return None
    if not hasattr(data, "__len__"):
        raise TypeError(
            f"{type(data).__name__} is a Dataset of torch without __len__, so nobody knows how "
            "many items there are; define it"
        )
    if type(data).__name__ == "TensorDataset" and "TensorDataset" in names:
        return Records(data, columns=tuple(map(TensorRows, data.tensors)))
    return Records(data)
