"""Files of URLs, on fsspec's file system in memory and on one that fails."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from collections import Counter

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from ironbatch import Batch, Dataset, FilesIndex, FormatError, MissingPackageError, formats

IMAGES = np.arange(6 * 12, dtype=np.uint8).reshape(6, 4, 3)
LABELS = np.arange(6)


STORE_ERRORS = [
    ConnectionError("the line is dead"),
    PermissionError(13, "Forbidden"),
    TimeoutError(),
    RuntimeError("what a client raises"),
]


class Scans(Batch):
    components = "images", "labels"


class Flaky(MemoryFileSystem):
    """A store that refuses, as many times as it is told, what ends as it is told."""

    protocol = "flaky"
    store = {}
    pseudo_dirs = [""]
    left = 0
    error = ConnectionError("the line is dead")
    ending = ""
    asked = Counter()

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("flaky://"))

    def _fail(self, what, path):
        Flaky.asked[what, path] += 1
        if Flaky.left and path.endswith(Flaky.ending):
            Flaky.left -= 1
            raise Flaky.error

    def get_file(self, rpath, lpath, **kwargs):
        self._fail("get", rpath)
        return super().get_file(rpath, lpath, **kwargs)

    def put_file(self, lpath, rpath, **kwargs):
        self._fail("put", rpath)
        return super().put_file(lpath, rpath, **kwargs)


class Walked(Flaky):
    """A store that is listed directory by directory, as most are, and refuses that."""

    protocol = "walked"
    find, walk, glob = AbstractFileSystem.find, AbstractFileSystem.walk, AbstractFileSystem.glob

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("walked://"))

    def ls(self, path, detail=True, **kwargs):
        self._fail("ls", path)
        return super().ls(path, detail=detail, **kwargs)

    def info(self, path, **kwargs):
        self._fail("info", path)
        return super().info(path, **kwargs)


fsspec.register_implementation("flaky", Flaky, clobber=True)
fsspec.register_implementation("walked", Walked, clobber=True)


@pytest.fixture(autouse=True)
def stores(tmp_path, monkeypatch):
    """Begin with empty stores, and leave nothing on the disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    MemoryFileSystem.store.clear()
    Flaky.store.clear()
    Flaky.left, Flaky.error, Flaky.ending = 0, ConnectionError("the line is dead"), ""
    Flaky.asked.clear()
    yield
    assert os.listdir(tmp_path) == []  # noqa: PTH208
    MemoryFileSystem.store.clear()


def scans(n=6):
    batch = Scans(n)
    batch.images, batch.labels = IMAGES[:n], LABELS[:n]
    return batch


@pytest.mark.parametrize("fmt", ["npy", "blosc", "raw"])
def test_components_go_there_and_come_back(fmt):
    scans().dump("memory://data/scans", fmt)
    assert len(MemoryFileSystem.store) == (6 if fmt == "blosc" else 12)
    options = {"dtype": {"images": "u1", "labels": "i8"}, "shape": {"images": (4, 3), "labels": ()}}
    batch = Scans([5, 2]).load("memory://data/scans", fmt, **(options if fmt == "raw" else {}))
    np.testing.assert_array_equal(batch.images, IMAGES[[5, 2]])
    assert batch.labels.tolist() == [5, 2]


def test_pictures():
    scans().dump("memory://pictures", "image", "images")
    assert "/pictures/3.png" in MemoryFileSystem.store
    batch = Scans([3]).load("memory://pictures", "image", "images")
    np.testing.assert_array_equal(batch.images[0], IMAGES[3])


@pytest.mark.parametrize("fmt", ["csv", "feather", "parquet"])
def test_tables(fmt):
    scans().dump(f"memory://labels.{fmt}", fmt, "labels")
    batch = Scans([4, 1]).load(f"memory://labels.{fmt}", fmt, components="labels")
    assert batch.labels.tolist() == [4, 1]
    if fmt == "csv":
        with pytest.raises(ValueError, match=r"rows cannot be added to 'memory://labels\.csv'"):
            scans().dump("memory://labels.csv", "csv", "labels", mode="a")


