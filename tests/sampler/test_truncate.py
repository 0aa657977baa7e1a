"""Truncated samplers."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironbatch import ConstantSampler, NumpySampler, Sampler
from ironbatch.sampler import truncate


class Counting(Sampler):
    """Draws given values round after round, the last for ever, and notes what it was asked for."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = list(values)
        self.asked: list[int] = []

    def draw(self, size: int) -> np.ndarray:
        self.asked.append(size)
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        return np.full((size, 1), value)


def test_high_is_an_inclusive_upper_bound():
    points = NumpySampler("integers", low=0, high=10, seed=0).truncate(high=3).sample(500)
    assert set(points.ravel()) == {0, 1, 2, 3}


def test_low_is_an_inclusive_lower_bound():
    points = NumpySampler("integers", low=0, high=10, seed=0).truncate(low=7).sample(500)
    assert set(points.ravel()) == {7, 8, 9}


def test_high_comes_first_by_position():
    assert NumpySampler("n", seed=0).truncate(1, -1).sample(100).max() <= 1


def test_bounds_by_coordinate():
    points = NumpySampler("u", dim=2, seed=0).truncate(high=[0.5, 1], low=[0, 0.5]).sample(200)
    assert (points[:, 0] <= 0.5).all()
    assert (points[:, 1] >= 0.5).all()


def test_bounds_apply_to_expr():
    points = NumpySampler("n", dim=2, seed=0).truncate(
        high=4, low=1, expr=lambda points: (points**2).sum(axis=1)
    )
    radii = (points.sample(500) ** 2).sum(axis=1)
    assert radii.min() >= 1
    assert radii.max() <= 4


def test_bounds_for_each_value_of_expr():
    sampler = NumpySampler("u", dim=2, seed=0).truncate(
        high=[0.5, 1.5], expr=lambda p: np.stack([p[:, 0], p.sum(axis=1)], axis=1)
    )
    points = sampler.sample(200)
    assert (points[:, 0] <= 0.5).all()
    assert (points.sum(axis=1) <= 1.5).all()


@pytest.mark.parametrize("expr", [lambda p: p[:, 0] > p[:, 1], lambda p: p[:, :1] > p[:, 1:]])
def test_expr_alone_is_a_condition(expr):
    points = NumpySampler("n", dim=2, seed=0).truncate(expr=expr).sample(100)
    assert (points[:, 0] > points[:, 1]).all()


def test_all_values_of_a_condition_count():
    points = NumpySampler("n", dim=3, seed=0).truncate(expr=lambda p: p > 0).sample(100)
    assert (points > 0).all()


def test_the_distribution_is_that_of_the_base_within_bounds():
    points = NumpySampler("u", seed=3).truncate(high=0.9, low=0.4, prob=0.01).sample(20_000)
    assert abs(points.mean() - 0.65) < 0.005
    assert abs(points.std() - 0.5 / np.sqrt(12)) < 0.005


@settings(max_examples=30)
@given(st.integers(0, 400), st.floats(0.05, 1), st.floats(0.01, 1))
def test_there_are_always_size_points_within_bounds(size, high, prob):
    points = NumpySampler("u", seed=0).truncate(high=high, prob=prob).sample(size)
    assert points.shape == (size, 1)
    assert (points <= high).all()


def test_prob_sets_how_many_are_drawn_first():
    base = Counting(1)
    base.truncate(low=0, prob=0.01).sample(10)
    base.truncate(low=0, prob=1).sample(10)
    assert base.asked[0] >= 1000
    assert base.asked[1] == 10


def test_later_rounds_go_by_what_was_kept():
    base = Counting(0, 0, 0, 1)
    base.truncate(low=1).sample(10)
    assert len(base.asked) == 4
    assert base.asked[1] > 10 * base.asked[0]


def test_rounds_stay_within_memory():
    base = Counting(1)
    base.truncate(low=0, prob=1e-9).sample(10)
    assert base.asked == [truncate.ROUND_LIMIT]


def test_max_iters_limits_the_rounds():
    base = Counting(0)
    with pytest.raises(ValueError, match=r"found 0 of 5 points with 1 <= point .* in 3 rounds"):
        base.truncate(low=1, max_iters=3).sample(5)
    assert len(base.asked) == 3


def test_the_last_round_counts():
    assert Counting(0, 0, 1).truncate(low=1, max_iters=3).sample(1).tolist() == [[1]]


def test_an_unreachable_truncation_ends():
    with pytest.raises(ValueError, match=r"found 0 of 2 points with point <= -1 among 1\d{7}"):
        NumpySampler("u", seed=0).truncate(high=-1).sample(2)


def test_a_rare_region_is_found_without_a_limit():
    points = NumpySampler("u", seed=0).truncate(high=1e-5).sample(20)
    assert points.max() <= 1e-5


def test_sample_anyways_warns_once_and_goes_on():
    base = Counting(*[0] * 5, 1)
    sampler = base.truncate(low=1, max_iters=2, sample_anyways=True)
    with pytest.warns(UserWarning, match="going on, since sample_anyways") as caught:
        assert sampler.sample(3).tolist() == [[1]] * 3
    assert len(caught) == 1


def test_no_warning_within_the_limit():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Counting(0, 1).truncate(low=1, max_iters=2, sample_anyways=True).sample(1)


def test_no_points_need_no_rounds():
    assert NumpySampler("u", dim=2).truncate(high=-1).sample(0).shape == (0, 2)


def test_truncation_keeps_dim():
    assert NumpySampler("u", dim=2).truncate(high=1).dim == 2


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "truncate needs high, low or expr"),
        ({"low": 2, "high": 1}, "no point has 2 <= point <= 1"),
        ({"low": [0, 3], "high": [1, 1]}, "no point has"),
        ({"high": [1, 2, 3]}, "high has 3 numbers for 2 coordinates of a point"),
        ({"low": [1, 2, 3]}, "low has 3 numbers for 2 coordinates of a point"),
        ({"low": [0, 0], "high": [1, 2, 3], "expr": np.abs}, "low has 2 numbers, high 3"),
        ({"high": np.ones((2, 2))}, "high is a number or one for each coordinate"),
        ({"high": []}, "high is a number or one for each coordinate"),
        ({"low": np.nan}, "low is NaN"),
        ({"high": 1, "prob": 0}, "prob is a share"),
        ({"high": 1, "prob": 1.5}, "prob is a share"),
        ({"high": 1, "max_iters": 0}, "max_iters is a number of rounds"),
    ],
)
def test_bad_arguments_fail_when_the_sampler_is_made(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ConstantSampler([1, 2]).truncate(**kwargs)


def test_expr_is_callable():
    with pytest.raises(TypeError, match="expr is a function of points, not float"):
        ConstantSampler(1).truncate(high=1, expr=0.5)


def test_expr_gives_a_value_for_each_point():
    with pytest.raises(ValueError, match="expr gives one value, or one row"):
        ConstantSampler(1).truncate(high=1, expr=np.sum).sample(3)


def test_bounds_of_another_length_than_values_of_expr():
    with pytest.raises(ValueError, match="high has 3 numbers for 1 values of expr"):
        ConstantSampler(1).truncate(high=[1, 2, 3], expr=np.abs).sample(3)
