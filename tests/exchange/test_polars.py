"""Batches as data frames of polars."""

import gc

import numpy as np
import pytest

from ironbatch import Batch
from ironbatch import components as c
from ironbatch.components import Ragged

pytestmark = pytest.mark.full("polars")


class Scans(Batch):
    components = "images", "labels", "signals", "names", "things"


def scans():
    batch = Scans(["a", "b", "c"])
    batch.images = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    batch.labels = [5, 6, 7]
    batch.signals = Ragged.from_items([[1.0], [2.0, 3.0], []], "f8")
    batch.names = ["x", "", "ž"]
    return batch


def test_a_frame_has_the_ids_first():
    import polars as pl

    frame = scans().to_polars()
    assert frame.columns == ["id", "images", "labels", "signals", "names"]
    assert frame.schema["images"] == pl.Array(pl.Float32, (2, 2))
    assert frame.schema["signals"] == pl.List(pl.Float64)
    assert frame.rows()[1] == ("b", [[4, 5], [6, 7]], 6, [2, 3], "")


def test_which_components_and_which_name_for_the_ids():
    assert scans().to_polars("labels", ids="item").columns == ["item", "labels"]
    assert scans().to_polars(["names", "labels"], ids=None).columns == ["names", "labels"]
    with pytest.raises(ValueError, match="to_polars: the batch has no component 'masks'"):
        scans().to_polars("masks")


def test_objects_are_a_column_of_objects():
    import polars as pl

    batch = scans()
    batch.things = [{"a": 1}, None, "text"]
    frame = batch.to_polars(["things", "labels"])
    assert frame.columns == ["id", "things", "labels"]
    assert frame.schema["things"] == pl.Object
    assert frame["things"].to_list() == [{"a": 1}, None, "text"]
    assert batch.to_polars("things", ids=None).columns == ["things"]


def test_polars_takes_a_batch_by_itself():
    import polars as pl

    assert pl.DataFrame(scans()).shape == (3, 5)
    assert pl.from_arrow(scans().signals).to_list() == [[1.0], [2.0, 3.0], []]


@pytest.mark.timeout(60)
def test_threads_of_polars_release_memory_without_waiting():
    slot = [c.take(np.arange(2.0**18), np.arange(2**18))]
    for _ in range(20):
        import polars as pl

        frame = pl.DataFrame({"values": pl.from_arrow(slot[0])})
        frame.lazy().with_columns(pl.col("values").sort().alias("sorted")).collect()
        del frame
    gc.collect()
    c.empty(3)  # enters the core
    shared = c.is_shared(slot[0])
    assert not shared
