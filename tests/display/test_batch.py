import time

import numpy as np
import pytest

import ironbatch
from ironbatch import Dataset

EVIL = "<script>alert('x')</script>"


KNOWN = {"div", "b", "span", "table", "tr", "th", "td", "code", "img", "svg", "path"}


class Scans(ironbatch.Batch):
    components = "images", "labels", "notes"


@pytest.fixture
def batch():
    made = Scans(5)
    made.images = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    made.labels = [3, 1, 4, 1, 5]
    return made


def test_a_component_is_shown_with_type_shape_bytes_and_items(batch, read_page):
    for shown in (repr(batch), read_page(batch._repr_html_()).text):
        for part in ("Scans", "images", "dense", "uint8", "(5, 4, 3)", "60 B", "3, 1, 4"):
            assert part in shown


def test_images_are_pictures_within_the_page(batch, read_page):
    pictures = read_page(batch._repr_html_()).pictures
    assert len(pictures) == 5
    assert all(one.startswith("data:image/png;base64,") for one in pictures)


def test_no_more_than_some_items_are_shown(read_page):
    many = Scans(100)
    many.images = np.zeros((100, 4, 4))
    assert len(read_page(many._repr_html_()).pictures) < 10
    assert "..." in repr(many)


def test_signals_are_lines(batch, read_page):
    batch.images = [np.arange(9.0) + number for number in range(5)]
    assert "svg" in read_page(batch._repr_html_()).tags
    batch.images = [np.arange(9.0)[: 5 + number] for number in range(5)]
    page = read_page(batch._repr_html_())
    assert "ragged" in page.text
    assert "svg" in page.tags


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b", "c", "d", EVIL], "strings"),
        ([b"a", b"b", b"c", b"d", EVIL.encode()], "bytes"),
        ([{EVIL: 1}, None, 1, "a", object()], "objects"),
        (np.array([EVIL] * 5, dtype=object), "objects"),
        (np.array([EVIL] * 5, dtype="U40"), "dense"),
        (np.zeros(5, dtype=[("<b>", "i4"), ("y", "f4")]), "dense"),
        (np.zeros((5, 0)), "dense"),
        (np.zeros((5, 0, 3)), "dense"),
        (np.full((5, 8, 8), np.nan), "dense"),
        (np.full((5, 8), np.inf), "dense"),
        (np.full((5, 8, 8, 3), [-1.7e308, 0, 1.7e308]), "dense"),
        (np.zeros((5, 8, 8, 2), complex), "dense"),
        (np.zeros((5, 3, 8, 8)), "dense"),
        (np.zeros((5, 9, 8, 7, 6)), "dense"),
        (np.array(["2024-01-01"] * 5, dtype="datetime64[D]"), "dense"),
        ([np.zeros((n, 2, 3)) for n in range(5)], "ragged"),
        ([np.zeros(n) for n in (0, 1, 2, 0, 0)], "ragged"),
    ],
)
def test_every_kind_is_shown_and_nothing_is_markup(batch, values, kind, read_page):
    batch.notes = values
    assert kind in repr(batch)
    page = read_page(batch._repr_html_())
    assert kind in page.text
    assert page.tags <= KNOWN


def test_names_of_users_are_no_markup(read_page):
    class Odd(ironbatch.Batch):
        components = "images"

    Odd.__name__ = EVIL
    page = read_page(Odd([EVIL, "b"])._repr_html_())
    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 2


def test_nothing_is_fetched_from_elsewhere(batch):
    assert "http" not in batch._repr_html_()
    assert "url(" not in batch._repr_html_()


class Reads:
    """Data in memory that counts who reads it."""

    def __init__(self, data):
        self.data, self.reads = data, 0

    def __len__(self):
        return len(self.data)

    def __getitem__(self, rows):
        self.reads += 1
        return self.data[rows]


def test_preloaded_data_is_not_loaded(batch, read_page):
    source = Reads(np.arange(10.0))
    dataset = Dataset(10, Scans, preloaded={"images": np.zeros((10, 4, 3), "u1"), "notes": source})
    made = dataset.next_batch(4)
    for shown in (repr(made), read_page(made._repr_html_()).text):
        assert shown.count("not loaded") == 2
        assert "uint8" in shown
        assert "(4, 4, 3)" in shown
        assert "no data" in shown
    assert source.reads == 0
    assert made.notes.tolist() == [0, 1, 2, 3]
    assert repr(made).count("not loaded") == 1
    assert "0, 1, 2" in repr(made)


def test_a_dropped_component_is_not_waiting():
    made = Dataset(10, Scans, preloaded=(np.zeros(10), np.zeros(10), np.zeros(10))).next_batch(4)
    made.labels = None
    assert repr(made).count("not loaded") == 2


def test_a_load_of_ones_own_is_not_called():
    class Own(Scans):
        def load(self, src=None, **kwargs):
            raise AssertionError("was called")

    made = Dataset(10, Own, preloaded=(np.zeros(10),)).next_batch(4)
    assert repr(made).count("not loaded") == 3
    assert "not loaded" in made._repr_html_()


def test_batches_without_components_or_items():
    plain = Dataset(10, preloaded=np.arange(10)).next_batch(3)
    assert "not loaded" in repr(plain)
    assert "not loaded" in plain._repr_html_()
    assert plain.data is not None
    assert "int64 (3,)" in repr(plain)
    assert "int64 (3,)" in plain._repr_html_()


def test_a_batch_without_items(batch):
    none = batch[[]]
    assert "Scans of 0 items" in repr(none)
    assert "(0, 4, 3)" in repr(none)
    assert "of 0 items" in none._repr_html_()


def test_objects_that_cannot_be_written_down(batch):
    class Bomb:
        def __repr__(self):
            raise RuntimeError("no repr")

    batch.notes = [Bomb(), [0] * 10**6, "x" * 10**6, {n: n for n in range(10**5)}, None]
    began = time.perf_counter()
    assert "<Bomb>" in repr(batch)
    assert len(batch._repr_html_()) < 20_000
    assert time.perf_counter() - began < 1


def test_images_of_pillow_are_pictures(batch, read_page):
    pillow = pytest.importorskip("PIL.Image")
    batch.notes = [pillow.new("RGB", (20, 10), "red") for _ in range(5)]
    assert len(read_page(batch._repr_html_()).pictures) == 10


def test_a_large_batch_is_shown_at_once():
    # Memory that nobody has written to costs nothing; reading all of it would.
    large = Scans(2000)
    large.images = np.zeros((2000, 512, 512, 3), np.uint8)
    large.labels = np.zeros((2000, 10_000))
    large._repr_html_()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert "1.6 GiB" in large._repr_html_()
        times.append(time.perf_counter() - began)
    assert min(times) < 0.05
