import numpy as np

import ironbatch
from ironbatch import Dataset

EVIL = "<script>alert('x')</script>"


class Scans(ironbatch.Batch):
    components = "images", "labels"


def dataset():
    return Dataset(10, Scans, preloaded=(np.zeros((10, 4, 3), np.uint8), np.arange(10)))


def test_items_batches_and_data_are_shown(read_page):
    for shown in (repr(dataset()), read_page(dataset()._repr_html_()).text):
        for part in ("Dataset", "10 items", "Scans", "images", "uint8", "(10, 4, 3)", "120 B"):
            assert part in shown
    assert len(read_page(dataset()._repr_html_()).pictures) == 6


def test_splits_are_shown():
    made = dataset()
    assert "split" not in repr(made)
    made.split([0.5, 0.3, 0.2])
    for shown in (repr(made), made._repr_html_()):
        assert "train 5, test 3, validation 2" in shown
    made.cv_split(n_splits=3)
    assert "3 folds" in repr(made)
    assert "3 folds" in made._repr_html_()


def test_without_data_or_components(read_page):
    plain = Dataset(["a", "b"])
    assert repr(plain) == "Dataset of 2 items: 'a', 'b'\n  batches of Batch"
    assert "preloaded" not in plain._repr_html_()
    assert "none" in read_page(plain._repr_html_()).text


def test_data_that_is_read_when_asked_is_not_read():
    class Store:
        shape, dtype = (10, 5), np.dtype("f4")

        def __len__(self):
            return 10

        def __getitem__(self, rows):
            raise AssertionError("was read")

    made = Dataset(10, Scans, preloaded={"images": Store()})
    assert "Store float32 (10, 5)" in repr(made)
    assert "not shown" in made._repr_html_()


def test_lists_and_names_are_no_markup(read_page):
    class Odd(Scans):
        pass

    Odd.__name__ = EVIL
    made = Dataset(2, Odd, preloaded={"labels": [EVIL, "b"]}, cast_to_array=False)
    page = read_page(made._repr_html_())
    assert "script" not in page.tags
    assert EVIL in page.text


def test_attributes_of_users_that_are_no_parts():
    made = dataset()
    made.train = "not yet"
    assert "split" not in repr(made)