def test_a_table_is_fetched_once_while_it_does_not_change():
    scans().dump("flaky://labels.csv", "csv", "labels")
    for batch in Dataset(6, Scans).p.load("flaky://labels.csv", "csv", "labels").gen_batch(2):
        assert batch.labels.tolist() == batch.indices.tolist()
    assert Flaky.asked["get", "/labels.csv"] == 1
    changed = scans()
    changed.labels = LABELS + 1
    changed.dump("flaky://labels.csv", "csv", "labels")
    assert Scans([4]).load("flaky://labels.csv", "csv", components="labels").labels.tolist() == [5]


def test_a_format_of_the_users_own_reads_and_writes_there():
    @formats.register_format("shouted", suffix=".txt")
    class Shouted(formats.ItemFormat):
        def read(self, path):
            return path.read_text().lower()

        def write(self, path, item):
            path.write_text(item.upper())

    batch = Batch(["a", "b"]).add_components("text", ["one", "two"])
    batch.dump("memory://texts", "shouted")
    assert bytes(MemoryFileSystem.store["/texts/a.txt"].getbuffer()) == b"ONE"
    assert Batch(["b"]).load("memory://texts", "shouted", "text").text.to_list() == ["two"]


# Indexes


def test_an_index_of_urls():
    scans().dump("memory://data/scans", "npy", "images")
    index = FilesIndex(path="memory://data/scans/*.npy", no_ext=True, sort=True)
    assert index.indices.tolist() == ["0", "1", "2", "3", "4", "5"]
    assert index.get_fullpath("3").startswith("memory://")
    dataset = Dataset(index, Scans)
    for batch in dataset.p.load(fmt="npy", dst="images").gen_batch(4, shuffle=1, n_epochs=1):
        np.testing.assert_array_equal(batch.images, IMAGES[batch.indices.astype(int)])


def test_globs_of_any_depth_and_directories():
    for item in ("a", "b"):
        one = Scans([0])
        one.images = IMAGES[:1]
        one.dump({"images": f"memory://deep/{item}"}, "npy", "images")
    index = FilesIndex(path="memory://deep/*", dirs=True, sort=True)
    assert index.indices.tolist() == ["a", "b"]
    assert Dataset(index, Batch).next_batch(2).load("0.npy", "npy", "x").x.shape == (2, 4, 3)
    with pytest.raises(ValueError, match=r"same id '0\.npy'"):
        FilesIndex(path="memory://deep/**/*.npy")


def test_nothing_there():
    with (
        pytest.warns(UserWarning, match="no items in memory://none"),
        pytest.raises(ValueError, match="no files in memory://none"),
    ):
        FilesIndex(path="memory://none/*.npy")


