"""Arrays as parameters of kernels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

# The first test waits for cargo.
pytestmark = pytest.mark.timeout(900)
X = np.random.default_rng(0).random((5, 6))
WEIGHTS = np.arange(6.0).reshape(2, 3)


def expected(weights):
    windows = np.lib.stride_tricks.sliding_window_view(X, weights.shape)
    return (windows * weights).sum(axis=(2, 3))


@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS,
        WEIGHTS.tolist(),
        tuple(map(tuple, WEIGHTS.tolist())),
        list(WEIGHTS),
        WEIGHTS.astype(np.int8),
        WEIGHTS.astype(">f4"),
        np.asfortranarray(WEIGHTS),
        np.repeat(WEIGHTS, 2, axis=1)[:, ::2],
    ],
)
def test_an_array_is_given_in_any_way(fixture_kernels, weights):
    assert_allclose(fixture_kernels.filtered(X, weights=weights), expected(WEIGHTS))


def test_an_array_that_may_be_left_out(fixture_kernels):
    plain = fixture_kernels.filtered(X, weights=WEIGHTS)
    for offset in ([1, 2], np.uint8([1, 2]), [1.0, 2.0]):
        assert_array_equal(fixture_kernels.filtered(X, weights=WEIGHTS, offset=offset), plain + 3)


@pytest.mark.parametrize(
    ("params", "kind", "message"),
    [
        ({"weights": [1.0, 2.0]}, ValueError, "expected an array of 2 axes, got one of 1"),
        ({"weights": np.zeros((1, 1, 1))}, ValueError, "expected an array of 2 axes, got one of 3"),
        ({"weights": WEIGHTS, "offset": [1.5]}, ValueError, "offset: 1.5 is no uint8"),
        ({"weights": WEIGHTS, "offset": [256]}, ValueError, "offset: 256 is no uint8"),
        ({"weights": "ab"}, TypeError, "weights='ab': expected ArrayLike"),
        ({"weights": [[1.0], [1.0, 2.0]]}, TypeError, "cannot be a parameter"),
        ({"weights": np.zeros((2, 2), complex)}, TypeError, "cannot be a parameter"),
        ({}, TypeError, "parameter weights is missing"),
    ],
)
def test_arrays_of_another_kind(fixture_kernels, params, kind, message):
    with pytest.raises(kind, match=message):
        fixture_kernels.filtered.bind(**params)
