"""Files that cannot be read or written, of which the batch goes on without."""

import time

import numpy as np
import pytest

import ironbatch
from ironbatch import formats
from ironbatch.formats import ItemFormat

native = pytest.mark.parametrize("fmt", ["npy", "blosc", "raw"])


class Scans(ironbatch.Batch):
    components = "images", "labels"


@pytest.fixture
def options():
    return {"raw": {"dtype": np.float64, "shape": (3,)}, "npy": {}, "blosc": {}}


@pytest.fixture(params=["npy", "blosc", "raw"])
def fmt(request):
    return request.param


@pytest.fixture
def folder(tmp_path, fmt):
    batch = Scans(6)
    batch.images = np.arange(18.0).reshape(6, 3)
    batch.dump(tmp_path, fmt, "images")
    return tmp_path


def path_of(folder, item):
    (path,) = folder.glob(f"{item}*")
    return path


def spoil(folder, *items):
    for item in items:
        path_of(folder, item).write_bytes(b"no such thing")


def fresh(n=6):
    batch = Scans(n)
    batch.labels = np.arange(n)
    return batch


def test_by_default_the_first_file_raises(folder, fmt, options):
    spoil(folder, 1, 4)
    batch = fresh()
    with pytest.raises(ironbatch.FormatError, match="item 1"):
        batch.load(folder, fmt, "images", **options[fmt])
    assert len(batch) == 6


@pytest.mark.parametrize("bad", [(0,), (1, 4), (5,), (0, 1, 2, 3, 4)])
def test_files_that_cannot_be_read_are_skipped(folder, fmt, options, bad):
    spoil(folder, *bad)
    path_of(folder, bad[0]).unlink()
    batch = fresh().load(folder, fmt, "images", on_error="skip", **options[fmt])
    left = [item for item in range(6) if item not in bad]
    assert batch.indices.tolist() == batch.labels.tolist() == left
    assert batch.images[:, 0].tolist() == [3.0 * item for item in left]


def test_all_files_may_fail(folder, fmt, options):
    spoil(folder, *range(6))
    with pytest.raises(ironbatch.SkipBatchException, match="'load' failed for all 6"):
        fresh().load(folder, fmt, "images", on_error="skip", **options[fmt])


def test_failures_are_collected(folder, fmt, options):
    spoil(folder, 2, 3)
    batch = fresh()
    with pytest.raises(ExceptionGroup) as caught:
        batch.load(folder, fmt, "images", on_error="collect", **options[fmt])
    assert len(caught.value.exceptions) == 2
    assert batch.images.shape == (4, 3)


def test_items_are_replaced(folder, fmt, options):
    spoil(folder, 2, 3)
    batch = fresh().load(folder, fmt, "images", on_error=np.full(3, -1.0), **options[fmt])
    assert batch.images[:, 0].tolist() == [0, 3, -1, -1, 12, 15]


def test_all_items_may_be_replaced(folder, fmt, options):
    spoil(folder, *range(6))
    batch = fresh().load(folder, fmt, "images", on_error=np.zeros(3), **options[fmt])
    assert batch.images.shape == (6, 3)


def test_components_have_replacements_of_their_own(tmp_path):
    batch = Scans(3)
    batch.images, batch.labels = np.ones((3, 2)), np.arange(3)
    batch.dump(tmp_path, "blosc")
    spoil(tmp_path, 1)
    loaded = Scans(3).load(
        tmp_path, "blosc", on_error={"images": np.zeros(2), "labels": np.int64(-1)}
    )
    assert loaded.images[:, 0].tolist() == [1, 0, 1]
    assert loaded.labels.tolist() == [0, -1, 2]


def test_too_many_files(folder, fmt, options):
    spoil(folder, 1, 2)
    with pytest.raises(ironbatch.TooManyFailuresError, match="2 of 6"):
        fresh().load(folder, fmt, "images", on_error="skip", max_failures=1, **options[fmt])


def test_a_file_of_another_dtype_than_most_is_skipped(tmp_path):
    for item in range(5):
        np.save(tmp_path / f"{item}.npy", np.zeros(3, np.int8 if item == 0 else np.float32))
    batch = fresh(5).load(tmp_path, "npy", "images", on_error="skip")
    assert batch.labels.tolist() == [1, 2, 3, 4]


def test_ragged_files_are_skipped(tmp_path):
    for item in range(5):
        np.save(tmp_path / f"{item}.npy", np.full(item + 1, item))
    spoil(tmp_path, 3)
    batch = fresh(5).load(tmp_path, "npy", "images", on_error="skip")
    assert [len(image) for image in batch.images] == [1, 2, 3, 5]