def test_paths_of_ids_may_be_urls_beside_others(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    np.save(folder / "a.npy", IMAGES[0])
    scans(2).dump("memory://data", "npy", "images")
    index = FilesIndex(["a", "b"], paths=[folder / "a.npy", "memory://data/1.npy"])
    batch = Dataset(index, Scans).next_batch(2).load(fmt="npy", dst="images")
    np.testing.assert_array_equal(batch.images, IMAGES[:2])


def test_options_of_the_file_system_are_handed_on():
    class Keyed(MemoryFileSystem):
        protocol = "keyed"
        cachable = False

        def __init__(self, key=None, **kwargs):
            super().__init__(**kwargs)
            if key != "secret":
                raise PermissionError("no key")

    fsspec.register_implementation("keyed", Keyed, clobber=True)
    key = {"key": "secret"}
    scans().dump("keyed://data", "npy", "images", storage_options=key)
    batch = Scans([1]).load("keyed://data", "npy", "images", storage_options=key)
    np.testing.assert_array_equal(batch.images, IMAGES[[1]])
    index = FilesIndex(path="keyed://data/*.npy", no_ext=True, sort=True, storage_options=key)
    index.split(0.5)
    batch = Dataset(index.train, Scans).next_batch(2).load(fmt="npy", dst="images")
    assert batch.images.shape == (2, 4, 3)
    assert FilesIndex(index).storage_options == key
    with pytest.raises(PermissionError, match=r"no key: 'keyed://data/0\.npy'"):
        Scans(1).load("keyed://data", "npy", "images")
    with pytest.raises(TypeError, match="storage_options is a mapping"):
        Scans(1).load("keyed://data", "npy", "images", storage_options="secret")


def test_folders_are_made_where_a_system_has_them(tmp_path_factory):
    folder = tmp_path_factory.mktemp("there")
    scans(2).dump(f"file://{folder}/new/images", "npy", "images")
    batch = Scans([1]).load(f"file://{folder}/new/images", "npy", "images")
    np.testing.assert_array_equal(batch.images, IMAGES[[1]])


# What goes wrong


def test_a_missing_file_names_its_url_and_item():
    scans(2).dump("memory://data", "npy", "images")
    with pytest.raises(FileNotFoundError, match=r"memory://data/2\.npy") as caught:
        Scans(3).load("memory://data", "npy", "images")
    assert any("item 2" in note for note in caught.value.__notes__)
    assert caught.value.errno == errno.ENOENT
    assert "No such file" in str(caught.value)


def test_a_broken_file_names_its_url():
    scans(2).dump("memory://data", "npy", "images")
    MemoryFileSystem().pipe_file("/data/1.npy", b"no such thing")
    with pytest.raises(FormatError, match=r"item 1: memory://data/1\.npy"):
        Scans(2).load("memory://data", "npy", "images")


def test_broken_and_missing_items_are_skipped():
    scans(5).dump("memory://data", "npy", "images")
    MemoryFileSystem().pipe_file("/data/1.npy", b"no such thing")
    MemoryFileSystem().rm("/data/3.npy")
    batch = Scans(5).load("memory://data", "npy", "images", on_error="skip")
    assert batch.indices.tolist() == [0, 2, 4]
    np.testing.assert_array_equal(batch.images, IMAGES[[0, 2, 4]])


@pytest.mark.parametrize("error", STORE_ERRORS, ids=repr)
def test_an_error_of_the_store_names_the_url_after_the_retries(error):
    scans(3).dump("flaky://data", "npy", "images")
    Flaky.left, Flaky.error, Flaky.ending = 100, error, "1.npy"
    with pytest.raises(OSError, match=r"flaky://data/1\.npy") as caught:
        Scans(3).load("flaky://data", "npy", "images", retries=2, backoff=0)
    if isinstance(error, OSError):
        assert isinstance(caught.value, type(error))
    assert Flaky.asked["get", "/data/1.npy"] == 3
    assert Flaky.asked["get", "/data/0.npy"] == 1


def test_what_works_the_second_time_is_fetched_once_more():
    scans(3).dump("flaky://data", "npy", "images")
    Flaky.left, Flaky.ending = 2, "1.npy"
    batch = Scans(3).load("flaky://data", "npy", "images", retries=2, backoff=0)
    np.testing.assert_array_equal(batch.images, IMAGES[:3])
    assert [Flaky.asked["get", f"/data/{item}.npy"] for item in range(3)] == [1, 3, 1]


def test_a_store_that_cannot_be_written_to():
    Flaky.left, Flaky.error, Flaky.ending = 1, PermissionError(13, "Forbidden"), "2.npy"
    with pytest.raises(PermissionError, match=r"Forbidden: 'flaky://data/2\.npy'"):
        scans().dump("flaky://data", "npy", "images")
    Flaky.left = 2
    scans().dump("flaky://data", "npy", "images", retries=2, backoff=0)
    batch = Scans(6).load("flaky://data", "npy", "images")
    np.testing.assert_array_equal(batch.images, IMAGES)


@pytest.fixture
def pauses(monkeypatch):
    """Note how long is waited for, and do not wait."""
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "glob", ["data/*.npy", "data/**/*.npy", "data/**", "da*/*.npy", "data/0.npy"]
)
@pytest.mark.parametrize("error", STORE_ERRORS, ids=repr)
def test_a_store_that_cannot_be_listed_is_named_after_the_retries(error, glob, pauses):
    scans(3).dump("walked://data", "npy", "images")
    Flaky.left, Flaky.error = 1000, error
    with pytest.raises(OSError, match=re.escape(f"walked://{glob}")) as caught:
        FilesIndex(path=f"walked://{glob}", retries=3, backoff=0.5)
    if isinstance(error, OSError):
        assert isinstance(caught.value, type(error))
    assert pauses == [0.5, 1, 2]
    with pytest.raises(OSError, match=re.escape(f"walked://{glob}")):
        FilesIndex(path=f"walked://{glob}")
    assert len(pauses) == 3


