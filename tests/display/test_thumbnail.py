import io

import numpy as np
import pytest

from ironbatch.display.thumbnail import as_picture, curve, png

rng = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (300, 200, 3)])
def test_pillow_reads_what_is_written(shape):
    pillow = pytest.importorskip("PIL.Image")
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    with pillow.open(io.BytesIO(png(picture))) as read:
        np.testing.assert_array_equal(np.asarray(read), picture)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((8, 6), (8, 6)),
        ((8, 6, 1), (8, 6)),
        ((8, 6, 2), (8, 6)),
        ((8, 6, 3), (8, 6, 3)),
        ((8, 6, 4), (8, 6, 4)),
        ((3, 8, 6), (8, 6, 3)),
        ((1, 8, 6), (8, 6)),
        ((9, 8, 6), (8, 6)),
        ((2, 9, 8, 6), (8, 6)),
        ((560, 280), (56, 28)),
        ((561, 3), (51, 1)),
    ],
)
def test_shapes(shape, wanted):
    assert as_picture(np.zeros(shape, np.uint8), side=56).shape == wanted


def test_numbers_are_spread_from_the_least_to_the_largest():
    picture = as_picture(np.array([[-1.0, 0.0, 1.0, np.nan, np.inf]]))
    assert picture.tolist() == [[0, 127, 255, 0, 255]]
    assert as_picture(np.array([[3, 5]], np.int64)).tolist() == [[0, 255]]
    assert as_picture(np.array([[True, False]])).tolist() == [[255, 0]]
    assert as_picture(np.array([[3j, 0]])).tolist() == [[255, 0]]
    assert as_picture(np.uint8([[3, 5]])).tolist() == [[3, 5]]


def test_what_is_no_picture():
    for item in (np.zeros(5), np.zeros((0, 5)), np.array([["a", "b"]]), np.float64(3)):
        assert as_picture(item) is None


def test_a_line_has_gaps_where_values_are_not_finite():
    assert curve(np.array([1.0, 2, np.nan, 3, 4])).count("M") == 2
    assert curve(np.array([1.0, 2, 3, 4])).count("M") == 1
    assert curve(np.full(5, np.nan)) is None
    assert curve(np.array(["a", "b"])) is None
    assert len(curve(np.zeros(10**6))) < 2000