def test_a_run_skips_files(folder, fmt, options):
    spoil(folder, 1, 4)
    dataset = ironbatch.Dataset(6, Scans)
    for prefetch, target in [(0, "threads"), (2, "threads"), (2, "mpc")]:
        pipeline = dataset.p.load(folder, fmt, "images", **options[fmt])
        sizes = [
            len(batch)
            for batch in pipeline.gen_batch(3, on_error="skip", prefetch=prefetch, target=target)
        ]
        assert sizes == [2, 2]
        assert [(one.item_id, one.action) for one in pipeline.failures] == [
            (1, "load"),
            (4, "load"),
        ]


def test_tables_fail_as_a_whole(tmp_path):
    pytest.importorskip("pandas")
    pipeline = ironbatch.Dataset(4, Scans).p.load(tmp_path / "no.csv", "csv", "labels")
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(2, on_error="skip")
    assert [one.outcome for one in pipeline.failures] == ["dropped"] * 4


def test_the_load_wins_over_the_run(folder, fmt, options):
    spoil(folder, 1)
    pipeline = ironbatch.Dataset(6, Scans).p.load(
        folder, fmt, "images", on_error="raise", **options[fmt]
    )
    with pytest.raises(ironbatch.FormatError):
        pipeline.run(3, on_error="skip")


# Trying again


@pytest.fixture
def late_file(folder, fmt, monkeypatch):
    """Take a file away, and put it back in the second pause."""
    path = path_of(folder, 2)
    data = path.read_bytes()
    path.unlink()
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            path.write_bytes(data)

    monkeypatch.setattr(time, "sleep", sleep)
    return pauses


def test_files_are_tried_again(folder, fmt, options, late_file):
    batch = fresh().load(folder, fmt, "images", retries=2, backoff=0.5, **options[fmt])
    assert batch.images[:, 0].tolist() == [0, 3, 6, 9, 12, 15]
    assert late_file == [0.5, 1.0]


def test_files_are_not_tried_more_often_than_said(folder, fmt, options, late_file):
    with pytest.raises(FileNotFoundError):
        fresh().load(folder, fmt, "images", retries=1, **options[fmt])
    assert late_file == [0.1]


def test_broken_files_are_not_tried_again(folder, fmt, options, late_file):
    path_of_two = path_of(folder, 1)
    path_of_two.write_bytes(b"no such thing")
    batch = fresh().load(folder, fmt, "images", retries=2, on_error="skip", **options[fmt])
    assert batch.labels.tolist() == [0, 2, 3, 4, 5]


def test_retry_on_says_what_is_tried_again(folder, fmt, options, late_file):
    with pytest.raises(FileNotFoundError):
        fresh().load(folder, fmt, "images", retries=3, retry_on=KeyError, **options[fmt])
    assert late_file == []


class Flaky(ItemFormat):
    name = "flaky"

    def __init__(self):
        self.calls = {}

    def read(self, path, times=0, **options):
        self.calls[path.name] = self.calls.get(path.name, 0) + 1
        if int(path.name) % 2 and self.calls[path.name] <= times:
            raise OSError(f"call {self.calls[path.name]}")
        return int(path.name)

    def write(self, path, item, times=0, **options):
        self.calls[int(item)] = self.calls.get(int(item), 0) + 1
        if int(item) % 2 and self.calls[int(item)] <= times:
            raise OSError(f"call {self.calls[int(item)]}")
        path.write_text(str(item))


@pytest.fixture
def flaky(monkeypatch):
    made = Flaky()
    real = formats.get
    monkeypatch.setattr(
        "ironbatch.formats.load_dump.get", lambda name: made if name == "flaky" else real(name)
    )
    return made


def test_formats_in_python_try_again(flaky, tmp_path):
    batch = fresh(4).load(tmp_path, "flaky", "images", retries=2, backoff=0, times=2)
    assert batch.images.tolist() == [0, 1, 2, 3]
    assert flaky.calls["1"] == 4  # three, and once more with all the others
    with pytest.raises(OSError, match="call 7"):
        fresh(4).load(tmp_path, "flaky", "images", retries=2, backoff=0, times=20)


def test_formats_in_python_skip(flaky, tmp_path):
    batch = fresh(4).load(tmp_path, "flaky", "images", on_error="skip", times=9)
    assert batch.images.tolist() == batch.labels.tolist() == [0, 2]


def test_dump_tries_again(flaky, tmp_path):
    fresh(4).dump(tmp_path, "flaky", "labels", retries=2, backoff=0, times=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]


def test_dump_skips(flaky, tmp_path):
    batch = fresh(4).dump(tmp_path, "flaky", "labels", on_error="skip", times=9)
    assert batch.indices.tolist() == [0, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]


def test_dump_keeps_items_in_the_batch(flaky, tmp_path):
    assert len(fresh(4).dump(tmp_path, "flaky", "labels", on_error=None, times=9)) == 4


def test_native_dump_skips(tmp_path):
    (tmp_path / "1.npy").mkdir()
    batch = fresh(4).dump(tmp_path, "npy", "labels", on_error="skip")
    assert batch.indices.tolist() == [0, 2, 3]
    assert np.load(tmp_path / "3.npy") == 3
