import time

import numpy as np
import pytest

import ironbatch
from ironbatch import ComponentError, Dataset

EVIL = "<script>alert('x')</script>"
rng = np.random.default_rng(0)


class Scans(ironbatch.Batch):
    components = "images", "labels", "names", "waves"


def dataset(n=50, **data):
    return Dataset(n, Scans, preloaded=data)


@pytest.mark.parametrize(
    "values",
    [
        rng.integers(-128, 128, (50, 9), dtype=np.int8),
        rng.normal(1e6, 1, (50, 7)),
        rng.integers(0, 256, (50, 8, 8), dtype=np.uint8),
        rng.integers(-(2**60), 2**60, 50),
        rng.random(50).astype(np.float16),
        rng.random(50) < 0.3,
        np.full(50, -3.5),
    ],
    ids=lambda values: str(values.dtype),
)
def test_numbers_are_those_of_numpy(values):
    found = dataset(images=values).summary()["images"]
    exact = values.astype(np.float64)
    assert (found.minimum, found.maximum) == (exact.min(), exact.max())
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert found.std == pytest.approx(exact.std(), rel=1e-9, abs=1e-12)
    assert found.histogram.sum() == values.size
    assert found.missing == 0


def test_many_values_are_put_together_from_parts():
    values = rng.normal(size=(50, 60_000)) + np.arange(50)[:, None]
    found = dataset(images=values).summary()["images"]
    assert found.mean == pytest.approx(values.mean(), rel=1e-10)
    assert found.std == pytest.approx(values.std(), rel=1e-10)
    assert found.histogram.tolist() == np.histogram(values, bins=24)[0].tolist()


def test_numbers_at_the_ends_of_floats():
    found = dataset(images=np.array([-1.7e308, 1.7e308] * 25)).summary()["images"]
    assert (found.minimum, found.maximum) == (-1.7e308, 1.7e308)


def test_many_bytes_take_no_time():
    images = np.zeros((1000, 200, 200, 3), np.uint8)
    images[-1] = 255
    began = time.process_time()
    found = dataset(1000, images=images).summary()["images"]
    assert time.process_time() - began < 3
    assert (found.minimum, found.maximum, found.mean) == (0, 255, pytest.approx(0.255))


def test_what_is_missing_is_counted_and_left_out():
    found = dataset(images=np.array([1.0, np.nan, np.inf, 3.0] * 10), n=40).summary()["images"]
    assert (found.missing, found.minimum, found.maximum, found.mean) == (10, 1, 3, 2)
    nothing = dataset(images=np.full(50, np.nan)).summary()["images"]
    assert (nothing.missing, nothing.minimum, nothing.histogram) == (50, None, None)
    dates = np.array(["2024-01-01", "NaT"] * 25, dtype="datetime64[D]")
    assert dataset(images=dates).summary()["images"].missing == 25
    things = np.array([None, {}] * 25, dtype=object)
    assert dataset(images=things).summary()["images"].missing == 25


def test_ragged_items_have_ranges_of_sides():
    waves = [np.full((2 + n % 3, 4), n, float) for n in range(50)]
    found = dataset(waves=waves).summary()["waves"]
    assert found.kind == "ragged"
    assert found.shape == "(2..4, 4)"
    assert (found.minimum, found.maximum) == (0, 49)
    assert found.mean == pytest.approx(np.concatenate(waves).mean())


def test_single_values_are_counted():
    found = dataset(labels=np.arange(50) % 3, names=["a", "bcd"] * 25).summary()
    assert found["labels"].distinct == 3
    assert found["labels"].common[0] == (0, 17)
    assert found["names"].common == [("a", 25), ("bcd", 25)]
    assert (found["names"].minimum, found["names"].maximum) == (1, 3)
    assert dataset(labels=np.arange(50)).summary()["labels"].common == []


def test_n_items_are_looked_at_evenly_spread():
    whole = dataset(100, labels=np.arange(100))
    found = whole.summary(n=4)
    assert (found.items, found.seen) == (100, 4)
    assert (found["labels"].minimum, found["labels"].maximum, found["labels"].mean) == (0, 99, 49.5)
    assert "100 items, 4 of them looked at" in str(found)
    assert whole.summary(n=None).seen == 100
    assert whole.summary().seen == 100


def test_components():
    whole = dataset(images=np.zeros((50, 2)), labels=np.zeros(50))
    assert [one.name for one in whole.summary().components] == ["images", "labels"]
    assert [one.name for one in whole.summary(components="labels").components] == ["labels"]


def test_a_subset_is_summarised_by_its_own_items():
    whole = dataset(labels=np.arange(50))
    assert whole.create_subset([3, 5]).summary()["labels"].maximum == 5


def test_items_are_read_by_the_load_of_the_class():
    class Own(Scans):
        def load(self, src=None, **kwargs):
            self.labels = [7] * len(self)
            return self

    assert Dataset(5, Own, preloaded=(np.zeros(5),)).summary()["labels"].mean == 7


def test_as_dict():
    columns = dataset(labels=np.arange(50) % 3).summary().as_dict()
    assert columns["name"] == ["labels"]
    assert columns["distinct"] == [3]


def test_text_and_html(read_page):
    found = dataset(
        images=np.zeros((50, 4, 4), np.uint8), names=[EVIL, "b"] * 25, labels=np.arange(50) % 3
    ).summary()
    text = str(found)
    assert repr(found) == text
    for part in ("Dataset of 50 items", "images", "dense uint8", "(4, 4)", "0 x17"):
        assert part in text
    page = read_page(found._repr_html_())
    assert "script" not in page.tags
    assert EVIL[:20] in page.text
    assert len(page.pictures) == 4
    assert "svg" in page.tags
    assert "rect" in page.tags


def test_without_components_or_data():
    assert Dataset(5, preloaded=np.arange(5)).summary()["data"].maximum == 4
    empty = Dataset(5).summary()
    assert empty.components == []
    assert "no data" in str(empty)
    assert "no data" in empty._repr_html_()


def test_what_is_wrong_is_said():
    whole = dataset(labels=np.arange(50))
    with pytest.raises(ComponentError, match="no component 'nothing'; the components are images"):
        whole.summary(components="nothing")
    with pytest.raises(ValueError, match="n has to be a whole number of at least 1, got 0"):
        whole.summary(n=0)
    with pytest.raises(KeyError, match="nothing"):
        whole.summary()["nothing"]
