"""Files in S3, on moto's server on the loopback interface."""

from __future__ import annotations

import os
import tempfile
import uuid

import numpy as np
import pytest

from ironbatch import Batch, Dataset, FilesIndex, FormatError

pytestmark = [
    pytest.mark.full("s3fs", "moto"),
    # What botocore, moto and their dependencies warn of is not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

IMAGES = np.arange(8 * 12, dtype=np.uint8).reshape(8, 4, 3)


class Scans(Batch):
    components = "images", "labels"


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def options(server):
    return {
        "key": "id",
        "secret": "secret",
        "endpoint_url": server,
    }


@pytest.fixture
def bucket(options):
    import s3fs

    name = f"bucket-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem(**options).mkdir(name)
    return f"s3://{name}"


def scans():
    batch = Scans(8)
    batch.images, batch.labels = IMAGES, np.arange(8)
    return batch


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_a_pipeline_from_s3_to_s3(bucket, options, fmt, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scans().dump(f"{bucket}/scans", fmt, storage_options=options)
    where = f"{bucket}/scans/{'images/' if fmt == 'npy' else ''}*.{fmt}"
    index = FilesIndex(path=where, no_ext=True, sort=True, storage_options=options)
    assert index.indices.tolist() == [str(number) for number in range(8)]
    dataset = Dataset(index, Scans)
    pipeline = (
        dataset.p.load(fmt=fmt, dst="images")
        .apply_parallel(lambda image: image + 1, src="images")
        .dump(f"{bucket}/more", "npy", components="images")
    )
    for batch in pipeline.gen_batch(3, shuffle=1, n_epochs=1, prefetch=2):
        np.testing.assert_array_equal(batch.images, IMAGES[batch.indices.astype(int)] + 1)
    back = Scans(8).load(f"{bucket}/more", "npy", "images", storage_options=options)
    np.testing.assert_array_equal(back.images, IMAGES + 1)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_tables(bucket, options):
    scans().dump(f"{bucket}/labels.parquet", "parquet", "labels", storage_options=options)
    batch = Scans([5, 2]).load(
        f"{bucket}/labels.parquet", "parquet", "labels", storage_options=options
    )
    assert batch.labels.tolist() == [5, 2]


def test_arrays_of_zarr(bucket, options):
    import zarr

    store = f"{bucket}/scans.zarr"
    group = zarr.open_group(store, mode="w", storage_options=options)
    group.create_array("images", shape=IMAGES.shape, chunks=(3, 4, 3), dtype="u1")[:] = IMAGES
    group = zarr.open_group(store, mode="r", storage_options=options)
    for batch in Dataset(group).gen_batch(3, shuffle="blocks", n_epochs=1):
        np.testing.assert_array_equal(batch.images, IMAGES[batch.indices])


def test_missing_and_broken_objects(bucket, options):
    scans().dump(f"{bucket}/scans", "npy", "images", storage_options=options)
    with pytest.raises(FileNotFoundError, match=rf"{bucket}/scans/8\.npy"):
        Scans([0, 8]).load(f"{bucket}/scans", "npy", "images", storage_options=options)
    import s3fs

    s3fs.S3FileSystem(**options).pipe_file(f"{bucket}/scans/1.npy", b"no such thing")
    with pytest.raises(FormatError, match=rf"{bucket}/scans/1\.npy"):
        Scans(8).load(f"{bucket}/scans", "npy", "images", storage_options=options)
    batch = Scans(8).load(
        f"{bucket}/scans", "npy", "images", storage_options=options, on_error="skip"
    )
    assert len(batch) == 7


def test_a_bucket_that_is_not_there(options):
    with pytest.raises(OSError, match=r"s3://no-such-bucket/0\.npy"):
        Scans(2).load("s3://no-such-bucket", "npy", "images", storage_options=options)
    with pytest.raises(OSError, match=r"s3://no-such-bucket"):
        scans().dump("s3://no-such-bucket/a", "npy", "images", storage_options=options)


def test_a_store_that_does_not_answer(options):
    gone = {
        **options,
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
    }
    with pytest.raises(OSError, match=r"s3://bucket/0\.npy"):
        Scans(2).load("s3://bucket", "npy", "images", storage_options=gone, retries=1, backoff=0)
    with pytest.raises(OSError, match=r"s3://bucket/\*"):
        FilesIndex(path="s3://bucket/*", storage_options=gone)
