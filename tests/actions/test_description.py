"""The examples of the description of the batch class that run methods in parallel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, FilesIndex, action, any_action_failed, inbatch_parallel
from ironbatch.errors import ActionError


class MyBatch(Batch):
    components = "images"

    def __init__(self, index: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(index, *args, **kwargs)
        self.seen: list[Any] = []

    @action
    def load(self, src: Any = None, fmt: str = "raw") -> Any:
        if fmt == "raw":
            self._load_raw()
        elif fmt == "blosc":
            raise ValueError(f"Unknown format '{fmt}'")
        return self

    @inbatch_parallel(init="_init_io", post="_post_io", target="async")
    async def _load_raw(self, item: Any, full_path: Any) -> Any:
        await asyncio.sleep(0)
        return np.fromfile(full_path, "uint8")

    def _init_io(self) -> Any:
        return [[item_id, self.index.get_fullpath(item_id)] for item_id in self.indices]

    def _post_io(self, all_res: Any) -> Any:
        if any_action_failed(all_res):
            raise OSError("Could not load data.")
        self.images = np.stack(all_res)
        return self

    @inbatch_parallel(init="run_once", target="async")
    async def read_some_data(self, src: Any, fmt: str = "raw") -> Any:
        await asyncio.sleep(0)
        self.seen.append((src, fmt))
        if fmt == "broken":
            raise KeyError(fmt)

    @inbatch_parallel(init="_init_fn", post="_post_fn", target="threads")
    def some_action(self, item: Any, arg1: Any, arg2: Any) -> Any:
        return item, arg1, arg2

    def _init_fn(self, arg1: Any, arg2: Any) -> Any:
        return self.indices

    def _post_fn(self, results: Any, arg1: Any) -> Any:
        return results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.raw").write_bytes(name.encode() * 4)
    return tmp_path


def batch_of(folder: Path) -> MyBatch:
    return MyBatch(FilesIndex(path=str(folder / "*.raw"), sort=True, no_ext=True))


def test_files_are_loaded_asynchronously(folder: Path) -> None:
    batch = batch_of(folder).load(None, "raw")
    assert batch.images.tolist() == [[97] * 4, [98] * 4, [99] * 4]


def test_what_post_raises_says_which_item_failed(folder: Path) -> None:
    batch = batch_of(folder)
    (folder / "b.raw").unlink()
    with pytest.raises(OSError, match="Could not load data") as caught:
        batch.load()
    cause = caught.value.__cause__
    assert isinstance(cause, ActionError)
    assert isinstance(cause, FileNotFoundError)
    assert cause.item_id == "b"
    assert cause.position == 1


def test_run_once_awaits_and_gets_only_what_it_is_called_with(folder: Path) -> None:
    batch = batch_of(folder)
    assert batch.read_some_data("/path", fmt="blosc") is batch
    assert batch.seen == [("/path", "blosc")]


def test_run_once_raises(folder: Path) -> None:
    with pytest.raises(KeyError):
        batch_of(folder).read_some_data("/path", fmt="broken")


def test_init_item_function_and_post_work_together(folder: Path) -> None:
    assert batch_of(folder).some_action(1, arg2=2) == [("a", 1, 2), ("b", 1, 2), ("c", 1, 2)]
