import numpy as np
import pytest

from ironbatch import DatasetIndex, FilesIndex

EVIL = "<script>alert('x')</script>"


@pytest.mark.parametrize(
    ("index", "parts"),
    [
        (DatasetIndex(10**9), ["1,000,000,000 ids", "range", "0, 1, 2, ..., 999999999"]),
        (DatasetIndex([7, 3, 5]), ["3 ids", "int", "7, 3, 5"]),
        (DatasetIndex(["a", "b"]), ["2 ids", "str", "'a', 'b'"]),
        (DatasetIndex([("a", 1), ("b", 2)]), ["object", "('a', 1)"]),
        (DatasetIndex(1), ["1 id "]),
        (DatasetIndex([2**62, -1]), [str(2**62), "-1"]),
    ],
)
def test_ids_are_shown(index, parts):
    assert [part for part in parts if part not in repr(index)] == []


def test_a_view_says_of_what(read_page):
    view = DatasetIndex(1000).take([5, 7])
    assert repr(view) == "<DatasetIndex of 2 ids (range, a view of 1,000): 5, 7>"
    text = read_page(view._repr_html_()).text
    assert "view of" in text
    assert "1,000 ids" in text


def test_html_shows_more_ids_and_bytes(read_page):
    text = read_page(DatasetIndex(np.arange(100) * 3)._repr_html_()).text
    assert "0, 3, 6, 9, 12, 15, 18, ..., 297" in text
    assert "integers" in text
    assert "KiB" in text or " B" in text


def test_ids_are_no_markup(read_page):
    page = read_page(DatasetIndex([EVIL, "b"])._repr_html_())
    assert "script" not in page.tags
    assert EVIL.split("'")[0] in page.text


def test_files_are_named(tmp_path, read_page):
    for name in ("a.bin", "<b>.bin", "c.bin"):
        (tmp_path / name).touch()
    index = FilesIndex(path=str(tmp_path / "*.bin"), no_ext=True, sort=True)
    page = read_page(index._repr_html_())
    assert str(tmp_path / "<b>.bin") in page.text
    assert str(tmp_path / "c.bin") in page.text
    assert "FilesIndex" in page.text


def test_a_view_without_ids():
    empty = DatasetIndex(10).take([])
    assert "0 ids" in repr(empty)
    assert "none" in empty._repr_html_()