@pytest.mark.parametrize("glob", ["data/*.npy", "data/**/*.npy", "data/**", "da*/*.npy"])
@pytest.mark.parametrize("error", STORE_ERRORS, ids=repr)
def test_what_can_be_listed_the_second_time_is_complete(error, glob, pauses):
    scans(3).dump("walked://data", "npy", "images")
    for left in range(1, 5):
        Flaky.left, Flaky.error = left, error
        index = FilesIndex(path=f"walked://{glob}", no_ext=True, retries=4, backoff=0)
        assert index.indices.tolist() == ["0", "1", "2"]


def test_a_directory_that_refuses_is_not_left_out(pauses):
    for name in ("one", "two"):
        scans(2).dump({"images": f"walked://deep/{name}"}, "npy", "images", suffix=f"{name}.npy")
    Flaky.left, Flaky.error, Flaky.ending = 1000, PermissionError(13, "Forbidden"), "two"
    for glob in ("*/*.npy", "**/*.npy", "t*/*.npy", "**"):
        glob = f"walked://deep/{glob}"
        with pytest.raises(PermissionError, match=re.escape(glob)):
            FilesIndex(path=glob)
    found = FilesIndex(path="walked://deep/o*/*.npy", sort=True)
    assert found.indices.tolist() == ["0one.npy", "1one.npy"]


@pytest.mark.parametrize("dirs", [False, True])
def test_a_directory_that_refuses_once_is_there_the_second_time(dirs, pauses):
    for name in ("one", "two"):
        scans(1).dump({"images": f"walked://deep/{name}"}, "npy", "images", suffix=f"{name}.npy")
    Flaky.left, Flaky.ending = 1, "two"
    index = FilesIndex(path="walked://deep/**", dirs=dirs, retries=1, backoff=0)
    found = ["deep", "one", "two"] if dirs else ["0one.npy", "0two.npy"]
    assert index.indices.tolist() == found


def test_which_errors_are_tried_again(pauses):
    scans(2).dump("walked://data", "npy", "images")
    Flaky.left, Flaky.error = 1000, ConnectionError("the line is dead")
    with pytest.raises(ConnectionError):
        FilesIndex(path="walked://data/*.npy", retries=2, retry_on=PermissionError)
    assert pauses == []
    with pytest.raises(ConnectionError):
        FilesIndex(path="walked://data/*.npy", retries=2)
    assert pauses == [0.1, 0.2]


def test_wrong_retries():
    with pytest.raises(ValueError, match="retries is a number of repetitions"):
        FilesIndex(path="walked://data/*.npy", retries=-1)
    with pytest.raises(ValueError, match="backoff is a number of seconds"):
        FilesIndex(path="walked://data/*.npy", backoff=-1)
    with pytest.raises(TypeError, match="retry_on is a class of exceptions"):
        FilesIndex(path="walked://data/*.npy", retry_on="OSError")


def test_a_scheme_whose_package_is_missing():
    with pytest.raises(ImportError, match="pip install gcsfs") as caught:
        FilesIndex(path="gs://bucket/*.npy")
    assert isinstance(caught.value, MissingPackageError)
    with pytest.raises(ImportError, match="pip install gcsfs"):
        Scans(2).load("gs://bucket", "npy", "images", on_error="skip")


def test_a_scheme_that_nobody_knows():
    with pytest.raises(ValueError, match="no file system for nowhere://"):
        FilesIndex(path="nowhere://bucket/*.npy")
    with pytest.raises(ValueError, match="no file system for nowhere://"):
        Scans(2).load("nowhere://bucket", "npy", "images")


def test_without_fsspec(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'ironbatch\[remote\]'"):
        FilesIndex(path="memory://bucket/*.npy")


def test_frames_of_pandas_are_what_was_written():
    scans().dump("memory://labels.parquet", "parquet", "labels")
    with fsspec.open("memory://labels.parquet", "rb") as file:
        assert pd.read_parquet(file)["labels"].tolist() == LABELS.tolist()
    scans().dump("memory://pictures", "image", "images")
    with fsspec.open("memory://pictures/0.png", "rb") as file:
        np.testing.assert_array_equal(np.asarray(Image.open(file)), IMAGES[0])
