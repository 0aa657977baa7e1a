"""Samplers of histograms."""

import pickle

import numpy as np
import pytest

from ironbatch import HistoSampler

EDGES = [[0, 1, 3], [10, 20, 30, 70]]
COUNTS = np.array([[1, 0, 3], [0, 4, 2]])


def boxes(points: np.ndarray, edges=EDGES) -> np.ndarray:
    return np.histogramdd(points, bins=edges)[0]


def test_boxes_are_drawn_by_their_counts():
    points = HistoSampler((COUNTS, EDGES), seed=0).sample(50_000)
    assert points.shape == (50_000, 2)
    assert np.abs(boxes(points) / 50_000 - COUNTS / 10).max() < 0.01


def test_empty_boxes_are_never_drawn():
    assert (boxes(HistoSampler((COUNTS, EDGES), seed=0).sample(20_000))[COUNTS == 0] == 0).all()


def test_points_are_even_within_a_box():
    points = HistoSampler(([1], [[2, 6]]), seed=0).sample(20_000)
    assert points.min() >= 2
    assert points.max() < 6
    assert abs(points.mean() - 4) < 0.05
    assert abs(points.std() - 4 / np.sqrt(12)) < 0.05


@pytest.mark.parametrize(
    "histo",
    [
        np.histogram([0.5, 2.5], bins=[0, 1, 2, 3]),
        np.histogramdd(np.array([[0.5], [2.5]]), bins=[[0, 1, 2, 3]]),
    ],
)
def test_histograms_of_one_axis(histo):
    points = HistoSampler(histo, seed=0).sample(1000)
    assert points.shape == (1000, 1)
    assert boxes(points, [[0, 1, 2, 3]])[1] == 0


def test_histogram2d():
    histo = np.histogram2d([0.5, 0.6], [2.5, 0.5], bins=([0, 1, 2], [0, 1, 2, 3]))
    assert HistoSampler(histo, seed=0).sample(10).shape == (10, 2)


def test_update_changes_what_is_drawn():
    sampler = HistoSampler(([1, 0], [[0, 1, 2]]), seed=0)
    assert sampler.sample(100).max() < 1
    sampler.update([[1.5], [1.5], [1.5]])
    assert sampler.bins.tolist() == [1, 3]
    assert abs((sampler.sample(10_000) > 1).mean() - 0.75) < 0.02


def test_an_empty_histogram_is_filled_by_update():
    sampler = HistoSampler(edges=EDGES, seed=0)
    with pytest.raises(ValueError, match=r"fill it with update\(points\) first"):
        sampler.sample(1)
    sampler.update([[0.5, 15], [0.5, 100]])
    assert sampler.bins.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert (boxes(sampler.sample(50)) == [[50, 0, 0], [0, 0, 0]]).all()


def test_update_takes_a_flat_array_for_one_axis():
    sampler = HistoSampler(edges=[0, 1, 2])
    sampler.update([0.5, 1.5, 1.6])
    assert sampler.bins.tolist() == [1, 2]


def test_the_histogram_given_is_not_changed():
    counts = np.array([1, 2])
    HistoSampler((counts, [[0, 1, 2]])).update([[0.5]])
    assert counts.tolist() == [1, 2]


def test_dim_joins_independent_draws():
    sampler = HistoSampler(([1, 1], [[0, 1, 2]]), seed=0, dim=2)
    points = sampler.sample(5000)
    assert sampler.dim == 2
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.05


def test_updates_survive_pickling():
    sampler = HistoSampler(edges=[0, 1, 2], seed=0)
    sampler.update([0.5])
    assert np.array_equal(pickle.loads(pickle.dumps(sampler)).sample(5), sampler.sample(5))


def test_repr_shows_boxes_and_total():
    assert (
        repr(HistoSampler((COUNTS, EDGES), seed=3)) == "HistoSampler(<2x3 boxes, total 10>, seed=3)"
    )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "histo or of edges"),
        ({"histo": ([1], [[0, 1]]), "edges": [[0, 1]]}, "histo or of edges"),
        ({"histo": ([1, 2], [[0, 1]])}, r"counts of shape \(2,\) do not fit .* \(1,\)"),
        ({"histo": ([-1], [[0, 1]])}, "finite and not negative"),
        ({"histo": ([np.nan], [[0, 1]])}, "finite and not negative"),
        ({"edges": [[0, 1], [1, 0]]}, "edges along axis 1 are not finite and growing"),
        ({"edges": [[0, np.inf]]}, "edges along axis 0 are not finite and growing"),
        ({"edges": [[0]]}, "two numbers or more"),
        ({"edges": []}, "edges along one axis or more"),
        ({"histo": ([1, 2],)}, "edges along one axis or more"),
    ],
)
def test_bad_histograms(kwargs, message):
    with pytest.raises(ValueError, match=message):
        HistoSampler(**kwargs)


@pytest.mark.parametrize("points", [[[1, 2, 3]], [1, 2], 5])
def test_points_of_other_dims(points):
    with pytest.raises(ValueError, match="the histogram has 2 axes"):
        HistoSampler(edges=EDGES).update(points)
